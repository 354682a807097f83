/* SPDX-License-Identifier: MIT */
/*
 * What one fault= of the command line asks for, as a value. Pure: knows the words, not the machine.
 *
 *   LEAF:NTH[xCOUNT]=STATUS          calls of a leaf that aren't executed and answer a status
 *   msr=NUMBER:VALUE[@lpN]           an MSR, on all LPs or one
 *   cpuid=LEAF.SUB.REG:VALUE[@lpN]   one register of a CPUID leaf
 *   seamcaps=VALUE[@lpN]             SEAM capabilities
 *   NAME[@lpN]                       platform_faults.def
 *
 * VALUE is a number, or +BIT or -BIT: what is there with one bit set or cleared.
 */
#ifndef SEAM_MONITOR_FAULT_SPEC_H
#define SEAM_MONITOR_FAULT_SPEC_H

#include "seam/monitor/fault_fact.h"
#include "seam/monitor/injection.h"
#include "seam/monitor/overrides.h"

#define FAULT_CHANGES_MAX 3
#define FAULT_WHY_MAX     160

enum fault_change_kind { FAULT_NO_CHANGE, FAULT_OVERRIDE, FAULT_CALLS, FAULT_FACT };

struct fault_change {
    enum fault_change_kind kind;
    struct override override;
    struct injection injection;
    struct fault_fact fact;
};

struct fault_spec {
    bool platform;       /* a fault of the machine; else of single calls */
    const char *meaning; /* what a name of platform_faults.def stands for, NULL without a name */
    struct fault_change changes[FAULT_CHANGES_MAX];
};

/* False: it is none, and why says so in one line. */
bool fault_spec_read(const char *text, struct fault_spec *spec, char why[FAULT_WHY_MAX]);

#endif
