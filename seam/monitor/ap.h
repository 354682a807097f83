/* SPDX-License-Identifier: MIT */
/*
 * Processors that talk to each other. All APs are brought into the monitor first and sleep there; the guest's
 * INIT and SIPI never reach a real local APIC (apic.c sees them) but become work for the LP they name. An LP
 * is told of its work by a kick, a real NMI: it ends both HLT in the monitor and the guest's turn.
 */
#ifndef SEAM_MONITOR_AP_H
#define SEAM_MONITOR_AP_H

#include "seam/monitor/lp.h"

/* TSC cycles after which an LP that must answer counts as lost: tens of seconds, for a starved virtual CPU.
 */
#define LP_PATIENCE (1ull << 36)

void ap_start_all(void);                          /* returns when all sleep; refuses if one doesn't come */
void lp_main(void *lp) __attribute__((noreturn)); /* an LP's life, on its own stack */

void lp_sort_nmi(struct lp *lp); /* one was delivered to the monitor: a kick, or the guest's */
void lp_kick(struct lp *lp);
void lp_ask(struct lp *lp, enum lp_work work); /* sets the bit and kicks */

/* What the guest sends through its ICR. INIT returns when the target has stopped. */
void lp_send_init(struct lp *from, struct lp *to);
void lp_send_sipi(struct lp *to, u8 vector);

/* After VMXOFF: an INIT that was held back in VMX operation is taken now. */
void lp_unblock_init(struct lp *lp);

void exit_nmi(struct lp *lp);
void exit_iret(struct lp *lp);

#endif
