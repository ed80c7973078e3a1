/* Sending: slots are reserved, written and published, by hand or with a whole payload at once. */
#include "producer.h"

/* A copy of so many bytes takes long enough to let other threads run. */
enum { LARGE_COPY = 1 << 18 };

/* ---- slots, reserved and published */

static void
write_descriptor(Producer *self, uint32_t slot, uint64_t length, const Labels *labels)
{
    Descriptor *descriptor = producer_descriptor(self, self->head);
    /* A reader checks the number after it has read the rest: whoever sees any of the new must
     * not see the old number. */
    poke(&descriptor->sequence, 0);
    atomic_thread_fence(memory_order_release);
    poke(&descriptor->slot, slot);
    poke(&descriptor->length, length);
    poke(&descriptor->pts, (uint64_t)labels->pts);
    poke(&descriptor->tags, labels->tags);
    publish(&descriptor->sequence, self->head + 1);
}

/* The consumers do not know of it until announce(). */
static uint64_t
publish_slot(Producer *self, uint32_t slot, uint64_t length, const Labels *labels)
{
    write_descriptor(self, slot, length, labels);
    slots_publish(&self->slots, slot, self->head);
    return self->head++;
}

static void
announce(Producer *self)
{
    publish(&self->header->head, self->head);
    producer_wake_consumers(self);
}

static bool
parse_slot(const Producer *self, PyObject *argument, uint32_t *slot)
{
    uint64_t number;
    if (!parse_unsigned(argument, "slot", 0, self->geometry.slots - 1, &number)) {
        return false;
    }
    *slot = (uint32_t)number;
    return true;
}

static bool
check_reserved(const Producer *self, uint32_t slot)
{
    if (self->slots.slots[slot].state != WRITING) {
        PyErr_Format(PyExc_ValueError, "slot must be one that is reserved, not %u", slot);
        return false;
    }
    return true;
}

PyObject *
producer_memory(Producer *self, PyObject *argument)
{
    uint32_t slot;
    if (!parse_slot(self, argument, &slot) || !producer_check_open(self)) {
        return NULL;
    }
    const Geometry *shape = &self->geometry;
    return memory_slice(&self->memory, shape->data_offset + slot * shape->stride,
                        shape->slot_size);
}

PyObject *
producer_reserve(Producer *self, PyObject *Py_UNUSED(none))
{
    int room = producer_check_open(self) ? producer_room(self) : -1;
    if (room < 0) {
        return NULL;
    }
    return PyLong_FromLong(room == 0 ? -1L : (long)slots_reserve(&self->slots));
}

PyObject *
producer_cancel(Producer *self, PyObject *argument)
{
    uint32_t slot;
    if (!parse_slot(self, argument, &slot) || !producer_check_open(self) ||
        !check_reserved(self, slot)) {
        return NULL;
    }
    slots_cancel(&self->slots, slot);
    Py_RETURN_NONE;
}

PyObject *
producer_commit(Producer *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    enum { SLOT, LENGTH, LABELS, PARAMETERS = LABELS + 4 };
    static const char *const names[] = {"slot", "length", "pts", "kind", "flags", "schema"};
    static const Signature signature = {"commit", names, PARAMETERS, 2};
    PyObject *bound[PARAMETERS];
    uint32_t slot;
    uint64_t length;
    Labels labels;
    if (!bind_arguments(&signature, args, count, keywords, bound) ||
        !parse_slot(self, bound[SLOT], &slot) ||
        !parse_unsigned(bound[LENGTH], "length", 0, self->geometry.slot_size, &length) ||
        !parse_labels(bound + LABELS, &labels) || !producer_check_open(self) ||
        !check_reserved(self, slot)) {
        return NULL;
    }
    const uint64_t sequence = publish_slot(self, slot, length, &labels);
    announce(self);
    return PyLong_FromUnsignedLongLong(sequence);
}

PyObject *
producer_holds(Producer *self, PyObject *argument)
{
    uint32_t slot;
    if (!parse_slot(self, argument, &slot) || !producer_check_open(self) ||
        !producer_take_back(self)) {
        return NULL;
    }
    return PyBool_FromLong(self->slots.slots[slot].state == PUBLISHED);
}

PyObject *
producer_reclaim(Producer *self, PyObject *Py_UNUSED(none))
{
    if (!producer_check_open(self) || !producer_take_back(self)) {
        return NULL;
    }
    return slots_tell_back(&self->slots);
}

/* ---- whole payloads */

static void
copy_payload(Producer *self, uint32_t slot, const Py_buffer *payload)
{
    uint8_t *target = self->payloads + slot * self->geometry.stride;
    const size_t length = (size_t)payload->len;
    if (length < LARGE_COPY) {
        memcpy(target, payload->buf, length);
        return;
    }
    self->station.away++;
    Py_BEGIN_ALLOW_THREADS
    memcpy(target, payload->buf, length);
    Py_END_ALLOW_THREADS
    self->station.away--;
}

