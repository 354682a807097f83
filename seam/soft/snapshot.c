/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: a copy of everything in struct soft_module but its journal, and for the page metadata a node in
 * the journal's tree. A snapshot that was taken before any PAMT was initialised needs no node.
 */
#include "seam/soft/state.h"

#include "lib/string.h"

#define SNAPSHOT_MAGIC 0x746F687370616E73ull

struct snapshot {
    u64 magic;
    const struct soft_module *module;
    u64 id; /* of the node, 0: no PAMT was initialised */
    u64 reserved[5];
    u8 life[SOFT_LIFE_BYTES];
};

size_t soft_snapshot_size(void)
{
    return sizeof(struct snapshot);
}

bool soft_pamt_initialised(const struct soft_module *module)
{
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++)
        if (tdmrs[i].initialised != tdmrs[i].base)
            return true;
    return false;
}

bool soft_snapshot(struct soft_module *module, void *at)
{
    struct snapshot *snapshot = at;
    snapshot->magic = 0;
    soft_journal_forget(module, snapshot);
    if (!module->powered || module->fatal)
        return false;
    snapshot->module = module;
    snapshot->id = 0;
    if (soft_pamt_initialised(module)) {
        snapshot->id = soft_journal_keep(module, snapshot);
        if (!snapshot->id)
            return false;
    }
    memcpy(snapshot->life, module, SOFT_LIFE_BYTES);
    snapshot->magic = SNAPSHOT_MAGIC;
    return true;
}

/* The platform is the machine's, not the snapshot's. */
static void load(struct soft_module *module, const struct snapshot *snapshot)
{
    struct soft_platform platform = module->platform;
    memcpy(module, snapshot->life, SOFT_LIFE_BYTES);
    module->platform = platform;
}

/* ---- from one life to another: who owns what, before and after ---- */

static void collect(void *context, u64 base, u64 size, enum soft_owner owner)
{
    struct soft_runs *runs = context;
    if (runs->count == SOFT_RUNS)
        runs->overflow = true;
    else
        runs->runs[runs->count++] = (struct soft_run){base, size, owner};
}

static void list_holdings(const struct soft_module *module, struct soft_runs *runs)
{
    runs->count = 0;
    runs->overflow = false;
    soft_holdings(module, collect, runs);
}

static void tell(struct soft_module *module, u64 base, u64 size, enum soft_owner owner)
{
    if (size)
        module->platform.owner_changed(module->platform.context, base, size, owner);
}

/* The first run of this owner that reaches beyond at, by its base; NULL: none. */
static const struct soft_run *next_run(const struct soft_runs *runs, u64 at, u32 owner)
{
    const struct soft_run *next = NULL;
    for (u32 i = 0; i < runs->count; i++) {
        const struct soft_run *run = &runs->runs[i];
        if (run->owner == owner && run->base + run->size > at && (!next || run->base < next->base))
            next = run;
    }
    return next;
}

/* Tells the parts of a run that aren't in others with the same owner. */
static void tell_rest(struct soft_module *module, const struct soft_run *run, const struct soft_runs *others,
                      enum soft_owner owner)
{
    u64 at = run->base, end = run->base + run->size;
    while (at < end) {
        const struct soft_run *other = next_run(others, at, run->owner);
        u64 stop = other ? min_u64(max_u64(other->base, at), end) : end;
        tell(module, at, stop - at, owner);
        at = other ? min_u64(max_u64(other->base + other->size, at), end) : end;
    }
}

static void tell_owner(void *context, u64 base, u64 size, enum soft_owner owner)
{
    tell(context, base, size, owner);
}

/* Too many runs for the lists: everything goes back, or is taken, whether it differs or not. */
static void tell_difference(struct soft_module *module)
{
    struct soft_runs *before = &module->journal.before, *after = &module->journal.after;
    if (after->overflow)
        after->count = 0;
    for (u32 i = 0; i < before->count; i++)
        tell_rest(module, &before->runs[i], after, SOFT_OWNER_HOST);
    if (after->overflow)
        soft_holdings(module, tell_owner, module);
    for (u32 i = 0; i < after->count; i++)
        tell_rest(module, &after->runs[i], before, after->runs[i].owner);
}

static void note_holdings(struct soft_module *module)
{
    struct soft_runs *before = &module->journal.before;
    list_holdings(module, before);
    if (!before->overflow)
        return;
    soft_give_everything_back(module);
    before->count = 0;
}

static void change_life(struct soft_module *module, const struct snapshot *snapshot, u32 node)
{
    note_holdings(module);
    if (soft_journal_same_tree(module, node)) {
        soft_journal_move(module, node, false);
    } else {
        soft_journal_leave(module);
        if (node)
            soft_journal_enter(module, node);
    }
    load(module, snapshot);
    list_holdings(module, &module->journal.after);
    tell_difference(module);
}

bool soft_restore(struct soft_module *module, void *at)
{
    const struct snapshot *snapshot = at;
    u32 node = 0;
    if (snapshot->magic != SNAPSHOT_MAGIC || snapshot->module != module)
        return false;
    if (snapshot->id) {
        node = soft_journal_find(module, snapshot->id);
        if (!node)
            return false;
    }
    if (soft_journal_same_tree(module, node) && soft_journal_plain(module, node)) {
        soft_journal_move(module, node, true);
        load(module, snapshot);
    } else {
        change_life(module, snapshot, node);
    }
    return true;
}

/* ---- changes in mid-life ---- */

struct soft_knobs *soft_live_knobs(struct soft_module *module)
{
    module->meddled = true;
    return &module->knobs;
}

struct soft_machine *soft_live_machine(struct soft_module *module)
{
    module->meddled = true;
    return &module->machine;
}
