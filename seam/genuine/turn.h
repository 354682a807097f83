/* SPDX-License-Identifier: MIT */
/*
 * An LP's turn inside a genuine module, from SEAMCALL to SEAMRET: a second SVM guest on the same processor. During the
 * turn lp->vmcb and lp->regs are the module's, so everything that works on "the LP" works on the module.
 */
#ifndef SEAM_GENUINE_TURN_H
#define SEAM_GENUINE_TURN_H

#include "seam/genuine/space.h"
#include "seam/monitor/lp.h"

enum seam_end {
    SEAM_RUNNING,
    SEAM_RETURNED, /* SEAMRET */
    SEAM_STOPPED,  /* the module can't go on; SEAM is unavailable from now on */
};

#define VMCS_NONE (~0ull)

struct seam_lp {
    struct vmcb *vmcb;      /* the module's */
    struct vmcb *host_vmcb; /* the guest's, during a turn */
    u64 seam_vmcs;          /* SEAMRR + 4 KiB * (index + 1): the module computes it, too */
    u64 current_vmcs;       /* physical, without KeyID; VMCS_NONE */
    enum seam_end end;
    u64 polls;   /* reads of MSR 0x9A in this turn */
    u64 entered; /* TSC */
};

extern struct space seam_space;

/* One SEAMCALL. False: the module has stopped itself, now or earlier. */
bool seam_turn(struct lp *lp);

/* The module can't go on: logs why, where in the module, registers and the top of its stack; ends the turn. */
void seam_stop(struct lp *lp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool seam_stopped(void);
void seam_revive(void); /* after a reset or restore: SEAM is available again */

/* The fields of every LP's SEAM VMCS and the LP's VMCB, as the loader leaves them. All LPs are outside. */
void seam_prepare_lps(void);

#endif
