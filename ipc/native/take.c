/* Taking: with a lease, where the producer wrote it, or as a copy. */
#include "consumer.h"

static const Descriptor *
descriptor_of(const Consumer *self, uint64_t sequence)
{
    return &self->descriptors[sequence & (self->geometry.ring - 1)];
}

/* Whether the item is still there, and so were its descriptor and its payload until now. */
static bool
is_there(const Consumer *self, uint64_t sequence)
{
    /* The producer takes the number away before it changes anything else. */
    atomic_thread_fence(memory_order_acquire);
    return peek(&descriptor_of(self, sequence)->sequence) == sequence + 1;
}

/* 1: this is the item; 0: it is lost, and counted; -1: exception. */
static int
read_item(Consumer *self, uint64_t sequence, Item *item)
{
    const Descriptor *descriptor = descriptor_of(self, sequence);
    item->slot = peek(&descriptor->slot);
    item->length = peek(&descriptor->length);
    item->labels.pts = (int64_t)peek(&descriptor->pts);
    item->labels.tags = peek(&descriptor->tags);
    if (!is_there(self, sequence)) {
        if (self->policy != BLOCK) {
            self->lost++;
            return 0;
        }
        PyErr_Format(self->module->ring_corrupt, "item %llu was expected, but is not there",
                     (unsigned long long)sequence);
        return -1;
    }
    if (item->slot >= self->geometry.slots || item->length > self->geometry.slot_size) {
        PyErr_Format(self->module->ring_corrupt,
                     "item %llu has %llu bytes in slot %llu, of %llu slots of %llu bytes",
                     (unsigned long long)sequence, (unsigned long long)item->length,
                     (unsigned long long)item->slot, (unsigned long long)self->geometry.slots,
                     (unsigned long long)self->geometry.slot_size);
        return -1;
    }
    return 1;
}

/* The policy drops what is too old, before anything is looked at. */
static void
skip_dropped(Consumer *self, uint64_t head)
{
    if (self->policy != BLOCK && head - self->cursor > self->depth) {
        self->lost += head - self->depth - self->cursor;
        self->cursor = head - self->depth;
    }
}

/* ---- with a lease */

/* Leases the first item that is still there: 1 if there is one, 0 if not, -1 for an exception. */
static int
claim(Consumer *self, uint64_t head, Lease *lease)
{
    Word *cell = &self->control->leases[lease->cell];
    int found = 0;
    skip_dropped(self, head);
    uint64_t sequence = self->cursor;
    while (found == 0 && sequence < head) {
        publish(cell, sequence + 1);
        if (self->policy != BLOCK) {
            /* The lease first, then the look whether it came too late: see retire() in room.c. */
            full_fence();
        }
        lease->sequence = sequence;
        found = read_item(self, sequence++, &lease->item);
    }
    if (found != 1) {
        publish(cell, 0);
    }
    if (found >= 0) {
        consumer_advance(self, sequence);
    }
    return found;
}

/* A lease of the next item in the free cell `cell`, or None. */
static PyObject *
take_into(Consumer *self, uint64_t head, int cell)
{
    Lease *lease = (Lease *)PyType_GenericAlloc(self->module->lease, 0);
    if (lease == NULL) {
        return NULL;
    }
    lease->cell = cell;
    int found = claim(self, head, lease);
    if (found == 1) {
        self->free_cells &= ~(UINT64_C(1) << cell);
        lease->payload = consumer_payload(self, &lease->item);
        lease->consumer = (Consumer *)Py_NewRef((PyObject *)self);
        return (PyObject *)lease;
    }
    Py_DECREF(lease);
    return found < 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *
consumer_take(Consumer *self, PyObject *Py_UNUSED(none))
{
    uint64_t head;
    if (!consumer_check_open(self) || !consumer_observe_head(self, &head)) {
        return NULL;
    }
    if (self->cursor == head || self->free_cells == 0) {
        Py_RETURN_NONE;
    }
    return take_into(self, head, __builtin_ctzll(self->free_cells));
}

/* ---- as a copy */

typedef struct {
    PyObject *payload; /* bytes */
    Labels labels;
} Copy;

static void
drop_copies(Copy *copies, Py_ssize_t count)
{
    while (count > 0) {
        Py_DECREF(copies[--count].payload);
    }
}

/* 1: it was copied; 0: it was lost meanwhile, and counted; -1: exception. No lease is needed: it
 * is the cursor of a blocking consumer that keeps the slot; from a lossy one the slot may be stolen
 * while this copies, but then the item has lost its number first. */
static int
copy_item(Consumer *self, uint64_t sequence, const Item *item, Copy *copy)
{
    copy->payload = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)item->length);
    if (copy->payload == NULL) {
        return -1;
    }
    memcpy(PyBytes_AsString(copy->payload), consumer_payload(self, item), item->length);
    copy->labels = item->labels;
    if (self->policy != BLOCK && !is_there(self, sequence)) {
        Py_CLEAR(copy->payload);
        self->lost++;
        return 0;
    }
    return 1;
}

