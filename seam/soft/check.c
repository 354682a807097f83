/* SPDX-License-Identifier: MIT */
/* The model's invariants, as code. Each rule is a line that names itself when it doesn't hold. */
#include "seam/soft/dpamt.h"
#include "seam/soft/td.h"

#include "lib/bits.h"

#define HOLDS(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return #condition;                                                                               \
    } while (0)

static const char *check_lps(const struct soft_module *module)
{
    u32 initialised = 0;
    for (u32 i = 0; i < SOFT_MAX_LPS; i++) {
        const struct soft_lp *lp = &module->lps[i];
        HOLDS(!lp->busy);
        HOLDS(!lp->initialised || i < module->machine.lp_count || module->meddled);
        HOLDS(!lp->initialised || lp->package < TDX_MAX_PACKAGES);
        initialised += lp->initialised;
    }
    HOLDS(initialised == module->lps_initialised);
    HOLDS(initialised == 0 || module->state != SOFT_INIT_PENDING || module->knobs.disable_keeps_lps);
    HOLDS(initialised >= module->machine.lp_count || module->tdmr_count == 0 || module->meddled);
    return NULL;
}

static const char *check_state(const struct soft_module *module)
{
    u32 packages = count_bits(module->packages_configured);
    bool configured = module->tdmr_count > 0;
    HOLDS(module->state <= SOFT_SHUTDOWN);
    HOLDS(module->global_lock == 0);
    HOLDS(!module->journal.here || soft_pamt_initialised(module));
    HOLDS(configured == (module->state >= SOFT_CONFIG_DONE) || module->state == SOFT_SHUTDOWN);
    HOLDS(configured || packages == 0);
    HOLDS(module->state != SOFT_CONFIG_DONE || packages < module->machine.package_count || module->meddled);
    HOLDS(module->state != SOFT_READY || packages == module->machine.package_count || module->meddled);
    HOLDS(!configured || module->kot[module->hkid] == SOFT_KOT_RESERVED);
    HOLDS(!configured || soft_keyid_private(module, module->hkid));
    HOLDS((module->configured_features & ~soft_features0(module)) == 0 || module->meddled);
    return NULL;
}

static const char *check_tdmrs(const struct soft_module *module)
{
    for (u32 i = 0; i < module->tdmr_count; i++) {
        const struct soft_tdmr *tdmr = &module->tdmrs[i];
        u64 end = tdmr->base + tdmr->size;
        HOLDS(tdmr->lock == 0);
        HOLDS(tdmr->size != 0 && is_aligned(tdmr->base | tdmr->size, GIB));
        HOLDS(i == 0 || tdmr->base >= tdmr[-1].base + tdmr[-1].size);
        HOLDS(tdmr->initialised >= tdmr->base && tdmr->initialised <= end);
        HOLDS(is_aligned(tdmr->initialised, TDX_TDMR_INIT_STEP));
        HOLDS(module->state >= SOFT_READY || tdmr->initialised == tdmr->base);
        HOLDS(tdmr->pool_pages <= (tdmr->private_high - tdmr->private_low) / PAGE_SIZE);
        HOLDS(tdmr->private_high == 0 || tdmr->private_low >= tdmr->base);
        HOLDS(tdmr->private_high <= align_down(tdmr->initialised, GIB));
    }
    return NULL;
}

struct marked {
    u64 in_pairs, loose;
};

static void count_marked(void *context, u64 page, enum soft_owner owner)
{
    struct marked *marked = context;
    (void)page;
    marked->in_pairs += owner == SOFT_OWNER_PAMT;
    marked->loose += owner == SOFT_OWNER_POOL;
}

