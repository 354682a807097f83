/* SPDX-License-Identifier: MIT */
/* What the log says at the end: the story of a good run, and the state that a failed one leaves. */
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/stats.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

static void report_features(const struct tdx_host *host)
{
    static const struct {
        u8 bit;
        const char *name;
    } features[] = {
#define TDX_FEATURE(name, bit) {(bit), #name},
#include "drivers/tdx/abi/features.def"
    };
    char text[LOG_LINE_MAX];
    size_t used = format(text, sizeof(text), "summary: features");
    for (u32 i = 0; i < ARRAY_COUNT(features); i++) {
        if (!(host->sysinfo.features0 >> features[i].bit & 1))
            continue;
        bool configured = host->configured.features >> features[i].bit & 1;
        if (used + strlen(features[i].name) + 4 > sizeof(text) - 16) {
            log_line("%s", text);
            used = format(text, sizeof(text), "summary:   and");
        }
        used += format(text + used, sizeof(text) - used, " %s%s", features[i].name, configured ? "*" : "");
    }
    log_line("%s (*: configured)", text);
}

static void report_tdmr(const struct tdx_host *host, u32 index)
{
    const struct tdx_tdmr_info *tdmr = &host->plan.tdmrs[index];
    log_line(
        "summary: TDMR %u: 0x%lx-0x%lx (%lu GiB), PAMT 4K 0x%lx+%lu KiB, 2M 0x%lx+%lu KiB, 1G 0x%lx+%lu KiB",
        index, tdmr->base, tdmr->base + tdmr->size, tdmr->size / GIB, tdmr->pamt_4k_base,
        tdmr->pamt_4k_size / KIB, tdmr->pamt_2m_base, tdmr->pamt_2m_size / KIB, tdmr->pamt_1g_base,
        tdmr->pamt_1g_size / KIB);
    for (u32 i = 0; i < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[i].size; i++)
        log_line("summary:   reserved 0x%lx-0x%lx", tdmr->base + tdmr->reserved[i].offset,
                 tdmr->base + tdmr->reserved[i].offset + tdmr->reserved[i].size);
}

static u64 donated_kib(enum donation_kind kind)
{
    return (donated_bytes(kind, DONATION_OFFERED) + donated_bytes(kind, DONATION_OWNED) +
            donated_bytes(kind, DONATION_STRANDED)) /
           KIB;
}

static void report_quoting(const struct tdx_host *host)
{
    const struct tdx_quote *quote = &host->quote;
    char text[TDX_STATUS_TEXT_MAX] = "";
    if (quote->status != TDX_SUCCESS)
        tdx_status_describe(quote->status, text, sizeof(text));
    if (quote->ready)
        log_line("summary: quotes of at most %u bytes, buffer of %lu pages in %lu list nodes",
                 quote->max_bytes, quote->buffer.pages, quote->buffer.node_count);
    else if (!quote_configured(host))
        log_line("summary: quoting isn't configured");
    else
        log_line("summary: no quoting inside the module (0x%016lx%s%s)", quote->status, text[0] ? " " : "",
                 text);
}

static void report_leaves(void)
{
    log_line("summary: leaf               calls resumes retries   min cycles    median       max");
    for (u16 leaf = 0; leaf < STATS_LEAVES; leaf++) {
        struct seamcall_stats stats;
        if (!seamcall_stats(leaf, &stats))
            continue;
        const char *name = tdx_leaf_name(leaf);
        log_line("summary: %-18s %5lu %7lu %7lu %12lu %9lu %9lu", name ? name : "(unknown leaf)", stats.calls,
                 stats.resumes, stats.retries, stats.min, stats.median, stats.max);
    }
}

void tdx_report_summary(const struct tdx_host *host)
{
    const struct tdx_sysinfo *info = &host->sysinfo;
    log_line("summary: subject: %s", platform_subject_name(&host->platform));
    log_line("summary: %s, %u LPs in %u packages", host->next == STEP_COUNT ? "ready" : "NOT READY",
             cpu_count(), package_count());
    if (host->next > STEP_METADATA) {
        log_line("summary: module %u.%u.%u build %u (%u)", info->major, info->minor, info->update,
                 info->build, info->build_date);
        report_features(host);
    }
    for (u32 i = 0; i < host->plan.count; i++)
        report_tdmr(host, i);
    log_line(
        "summary: %lu KiB of PAMT, %lu KiB of extension pool (%lu pages in %u lists, %lu calls, %lu resumed)",
        donated_kib(DONATION_PAMT), donated_kib(DONATION_EXT_POOL), host->pool.added, host->pool.batches,
        host->pool.calls, host->pool.resumes);
    report_quoting(host);
    report_leaves();
}

static void report_kind(const char *name, enum donation_kind kind)
{
    u64 owned = donated_bytes(kind, DONATION_OWNED) + donated_bytes(kind, DONATION_OFFERED);
    u64 stranded = donated_bytes(kind, DONATION_STRANDED);
    if (owned + stranded > 0)
        log_line("end: %s: %lu KiB owned by the module, %lu KiB (%lu pages) stranded", name, owned / KIB,
                 stranded / KIB, stranded / PAGE_SIZE);
}

void tdx_report_end(const struct tdx_host *host)
{
    if (host->failed)
        log_line("end: stopped at step %s: %s", tdx_step_name(host->failure.step), host->failure.text);
    if (host->failure.is_status) {
        char text[TDX_STATUS_TEXT_MAX];
        tdx_status_describe(host->failure.status, text, sizeof(text));
        log_line("end: status 0x%016lx %s", host->failure.status, text);
    }
    report_kind("PAMT", DONATION_PAMT);
    report_kind("extension pool", DONATION_EXT_POOL);
    log_line(
        "end: donated memory stays unmapped and is not used again; this kernel makes no further TDX calls of its own");
    log_line(
        "end: to go on: mend the cause above, then reset the machine (a module is initialised once per load)");
}