static bool
is_alone(const Item *item)
{
    return item->length > SMALL || (item->labels.tags >> 16 & ALONE) != 0;
}

/* Copies `room` items at most; how many, or -1. It runs no Python code: the cursor stays true. */
static Py_ssize_t
copy_items(Consumer *self, uint64_t head, Py_ssize_t room, Copy *copies)
{
    Py_ssize_t count = 0;
    uint64_t sequence = self->cursor;
    for (; sequence < head && count < room; sequence++) {
        Item item;
        int found = read_item(self, sequence, &item);
        if (found == 1) {
            if (is_alone(&item)) {
                break;
            }
            found = copy_item(self, sequence, &item, &copies[count]);
        }
        if (found < 0) {
            drop_copies(copies, count);
            return -1;
        }
        count += found;
    }
    consumer_advance(self, sequence);
    return count;
}

/* (payload, pts, kind, flags, schema); takes over the payload. */
static PyObject *
describe_copy(const Copy *copy)
{
    PyObject *fields[] = {
        copy->payload,
        PyLong_FromLongLong(copy->labels.pts),
        kind_of(copy->labels.tags),
        flags_of(copy->labels.tags),
        schema_of(copy->labels.tags),
    };
    enum { FIELDS = sizeof fields / sizeof fields[0] };
    PyObject *tuple = PyTuple_New(FIELDS);
    for (int index = 0; index < FIELDS; index++) {
        if (tuple == NULL || fields[index] == NULL) {
            Py_XDECREF(fields[index]);
            Py_CLEAR(tuple);
        }
        else {
            PyTuple_SetItem(tuple, index, fields[index]);
        }
    }
    return tuple;
}

/* Takes over the payloads. */
static PyObject *
list_copies(Copy *copies, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t index = 0; list != NULL && index < count; index++) {
        PyObject *tuple = describe_copy(&copies[index]);
        copies[index].payload = NULL;
        if (tuple == NULL || PyList_SetItem(list, index, tuple) < 0) {
            Py_CLEAR(list);
        }
    }
    for (Py_ssize_t index = 0; index < count; index++) {
        Py_XDECREF(copies[index].payload);
    }
    return list;
}

PyObject *
consumer_take_batch(Consumer *self, PyObject *argument)
{
    uint64_t most, head;
    if (!parse_unsigned(argument, "most", 0, INT64_MAX, &most) || !consumer_check_open(self) ||
        !consumer_observe_head(self, &head)) {
        return NULL;
    }
    if (self->cursor == head || most == 0) {
        return PyList_New(0);
    }
    skip_dropped(self, head);
    const uint64_t room = most < head - self->cursor ? most : head - self->cursor;
    Copy *copies = PyMem_Calloc(room, sizeof(Copy));
    if (copies == NULL) {
        return PyErr_NoMemory();
    }
    Py_ssize_t count = copy_items(self, head, (Py_ssize_t)room, copies);
    PyObject *list = count < 0 ? NULL : list_copies(copies, count);
    PyMem_Free(copies);
    return list;
}
