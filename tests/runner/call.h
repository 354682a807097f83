/* SPDX-License-Identifier: MIT */
/* One SEAMCALL of a test, kept with all its registers, so that an expectation that fails can show them. */
#ifndef TESTS_RUNNER_CALL_H
#define TESTS_RUNNER_CALL_H

#include "drivers/tdx/seamcall.h"

struct call {
    u64 rax; /* in */
    struct seamcall_args in, out;
    u64 status;
};

/* No retries: what the module says first is what the test sees. version is taken from in. */
struct call call_leaf(u16 leaf, struct seamcall_args in);
struct call call_raw(u64 rax, struct seamcall_args in);
/* The same on another CPU. The status is TDX_SW_ERROR if that CPU didn't answer. */
struct call call_leaf_on(u32 cpu, u16 leaf, struct seamcall_args in);

/* Operands with a distinct value in every register, for leaves that take none: whatever changes shows. */
struct seamcall_args call_marked(void);

/*
 * The outputs of a call that a leaf refused: some leaves clear (or set) output registers before they check
 * anything, all others come back as they went in (module 1.5.01: the tables of registers written
 * unconditionally).
 */
struct seamcall_args call_refused_outputs(u16 leaf, const struct seamcall_args *in);

bool call_same_registers(const struct seamcall_args *a, const struct seamcall_args *b);

/* The call in two or three log lines: leaf, status decoded, registers in and out. */
void call_log(const struct call *call);

/* One metadata field, for tests that need a value rather than a check. False: not readable. */
bool call_read_field(u64 field, u64 *value);

#endif
