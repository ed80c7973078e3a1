/* Where each shared word of a ring stands: the twin of layout.py.
 *
 * A word has one writer; only the two wait flags have two. Words are atomic because another
 * process writes them at any time, also while it lies: a word is loaded once, into a local, and
 * it is the local that is checked and used.
 */
#ifndef STREAMFLOW_RING_LAYOUT_H
#define STREAMFLOW_RING_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic uint64_t Word;

#define RING_MAGIC UINT64_C(0x31574C464D525453) /* "STRMFLW1" */

enum {
    RING_VERSION = 1,
    HANDED_OVER = 4, /* descriptors of a ring: data, control, two bells */
    CONTROL_SIZE = 4096,
    DESCRIPTORS_AT = 4096, /* in the data segment */
    MAX_CONSUMERS = 16,
    MAX_LEASES = 64,
    HOT_STRIDE = 65536, /* slots this far apart are taken back as early as can be */
    SMALL = 4096,       /* bytes of the longest item that is copied out in a batch */
    ALONE = 1,          /* bit of an item's flags: it is taken with a lease, never in a batch */
};

typedef enum { BLOCK = 0, DROP_OLDEST = 1, LATEST = 2 } Policy;

/* No sequence number comes this far. */
#define FAR (UINT64_C(1) << 63)

/* Cursor of a consumer that has closed: it takes no more, but what it has leased still counts. */
#define LEFT UINT64_MAX

/* The shape of a ring, in the order of its header and of layout.Geometry. */
typedef struct {
    uint64_t slots, stride, slot_size, ring, leases, data_offset, generation, total;
} Geometry;

enum { GEOMETRY_WORDS = sizeof(Geometry) / sizeof(uint64_t), HEADER_WORDS = GEOMETRY_WORDS + 2 };

/* The data segment begins so. Only the producer writes it. */
typedef struct {
    Word words[HEADER_WORDS]; /* magic, version, geometry */
    _Alignas(64) Word head;   /* sequence number of the next item */
    _Alignas(64) Word closed; /* 0, or head as it was on closing, plus 1 */
} Header;

/* One published item; that of item n stands at n modulo the ring. */
typedef struct {
    Word sequence; /* plus 1; 0 while the others change, and once the slot was stolen */
    Word slot;
    Word length;
    Word pts; /* two's complement */
    Word tags;
    Word reserved[3];
} Descriptor;

/* The control segment of one consumer, one page that both sides write. */
typedef struct {
    Word cursor; /* the consumer has taken all below it */
    _Alignas(64) Word consumer_waits;
    Word policy, depth; /* written by the producer before the handover */
    _Alignas(64) Word producer_waits;
    _Alignas(64) Word lost; /* items that the consumer's lossy policy has dropped */
    _Alignas(256) Word leases[MAX_LEASES]; /* 0, or sequence plus 1 of an item it holds */
} Control;

_Static_assert(offsetof(Header, head) == 128, "head");
_Static_assert(offsetof(Header, closed) == 192, "closed");
_Static_assert(sizeof(Header) <= DESCRIPTORS_AT, "header");
_Static_assert(sizeof(Descriptor) == 64, "descriptor");
_Static_assert(offsetof(Control, consumer_waits) == 64, "consumer_waits");
_Static_assert(offsetof(Control, policy) == 72, "policy");
_Static_assert(offsetof(Control, depth) == 80, "depth");
_Static_assert(offsetof(Control, producer_waits) == 128, "producer_waits");
_Static_assert(offsetof(Control, lost) == 192, "lost");
_Static_assert(offsetof(Control, leases) == 256, "leases");
_Static_assert(sizeof(Control) <= CONTROL_SIZE, "control");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a shared word must be lock-free");

/* Loads what was written before the matching publish(): pairs with it. */
static inline uint64_t
observe(const Word *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static inline void
publish(Word *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* Without any order to other words. */
static inline uint64_t
peek(const Word *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void
poke(Word *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

/* Between announcing something and looking whether the other side has noticed. Both sides do so
 * (a lease against a steal, a wait flag against a head), and the fences have one order: at least
 * one of the two sees the other. No test fails without it, at least not on x86-64: the window is
 * a few nanoseconds wide. It stays because the argument needs it. */
static inline void
full_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
