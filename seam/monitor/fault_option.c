/* SPDX-License-Identifier: MIT */
#include "seam/monitor/fault_option.h"

#include "seam/monitor/control.h"
#include "seam/monitor/fault_spec.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/inject.h"
#include "seam/monitor/log.h"
#include "seam/monitor/msr.h"

#define OPTIONS_MAX 8

static u32 taken, of_platform;
static u32 highest_lp; /* that one of them names */

/* NULL, or why reads of it can't be changed. */
static const char *out_of_reach(const struct override *override)
{
    u32 number = override->number;
    if (override->kind == OVERRIDE_MSR && number - CONTROL_FIRST < MONITOR_MSR_COUNT)
        return "a control MSR of the monitor; take another";
    if (override->kind == OVERRIDE_MSR && msr_is_direct(number))
        return "an MSR of the guest's own, the monitor doesn't see it read; take another";
    if (override->kind == OVERRIDE_CPUID &&
        (number == MONITOR_CPUID_SIGNATURE || number == MONITOR_CPUID_CONTROL))
        return "a CPUID leaf that says how to find the monitor; take another";
    return NULL;
}

static bool put_into_force(const struct fault_change *change)
{
    switch (change->kind) {
    case FAULT_CALLS:
        return inject_option(&change->injection);
    case FAULT_OVERRIDE:
        if (change->override.lp != OVERRIDE_ALL_LPS && change->override.lp > highest_lp)
            highest_lp = change->override.lp;
        return faults_override_from_power_on(&change->override);
    case FAULT_FACT:
        faults_change_fact(&change->fact);
        return true;
    default:
        return true;
    }
}

void fault_option_take(const char *text)
{
    static char why[FAULT_WHY_MAX];
    static struct fault_spec spec;
    if (!fault_spec_read(text, &spec, why))
        refuse("option fault=%s: %s", text, why);
    if (++taken > OPTIONS_MAX)
        refuse("option fault=%s: at most %u faults can be given", text, OPTIONS_MAX);
    of_platform += spec.platform;
    for (u32 i = 0; i < FAULT_CHANGES_MAX; i++) {
        const struct fault_change *change = &spec.changes[i];
        const char *wrong = change->kind == FAULT_OVERRIDE ? out_of_reach(&change->override) : NULL;
        if (wrong)
            refuse("option fault=%s: 0x%x is %s", text, change->override.number, wrong);
        if (!put_into_force(change))
            refuse("option fault=%s: too many changes in all, give fewer faults", text);
    }
    if (spec.platform)
        log_line("this machine is faulty: %s%s%s", text, spec.meaning ? ": " : "",
                 spec.meaning ? spec.meaning : "");
}

void fault_option_require_lps(void)
{
    if (highest_lp >= lp_count)
        refuse("a fault is for LP %u, this machine has only LPs 0 to %u: start it with more (--smp %u)",
               highest_lp, lp_count - 1, highest_lp + 1);
}

u32 fault_option_count_platform(void)
{
    return of_platform;
}
