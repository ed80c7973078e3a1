/* Producer: writes items into slots, for any number of consumers. */
#include "producer.h"

#include <structmember.h>

bool
producer_check_open(const Producer *self)
{
    if (self->station.closed) {
        PyErr_SetString(self->module->link_closed, "this ring has been closed");
    }
    return !self->station.closed;
}

/* ---- waiting for room */

static int
look_for_room(void *end)
{
    return producer_check_open(end) ? producer_room(end) : -1;
}

static void
ask_to_be_woken(void *end, bool ring)
{
    Producer *self = end;
    for (int index = 0; index < self->peer_count; index++) {
        poke(&self->peers[index].control->producer_waits, ring);
    }
}

static const Duty wait_for_room = {look_for_room, ask_to_be_woken};

static PyObject *
producer_arm(Producer *self, PyObject *Py_UNUSED(none))
{
    /* Asked is asked, also if there is room: the caller may want to hear what comes back next. */
    int found = producer_check_open(self) ? duty_arm(&wait_for_room, self) : -1;
    return found < 0 ? NULL : PyBool_FromLong(!found);
}

static PyObject *
producer_wait(Producer *self, PyObject *timeout)
{
    double seconds;
    if (!parse_seconds(timeout, &seconds)) {
        return NULL;
    }
    int found = station_wait(&self->station, &wait_for_room, self, seconds);
    producer_settle(self);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *
producer_drain(Producer *self, PyObject *Py_UNUSED(none))
{
    if (!producer_check_open(self)) {
        return NULL;
    }
    bell_drain(self->station.bell);
    Py_RETURN_NONE;
}

static PyObject *
producer_fileno(Producer *self, PyObject *Py_UNUSED(none))
{
    return producer_check_open(self) ? PyLong_FromLong(self->station.bell) : NULL;
}

static PyObject *
producer_segment(Producer *self, PyObject *Py_UNUSED(none))
{
    return producer_check_open(self) ? Py_NewRef(self->memory.segment) : NULL;
}

/* ---- beginning and end */

/* Frees what it has, once it has closed and no thread is inside. */
void
producer_settle(Producer *self)
{
    if (!self->station.closed || self->station.away > 0) {
        return;
    }
    while (self->peer_count > 0) {
        peer_release(&self->peers[--self->peer_count]);
    }
    station_close(&self->station);
    slots_clear(&self->slots);
    memory_release(&self->memory);
}

static bool
open_ring(Producer *self)
{
    if (!memory_create(self->module, self->geometry.total, true, &self->memory) ||
        !slots_init(&self->slots, self->geometry.slots)) {
        return false;
    }
    uint8_t *start = self->memory.buffer.buf;
    self->header = (Header *)start;
    self->descriptors = (Descriptor *)(start + DESCRIPTORS_AT);
    self->payloads = start + self->geometry.data_offset;
    geometry_write(&self->geometry, self->header);
    self->station.bell = bell_create(self->module);
    return self->station.bell >= 0;
}

static PyObject *
producer_new(PyTypeObject *type, PyObject *args, PyObject *options)
{
    static char *names[] = {"slots", "slot_size", "leases", "generation", NULL};
    const Module *module = PyType_GetModuleState(type);
    PyObject *slots, *slot_size, *leases = NULL, *generation = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, options, "OO|$OO:Producer", names, &slots, &slot_size,
                                     &leases, &generation)) {
        return NULL;
    }
    Producer *self = (Producer *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->module = module;
    self->station = (Station){.bell = -1, .sleeper = -1, .closed = true, .spin = spin_time(type)};
    self->shape = geometry_plan(module, slots, slot_size, leases, generation, &self->geometry);
    PyObject *none = NULL;
    if (self->shape != NULL && open_ring(self)) {
        none = call_one(module->abandon_on_fork, (PyObject *)self);
    }
    if (none == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    Py_DECREF(none);
    self->station.closed = false;
    return (PyObject *)self;
}

static void
close_ring(Producer *self)
{
    if (self->station.closed) {
        return;
    }
    publish(&self->header->head, self->head);
    publish(&self->header->closed, self->head + 1);
    producer_wake_consumers(self);
    self->station.closed = true;
    /* Whoever waits for room in another thread shall see it. */
    bell_ring(self->station.bell);
    producer_settle(self);
}

static PyObject *
producer_close(Producer *self, PyObject *Py_UNUSED(none))
{
    close_ring(self);
    Py_RETURN_NONE;
}

/* In a forked child: the ring is the parent's. Threads that were away are not in the child. */
static PyObject *
producer_abandon(Producer *self, PyObject *Py_UNUSED(none))
{
    self->station.closed = true;
    self->station.away = 0;
    producer_settle(self);
    Py_RETURN_NONE;
}

static void
producer_dealloc(Producer *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    if (self->weak_references != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    close_ring(self);
    producer_settle(self);
    Py_XDECREF(self->shape);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---- the type */

static PyMethodDef producer_methods[] = {
    {"fileno", (PyCFunction)producer_fileno, METH_NOARGS,
     PyDoc_STR("A descriptor that is readable when a consumer has woken us.")},
    {"segment", (PyCFunction)producer_segment, METH_NOARGS,
     PyDoc_STR("The data segment; it is the ring's to close.")},
    {"attach", (PyCFunction)(void (*)(void))producer_attach, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("Let one more consumer join: its number, and the descriptors to hand to it.")},
    {"detach", (PyCFunction)producer_detach, METH_O,
     PyDoc_STR("Forget a consumer that has died or left.")},
    {"memory", (PyCFunction)producer_memory, METH_O,
     PyDoc_STR("The bytes of a slot: writable, slot_size of them.")},
    {"reserve", (PyCFunction)producer_reserve, METH_NOARGS,
     PyDoc_STR("A slot to write into; -1 if there is none yet.")},
    {"cancel", (PyCFunction)producer_cancel, METH_O,
     PyDoc_STR("Give back a slot that was reserved, unsent.")},
    {"commit", (PyCFunction)(void (*)(void))producer_commit, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("Publish a slot that was reserved, and wake who waits; its sequence number.")},
    {"send", (PyCFunction)(void (*)(void))producer_send, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("Copy a payload into a slot and publish it; -1 if there is no slot yet.")},
    {"send_batch", (PyCFunction)(void (*)(void))producer_send_batch,
     METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("Send as many as there is room for, at one go; how many went.")},
    {"pending", (PyCFunction)producer_pending, METH_O,
     PyDoc_STR("How many items a consumer has not taken, and still can.")},
    {"leased", (PyCFunction)producer_leased, METH_O,
     PyDoc_STR("The sequence numbers of what a consumer holds, in order.")},
    {"lost", (PyCFunction)producer_lost, METH_O,
     PyDoc_STR("How many items the lossy policy of a consumer has dropped so far.")},
    {"holds", (PyCFunction)producer_holds, METH_O,
     PyDoc_STR("Whether a slot is published or leased still.")},
    {"reclaim", (PyCFunction)producer_reclaim, METH_NOARGS,
     PyDoc_STR("The slots that came back since the last call, and were not reserved since.")},
    {"arm", (PyCFunction)producer_arm, METH_NOARGS,
     PyDoc_STR("Before sleeping on fileno: ask to be woken; True if there is still no room.")},
    {"wait", (PyCFunction)producer_wait, METH_O,
     PyDoc_STR("Sleep until a consumer makes room, for some seconds at most.")},
    {"drain", (PyCFunction)producer_drain, METH_NOARGS,
     PyDoc_STR("Make fileno silent again.")},
    {"close", (PyCFunction)producer_close, METH_NOARGS,
     PyDoc_STR("Say that no more will come, and let go; consumers finish what is there.")},
    {"abandon", (PyCFunction)producer_abandon, METH_NOARGS,
     PyDoc_STR("In a forked child: the ring is the parent's.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef producer_members[] = {
    {"slots", T_ULONGLONG, offsetof(Producer, geometry.slots), READONLY,
     PyDoc_STR("How many payloads there is room for.")},
    {"slot_size", T_ULONGLONG, offsetof(Producer, geometry.slot_size), READONLY,
     PyDoc_STR("Bytes that a payload may have.")},
    {"generation", T_ULONGLONG, offsetof(Producer, geometry.generation), READONLY,
     PyDoc_STR("As given.")},
    {"head", T_ULONGLONG, offsetof(Producer, head), READONLY,
     PyDoc_STR("Sequence number of the next item.")},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Producer, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot producer_slots[] = {
    {Py_tp_doc, "Writes items into slots for any number of consumers; for one thread at a time."},
    {Py_tp_new, producer_new},
    {Py_tp_dealloc, producer_dealloc},
    {Py_tp_methods, producer_methods},
    {Py_tp_members, producer_members},
    {0, NULL},
};

PyType_Spec producer_spec = {
    .name = "streamflow.ipc._ring.Producer",
    .basicsize = sizeof(Producer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = producer_slots,
};
