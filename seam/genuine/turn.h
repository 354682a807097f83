/* SPDX-License-Identifier: MIT */
/*
 * An LP's turn inside a genuine module, from SEAMCALL to SEAMRET: a second SVM guest on the same processor.
 * During the turn lp->vmcb and lp->regs are the module's, so everything that works on "the LP" works on the
 * module.
 */
#ifndef SEAM_GENUINE_TURN_H
#define SEAM_GENUINE_TURN_H

#include "seam/genuine/inring.h"
#include "seam/genuine/space.h"
#include "seam/monitor/lp.h"

enum seam_end {
    SEAM_RUNNING,
    SEAM_RETURNED, /* SEAMRET */
    SEAM_STOPPED,  /* the module can't go on; SEAM is unavailable from now on */
};

#define VMCS_NONE (~0ull)

struct seam_lp {
    struct vmcb *vmcb; /* the module's */
    u64 seam_vmcs;     /* physical: SEAMRR + 4 KiB * (index + 1), as the module computes it, too */
    u64 current_vmcs;  /* physical, without KeyID; VMCS_NONE */
    u64 vmcs_address;  /* of that one, with KeyID */
    enum seam_end end;
    u64 polls;             /* reads of MSR 0x9A in this turn */
    volatile u64 entered;  /* TSC when the turn began, 0: outside */
    volatile u32 running;  /* may hold translations of the module's nested tables */
    u64 translations_seen; /* generation of those at the last entry */
    struct inring_lp inring;
};

extern struct space seam_space;

/* One SEAMCALL. False: the module has stopped itself, now or earlier. */
bool seam_turn(struct lp *lp);

/* The module can't go on: logs why, where in the module, registers and the top of its stack; ends the turn.
 */
void seam_stop(struct lp *lp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool seam_stopped(void);

/* VMCBs and SEAM VMCSs of all LPs. Once; and with the fields as the loader leaves them, whenever the module
 * starts anew. All LPs are outside. */
void seam_create_lps(void);
void seam_prepare_lps(void);

void seam_revive(void); /* SEAM is available again */

/* Fields of the LP's SEAM VMCS. */
void seam_set(const struct lp *lp, u64 field, u64 value);
u64 seam_get(const struct lp *lp, u64 field);

/* Makes every other LP inside the module forget stale translations of its nested tables before it returns. */
void seam_flush_others(struct lp *lp);

/* Ends the turn of an LP that has been inside for too long. Called by the other LPs, now and then. */
void seam_watch(struct lp *lp);

#endif
