/* Joining a ring: what is handed over is checked before anything of it is used. */
#include "consumer.h"

#include <limits.h>

/* Takes the descriptors over: data, control, our bell, the producer's bell, what is only kept. */
static bool
own_descriptors(Consumer *self, PyObject *handed)
{
    PyObject *fds = PySequence_Tuple(handed);
    const Py_ssize_t count = fds == NULL ? 0 : PyTuple_Size(fds);
    self->kept = PyMem_Calloc((size_t)count, sizeof(int));
    if (self->kept == NULL) {
        PyErr_NoMemory();
    }
    while (self->kept != NULL && self->kept_count < count) {
        long fd = PyLong_AsLong(PyTuple_GetItem(fds, self->kept_count));
        if (PyErr_Occurred()) {
            break;
        }
        self->kept[self->kept_count++] = fd < 0 || fd > INT_MAX ? -1 : (int)fd;
    }
    Py_XDECREF(fds);
    if (!PyErr_Occurred() && count < HANDED_OVER) {
        PyErr_Format(self->module->handshake_error,
                     "a ring is handed over with %d descriptors, not %zd", HANDED_OVER, count);
    }
    return !PyErr_Occurred();
}

static int
take_descriptor(Consumer *self, int place)
{
    int fd = self->kept[place];
    self->kept[place] = -1;
    return fd;
}

static bool
check_bell(const Consumer *self, int fd)
{
    PyObject *none = PyObject_CallFunction(self->module->check_bell, "i", fd);
    Py_XDECREF(none);
    return none != NULL;
}

static bool
map_segments(Consumer *self)
{
    if (!memory_attach(self->module, take_descriptor(self, 0), false, DESCRIPTORS_AT,
                       &self->memory) ||
        !memory_attach(self->module, take_descriptor(self, 1), true, CONTROL_SIZE,
                       &self->control_memory)) {
        return false;
    }
    const uint8_t *start = self->memory.buffer.buf;
    self->header = (const Header *)start;
    if (!geometry_read(self->module, self->header, self->memory.buffer.len, &self->geometry)) {
        return false;
    }
    self->descriptors = (const Descriptor *)(start + DESCRIPTORS_AT);
    self->payloads = start + self->geometry.data_offset;
    self->control = self->control_memory.buffer.buf;
    return true;
}

/* Reads what the producer wrote for us before it handed over. */
static bool
read_terms(Consumer *self)
{
    const uint64_t policy = peek(&self->control->policy);
    const uint64_t head = observe(&self->header->head);
    self->depth = peek(&self->control->depth);
    self->cursor = self->seen = peek(&self->control->cursor);
    if (policy > LATEST || self->depth < 1 || self->depth > self->geometry.slots) {
        PyErr_Format(self->module->handshake_error, "the ring has no policy %llu of depth %llu",
                     (unsigned long long)policy, (unsigned long long)self->depth);
        return false;
    }
    if (self->cursor > head || head >= FAR) {
        PyErr_Format(self->module->handshake_error, "the ring begins at item %llu of %llu",
                     (unsigned long long)self->cursor, (unsigned long long)head);
        return false;
    }
    self->policy = (Policy)policy;
    self->policy_name = PyObject_CallFunction(self->module->policy, "i", self->policy);
    self->cells = self->free_cells = UINT64_MAX >> (MAX_LEASES - self->geometry.leases);
    return self->policy_name != NULL;
}

static bool
join(Consumer *self, PyObject *handed)
{
    if (!own_descriptors(self, handed) || !check_bell(self, self->kept[2]) ||
        !check_bell(self, self->kept[3])) {
        return false;
    }
    self->station.bell = take_descriptor(self, 2);
    self->producer_bell = take_descriptor(self, 3);
    if (!map_segments(self) || !read_terms(self)) {
        return false;
    }
    PyObject *none = call_one(self->module->abandon_on_fork, (PyObject *)self);
    Py_XDECREF(none);
    return none != NULL;
}

PyObject *
consumer_open(PyTypeObject *type, PyObject *handed)
{
    const Module *module = PyType_GetModuleState(type);
    Consumer *self = (Consumer *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->module = module;
    self->producer_bell = -1;
    self->station = (Station){.bell = -1, .sleeper = -1, .closed = true, .spin = spin_time(type)};
    if (!join(self, handed)) {
        Py_DECREF(self);
        return NULL;
    }
    self->station.closed = false;
    return (PyObject *)self;
}
