/* SPDX-License-Identifier: MIT */
/*
 * The stand-in module: what a loader of TDX modules is tested with where no vendor's module is at hand. It is
 * loaded and entered like a genuine one, but holds nothing of TDX: three leaves of the ABI, so that the test
 * harness gets on with it, and leaves of its own (leaves.def), each of which executes what a genuine module
 * would and tells what came of it, or ends in one of the ways in which a module can end.
 *
 * As in a genuine module the whole image is mapped read-only: there are no variables. State lives in the data
 * region, which is zero at first: struct lp_data at the LP's GS base, struct global_data behind all of these.
 */
#ifndef TESTS_STANDIN_STANDIN_H
#define TESTS_STANDIN_STANDIN_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"
#include "tests/standin/sysinfo.h"

struct standin_regs { /* entry.asm knows the order */
    u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct lp_data {
    struct standin_regs regs; /* the caller's, in and out */
    u64 entry_stack;
    u64 fs_base;                   /* at this entry */
    const struct sysinfo *sysinfo; /* NULL: this LP has never been here */
    struct global_data *global;
    u64 index;
    u64 keyhole;       /* linear address of the LP's first one */
    u64 *keyhole_edit; /* its page-table entry */
    u64 counted;
    bool initialised; /* SYS.LP.INIT */
    bool stay;        /* RIP isn't moved behind the SEAMCALL */
    u8 line[64] __attribute__((aligned(64)));
    u8 key[256] __attribute__((aligned(256)));
    u8 xstate[1024] __attribute__((aligned(64)));
    u8 scratch[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
};
_Static_assert(offsetof(struct lp_data, entry_stack) == 120, "entry.asm");
_Static_assert(offsetof(struct lp_data, sysinfo) == 136, "faults.asm");
_Static_assert(offsetof(struct lp_data, keyhole) == 160, "faults.asm");
_Static_assert(offsetof(struct lp_data, keyhole_edit) == 168, "faults.asm");
_Static_assert(offsetof(struct lp_data, line) == 192, "faults.asm, forms.asm");
_Static_assert(offsetof(struct lp_data, key) == 256, "faults.asm");

enum sys_state { SYS_PENDING, SYS_STARTED };

struct global_data {
    u32 state; /* enum sys_state */
    u64 counter;
    u64 arrived;
};

#define KEYHOLES_PER_LP 128

/* Maps the page of an address, KeyID included, to one of the LP's keyholes; gives its linear address. */
u8 *keyhole_map(struct lp_data *lp, u32 hole, u64 address);

/* Nothing can be done about it. */
_Noreturn void standin_fatal(void);

/* What entry.asm calls. */
void standin_call(struct lp_data *lp, u64 fs_base);

#define STANDIN_LEAF(number, function, text)                                                                 \
    void leaf_##function(struct lp_data *lp, struct standin_regs *regs);
#include "tests/standin/leaves.def"

#endif
