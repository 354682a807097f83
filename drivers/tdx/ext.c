/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/ext.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/hpa_list.h"
#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "lib/log.h"
#include "lib/string.h"

/*
 * Bounds of one batch: with every entry interrupted twice, and a little. The time is generous because an
 * emulated machine may be slow; the count is what catches a module that never finishes.
 */
#define ATTEMPTS_PER_ENTRY 16
#define ATTEMPTS_EXTRA     64
#define BATCH_MAX_US       (10 * 1000 * 1000)
#define START_MAX_ATTEMPTS 100000
#define START_MAX_US       (30 * 1000 * 1000)

bool ext_query(struct tdx_host *host)
{
    if (!sysinfo_has(&host->sysinfo, TDX_FEATURE_EXT)) {
        log_line("tdx: module has no extensions (TDX_FEATURES0 bit %d): no extension memory",
                 TDX_FEATURE_EXT);
        return true;
    }
    struct sysinfo_error error;
    if (!sysinfo_read_demand(&host->configured, &host->demand, sysinfo_seamcall_reader, NULL, &error))
        return tdx_fail_metadata(host, &error);
    u64 pages = host->demand.pages;
    if (pages > EXT_POOL_MAX_PAGES)
        return tdx_fail(host, "module asks for %lu extension pages (%lu MiB), sanity cap is %u: not believed",
                        pages, pages * PAGE_SIZE / MIB, EXT_POOL_MAX_PAGES);
    if (pages > 0 && !host->demand.required)
        log_line(
            "tdx: inconsistent: module wants %lu extension pages but says EXT_REQUIRED = 0; memory is given",
            pages);
    host->pool.required = pages;
    return true;
}

/* A contiguous block in non-reserved memory of one TDMR, the highest: only TDX memory can become the
 * module's. */
static bool find_in_tdmr(const struct tdx_tdmr_info *tdmr, struct contig_request *request, pa_t *block)
{
    for (u32 piece = tdmr_reserved_count(tdmr) + 1; piece-- > 0;) {
        tdmr_piece(tdmr, piece, &request->min, &request->max);
        if (request->max - request->min >= request->size && contig_alloc(memory_pool(), request, block))
            return true;
    }
    return false;
}

static bool find_block(const struct tdx_host *host, u64 pages, pa_t *block)
{
    struct contig_request request = {.size = pages * PAGE_SIZE,
                                     .align = 2 * MIB,
                                     .from_top = true,
                                     .quiet = true,
                                     .what = "extension pool"};
    bool found = false;
    memory_lock();
    for (u32 i = host->plan.count; i-- > 0 && !found;)
        found = find_in_tdmr(&host->plan.tdmrs[i], &request, block);
    memory_unlock();
    return found;
}

static void give_back(pa_t base, u64 pages)
{
    memory_lock();
    contig_free(memory_pool(), base, pages * PAGE_SIZE);
    memory_unlock();
}

static u64 entries_taken(const struct seamcall_args *args)
{
    return hpa_list_first_entry(args->rcx);
}

static void report_batch_failure(struct tdx_host *host, u64 count, const struct seamcall_args *args,
                                 u64 status, const struct resume *resume)
{
    struct ext_pool *pool = &host->pool;
    pool->stranded += count;
    if (resume->gave_up)
        log_line("tdx: EXT.MEM.ADD gave up after %lu attempts in one batch", resume->attempts);
    if (!(status & TDX_STATUS_ERROR))
        log_line("tdx: the module says the pool is complete although it asked for more: over-supplied");
    tdx_fail_status(
        host, TDH_EXT_MEM_ADD, status,
        "extension pool: batch %u of %lu failed at entry %lu; %lu pages added, %lu stranded (%lu KiB lost)",
        pool->batches + 1, (pool->required + TDX_HPA_LIST_ENTRIES - 1) / TDX_HPA_LIST_ENTRIES,
        entries_taken(args), pool->added, pool->stranded, (pool->added + pool->stranded) * PAGE_SIZE / KIB);
}

/* Hands over count pages at base, set aside before, in one list. What was offered in a failed call stays
 * stranded. */
static bool add_batch(struct tdx_host *host, struct tdx_hpa_list *list, pa_t base, u64 count)
{
    struct ext_pool *pool = &host->pool;
    donate_settle(base, count * PAGE_SIZE, DONATION_OFFERED);
    struct seamcall_args args = {.rcx = hpa_list_fill(list, virt_to_phys(list), base, count)};
    const struct seamcall_args in = args;
    struct resume resume = {.max_attempts = ATTEMPTS_PER_ENTRY * count + ATTEMPTS_EXTRA,
                            .max_us = BATCH_MAX_US};
    /* The module writes its progress into RCX; the next attempt passes it back unchanged. */
    u64 status = seamcall_resume_outputs(TDH_EXT_MEM_ADD, &args, entries_taken, &resume);
    pool->calls += resume.attempts;
    pool->resumes += resume.resumes;
    if (status != TDX_SUCCESS) {
        donate_settle(base, count * PAGE_SIZE, DONATION_STRANDED);
        seamcall_report(TDH_EXT_MEM_ADD, &in, &args, status);
        report_batch_failure(host, count, &args, status, &resume);
        return false;
    }
    donate_settle(base, count * PAGE_SIZE, DONATION_OWNED);
    pool->batches++;
    pool->added += count;
    return true;
}

