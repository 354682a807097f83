/* SPDX-License-Identifier: MIT */
/*
 * The local APIC. Underneath there is a plain xAPIC (QEMU's TCG has no x2APIC before version 9, and the
 * monitor keeps to xAPIC with any); the guest sees x2APIC mode, switched on and locked. MSRs are translated
 * to registers of the page; ID and LDR are made up; the ICR is where the guest's INIT, SIPI and NMI are seen.
 */
#ifndef SEAM_MONITOR_APIC_H
#define SEAM_MONITOR_APIC_H

#include "seam/monitor/lp.h"

u32 apic_id(void);     /* physical, of the LP that runs */
void apic_init(void);  /* of the LP that runs: logical id for device interrupts */
void apic_reset(void); /* as INIT leaves it; interrupts that were waiting are dropped */
void apic_send_physical(u32 apic_id, u32 command); /* command: low half of an ICR */

/* MSRs 0x800..0x8FF. False: #GP. */
bool apic_read(struct lp *lp, u32 msr, u64 *value);
bool apic_write(struct lp *lp, u32 msr, u64 value);

u32 apic_task_priority(void);

/* A waiting interrupt has a higher class than the processor priority (SDM 3A 10.8.3). */
bool apic_interrupt_waiting(void);

#define APIC_ICR_NMI    0x400u
#define APIC_ICR_INIT   0x500u
#define APIC_ICR_SIPI   0x600u
#define APIC_ICR_ASSERT (1u << 14)

#endif
