/* SPDX-License-Identifier: MIT */
/*
 * SYS.INIT's CPUID rules: the table of cpuid_rules.def in index order, each row followed by what only that
 * row is asked (module 1.5.01 source, SYS.INIT). A mismatch is explained in RCX, RDX, R8, R9 and R10.
 */
#include "seam/soft/state.h"

#include "drivers/tdx/abi/msr.h"

#define XCR0_COMPONENTS 0x602FFu /* XSAVE components that the module knows, user ... */
#define XSS_COMPONENTS  0x1FD00u /* ... and supervisor */
#define LOWEST_TSC_HZ   0x2540Cull
#define LEVEL_SMT       1
#define LEVEL_CORE      2 /* CPUID 1FH level types; 6 and above are unknown to 1.5.01 */
#define LEVEL_UNKNOWN   6

static u64 mismatch(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                    struct soft_cpuid mask, struct soft_cpuid value)
{
    struct soft_regs *regs = request->regs;
    regs->rcx = soft_pair(rule->leaf, rule->subleaf);
    regs->rdx = soft_pair(mask.eax, mask.ebx);
    regs->r8 = soft_pair(mask.ecx, mask.edx);
    regs->r9 = soft_pair(value.eax, value.ebx);
    regs->r10 = soft_pair(value.ecx, value.edx);
    return TDX_INCORRECT_CPUID_VALUE;
}

static bool matches(const struct soft_cpuid *native, const struct soft_cpuid_rule *rule)
{
    return (native->eax & rule->mask.eax) == rule->value.eax &&
           (native->ebx & rule->mask.ebx) == rule->value.ebx &&
           (native->ecx & rule->mask.ecx) == rule->value.ecx &&
           (native->edx & rule->mask.edx) == rule->value.edx;
}

/* At least 5 architectural LBR/PMU versions are asked for; at most 7 fixed counters fit the module's save
 * area. */
static u64 check_perfmon(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                         const struct soft_cpuid *native)
{
    if ((native->eax & 0xFF) < 5)
        return mismatch(request, rule, (struct soft_cpuid){.eax = 0xF}, (struct soft_cpuid){.eax = 5});
    if ((native->edx & 0x1F) > 7)
        return mismatch(request, rule, (struct soft_cpuid){.edx = 0x1F}, (struct soft_cpuid){.edx = 7});
    return TDX_SUCCESS;
}

static u64 check_address_sizes(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                               const struct soft_cpuid *native)
{
    u32 linear = (request->module->sample.la57 ? 57u : 48u) << 8;
    if ((native->eax & 0xFF00) == linear)
        return TDX_SUCCESS;
    return mismatch(request, rule, (struct soft_cpuid){.eax = 0xFF00}, (struct soft_cpuid){.eax = linear});
}

static u64 check_xsave(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                       const struct soft_cpuid *native)
{
    struct soft_sample *sample = &request->module->sample;
    if (rule->subleaf == 0)
        sample->xfam = native->eax & XCR0_COMPONENTS;
    else if (rule->subleaf == 1)
        sample->xfam |= native->ecx & XSS_COMPONENTS;
    else if (sample->xfam & 1ull << rule->subleaf) {
        bool supervisor = native->ecx & 1;
        if (supervisor != !!(XSS_COMPONENTS & 1u << rule->subleaf))
            return soft_stop(request, "CPUID 0DH puts an XSAVE component on the wrong side of XCR0 and XSS");
    }
    return TDX_SUCCESS;
}

static u64 check_tsc(const struct soft_request *request, const struct soft_cpuid *native)
{
    if (native->ebx == 0)
        return TDX_CPUID_LEAF_NOT_SUPPORTED | 0x15;
    /* EAX = 0 would be a division by zero in the module, which ends it as well. */
    if (native->eax == 0 || (u64)native->ecx * native->ebx / native->eax < LOWEST_TSC_HZ)
        return soft_stop(request, "CPUID 15H gives a TSC frequency below what TDs can be given");
    return TDX_SUCCESS;
}

