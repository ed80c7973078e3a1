/* The producer's private book of its slots: which are free, and which are published, by age.
 *
 * No word of it is shared, so no consumer can spoil it. What was freed last is reserved first:
 * its memory is most likely still in the cache.
 */
#include "ring.h"

bool
slots_init(Slots *self, uint64_t size)
{
    self->slots = PyMem_Calloc(size, sizeof(Slot));
    self->free = PyMem_Calloc(size, sizeof(uint32_t));
    if (self->slots == NULL || self->free == NULL) {
        slots_clear(self);
        PyErr_NoMemory();
        return false;
    }
    self->size = self->free_count = (uint32_t)size;
    for (uint32_t place = 0; place < self->size; place++) {
        self->free[place] = self->size - 1 - place;
    }
    self->oldest = self->newest = NO_SLOT;
    return true;
}

void
slots_clear(Slots *self)
{
    PyMem_Free(self->slots);
    PyMem_Free(self->free);
    *self = (Slots){0};
}

static void
set_back(Slots *self, Slot *slot, bool back)
{
    self->back_count = self->back_count + back - slot->back;
    slot->back = back;
}

uint32_t
slots_reserve(Slots *self)
{
    if (self->free_count == 0) {
        return NO_SLOT;
    }
    uint32_t slot = self->free[--self->free_count];
    self->slots[slot].state = WRITING;
    self->writing_count++;
    set_back(self, &self->slots[slot], false);
    return slot;
}

static void
push_free(Slots *self, uint32_t slot)
{
    self->slots[slot].state = FREE;
    self->free[self->free_count++] = slot;
}

void
slots_cancel(Slots *self, uint32_t slot)
{
    self->writing_count--;
    push_free(self, slot);
}

void
slots_publish(Slots *self, uint32_t slot, uint64_t sequence)
{
    self->slots[slot] = (Slot){
        .sequence = sequence, .older = self->newest, .newer = NO_SLOT, .state = PUBLISHED};
    if (self->newest == NO_SLOT) {
        self->oldest = slot;
    }
    else {
        self->slots[self->newest].newer = slot;
    }
    self->newest = slot;
    self->writing_count--;
}

void
slots_take_back(Slots *self, uint32_t slot)
{
    const uint32_t older = self->slots[slot].older, newer = self->slots[slot].newer;
    if (older == NO_SLOT) {
        self->oldest = newer;
    }
    else {
        self->slots[older].newer = newer;
    }
    if (newer == NO_SLOT) {
        self->newest = older;
    }
    else {
        self->slots[newer].older = older;
    }
    push_free(self, slot);
    set_back(self, &self->slots[slot], true);
}

PyObject *
slots_tell_back(Slots *self)
{
    PyObject *told = PyList_New(0);
    for (uint32_t slot = 0; told != NULL && slot < self->size && self->back_count > 0; slot++) {
        if (self->slots[slot].back) {
            PyObject *number = PyLong_FromUnsignedLong(slot);
            if (number == NULL || PyList_Append(told, number) < 0) {
                Py_CLEAR(told);
            }
            Py_XDECREF(number);
            set_back(self, &self->slots[slot], false);
        }
    }
    return told;
}
