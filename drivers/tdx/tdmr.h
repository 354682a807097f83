/* SPDX-License-Identifier: MIT */
/*
 * TDMRs: the map of TDX memory that SYS.CONFIG takes, and where its page metadata (PAMT) goes.
 *
 * A pure function of memory map, CMRs, free memory and the module's limits; nothing is allocated here. Plan
 * first, then allocate exactly the blocks that the plan names. What it does better than cutting one TDMR per
 * memory region:
 *
 * - Holes are what no CMR covers, not what the firmware's memory map leaves out; touching ones are one
 *   reserved area.
 * - A PAMT goes where it costs no reserved area: outside all TDMRs, at the edge of a hole, beside another
 *   PAMT.
 * - A TDMR is split when its reserved areas run out, when its PAMT doesn't fit in one free block, and when
 *   more LPs could initialise in parallel; regions are joined when there are more of them than TDMRs.
 * - If even 1 GiB has more holes than reserved areas, the smallest pieces between holes are left out, and
 *   reported.
 */
#ifndef DRIVERS_TDX_TDMR_H
#define DRIVERS_TDX_TDMR_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/range.h"
#include "lib/types.h"

#define TDMR_FIRST_ADDRESS MIB /* the first MiB is in no CMR and never TDX memory */

struct tdmr_limits {
    u16 max_tdmrs, max_reserved_per_tdmr;
    u16 pamt_entry_size[TDX_PAMT_LEVELS]; /* bytes */
};

/* Input and plan are some 20 and 40 KiB: not for a stack. */
struct tdmr_input {
    struct range_list memory; /* usable RAM, whoever uses it now; what lies in a CMR must become TDX memory */
    struct range_list free;   /* where PAMTs may be put: free blocks of the contiguous allocator */
    const struct tdx_cmr *cmrs; /* as the module reports them; empty slots are skipped */
    u32 cmr_count;
    struct tdmr_limits limits;
    u32 parallelism; /* LPs that could run TDMR.INIT at the same time; 0 or 1: no split for their sake */
};

/* PAMT of one TDMR: one block, in it the 4K, 2M and 1G tables in this order. */
struct tdmr_pamt_block {
    u64 base, size;
    u32 tdmr; /* index */
};

struct tdmr_plan {
    struct tdx_tdmr_info tdmrs[TDX_MAX_TDMRS]; /* ready for SYS.CONFIG; ascending */
    u32 count;
    struct tdmr_pamt_block pamt_blocks[TDX_MAX_TDMRS]; /* block i belongs to TDMR i */
    u32 pamt_block_count;
    u64 pamt_bytes;
    u64 tdx_bytes;                  /* usable RAM that becomes TDX memory, PAMTs not included */
    struct range_list outside_cmrs; /* warning: usable RAM above 1 MiB that no CMR covers */
    struct range_list left_out;     /* warning: usable RAM in CMRs, given up because reserved areas ran out */
};

enum tdmr_problem {
    TDMR_NO_MEMORY,   /* no usable RAM above 1 MiB lies in a CMR */
    TDMR_TOO_COMPLEX, /* more ranges than the lists hold, or limits that are 0 */
    TDMR_NO_AREAS,    /* more reserved areas than a TDMR has, and nothing left to split or leave out */
    TDMR_NO_PAMT,     /* no free block in the CMRs is large enough */
};

struct tdmr_error {
    enum tdmr_problem problem;
    u32 tdmr;            /* index; its range follows */
    u64 base, size;      /* for NO_MEMORY size is all usable RAM above 1 MiB */
    u32 needed, limit;   /* reserved areas; for NO_MEMORY needed is the number of CMRs */
    u64 wanted, largest; /* bytes of PAMT, of the largest free block in the CMRs */
};

/* False: *error says why, *plan is not to be used. Not re-entrant: it has its working memory to itself. */
bool tdmr_build(struct tdmr_plan *plan, const struct tdmr_input *input, struct tdmr_error *error);

/* One line of cause and next step. Length as format() returns it. */
size_t tdmr_error_text(const struct tdmr_error *error, char *text, size_t size);

/* One summary line, one for each TDMR that has reserved areas, and the warnings. */
void tdmr_log(const struct tdmr_plan *plan);

u32 tdmr_reserved_count(const struct tdx_tdmr_info *tdmr);
/* The i-th piece of a TDMR between its reserved areas, i = 0..16; may be empty. False: there is no such
 * piece. */
bool tdmr_piece(const struct tdx_tdmr_info *tdmr, u32 i, u64 *base, u64 *end);
/* All of [base, base+size) is in TDMRs and in no reserved area: pages that can be given to the module. */
bool tdmr_holds(const struct tdmr_plan *plan, u64 base, u64 size);

/* Bytes of PAMT of a level for so much memory, as module 1.5.01 computes them: entries x entry size, in
 * pages. */
u64 tdmr_pamt_size(u64 tdmr_size, enum tdx_pamt_level level, u16 entry_size);

#endif
