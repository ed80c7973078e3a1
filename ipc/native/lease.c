/* Lease: one item that was taken, in the memory that the producer wrote.
 *
 * It exports the slot as a buffer, and a buffer refers to its exporter: whatever is made of the
 * slot (arrays, views of them, memoryviews) keeps the lease, and with it the slot. When the last
 * of them dies, the slot goes back.
 */
#include "consumer.h"

#include <structmember.h>

static bool
check_held(const Lease *self)
{
    if (self->consumer == NULL) {
        const Module *module = PyType_GetModuleState(Py_TYPE((PyObject *)self));
        PyErr_Format(module->ipc_error, "item %llu has been released",
                     (unsigned long long)self->sequence);
    }
    return self->consumer != NULL;
}

static void
give_back(Lease *self)
{
    Consumer *consumer = self->consumer;
    self->consumer = NULL;
    consumer_give_back(consumer, self->cell);
    Py_DECREF(consumer);
}

static void
lease_dealloc(Lease *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    if (self->consumer != NULL) {
        give_back(self);
    }
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *
lease_release(Lease *self, PyObject *Py_UNUSED(none))
{
    if (self->exports + self->adopted > 0) {
        PyErr_Format(PyExc_BufferError, "item %llu cannot be released: %zd arrays of it live",
                     (unsigned long long)self->sequence, self->exports + self->adopted);
        return NULL;
    }
    if (self->consumer != NULL) {
        give_back(self);
    }
    Py_RETURN_NONE;
}

/* ---- its buffer */

static int
lease_get_buffer(Lease *self, Py_buffer *view, int flags)
{
    if (self->consumer == NULL) {
        PyErr_Format(PyExc_BufferError, "item %llu has been released",
                     (unsigned long long)self->sequence);
        view->obj = NULL;
        return -1;
    }
    if (PyBuffer_FillInfo(view, (PyObject *)self, (void *)self->payload,
                          (Py_ssize_t)self->item.length, 1, flags) < 0) {
        return -1;
    }
    self->exports++;
    return 0;
}

static void
lease_release_buffer(Lease *self, Py_buffer *Py_UNUSED(view))
{
    self->exports--;
}

static PyObject *
lease_array(Lease *self, PyObject *Py_UNUSED(none))
{
    if (!check_held(self)) {
        return NULL;
    }
    const Module *module = self->consumer->module;
    return PyObject_CallFunctionObjArgs(module->frombuffer, (PyObject *)self, module->uint8, NULL);
}

/* ---- arrays of other memory, which it lasts for */

/* A weak reference calls this, with itself, when its array dies. Nobody but the array's end can
 * drop that reference: it was left without an owner for this call. The reference held us. */
static PyObject *
lease_let_go(Lease *self, PyObject *reference)
{
    self->adopted--;
    Py_DECREF(reference);
    Py_RETURN_NONE;
}

static PyMethodDef let_go_method = {"let_go", (PyCFunction)lease_let_go, METH_O, NULL};

static PyObject *
lease_adopt(Lease *self, PyObject *array)
{
    if (!check_held(self)) {
        return NULL;
    }
    PyObject *let_go = PyCFunction_NewEx(&let_go_method, (PyObject *)self, NULL);
    PyObject *reference = let_go == NULL ? NULL : PyWeakref_NewRef(array, let_go);
    Py_XDECREF(let_go);
    if (reference == NULL) {
        return NULL;
    }
    self->adopted++;
    Py_RETURN_NONE;
}

/* ---- what it says */

static PyObject *
lease_kind(Lease *self, void *Py_UNUSED(closure))
{
    return kind_of(self->item.labels.tags);
}

static PyObject *
lease_flags(Lease *self, void *Py_UNUSED(closure))
{
    return flags_of(self->item.labels.tags);
}

static PyObject *
lease_schema(Lease *self, void *Py_UNUSED(closure))
{
    return schema_of(self->item.labels.tags);
}

static PyMethodDef lease_methods[] = {
    {"array", (PyCFunction)lease_array, METH_NOARGS,
     PyDoc_STR("The payload itself: uint8, shape (length,), read-only for good.")},
    {"adopt", (PyCFunction)lease_adopt, METH_O,
     PyDoc_STR("Keep the slot while an array lives, too.")},
    {"release", (PyCFunction)lease_release, METH_NOARGS, PyDoc_STR("Give the slot back now.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef lease_members[] = {
    {"seq", T_ULONGLONG, offsetof(Lease, sequence), READONLY, PyDoc_STR("Its number, from 0 on.")},
    {"length", T_ULONGLONG, offsetof(Lease, item.length), READONLY,
     PyDoc_STR("Bytes of its payload.")},
    {"pts", T_LONGLONG, offsetof(Lease, item.labels.pts), READONLY,
     PyDoc_STR("In whatever unit the two sides agreed upon.")},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef lease_properties[] = {
    {"kind", (getter)lease_kind, NULL, PyDoc_STR("What the payload is."), NULL},
    {"flags", (getter)lease_flags, NULL, PyDoc_STR("What else there is to say of it."), NULL},
    {"schema", (getter)lease_schema, NULL, PyDoc_STR("Which schema it follows."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot lease_slots[] = {
    {Py_tp_doc, "One item that a consumer has taken, in the memory that the producer wrote."},
    {Py_tp_dealloc, lease_dealloc},
    {Py_tp_methods, lease_methods},
    {Py_tp_members, lease_members},
    {Py_tp_getset, lease_properties},
    {Py_bf_getbuffer, lease_get_buffer},
    {Py_bf_releasebuffer, lease_release_buffer},
    {0, NULL},
};

PyType_Spec lease_spec = {
    .name = "streamflow.ipc._ring.Lease",
    .basicsize = sizeof(Lease),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = lease_slots,
};
