/* SPDX-License-Identifier: MIT */
/*
 * A logical processor as the monitor sees it. Everything of an LP stands in one aligned block of memory, so
 * that the stack pointer alone says on which LP the monitor runs, and a world switch touches few pages: QEMU
 * forgets its address translations at each one, and every page costs it a walk.
 *
 * Fields without a remark belong to their own LP; the volatile ones are written by others.
 */
#ifndef SEAM_MONITOR_LP_H
#define SEAM_MONITOR_LP_H

#include "drivers/tdx/abi/monitor.h"
#include "lib/types.h"
#include "seam/monitor/vmcb.h"
#include "seam/soft/soft.h"

#define MAX_LPS 255 /* physical xAPIC ids end at 254 */

#define LP_BLOCK     (8 * PAGE_SIZE)
#define LP_MSR_SLOTS 96
#define NPT_VIEW_PAGES                                                                                       \
    6 /* of one instruction: two operands, each on two pages, and some of its page tables */

enum lp_state {
    LP_ABSENT,    /* not seen yet */
    LP_WAIT_SIPI, /* sleeps in the monitor until the guest sends a SIPI */
    LP_RUNNING,   /* runs the guest */
};

/* volatile u32 work: what other LPs ask of this one; each is set before the kick */
enum lp_work {
    LP_WORK_INIT = 1, /* become LP_WAIT_SIPI */
    LP_WORK_SIPI = 2, /* start in real mode at sipi_vector */
    LP_WORK_NMI = 4,  /* the guest gets an NMI */
};

/* One guest instruction that runs on its own, with pages mapped that it must not see for longer (stray.c). */
struct lp_step {
    bool active;
    bool interrupts_on, trap_flag; /* what RFLAGS really had */
    bool in_view;                  /* on the view's tables */
};

/* Nested tables of this LP's own (npt.c). */
struct npt_view {
    u64 *tables;
    u32 used;
};

struct lp {
    struct soft_regs regs; /* the guest's registers; vmrun.asm knows the order */
    struct vmcb
        *vmcb; /* vmrun.asm knows the place; physical = virtual address; the module's during its turn */

    u32 index, apic_id, package;
    volatile u32 state; /* enum lp_state */
    volatile u32 work;  /* enum lp_work bits */
    volatile u32 sipi_vector;
    volatile u32 kick_pending;   /* an NMI is under way from another LP */
    volatile u32 in_guest;       /* may hold stale translations of the guest */
    volatile u32 in_module;      /* inside soft_call() */
    volatile u32 caches_flushed; /* WBINVD since the last successful SYS.CONFIG */
    volatile u32 nmi_taken;      /* set by the NMI handler */
    u32 event, event_error;      /* to be injected at the next entry */
    volatile u32 idle;           /* in HLT: drops them before it uses any (idle.h) */
    u64 halt_rip;                /* where the guest's HLT stands while idle */
    u64 translations_seen;       /* generation of the nested tables at the last entry */

    bool vmxe;        /* CR4.VMXE as the guest sees it */
    bool vmx_root;    /* between VMXON and VMXOFF */
    bool nmi_blocked; /* an NMI was injected and IRET hasn't come */
    struct lp_step step;
    struct npt_view view;
    u64 last_fault; /* address of the last nested page fault, and how often it came in a row */
    u32 last_fault_count;

    u64 icr; /* x2APIC ICR as last written */
    u64 msr[LP_MSR_SLOTS];

    bool need_flush; /* the module took memory: others must forget it before SEAMCALL returns */
    u32 injected;    /* enum monitor_inject for the SEAMCALL that runs */
    u64 injected_value;
    u64 polled;                 /* TSC when that SEAMCALL last looked for an interrupt, 0: not yet */
    u64 last_call, last_status; /* RAX in and out of the last SEAMCALL */
    bool called;

    struct vmcb *host_vmcb; /* always the guest's */
    struct seam_lp *seam;   /* seam/genuine; NULL for the soft module */

    u64 counters[MONITOR_COUNTERS];
    u32 leaf_calls[256];
};
_Static_assert(sizeof(struct lp) <= PAGE_SIZE, "struct lp fills the first page of its block");
_Static_assert(offsetof(struct lp, vmcb) == 120, "vmrun.asm");
_Static_assert(offsetof(struct lp, nmi_taken) == 168, "traps.asm");

/* The block: page 0 struct lp, page 1 VMCB, page 2 host save area, page 3 scratch, then the stack up to the
 * end. */
static inline u8 *lp_page(struct lp *lp, u32 page)
{
    return (u8 *)lp + page * PAGE_SIZE;
}
enum { LP_PAGE_VMCB = 1, LP_PAGE_HOST_SAVE = 2, LP_PAGE_SCRATCH = 3 };
#define LP_STACK_TOP LP_BLOCK
#define LP_START_STACK_TOP                                                                                   \
    (LP_BLOCK - 2 * PAGE_SIZE) /* for the first steps of an AP, before it knows who it is */

extern u32 lp_count;

void lps_create(const u32 *apic_ids, u32 count); /* LP numbers in this order */
struct lp *lp_at(u32 index);
struct lp *lp_by_apic_id(u32 apic_id); /* NULL if there is none */
struct lp *lp_current(void);           /* NULL before the LPs exist */

static inline void lp_count_event(struct lp *lp, enum monitor_counter counter)
{
    lp->counters[counter]++;
}

/* Sum over all LPs; index as in MONITOR_MSR_COUNTER_SELECT. False: no such counter. */
bool lp_counter_sum(u64 index, u64 *value);

#endif
