/* SPDX-License-Identifier: MIT */
#include "seam/monitor/control.h"

#include "lib/string.h"
#include "seam/monitor/command_run.h"
#include "seam/monitor/fault_option.h"
#include "seam/monitor/inject.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/options.h"
#include "seam/monitor/snapshot.h"
#include "seam/monitor/stray.h"
#include "seam/monitor/subject.h"

static u64 resets, counter_selected, page_selected;
static volatile u64 stray_policy;

enum monitor_stray control_stray_policy(void)
{
    return (enum monitor_stray)stray_policy;
}

void control_init(void)
{
    stray_policy = options.stray;
}

void control_identify(u32 leaf, struct soft_cpuid *r)
{
    if (leaf == MONITOR_CPUID_CONTROL) {
        *r = (struct soft_cpuid){CONTROL_FIRST, MONITOR_MSR_COUNT, MONITOR_VERSION, subject()->number};
        return;
    }
    r->eax = MONITOR_CPUID_CONTROL;
    memcpy(&r->ebx, MONITOR_SIGNATURE, 4);
    memcpy(&r->ecx, MONITOR_SIGNATURE + 4, 4);
    memcpy(&r->edx, MONITOR_SIGNATURE + 8, 4);
}

static bool reset(u64 value)
{
    if (value != 1 || !subject_reset())
        return false;
    inject_disarm();
    stray_forget();
    resets++;
    log_line("module reset %lu: every page is the host's again", resets);
    return true;
}

static bool is_ram(u64 page)
{
    return memory_ram(page, PAGE_SIZE) != NULL;
}

static u64 page_owner(u64 page)
{
    if (memory_in_seamrr(page))
        return MONITOR_OWNER_SEAMRR;
    if (!is_ram(page))
        return MONITOR_OWNER_NO_RAM;
    return subject()->page_owner(page);
}

static bool counter(u64 index, u64 *value)
{
    if (index < MONITOR_COUNTER_FAULTS)
        return lp_counter_sum(index, value);
    if (index == MONITOR_COUNTER_PLATFORM_FAULTS)
        *value = fault_option_count_platform();
    else if (index <= MONITOR_COUNTER_FAULTS + 0xFF)
        *value = inject_faults_left((u16)(index - MONITOR_COUNTER_FAULTS));
    else
        return false;
    return true;
}

/* The first eight characters, the first one lowest. */
static u64 profile(void)
{
    u64 value = 0;
    for (u32 i = 0; i < sizeof(value) && options.profile[i]; i++)
        value |= (u64)(u8)options.profile[i] << 8 * i;
    return value;
}

bool control_read(struct lp *lp, u32 offset, u64 *value)
{
    (void)lp;
    switch (offset) {
    case MONITOR_MSR_RESET:
        *value = resets;
        return true;
    case MONITOR_MSR_INJECT_LEAF ... MONITOR_MSR_INJECT_ARM:
        *value = inject_read(offset);
        return true;
    case MONITOR_MSR_COUNTER_SELECT:
        *value = counter_selected;
        return true;
    case MONITOR_MSR_COUNTER_VALUE:
        return counter(counter_selected, value);
    case MONITOR_MSR_PAGE_SELECT:
        *value = page_selected;
        return true;
    case MONITOR_MSR_PAGE_OWNER:
        *value = page_owner(page_selected);
        return true;
    case MONITOR_MSR_SEAMRR_BASE:
        *value = machine.seamrr;
        return true;
    case MONITOR_MSR_SEAMRR_SIZE:
        *value = machine.seamrr_size;
        return true;
    case MONITOR_MSR_STRAY_POLICY:
        *value = stray_policy;
        return true;
    case MONITOR_MSR_STRAY_LAST:
        *value = stray_last_page();
        return true;
    case MONITOR_MSR_NOP:
        *value = 0;
        return true;
    case MONITOR_MSR_SNAPSHOT:
        *value = snapshot_filled();
        return true;
    case MONITOR_MSR_FOOTPRINT:
        return subject()->footprint(value);
    case MONITOR_MSR_PROFILE:
        *value = profile();
        return true;
    case MONITOR_MSR_OVERLAY:
        *value = subject() == &genuine_subject && options.overlay_ext ? MONITOR_OVERLAY_EXT : 0;
        return true;
    default: /* written only */
        return false;
    }
}

bool control_write(struct lp *lp, u32 offset, u64 value)
{
    u64 ignored;
    switch (offset) {
    case MONITOR_MSR_RESET:
        return reset(value);
    case MONITOR_MSR_INJECT_LEAF ... MONITOR_MSR_INJECT_ARM:
        return inject_write(offset, value);
    case MONITOR_MSR_COUNTER_SELECT:
        if (!counter(value, &ignored))
            return false;
        counter_selected = value;
        return true;
    case MONITOR_MSR_PAGE_SELECT:
        if (!is_aligned(value, PAGE_SIZE))
            return false;
        page_selected = value;
        return true;
    case MONITOR_MSR_STRAY_POLICY:
        if (value > MONITOR_STRAY_SCRAMBLE)
            return false;
        stray_policy = value;
        return true;
    case MONITOR_MSR_NOP:
        return true;
    case MONITOR_MSR_COMMAND:
        return command_run(lp, value);
    case MONITOR_MSR_SNAPSHOT:
        return snapshot_take(lp, value);
    case MONITOR_MSR_RESTORE:
        return snapshot_restore(lp, value);
    default:
        return false;
    }
}
