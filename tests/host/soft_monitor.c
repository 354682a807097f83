/* SPDX-License-Identifier: MIT */
/* The control MSRs and commands of drivers/tdx/abi/monitor.h, in a host process. */
#include "tests/host/soft_host.h"

#include <sched.h>
#include <string.h>

#include "lib/format.h"
#include "seam/monitor/command.h"

#define PARK_US 500000

/* ---- injection ---- */

static bool is_for(const struct host_injection *injection, u16 leaf)
{
    return injection->kind && (injection->leaf == leaf || injection->leaf == 0xFFFF);
}

static bool affects(struct host_injection *injection, u16 leaf)
{
    if (!is_for(injection, leaf))
        return false;
    injection->seen++;
    return injection->seen >= injection->nth && injection->seen - injection->nth < injection->count;
}

static void disarm(struct soft_host *host)
{
    host->injection.kind = MONITOR_INJECT_NONE;
    park_end(&host->park);
}

static void wait_outside(struct soft_host *host, u32 lp)
{
    for (u64 end = host_now_us(host) + PARK_US; park_bars(&host->park, lp); sched_yield())
        if (host_now_us(host) > end)
            disarm(host);
}

void host_inject_park(void *context, u32 lp)
{
    struct soft_host *host = context;
    if (!park_enter(&host->park, lp))
        return;
    for (u64 end = host_now_us(host) + PARK_US; !park_over(&host->park); sched_yield())
        if (host_now_us(host) > end)
            disarm(host);
}

void host_inject_leave(struct soft_host *host, u32 lp)
{
    park_leave(&host->park, lp);
}

void host_inject_look(struct soft_host *host, u32 lp, u16 leaf)
{
    struct host_injection *injection = &host->injection;
    host->lps[lp].injected = MONITOR_INJECT_NONE;
    pthread_mutex_lock(&host->lock);
    bool candidate = injection->kind == MONITOR_INJECT_PARK && is_for(injection, leaf);
    if (affects(injection, leaf)) {
        host->lps[lp].injected = (u32)injection->kind;
        host->lps[lp].injected_value = injection->value;
        if (injection->kind == MONITOR_INJECT_PARK)
            park_begin(&host->park, lp);
        if (injection->seen - injection->nth + 1 >= injection->count)
            injection->kind = MONITOR_INJECT_NONE;
    }
    pthread_mutex_unlock(&host->lock);
    if (!candidate)
        wait_outside(host, lp);
}

static bool arm(struct soft_host *host, u64 kind)
{
    struct host_injection *injection = &host->injection;
    if (kind > MONITOR_INJECT_PARK || (kind && (injection->nth == 0 || injection->count == 0)))
        return false;
    disarm(host);
    if (kind == MONITOR_INJECT_PARK) {
        if (injection->count != 1 || injection->value == 0 || injection->value > PARK_CALLS_MAX)
            return false;
        park_arm(&host->park, (u32)injection->value);
    }
    injection->kind = kind;
    injection->seen = 0;
    return true;
}

static bool set_leaf(struct host_injection *injection, u64 leaf)
{
    injection->leaf = leaf <= 0xFFFF ? leaf : injection->leaf;
    return leaf <= 0xFFFF;
}

/* ---- snapshots ---- */

static bool snapshot(struct soft_host *host, u64 slot)
{
    if (slot >= MONITOR_SLOTS || host_overlay_on(host)) /* PAMTs would have to be copied */
        return false;
    host->slots[slot].used = soft_snapshot(host->module, host->slots[slot].state);
    host->slots[slot].faults = host->faults;
    return host->slots[slot].used;
}

static bool restore(struct soft_host *host, u64 slot)
{
    if (slot >= MONITOR_SLOTS || !host->slots[slot].used ||
        !soft_restore(host->module, host->slots[slot].state))
        return false;
    host->faults = host->slots[slot].faults;
    disarm(host);
    return true;
}

/* ---- MSRs ---- */

static u64 page_owner(const struct soft_host *host, u64 page)
{
    static const u64 owners[] = {[SOFT_OWNER_HOST] = MONITOR_OWNER_HOST,
                                 [SOFT_OWNER_PAMT] = MONITOR_OWNER_PAMT,
                                 [SOFT_OWNER_POOL] = MONITOR_OWNER_POOL,
                                 [SOFT_OWNER_CONTROL] = MONITOR_OWNER_CONTROL};
    const struct soft_machine *machine = &host->machine;
    if (page >= machine->seamrr_base && page - machine->seamrr_base < machine->seamrr_size)
        return MONITOR_OWNER_SEAMRR;
    if (!reference_ram(page, PAGE_SIZE))
        return MONITOR_OWNER_NO_RAM;
    enum soft_owner owner = host_module_owner(host, page);
    if (owner == SOFT_OWNER_HOST && soft_page_in_reserved_area(host->module, page))
        return MONITOR_OWNER_RESERVED;
    return owners[owner];
}

static u64 profile_number(const struct soft_host *host)
{
    u64 value = 0;
    memcpy(&value, host->profile, strnlen(host->profile, sizeof(value)));
    return value;
}

/* Faults from a command line don't exist here. */
static u64 counter(const struct soft_host *host)
{
    return host->counter_selected < HOST_COUNTERS ? host->counters[host->counter_selected] : 0;
}

static bool counter_exists(u64 index)
{
    return index < MONITOR_COUNTERS ||
           (index >= MONITOR_COUNTER_LEAF && index < MONITOR_COUNTER_FAULTS + 256);
}

