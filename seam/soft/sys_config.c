/* SPDX-License-Identifier: MIT */
/*
 * TDH.SYS.CONFIG (45): the TDMRs, the module's KeyID and, from version 1 on, the add-on features. Order of
 * checks: module 1.5.01 source; R9 and R10 as SYS.UPDATE of newer modules has them.
 */
#include "seam/soft/state.h"

#include "lib/string.h"

#define R8_KEYID        0xFFFFull
#define R8_DYNAMIC_PAMT (1ull << 16)

bool soft_all_lps_initialised(const struct soft_module *module)
{
    return __atomic_load_n(&module->lps_initialised, __ATOMIC_ACQUIRE) >= module->machine.lp_count;
}

/* R9 exists from version 1 on; version 0 doesn't look at it. */
u64 soft_check_features(const struct soft_request *request)
{
    if (request->version == 0)
        return TDX_SUCCESS;
    if (request->regs->r9 & ~soft_features0(request->module))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R9);
    if (request->module->knobs.config_r10_reserved && request->regs->r10 != 0)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R10);
    if (request->module->knobs.config_r11_reserved && request->regs->r11 != 0)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R11);
    return TDX_SUCCESS;
}

static u64 check_operands(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    const struct soft_regs *regs = request->regs;
    if (!soft_buffer_ok(module, regs->rcx, TDX_TDMR_INFO_ALIGN))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (regs->rdx == 0 || regs->rdx > TDX_MAX_TDMRS)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RDX);
    bool has_dynamic_pamt = soft_features0(module) >> TDX_FEATURE_DYNAMIC_PAMT & 1;
    if (regs->r8 & ~(has_dynamic_pamt ? R8_KEYID | R8_DYNAMIC_PAMT : R8_KEYID) ||
        !soft_keyid_private(module, regs->r8 & R8_KEYID))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R8);
    return soft_check_features(request);
}

u64 soft_fetch_tdmr(const struct soft_request *request, u32 index)
{
    struct soft_module *module = request->module;
    struct tdx_tdmr_info info;
    u64 pa;
    soft_read(request, request->regs->rcx + index * sizeof(pa), &pa, sizeof(pa));
    if (!soft_buffer_ok(module, pa, TDX_TDMR_INFO_ALIGN))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    soft_read(request, pa, &info, sizeof(info)); /* once, before anything in it is believed */
    struct soft_tdmr *tdmr = &module->tdmrs[index];
    *tdmr = (struct soft_tdmr){
        .base = info.base,
        .size = info.size,
        .pamt = {[TDX_PAMT_1G] = {info.pamt_1g_base, info.pamt_1g_size},
                 [TDX_PAMT_2M] = {info.pamt_2m_base, info.pamt_2m_size},
                 [TDX_PAMT_4K] = {info.pamt_4k_base, info.pamt_4k_size}},
        .bitmap_bits = request->regs->r8 & R8_DYNAMIC_PAMT ? (u32)module->knobs.pamt_bitmap_bits : 0,
        .initialised = info.base,
    };
    memcpy(tdmr->reserved, info.reserved, sizeof(info.reserved));
    return soft_check_tdmr(module, index);
}

/* From here on the PAMTs are the module's. Surplus at an area's end is never touched, but it was handed over
 * too. */
static void take_pamts(const struct soft_module *module)
{
    for (u32 i = 0; i < module->tdmr_count; i++)
        for (u32 level = 0; level < TDX_PAMT_LEVELS; level++) {
            const struct soft_range *pamt = &module->tdmrs[i].pamt[level];
            module->platform.owner_changed(module->platform.context, pamt->base, pamt->size, SOFT_OWNER_PAMT);
        }
}

/* Whoever configures the module anew doesn't want what the one before it left (inferred). */
static void drop_handoff(struct soft_module *module)
{
    if (!module->handoff.valid)
        return;
    soft_give_everything_back(module);
    soft_journal_leave(module);
    module->handoff.valid = false;
    module->pamt_hash = 0;
}

static u64 configure(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    const struct soft_regs *regs = request->regs;
    if (soft_state(module) != SOFT_INIT_DONE || !soft_all_lps_initialised(module))
        return TDX_SYS_CONFIG_NOT_PENDING;
    u64 status = check_operands(request);
    if (status != TDX_SUCCESS)
        return status;
    module->kot[regs->r8 & R8_KEYID] = SOFT_KOT_RESERVED; /* and so it stays, whatever follows */
    for (u32 i = 0; i < regs->rdx && status == TDX_SUCCESS; i++)
        status = soft_fetch_tdmr(request, i);
    if (status != TDX_SUCCESS)
        return status;
    drop_handoff(module);
    module->tdmr_count = (u32)regs->rdx;
    module->hkid = (u16)regs->r8;
    module->packages_configured = 0;
    module->configured_features = request->version > 0 ? regs->r9 : 0;
    soft_ext_configure(module, 0);
    take_pamts(module);
    soft_set_state(module, SOFT_CONFIG_DONE);
    return TDX_SUCCESS;
}

u64 soft_sys_config(const struct soft_request *request)
{
    if (!soft_lock_exclusive(&request->module->global_lock))
        return TDX_SYS_BUSY;
    soft_locked(request);
    u64 status = configure(request);
    soft_unlock_exclusive(&request->module->global_lock);
    return status;
}
