/* SPDX-License-Identifier: MIT */
/* TDH.SYS.KEY.CONFIG (31): the module's key, once per package, one package at a time. Module 1.5.01 source.
 */
#include "seam/soft/state.h"

#include "lib/bits.h"

u64 soft_set_key(const struct soft_request *request, u16 hkid)
{
    const struct soft_platform *platform = &request->module->platform;
    switch (platform->pconfig(platform->context, request->lp, hkid)) {
    case SOFT_PCONFIG_OK:
        return TDX_SUCCESS;
    case SOFT_PCONFIG_BUSY:
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_KET);
    case SOFT_PCONFIG_NO_ENTROPY:
        return TDX_KEY_GENERATION_FAILED;
    }
    return soft_stop(request, "PCONFIG gave a result that the module doesn't know");
}

static u64 configure(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    u32 package = 1u << module->lps[request->lp].package;
    if (soft_state(module) != SOFT_CONFIG_DONE)
        return TDX_SYS_KEY_CONFIG_NOT_PENDING;
    if (module->packages_configured & package)
        return TDX_KEY_CONFIGURED;
    u64 status = soft_set_key(request, module->hkid);
    if (status != TDX_SUCCESS)
        return status;
    module->packages_configured |= package;
    if (count_bits(module->packages_configured) >= module->machine.package_count)
        soft_set_state(module, SOFT_READY);
    return TDX_SUCCESS;
}

u64 soft_key_config(const struct soft_request *request)
{
    if (!soft_lock_exclusive(&request->module->global_lock))
        return TDX_SYS_BUSY;
    soft_locked(request);
    u64 status = configure(request);
    soft_unlock_exclusive(&request->module->global_lock);
    return status;
}
