/* SPDX-License-Identifier: MIT */
/* What the soft module sees of its machine, in a host process. */
#include "tests/host/soft_host.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/tdx/abi/msr.h"
#include "lib/log.h"

static u64 rdmsr(void *context, u32 lp, u32 msr)
{
    struct soft_host *host = context;
    u64 value = msr == MSR_IA32_TSX_CTRL ? host->lps[lp].tsx_ctrl : reference_msr(msr);
    overrides_msr(&host->faults.overrides, lp, msr, &value);
    return value;
}

static void wrmsr(void *context, u32 lp, u32 msr, u64 value)
{
    struct soft_host *host = context;
    if (msr == MSR_IA32_TSX_CTRL)
        host->lps[lp].tsx_ctrl = value;
}

static struct soft_cpuid cpuid(void *context, u32 lp, u32 leaf, u32 subleaf)
{
    struct soft_host *host = context;
    struct soft_cpuid value = reference_cpuid(leaf, subleaf);
    if (leaf == 0x1F)
        value.edx = reference_apic_id(lp, host->cpus, host->faults.packages);
    overrides_cpuid(&host->faults.overrides, lp, leaf, subleaf, &value);
    return value;
}

static bool random_value(void *context, u32 lp, u64 *value)
{
    static _Thread_local u64 state = 0x123456789ABCDEF0;
    struct soft_host *host = context;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    *value = state;
    return host->lps[lp].injected != MONITOR_INJECT_NO_ENTROPY;
}

static enum soft_pconfig pconfig(void *context, u32 lp, u16 hkid)
{
    struct soft_host *host = context;
    (void)hkid;
    switch (host->lps[lp].injected) {
    case MONITOR_INJECT_NO_ENTROPY:
        return SOFT_PCONFIG_NO_ENTROPY;
    case MONITOR_INJECT_KET_BUSY:
        return SOFT_PCONFIG_BUSY;
    default:
        return SOFT_PCONFIG_OK;
    }
}

static u64 seam_capabilities(void *context, u32 lp)
{
    struct soft_host *host = context;
    u64 value = 0x7F;
    overrides_seam_capabilities(&host->faults.overrides, lp, &value);
    return value;
}

static void *map(void *context, u64 pa, u64 size)
{
    struct soft_host *host = context;
    return reference_ram(pa, size) ? host->ram + pa : NULL;
}

/* A storm's interrupt stays pending until the LP has let it in. */
static bool interrupt_pending(void *context, u32 lp, u32 done)
{
    struct soft_host *host = context;
    const struct host_lp *of = &host->lps[lp];
    if (of->injected == MONITOR_INJECT_INTERRUPT)
        return done >= of->injected_value;
    return done > 0 && of->storm_us && host_now_us(host) >= of->storm_due;
}

static void owner_changed(void *context, u64 base, u64 size, enum soft_owner owner)
{
    struct soft_host *host = context;
    memset(host->owner + base / PAGE_SIZE, owner, size / PAGE_SIZE);
}

static void violation(void *context, u32 lp, const char *text)
{
    struct soft_host *host = context;
    host->counters[MONITOR_COUNT_VIOLATIONS]++;
    log_line("monitor: LP %u: %s", lp, text);
}

void host_platform(struct soft_host *host)
{
    host->platform = (struct soft_platform){
        .context = host,
        .rdmsr = rdmsr,
        .wrmsr = wrmsr,
        .cpuid = cpuid,
        .random = random_value,
        .pconfig = pconfig,
        .seam_capabilities = seam_capabilities,
        .map = map,
        .interrupt_pending = interrupt_pending,
        .locked = host_inject_park,
        .owner_changed = owner_changed,
        .violation = violation,
    };
}

void host_reset(struct soft_host *host)
{
    host->faults = (struct host_faults){.packages = host->machine.package_count};
    host->injection.kind = MONITOR_INJECT_NONE;
    park_end(&host->park);
    host_overlay_reset(host);
    soft_reset(host->module, &host->platform, &host->machine, &host->knobs);
}

u64 host_now_us(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000000 + (u64)now.tv_nsec / 1000;
}
