/* Segments of shared memory, as segment.py creates, checks and maps them. */
#include "ring.h"

static bool
memory_map(PyObject *segment, bool writable, Memory *memory)
{
    PyObject *map = PyObject_GetAttrString(segment, "map");
    memory->map = map == NULL ? NULL : PyMemoryView_FromObject(map);
    Py_XDECREF(map);
    if (memory->map == NULL) {
        return false;
    }
    int flags = writable ? PyBUF_WRITABLE : PyBUF_SIMPLE;
    if (PyObject_GetBuffer(memory->map, &memory->buffer, flags) < 0) {
        Py_CLEAR(memory->map);
        return false;
    }
    memory->segment = Py_NewRef(segment);
    return true;
}

/* Takes over `arguments` and `options`. */
static bool
memory_call(PyObject *function, PyObject *arguments, PyObject *options, bool writable,
            Memory *memory)
{
    PyObject *segment = NULL;
    if (arguments != NULL && options != NULL) {
        segment = PyObject_Call(function, arguments, options);
    }
    Py_XDECREF(arguments);
    Py_XDECREF(options);
    bool mapped = segment != NULL && memory_map(segment, writable, memory);
    Py_XDECREF(segment);
    return mapped;
}

bool
memory_create(const Module *module, uint64_t size, bool guarded, Memory *memory)
{
    return memory_call(module->create_segment, Py_BuildValue("(K)", (unsigned long long)size),
                       Py_BuildValue("{sO}", "guarded", guarded ? Py_True : Py_False), true,
                       memory);
}

bool
memory_attach(const Module *module, int fd, bool writable, size_t least, Memory *memory)
{
    return memory_call(module->attach_segment, Py_BuildValue("(i)", fd),
                       Py_BuildValue("{sOsn}", "writable", writable ? Py_True : Py_False, "least",
                                     (Py_ssize_t)least),
                       writable, memory);
}

static void
close_segment(PyObject *segment)
{
    PyObject *type, *value, *traceback;
    /* This may be part of a clean-up after an exception. */
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *none = PyObject_CallMethod(segment, "close", NULL);
    if (none == NULL) {
        PyErr_WriteUnraisable(segment);
    }
    Py_XDECREF(none);
    PyErr_Restore(type, value, traceback);
}

void
memory_abandon(Memory *memory)
{
    if (memory->segment != NULL) {
        close_segment(memory->segment);
    }
}

void
memory_release(Memory *memory)
{
    Memory released = *memory;
    /* Forgotten first: what follows runs Python code. */
    *memory = (Memory){0};
    if (released.segment != NULL) {
        PyBuffer_Release(&released.buffer);
        Py_DECREF(released.map);
        close_segment(released.segment);
        Py_DECREF(released.segment);
    }
}

PyObject *
memory_fd(const Memory *memory)
{
    return PyObject_GetAttrString(memory->segment, "fd");
}

PyObject *
memory_slice(const Memory *memory, uint64_t offset, uint64_t length)
{
    PyObject *start = PyLong_FromUnsignedLongLong(offset);
    PyObject *stop = PyLong_FromUnsignedLongLong(offset + length);
    PyObject *slice = start == NULL || stop == NULL ? NULL : PySlice_New(start, stop, NULL);
    Py_XDECREF(start);
    Py_XDECREF(stop);
    PyObject *part = slice == NULL ? NULL : PyObject_GetItem(memory->map, slice);
    Py_XDECREF(slice);
    return part;
}
