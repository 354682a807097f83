/* SPDX-License-Identifier: MIT */
/* An injection as a value: which calls of a leaf don't go the way the module would have them go. */
#ifndef SEAM_MONITOR_INJECTION_H
#define SEAM_MONITOR_INJECTION_H

#include "drivers/tdx/abi/monitor.h"
#include "lib/types.h"

#define INJECT_ANY_LEAF   0xFFFF
#define INJECT_EVERY_CALL (~0ull) /* as a count: from the first one on, for as long as the machine runs */

struct injection {
    u64 leaf, nth, count, value; /* as the control MSRs of the same names */
    u64 kind;                    /* enum monitor_inject; NONE: not armed */
    u64 seen;                    /* calls of the leaf since it was armed */
};

#endif
