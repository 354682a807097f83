/* SPDX-License-Identifier: MIT */
/*
 * TDH.SYS.DISABLE (69): the end of everything, in any state. All memory goes back to the host, and the module
 * is as after its load, so that SYS.INIT may come again. Sources: Linux' kexec patches for the loop on
 * INTERRUPTED_RESUMABLE and SYS_BUSY, for other leaves being locked out from the first call on, and for a
 * new start afterwards; the rest is inferred or a knob.
 */
#include "seam/soft/state.h"

static void end_life(struct soft_module *module)
{
    soft_give_everything_back(module);
    soft_journal_leave(module);
    soft_clear_life(module, module->knobs.disable_keeps_lps);
    module->handoff.valid = false;
    module->pamt_hash = 0;
    module->disable_step = 0;
}

static u64 disable(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    const struct soft_platform *platform = &module->platform;
    __atomic_store_n(&module->disabling, true, __ATOMIC_SEQ_CST);
    soft_locked(request);
    if (soft_others_inside(module, request->lp))
        return TDX_SYS_BUSY;
    for (u32 done = 0; module->disable_step < module->knobs.disable_steps; done++, module->disable_step++)
        if (platform->interrupt_pending(platform->context, request->lp, done))
            return TDX_INTERRUPTED_RESUMABLE;
    end_life(module);
    soft_set_state(module, module->knobs.disable_state_after ? SOFT_SHUTDOWN : SOFT_INIT_PENDING);
    __atomic_store_n(&module->disabling, false, __ATOMIC_RELEASE);
    return TDX_SUCCESS;
}

u64 soft_sys_disable(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (!soft_lock_exclusive(&module->global_lock))
        return TDX_SYS_BUSY;
    u64 status = disable(request);
    soft_unlock_exclusive(&module->global_lock);
    return status;
}