/* 1: it is published, but not announced; 0: there is no room; -1: exception. */
static int
put_bytes(Producer *self, const Py_buffer *payload, const Labels *labels, uint64_t *sequence)
{
    if ((uint64_t)payload->len > self->geometry.slot_size) {
        PyErr_Format(PyExc_ValueError, "a payload must have %llu bytes or less, not %zd",
                     (unsigned long long)self->geometry.slot_size, payload->len);
        return -1;
    }
    int room = producer_room(self);
    if (room != 1) {
        return room;
    }
    const uint32_t slot = slots_reserve(&self->slots);
    copy_payload(self, slot, payload);
    /* Another thread may have done anything while this one copied. */
    if (!producer_check_open(self) || !check_reserved(self, slot)) {
        return -1;
    }
    *sequence = publish_slot(self, slot, (uint64_t)payload->len, labels);
    return 1;
}

/* As put_bytes(), of any object with a buffer. Since Python 3.12 its buffer may come and go with
 * code of its own, which may even close the ring: nothing is taken for granted after that. */
static int
put(Producer *self, PyObject *payload, const Labels *labels, uint64_t *sequence)
{
    Py_buffer view;
    if (PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE) < 0) {
        return -1;
    }
    int published = producer_check_open(self) ? put_bytes(self, &view, labels, sequence) : -1;
    PyBuffer_Release(&view);
    return published;
}

/* Tells of what put() has published; a ring that was closed meanwhile has told of it already. */
static void
finish_sending(Producer *self)
{
    if (!self->station.closed && peek(&self->header->head) != self->head) {
        announce(self);
    }
    producer_settle(self);
}

PyObject *
producer_send(Producer *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    enum { PAYLOAD, LABELS, PARAMETERS = LABELS + 4 };
    static const char *const names[] = {"payload", "pts", "kind", "flags", "schema"};
    static const Signature signature = {"send", names, PARAMETERS, 1};
    PyObject *bound[PARAMETERS];
    Labels labels;
    uint64_t sequence;
    if (!bind_arguments(&signature, args, count, keywords, bound) ||
        !parse_labels(bound + LABELS, &labels)) {
        return NULL;
    }
    int published = put(self, bound[PAYLOAD], &labels, &sequence);
    finish_sending(self);
    if (published < 0) {
        return NULL;
    }
    return published == 0 ? PyLong_FromLong(-1) : PyLong_FromUnsignedLongLong(sequence);
}

/* How many of the payloads were published: all, or as many as there was room for; -1: exception. */
static Py_ssize_t
put_all(Producer *self, PyObject *payloads, const int64_t *pts, uint64_t tags)
{
    const Py_ssize_t all = PyTuple_Size(payloads);
    Py_ssize_t sent = 0;
    int published = 1;
    while (published == 1 && sent < all) {
        const Labels labels = {.pts = pts == NULL ? 0 : pts[sent], .tags = tags};
        uint64_t sequence;
        published = put(self, PyTuple_GetItem(payloads, sent), &labels, &sequence);
        sent += published == 1;
    }
    return published < 0 ? -1 : sent;
}

/* The numbers in `argument`, as many as there are payloads, to be freed; NULL if it is None. */
static bool
parse_stamps(PyObject *argument, Py_ssize_t payloads, int64_t **pts)
{
    *pts = NULL;
    if (argument == NULL || argument == Py_None) {
        return true;
    }
    PyObject *stamps = PySequence_Tuple(argument);
    if (stamps == NULL) {
        return false;
    }
    if (PyTuple_Size(stamps) != payloads) {
        PyErr_Format(PyExc_ValueError, "pts must be %zd numbers, not %zd", payloads,
                     PyTuple_Size(stamps));
    }
    else if ((*pts = PyMem_Calloc((size_t)payloads, sizeof(int64_t))) == NULL) {
        PyErr_NoMemory();
    }
    for (Py_ssize_t index = 0; !PyErr_Occurred() && index < payloads; index++) {
        parse_signed(PyTuple_GetItem(stamps, index), "pts", 0, &(*pts)[index]);
    }
    Py_DECREF(stamps);
    return !PyErr_Occurred();
}

static PyObject *
send_all(Producer *self, PyObject *payloads, PyObject *stamps, uint64_t tags)
{
    int64_t *pts;
    Py_ssize_t sent = -1;
    if (parse_stamps(stamps, PyTuple_Size(payloads), &pts) && producer_check_open(self)) {
        sent = put_all(self, payloads, pts, tags);
        finish_sending(self);
    }
    PyMem_Free(pts);
    return sent < 0 ? NULL : PyLong_FromSsize_t(sent);
}

PyObject *
producer_send_batch(Producer *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
    enum { PAYLOADS, KIND, FLAGS, SCHEMA, PTS, PARAMETERS };
    static const char *const names[] = {"payloads", "kind", "flags", "schema", "pts"};
    static const Signature signature = {"send_batch", names, PARAMETERS, 1};
    PyObject *bound[PARAMETERS];
    uint64_t tags;
    if (!bind_arguments(&signature, args, count, keywords, bound) ||
        !parse_tags(bound + KIND, &tags)) {
        return NULL;
    }
    PyObject *payloads = PySequence_Tuple(bound[PAYLOADS]);
    PyObject *sent = payloads == NULL ? NULL : send_all(self, payloads, bound[PTS], tags);
    Py_XDECREF(payloads);
    return sent;
}
