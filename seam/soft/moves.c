/* SPDX-License-Identifier: MIT */
/*
 * Moving page metadata from one node of the journal's tree to another. Applying a change stores what it
 * replaced, so a way can be walked in both directions. A page that changed hands is reported once, whatever
 * happened to it on the way: the first change met on the way holds what its entry was at the start, memory
 * what it is at the end.
 */
#include "seam/soft/state.h"

#include "lib/string.h"

/* Changes from .. to-1; backwards undoes them. */
struct step {
    u32 from, to;
    bool backwards;
};

struct way {
    u32 count;
    struct step steps[2 * SOFT_NODES];
};

static void add_step(struct way *way, u32 from, u32 to, bool backwards)
{
    if (from != to)
        way->steps[way->count++] = (struct step){from, to, backwards};
}

/* ---- walking ---- */

typedef void (*visit_change)(struct soft_module *module, struct soft_change *change, bool backwards,
                             void *context);

static void walk(struct soft_module *module, const struct way *way, visit_change visit, void *context)
{
    struct soft_change *changes = module->journal.changes;
    for (u32 i = 0; i < way->count; i++) {
        const struct step *step = &way->steps[i];
        for (u32 j = step->from; j < step->to; j++)
            visit(module, &changes[step->backwards ? step->to - 1 - (j - step->from) : j], step->backwards,
                  context);
    }
}

static void *map(const struct soft_module *module, const struct soft_change *change)
{
    return module->platform.map(module->platform.context, change->at, sizeof(change->value));
}

/* All but the entry's lock, which serves as a mark that this entry was met before. */
static void apply_to_entry(struct soft_change *change, struct soft_pamt_entry *entry)
{
    struct soft_pamt_entry old = *entry, new;
    memcpy(&new, change->value, sizeof(new));
    change->first = old.lock == 0;
    new.lock = SOFT_PAMT_ENTRY_EXCLUSIVE;
    memcpy(change->value, &old, sizeof(old));
    *entry = new;
}

static void apply_to_cell(struct soft_change *change, u64 cell[2])
{
    struct soft_pamt_entry old;
    memcpy(&old, cell, sizeof(old));
    old.lock = 0; /* it may be marked */
    memcpy(cell, change->value, sizeof(old));
    memcpy(change->value, &old, sizeof(old));
}

static void apply(struct soft_module *module, struct soft_change *change, bool backwards, void *context)
{
    u64 *cell = map(module, change);
    (void)context;
    if (!cell)
        return;
    switch ((enum soft_change_kind)change->kind) {
    case SOFT_CHANGE_ENTRY:
        apply_to_entry(change, (struct soft_pamt_entry *)cell);
        return;
    case SOFT_CHANGE_BITS:
        cell[0] ^= change->value[0];
        return;
    case SOFT_CHANGE_CELL:
        apply_to_cell(change, cell);
        return;
    case SOFT_CHANGE_TAKE:
    case SOFT_CHANGE_RELEASE:
        if (backwards != (change->kind == SOFT_CHANGE_RELEASE))
            return;
        soft_journal_spoil(module, change->at, PAGE_SIZE, true);
        memset(cell, 0, PAGE_SIZE);
        return;
    }
}

static void unmark(struct soft_module *module, struct soft_change *change, bool backwards, void *context)
{
    struct soft_pamt_entry *entry = change->kind == SOFT_CHANGE_ENTRY ? map(module, change) : NULL;
    (void)backwards;
    (void)context;
    if (entry)
        entry->lock = 0;
}

/* ---- reporting ---- */

struct report {
    bool gives_back; /* this round: pages that are the host's again; else those that became the module's */
    struct soft_run run;
};

static void flush(struct soft_module *module, struct report *report)
{
    const struct soft_run *run = &report->run;
    if (run->size)
        module->platform.owner_changed(module->platform.context, run->base, run->size, run->owner);
    report->run.size = 0;
}

/* Runs grow at both ends, since changes are undone backwards. */
static void report_range(struct soft_module *module, struct report *report, struct soft_range range,
                         enum soft_owner owner)
{
    struct soft_run *run = &report->run;
    bool below = range.base + range.size == run->base, above = run->base + run->size == range.base;
    if (run->size && (run->owner != owner || !(below || above)))
        flush(module, report);
    if (!run->size || below)
        run->base = range.base;
    run->size += range.size;
    run->owner = owner;
}