bool host_monitor_read(void *context, u32 msr, u64 *value)
{
    struct soft_host *host = context;
    const u64 values[MONITOR_MSR_COUNT] = {
        [MONITOR_MSR_RESET] = host->resets,
        [MONITOR_MSR_INJECT_LEAF] = host->injection.leaf,
        [MONITOR_MSR_INJECT_NTH] = host->injection.nth,
        [MONITOR_MSR_INJECT_COUNT] = host->injection.count,
        [MONITOR_MSR_INJECT_VALUE] = host->injection.value,
        [MONITOR_MSR_INJECT_ARM] = host->injection.kind,
        [MONITOR_MSR_COUNTER_VALUE] = counter(host),
        [MONITOR_MSR_PAGE_OWNER] = msr == MONITOR_MSR_PAGE_OWNER ? page_owner(host, host->page_selected) : 0,
        [MONITOR_MSR_SEAMRR_BASE] = host->machine.seamrr_base,
        [MONITOR_MSR_SEAMRR_SIZE] = host->machine.seamrr_size,
        [MONITOR_MSR_STRAY_POLICY] = host->stray_policy,
        [MONITOR_MSR_FOOTPRINT] = msr == MONITOR_MSR_FOOTPRINT ? soft_footprint(host->module) : 0,
        [MONITOR_MSR_PROFILE] = profile_number(host),
    };
    if (msr >= MONITOR_MSR_COUNT)
        return false;
    *value = values[msr];
    return true;
}

bool host_monitor_write(void *context, u32 msr, u64 value)
{
    struct soft_host *host = context;
    switch (msr) {
    case MONITOR_MSR_RESET:
        host->resets++;
        host_reset(host);
        return value == 1;
    case MONITOR_MSR_INJECT_LEAF:
        return set_leaf(&host->injection, value);
    case MONITOR_MSR_INJECT_NTH:
        host->injection.nth = value;
        return true;
    case MONITOR_MSR_INJECT_COUNT:
        host->injection.count = value;
        return true;
    case MONITOR_MSR_INJECT_VALUE:
        host->injection.value = value;
        return true;
    case MONITOR_MSR_INJECT_ARM:
        return arm(host, value);
    case MONITOR_MSR_COUNTER_SELECT:
        host->counter_selected = value;
        return counter_exists(value);
    case MONITOR_MSR_PAGE_SELECT:
        host->page_selected = align_down(value, PAGE_SIZE);
        return true;
    case MONITOR_MSR_STRAY_POLICY:
        host->stray_policy = value;
        return value <= MONITOR_STRAY_SCRAMBLE;
    case MONITOR_MSR_SNAPSHOT:
        return snapshot(host, value);
    case MONITOR_MSR_RESTORE:
        return restore(host, value);
    default:
        return msr == MONITOR_MSR_NOP;
    }
}

/* ---- commands ---- */

static bool spread(struct soft_host *host, u64 packages)
{
    struct soft_machine *machine = soft_live_machine(host->module);
    const struct soft_machine as_new = reference_machine(host->cpus, (u32)packages);
    if (packages == 0 || packages > host->cpus || packages > TDX_MAX_PACKAGES)
        return command_refuse(host->answer, "%u LPs can't be spread over that many packages", host->cpus);
    host->faults.packages = machine->package_count = (u32)packages;
    memcpy(machine->fms, as_new.fms, sizeof(machine->fms));
    return true;
}

static bool override(struct soft_host *host, const struct override *what)
{
    if (what->lp != OVERRIDE_ALL_LPS && what->lp >= host->cpus)
        return command_refuse(host->answer, "no LP %u; there are 0 to %u", what->lp, host->cpus - 1);
    return overrides_set(&host->faults.overrides, what) ||
           command_refuse(host->answer, "more than %u changes", OVERRIDES_MAX);
}

static bool set_knobs(struct soft_host *host, struct soft_knobs *knobs, const struct command *command)
{
    for (u32 i = 0; i < command->knob_count; i++)
        if (!soft_knob_set(knobs, command->knobs[i]))
            return command_refuse(host->answer, "no knob like that, or not with that value");
    return true;
}

static bool install(struct soft_host *host, const struct command *command)
{
    struct soft_knobs knobs = *soft_live_knobs(host->module);
    if (!set_knobs(host, &knobs, command))
        return false;
    soft_install(host->module, &knobs);
    return true;
}

static bool act(struct soft_host *host, const struct command *command)
{
    struct soft_machine *machine = soft_live_machine(host->module);
    switch (command->verb) {
    case COMMAND_KNOB:
        return set_knobs(host, soft_live_knobs(host->module), command);
    case COMMAND_CMR:
        machine->cmrs[command->number] = (struct tdx_cmr){command->base, command->size};
        return true;
    case COMMAND_PACKAGES:
        return spread(host, command->number);
    case COMMAND_LPS:
        machine->lp_count = (u32)command->number;
        return (command->number > 0 && command->number <= SOFT_MAX_LPS) ||
               command_refuse(host->answer, "MCHECK counts 1 to %u LPs", SOFT_MAX_LPS);
    case COMMAND_HANDOFF_PAGES:
        machine->handoff_pages = (u16)command->number;
        return command->number <= 0xFFFF || command_refuse(host->answer, "the number has 16 bits");
    case COMMAND_INSTALL:
        return install(host, command);
    default:
        return override(host, &command->override);
    }
}

const char *host_command(void *context, const char *line)
{
    struct soft_host *host = context;
    struct command command;
    char words[MONITOR_COMMAND_MAX];
    format(words, sizeof(words), "%s", line);
    host->answer[0] = 0;
    return command_parse(words, &command, host->answer) && act(host, &command) ? NULL : host->answer;
}
