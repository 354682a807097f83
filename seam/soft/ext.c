/* SPDX-License-Identifier: MIT */
/*
 * Module extensions: TDH.EXT.MEM.ADD (61) and TDH.EXT.INIT (60). Sources: Linux' module-extension patches v2
 * and their reviews; what they leave open is a knob. The order of checks is inferred:
 *
 * - EXT.MEM.ADD: lock; RCX reserved bits; first entry <= last entry; list page shared and the host's;
 *   EXT.INIT done? Then per entry: interrupt pending? pool full? aligned, no KeyID; not the list page; in an
 *   initialised block of a TDMR; PAMT entry free of locks; page type NDA (reserved areas and PAMTs aren't).
 * - EXT.INIT: lock; done already? needed? pool complete? Then its steps, an interrupt being looked for
 *   before each.
 *
 * One lock serves both leaves; like the module's other locks it is only tried.
 */
#include "seam/soft/dpamt.h"

#include "lib/string.h"

#define POOL_JUNK 0xA5 /* what the host would see of a line that the module wrote with its own key */

void soft_ext_configure(struct soft_module *module, u64 kept_pages)
{
    const struct {
        u32 feature;
        u64 pages;
    } demands[] = {
        {TDX_FEATURE_QUOTE, module->knobs.quote_pages},
        {TDX_FEATURE_TDX_CONNECT, module->knobs.connect_pages},
        {TDX_FEATURE_MIGRATION, module->knobs.migration_pages},
    };
    module->ext = (struct soft_ext){0};
    for (u32 i = 0; i < ARRAY_COUNT(demands); i++) {
        if (!(module->configured_features >> demands[i].feature & 1))
            continue;
        module->ext.required = true;
        module->ext.demand += demands[i].pages;
    }
    u64 used = min_u64(kept_pages, module->ext.demand);
    module->ext.extra = kept_pages - used;
    __atomic_store_n(&module->ext.missing, module->ext.demand - used, __ATOMIC_RELEASE);
}

static soft_lock_t *lock_of(struct soft_module *module)
{
    return module->knobs.ext_global_lock ? &module->global_lock : &module->ext.lock;
}

/* ---- EXT.MEM.ADD ---- */

/* One call's way through its list */
struct progress {
    u64 list;          /* physical address of the list page */
    u32 next, last;    /* entries */
    u32 done;          /* entries finished in this call */
    u64 run, run_size; /* pages taken, of which the carrier doesn't know yet */
};

static u64 with_first_entry(u64 info, u32 first)
{
    u64 field = (u64)(first % TDX_HPA_LIST_ENTRIES) << TDX_HPA_LIST_FIRST_SHIFT;
    return (info & ~TDX_HPA_LIST_FIRST_MASK) | field;
}

static bool list_page_ok(const struct soft_module *module, u64 list)
{
    return soft_buffer_ok(module, list, PAGE_SIZE) &&
           (module->knobs.ext_list_keyid || soft_pa_plain(module, list)) &&
           soft_page_owner(module, soft_pa_without_keyid(module, list)) == SOFT_OWNER_HOST;
}

static bool parse_list_info(const struct soft_module *module, u64 info, struct progress *progress)
{
    progress->list = info & TDX_HPA_LIST_PFN_MASK;
    progress->next = (info & TDX_HPA_LIST_FIRST_MASK) >> TDX_HPA_LIST_FIRST_SHIFT;
    progress->last = (u32)(info >> TDX_HPA_LIST_LAST_SHIFT);
    return !(info & TDX_HPA_LIST_RESERVED) && progress->next <= progress->last &&
           list_page_ok(module, progress->list);
}

static void report_run(const struct soft_module *module, struct progress *progress)
{
    if (progress->run_size)
        module->platform.owner_changed(module->platform.context, progress->run, progress->run_size,
                                       SOFT_OWNER_POOL);
    progress->run_size = 0;
}

static void note_taken(const struct soft_module *module, struct progress *progress, u64 page)
{
    if (progress->run + progress->run_size != page)
        report_run(module, progress);
    if (progress->run_size == 0)
        progress->run = page;
    progress->run_size += PAGE_SIZE;
}

static void count_page(const struct soft_request *request, struct soft_tdmr *tdmr, u64 page)
{
    struct soft_module *module = request->module;
    struct soft_ext *ext = &module->ext;
    soft_note_private(tdmr, page);
    tdmr->pool_pages++;
    if (ext->missing)
        __atomic_store_n(&ext->missing, ext->missing - 1, __ATOMIC_RELEASE);
    else
        ext->extra++;
    if (module->knobs.ext_add_writes) {
        void *at = soft_map(request, page, PAGE_SIZE);
        if (at)
            memset(at, POOL_JUNK, module->knobs.ext_add_writes);
    }
}

static u64 take_page(const struct soft_request *request, u64 operand, const struct soft_pamt_walk *walk)
{
    struct soft_module *module = request->module;
    struct soft_page_kind kind = soft_page_kind(module, walk);
    bool no_pair = walk->tdmr->bitmap_bits && kind.level == TDX_PAMT_2M && kind.type == TDX_PAGE_NDA;
    if (no_pair && module->knobs.ext_needs_pamt_pair)
        return soft_operand(module->knobs.missing_pair_status, operand);
    if (!no_pair && (kind.level != TDX_PAMT_4K || kind.type != TDX_PAGE_NDA))
        return soft_operand(module->knobs.ext_not_free_status, operand);
    if (!no_pair)
        soft_pamt_set(module, walk, (u8)module->knobs.ext_page_type, 0, 0);
    else if (!soft_take_loose(module, walk))
        return soft_stop(request, "EXT.MEM.ADD: the bitmap of Dynamic PAMT is gone");
    count_page(request, walk->tdmr, walk->page);
    return TDX_SUCCESS;
}

