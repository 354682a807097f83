/* SPDX-License-Identifier: MIT */
#include "seam/genuine/slots.h"

#include "drivers/tdx/abi/monitor.h"
#include "lib/string.h"
#include "seam/genuine/keys_state.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/options.h"

/* Of what SEAMRR has left at power-on; the rest is for page tables. */
#define SHARE(bytes) ((bytes) / 4 * 3)

#define FLAGS_KEPT (PAGE_STALE | PAGE_OWN | PAGE_UNSEEN) /* bits 2:0 */

struct entry {
    u64 page_and_key; /* key in bits 7:0, flags in bits 10:8 */
    u32 version;
    u32 unused;
};

#define ENTRIES (PAGE_SIZE / sizeof(struct entry) - 1)

struct piece {
    struct piece *next;
    u64 count;
    struct entry entries[ENTRIES];
};
_Static_assert(sizeof(struct piece) == PAGE_SIZE, "a piece of a slot is a frame");

static struct slot {
    struct piece *pieces; /* newest first */
    struct keys_facts keys;
    struct soft_machine machine;
    struct space space;
    bool filled;
} * slots;

static struct frame_pool frames;

static void *new_frame(void)
{
    return heap_take(PAGE_SIZE, PAGE_SIZE);
}

void slots_prepare(void)
{
    slots = heap_need(MONITOR_SLOTS * sizeof(*slots), 64, "snapshots of the module");
    frame_pool_init(&frames, SHARE(heap_left()) / PAGE_SIZE, new_frame);
    page_versions_init(&keys.versions, &frames);
}

/* ---- what is in a slot ---- */

static struct entry *new_entry(struct slot *slot)
{
    struct piece *piece = slot->pieces;
    if (!piece || piece->count == ENTRIES) {
        piece = frame_pool_get(&frames);
        if (!piece)
            return NULL;
        piece->next = slot->pieces;
        piece->count = 0;
        slot->pieces = piece;
    }
    return &piece->entries[piece->count++];
}

static u64 page_of(const struct entry *entry)
{
    return align_down(entry->page_and_key, PAGE_SIZE);
}

static void each_entry(const struct slot *slot, void (*each)(void *context, const struct entry *entry),
                       void *context)
{
    for (struct piece *piece = slot->pieces; piece; piece = piece->next)
        for (u64 i = 0; i < piece->count; i++)
            each(context, &piece->entries[i]);
}

static void drop_version(void *context, const struct entry *entry)
{
    (void)context;
    page_versions_drop(&keys.versions, entry->version);
}

static void empty(struct slot *slot)
{
    each_entry(slot, drop_version, NULL);
    for (struct piece *piece = slot->pieces, *next; piece; piece = next) {
        next = piece->next;
        frame_pool_put(&frames, piece);
    }
    slot->pieces = NULL;
    slot->filled = false;
}

/* ---- taking ---- */

/* May its contents differ from record->version? Asking is forgetting. */
static bool was_written(u64 page, struct page_record *record)
{
    bool noted = module_npt_written(module_npt_address(page, record->key), true);
    bool written = noted || keys.notes_missing || (record->flags & (PAGE_WRITTEN | PAGE_UNSEEN));
    record->flags &= (u8)~PAGE_WRITTEN;
    return written;
}

/* False: no memory. */
static bool renew_version(u64 page, struct page_record *record)
{
    bool written = was_written(page, record);
    if (record->version &&
        (!written || page_versions_is(&keys.versions, record->version, (const void *)page)))
        return true;
    u32 version = page_versions_keep(&keys.versions, (const void *)page);
    if (!version) {
        record->flags |= PAGE_WRITTEN;
        return false;
    }
    page_versions_drop(&keys.versions, record->version);
    record->version = version;
    return true;
}

struct taking {
    struct slot *slot;
    bool failed;
};

static void take_page(void *context, u64 page, struct page_record *record)
{
    struct taking *taking = context;
    if (taking->failed || !page_is_kept(record))
        return;
    struct entry *entry = renew_version(page, record) ? new_entry(taking->slot) : NULL;
    taking->failed = !entry;
    if (!entry)
        return;
    u64 flags = record->flags & FLAGS_KEPT;
    entry->page_and_key = page | flags << 8 | record->key;
    entry->version = page_versions_share(&keys.versions, record->version);
}

