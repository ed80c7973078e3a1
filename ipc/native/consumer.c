/* Consumer: takes items out of a ring. Nothing the producer wrote is believed. */
#include "consumer.h"

#include <structmember.h>

bool
consumer_check_open(const Consumer *self)
{
    if (self->station.closed) {
        PyErr_SetString(self->module->link_closed, "this ring has been closed");
    }
    return !self->station.closed;
}

/* ---- what the producer tells */

bool
consumer_observe_head(Consumer *self, uint64_t *head)
{
    const uint64_t told = observe(&self->header->head);
    const bool overrun = self->policy == BLOCK && told - self->cursor > self->geometry.slots;
    if (told < self->seen || told >= FAR || overrun) {
        PyErr_Format(self->module->ring_corrupt,
                     "the ring has come to item %llu, after %llu; %llu were taken of %llu slots",
                     (unsigned long long)told, (unsigned long long)self->seen,
                     (unsigned long long)self->cursor, (unsigned long long)self->geometry.slots);
        return false;
    }
    *head = self->seen = told;
    return true;
}

/* 1: the producer has closed, and all was taken; 0: not so; -1: exception. */
static int
is_finished(Consumer *self)
{
    const uint64_t closed = observe(&self->header->closed);
    uint64_t head;
    if (closed == 0) {
        return 0;
    }
    if (!consumer_observe_head(self, &head)) {
        return -1;
    }
    if (closed != head + 1) {
        PyErr_Format(self->module->ring_corrupt,
                     "the ring was closed at item %llu, but has come to %llu",
                     (unsigned long long)(closed - 1), (unsigned long long)head);
        return -1;
    }
    return self->cursor == head;
}

/* ---- what the consumer tells */

/* After anything that makes room. */
static void
wake_producer(Consumer *self)
{
    full_fence();
    if (peek(&self->control->producer_waits) != 0) {
        poke(&self->control->producer_waits, 0);
        bell_ring(self->producer_bell);
    }
}

void
consumer_advance(Consumer *self, uint64_t cursor)
{
    self->cursor = cursor;
    if (self->policy != BLOCK) {
        publish(&self->control->lost, self->lost);
    }
    publish(&self->control->cursor, cursor);
    wake_producer(self);
}

static void
close_kept(Consumer *self)
{
    while (self->kept_count > 0) {
        close_fd(&self->kept[--self->kept_count]);
    }
}

/* Frees what it has, once it has closed, no thread is inside, and no lease lives. */
void
consumer_settle(Consumer *self)
{
    if (!self->station.closed || self->station.away > 0) {
        return;
    }
    station_close(&self->station);
    if (self->free_cells != self->cells) {
        return;
    }
    close_fd(&self->producer_bell);
    close_kept(self);
    memory_release(&self->control_memory);
    memory_release(&self->memory);
}

void
consumer_give_back(Consumer *self, int cell)
{
    self->free_cells |= UINT64_C(1) << cell;
    if (!self->foreign) {
        publish(&self->control->leases[cell], 0);
        wake_producer(self);
    }
    consumer_settle(self);
}

/* ---- waiting for items */

/* It is about the producer alone: that no lease is left is our affair. */
static int
look_for_items(void *end)
{
    Consumer *self = end;
    uint64_t head;
    int finished = consumer_check_open(self) ? is_finished(self) : -1;
    if (finished != 0) {
        return finished;
    }
    return consumer_observe_head(self, &head) ? self->cursor != head : -1;
}

static void
ask_to_be_woken(void *end, bool ring)
{
    Consumer *self = end;
    poke(&self->control->consumer_waits, ring);
}

static const Duty wait_for_items = {look_for_items, ask_to_be_woken};

static PyObject *
consumer_arm(Consumer *self, PyObject *Py_UNUSED(none))
{
    int found = consumer_check_open(self) ? duty_arm(&wait_for_items, self) : -1;
    if (found == 1) {
        ask_to_be_woken(self, false);
    }
    return found < 0 ? NULL : PyBool_FromLong(!found);
}

static PyObject *
consumer_wait(Consumer *self, PyObject *timeout)
{
    double seconds;
    if (!parse_seconds(timeout, &seconds)) {
        return NULL;
    }
    int found = station_wait(&self->station, &wait_for_items, self, seconds);
    consumer_settle(self);
    return found < 0 ? NULL : PyBool_FromLong(found);
}

static PyObject *
consumer_drain(Consumer *self, PyObject *Py_UNUSED(none))
{
    if (!consumer_check_open(self)) {
        return NULL;
    }
    bell_drain(self->station.bell);
    Py_RETURN_NONE;
}

static PyObject *
consumer_fileno(Consumer *self, PyObject *Py_UNUSED(none))
{
    return consumer_check_open(self) ? PyLong_FromLong(self->station.bell) : NULL;
}

/* ---- how things stand */

static PyObject *
consumer_pending(Consumer *self, PyObject *Py_UNUSED(none))
{
    uint64_t head;
    if (!consumer_check_open(self) || !consumer_observe_head(self, &head)) {
        return NULL;
    }
    const uint64_t waiting = head - self->cursor;
    return PyLong_FromUnsignedLongLong(
        self->policy != BLOCK && waiting > self->depth ? self->depth : waiting);
}

