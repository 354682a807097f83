/* SPDX-License-Identifier: MIT */
/* SVM on one LP, and the choice of what ends the guest's turn. */
#ifndef SEAM_MONITOR_SVM_H
#define SEAM_MONITOR_SVM_H

#include "seam/monitor/lp.h"

void svm_build_maps(void); /* the MSR and I/O permission maps that all LPs share; once, before svm_enable() */
void svm_enable(struct lp *lp); /* on the LP itself: switches SVM on and fills the VMCB's control area */

void vmrun(struct lp *lp); /* vmrun.asm */

#endif
