/* The consumers of a producer: they come, they go, and it looks how they are doing. */
#include "producer.h"

void
peer_release(Peer *peer)
{
    close_fd(&peer->bell);
    memory_release(&peer->memory);
}

/* Settles its policy, its depth and what is set aside for it. */
static bool
peer_share(const Producer *self, PyObject *policy, PyObject *depth, Peer *peer)
{
    unsigned long long told, aside, taken = 0;
    for (int index = 0; index < self->peer_count; index++) {
        taken += self->peers[index].aside;
    }
    PyObject *shares =
        PyObject_CallFunction(self->module->share_slots, "OOOK", self->shape, policy, depth, taken);
    bool settled = shares != NULL && PyArg_ParseTuple(shares, "KK", &told, &aside);
    Py_XDECREF(shares);
    if (settled) {
        peer->policy = (Policy)PyLong_AsLong(policy);
        peer->depth = told;
        peer->aside = aside;
    }
    return settled;
}

static bool
peer_equip(const Producer *self, Peer *peer)
{
    if (!memory_create(self->module, CONTROL_SIZE, false, &peer->memory)) {
        return false;
    }
    peer->control = peer->memory.buffer.buf;
    peer->bell = bell_create(self->module);
    return peer->bell >= 0;
}

/* From here on it counts; its first item is the next one. */
static bool
peer_enter(Producer *self, Peer *peer)
{
    if (!producer_check_open(self)) {
        return false;
    }
    if (self->peer_count == MAX_CONSUMERS) {
        PyErr_Format(PyExc_ValueError, "a ring has %d consumers at most", MAX_CONSUMERS);
        return false;
    }
    peer->number = self->joined++;
    peer->cursor = self->head;
    poke(&peer->control->cursor, peer->cursor);
    poke(&peer->control->policy, peer->policy);
    poke(&peer->control->depth, peer->depth);
    self->peers[self->peer_count++] = *peer;
    self->limit = 0;
    return true;
}

static void
peer_leave(Producer *self, uint64_t number)
{
    int place = 0;
    while (place < self->peer_count && self->peers[place].number != number) {
        place++;
    }
    if (place < self->peer_count) {
        Peer gone = self->peers[place];
        self->peer_count--;
        memmove(&self->peers[place], &self->peers[place + 1],
                sizeof(Peer) * (size_t)(self->peer_count - place));
        self->limit = 0;
        peer_release(&gone);
    }
}

/* The number and the descriptors of a new consumer. */
static PyObject *
peer_hand_over(const Producer *self, const Peer *peer)
{
    PyObject *mine = Py_BuildValue("(NNii)", memory_fd(&self->memory), memory_fd(&peer->memory),
                                   peer->bell, self->station.bell);
    PyObject *theirs = mine == NULL ? NULL : call_one(self->module->duplicates, mine);
    Py_XDECREF(mine);
    return theirs == NULL ? NULL : Py_BuildValue("(KN)", peer->number, theirs);
}

static PyObject *
peer_join(Producer *self, PyObject *policy, PyObject *depth)
{
    Peer peer = {.bell = -1};
    if (!peer_share(self, policy, depth, &peer) || !peer_equip(self, &peer) ||
        !peer_enter(self, &peer)) {
        peer_release(&peer);
        return NULL;
    }
    PyObject *handed = peer_hand_over(self, &peer);
    if (handed == NULL) {
        peer_leave(self, peer.number);
    }
    return handed;
}

PyObject *
producer_attach(Producer *self, PyObject *args, PyObject *options)
{
    static char *names[] = {"policy", "depth", NULL};
    PyObject *given = NULL, *depth = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, options, "|OO:attach", names, &given, &depth) ||
        !producer_check_open(self)) {
        return NULL;
    }
    PyObject *policy = given == NULL ? PyObject_CallFunction(self->module->policy, "i", BLOCK)
                                     : call_one(self->module->policy, given);
    PyObject *handed = policy == NULL ? NULL : peer_join(self, policy, depth);
    Py_XDECREF(policy);
    return handed;
}

static bool
parse_number(const Producer *self, PyObject *argument, uint64_t *number)
{
    if (!parse_unsigned(argument, "number", 0, INT64_MAX, number) || !producer_check_open(self)) {
        return false;
    }
    if (*number >= self->joined) {
        PyErr_Format(PyExc_ValueError, "number must be that of a consumer, not %R", argument);
        return false;
    }
    return true;
}

static Peer *
find_peer(Producer *self, PyObject *argument)
{
    uint64_t number;
    if (!parse_number(self, argument, &number)) {
        return NULL;
    }
    for (int place = 0; place < self->peer_count; place++) {
        if (self->peers[place].number == number) {
            return &self->peers[place];
        }
    }
    PyErr_Format(PyExc_ValueError, "number must be that of a consumer, not %R", argument);
    return NULL;
}

PyObject *
producer_detach(Producer *self, PyObject *argument)
{
    uint64_t number;
    if (!parse_number(self, argument, &number)) {
        return NULL;
    }
    peer_leave(self, number);
    Py_RETURN_NONE;
}

PyObject *
producer_pending(Producer *self, PyObject *number)
{
    uint64_t cursor;
    Peer *peer = find_peer(self, number);
    if (peer == NULL || !peer_cursor(self, peer, &cursor)) {
        return NULL;
    }
    const uint64_t waiting = self->head - cursor;
    return PyLong_FromUnsignedLongLong(
        peer->policy != BLOCK && waiting > peer->depth ? peer->depth : waiting);
}

PyObject *
producer_leased(Producer *self, PyObject *number)
{
    uint64_t sequences[MAX_LEASES];
    const Peer *peer = find_peer(self, number);
    int count = peer == NULL ? -1 : peer_leases(self, peer, sequences);
    PyObject *list = count < 0 ? NULL : PyList_New(0);
    for (int index = 0; list != NULL && index < count; index++) {
        PyObject *sequence = PyLong_FromUnsignedLongLong(sequences[index]);
        if (sequence == NULL || PyList_Append(list, sequence) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(sequence);
    }
    if (list != NULL && PyList_Sort(list) < 0) {
        Py_CLEAR(list);
    }
    return list;
}

PyObject *
producer_lost(Producer *self, PyObject *number)
{
    const Peer *peer = find_peer(self, number);
    if (peer == NULL) {
        return NULL;
    }
    const uint64_t told = observe(&peer->control->lost);
    if (told > self->head) {
        PyErr_Format(self->module->ring_corrupt,
                     "consumer %llu says it has lost %llu items of %llu",
                     (unsigned long long)peer->number, (unsigned long long)told,
                     (unsigned long long)self->head);
        return NULL;
    }
    return PyLong_FromUnsignedLongLong(told);
}

void
producer_wake_consumers(Producer *self)
{
    full_fence();
    for (int index = 0; index < self->peer_count; index++) {
        Peer *peer = &self->peers[index];
        if (peek(&peer->control->consumer_waits) != 0) {
            poke(&peer->control->consumer_waits, 0);
            bell_ring(peer->bell);
        }
    }
}
