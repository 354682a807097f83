/* SPDX-License-Identifier: MIT */
/* The journal of page metadata: noting changes, and the tree of snapshots. Moving in it: moves.c. */
#include "seam/soft/state.h"

#include "lib/string.h"

/* ---- changes ---- */

void soft_journal_note(struct soft_module *module, enum soft_change_kind kind, u64 at, u64 page, u32 level,
                       const u64 value[2])
{
    struct soft_journal *journal = &module->journal;
    if (!journal->here || __atomic_load_n(&journal->used, __ATOMIC_RELAXED) > SOFT_CHANGES)
        return;
    u32 index = __atomic_fetch_add(&journal->used, 1, __ATOMIC_RELAXED);
    if (index >= SOFT_CHANGES)
        return; /* used is now above SOFT_CHANGES, and says so */
    journal->changes[index] = (struct soft_change){
        .at = at, .page = page, .level = level, .kind = kind, .value = {value[0], value[1]}};
}

bool soft_metadata_flip(struct soft_module *module, u64 at, u64 mask)
{
    const u64 value[2] = {mask, 0};
    u64 *cell = module->platform.map(module->platform.context, at, sizeof(*cell));
    if (!cell)
        return false;
    soft_journal_note(module, SOFT_CHANGE_BITS, at, 0, 0, value);
    __atomic_fetch_xor(cell, mask, __ATOMIC_ACQ_REL);
    for (; mask; mask &= mask - 1)
        soft_pamt_hash(module, at, mask & -mask, 0);
    return true;
}

bool soft_metadata_take(struct soft_module *module, u64 page)
{
    void *at = module->platform.map(module->platform.context, page, PAGE_SIZE);
    if (!at)
        return false;
    soft_journal_spoil(module, page, PAGE_SIZE, true);
    soft_journal_note(module, SOFT_CHANGE_TAKE, page, 0, 0, (const u64[2]){0, 0});
    memset(at, 0, PAGE_SIZE);
    return true;
}

bool soft_metadata_release(struct soft_module *module, u64 page)
{
    u64 *cells = module->platform.map(module->platform.context, page, PAGE_SIZE);
    if (!cells)
        return false;
    for (u64 i = 0; i < PAGE_SIZE / sizeof(*cells); i += 2) {
        u64 at = page + i * sizeof(*cells);
        if (!(cells[i] | cells[i + 1]))
            continue;
        soft_journal_note(module, SOFT_CHANGE_CELL, at, 0, 0, &cells[i]);
        soft_pamt_hash(module, at, cells[i], cells[i + 1]);
        soft_pamt_hash(module, at, 0, 0);
        cells[i] = cells[i + 1] = 0;
    }
    soft_journal_note(module, SOFT_CHANGE_RELEASE, page, 0, 0, (const u64[2]){0, 0});
    return true;
}

static bool lives_on(const struct soft_node *node, u64 base, u64 size)
{
    u32 count = node->parent ? node->pamt_ranges : node->range_count;
    for (u32 i = 0; i < count; i++)
        if (soft_overlap(base, size, node->ranges[i].base, node->ranges[i].size))
            return true;
    return false;
}

void soft_journal_spoil(struct soft_module *module, u64 base, u64 size, bool journalled)
{
    for (u32 i = 1; i < SOFT_NODES; i++) {
        struct soft_node *node = &module->journal.nodes[i];
        if (node->id && lives_on(node, base, size) && !(journalled && soft_journal_same_tree(module, i)))
            __atomic_store_n(&node->spoiled, true, __ATOMIC_RELAXED);
    }
}

/* ---- the tree ---- */

static u32 root_of(const struct soft_journal *journal, u32 node)
{
    while (journal->nodes[node].parent)
        node = journal->nodes[node].parent;
    return node;
}

bool soft_journal_same_tree(const struct soft_module *module, u32 node)
{
    const struct soft_journal *journal = &module->journal;
    return node && journal->here && root_of(journal, node) == root_of(journal, journal->here);
}

