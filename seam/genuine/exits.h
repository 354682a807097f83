/* SPDX-License-Identifier: MIT */
/* Why a genuine module's turn was interrupted, and what is done about it. */
#ifndef SEAM_GENUINE_EXITS_H
#define SEAM_GENUINE_EXITS_H

#include "seam/monitor/lp.h"

void seam_exit_handle(struct lp *lp);

#endif
