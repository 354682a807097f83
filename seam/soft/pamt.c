/* SPDX-License-Identifier: MIT */
/* Page metadata: finding, locking and reading PAMT entries. They live in the memory that the host gave for
 * it. */
#include "seam/soft/dpamt.h"

#include "lib/string.h"

#define ENTRY_SHARED 4u /* one shared holder; bit 1, host priority, only concerns guests */

static const u64 page_bytes[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, 1 * GIB};

struct soft_tdmr *soft_tdmr_of(struct soft_module *module, u64 pa)
{
    for (u32 i = 0; i < module->tdmr_count; i++) {
        struct soft_tdmr *tdmr = &module->tdmrs[i];
        if (pa >= tdmr->base && pa - tdmr->base < tdmr->size)
            return tdmr;
    }
    return NULL;
}

struct soft_tdmr *soft_tdmr_usable(struct soft_module *module, u64 pa)
{
    struct soft_tdmr *tdmr = soft_tdmr_of(module, pa);
    if (!tdmr || pa >= align_down(__atomic_load_n(&tdmr->initialised, __ATOMIC_ACQUIRE), GIB))
        return NULL;
    return tdmr;
}

u64 soft_pamt_bytes(const struct soft_tdmr *tdmr, enum tdx_pamt_level level, u64 entries)
{
    if (level == TDX_PAMT_4K && tdmr->bitmap_bits)
        return entries * tdmr->bitmap_bits / 8;
    return entries * TDX_PAMT_ENTRY_BYTES;
}

u64 soft_pamt_at(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa,
                 enum tdx_pamt_level level)
{
    if (level == TDX_PAMT_4K && tdmr->bitmap_bits)
        return soft_pair_entry_at(module, tdmr, pa);
    return tdmr->pamt[level].base + (pa - tdmr->base) / page_bytes[level] * TDX_PAMT_ENTRY_BYTES;
}

u64 soft_pamt_owner(const struct soft_pamt_entry *entry)
{
    u64 frame = 0;
    memcpy(&frame, entry->owner, sizeof(entry->owner));
    return frame * PAGE_SIZE;
}

/* An order-free sum of everything that differs from an initialised PAMT. */
void soft_pamt_hash(struct soft_module *module, u64 at, u64 first, u64 second)
{
    const u64 words[] = {at, first, second};
    u64 hash = 0;
    for (u32 i = 0; i < ARRAY_COUNT(words); i++) {
        hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15ull;
        hash ^= hash >> 29;
    }
    __atomic_fetch_xor(&module->pamt_hash, hash * 0xBF58476D1CE4E5B9ull, __ATOMIC_RELAXED);
}

struct value {
    u64 words[2];
};

/* What an entry says, without its lock */
static struct value value_of(const struct soft_pamt_entry *entry, u64 bepoch)
{
    struct value value;
    memcpy(value.words, entry, sizeof(value.words));
    value.words[0] &= ~(u64)0xFFFF;
    value.words[1] = bepoch;
    return value;
}

static void note_before(struct soft_module *module, const struct soft_pamt_walk *walk, struct value old)
{
    soft_journal_note(module, SOFT_CHANGE_ENTRY, walk->at, align_down(walk->page, page_bytes[walk->level]),
                      walk->level, old.words);
}

static void hash_change(struct soft_module *module, u64 at, struct value old, struct value new)
{
    soft_pamt_hash(module, at, old.words[0], old.words[1]);
    soft_pamt_hash(module, at, new.words[0], new.words[1]);
}

void soft_pamt_set(struct soft_module *module, const struct soft_pamt_walk *walk, u8 type, u64 owner,
                   u64 bepoch)
{
    struct soft_pamt_entry *entry = walk->entries[walk->level];
    u64 frame = owner / PAGE_SIZE;
    struct value old = value_of(entry, entry->bepoch);
    note_before(module, walk, old);
    memcpy(entry->owner, &frame, sizeof(entry->owner));
    entry->bepoch = bepoch;
    __atomic_store_n(&entry->type, type, __ATOMIC_RELEASE);
    hash_change(module, walk->at, old, value_of(entry, bepoch));
}

/* Others may add at the same time. Noted before it happens: so the first note of several holds the oldest
 * value. */
