/* The writing end, as its files share it. */
#ifndef STREAMFLOW_RING_PRODUCER_H
#define STREAMFLOW_RING_PRODUCER_H

#include "ring.h"

/* What the producer knows of one consumer. */
typedef struct {
    uint64_t number;
    uint64_t cursor; /* as it was last seen: it never goes back */
    uint64_t depth;  /* how many items may wait for it */
    uint64_t aside;  /* slots set aside for it: what may wait, and what it may lease */
    Policy policy;
    int bell; /* wakes it */
    Memory memory;
    Control *control;
} Peer;

typedef struct {
    PyObject_HEAD
    PyObject *weak_references;
    const Module *module;
    Station station;
    PyObject *shape; /* layout.Geometry */
    Geometry geometry;
    Memory memory;
    Header *header;
    Descriptor *descriptors;
    uint8_t *payloads;
    uint64_t head;  /* sequence number of the next item; ahead of the shared one within a batch */
    uint64_t limit; /* there is credit below this, by the cursors as they were last seen */
    Slots slots;
    Peer peers[MAX_CONSUMERS];
    int peer_count;
    uint64_t joined; /* consumers that ever attached: the number of the next */
} Producer;

static inline Descriptor *
producer_descriptor(const Producer *self, uint64_t sequence)
{
    return &self->descriptors[sequence & (self->geometry.ring - 1)];
}

/* ---- producer.c */

/* LinkClosed if it has closed. */
bool producer_check_open(const Producer *self);
/* Frees what it has, once it has closed and no thread is inside. */
void producer_settle(Producer *self);

/* ---- room.c: where slots come from */

/* 1: a slot is free and every consumer has credit for one more; 0: not so; -1: exception. */
int producer_room(Producer *self);
/* Takes back what every consumer is past and none holds. */
bool producer_take_back(Producer *self);
/* Where consumer `peer` stands; head once it has left. */
bool peer_cursor(Producer *self, Peer *peer, uint64_t *cursor);
/* The numbers in its lease cells, up to MAX_LEASES; how many, or -1. */
int peer_leases(const Producer *self, const Peer *peer, uint64_t *sequences);

/* ---- peers.c: consumers */

void peer_release(Peer *peer);
PyObject *producer_attach(Producer *self, PyObject *args, PyObject *options);
PyObject *producer_detach(Producer *self, PyObject *number);
PyObject *producer_pending(Producer *self, PyObject *number);
PyObject *producer_leased(Producer *self, PyObject *number);
PyObject *producer_lost(Producer *self, PyObject *number);
/* After anything that a consumer may be waiting for. */
void producer_wake_consumers(Producer *self);

/* ---- send.c: slots, reserved and published */

PyObject *producer_memory(Producer *self, PyObject *slot);
PyObject *producer_reserve(Producer *self, PyObject *none);
PyObject *producer_cancel(Producer *self, PyObject *slot);
PyObject *producer_holds(Producer *self, PyObject *slot);
PyObject *producer_reclaim(Producer *self, PyObject *none);
PyObject *producer_commit(Producer *self, PyObject *const *args, Py_ssize_t count,
                          PyObject *keywords);
PyObject *producer_send(Producer *self, PyObject *const *args, Py_ssize_t count,
                        PyObject *keywords);
PyObject *producer_send_batch(Producer *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *keywords);

#endif
