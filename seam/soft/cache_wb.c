/* SPDX-License-Identifier: MIT */
/*
 * TDH.PHYMEM.CACHE.WB (40): writes this package's caches back, block by block, for the sake of KeyIDs whose
 * TDs are blocked. What an interrupted call has done is kept per package. Module 1.5.01 source.
 */
#include "seam/soft/state.h"

#include "drivers/tdx/abi/msr.h"

enum { START = 0, RESUME = 1 };

/* Which KeyIDs this round is for; those flushed later need another one. False: none. */
static bool choose_keyids(const struct soft_module *module, struct soft_cache_wb *cache)
{
    bool any = false;
    u64 keyids[SOFT_KEYIDS / 64] = {0};
    for (u32 hkid = 0; hkid < SOFT_KEYIDS; hkid++)
        if (module->kot[hkid] == SOFT_KOT_FLUSHED) {
            keyids[hkid / 64] |= 1ull << hkid % 64;
            any = true;
        }
    for (u32 i = 0; any && i < ARRAY_COUNT(keyids); i++)
        cache->keyids[i] = keyids[i];
    return any;
}

/* Other packages clear their bits at the same time. */
static void note_done(struct soft_module *module, const struct soft_cache_wb *cache, u32 package)
{
    for (u32 hkid = 0; hkid < SOFT_KEYIDS; hkid++)
        if (cache->keyids[hkid / 64] >> hkid % 64 & 1)
            __atomic_fetch_and(&module->kot_packages[hkid], (u8) ~(1u << package), __ATOMIC_ACQ_REL);
}

static u64 write_back(const struct soft_request *request, u32 package)
{
    struct soft_module *module = request->module;
    const struct soft_platform *platform = &module->platform;
    struct soft_cache_wb *cache = &module->cache_wb[package];
    u64 blocks = module->sample.msr[SOFT_MSR_WBINVDP];
    u64 block = request->regs->rcx == RESUME ? cache->next : 0;
    cache->next = 0;
    for (u32 done = 1; block < blocks; done++, block++) {
        platform->wrmsr(platform->context, request->lp, MSR_IA32_WBNOINVDP, block);
        if (block + 1 < blocks && platform->interrupt_pending(platform->context, request->lp, done)) {
            cache->next = (u32)block + 1;
            return TDX_INTERRUPTED_RESUMABLE;
        }
    }
    note_done(module, cache, package);
    return TDX_SUCCESS;
}

static u64 with_locks(const struct soft_request *request, u32 package)
{
    struct soft_module *module = request->module;
    struct soft_cache_wb *cache = &module->cache_wb[package];
    if (request->regs->rcx == RESUME && cache->next == 0)
        return TDX_WBCACHE_RESUME_ERROR;
    if (request->regs->rcx == START)
        cache->next = 0; /* also if there turns out to be nothing to do */
    if (request->regs->rcx == START && !choose_keyids(module, cache))
        return TDX_NO_HKID_READY_TO_WBCACHE;
    return write_back(request, package);
}

u64 soft_cache_wb(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    u32 package = module->lps[request->lp].package;
    struct soft_cache_wb *cache = &module->cache_wb[package];
    if (request->regs->rcx > RESUME)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (!soft_lock_exclusive(&cache->lock))
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_WBCACHE);
    u64 status = soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_KOT);
    if (soft_lock_shared(&module->kot_lock)) {
        soft_locked(request);
        status = with_locks(request, package);
        soft_unlock_shared(&module->kot_lock);
    }
    soft_unlock_exclusive(&cache->lock);
    return status;
}