void soft_pamt_add(struct soft_module *module, const struct soft_pamt_walk *walk, u64 delta)
{
    struct soft_pamt_entry *entry = walk->entries[walk->level];
    u64 old = __atomic_load_n(&entry->bepoch, __ATOMIC_ACQUIRE);
    do
        note_before(module, walk, value_of(entry, old));
    while (!__atomic_compare_exchange_n(&entry->bepoch, &old, old + delta, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE));
    hash_change(module, walk->at, value_of(entry, old), value_of(entry, old + delta));
}

static bool lock_entry(struct soft_pamt_entry *entry, bool exclusive)
{
    if (exclusive) {
        u16 free = 0;
        return __atomic_compare_exchange_n(&entry->lock, &free, SOFT_PAMT_ENTRY_EXCLUSIVE, false,
                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }
    if (!(__atomic_fetch_add(&entry->lock, ENTRY_SHARED, __ATOMIC_ACQUIRE) & SOFT_PAMT_ENTRY_EXCLUSIVE))
        return true;
    __atomic_fetch_sub(&entry->lock, ENTRY_SHARED, __ATOMIC_RELEASE);
    return false;
}

/* Is this where the way to a page ends? Read again once the entry is locked. */
static bool is_leaf(const struct soft_tdmr *tdmr, const struct soft_pamt_entry *entry, int level)
{
    u8 type = __atomic_load_n(&entry->type, __ATOMIC_ACQUIRE);
    return level == TDX_PAMT_4K || type == TDX_PAGE_REG ||
           (level == TDX_PAMT_2M && tdmr->bitmap_bits && type != SOFT_PAGE_PAMT);
}

/* One step down. *leaf: it is the last one, there or by the entry's type. */
static bool step(const struct soft_request *request, struct soft_pamt_walk *walk, int level, bool exclusive,
                 bool *leaf)
{
    const struct soft_module *module = request->module;
    u64 at = soft_pamt_at(module, walk->tdmr, walk->page, level);
    struct soft_pamt_entry *entry = module->platform.map(module->platform.context, at, TDX_PAMT_ENTRY_BYTES);
    if (!entry) {
        soft_stop(request, "a PAMT that was there when it was initialised is gone");
        return false;
    }
    bool stop = *leaf, last = stop || is_leaf(walk->tdmr, entry, level);
    if (!lock_entry(entry, last && exclusive))
        return false;
    walk->entries[level] = entry;
    walk->level = level;
    walk->at = at;
    walk->exclusive = last && exclusive;
    *leaf = last;
    return stop || last == is_leaf(walk->tdmr, entry, level); /* else it has changed meanwhile */
}

static bool walk_to(const struct soft_request *request, struct soft_tdmr *tdmr, u64 pa, int stop,
                    bool exclusive, struct soft_pamt_walk *walk)
{
    bool leaf = false;
    *walk = (struct soft_pamt_walk){.level = TDX_PAMT_LEVELS, .tdmr = tdmr, .page = pa};
    for (int level = TDX_PAMT_1G; !leaf; level--) {
        leaf = level == stop;
        if (!step(request, walk, level, exclusive, &leaf)) {
            soft_pamt_release(walk);
            return false;
        }
    }
    return true;
}

bool soft_pamt_walk(const struct soft_request *request, struct soft_tdmr *tdmr, u64 pa, bool exclusive,
                    struct soft_pamt_walk *walk)
{
    return walk_to(request, tdmr, pa, TDX_PAMT_4K, exclusive, walk);
}

bool soft_pamt_walk_region(const struct soft_request *request, struct soft_tdmr *tdmr, u64 pa,
                           struct soft_pamt_walk *walk)
{
    return walk_to(request, tdmr, pa, TDX_PAMT_2M, true, walk);
}

void soft_pamt_release(struct soft_pamt_walk *walk)
{
    for (u32 level = walk->level; level < TDX_PAMT_LEVELS; level++) {
        bool exclusive = walk->exclusive && level == walk->level;
        __atomic_fetch_sub(&walk->entries[level]->lock, exclusive ? SOFT_PAMT_ENTRY_EXCLUSIVE : ENTRY_SHARED,
                           __ATOMIC_RELEASE);
    }
}