/* The module counts the pages still missing; its count and ours must agree after every batch. */
static bool check_missing(struct tdx_host *host)
{
    struct sysinfo_error error;
    struct ext_demand now;
    if (!sysinfo_read_demand(&host->configured, &now, sysinfo_seamcall_reader, NULL, &error))
        return tdx_fail_metadata(host, &error);
    u64 missing = host->pool.required - host->pool.added;
    if (now.pages != missing)
        return tdx_fail(host, "extension pool: %lu pages added, module misses %lu more, should be %lu",
                        host->pool.added, now.pages, missing);
    return true;
}

/* The next 2 MiB or less: of the contiguous block, or from wherever there is room. */
static bool next_batch(struct tdx_host *host, u64 count, pa_t *base)
{
    struct ext_pool *pool = &host->pool;
    *base = pa_add(pool->base, pool->added * PAGE_SIZE);
    if (pool->contiguous)
        return true;
    if (!find_block(host, count, base))
        return tdx_fail(
            host,
            "extension pool: module needs %lu KiB, %lu KiB given, then no free 2 MiB block (largest %lu KiB): more memory",
            pool->required * PAGE_SIZE / KIB, pool->added * PAGE_SIZE / KIB,
            contig_largest_free(memory_pool()) / KIB);
    donate(*base, count * PAGE_SIZE, DONATION_EXT_POOL);
    return true;
}

static bool add_batches(struct tdx_host *host, struct tdx_hpa_list *list)
{
    struct ext_pool *pool = &host->pool;
    while (pool->added < pool->required) {
        u64 count = min_u64(pool->required - pool->added, TDX_HPA_LIST_ENTRIES);
        pa_t base;
        if (!next_batch(host, count, &base) || !add_batch(host, list, base, count) || !check_missing(host))
            return false;
    }
    return true;
}

/*
 * One contiguous block if there is one: not because the module wants it (a list takes any pages), but so that
 * memory that never returns sits in one place. Otherwise each batch brings its own 2 MiB.
 */
static bool add_all(struct tdx_host *host, struct tdx_hpa_list *list)
{
    struct ext_pool *pool = &host->pool;
    pool->contiguous = find_block(host, pool->required, &pool->base);
    if (!pool->contiguous)
        log_line(
            "tdx: no contiguous %lu KiB for the extension pool in TDX memory (largest free block %lu KiB): 2 MiB at a time",
            pool->required * PAGE_SIZE / KIB, contig_largest_free(memory_pool()) / KIB);
    else
        donate(pool->base, pool->required * PAGE_SIZE, DONATION_EXT_POOL);
    bool added = add_batches(host, list);
    u64 offered = pool->added + pool->stranded;
    if (pool->contiguous && offered < pool->required)
        donate_take_back(pa_add(pool->base, offered * PAGE_SIZE), (pool->required - offered) * PAGE_SIZE);
    return added;
}

bool ext_add_memory(struct tdx_host *host)
{
    if (host->pool.required == 0)
        return true; /* an empty list can't even be expressed */
    pa_t page;
    struct contig_request request = {.size = sizeof(struct tdx_hpa_list), .what = "HPA list page"};
    memory_lock();
    bool allocated = contig_alloc(memory_pool(), &request, &page);
    memory_unlock();
    if (!allocated)
        return tdx_fail(host, "no page for the list of extension pages");
    bool added = add_all(host, phys_to_virt(page));
    give_back(page, 1); /* the module never keeps the list */
    if (added)
        log_line(
            "tdx: extension pool: %lu pages (%lu KiB) added in %u lists, %lu calls; never reclaimed while the module runs",
            host->pool.added, host->pool.added * PAGE_SIZE / KIB, host->pool.batches, host->pool.calls);
    return added;
}

bool ext_start(struct tdx_host *host)
{
    if (!host->demand.required)
        return true; /* no configured feature needs extensions */
    struct seamcall_args args = {0};
    struct resume resume = {.max_attempts = START_MAX_ATTEMPTS, .max_us = START_MAX_US};
    /* No operands; the module remembers where it was. */
    u64 status = seamcall_resume_inputs(TDH_EXT_INIT, &args, &resume);
    if (status == TDX_SUCCESS)
        return true;
    const struct seamcall_args in = {0};
    seamcall_report(TDH_EXT_INIT, &in, &args, status);
    return tdx_fail_status(host, TDH_EXT_INIT, status,
                           "EXT.INIT failed after %lu attempts; %lu pool pages stay with the module",
                           resume.attempts, host->pool.added);
}
