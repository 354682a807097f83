/* SPDX-License-Identifier: MIT */
/* What MCHECK and the P-SEAMLDR tell the module, when it is wrong. */
#ifndef SEAM_MONITOR_FAULT_FACT_H
#define SEAM_MONITOR_FAULT_FACT_H

#include "lib/types.h"

enum fault_fact_kind {
    FACT_LP_COUNT,
    FACT_PACKAGE_COUNT,
    FACT_CMR_BASE /* of CMR 0 */,
    FACT_HANDOFF_PAGES,
    FACTS
};

struct fault_fact {
    enum fault_fact_kind kind;
    s64 add; /* to what is true */
};

#endif
