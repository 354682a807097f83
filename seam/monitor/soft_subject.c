/* SPDX-License-Identifier: MIT */
/* The monitor as the carrier of the soft module. */
#include "kernel/cpu.h"
#include "seam/monitor/cpuid.h"
#include "seam/monitor/death.h"
#include "seam/monitor/inject.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"
#include "seam/monitor/platform.h"
#include "seam/monitor/snapshot.h"
#include "seam/monitor/soft_carrier.h"
#include "seam/monitor/subject.h"

#define ALIGNMENT 64 /* soft.h */

static struct soft_module *module;
static void *slots[MONITOR_SLOTS]; /* soft_snapshot_size() bytes each */

/* ---- what the module asks of its platform ---- */

static u64 on_rdmsr(void *context, u32 lp, u32 msr)
{
    (void)context;
    u64 value;
    msr_module_read(lp_at(lp), msr, &value);
    return value;
}

static void on_wrmsr(void *context, u32 lp, u32 msr, u64 value)
{
    (void)context;
    msr_module_write(lp_at(lp), msr, value);
}

static struct soft_cpuid on_cpuid(void *context, u32 lp, u32 leaf, u32 subleaf)
{
    (void)context;
    return cpuid_module(lp_at(lp), leaf, subleaf);
}

static bool on_random(void *context, u32 lp, u64 *value)
{
    (void)context;
    return platform_random(lp_at(lp), value);
}

static enum soft_pconfig on_pconfig(void *context, u32 lp, u16 hkid)
{
    (void)context;
    (void)hkid;
    return platform_pconfig(lp_at(lp));
}

static u64 on_seam_capabilities(void *context, u32 lp)
{
    (void)context;
    return platform_seam_capabilities(lp_at(lp));
}

static void *on_map(void *context, u64 pa, u64 size)
{
    (void)context;
    return memory_ram(pa, size);
}

static bool on_interrupt_pending(void *context, u32 lp, u32 done)
{
    (void)context;
    return platform_interrupts(lp_at(lp), done);
}

static void on_locked(void *context, u32 lp)
{
    (void)context;
    if (lp_at(lp)->injected == MONITOR_INJECT_PARK)
        inject_park(lp_at(lp));
}

/* Except that PAMTs stay as they are while a snapshot may still live on them. */
static bool give_back(u64 base, u64 size)
{
    bool mapped;
    if (npt_why(base, &mapped) != NPT_PAMT || !snapshot_filled())
        platform_fill_with_junk(base, size);
    return npt_give_back(base, size);
}

static enum npt_hole hole_for(enum soft_owner owner)
{
    switch (owner) {
    case SOFT_OWNER_PAMT:
        return NPT_PAMT;
    case SOFT_OWNER_CONTROL:
        return NPT_CONTROL;
    default:
        return NPT_POOL;
    }
}

static void on_owner_changed(void *context, u64 base, u64 size, enum soft_owner owner)
{
    (void)context;
    bool done;
    if (owner == SOFT_OWNER_HOST) {
        done = give_back(base, size);
    } else {
        done = npt_make_hole(base, size, hole_for(owner));
        lp_current()->need_flush = true;
    }
    if (!done)
        log_line("no room for nested tables: parts of 0x%lx-0x%lx stay in the host's reach unnoticed", base,
                 base + size);
}

static void on_violation(void *context, u32 lp, const char *text)
{
    (void)context;
    lp_count_event(lp_at(lp), MONITOR_COUNT_VIOLATIONS);
    log_line("violation on LP %u: %s", lp, text);
}

const struct soft_platform soft_carrier = {
    .rdmsr = on_rdmsr,
    .wrmsr = on_wrmsr,
    .cpuid = on_cpuid,
    .random = on_random,
    .pconfig = on_pconfig,
    .seam_capabilities = on_seam_capabilities,
    .map = on_map,
    .interrupt_pending = on_interrupt_pending,
    .locked = on_locked,
    .owner_changed = on_owner_changed,
    .violation = on_violation,
};

/* ---- its life ---- */

static void power_on(void)
{
    struct soft_machine facts = platform_facts_at_start();
    soft_reset(module, &soft_carrier, &facts, &options.knobs);
}

static void create(void)
{
    module = heap_need(soft_module_size(), PAGE_SIZE, "the soft module");
    power_on();
}

/* Every hole of the module's should be closed by now. */
static void give_back_rest(u64 base, u64 size)
{
    log_line("the soft module forgot to give back 0x%lx-0x%lx", base, base + size);
    give_back(base, size);
}

static void reset(void)
{
    const char *broken = soft_check(module);
    if (broken)
        monitor_bug("the soft module breaks its invariant: %s", broken);
    power_on();
    npt_each_hole(NPT_PAMT, give_back_rest);
    npt_each_hole(NPT_POOL, give_back_rest);
    npt_each_hole(NPT_CONTROL, give_back_rest);
}

static bool call(struct lp *lp)
{
    return soft_call(module, lp->index, &lp->regs) == SOFT_RETURNED;
}

static void prepare_slots(void)
{
    for (u32 i = 0; i < MONITOR_SLOTS; i++)
        slots[i] = heap_need(soft_snapshot_size(), ALIGNMENT, "a snapshot of the module");
}

static bool snapshot(u32 slot)
{
    if (soft_snapshot(module, slots[slot]))
        return true;
    log_line("the module can't keep its state");
    return false;
}

static bool restore(u32 slot)
{
    if (soft_restore(module, slots[slot]))
        return true;
    log_line("its PAMT was initialised again since, or too many of its pages have changed");
    return false;
}

/* ---- questions and commands ---- */

static struct soft_machine *facts(void)
{
    return soft_live_machine(module);
}

static void facts_changed(void)
{
}

static bool knob(const char *assignment)
{
    return soft_knob_set(soft_live_knobs(module), assignment);
}

static bool install(const char *const *assignments, u32 count)
{
    struct soft_knobs knobs = *soft_live_knobs(module);
    for (u32 i = 0; i < count; i++)
        if (!soft_knob_set(&knobs, assignments[i]))
            return false;
    soft_install(module, &knobs);
    return true;
}

static enum monitor_owner page_owner(u64 page)
{
    switch (soft_page_owner(module, page)) {
    case SOFT_OWNER_PAMT:
        return MONITOR_OWNER_PAMT;
    case SOFT_OWNER_POOL:
        return MONITOR_OWNER_POOL;
    case SOFT_OWNER_CONTROL:
        return MONITOR_OWNER_CONTROL;
    default:
        return soft_page_in_reserved_area(module, page) ? MONITOR_OWNER_RESERVED : MONITOR_OWNER_HOST;
    }
}

static bool footprint(u64 *value)
{
    *value = soft_footprint(module);
    return true;
}

const struct subject soft_subject = {
    .name = "soft",
    .number = MONITOR_SUBJECT_SOFT,
    .create = create,
    .call = call,
    .reset = reset,
    .prepare_slots = prepare_slots,
    .snapshot = snapshot,
    .restore = restore,
    .facts = facts,
    .facts_changed = facts_changed,
    .knob = knob,
    .install = install,
    .page_owner = page_owner,
    .footprint = footprint,
};
