/* SPDX-License-Identifier: MIT */
/*
 * Injection: calls of a leaf that don't go the way the module would have them go. One injection at a time
 * comes from the control MSRs; the command line's faults stand beside it and survive a reset of the module.
 */
#ifndef SEAM_MONITOR_INJECT_H
#define SEAM_MONITOR_INJECT_H

#include "seam/monitor/injection.h"
#include "seam/monitor/lp.h"

#define INJECT_OPTIONS 16

bool inject_option(const struct injection *fault); /* false: all slots are taken */

/* Whether this call is affected: lp->injected and lp->injected_value say how. */
extern volatile u32 inject_any; /* something is armed; lets the usual call pass without a lock */
void inject_look(struct lp *lp, u16 leaf);

static inline void inject_begin(struct lp *lp, u16 leaf)
{
    lp->injected = MONITOR_INJECT_NONE;
    if (inject_any)
        inject_look(lp, leaf);
}

/* Inside the module, all locks taken: the call that is to be parked waits. */
void inject_park(struct lp *lp);

void inject_leave(struct lp *lp);
static inline void inject_end(struct lp *lp)
{
    if (inject_any)
        inject_leave(lp);
}

/* The control MSRs; false: #GP. */
bool inject_write(u32 offset, u64 value);
u64 inject_read(u32 offset);
void inject_disarm(void);
/* Calls of the leaf that faults from the command line will still spoil; without those that spoil calls of any
 * leaf, which are a fault of the platform. */
u64 inject_faults_left(u16 leaf);

#endif
