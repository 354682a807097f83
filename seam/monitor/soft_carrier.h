/* SPDX-License-Identifier: MIT */
/* What the monitor answers the soft module (soft_subject.c): its platform, wherever it is used. */
#ifndef SEAM_MONITOR_SOFT_CARRIER_H
#define SEAM_MONITOR_SOFT_CARRIER_H

#include "seam/soft/soft.h"

extern const struct soft_platform soft_carrier;

#endif
