/* What the files of the extension share. */
#ifndef STREAMFLOW_RING_H
#define STREAMFLOW_RING_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdbool.h>
#include <string.h>

#include "layout.h"

/* Its own type that others make, and what the module has imported. */
typedef struct {
    PyTypeObject *lease;
    PyObject *handshake_error, *ipc_error, *link_closed, *ring_corrupt; /* streamflow.errors */
    PyObject *plan_ring, *check_header, *share_slots, *policy;          /* streamflow.ipc.layout */
    PyObject *create_segment, *attach_segment, *abandon_on_fork;        /* streamflow.ipc.segment */
    PyObject *new_bell, *check_bell, *duplicates;                       /* streamflow.ipc.bells */
    PyObject *frombuffer, *uint8;                                       /* numpy */
} Module;

extern PyType_Spec producer_spec, consumer_spec, lease_spec;

static inline PyObject *
call_one(PyObject *function, PyObject *argument)
{
    return PyObject_CallFunctionObjArgs(function, argument, NULL);
}

/* ---- arguments.c: arguments of vectorcalls */

typedef struct {
    const char *function;
    const char *const *names;
    int parameters;
    int required; /* the first so many have no default */
} Signature;

/* Puts each argument into the place of its parameter, NULL where it was not given. */
bool bind_arguments(const Signature *signature, PyObject *const *args, Py_ssize_t count,
                    PyObject *keywords, PyObject **bound);
/* `fallback` where `argument` is NULL; ValueError unless it is an int of 0 to `most`. */
bool parse_unsigned(PyObject *argument, const char *name, uint64_t fallback, uint64_t most,
                    uint64_t *value);
bool parse_signed(PyObject *argument, const char *name, int64_t fallback, int64_t *value);
bool parse_seconds(PyObject *argument, double *seconds);

/* What an item says about its payload; `tags` as in a descriptor. */
typedef struct {
    int64_t pts;
    uint64_t tags;
} Labels;

/* From the arguments kind, flags and schema, in this order. */
bool parse_tags(PyObject *const *bound, uint64_t *tags);
/* From pts, and those. */
bool parse_labels(PyObject *const *bound, Labels *labels);
PyObject *kind_of(uint64_t tags);
PyObject *flags_of(uint64_t tags);
PyObject *schema_of(uint64_t tags);

/* ---- memory.c: segments, which segment.py creates, checks and maps */

typedef struct {
    PyObject *segment; /* NULL: released */
    PyObject *map;     /* a memoryview of all of it */
    Py_buffer buffer;  /* of `map`; it keeps the memory mapped */
} Memory;

bool memory_create(const Module *module, uint64_t size, bool guarded, Memory *memory);
/* `fd` is the memory's from here on, also if this fails. */
bool memory_attach(const Module *module, int fd, bool writable, size_t least, Memory *memory);
PyObject *memory_fd(const Memory *memory);
/* Closes the descriptor; the memory stays mapped. */
void memory_abandon(Memory *memory);
/* Unmaps it too, as soon as what memory_slice() gave out is gone. */
void memory_release(Memory *memory);
/* A new memoryview of a part. */
PyObject *memory_slice(const Memory *memory, uint64_t offset, uint64_t length);

/* ---- geometry.c: the shape of a ring, which layout.py plans and checks */

/* A new layout.Geometry; `leases` and `generation` may be NULL. */
PyObject *geometry_plan(const Module *module, PyObject *slots, PyObject *slot_size,
                        PyObject *leases, PyObject *generation, Geometry *geometry);
void geometry_write(const Geometry *geometry, Header *header);
/* What the header says, if it is true of a segment of `size` bytes. */
bool geometry_read(const Module *module, const Header *header, Py_ssize_t size,
                   Geometry *geometry);

/* ---- bell.c: eventfds, which bells.py creates and checks, and sleeping on one */

/* A new one, or -1 and an exception. */
int bell_create(const Module *module);
void bell_ring(int fd);
void bell_drain(int fd);
/* Sets *fd to -1. */
void close_fd(int *fd);

/* Where one end waits. While a thread is away without the GIL, another may close the end. */
typedef struct {
    int bell;    /* we sleep on it, others ring it */
    int sleeper; /* an epoll of it; -1 before the first sleep */
    int away;    /* threads that are inside a call without the GIL */
    bool closed;
    int64_t spin; /* nanoseconds to look before sleeping, as long as that is worth it */
    int luck;     /* how often it was lately; below 0: how often not to look */
} Station;

/* The module's SPIN_NS; 0, and no exception, if it is no number of nanoseconds. */
int64_t spin_time(PyTypeObject *type);

/* How one end waits. */
typedef struct {
    /* 1: there is what we wait for; 0: there is not; -1: exception. */
    int (*look)(void *end);
    /* Asks the other side to ring our bell, or not to. */
    void (*ask)(void *end, bool ring);
} Duty;

/* Before sleeping on the bell: asks, then looks; as duty->look(). */
int duty_arm(const Duty *duty, void *end);
/* 1: there is something; 0: `seconds` have passed; -1: exception. */
int station_wait(Station *station, const Duty *duty, void *end, double seconds);
void station_close(Station *station);

/* ---- slots.c: the producer's private book of its slots */

#define NO_SLOT UINT32_MAX

typedef enum { FREE, WRITING, PUBLISHED } SlotState;

typedef struct {
    uint64_t sequence;     /* of the item in it, if PUBLISHED */
    uint32_t older, newer; /* its neighbours among the published, by sequence */
    SlotState state;
    bool back; /* came back, and was neither told of nor reserved since */
} Slot;

typedef struct {
    Slot *slots;
    uint32_t *free; /* a stack: the hottest is on top */
    uint32_t size, free_count, writing_count, back_count;
    uint32_t oldest, newest; /* ends of the list of the published */
} Slots;

bool slots_init(Slots *self, uint64_t size);
void slots_clear(Slots *self);
/* FREE -> WRITING; NO_SLOT if none is free. */
uint32_t slots_reserve(Slots *self);
/* WRITING -> FREE */
void slots_cancel(Slots *self, uint32_t slot);
/* WRITING -> PUBLISHED */
void slots_publish(Slots *self, uint32_t slot, uint64_t sequence);
/* PUBLISHED -> FREE */
void slots_take_back(Slots *self, uint32_t slot);
/* A list of those that came back since the last call and were not reserved since. */
PyObject *slots_tell_back(Slots *self);

#endif
