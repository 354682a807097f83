/* SPDX-License-Identifier: MIT */
/* TDH.SYS.LP.INIT (35): is this LP the same as the one that did SYS.INIT? Module 1.5.01 source. */
#include "seam/soft/state.h"

#include "drivers/tdx/abi/msr.h"

static u64 check_msrs(const struct soft_request *request, u32 first, u32 end)
{
    const struct soft_sample *sample = &request->module->sample;
    for (u32 i = first; i < end; i++) {
        if ((i == SOFT_MSR_SMRR2_BASE || i == SOFT_MSR_SMRR2_MASK) && !sample->smrr2)
            continue;
        if (soft_rdmsr(request, soft_msr_numbers[i]) != sample->msr[i])
            return TDX_INCONSISTENT_MSR | soft_msr_numbers[i];
    }
    return TDX_SUCCESS;
}

static bool same(const struct soft_cpuid *a, const struct soft_cpuid *b, const struct soft_cpuid *mask)
{
    return !(((a->eax ^ b->eax) & mask->eax) | ((a->ebx ^ b->ebx) & mask->ebx) |
             ((a->ecx ^ b->ecx) & mask->ecx) | ((a->edx ^ b->edx) & mask->edx));
}

static u64 inconsistent(const struct soft_request *request, const struct soft_cpuid_rule *rule)
{
    request->regs->rcx = soft_pair(rule->leaf, rule->subleaf);
    request->regs->rdx = soft_pair(rule->same.eax, rule->same.ebx);
    request->regs->r8 = soft_pair(rule->same.ecx, rule->same.edx);
    return TDX_INCONSISTENT_CPUID_FIELD;
}

static u64 check_cpuid(const struct soft_request *request, u32 *package)
{
    const struct soft_sample *sample = &request->module->sample;
    if (soft_rdmsr(request, MSR_IA32_MISC_ENABLE) & MISC_ENABLE_LIMIT_CPUID)
        return TDX_LIMIT_CPUID_MAXVAL_SET;
    for (u32 i = 0; i < SOFT_CPUID_ROWS; i++) {
        const struct soft_cpuid_rule *rule = &soft_cpuid_rules[i];
        struct soft_cpuid native;
        if (!soft_cpuid_read(request, rule, &native))
            continue;
        if (!same(&native, &sample->cpuid[i], &rule->same))
            return inconsistent(request, rule);
        if (rule->leaf == 0x1F && rule->subleaf == 0) {
            *package = native.edx >> sample->package_shift;
            if (*package >= TDX_MAX_PACKAGES)
                return TDX_INVALID_PKG_ID | *package;
        }
    }
    return TDX_SUCCESS;
}

static u64 check_sameness(const struct soft_request *request, u32 *package)
{
    const struct soft_module *module = request->module;
    const struct soft_platform *platform = &module->platform;
    if (platform->seam_capabilities(platform->context, request->lp) != module->sample.seam_capabilities)
        return TDX_INCOMPATIBLE_SEAM_CAPABILITIES;
    u64 status = check_msrs(request, 0, SOFT_MSRS_BEFORE_CPUID);
    if (status != TDX_SUCCESS)
        return status;
    u64 tsx_ctrl = soft_tsx_unhide(request);
    status = check_cpuid(request, package);
    if (status == TDX_SUCCESS)
        status = check_msrs(request, SOFT_MSRS_BEFORE_CPUID, SOFT_MSR_COUNT);
    soft_tsx_restore(request, tsx_ctrl);
    return status;
}

static bool state_allows(const struct soft_module *module)
{
    enum soft_state state = soft_state(module);
    return state == SOFT_INIT_DONE || (module->knobs.lp_init_after_config && state > SOFT_INIT_DONE);
}

static u64 initialise(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct soft_lp *lp = &module->lps[request->lp];
    u64 seed;
    if (!state_allows(module))
        return TDX_SYS_LP_INIT_NOT_PENDING;
    if (lp->initialised)
        return TDX_SYS_LP_INIT_DONE;
    if (!module->platform.random(module->platform.context, request->lp, &seed) || (u32)seed == 0)
        return TDX_RND_NO_ENTROPY;
    u64 status = check_sameness(request, &lp->package);
    if (status != TDX_SUCCESS)
        return status;
    __atomic_store_n(&lp->initialised, true, __ATOMIC_RELEASE);
    __atomic_fetch_add(&module->lps_initialised, 1, __ATOMIC_RELEASE);
    return TDX_SUCCESS;
}

u64 soft_lp_init(const struct soft_request *request)
{
    struct soft_regs *regs = request->regs;
    regs->rcx = regs->rdx = regs->r8 = 0;
    if (!soft_lock_shared(&request->module->global_lock))
        return TDX_SYS_BUSY;
    soft_locked(request);
    u64 status = initialise(request);
    soft_unlock_shared(&request->module->global_lock);
    return status;
}
