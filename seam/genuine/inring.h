/* SPDX-License-Identifier: MIT */
/*
 * The monitor's half of the fast way to execute what TCG lacks (option traps=inring): the module's VMCB
 * doesn't intercept #UD; tables of the monitor's, in the top 512 GiB of the module's linear space, lead it to
 * a handler in the module's own ring (inring/handler.h). What that leaves over comes here by VMMCALL and goes
 * the way of an intercepted #UD. With traps=exits all of this does nothing.
 */
#ifndef SEAM_GENUINE_INRING_H
#define SEAM_GENUINE_INRING_H

#include "seam/genuine/inring/handler.h"
#include "seam/genuine/msr_habit.h"
#include "seam/monitor/lp.h"

struct inring_lp {
    struct inring_page *page; /* NULL: traps=exits */
    u64 *window;              /* the page-table entry that shows the current VMCS */
    u64 shown;                /* which: its physical address with KeyID; 0: none */
    u64 msr_map;              /* the VMCB's own, which intercepts every MSR */
    struct msr_habit habit;   /* of this turn */
};

void inring_create(void);  /* at power-on, once the LPs have their VMCBs */
void inring_prepare(void); /* whenever page tables and VMCBs have been built anew */

/* At the beginning and at the end of an LP's turn. */
void inring_enter(struct lp *lp);
void inring_leave(struct lp *lp);

/*
 * The turn was interrupted. If that was in the handler, lp has the registers of the module's instruction
 * afterwards, as if that itself had been interrupted; only an NMI leaves everything as it is. True: there is
 * nothing left to do.
 */
bool inring_exit(struct lp *lp);

/* The module has read or written an MSR, by way of the monitor. */
void inring_note_msr(struct lp *lp, u32 msr, bool write, u64 value);

/* For who stops the module: lp->regs and lp->vmcb become the module's if they are the handler's. */
void inring_unwind(struct lp *lp);

/* ---- inside ---- */

/* Where the module sees a byte between inring_begin and inring_end. */
static inline u64 inring_linear(const u8 *at)
{
    return INRING_SPACE + (u64)(at - inring_begin);
}

void inring_create_msr_map(void);
void inring_forget_habits(void);
void inring_choose_msr_map(struct lp *lp);
void inring_end_habit(const struct lp *lp);

#endif
