/* SPDX-License-Identifier: MIT */
/*
 * CR4. QEMU knows neither VMXE nor what writing a bit it doesn't know should do (it hangs the CPU), so both
 * directions are intercepted: VMXE lives in a shadow, reserved bits give #GP(0).
 */
#ifndef SEAM_MONITOR_CONTROL_REGISTER_H
#define SEAM_MONITOR_CONTROL_REGISTER_H

#include "seam/monitor/lp.h"

void exit_read_cr(struct lp *lp); /* and SMSW */
void exit_write_cr4(struct lp *lp);

u64 cr4_of(const struct lp *lp); /* as the guest reads it */

#endif
