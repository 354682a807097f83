/* SPDX-License-Identifier: MIT */
/*
 * SEAMCALL: one call, and the three ways in which a leaf that stopped early is resumed.
 *
 * A result is the module's raw 64-bit status, or one of software's own when the instruction itself failed
 * (TDX_VMFAIL_INVALID, TDX_FAULT_GP, TDX_FAULT_UD). Nothing here turns it into anything smaller.
 *
 * Source: ABI spec 348551 (operands), Linux patch v2 review (resumption, entropy retries).
 */
#ifndef DRIVERS_TDX_SEAMCALL_H
#define DRIVERS_TDX_SEAMCALL_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

/* Operands, in and out. A leaf leaves the registers it doesn't define as it found them. */
struct seamcall_args {
    u64 rcx, rdx, r8, r9, r10, r11;
    u8 version; /* 0 unless the caller needs what a later version brought; not written */
};

/* RAX for a leaf and version; all other bits are 0, which is what every known module wants. */
static inline u64 seamcall_rax(u16 leaf, u8 version)
{
    return (u64)version << TDX_RAX_VERSION_SHIFT | leaf;
}

/* One SEAMCALL on this LP; *args is overwritten with the outputs unless the result is one of software's own.
 */
u64 seamcall_once(u16 leaf, struct seamcall_args *args);

/* Any RAX, for tests of reserved bits and versions. Counted under its leaf number. */
u64 seamcall_raw(u64 rax, struct seamcall_args *args);

/* Like seamcall_once(), but tries ten times in all when the module is short of entropy; each try has the same
 * inputs. */
u64 seamcall(u16 leaf, struct seamcall_args *args);

/* How long a resumable leaf may go on, and what it did. */
struct resume {
    u64 max_attempts;
    u64 max_us;
    u64 attempts; /* out: calls made */
    u64 resumes;  /* out: of these, how many continued an interrupted one */
    bool gave_up; /* out: a bound was reached; the status is the last one seen */
};

/*
 * Resumption, three conventions (never to be mixed up). All run with interrupts enabled between attempts,
 * because a resumable leaf returns when one is pending and would return at once for ever if it were never
 * taken.
 *
 * outputs: the module writes its progress to the operand registers; the next call gets them back as they are.
 *          progress() says how far *args has got; no growth for RESUME_STALLS calls in a row is giving up.
 * inputs:  the module keeps the context; the next call repeats the original operands.
 * flag:    the next call repeats the original operands with RCX = 1.
 */
#define RESUME_STALLS 64
u64 seamcall_resume_outputs(u16 leaf, struct seamcall_args *args,
                            u64 (*progress)(const struct seamcall_args *args), struct resume *resume);
u64 seamcall_resume_inputs(u16 leaf, struct seamcall_args *args, struct resume *resume);
u64 seamcall_resume_flag(u16 leaf, struct seamcall_args *args, struct resume *resume);

/* Interrupts enabled for a moment, then as they were: what happens between two attempts. */
void seamcall_interrupt_window(void);

/* The one place that prints a failed SEAMCALL: leaf, LP, status decoded, all registers in and out, hint. */
void seamcall_report(u16 leaf, const struct seamcall_args *in, const struct seamcall_args *out, u64 status);

/* ---- what all calls so far have cost ---- */

struct seamcall_stats {
    u64 calls, resumes, retries;
    u64 min, median, max; /* cycles of a single call; the median is good to 1/16 */
};

/* False if the leaf (0..255) was never called. */
bool seamcall_stats(u16 leaf, struct seamcall_stats *stats);
void seamcall_stats_clear(void);

#endif
