/* SPDX-License-Identifier: MIT */
/*
 * From one module to the next: TDH.SYS.SHUTDOWN (52) leaves hand-off data, the P-SEAMLDR installs another
 * module, TDH.SYS.UPDATE (53) takes them over. Order of checks: module 1.5.01 source; SHUTDOWN's bit 16 and
 * UPDATE's R9 and R10: newer modules, as Linux' runtime-update patches use them.
 */
#include "seam/soft/state.h"

#include "lib/string.h"

/* ---- SYS.SHUTDOWN ---- */

/* UPDATE_COMPAT_SENSITIVE with bits 15:0 = 0: how many TDs are being built */
#define UPDATE_BUILDS_SHIFT 16

static bool version_ok(const struct soft_module *module, u64 version)
{
    const struct soft_knobs *knobs = &module->knobs;
    return version >= knobs->min_update_hv && version <= knobs->module_hv &&
           !(knobs->no_downgrade && version != knobs->module_hv);
}

bool soft_others_inside(const struct soft_module *module, u32 lp)
{
    for (u32 i = 0; i < SOFT_MAX_LPS; i++)
        if (i != lp && __atomic_load_n(&module->lps[i].busy, __ATOMIC_SEQ_CST))
            return true;
    return false;
}

/* No TD is ever finished in this model, so every TD whose KeyID is in use is one that is being built. */
static u64 tds_in_build(const struct soft_module *module)
{
    u64 count = 0;
    for (u32 i = 0; i < SOFT_KEYIDS; i++)
        count += module->kot[i] == SOFT_KOT_ASSIGNED;
    return count;
}

static void write_handoff(struct soft_module *module, u16 version)
{
    struct soft_handoff *handoff = &module->handoff;
    handoff->version = version;
    handoff->size = (u32)module->knobs.handoff_data_size;
    handoff->packages_configured = module->packages_configured;
    handoff->hkid = module->hkid;
    memcpy(handoff->kot, module->kot, sizeof(handoff->kot));
    memcpy(handoff->kot_packages, module->kot_packages, sizeof(handoff->kot_packages));
    handoff->tdmr_count = module->tdmr_count;
    memcpy(handoff->tdmrs, module->tdmrs, sizeof(handoff->tdmrs));
    handoff->valid = true;
}

/* An LP says "inside" and then reads the state; this writes the state and then looks who is inside. */
static u64 shut_down(const struct soft_request *request, u16 version, bool avoid_compat_sensitive)
{
    struct soft_module *module = request->module;
    if (soft_state(module) != SOFT_READY) /* it was, for the dispatcher */
        return module->state == SOFT_SHUTDOWN ? TDX_SYS_SHUTDOWN : TDX_SYS_NOT_READY;
    __atomic_store_n(&module->state, SOFT_SHUTDOWN, __ATOMIC_SEQ_CST);
    u64 status = TDX_SUCCESS;
    if (soft_others_inside(module, request->lp))
        status = TDX_SYS_BUSY;
    else if (avoid_compat_sensitive && tds_in_build(module))
        status = soft_operand(module->knobs.update_compat_status, min_u64(tds_in_build(module), 0xFFFF)
                                                                      << UPDATE_BUILDS_SHIFT);
    if (status == TDX_SUCCESS)
        write_handoff(module, version);
    else
        soft_set_state(module, SOFT_READY);
    return status;
}

u64 soft_sys_shutdown(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    u64 version = request->regs->rcx;
    bool avoid = false;
    if (soft_features0(module) >> TDX_FEATURE_UPDATE_COMPAT & 1) {
        avoid = version & TDX_SHUTDOWN_AVOID_COMPAT;
        version &= ~(u64)TDX_SHUTDOWN_AVOID_COMPAT;
    }
    if (!version_ok(module, version))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (!soft_lock_exclusive(&module->global_lock))
        return TDX_SYS_BUSY;
    soft_locked(request);
    u64 status = shut_down(request, (u16)version, avoid);
    soft_unlock_exclusive(&module->global_lock);
    return status;
}

/* ---- the P-SEAMLDR ---- */

void soft_clear_life(struct soft_module *module, bool keep_lps)
{
    for (u32 i = 0; i < SOFT_MAX_LPS && !keep_lps; i++) {
        module->lps[i].initialised = false;
        module->lps[i].package = 0;
    }
    if (!keep_lps)
        module->lps_initialised = 0;
    memset((u8 *)module + SOFT_CLEARED, 0, SOFT_LIFE_BYTES - SOFT_CLEARED);
}

void soft_install(struct soft_module *module, const struct soft_knobs *knobs)
{
    struct soft_platform platform = module->platform;
    struct soft_machine machine = module->machine;
    struct soft_knobs new_knobs = *knobs;
    if (!module->handoff.valid) {
        soft_reset(module, &platform, &machine, &new_knobs);
        return;
    }
    soft_clear_life(module, false);
    module->knobs = new_knobs;
    module->fatal = false;
    module->disabling = false;
    module->disable_step = 0;
    soft_set_state(module, SOFT_INIT_PENDING);
}

/* ---- SYS.UPDATE ---- */

static u64 pool_pages(const struct soft_module *module)
{
    u64 pages = 0;
    for (u32 i = 0; i < module->tdmr_count; i++)
        pages += module->tdmrs[i].pool_pages;
    return pages;
}

static void take_over(struct soft_module *module)
{
    struct soft_handoff *handoff = &module->handoff;
    module->packages_configured = handoff->packages_configured;
    module->hkid = handoff->hkid;
    memcpy(module->kot, handoff->kot, sizeof(module->kot));
    memcpy(module->kot_packages, handoff->kot_packages, sizeof(module->kot_packages));
    memcpy(module->tdmrs, handoff->tdmrs, sizeof(module->tdmrs));
    module->tdmr_count = handoff->tdmr_count;
    handoff->valid = false;
}

static u64 update(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (soft_state(module) != SOFT_INIT_DONE || !soft_all_lps_initialised(module))
        return TDX_SYS_STATE_INCORRECT;
    if (!module->handoff.valid || module->handoff.version < module->knobs.min_update_hv ||
        module->handoff.version > module->knobs.module_hv)
        return TDX_SYS_INVALID_HANDOFF;
    u64 status = soft_check_features(request);
    if (status != TDX_SUCCESS)
        return status;
    take_over(module);
    module->updated = true;
    module->configured_features = request->version > 0 ? request->regs->r9 : 0;
    soft_ext_configure(module, pool_pages(module));
    soft_set_state(module, SOFT_READY);
    return TDX_SUCCESS;
}

u64 soft_sys_update(const struct soft_request *request)
{
    if (!soft_lock_exclusive(&request->module->global_lock))
        return TDX_SYS_BUSY;
    soft_locked(request);
    u64 status = update(request);
    soft_unlock_exclusive(&request->module->global_lock);
    return status;
}
