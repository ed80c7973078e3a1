/* Arguments of vectorcalls: by place or by name, each number in its range. */
#include "ring.h"

/* The index of the parameter that `keyword` names, or -1. */
static int
find_parameter(const Signature *signature, PyObject *keyword)
{
    for (int index = 0; index < signature->parameters; index++) {
        if (PyUnicode_CompareWithASCIIString(keyword, signature->names[index]) == 0) {
            return index;
        }
    }
    return -1;
}

static bool
bind_keywords(const Signature *signature, PyObject *const *values, PyObject *keywords,
              PyObject **bound)
{
    Py_ssize_t count = PyTuple_Size(keywords);
    for (Py_ssize_t given = 0; given < count; given++) {
        PyObject *keyword = PyTuple_GetItem(keywords, given);
        int index = find_parameter(signature, keyword);
        if (index < 0) {
            PyErr_Format(PyExc_TypeError, "%s() has no parameter %R", signature->function,
                         keyword);
            return false;
        }
        if (bound[index] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got two values for parameter %R",
                         signature->function, keyword);
            return false;
        }
        bound[index] = values[given];
    }
    return true;
}

bool
bind_arguments(const Signature *signature, PyObject *const *args, Py_ssize_t count,
               PyObject *keywords, PyObject **bound)
{
    if (count > signature->parameters) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %d arguments, not %zd",
                     signature->function, signature->parameters, count);
        return false;
    }
    for (int index = 0; index < signature->parameters; index++) {
        bound[index] = index < count ? args[index] : NULL;
    }
    if (keywords != NULL && !bind_keywords(signature, args + count, keywords, bound)) {
        return false;
    }
    for (int index = 0; index < signature->required; index++) {
        if (bound[index] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() needs '%s'", signature->function,
                         signature->names[index]);
            return false;
        }
    }
    return true;
}

/* An int that no long long holds is out of any range of ours. */
static bool
as_long_long(PyObject *argument, long long *value, bool *overflown)
{
    *value = PyLong_AsLongLong(argument);
    *overflown = false;
    if (*value == -1 && PyErr_Occurred()) {
        if (!PyErr_ExceptionMatches(PyExc_OverflowError)) {
            return false;
        }
        PyErr_Clear();
        *overflown = true;
    }
    return true;
}

bool
parse_unsigned(PyObject *argument, const char *name, uint64_t fallback, uint64_t most,
               uint64_t *value)
{
    long long number;
    bool overflown;
    if (argument == NULL) {
        *value = fallback;
        return true;
    }
    if (!as_long_long(argument, &number, &overflown)) {
        return false;
    }
    if (overflown || number < 0 || (uint64_t)number > most) {
        PyErr_Format(PyExc_ValueError, "%s must be 0 to %llu, not %R", name,
                     (unsigned long long)most, argument);
        return false;
    }
    *value = (uint64_t)number;
    return true;
}

bool
parse_signed(PyObject *argument, const char *name, int64_t fallback, int64_t *value)
{
    long long number;
    bool overflown;
    if (argument == NULL) {
        *value = fallback;
        return true;
    }
    if (!as_long_long(argument, &number, &overflown)) {
        return false;
    }
    if (overflown) {
        PyErr_Format(PyExc_ValueError, "%s must be -2**63 to 2**63 - 1, not %R", name, argument);
        return false;
    }
    *value = number;
    return true;
}

bool
parse_seconds(PyObject *argument, double *seconds)
{
    *seconds = PyFloat_AsDouble(argument);
    if (*seconds == -1.0 && PyErr_Occurred()) {
        return false;
    }
    if (!(*seconds >= 0)) {
        PyErr_Format(PyExc_ValueError, "timeout must be 0 s or more, not %R", argument);
        return false;
    }
    return true;
}

/* Tags: kind u16, flags u16, schema u32, from the lowest bit up. */
bool
parse_tags(PyObject *const *bound, uint64_t *tags)
{
    uint64_t kind, flags, schema;
    if (!parse_unsigned(bound[0], "kind", 0, UINT16_MAX, &kind) ||
        !parse_unsigned(bound[1], "flags", 0, UINT16_MAX, &flags) ||
        !parse_unsigned(bound[2], "schema", 0, UINT32_MAX, &schema)) {
        return false;
    }
    *tags = kind | flags << 16 | schema << 32;
    return true;
}

bool
parse_labels(PyObject *const *bound, Labels *labels)
{
    return parse_signed(bound[0], "pts", 0, &labels->pts) && parse_tags(bound + 1, &labels->tags);
}

PyObject *
kind_of(uint64_t tags)
{
    return PyLong_FromUnsignedLong((uint16_t)tags);
}

PyObject *
flags_of(uint64_t tags)
{
    return PyLong_FromUnsignedLong((uint16_t)(tags >> 16));
}

PyObject *
schema_of(uint64_t tags)
{
    return PyLong_FromUnsignedLong((uint32_t)(tags >> 32));
}
