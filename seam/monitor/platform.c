/* SPDX-License-Identifier: MIT */
#include "seam/monitor/platform.h"

#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"

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

bool platform_random(const struct lp *lp, u64 *value)
{
    if (lp->injected == MONITOR_INJECT_NO_ENTROPY)
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

enum soft_pconfig platform_pconfig(const struct lp *lp)
{
    switch (lp->injected) {
    case MONITOR_INJECT_NO_ENTROPY:
        return SOFT_PCONFIG_NO_ENTROPY;
    case MONITOR_INJECT_KET_BUSY:
        return SOFT_PCONFIG_BUSY;
    default:
        return SOFT_PCONFIG_OK;
    }
}

u64 platform_seam_capabilities(const struct lp *lp)
{
    u64 value = SEAM_CAPABILITIES;
    faults_seam_capabilities(lp->index, &value);
    return value;
}

u64 platform_pending(const struct lp *lp)
{
    bool takes_interrupts = lp->host_vmcb->rflags & RFLAGS_IF;
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
bool platform_interrupts(struct lp *lp, u64 done)
{
    if (lp->injected == MONITOR_INJECT_INTERRUPT)
        return done >= lp->injected_value;
    return done > 0 && look_now(lp) && platform_pending(lp) != 0;
}

/* What the module wrote with a key of its own is noise to the host. */
void platform_fill_with_junk(u64 base, u64 size)
{
    for (u64 at = base; at < base + min_u64(size, JUNK_AT_MOST); at += PAGE_SIZE) {
        u64 *page = memory_ram(at, PAGE_SIZE);
        for (u32 i = 0; page && i < 8; i++)
            page[i] = JUNK;
    }
}

struct soft_machine platform_facts_at_start(void)
{
    struct soft_machine facts = {
        .lp_count = lp_count,
        .package_count = machine.package_count,
        .seamrr_base = machine.seamrr,
        .seamrr_size = machine.seamrr_size,
        .integrity = true, /* as MSRs 0x981 and 0x982 say */
        .handoff_pages = HANDOFF_PAGES,
    };
    for (u32 i = 0; i < machine.package_count && i < TDX_MAX_PACKAGES; i++)
        facts.fms[i] = machine.topology->signature;
    memcpy(facts.cmrs, machine.cmrs, sizeof(facts.cmrs));
    faults_facts(&facts);
    return facts;
}
