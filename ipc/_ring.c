/* The ring in C: one producer, up to 16 consumers, no locks.
 *
 * The same ring as _pyproducer.py and _pyconsumer.py, word for word (layout.h), for machines of
 * any memory order. Memory is planned, created, sealed and checked by layout.py, segment.py and
 * bells.py; what happens for each item is here:
 *
 *   native/layout.h    where the words stand, and how they are read and written
 *   native/producer.c  the writing end: how it begins, waits and ends
 *   native/peers.c     its consumers
 *   native/room.c      where its next slot comes from
 *   native/slots.c     its book of the slots
 *   native/send.c      sending
 *   native/consumer.c  the reading end: how it waits and ends
 *   native/join.c      how it begins
 *   native/take.c      taking
 *   native/lease.c     what was taken
 *   native/bell.c      sleeping and waking
 *
 * All of it runs with the GIL, but for sleeping and for copying what is large.
 */
#include "native/ring.h"

/* ---- what it imports */

typedef struct {
    const char *module, *name;
    size_t offset; /* of its place in Module */
} Import;

static const Import imports[] = {
    {"streamflow.errors", "HandshakeError", offsetof(Module, handshake_error)},
    {"streamflow.errors", "IpcError", offsetof(Module, ipc_error)},
    {"streamflow.errors", "LinkClosed", offsetof(Module, link_closed)},
    {"streamflow.errors", "RingCorrupt", offsetof(Module, ring_corrupt)},
    {"streamflow.ipc.layout", "plan", offsetof(Module, plan_ring)},
    {"streamflow.ipc.layout", "check", offsetof(Module, check_header)},
    {"streamflow.ipc.layout", "share", offsetof(Module, share_slots)},
    {"streamflow.ipc.layout", "Policy", offsetof(Module, policy)},
    {"streamflow.ipc.segment", "create", offsetof(Module, create_segment)},
    {"streamflow.ipc.segment", "attach", offsetof(Module, attach_segment)},
    {"streamflow.ipc.segment", "abandon_on_fork", offsetof(Module, abandon_on_fork)},
    {"streamflow.ipc.bells", "new", offsetof(Module, new_bell)},
    {"streamflow.ipc.bells", "check", offsetof(Module, check_bell)},
    {"streamflow.ipc.bells", "duplicates", offsetof(Module, duplicates)},
    {"numpy", "frombuffer", offsetof(Module, frombuffer)},
    {"numpy", "uint8", offsetof(Module, uint8)},
};

enum { IMPORTS = sizeof imports / sizeof imports[0] };

static PyObject **
import_place(Module *state, const Import *import)
{
    return (PyObject **)((char *)state + import->offset);
}

static int
import_all(Module *state)
{
    for (int index = 0; index < IMPORTS; index++) {
        PyObject *module = PyImport_ImportModule(imports[index].module);
        PyObject *found =
            module == NULL ? NULL : PyObject_GetAttrString(module, imports[index].name);
        Py_XDECREF(module);
        if (found == NULL) {
            return -1;
        }
        *import_place(state, &imports[index]) = found;
    }
    return 0;
}

/* ---- what it offers */

/* Where the words stand, so that a test can compare it with layout.py. */
static int
add_layout(PyObject *module)
{
    static const struct {
        const char *name;
        unsigned long long value;
    } constants[] = {
        {"MAGIC", RING_MAGIC},
        {"VERSION", RING_VERSION},
        {"PAGE", CONTROL_SIZE},
        {"HEADER_WORDS", HEADER_WORDS},
        {"HEAD", offsetof(Header, head)},
        {"CLOSED", offsetof(Header, closed)},
        {"DESCRIPTORS", DESCRIPTORS_AT},
        {"DESCRIPTOR", sizeof(Descriptor)},
        {"CURSOR", offsetof(Control, cursor)},
        {"CONSUMER_WAITS", offsetof(Control, consumer_waits)},
        {"POLICY", offsetof(Control, policy)},
        {"DEPTH", offsetof(Control, depth)},
        {"PRODUCER_WAITS", offsetof(Control, producer_waits)},
        {"LOST", offsetof(Control, lost)},
        {"LEASES", offsetof(Control, leases)},
        {"FAR", FAR},
        {"LEFT", LEFT},
        {"MAX_CONSUMERS", MAX_CONSUMERS},
        {"MAX_LEASES", MAX_LEASES},
        {"HOT", HOT_STRIDE},
        {"SMALL", SMALL},
        {"ALONE", ALONE},
    };
    PyObject *layout = PyDict_New();
    for (size_t index = 0; layout != NULL && index < sizeof constants / sizeof constants[0];
         index++) {
        PyObject *value = PyLong_FromUnsignedLongLong(constants[index].value);
        if (value == NULL || PyDict_SetItemString(layout, constants[index].name, value) < 0) {
            Py_CLEAR(layout);
        }
        Py_XDECREF(value);
    }
    int added = layout == NULL ? -1 : PyModule_AddObjectRef(module, "LAYOUT", layout);
    Py_XDECREF(layout);
    return added;
}

static PyObject *
add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type != NULL && PyModule_AddType(module, (PyTypeObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

static int
add_types(PyObject *module, Module *state)
{
    PyObject *producer = add_type(module, &producer_spec);
    PyObject *consumer = producer == NULL ? NULL : add_type(module, &consumer_spec);
    PyObject *lease = consumer == NULL ? NULL : add_type(module, &lease_spec);
    Py_XDECREF(producer);
    Py_XDECREF(consumer);
    state->lease = (PyTypeObject *)lease;
    return lease == NULL ? -1 : 0;
}

/* ---- the module */

static int
ring_execute(PyObject *module)
{
    Module *state = PyModule_GetState(module);
    if (import_all(state) < 0 || add_types(module, state) < 0 || add_layout(module) < 0) {
        return -1;
    }
    /* How long wait() looks before it sleeps; read when an end is made. */
    return PyModule_AddIntConstant(module, "SPIN_NS", 5000);
}

static int
ring_traverse(PyObject *module, visitproc visit, void *arg)
{
    Module *state = PyModule_GetState(module);
    for (int index = 0; state != NULL && index < IMPORTS; index++) {
        Py_VISIT(*import_place(state, &imports[index]));
    }
    if (state != NULL) {
        Py_VISIT(state->lease);
    }
    return 0;
}

static int
ring_clear(PyObject *module)
{
    Module *state = PyModule_GetState(module);
    for (int index = 0; state != NULL && index < IMPORTS; index++) {
        Py_CLEAR(*import_place(state, &imports[index]));
    }
    if (state != NULL) {
        Py_CLEAR(state->lease);
    }
    return 0;
}

static void
ring_free(void *module)
{
    ring_clear(module);
}

static PyModuleDef_Slot ring_slots[] = {
    {Py_mod_exec, ring_execute},
    {0, NULL},
};

static PyModuleDef ring_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "streamflow.ipc._ring",
    .m_doc = "The ring in C: one producer, up to 16 consumers, no locks.",
    .m_size = sizeof(Module),
    .m_slots = ring_slots,
    .m_traverse = ring_traverse,
    .m_clear = ring_clear,
    .m_free = ring_free,
};

PyMODINIT_FUNC
PyInit__ring(void)
{
    return PyModuleDef_Init(&ring_module);
}