/* The regions of 2 MiB of a TDMR: what their entries say of pages that the bitmap marks */
static const char *check_regions(const struct soft_module *module, const struct soft_tdmr *tdmr,
                                 struct marked *marked, u64 *pairs)
{
    for (u64 pa = tdmr->base; pa < align_down(tdmr->initialised, GIB); pa += SOFT_REGION) {
        struct marked here = {0};
        const struct soft_pamt_entry *entry = module->platform.map(
            module->platform.context, soft_pamt_at(module, tdmr, pa, TDX_PAMT_2M), TDX_PAMT_ENTRY_BYTES);
        if (pa + SOFT_REGION > tdmr->private_low && pa < tdmr->private_high)
            soft_each_marked(module, tdmr, pa, count_marked, &here);
        HOLDS(entry != NULL);
        HOLDS(entry->type == TDX_PAGE_REG || entry->bepoch >> SOFT_LOOSE_SHIFT == here.loose);
        *pairs += entry->type == SOFT_PAGE_PAMT;
        marked->in_pairs += here.in_pairs;
        marked->loose += here.loose;
    }
    return NULL;
}

static const char *check_dynamic_pamt(const struct soft_module *module, u64 *loose)
{
    struct marked marked = {0};
    const char *broken = NULL;
    u64 pairs = 0;
    for (u32 i = 0; i < module->tdmr_count && !broken; i++) {
        HOLDS((module->tdmrs[i].bitmap_bits != 0) == (module->tdmrs[0].bitmap_bits != 0));
        if (module->tdmrs[i].bitmap_bits)
            broken = check_regions(module, &module->tdmrs[i], &marked, &pairs);
    }
    HOLDS(broken || marked.in_pairs == 2 * pairs);
    *loose = marked.loose;
    return broken;
}

static void add_pool_page(void *context, u64 page, u64 size, const struct soft_pamt_entry *entry)
{
    (void)page;
    if (entry->type >= SOFT_PAGE_POOL_FIRST)
        *(u64 *)context += size;
}

/* Between soft_install() and SYS.UPDATE pages, KeyIDs and TDs are known to the hand-off data only. */
static bool handed_over(const struct soft_module *module)
{
    return module->tdmr_count == 0 && module->handoff.valid;
}

static const char *check_ext(const struct soft_module *module)
{
    const struct soft_ext *ext = &module->ext;
    u64 pool_bytes = 0, pool_pages = 0, loose;
    const char *broken = check_dynamic_pamt(module, &loose);
    if (broken)
        return broken;
    soft_each_private(module, add_pool_page, &pool_bytes);
    for (u32 i = 0; i < module->tdmr_count; i++)
        pool_pages += module->tdmrs[i].pool_pages;
    HOLDS(ext->lock == 0);
    HOLDS(ext->missing <= ext->demand);
    HOLDS(ext->required || ext->demand == 0);
    HOLDS(pool_pages == ext->demand - ext->missing + ext->extra);
    HOLDS(pool_bytes == (pool_pages - loose) * PAGE_SIZE || handed_over(module)); /* the PAMT agrees */
    HOLDS(!ext->done || (ext->required && ext->missing == 0));
    HOLDS(!ext->done || ext->step == module->knobs.ext_init_steps || module->meddled);
    HOLDS(ext->extra == 0 || module->knobs.ext_pool_full_takes || module->updated || module->meddled);
    return NULL;
}

/* Quoting, hand-off data and SYS.DISABLE */
static const char *check_life(const struct soft_module *module)
{
    const struct soft_quote *quote = &module->quote;
    const struct soft_handoff *handoff = &module->handoff;
    HOLDS(quote->lock == 0);
    HOLDS(!quote->done || module->ext.done);
    HOLDS(!quote->done || module->configured_features >> TDX_FEATURE_QUOTE & 1);
    HOLDS(quote->get_step == 0 || quote->get_interrupted);
    HOLDS(!handoff->valid || module->state <= SOFT_INIT_DONE || module->state == SOFT_SHUTDOWN);
    HOLDS(!handoff->valid || handoff->kot[handoff->hkid] == SOFT_KOT_RESERVED);
    HOLDS(!handoff->valid || handoff->tdmr_count > 0);
    HOLDS(module->disable_step == 0 || module->disabling);
    return NULL;
}

