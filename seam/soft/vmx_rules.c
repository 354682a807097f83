/* SPDX-License-Identifier: MIT */
/*
 * SYS.INIT's demands on the VMX capability MSRs: first for the module's own VMCSs (L1), then for those of
 * nested guests (L2). Module 1.5.01 source, SYS.INIT.
 */
#include "seam/soft/state.h"

#define VMX_CR0_RELAXED 0x80000001ull /* PE and PG: unrestricted guests may clear them */
#define PROC2_WAITPKG   (1ull << 26)
#define PROC2_OPTIONAL  (1ull << 28)

/* Controls: init are set by the module, variable are toggled by it, unknown may be fixed to 1 without harm.
 */
struct control_rule {
    enum soft_msr msr;
    u64 init, variable, unknown;
};

static const struct control_rule l1_controls[] = {
    {SOFT_MSR_VMX_PIN, 0x29, 0x80, 0xFFFFFF16},
    {SOFT_MSR_VMX_PROC, 0x91220088, 0x20400C00, 0x04046173},
    {SOFT_MSR_VMX_PROC2, 0x133CB3FA, 0xCC000400, 0},
    {SOFT_MSR_VMX_PROC3, 0x80, 0x20, 0xFFFFFFFFFFFFFF40},
    {SOFT_MSR_VMX_EXIT, 0x1F3C8204, 0x40001000, 0x00036DFB},
    {SOFT_MSR_VMX_ENTRY, 0x003EC004, 0x00402200, 0xFF8011FB},
};

static const struct control_rule l2_controls[] = {
    {SOFT_MSR_VMX_PIN, 0x29, 0, 0xFFFFFF16},
    {SOFT_MSR_VMX_PROC, 0x91220088, 0x68D81E04, 0x04046173},
    {SOFT_MSR_VMX_PROC2, 0x1338B3FA, 0x0C513E0C, 0},
    {SOFT_MSR_VMX_PROC3, 0x80, 0x2E, 0xFFFFFFFFFFFFFF40},
    {SOFT_MSR_VMX_EXIT, 0x1F3C8204, 0x40001000, 0x00036DFB},
    {SOFT_MSR_VMX_ENTRY, 0x003EC004, 0x00402200, 0xFF8011FB},
};

/* must_be_1 and may_be_1 as the MSR (or a pair of them) says */
static bool controls_fit(u64 must_be_1, u64 may_be_1, u64 init, u64 variable, u64 unknown)
{
    return (must_be_1 & ~(init | unknown)) == 0 && (init & ~may_be_1) == 0 && (variable & must_be_1) == 0 &&
           (variable & ~may_be_1) == 0;
}

static bool control_ok(const struct soft_sample *sample, const struct control_rule *rule)
{
    u64 value = sample->msr[rule->msr];
    if (rule->msr == SOFT_MSR_VMX_PROC3) /* 64 bits, allowed-1 only */
        return controls_fit(0, value, rule->init, rule->variable, rule->unknown);
    u64 may_be_1 = value >> 32;
    u64 init = rule->init;
    if (rule->msr == SOFT_MSR_VMX_PROC2) {
        init = sample->waitpkg ? init | PROC2_WAITPKG : init & ~PROC2_WAITPKG;
        if (!(may_be_1 & PROC2_OPTIONAL))
            init &= ~PROC2_OPTIONAL;
    }
    return controls_fit(value & 0xFFFFFFFF, may_be_1, init, rule->variable, rule->unknown);
}

static u64 incorrect(enum soft_msr msr)
{
    return TDX_INCORRECT_MSR_VALUE | soft_msr_numbers[msr];
}

/* A bit that must be 1 and may not be: no CPU says so, and the module stops itself. */
static bool contradicts_itself(u64 value)
{
    return value & 0xFFFFFFFF & ~(value >> 32);
}

