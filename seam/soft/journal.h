/* SPDX-License-Identifier: MIT */
/*
 * How single changes of page metadata are taken back. PAMTs live in the guest's memory and are too large to
 * be copied, so a snapshot doesn't hold them; the journal holds what has changed since.
 *
 * Snapshots that were taken on one initialised PAMT form a tree, each a node. A node's changes lead from its
 * parent to it; the live state stands on one node and has changed things since. A change is stored so that
 * applying it a second time takes it back, which is why the same journal serves both directions. Memory of a
 * tree that the live state isn't in always stands at the tree's root: what comes after that the host may use
 * again.
 *
 * soft_journal_note() and soft_journal_spoil() may run on all LPs at once, everything else when all are
 * outside.
 */
#ifndef SEAM_SOFT_JOURNAL_H
#define SEAM_SOFT_JOURNAL_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

#define SOFT_CHANGES 98304u /* 3 MiB; a pool of 65,536 pages fits */
#define SOFT_NODES   32u    /* number 0 means none */
#define SOFT_RUNS    1024u

#define SOFT_NODE_RANGES (TDX_MAX_TDMRS * TDX_PAMT_LEVELS + 64u)

struct soft_module;

struct soft_range {
    u64 base, size;
};

enum soft_change_kind {
    SOFT_CHANGE_ENTRY,   /* a PAMT entry but for its lock; value is exchanged with it */
    SOFT_CHANGE_BITS,    /* 8 bytes; value[0] has the bits that differ */
    SOFT_CHANGE_CELL,    /* an entry of a page that is about to be released; value is exchanged with it */
    SOFT_CHANGE_TAKE,    /* a page starts to hold entries, as zeros; backwards it needs nothing */
    SOFT_CHANGE_RELEASE, /* a page of zeros stops holding entries; backwards it is zeroed, since the host had
                            it */
};

struct soft_change {
    u64 at; /* physical address */
    u64 page : 52, level : 2, kind : 3, first : 1;
    u64 value[2];
};
_Static_assert(sizeof(struct soft_change) == 32, "the journal's size");

struct soft_node {
    u64 id; /* 0: unused */
    const void
        *snapshot; /* where it is, for comparing only; NULL: overwritten, but others hang on the node */
    bool spoiled;  /* its PAMT memory was written otherwise */
    u32 parent;    /* 0: a root */
    u32 from, to;  /* its changes */
    u32 range_count;
    u32 pamt_ranges; /* so many of them are PAMTs; a child's pairs are the journal's affair */
    struct soft_range ranges[SOFT_NODE_RANGES]; /* initialised parts of the PAMTs, pages of PAMT pairs */
};

/* Memory that is the module's */
struct soft_run {
    u64 base, size;
    u32 owner; /* enum soft_owner */
};

struct soft_runs {
    u32 count;
    bool overflow;
    struct soft_run runs[SOFT_RUNS];
};

struct soft_journal {
    u64 last_id;
    u32 here; /* node that the live state stands on, 0: none, nothing is journalled */
    u32 base; /* changes below belong to nodes, ... */
    u32 used; /* ... those from base on are the live state's; above SOFT_CHANGES: some are lost */
    struct soft_node nodes[SOFT_NODES];
    struct soft_runs before, after; /* room for soft_restore() to work in */
    struct soft_change changes[SOFT_CHANGES];
};

/*
 * Page metadata that isn't a PAMT entry (those: soft_pamt_set()) changes here and nowhere else. The caller
 * keeps others from changing the same. False: there is no memory.
 *
 * - Bits in 8 bytes: the page bitmap of Dynamic PAMT.
 * - A page of 4 KiB becomes one of a PAMT pair: zeroed.
 * - It stops being one: zeroed too, before it is the host's.
 */
bool soft_metadata_flip(struct soft_module *module, u64 at, u64 mask);
bool soft_metadata_take(struct soft_module *module, u64 page);
bool soft_metadata_release(struct soft_module *module, u64 page);

/* value: as it was before (ENTRY, CELL), or the bits that change. */
void soft_journal_note(struct soft_module *module, enum soft_change_kind kind, u64 at, u64 page, u32 level,
                       const u64 value[2]);

/* Memory is about to be written otherwise: no snapshot that lives on it can be restored any more. journalled:
 * those of the live state's tree can. */
void soft_journal_spoil(struct soft_module *module, u64 base, u64 size, bool journalled);

/* The live state becomes a node; 0: there is no room. snapshot: its address. */
u64 soft_journal_keep(struct soft_module *module, const void *snapshot);

/* The snapshot at this address won't be used any more. */
void soft_journal_forget(struct soft_module *module, const void *snapshot);

/* Node of a snapshot that can be restored, else 0. */
u32 soft_journal_find(struct soft_module *module, u64 id);
bool soft_journal_same_tree(const struct soft_module *module, u32 node);

/*
 * Page metadata as at a node of the live state's tree. report: owner_changed() hears what that makes of
 * pages; possible only if pages' entries didn't move on the way, which soft_journal_plain() says.
 */
void soft_journal_move(struct soft_module *module, u32 node, bool report);
bool soft_journal_plain(struct soft_module *module, u32 node);

/* Looks after what happened while SEAMCALLs ran. */
void soft_journal_settle(struct soft_module *module);

/* The live state's end: page metadata as at the root of its tree. */
void soft_journal_leave(struct soft_module *module);

/* After soft_journal_leave(): page metadata as at a node of any tree. Owners aren't reported. */
void soft_journal_enter(struct soft_module *module, u32 node);

/* NULL, or what is wrong with the journal itself. */
const char *soft_journal_check(const struct soft_module *module);

#endif