static u64 add_page(const struct soft_request *request, u64 operand, struct progress *progress, u64 page)
{
    struct soft_module *module = request->module;
    struct soft_pamt_walk walk;
    u64 status = soft_page_walk(request, page, operand, true, &walk);
    if (status != TDX_SUCCESS)
        return status;
    status = take_page(request, operand, &walk);
    if (status == TDX_SUCCESS)
        note_taken(module, progress, page);
    soft_pamt_release(&walk);
    return status;
}

/* The page's metadata is another module's. */
static u64 add_overlay_page(const struct soft_request *request, u64 operand, struct progress *progress,
                            u64 page)
{
    struct soft_tdmr *tdmr;
    u64 status = soft_overlay_take(request, page, operand, &tdmr);
    if (status != TDX_SUCCESS)
        return status;
    count_page(request, tdmr, page);
    note_taken(request->module, progress, page);
    return TDX_SUCCESS;
}

static u64 add_entry(const struct soft_request *request, struct progress *progress)
{
    struct soft_module *module = request->module;
    u64 operand = module->knobs.ext_entry_operand;
    u64 page;
    soft_read(request, progress->list + progress->next * sizeof(page), &page, sizeof(page));
    if (page == soft_pa_without_keyid(module, progress->list))
        return soft_operand(TDX_OPERAND_INVALID, operand);
    if (module->overlay)
        return add_overlay_page(request, operand, progress, page);
    return add_page(request, operand, progress, page);
}

static u64 add_entries(const struct soft_request *request, struct progress *progress)
{
    const struct soft_module *module = request->module;
    const struct soft_platform *platform = &module->platform;
    u64 status = TDX_SUCCESS;
    bool overfull = false;
    for (; progress->next <= progress->last && status == TDX_SUCCESS; progress->next++, progress->done++) {
        if (platform->interrupt_pending(platform->context, request->lp, progress->done))
            return TDX_INTERRUPTED_RESUMABLE;
        overfull = module->ext.missing == 0;
        if (overfull && !module->knobs.ext_pool_full_takes)
            return module->knobs.ext_pool_full_status;
        status = add_entry(request, progress);
        if (status != TDX_SUCCESS)
            return status;
    }
    return overfull ? module->knobs.ext_pool_full_status : TDX_SUCCESS;
}

/* Resuming means: the RCX that came back, unchanged. Nothing in the interface notices another one. */
static void check_resume(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (module->ext.interrupted && request->regs->rcx != module->ext.resume_rcx)
        module->platform.violation(
            module->platform.context, request->lp,
            "EXT.MEM.ADD after an interrupted one, with another RCX than was returned");
    module->ext.interrupted = false;
}

static void update_rcx(const struct soft_request *request, const struct progress *progress, u64 status)
{
    const struct soft_knobs *knobs = &request->module->knobs;
    u64 info = with_first_entry(request->regs->rcx, progress->next);
    bool error = status & TDX_STATUS_ERROR;
    if (status == TDX_INTERRUPTED_RESUMABLE || (error ? knobs->ext_rcx_on_error : knobs->ext_rcx_on_success))
        request->regs->rcx = info;
}

static u64 mem_add(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct progress progress = {0};
    check_resume(request);
    if (!parse_list_info(module, request->regs->rcx, &progress))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (module->ext.done)
        return module->knobs.ext_add_after_init_status;
    u64 status = add_entries(request, &progress);
    report_run(module, &progress);
    update_rcx(request, &progress, status);
    if (status == TDX_INTERRUPTED_RESUMABLE) {
        module->ext.interrupted = true;
        module->ext.resume_rcx = request->regs->rcx;
    }
    return status;
}

u64 soft_ext_mem_add(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (!soft_lock_exclusive(lock_of(module)))
        return module->knobs.ext_busy_status;
    soft_locked(request);
    u64 status = mem_add(request);
    soft_unlock_exclusive(lock_of(module));
    return status;
}

/* ---- EXT.INIT ---- */

static u64 init(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    const struct soft_platform *platform = &module->platform;
    struct soft_ext *ext = &module->ext;
    if (ext->done)
        return module->knobs.ext_init_twice_status;
    if (!ext->required)
        return module->knobs.ext_init_not_required_status;
    if (ext->missing)
        return module->knobs.ext_init_pool_short_status;
    for (u32 done = 0; ext->step < module->knobs.ext_init_steps; done++, ext->step++)
        if (platform->interrupt_pending(platform->context, request->lp, done))
            return TDX_INTERRUPTED_RESUMABLE;
    __atomic_store_n(&ext->done, true, __ATOMIC_RELEASE);
    return module->knobs.ext_init_done_status;
}

u64 soft_ext_init(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (!soft_lock_exclusive(lock_of(module)))
        return module->knobs.ext_busy_status;
    soft_locked(request);
    u64 status = init(request);
    soft_unlock_exclusive(lock_of(module));
    return status;
}