static void compare(struct soft_module *module, struct soft_change *change, bool backwards, void *context)
{
    struct report *report = context;
    struct soft_pamt_entry old;
    const struct soft_pamt_entry *new = map(module, change);
    (void)backwards;
    if (change->kind != SOFT_CHANGE_ENTRY || !change->first || !new)
        return;
    memcpy(&old, change->value, sizeof(old));
    struct soft_holding before = soft_holding(&old, change->page, change->level);
    struct soft_holding after = soft_holding(new, change->page, change->level);
    if (before.owner == after.owner && memcmp(before.ranges, after.ranges, sizeof(before.ranges)) == 0)
        return;
    const struct soft_holding *holding = report->gives_back ? &before : &after;
    for (u32 i = 0; i < ARRAY_COUNT(holding->ranges); i++)
        if (holding->ranges[i].size)
            report_range(module, report, holding->ranges[i],
                         report->gives_back ? SOFT_OWNER_HOST : holding->owner);
}

static void report_changes(struct soft_module *module, const struct way *way)
{
    struct report report = {.gives_back = true};
    walk(module, way, compare, &report);
    flush(module, &report);
    report.gives_back = false;
    walk(module, way, compare, &report);
    flush(module, &report);
}

/* ---- ways ---- */

static bool is_ancestor(const struct soft_journal *journal, u32 ancestor, u32 node)
{
    while (node && node != ancestor)
        node = journal->nodes[node].parent;
    return node == ancestor;
}

/* From the live state up to the first node that is target or above it. */
static u32 find_up(const struct soft_journal *journal, u32 target, struct way *way)
{
    u32 node = journal->here;
    add_step(way, journal->base, journal->used, true);
    while (!is_ancestor(journal, node, target)) {
        add_step(way, journal->nodes[node].from, journal->nodes[node].to, true);
        node = journal->nodes[node].parent;
    }
    return node;
}

static void find_down(const struct soft_journal *journal, u32 from, u32 target, struct way *way)
{
    u32 path[SOFT_NODES], length = 0;
    for (u32 i = target; i != from; i = journal->nodes[i].parent)
        path[length++] = i;
    while (length--)
        add_step(way, journal->nodes[path[length]].from, journal->nodes[path[length]].to, false);
}

static void go(struct soft_module *module, const struct way *way, bool report)
{
    walk(module, way, apply, NULL);
    if (report)
        report_changes(module, way);
    walk(module, way, unmark, NULL);
    module->journal.used = module->journal.base;
}

void soft_journal_move(struct soft_module *module, u32 node, bool report)
{
    struct way way = {0};
    u32 common = find_up(&module->journal, node, &way);
    find_down(&module->journal, common, node, &way);
    go(module, &way, report);
    module->journal.here = node;
}

static void look_for_moved(struct soft_module *module, struct soft_change *change, bool backwards,
                           void *context)
{
    (void)module;
    (void)backwards;
    *(bool *)context &= change->kind == SOFT_CHANGE_ENTRY; /* only those are reported page by page */
}

bool soft_journal_plain(struct soft_module *module, u32 node)
{
    struct way way = {0};
    bool plain = true;
    u32 common = find_up(&module->journal, node, &way);
    find_down(&module->journal, common, node, &way);
    walk(module, &way, look_for_moved, &plain);
    return plain;
}

void soft_journal_leave(struct soft_module *module)
{
    struct soft_journal *journal = &module->journal;
    struct way way = {0};
    soft_journal_settle(module);
    if (!journal->here)
        return;
    u32 root = journal->here;
    while (journal->nodes[root].parent)
        root = journal->nodes[root].parent;
    find_up(journal, root, &way);
    go(module, &way, false);
    journal->here = 0;
    soft_journal_settle(module);
}

void soft_journal_enter(struct soft_module *module, u32 node)
{
    struct soft_journal *journal = &module->journal;
    struct way way = {0};
    u32 root = node;
    while (journal->nodes[root].parent)
        root = journal->nodes[root].parent;
    find_down(journal, root, node, &way);
    journal->here = node;
    go(module, &way, false);
}