static u32 count_children(const struct soft_journal *journal, u32 parent, u32 *last)
{
    u32 count = 0;
    for (u32 i = 1; i < SOFT_NODES; i++)
        if (journal->nodes[i].id && journal->nodes[i].parent == parent) {
            *last = i;
            count++;
        }
    return count;
}

static bool on_live_path(const struct soft_journal *journal, u32 node)
{
    u32 i = journal->here;
    while (i && i != node)
        i = journal->nodes[i].parent;
    return i != 0;
}

/* Takes changes out of the journal; what stands behind moves up. */
static void cut(struct soft_journal *journal, u32 from, u32 to)
{
    u32 count = to - from;
    memmove(&journal->changes[from], &journal->changes[to],
            (journal->used - to) * sizeof(journal->changes[0]));
    for (u32 i = 1; i < SOFT_NODES; i++) {
        struct soft_node *node = &journal->nodes[i];
        if (node->id && node->from >= to) {
            node->from -= count;
            node->to -= count;
        }
    }
    journal->base -= count;
    journal->used -= count;
}

static void drop(struct soft_journal *journal, u32 node, bool with_changes)
{
    struct soft_node gone = journal->nodes[node];
    journal->nodes[node].id = 0;
    if (with_changes)
        cut(journal, gone.from, gone.to);
}

/* The live state stands on a node without snapshot or other children: its changes become the live state's. */
static bool step_back(struct soft_journal *journal, u32 node)
{
    const struct soft_node *gone = &journal->nodes[node];
    if (gone->parent && gone->to != journal->base)
        return false;
    journal->here = gone->parent;
    if (gone->parent)
        journal->base = gone->from;
    else
        journal->used = journal->base; /* nobody will ever go back */
    drop(journal, node, false);
    return true;
}

/* One child hangs on a node without snapshot. */
static bool join(struct soft_journal *journal, u32 node, u32 child_index)
{
    struct soft_node *gone = &journal->nodes[node], *child = &journal->nodes[child_index];
    if (gone->parent && gone->to == child->from) {
        child->from = gone->from;
    } else if (!gone->parent && on_live_path(journal, child_index)) {
        u32 from = child->from, to = child->to;
        child->to = child->from;
        cut(journal, from, to);
    } else {
        return false;
    }
    child->parent = gone->parent;
    drop(journal, node, false);
    return true;
}

static bool prune_node(struct soft_journal *journal, u32 node)
{
    u32 child = 0, children = count_children(journal, node, &child);
    if (children == 0 && journal->here == node)
        return step_back(journal, node);
    if (children == 0) {
        drop(journal, node, true);
        return true;
    }
    return children == 1 && journal->here != node && join(journal, node, child);
}

/* Drops what no snapshot needs. Every round removes a node. */
static void prune(struct soft_journal *journal)
{
    bool again = true;
    while (again) {
        again = false;
        for (u32 i = 1; i < SOFT_NODES; i++)
            if (journal->nodes[i].id && !journal->nodes[i].snapshot)
                again |= prune_node(journal, i);
    }
}

/* The way back from the live state is lost, and with it that to every snapshot of its tree. */
static void lose_tree(struct soft_journal *journal)
{
    u32 root = root_of(journal, journal->here);
    journal->used = journal->base;
    for (u32 i = 1; i < SOFT_NODES; i++)
        if (journal->nodes[i].id && root_of(journal, i) == root)
            journal->nodes[i].snapshot = NULL;
    journal->here = 0;
    prune(journal);
}

/* The journal may have overflowed, and snapshots been spoiled. */
void soft_journal_settle(struct soft_module *module)
{
    struct soft_journal *journal = &module->journal;
    bool lost = journal->used > SOFT_CHANGES;
    for (u32 i = journal->here; i && !lost; i = journal->nodes[i].parent)
        lost = journal->nodes[i].spoiled;
    if (lost)
        lose_tree(journal);
    for (u32 i = 1; i < SOFT_NODES; i++)
        if (journal->nodes[i].spoiled ||
            (journal->nodes[i].id && journal->nodes[root_of(journal, i)].spoiled))
            journal->nodes[i].snapshot = NULL;
    prune(journal);
}