static PyObject *
consumer_closed(Consumer *self, PyObject *Py_UNUSED(none))
{
    int finished = consumer_check_open(self) ? is_finished(self) : -1;
    return finished < 0 ? NULL : PyBool_FromLong(finished);
}

static PyObject *
consumer_segment(Consumer *self, PyObject *Py_UNUSED(none))
{
    return consumer_check_open(self) ? Py_NewRef(self->memory.segment) : NULL;
}

static PyObject *
consumer_leases_free(Consumer *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(__builtin_popcountll(self->free_cells));
}

/* ---- beginning and end */

static void
close_ring(Consumer *self)
{
    if (self->station.closed) {
        return;
    }
    self->station.closed = true;
    publish(&self->control->cursor, LEFT);
    wake_producer(self);
    /* Whoever waits for items in another thread shall see it. */
    bell_ring(self->station.bell);
    consumer_settle(self);
}

static PyObject *
consumer_close(Consumer *self, PyObject *Py_UNUSED(none))
{
    close_ring(self);
    Py_RETURN_NONE;
}

/* In a forked child. Threads that were away are not in the child. */
static PyObject *
consumer_abandon(Consumer *self, PyObject *Py_UNUSED(none))
{
    self->station.closed = self->foreign = true;
    self->station.away = 0;
    close_fd(&self->producer_bell);
    close_kept(self);
    /* The memory stays with the leases that live. */
    memory_abandon(&self->memory);
    memory_abandon(&self->control_memory);
    consumer_settle(self);
    Py_RETURN_NONE;
}

static void
consumer_dealloc(Consumer *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    if (self->weak_references != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    close_ring(self);
    consumer_settle(self);
    PyMem_Free(self->kept);
    Py_XDECREF(self->policy_name);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---- the type */

static PyMethodDef consumer_methods[] = {
    {"open", (PyCFunction)consumer_open, METH_O | METH_CLASS,
     PyDoc_STR("Join a ring with the descriptors that Producer.attach gave; they are ours now.")},
    {"fileno", (PyCFunction)consumer_fileno, METH_NOARGS,
     PyDoc_STR("A descriptor that is readable when the producer has woken us.")},
    {"segment", (PyCFunction)consumer_segment, METH_NOARGS,
     PyDoc_STR("The data segment; it is the ring's to close.")},
    {"take", (PyCFunction)consumer_take, METH_NOARGS,
     PyDoc_STR("The next item, or None: nothing is there, or no lease is left.")},
    {"take_batch", (PyCFunction)consumer_take_batch, METH_O,
     PyDoc_STR("Items, copied out: (payload, pts, kind, flags, schema) of each.")},
    {"pending", (PyCFunction)consumer_pending, METH_NOARGS,
     PyDoc_STR("How many items wait.")},
    {"closed", (PyCFunction)consumer_closed, METH_NOARGS,
     PyDoc_STR("Whether the producer has closed and all has been taken.")},
    {"arm", (PyCFunction)consumer_arm, METH_NOARGS,
     PyDoc_STR("Before sleeping on fileno: ask to be woken; True if there is nothing new.")},
    {"wait", (PyCFunction)consumer_wait, METH_O,
     PyDoc_STR("Sleep until there is something new, for some seconds at most.")},
    {"drain", (PyCFunction)consumer_drain, METH_NOARGS,
     PyDoc_STR("Make fileno silent again.")},
    {"close", (PyCFunction)consumer_close, METH_NOARGS,
     PyDoc_STR("Take no more; the memory goes when the last lease does.")},
    {"abandon", (PyCFunction)consumer_abandon, METH_NOARGS,
     PyDoc_STR("In a forked child: the ring is the parent's.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef consumer_members[] = {
    {"slots", T_ULONGLONG, offsetof(Consumer, geometry.slots), READONLY,
     PyDoc_STR("How many payloads the ring has room for.")},
    {"slot_size", T_ULONGLONG, offsetof(Consumer, geometry.slot_size), READONLY,
     PyDoc_STR("Bytes that a payload may have.")},
    {"generation", T_ULONGLONG, offsetof(Consumer, geometry.generation), READONLY,
     PyDoc_STR("As its producer was told.")},
    {"policy", T_OBJECT_EX, offsetof(Consumer, policy_name), READONLY,
     PyDoc_STR("What happens when this consumer is slow.")},
    {"lost", T_ULONGLONG, offsetof(Consumer, lost), READONLY,
     PyDoc_STR("Items that its lossy policy has dropped so far.")},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Consumer, weak_references), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef consumer_properties[] = {
    {"leases_free", (getter)consumer_leases_free, NULL,
     PyDoc_STR("How many more leases it may hold."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot consumer_slots[] = {
    {Py_tp_doc, "Takes items out of a ring; for one thread at a time, leases for any."},
    {Py_tp_dealloc, consumer_dealloc},
    {Py_tp_methods, consumer_methods},
    {Py_tp_members, consumer_members},
    {Py_tp_getset, consumer_properties},
    {0, NULL},
};

PyType_Spec consumer_spec = {
    .name = "streamflow.ipc._ring.Consumer",
    .basicsize = sizeof(Consumer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = consumer_slots,
};
