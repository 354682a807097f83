/* SPDX-License-Identifier: MIT */
/* What the module sees of the machine: MSRs, CPUID, addresses and their KeyIDs, memory. */
#include "seam/soft/state.h"

#include "drivers/tdx/abi/msr.h"
#include "lib/string.h"

const u32 soft_msr_numbers[SOFT_MSR_COUNT] = {
#define SOFT_MSR(symbol, number) [SOFT_MSR_##symbol] = (number),
#include "seam/soft/msrs.def"
};

const struct soft_cpuid_rule soft_cpuid_rules[] = {
#define NONE SOFT_NO_SUBLEAF
#define REQUIRED(a_mask, a, b_mask, b, c_mask, c, d_mask, d)                                                 \
    {(a_mask), (b_mask), (c_mask), (d_mask)},                                                                \
    {                                                                                                        \
        (a), (b), (c), (d)                                                                                   \
    }
#define FREE                                                                                                 \
    {0},                                                                                                     \
    {                                                                                                        \
        0                                                                                                    \
    }
#define SAME(a, b, c, d)                                                                                     \
    {                                                                                                        \
        (a), (b), (c), (d)                                                                                   \
    }
#define ALL SAME(0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
#define NOTHING                                                                                              \
    {                                                                                                        \
        0                                                                                                    \
    }
#define SOFT_CPUID(leaf, subleaf, ...) {(leaf), (subleaf), __VA_ARGS__},
#include "seam/soft/cpuid_rules.def"
};
_Static_assert(ARRAY_COUNT(soft_cpuid_rules) == SOFT_CPUID_ROWS, "module 1.5.01: 64 CPUID entries");

u64 soft_rdmsr(const struct soft_request *request, u32 msr)
{
    const struct soft_platform *platform = &request->module->platform;
    return platform->rdmsr(platform->context, request->lp, msr);
}

bool soft_cpuid_read(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                     struct soft_cpuid *out)
{
    const struct soft_platform *platform = &request->module->platform;
    u32 range = rule->leaf & 0x80000000u;
    u32 highest = platform->cpuid(platform->context, request->lp, range, SOFT_NO_SUBLEAF).eax;
    bool supported = rule->leaf <= highest;
    *out = (struct soft_cpuid){0};
    if (supported)
        *out = platform->cpuid(platform->context, request->lp, rule->leaf, rule->subleaf);
    return supported;
}

u64 soft_tsx_unhide(const struct soft_request *request)
{
    const struct soft_platform *platform = &request->module->platform;
    const u64 hide_cpuid = 1ull << 1;
    if (!(soft_rdmsr(request, MSR_IA32_ARCH_CAPABILITIES) & ARCH_CAP_TSX_CTRL))
        return 0;
    u64 tsx_ctrl = soft_rdmsr(request, MSR_IA32_TSX_CTRL);
    if (!(tsx_ctrl & hide_cpuid))
        return 0;
    platform->wrmsr(platform->context, request->lp, MSR_IA32_TSX_CTRL, tsx_ctrl & ~hide_cpuid);
    return tsx_ctrl;
}

void soft_tsx_restore(const struct soft_request *request, u64 tsx_ctrl)
{
    const struct soft_platform *platform = &request->module->platform;
    if (tsx_ctrl)
        platform->wrmsr(platform->context, request->lp, MSR_IA32_TSX_CTRL, tsx_ctrl);
}

u32 soft_keyid_shift(const struct soft_module *module)
{
    u64 activate = module->sample.msr[SOFT_MSR_TME_ACTIVATE];
    return TDX_PRIVATE_PA_BITS - (activate >> TME_ACTIVATE_KEYID_SHIFT & 0xF);
}

u64 soft_pa_without_keyid(const struct soft_module *module, u64 pa)
{
    return pa & ((1ull << soft_keyid_shift(module)) - 1);
}

bool soft_pa_plain(const struct soft_module *module, u64 pa)
{
    return pa >> soft_keyid_shift(module) == 0;
}

static u64 shared_keyids(const struct soft_module *module)
{
    return module->sample.msr[SOFT_MSR_KEYID_PARTITIONING] & 0xFFFFFFFF;
}

bool soft_keyid_shared(const struct soft_module *module, u64 keyid)
{
    return keyid <= shared_keyids(module);
}

bool soft_keyid_private(const struct soft_module *module, u64 keyid)
{
    u64 private_keyids = module->sample.msr[SOFT_MSR_KEYID_PARTITIONING] >> 32;
    return !soft_keyid_shared(module, keyid) && keyid <= shared_keyids(module) + private_keyids;
}

bool soft_buffer_ok(const struct soft_module *module, u64 pa, u64 size)
{
    const struct soft_machine *machine = &module->machine;
    if (!is_aligned(pa, size) || pa >> TDX_PRIVATE_PA_BITS)
        return false;
    if (soft_overlap(soft_pa_without_keyid(module, pa), size, machine->seamrr_base, machine->seamrr_size))
        return false;
    return soft_keyid_shared(module, pa >> soft_keyid_shift(module));
}

void *soft_map(const struct soft_request *request, u64 pa, u64 size)
{
    const struct soft_platform *platform = &request->module->platform;
    void *at = platform->map(platform->context, soft_pa_without_keyid(request->module, pa), size);
    if (!at)
        platform->violation(platform->context, request->lp,
                            "a buffer given to the module lies outside memory");
    return at;
}

void *soft_buffer(const struct soft_request *request, u64 pa, u64 size)
{
    const struct soft_module *module = request->module;
    if (soft_page_owner(module, align_down(soft_pa_without_keyid(module, pa), PAGE_SIZE)) == SOFT_OWNER_HOST)
        return soft_map(request, pa, size);
    module->platform.violation(module->platform.context, request->lp,
                               "a buffer given to the module lies in memory that the module owns");
    return NULL;
}

void soft_read(const struct soft_request *request, u64 pa, void *to, u64 size)
{
    const void *from = soft_buffer(request, pa, size);
    if (from)
        memcpy(to, from, size);
    else
        memset(to, 0xFF, size);
}
