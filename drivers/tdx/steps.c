/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/steps.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/vmx.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/smp.h"
#include "lib/log.h"
#include "lib/string.h"

/* Time for one step on all LPs; generous, because an emulated machine may have more LPs than its host has
 * cores. */
#define STEP_MAX_US (60ull * 1000 * 1000)

/* Attempts when the key generator is short of entropy or the CPU's key table is busy, as for RND_NO_ENTROPY.
 */
#define KEY_ATTEMPTS 10
#define KEY_MAX_US   (5 * 1000 * 1000)

bool step_detect(struct tdx_host *host)
{
    platform_detect(&host->platform);
    platform_report(&host->platform);
    char why[160];
    platform_first_unmet(&host->platform, why, sizeof(why));
    if (host->platform.unmet == 0)
        return true;
    if (!host->options.insist)
        return tdx_fail(host, "%s", why);
    log_line("tdx: going on all the same: what the module says to this is what is wanted");
    return true;
}

/* ---- the same thing on all LPs, with the first failure kept ---- */

struct on_all {
    struct tdx_host *host;
    volatile u32 failed_cpu; /* plus 1; 0 = none */
    struct seamcall_args args;
    u64 status;
    struct vmx_result vmx;
};

static bool first_failure(struct on_all *all)
{
    u32 none = 0;
    return __atomic_compare_exchange_n(&all->failed_cpu, &none, cpu_this() + 1, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static void vmx_on_lp(void *arg)
{
    struct on_all *all = arg;
    struct vmx_result result = vmx_get();
    if (result.outcome != VMX_OK && first_failure(all))
        all->vmx = result;
}

bool step_vmx(struct tdx_host *host)
{
    struct on_all all = {.host = host};
    if (!smp_run_all(vmx_on_lp, &all, STEP_MAX_US))
        return tdx_fail(host, "VMXON: an LP did not answer");
    if (!all.failed_cpu)
        return true;
    char name[16];
    if (all.vmx.outcome == VMX_FAULT)
        return tdx_fail(host, "VMXON on cpu %u: %s", all.failed_cpu - 1, fault_name(all.vmx.fault, name));
    return tdx_fail(host, "VMXON on cpu %u: VMfail%s", all.failed_cpu - 1,
                    all.vmx.outcome == VMX_FAIL_INVALID ? "Invalid" : "Valid");
}

/* A leaf that must simply succeed on this LP. */
static bool must_succeed(struct tdx_host *host, u16 leaf, struct seamcall_args *args, const char *what)
{
    const struct seamcall_args in = *args;
    u64 status = seamcall(leaf, args);
    if (status == TDX_SUCCESS)
        return true;
    seamcall_report(leaf, &in, args, status);
    return tdx_fail_status(host, leaf, status, "%s: 0x%016lx %s", what, status, tdx_status_name(status));
}

bool step_sys_init(struct tdx_host *host)
{
    struct seamcall_args args = {.rcx = 0};
    return must_succeed(host, TDH_SYS_INIT, &args, "SYS.INIT");
}

static void lp_init(void *arg)
{
    struct on_all *all = arg;
    struct seamcall_args args = {0};
    u64 status = seamcall(TDH_SYS_LP_INIT, &args);
    if (status != TDX_SUCCESS && first_failure(all)) {
        all->args = args;
        all->status = status;
    }
}

bool step_lp_init(struct tdx_host *host)
{
    struct on_all all = {.host = host};
    if (!smp_run_all(lp_init, &all, STEP_MAX_US))
        return tdx_fail(host, "SYS.LP.INIT: an LP did not answer");
    if (!all.failed_cpu)
        return true;
    const struct seamcall_args in = {0};
    seamcall_report(TDH_SYS_LP_INIT, &in, &all.args, all.status);
    return tdx_fail_status(host, TDH_SYS_LP_INIT, all.status, "SYS.LP.INIT on cpu %u: 0x%016lx %s",
                           all.failed_cpu - 1, all.status, tdx_status_name(all.status));
}

bool step_metadata(struct tdx_host *host)
{
    struct sysinfo_error error;
    if (!sysinfo_read(&host->sysinfo, sysinfo_seamcall_reader, NULL, &error))
        return tdx_fail_metadata(host, &error);
    const struct tdx_sysinfo *info = &host->sysinfo;
    log_line("tdx: module %u.%u.%u build %u (%u), vendor 0x%x, features0 0x%lx", info->major, info->minor,
             info->update, info->build, info->build_date, info->vendor_id, info->features0);
    for (u32 i = 0; i < info->cmr_count; i++)
        log_line("tdx: CMR %u: 0x%lx-0x%lx", i, info->cmrs[i].base, info->cmrs[i].base + info->cmrs[i].size);
    if (!sysinfo_has(info, TDX_FEATURE_NO_RBP_MOD))
        log_line("tdx: module lacks NO_RBP_MOD: it may change RBP when a TD runs (none does here)");
    donate_set_flush(host->options.always_flush || sysinfo_has(info, TDX_FEATURE_CLFLUSH_BEFORE_ALLOC));
    return true;
}

/* ---- SYS.CONFIG ---- */

/* The array of pointers and the structures it points to, laid out as SYS.CONFIG wants them. */
struct config_block {
    u64 pointers[TDX_MAX_TDMRS];
    struct {
        struct tdx_tdmr_info info;
        u8 pad[TDX_TDMR_INFO_ALIGN - sizeof(struct tdx_tdmr_info)];
    } tdmrs[TDX_MAX_TDMRS];
};
_Static_assert(sizeof(((struct config_block *)0)->pointers) % TDX_TDMR_INFO_ALIGN == 0,
               "TDMR_INFO alignment");

static u64 call_config(struct tdx_host *host, pa_t block_pa, struct config_block *block)
{
    memset(block, 0, sizeof(*block));
    for (u32 i = 0; i < host->plan.count; i++) {
        block->tdmrs[i].info = host->plan.tdmrs[i];
        block->pointers[i] =
            pa_raw(block_pa) + offsetof(struct config_block, tdmrs) + i * sizeof(block->tdmrs[0]);
    }
    u64 features = host->options.features & host->sysinfo.features0;
    struct seamcall_args args = {
        .rcx = pa_raw(block_pa),
        .rdx = host->plan.count,
        .r8 = host->platform.global_hkid.value,
        .r9 = features,
        .version = features ? 1 : 0, /* version 1 only for what it brought: the add-on features in R9 */
    };
    const struct seamcall_args in = args;
    u64 status = seamcall(TDH_SYS_CONFIG, &args);
    if (status == TDX_SUCCESS)
        host->configured = (struct tdx_configured){true, features};
    else
        seamcall_report(TDH_SYS_CONFIG, &in, &args, status);
    return status;
}

static void settle_pamt(const struct tdx_host *host, enum donation_state state)
{
    for (u32 i = 0; i < host->plan.pamt_block_count; i++)
        donate_settle(pa_of(host->plan.pamt_blocks[i].base), host->plan.pamt_blocks[i].size, state);
}

bool step_config(struct tdx_host *host)
{
    struct contig_request request = {.size = sizeof(struct config_block), .what = "SYS.CONFIG operands"};
    pa_t block;
    memory_lock();
    bool allocated = contig_alloc(memory_pool(), &request, &block);
    memory_unlock();
    if (!allocated)
        return tdx_fail(host, "no memory for the TDMR list");
    for (u32 i = 0; i < host->plan.pamt_block_count; i++)
        donate(pa_of(host->plan.pamt_blocks[i].base), host->plan.pamt_blocks[i].size, DONATION_PAMT);
    settle_pamt(host, DONATION_OFFERED);
    u64 status = call_config(host, block, phys_to_virt(block));
    memory_lock(); /* the module copied all of it, and on failure has no use for it */
    contig_free(memory_pool(), block, request.size);
    memory_unlock();
    settle_pamt(host, status == TDX_SUCCESS ? DONATION_OWNED : DONATION_STRANDED);
    if (status != TDX_SUCCESS)
        return tdx_fail_status(host, TDH_SYS_CONFIG, status, "SYS.CONFIG with %u TDMRs: 0x%016lx %s",
                               host->plan.count, status, tdx_status_name(status));
    return true;
}

static void flush_lp(void *arg)
{
    (void)arg;
    wbinvd();
}

bool step_flush(struct tdx_host *host)
{
    return smp_run_all(flush_lp, NULL, STEP_MAX_US) || tdx_fail(host, "WBINVD: an LP did not answer");
}

/* ---- SYS.KEY.CONFIG ---- */

static void key_config(void *arg)
{
    struct on_all *all = arg;
    deadline_t deadline = deadline_after_us(KEY_MAX_US);
    for (u32 attempt = 0; attempt < KEY_ATTEMPTS && !deadline_passed(deadline); attempt++) {
        if (attempt > 0) {
            all->host->key_config_retries++;
            clock_delay_us(100 * attempt);
        }
        all->args = (struct seamcall_args){0};
        all->status = seamcall(TDH_SYS_KEY_CONFIG, &all->args);
        bool again =
            all->status == TDX_KEY_GENERATION_FAILED || all->status == (TDX_OPERAND_BUSY | TDX_OPERAND_KET);
        if (!again)
            return;
    }
}

bool step_key_config(struct tdx_host *host)
{
    for (u32 package = 0; package < package_count(); package++) {
        struct on_all all = {.host = host};
        u32 cpu = package_first_cpu(package);
        if (!smp_run_on(cpu, key_config, &all, STEP_MAX_US))
            return tdx_fail(host, "SYS.KEY.CONFIG: cpu %u of package %u did not answer", cpu, package);
        if (all.status == TDX_KEY_CONFIGURED) /* not an error: somebody has done this package */
            log_line("tdx: package %u already had its key", package);
        else if (all.status != TDX_SUCCESS) {
            const struct seamcall_args in = {0};
            seamcall_report(TDH_SYS_KEY_CONFIG, &in, &all.args, all.status);
            return tdx_fail_status(host, TDH_SYS_KEY_CONFIG, all.status,
                                   "SYS.KEY.CONFIG on package %u: 0x%016lx %s", package, all.status,
                                   tdx_status_name(all.status));
        }
    }
    return true;
}

/* ---- TDMR.INIT ---- */

struct tdmr_work {
    struct tdx_host *host;
    volatile u32 next; /* next TDMR nobody works on yet */
    struct on_all failure;
    u32 failed_tdmr;
};

/* What a TDMR.INIT loop ends with when its bounds are reached or RDX is nowhere: no status of a module. */
#define TDMR_INIT_LOST (TDX_SW_ERROR | 1)

/* Done, failed, or to be called again (TDX_OPERAND_BUSY). */
static u64 init_tdmr_once(const struct tdx_tdmr_info *tdmr, struct seamcall_args *args, bool *done)
{
    u64 end = tdmr->base + tdmr->size;
    *args = (struct seamcall_args){.rcx = tdmr->base};
    u64 status = seamcall(TDH_SYS_TDMR_INIT, args);
    *done = status == TDX_TDMR_ALREADY_INITIALIZED || (status == TDX_SUCCESS && args->rdx == end);
    if (status == TDX_SUCCESS && (args->rdx < tdmr->base || args->rdx > end))
        return TDMR_INIT_LOST;
    return *done ? TDX_SUCCESS : status;
}

/*
 * One TDMR to its end. RDX is rounded down to 1 GiB, so it stands still for most calls: the end is an
 * address, and the bounds are a count and the clock. A finished TDMR answers TDMR_ALREADY_INITIALIZED with
 * RDX = 0, which is an end, too.
 */
static u64 init_tdmr(struct tdx_host *host, const struct tdx_tdmr_info *tdmr, struct seamcall_args *args)
{
    u64 bound = tdmr->size / TDX_TDMR_INIT_STEP * 2 + 64;
    deadline_t deadline = deadline_after_us(10 * STEP_MAX_US);
    u64 calls = 0, busy = 0, status;
    bool done, is_busy;
    do {
        status = init_tdmr_once(tdmr, args, &done);
        is_busy = (status & TDX_STATUS_MASK) == TDX_OPERAND_BUSY;
        busy += is_busy;
        calls++;
        if (is_busy)
            clock_delay_us(10); /* somebody else is at work on it */
    } while (!done && (status == TDX_SUCCESS || is_busy) && calls < bound && !deadline_passed(deadline));
    __atomic_add_fetch(&host->tdmr_init_calls, calls, __ATOMIC_RELAXED);
    __atomic_add_fetch(&host->tdmr_init_busy, busy, __ATOMIC_RELAXED);
    return status == TDX_SUCCESS && !done ? TDMR_INIT_LOST : status;
}

static void init_tdmrs(void *arg)
{
    struct tdmr_work *work = arg;
    for (;;) {
        u32 index = __atomic_fetch_add(&work->next, 1, __ATOMIC_RELAXED);
        if (index >= work->host->plan.count || work->failure.failed_cpu)
            return;
        struct seamcall_args args;
        u64 status = init_tdmr(work->host, &work->host->plan.tdmrs[index], &args);
        if (status != TDX_SUCCESS && first_failure(&work->failure)) {
            work->failure.status = status;
            work->failure.args = args;
            work->failed_tdmr = index;
        }
    }
}

bool step_tdmr_init(struct tdx_host *host)
{
    struct tdmr_work work = {.host = host};
    bool selected[MAX_CPUS] = {false};
    u32 lps = host->options.tdmr_init_lps ? host->options.tdmr_init_lps : cpu_count();
    for (u32 cpu = 0; cpu < cpu_count() && cpu < lps; cpu++)
        selected[cpu] = true;
    u64 start = clock_cycles();
    if (!smp_run_some(selected, init_tdmrs, &work, 10 * STEP_MAX_US))
        return tdx_fail(host, "SYS.TDMR.INIT: an LP did not finish");
    host->tdmr_init_cycles = clock_cycles() - start;
    if (!work.failure.failed_cpu)
        return true;
    const struct tdx_tdmr_info *tdmr = &host->plan.tdmrs[work.failed_tdmr];
    u64 status = work.failure.status;
    if (status == TDMR_INIT_LOST)
        return tdx_fail(
            host,
            "TDMR %u [0x%lx, +%lu GiB): not initialised after twice the calls it should take, or outside: RDX 0x%lx",
            work.failed_tdmr, tdmr->base, tdmr->size / GIB, work.failure.args.rdx);
    const struct seamcall_args in = {.rcx = tdmr->base};
    seamcall_report(TDH_SYS_TDMR_INIT, &in, &work.failure.args, status);
    return tdx_fail_status(host, TDH_SYS_TDMR_INIT, status, "SYS.TDMR.INIT of TDMR %u on cpu %u: 0x%016lx %s",
                           work.failed_tdmr, work.failure.failed_cpu - 1, status, tdx_status_name(status));
}
