/* SPDX-License-Identifier: MIT */
/* TDH.SYS.INIT (33): is this machine what the module was built for? Order of checks: module 1.5.01 source. */
#include "seam/soft/state.h"

#define PERF_FULL_WIDTH_WRITE (1ull << 13)
#define SEAM_CAPABILITIES     (3ull << 4)
#define MIN_HANDOFF_PAGES     13 /* number minus one: the hand-off data of this build takes 14 */

static void sample_msrs(const struct soft_request *request)
{
    for (u32 i = 0; i < SOFT_MSR_COUNT; i++)
        request->module->sample.msr[i] = soft_rdmsr(request, soft_msr_numbers[i]);
}

static u64 incorrect(enum soft_msr msr)
{
    return TDX_INCORRECT_MSR_VALUE | soft_msr_numbers[msr];
}

static u64 check_msrs(const struct soft_request *request)
{
    const u64 *msr = request->module->sample.msr;
    const u64 required = 0x20FD6B; /* ARCH_CAPABILITIES bits 0, 1, 3, 5, 6, 8, 10 to 15, 21 */
    const u64 rsba = 1ull << 2;
    if ((msr[SOFT_MSR_ARCH_CAPABILITIES] & (required | rsba)) != required)
        return incorrect(SOFT_MSR_ARCH_CAPABILITIES);
    if (msr[SOFT_MSR_XAPIC_DISABLE] != 1)
        return incorrect(SOFT_MSR_XAPIC_DISABLE);
    if (!(msr[SOFT_MSR_MISC_PACKAGE_CTLS] & 1))
        return incorrect(SOFT_MSR_MISC_PACKAGE_CTLS);
    if (!(msr[SOFT_MSR_PERF_CAPABILITIES] & PERF_FULL_WIDTH_WRITE))
        return incorrect(SOFT_MSR_PERF_CAPABILITIES);
    return TDX_SUCCESS;
}

static u64 check_keys(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    const u64 *msr = module->sample.msr;
    u64 algorithms =
        module->machine.integrity ? 0xA : 0x5; /* XTS-128, -128+integrity, -256, -256+integrity */
    u64 partitioning = msr[SOFT_MSR_KEYID_PARTITIONING];
    if (!(msr[SOFT_MSR_TME_ACTIVATE] & 1))
        return incorrect(SOFT_MSR_TME_ACTIVATE);
    if (!(msr[SOFT_MSR_TME_CAPABILITY] & algorithms))
        return incorrect(SOFT_MSR_TME_CAPABILITY);
    if (!(msr[SOFT_MSR_TME_ACTIVATE] >> 48 & algorithms))
        return incorrect(SOFT_MSR_TME_ACTIVATE);
    if ((u32)partitioning + (u32)(partitioning >> 32) >=
        SOFT_KEYIDS) /* 32 bits: the module's sum wraps, too */
        return TDX_NUM_ACTIVATED_HKIDS_NOT_SUPPORTED | SOFT_KEYIDS;
    if (msr[SOFT_MSR_WBINVDP] != msr[SOFT_MSR_WBNOINVDP])
        return incorrect(SOFT_MSR_WBNOINVDP);
    return TDX_SUCCESS;
}

static u64 check_cmrs(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    u64 previous_end = 0;
    for (u32 i = 0; i < TDX_MAX_CMRS; i++) {
        const struct tdx_cmr *cmr = &module->machine.cmrs[i];
        u64 end;
        if (cmr->size == 0)
            continue;
        if (__builtin_add_overflow(cmr->base, cmr->size, &end) || !soft_pa_plain(module, cmr->base) ||
            !soft_pa_plain(module, end - 1) || !is_aligned(cmr->base | cmr->size, PAGE_SIZE) ||
            cmr->base < previous_end)
            return TDX_CMR_LIST_INVALID;
        previous_end = end;
    }
    return TDX_SUCCESS;
}

static u64 check_seam_capabilities(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    u64 capabilities = module->platform.seam_capabilities(module->platform.context, request->lp);
    module->sample.seam_capabilities = capabilities;
    return (capabilities & SEAM_CAPABILITIES) == SEAM_CAPABILITIES ? TDX_SUCCESS
                                                                   : TDX_INCOMPATIBLE_SEAM_CAPABILITIES;
}

static u64 check_handoff(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    bool enough = module->machine.handoff_pages >= MIN_HANDOFF_PAGES;
    return enough && !module->knobs.sigstruct_fault ? TDX_SUCCESS : TDX_SYS_INCOMPATIBLE_SIGSTRUCT;
}

static u64 draw_canary(const struct soft_request *request)
{
    const struct soft_platform *platform = &request->module->platform;
    u64 canary;
    return platform->random(platform->context, request->lp, &canary) ? TDX_SUCCESS : TDX_RND_NO_ENTROPY;
}

static u64 check_platform(const struct soft_request *request)
{
    static u64 (*const checks[])(const struct soft_request *) = {
        soft_check_cpuid, soft_check_vmx,          check_keys,    check_cmrs,
        soft_check_smrr,  check_seam_capabilities, check_handoff, draw_canary,
    };
    u64 status = TDX_SUCCESS;
    for (u32 i = 0; i < ARRAY_COUNT(checks) && status == TDX_SUCCESS; i++)
        status = checks[i](request);
    return status;
}

static u64 initialise(const struct soft_request *request, u64 attributes)
{
    struct soft_module *module = request->module;
    if (attributes != 0)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (soft_state(module) != SOFT_INIT_PENDING)
        return TDX_SYS_INIT_NOT_PENDING;
    sample_msrs(request);
    u64 status = check_msrs(request);
    if (status != TDX_SUCCESS)
        return status;
    u64 tsx_ctrl = soft_tsx_unhide(request);
    status = check_platform(request);
    soft_tsx_restore(request, tsx_ctrl);
    if (status == TDX_SUCCESS)
        soft_set_state(module, SOFT_INIT_DONE);
    return status;
}

u64 soft_sys_init(const struct soft_request *request)
{
    struct soft_regs *regs = request->regs;
    u64 attributes = regs->rcx;
    regs->rcx = regs->rdx = regs->r8 = regs->r9 = regs->r10 = 0;
    if (!soft_lock_exclusive(&request->module->global_lock))
        return TDX_SYS_BUSY;
    soft_locked(request);
    u64 status = initialise(request, attributes);
    soft_unlock_exclusive(&request->module->global_lock);
    return status;
}
