/* The reading end, as its files share it. */
#ifndef STREAMFLOW_RING_CONSUMER_H
#define STREAMFLOW_RING_CONSUMER_H

#include "ring.h"

typedef struct {
    PyObject_HEAD
    PyObject *weak_references;
    const Module *module;
    Station station;
    PyObject *policy_name; /* layout.Policy */
    Policy policy;
    uint64_t depth; /* how many items a lossy policy lets wait */
    Geometry geometry;
    Memory memory, control_memory;
    const Header *header;
    const Descriptor *descriptors;
    const uint8_t *payloads;
    Control *control;
    uint64_t cursor;     /* all below it was taken, or dropped */
    uint64_t seen;       /* head as it was last seen: it never goes back */
    uint64_t lost;       /* items that a lossy policy has dropped */
    uint64_t cells;      /* a bit for each lease cell */
    uint64_t free_cells; /* those that lease nothing */
    int producer_bell;   /* wakes the producer */
    int *kept;           /* descriptors that stay open as long as the memory is mapped */
    Py_ssize_t kept_count;
    bool foreign; /* this is a forked child: the words are the parent's to write */
} Consumer;

/* One item, as its descriptor says and as far as it was found to be true. */
typedef struct {
    uint64_t slot, length;
    Labels labels;
} Item;

typedef struct {
    PyObject_HEAD
    Consumer *consumer; /* NULL: released */
    const uint8_t *payload;
    Py_ssize_t exports; /* buffers that are held: those of its arrays, too */
    Py_ssize_t adopted; /* arrays that it lasts for */
    uint64_t sequence;
    Item item;
    int cell;
} Lease;

static inline const uint8_t *
consumer_payload(const Consumer *self, const Item *item)
{
    return self->payloads + item->slot * self->geometry.stride;
}

/* ---- consumer.c */

/* LinkClosed if it has closed. */
bool consumer_check_open(const Consumer *self);
/* The number of the next item that the producer will send. */
bool consumer_observe_head(Consumer *self, uint64_t *head);
/* All below `cursor` was taken, or dropped. */
void consumer_advance(Consumer *self, uint64_t cursor);
/* What stood in lease cell `cell` may be written again. */
void consumer_give_back(Consumer *self, int cell);

/* ---- join.c */

PyObject *consumer_open(PyTypeObject *type, PyObject *descriptors);

/* ---- take.c */

PyObject *consumer_take(Consumer *self, PyObject *none);
PyObject *consumer_take_batch(Consumer *self, PyObject *most);

#endif