static bool take(struct slot *slot, const struct soft_machine *facts)
{
    struct taking taking = {.slot = slot};
    empty(slot);
    page_records_each(&keys.records, take_page, &taking);
    seam_flush_others(lp_current()); /* so that the next write is noted again */
    if (taking.failed) {
        empty(slot);
        return false;
    }
    slot->keys = keys.facts;
    slot->machine = *facts;
    slot->space = seam_space;
    slot->filled = true;
    return true;
}

bool slots_take(u32 number, const struct soft_machine *facts)
{
    bool done = false;
    if (options.no_snapshots) {
        log_line("snapshots are switched off");
    } else if (seam_stopped()) {
        log_line("the module has stopped");
    } else {
        lock_take(&keys.lock);
        done = take(&slots[number], facts);
        lock_release(&keys.lock);
        if (!done)
            log_line("SEAMRR has no room left for it: %lu KiB hold the others (seamrr= can make it larger)",
                     frames.used * PAGE_SIZE / KIB);
    }
    return done;
}

/* ---- restoring ---- */

struct restoring {
    struct lp *lp;
    bool other_areas;
    u64 copied, taken, given;
};

static void mark(void *context, const struct entry *entry)
{
    (void)context;
    page_records_find(&keys.records, page_of(entry))->flags |= PAGE_MARKED;
}

/* What isn't in the snapshot is the host's. */
static void release(void *context, u64 page, struct page_record *record)
{
    struct restoring *r = context;
    if (record->flags & PAGE_MARKED)
        return;
    bool kept = page_is_kept(record);
    keys_take_away(r->lp, page, record);
    if (!kept)
        return;
    r->given++;
    if (!tdmr_areas_in_pamt(&keys.facts.areas, page))
        handover_junk_to_host(page, PAGE_SIZE);
}

static void put_contents(struct restoring *r, const struct entry *entry, struct page_record *record,
                         bool same)
{
    u64 page = page_of(entry);
    bool written = was_written(page, record);
    if (same && !written && record->version == entry->version)
        return;
    page_versions_copy(&keys.versions, entry->version, (void *)page);
    page_versions_share(&keys.versions, entry->version);
    page_versions_drop(&keys.versions, record->version);
    record->version = entry->version;
    r->copied++;
}

static void put_back(void *context, const struct entry *entry)
{
    struct restoring *r = context;
    u64 page = page_of(entry);
    struct page_record *record = page_records_find(&keys.records, page);
    u8 key = (u8)entry->page_and_key, flags = entry->page_and_key >> 8 & FLAGS_KEPT;
    bool was_kept = page_is_kept(record), written;
    put_contents(r, entry, record, was_kept);
    if (record->key != key || (record->flags & PAGE_FOREIGN))
        module_npt_take_away(page, &written);
    *record = (struct page_record){.key = key, .flags = flags, .version = record->version};
    if ((flags & PAGE_OWN) || (was_kept && !r->other_areas))
        return;
    if (!tdmr_areas_in_pamt(&keys.facts.areas, page))
        handover_to_module(r->lp, page);
    r->taken += !was_kept;
}

/* PAMTs that are elsewhere: all of the old ones are the host's, but for what put_back() takes again. */
static void exchange_areas(struct restoring *r, const struct keys_facts *facts)
{
    r->other_areas = memcmp(&keys.facts.areas, &facts->areas, sizeof(facts->areas)) != 0;
    if (r->other_areas)
        handover_pamts_to_host();
    keys.facts = *facts;
    if (r->other_areas)
        handover_pamts_to_module(r->lp);
}

static void restore(struct restoring *r, const struct slot *slot)
{
    each_entry(slot, mark, NULL);
    page_records_each(&keys.records, release, r);
    exchange_areas(r, &slot->keys);
    each_entry(slot, put_back, r);
    seam_flush_others(r->lp);
}

bool slots_are_filled(u32 number)
{
    if (!slots[number].filled)
        log_line("the slot is empty");
    return slots[number].filled;
}

void slots_restore(u32 number, struct soft_machine *facts)
{
    const struct slot *slot = &slots[number];
    struct restoring restoring = {.lp = lp_current()};
    lock_take(&keys.lock);
    restore(&restoring, slot);
    lock_release(&keys.lock);
    *facts = slot->machine;
    seam_space = slot->space;
    seam_revive();
    restoring.lp->counters[MONITOR_COUNT_PAGES_RESTORED] += restoring.copied;
    if (options.verbose)
        log_line("slot %u: %lu pages copied, %lu taken from the host, %lu given back", number,
                 restoring.copied, restoring.taken, restoring.given);
}