/* One WBINVD must reach the whole package: the L3 is shared by all its LPs. */
static u64 check_package_level(const struct soft_request *request)
{
    const struct soft_sample *sample = &request->module->sample;
    if (sample->package_shift - sample->core_shift >= 32)
        return soft_stop(request, "CPUID 1FH: a core has more LPs than its package");
    if (sample->package_shift == 0 || sample->l3_sharing >> (sample->package_shift - 1) != 1)
        return TDX_INVALID_WBINVD_SCOPE;
    return TDX_SUCCESS;
}

/*
 * CPUID 1FH: level types grow from sub-leaf to sub-leaf; the last valid one before an invalid one tells the
 * package shift. The module doesn't stop there: a valid sub-leaf behind an invalid one begins a new row of
 * levels.
 */
static u64 check_topology(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                          const struct soft_cpuid *native)
{
    struct soft_sample *sample = &request->module->sample;
    u32 level = native->ecx >> 8 & 0xFF, previous = rule->subleaf ? sample->topology_level : 0;
    if (rule->subleaf == 0) {
        sample->topology_core = false;
        sample->core_shift = 0;
    }
    sample->topology_level = level;
    if (level == 0) {
        if (rule->subleaf == 0 || !sample->topology_core)
            return TDX_CPUID_LEAF_NOT_SUPPORTED;
        return previous ? check_package_level(request) : TDX_SUCCESS;
    }
    if (level <= previous || level >= LEVEL_UNKNOWN)
        return TDX_CPUID_LEAF_1F_FORMAT_UNRECOGNIZED;
    sample->topology_core |= level == LEVEL_CORE;
    sample->package_shift = native->eax & 0x1F;
    if (level == LEVEL_SMT)
        sample->core_shift = sample->package_shift;
    return TDX_SUCCESS;
}

static u64 check_special(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                         struct soft_cpuid *native)
{
    struct soft_sample *sample = &request->module->sample;
    switch (rule->leaf) {
    case 0x1:
        native->eax = soft_lowest_fms(&request->module->machine);
        return TDX_SUCCESS;
    case 0x4:
        if (rule->subleaf == 3)
            sample->l3_sharing = native->eax >> 14 & 0xFFF;
        return TDX_SUCCESS;
    case 0x7:
        if (rule->subleaf == 0) {
            sample->waitpkg = native->ecx & 1u << 5;
            sample->la57 = native->ecx & 1u << 16;
        }
        return TDX_SUCCESS;
    case 0xA:
        return check_perfmon(request, rule, native);
    case 0x1C:
        return native->eax & 0xFF ? TDX_SUCCESS
                                  : soft_stop(request, "CPUID 1CH: the CPU has no last branch records");
    case 0x80000008:
        return check_address_sizes(request, rule, native);
    case 0xD:
        return check_xsave(request, rule, native);
    case 0x15:
        return check_tsc(request, native);
    case 0x1F:
        return check_topology(request, rule, native);
    default:
        return TDX_SUCCESS;
    }
}

static u64 check_ranges(const struct soft_request *request)
{
    const struct soft_platform *platform = &request->module->platform;
    if (soft_rdmsr(request, MSR_IA32_MISC_ENABLE) & MISC_ENABLE_LIMIT_CPUID)
        return TDX_LIMIT_CPUID_MAXVAL_SET;
    if (platform->cpuid(platform->context, request->lp, 0, SOFT_NO_SUBLEAF).eax < 0x1F)
        return TDX_CPUID_LEAF_NOT_SUPPORTED | 0x1F;
    if (platform->cpuid(platform->context, request->lp, 0x80000000u, SOFT_NO_SUBLEAF).eax < 0x80000008u)
        return TDX_CPUID_LEAF_NOT_SUPPORTED | 0x80000008u;
    return TDX_SUCCESS;
}

u64 soft_check_cpuid(const struct soft_request *request)
{
    u64 status = check_ranges(request);
    for (u32 i = 0; i < SOFT_CPUID_ROWS && status == TDX_SUCCESS; i++) {
        const struct soft_cpuid_rule *rule = &soft_cpuid_rules[i];
        struct soft_cpuid native;
        soft_cpuid_read(request, rule, &native);
        status = matches(&native, rule) ? check_special(request, rule, &native)
                                        : mismatch(request, rule, rule->mask, rule->value);
        request->module->sample.cpuid[i] = native;
    }
    return status;
}