static u64 check_controls(const struct soft_request *request, const struct control_rule *rules, u32 count)
{
    const struct soft_sample *sample = &request->module->sample;
    for (u32 i = 0; i < count; i++) {
        if (rules[i].msr != SOFT_MSR_VMX_PROC3 && contradicts_itself(sample->msr[rules[i].msr]))
            return soft_stop(request, "a VMX control must be 1 and may not be 1");
        if (!control_ok(sample, &rules[i]))
            return incorrect(rules[i].msr);
    }
    return TDX_SUCCESS;
}

static u64 check_basic(const struct soft_sample *sample)
{
    const u64 memory_and_true_controls = 3ull << 54;
    u64 basic = sample->msr[SOFT_MSR_VMX_BASIC];
    if ((basic >> 32 & 0x1FFF) > 2048 || (basic & memory_and_true_controls) != memory_and_true_controls)
        return incorrect(SOFT_MSR_VMX_BASIC);
    return TDX_SUCCESS;
}

static u64 check_misc(const struct soft_sample *sample)
{
    const u64 misc_required = 0x200040E0;   /* bits 5, 6, 7, 14, 29 */
    const u64 ept_required = 0x10106334041; /* bits 0, 6, 14, 16, 17, 20, 21, 25, 26, 32, 40 */
    u64 misc = sample->msr[SOFT_MSR_VMX_MISC];
    if ((misc & misc_required) != misc_required || (misc >> 16 & 0x1FF) < 4)
        return incorrect(SOFT_MSR_VMX_MISC);
    if ((sample->msr[SOFT_MSR_VMX_EPT_VPID] & ept_required) != ept_required)
        return incorrect(SOFT_MSR_VMX_EPT_VPID);
    return TDX_SUCCESS;
}

static u64 check_cr4(const struct soft_sample *sample)
{
    const u64 cr4 = 0x2040; /* VMXE and MCE */
    if (sample->msr[SOFT_MSR_VMX_CR4_FIXED0] & ~cr4)
        return incorrect(SOFT_MSR_VMX_CR4_FIXED0);
    if ((sample->msr[SOFT_MSR_VMX_CR4_FIXED1] & cr4) != cr4)
        return incorrect(SOFT_MSR_VMX_CR4_FIXED1);
    return TDX_SUCCESS;
}

static u64 check_cr0(const struct soft_sample *sample)
{
    const u64 cr0 = 0x21; /* PE and NE */
    if (sample->msr[SOFT_MSR_VMX_CR0_FIXED0] & ~VMX_CR0_RELAXED & ~cr0)
        return incorrect(SOFT_MSR_VMX_CR0_FIXED0);
    if ((sample->msr[SOFT_MSR_VMX_CR0_FIXED1] & cr0) != cr0)
        return incorrect(SOFT_MSR_VMX_CR0_FIXED1);
    return TDX_SUCCESS;
}

static u64 check_cr0_l2(const struct soft_sample *sample)
{
    u64 fixed0 = sample->msr[SOFT_MSR_VMX_CR0_FIXED0] & ~VMX_CR0_RELAXED;
    if (!controls_fit(fixed0, sample->msr[SOFT_MSR_VMX_CR0_FIXED1], 0x21, 0x8005001F, 0))
        return incorrect(SOFT_MSR_VMX_CR0_FIXED0);
    return TDX_SUCCESS;
}

u64 soft_check_vmx(const struct soft_request *request)
{
    const struct soft_sample *sample = &request->module->sample;
    u64 status = check_basic(sample);
    if (status == TDX_SUCCESS)
        status = check_controls(request, l1_controls, ARRAY_COUNT(l1_controls));
    if (status == TDX_SUCCESS)
        status = check_misc(sample);
    if (status == TDX_SUCCESS)
        status = check_cr0(sample);
    if (status == TDX_SUCCESS)
        status = check_cr4(sample);
    if (status == TDX_SUCCESS)
        status = check_controls(request, l2_controls, ARRAY_COUNT(l2_controls));
    if (status == TDX_SUCCESS)
        status = check_cr0_l2(sample);
    if (status == TDX_SUCCESS)
        status = check_cr4(sample);
    return status;
}
