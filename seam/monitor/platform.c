/* SPDX-License-Identifier: MIT */
#include "seam/monitor/platform.h"

#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/cpuid.h"
#include "seam/monitor/death.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/inject.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"
#include "seam/monitor/seamcall.h"
#include "seam/monitor/snapshot.h"

#define PENDING_INTERRUPT (1ull << 0)
#define PENDING_NMI       (1ull << 1)
#define SEAM_CAPABILITIES 0x7F /* as a real platform answered SEAMOPS leaf 0; the module wants bits 5:4 */
#define HANDOFF_PAGES     13   /* number minus one: the least that module 1.5.01 takes */
#define CPUID_RDRAND      (1u << 30)
#define POLL_CYCLES       (1u << 15) /* some 10 us */
#define RANDOM_TRIES      10

/* Junk costs a page of real memory each, and a TDX host may have TiB of PAMT: the first pages of a stretch
 * will do. */
#define JUNK_AT_MOST MIB
#define JUNK         0xDBDBDBDBDBDBDBDBull

static struct soft_module *module;

struct soft_module *platform_module(void)
{
    return module;
}

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
    if (lp_at(lp)->injected == MONITOR_INJECT_NO_ENTROPY)
        return false;
    if (!(cpuid(1, 0).ecx & CPUID_RDRAND)) { /* not for secrets: nothing here is encrypted */
        *value = rdtsc() * 0x9E3779B97F4A7C15ull;
        return true;
    }
    for (u32 i = 0; i < RANDOM_TRIES; i++) {
        bool good;
        __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(good));
        if (good)
            return true;
    }
    return false;
}

static enum soft_pconfig on_pconfig(void *context, u32 lp, u16 hkid)
{
    (void)context;
    (void)hkid;
    switch (lp_at(lp)->injected) {
    case MONITOR_INJECT_NO_ENTROPY:
        return SOFT_PCONFIG_NO_ENTROPY;
    case MONITOR_INJECT_KET_BUSY:
        return SOFT_PCONFIG_BUSY;
    default:
        return SOFT_PCONFIG_OK;
    }
}

static u64 on_seam_capabilities(void *context, u32 lp)
{
    (void)context;
    u64 value = SEAM_CAPABILITIES;
    faults_seam_capabilities(lp, &value);
    return value;
}

static void *on_map(void *context, u64 pa, u64 size)
{
    (void)context;
    return memory_ram(pa, size);
}

u64 platform_pending(const struct lp *lp)
{
    bool takes_interrupts = lp->vmcb->rflags & RFLAGS_IF;
    return (takes_interrupts && apic_interrupt_waiting() ? PENDING_INTERRUPT : 0) |
           (lp->work & LP_WORK_NMI ? PENDING_NMI : 0);
}

/* Reading the local APIC costs more than the module's work on a page, so not every question is passed on to
 * it. */
static bool look_now(struct lp *lp)
{
    u64 now = rdtsc();
    if (lp->polled && now - lp->polled < POLL_CYCLES)
        return false;
    lp->polled = now;
    return true;
}

/* At least one entry is done in each call, so that a storm of interrupts can't stop all progress. */
static bool on_interrupt_pending(void *context, u32 number, u32 done)
{
    (void)context;
    struct lp *lp = lp_at(number);
    if (lp->injected == MONITOR_INJECT_INTERRUPT)
        return done >= lp->injected_value;
    return done > 0 && look_now(lp) && platform_pending(lp) != 0;
}

static void on_locked(void *context, u32 lp)
{
    (void)context;
    if (lp_at(lp)->injected == MONITOR_INJECT_PARK)
        inject_park(lp_at(lp));
}

/* What the module wrote with a key of its own is noise to the host. */
static void fill_with_junk(u64 base, u64 size)
{
    for (u64 at = base; at < base + min_u64(size, JUNK_AT_MOST); at += PAGE_SIZE) {
        u64 *page = memory_ram(at, PAGE_SIZE);
        for (u32 i = 0; page && i < 8; i++)
            page[i] = JUNK;
    }
}

/* Except that PAMTs stay as they are while a snapshot may still live on them. */
static bool give_back(u64 base, u64 size)
{
    bool mapped;
    if (npt_why(base, &mapped) != NPT_PAMT || !snapshot_filled())
        fill_with_junk(base, size);
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

static const struct soft_platform platform = {
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

/* ---- the module's life ---- */

static void power_on(void)
{
    struct soft_machine facts = {
        .lp_count = lp_count,
        .package_count = machine.package_count,
        .seamrr_base = machine.seamrr,
        .seamrr_size = SEAMRR_SIZE,
        .integrity = true, /* as MSRs 0x981 and 0x982 say */
        .handoff_pages = HANDOFF_PAGES,
    };
    for (u32 i = 0; i < machine.package_count && i < TDX_MAX_PACKAGES; i++)
        facts.fms[i] = machine.topology->signature;
    memcpy(facts.cmrs, machine.cmrs, sizeof(facts.cmrs));
    soft_reset(module, &platform, &facts, &options.knobs);
}

void platform_create_module(void)
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

bool platform_reset_module(void)
{
    if (!seamcall_close())
        return false;
    const char *broken = soft_check(platform_module());
    if (broken)
        monitor_bug("the soft module breaks its invariant: %s", broken);
    power_on();
    npt_each_hole(NPT_PAMT, give_back_rest);
    npt_each_hole(NPT_POOL, give_back_rest);
    npt_each_hole(NPT_CONTROL, give_back_rest);
    faults_replace(NULL);
    seamcall_open();
    return true;
}
