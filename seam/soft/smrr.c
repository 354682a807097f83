/* SPDX-License-Identifier: MIT */
/* SYS.INIT's demands on the SMM range registers: locked, well formed, apart from convertible memory. */
#include "seam/soft/state.h"

#define MTRRCAP_SMRR      (1ull << 11)
#define MTRRCAP_SMRR2     (1ull << 13)
#define MTRRCAP_SMRR_LOCK (1ull << 14)
#define SMRR_MASK_LOCK    (1ull << 10)
#define SMRR_MASK_VALID   (1ull << 11)
#define SMRR_ADDRESS      0xFFFFF000ull

static u64 check_range(const struct soft_module *module, u32 index, u64 base_msr, u64 mask_msr)
{
    if (!(mask_msr & SMRR_MASK_VALID))
        return TDX_SUCCESS;
    u64 mask = mask_msr & SMRR_ADDRESS;
    u64 size = mask & -mask;
    u64 base = base_msr & SMRR_ADDRESS;
    if (mask == 0 || mask != (SMRR_ADDRESS & ~(size - 1)) || !is_aligned(base, size))
        return TDX_INVALID_SMRR_CONFIGURATION | index;
    for (u32 i = 0; i < TDX_MAX_CMRS; i++) {
        const struct tdx_cmr *cmr = &module->machine.cmrs[i];
        if (cmr->size && soft_overlap(base, size, cmr->base, cmr->size))
            return TDX_SMRR_OVERLAPS_CMR | index | i << 8;
    }
    return TDX_SUCCESS;
}

u64 soft_check_smrr(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct soft_sample *sample = &module->sample;
    u64 capabilities = sample->msr[SOFT_MSR_MTRRCAP];
    if (!(capabilities & MTRRCAP_SMRR))
        return TDX_SMRR_NOT_SUPPORTED;
    if (!(capabilities & MTRRCAP_SMRR_LOCK))
        return TDX_SMRR_LOCK_NOT_SUPPORTED;
    sample->smrr2 = capabilities & MTRRCAP_SMRR2 && !module->machine.smrr2_forbidden;
    if (!(sample->msr[SOFT_MSR_SMRR_MASK] & SMRR_MASK_LOCK))
        return TDX_SMRR_NOT_LOCKED;
    if (sample->smrr2 && !(sample->msr[SOFT_MSR_SMRR2_MASK] & SMRR_MASK_LOCK))
        return TDX_SMRR_NOT_LOCKED | 1;
    u64 status = check_range(module, 0, sample->msr[SOFT_MSR_SMRR_BASE], sample->msr[SOFT_MSR_SMRR_MASK]);
    if (status == TDX_SUCCESS && sample->smrr2)
        status = check_range(module, 1, sample->msr[SOFT_MSR_SMRR2_BASE], sample->msr[SOFT_MSR_SMRR2_MASK]);
    return status;
}
