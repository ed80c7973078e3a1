/* Room: where the producer's next slot comes from.
 *
 * A slot comes back when the cursor of every consumer is past its item and no lease names it. A
 * consumer writes its lease before its cursor, so whoever reads the cursor first misses no lease.
 * From lossy consumers, an item that waits is stolen: see steal().
 */
#include "producer.h"

typedef struct {
    uint64_t sequences[MAX_CONSUMERS * MAX_LEASES];
    int count;
} Held;

bool
peer_cursor(Producer *self, Peer *peer, uint64_t *cursor)
{
    const uint64_t told = observe(&peer->control->cursor);
    if (told < peer->cursor || (told > self->head && told != LEFT)) {
        PyErr_Format(self->module->ring_corrupt,
                     "consumer %llu says it has taken %llu items, after %llu, of %llu",
                     (unsigned long long)peer->number, (unsigned long long)told,
                     (unsigned long long)peer->cursor, (unsigned long long)self->head);
        return false;
    }
    peer->cursor = told;
    *cursor = told == LEFT ? self->head : told;
    return true;
}

int
peer_leases(const Producer *self, const Peer *peer, uint64_t *sequences)
{
    int count = 0;
    for (uint64_t cell = 0; cell < self->geometry.leases; cell++) {
        const uint64_t told = observe(&peer->control->leases[cell]);
        if (told > self->head) {
            PyErr_Format(self->module->ring_corrupt, "consumer %llu holds item %llu of %llu",
                         (unsigned long long)peer->number, (unsigned long long)(told - 1),
                         (unsigned long long)self->head);
            return -1;
        }
        if (told != 0) {
            sequences[count++] = told - 1;
        }
    }
    return count;
}

static bool
collect_leases(const Producer *self, Held *held)
{
    held->count = 0;
    for (int index = 0; index < self->peer_count; index++) {
        int count = peer_leases(self, &self->peers[index], held->sequences + held->count);
        if (count < 0) {
            return false;
        }
        held->count += count;
    }
    return true;
}

static bool
is_held(const Held *held, uint64_t sequence)
{
    for (int index = 0; index < held->count; index++) {
        if (held->sequences[index] == sequence) {
            return true;
        }
    }
    return false;
}

/* The lowest cursor, or head. */
static bool
lowest_cursor(Producer *self, bool with_lossy, uint64_t *lowest)
{
    *lowest = self->head;
    for (int index = 0; index < self->peer_count; index++) {
        Peer *peer = &self->peers[index];
        uint64_t cursor;
        if (peer->policy != BLOCK && !with_lossy) {
            continue;
        }
        if (!peer_cursor(self, peer, &cursor)) {
            return false;
        }
        if (cursor < *lowest) {
            *lowest = cursor;
        }
    }
    return true;
}

bool
producer_take_back(Producer *self)
{
    uint64_t lowest;
    Held held;
    if (self->slots.oldest == NO_SLOT) {
        return true;
    }
    if (!lowest_cursor(self, true, &lowest) || !collect_leases(self, &held)) {
        return false;
    }
    uint32_t slot = self->slots.oldest;
    while (slot != NO_SLOT && self->slots.slots[slot].sequence < lowest) {
        const uint32_t newer = self->slots.slots[slot].newer;
        if (!is_held(&held, self->slots.slots[slot].sequence)) {
            slots_take_back(&self->slots, slot);
        }
        slot = newer;
    }
    return true;
}

/* Says that an item is gone, then looks whether somebody has it after all: 1 no, 0 yes.
 *
 * A consumer that takes it says "leased", then looks whether it is gone (claim() in consumer.c).
 * With a fence between the two in both of us, at least one sees the other; if both do, the
 * consumer lets go and the slot comes back the next time. */
static int
retire(Producer *self, uint64_t sequence)
{
    Descriptor *descriptor = producer_descriptor(self, sequence);
    Held held;
    /* An item that was leased for long may have lost its descriptor to a later one. */
    if (peek(&descriptor->sequence) == sequence + 1) {
        poke(&descriptor->sequence, 0);
    }
    full_fence();
    if (!collect_leases(self, &held)) {
        return -1;
    }
    return !is_held(&held, sequence);
}

/* Takes back the oldest item that only lossy consumers could still take: 1 if there was one. */
static int
steal(Producer *self)
{
    uint64_t lowest;
    Held held;
    if (!lowest_cursor(self, false, &lowest) || !collect_leases(self, &held)) {
        return -1;
    }
    for (uint32_t slot = self->slots.oldest; slot != NO_SLOT;
         slot = self->slots.slots[slot].newer) {
        const uint64_t sequence = self->slots.slots[slot].sequence;
        if (sequence >= lowest) {
            return 0;
        }
        if (is_held(&held, sequence)) {
            continue;
        }
        int retired = retire(self, sequence);
        if (retired == 1) {
            slots_take_back(&self->slots, slot);
        }
        if (retired != 0) {
            return retired;
        }
    }
    return 0;
}

/* Whether every blocking consumer lets one more item wait, those counted that are being written. */
static int
has_credit(Producer *self)
{
    const uint64_t claimed = self->head + self->slots.writing_count;
    if (claimed < self->limit) {
        return 1;
    }
    self->limit = UINT64_MAX;
    for (int index = 0; index < self->peer_count; index++) {
        Peer *peer = &self->peers[index];
        uint64_t cursor;
        if (!peer_cursor(self, peer, &cursor)) {
            self->limit = 0;
            return -1;
        }
        if (peer->policy == BLOCK && peer->cursor != LEFT && cursor + peer->depth < self->limit) {
            self->limit = cursor + peer->depth;
        }
    }
    return claimed < self->limit;
}

int
producer_room(Producer *self)
{
    /* What came back last is still in the cache: look before reaching for a slot that has not
     * been used for long. At 6 MB a slot this is worth a factor of two. */
    if (self->geometry.stride >= HOT_STRIDE && !producer_take_back(self)) {
        return -1;
    }
    int credit = has_credit(self);
    if (credit != 1) {
        return credit;
    }
    if (self->slots.free_count == 0 && !producer_take_back(self)) {
        return -1;
    }
    return self->slots.free_count > 0 ? 1 : steal(self);
}