/* ---- TDs ---- */

/* Two sums that are the same if every TD has as many children as it says: each page counts with its owner. */
struct td_census {
    const struct soft_module *module;
    const char *broken;
    u64 with_keyid;
    u64 promised, found;
};

static u64 weight(u64 tdr, u64 pages)
{
    return pages * (tdr / PAGE_SIZE + 1) * 0x9E3779B97F4A7C15ull;
}

static const char *check_td(const struct soft_module *module, const struct soft_td *td)
{
    static const enum soft_kot wanted[] = {SOFT_KOT_ASSIGNED, SOFT_KOT_ASSIGNED, SOFT_KOT_FLUSHED};
    HOLDS(td->life == SOFT_TEARDOWN || module->kot[td->hkid] == wanted[td->life]);
    HOLDS((td->packages & ~module->packages_configured) == 0);
    HOLDS(td->life != SOFT_HKID_ASSIGNED || td->packages != module->packages_configured);
    HOLDS(td->life != SOFT_KEYS_CONFIGURED || td->packages == module->packages_configured);
    HOLDS(td->tdcs_pages <= SOFT_TDCS_PAGES_MAX);
    HOLDS(td->life == SOFT_TEARDOWN || td->children >= td->tdcs_pages);
    return NULL;
}

static void count_page(void *context, u64 page, u64 size, const struct soft_pamt_entry *entry)
{
    struct td_census *census = context;
    if (entry->lock != 0)
        census->broken = "entry->lock == 0";
    if (entry->type == TDX_PAGE_TDR) {
        struct soft_td td = soft_td_of(entry);
        const char *broken = check_td(census->module, &td);
        census->broken = broken ? broken : census->broken;
        census->with_keyid += td.life != SOFT_TEARDOWN;
        census->promised += weight(page, td.children);
    } else if (entry->type < SOFT_PAGE_POOL_FIRST) {
        census->found += weight(soft_pamt_owner(entry), size / PAGE_SIZE);
    }
}

static const char *check_tds(const struct soft_module *module)
{
    struct td_census census = {.module = module};
    u64 owned_keyids = 0;
    if (handed_over(module))
        return NULL;
    soft_each_private(module, count_page, &census);
    if (census.broken)
        return census.broken;
    for (u32 hkid = 0; hkid < SOFT_KEYIDS; hkid++) {
        owned_keyids += module->kot[hkid] == SOFT_KOT_ASSIGNED || module->kot[hkid] == SOFT_KOT_FLUSHED;
        HOLDS(module->kot[hkid] <= SOFT_KOT_RESERVED);
        HOLDS(module->kot_packages[hkid] == 0 || module->kot[hkid] == SOFT_KOT_FLUSHED);
        HOLDS((module->kot_packages[hkid] & ~module->packages_configured) == 0);
    }
    HOLDS(census.with_keyid == owned_keyids);
    HOLDS(census.promised == census.found); /* every TD has the children that it says */
    return NULL;
}

static const char *check_cache_wb(const struct soft_module *module)
{
    HOLDS(module->kot_lock == 0);
    for (u32 i = 0; i < TDX_MAX_PACKAGES; i++) {
        HOLDS(module->cache_wb[i].lock == 0);
        HOLDS(module->cache_wb[i].next == 0 ||
              module->cache_wb[i].next < module->sample.msr[SOFT_MSR_WBINVDP]);
    }
    return NULL;
}

const char *soft_check(const struct soft_module *module)
{
    const char *(*const checks[])(const struct soft_module *) = {
        check_lps,  check_state, check_tdmrs,    check_ext,
        check_life, check_tds,   check_cache_wb, soft_journal_check,
    };
    const char *broken = NULL;
    for (u32 i = 0; i < ARRAY_COUNT(checks) && !broken; i++)
        broken = checks[i](module);
    return broken;
}