void soft_journal_forget(struct soft_module *module, const void *snapshot)
{
    struct soft_journal *journal = &module->journal;
    soft_journal_settle(module);
    for (u32 i = 1; i < SOFT_NODES; i++)
        if (journal->nodes[i].snapshot == snapshot)
            journal->nodes[i].snapshot = NULL;
    prune(journal);
}

struct listing {
    const struct soft_module *module;
    struct soft_node *node;
    bool full;
};

static void add_range(struct listing *listing, u64 base, u64 size)
{
    struct soft_node *node = listing->node;
    listing->full |= node->range_count == SOFT_NODE_RANGES;
    if (size && !listing->full)
        node->ranges[node->range_count++] = (struct soft_range){base, size};
}

static bool is_pamt_area(const struct soft_module *module, u64 base)
{
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count * TDX_PAMT_LEVELS; i++)
        if (tdmrs[i / TDX_PAMT_LEVELS].pamt[i % TDX_PAMT_LEVELS].base == base)
            return true;
    return false;
}

static void add_pair_pages(void *context, u64 base, u64 size, enum soft_owner owner)
{
    struct listing *listing = context;
    if (owner == SOFT_OWNER_PAMT && !is_pamt_area(listing->module, base))
        add_range(listing, base, size);
}

/* The parts of the PAMTs that SYS.TDMR.INIT has written, and the pages of PAMT pairs. (A line of 64 bytes is
 * written at once, whose end no page needs yet.) False: these are too many. */
static bool list_ranges(const struct soft_module *module, struct soft_node *node)
{
    static const u64 page_bytes[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, 1 * GIB};
    struct listing listing = {module, node, false};
    bool pairs = false;
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++) {
        const struct soft_tdmr *tdmr = &tdmrs[i];
        for (u32 level = 0; level < TDX_PAMT_LEVELS; level++) {
            u64 entries = (tdmr->initialised - tdmr->base) / page_bytes[level];
            add_range(&listing, tdmr->pamt[level].base, soft_pamt_bytes(tdmr, level, entries));
        }
        pairs |= tdmr->bitmap_bits != 0;
    }
    node->pamt_ranges = node->range_count;
    if (pairs)
        soft_holdings(module, add_pair_pages, &listing);
    return !listing.full;
}

u64 soft_journal_keep(struct soft_module *module, const void *snapshot)
{
    struct soft_journal *journal = &module->journal;
    u32 free = 1;
    soft_journal_settle(module);
    while (free < SOFT_NODES && journal->nodes[free].id)
        free++;
    if (free == SOFT_NODES)
        return 0;
    struct soft_node *node = &journal->nodes[free];
    *node = (struct soft_node){.id = ++journal->last_id,
                               .snapshot = snapshot,
                               .parent = journal->here,
                               .from = journal->base,
                               .to = journal->used};
    if (!list_ranges(module, node)) {
        node->id = 0;
        return 0;
    }
    journal->base = journal->used;
    journal->here = free;
    return node->id;
}

u32 soft_journal_find(struct soft_module *module, u64 id)
{
    struct soft_journal *journal = &module->journal;
    soft_journal_settle(module);
    for (u32 i = 1; i < SOFT_NODES; i++)
        if (journal->nodes[i].id == id && journal->nodes[i].snapshot)
            return i;
    return 0;
}

/* ---- invariants ---- */

const char *soft_journal_check(const struct soft_module *module)
{
    const struct soft_journal *journal = &module->journal;
    u32 changes = 0;
    for (u32 i = 1; i < SOFT_NODES; i++) {
        const struct soft_node *node = &journal->nodes[i];
        if (!node->id)
            continue;
        if (node->from > node->to || node->to > journal->base)
            return "journal: a node's changes are among the live ones";
        if (node->parent && !journal->nodes[node->parent].id)
            return "journal: a node's parent is gone";
        changes += node->to - node->from;
    }
    if (changes != journal->base || journal->base > SOFT_CHANGES || journal->base > journal->used)
        return "journal: changes that belong to nobody";
    if (!journal->here ? journal->used != journal->base : !journal->nodes[journal->here].id)
        return "journal: the live state stands on no node";
    return NULL;
}
