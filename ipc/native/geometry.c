/* The shape of a ring: layout.py plans it and checks it, this carries it in and out. */
#include "ring.h"

static bool
read_geometry(PyObject *shape, Geometry *geometry)
{
    uint64_t words[GEOMETRY_WORDS];
    for (int index = 0; index < GEOMETRY_WORDS; index++) {
        words[index] = PyLong_AsUnsignedLongLong(PyTuple_GetItem(shape, index));
        if (PyErr_Occurred()) {
            return false;
        }
    }
    memcpy(geometry, words, sizeof words);
    return true;
}

/* Takes over `arguments`. */
static PyObject *
ask_layout(PyObject *function, PyObject *arguments, Geometry *geometry)
{
    PyObject *shape = arguments == NULL ? NULL : PyObject_CallObject(function, arguments);
    Py_XDECREF(arguments);
    if (shape != NULL && !read_geometry(shape, geometry)) {
        Py_CLEAR(shape);
    }
    return shape;
}

PyObject *
geometry_plan(const Module *module, PyObject *slots, PyObject *slot_size, PyObject *leases,
              PyObject *generation, Geometry *geometry)
{
    enum { DEFAULT_LEASES = 8 };
    PyObject *cells = leases == NULL ? PyLong_FromLong(DEFAULT_LEASES) : Py_NewRef(leases);
    PyObject *number = generation == NULL ? PyLong_FromLong(0) : Py_NewRef(generation);
    return ask_layout(module->plan_ring, Py_BuildValue("(OONN)", slots, slot_size, cells, number),
                      geometry);
}

void
geometry_write(const Geometry *geometry, Header *header)
{
    uint64_t words[HEADER_WORDS] = {RING_MAGIC, RING_VERSION};
    memcpy(words + 2, geometry, sizeof *geometry);
    for (int index = 0; index < HEADER_WORDS; index++) {
        poke(&header->words[index], words[index]);
    }
}

bool
geometry_read(const Module *module, const Header *header, Py_ssize_t size, Geometry *geometry)
{
    PyObject *words = PyList_New(HEADER_WORDS);
    for (int index = 0; words != NULL && index < HEADER_WORDS; index++) {
        PyObject *word = PyLong_FromUnsignedLongLong(peek(&header->words[index]));
        if (word == NULL || PyList_SetItem(words, index, word) < 0) {
            Py_CLEAR(words);
        }
    }
    PyObject *shape =
        ask_layout(module->check_header, Py_BuildValue("(Nn)", words, size), geometry);
    Py_XDECREF(shape);
    return shape != NULL;
}
