/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/quote.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/init.h"
#include "lib/format.h"
#include "lib/log.h"

/* As EXT.INIT: the time is for emulated machines, the count for modules that never finish. */
#define QUOTE_MAX_ATTEMPTS 100000
#define QUOTE_MAX_US       (30 * 1000 * 1000)

bool quote_configured(const struct tdx_host *host)
{
    return host->configured.done && host->configured.features >> TDX_FEATURE_QUOTE & 1;
}

/* Returns false: no quoting. Only where it is required that is a failure of the step. status is TDX_SUCCESS
 * where it isn't the module that refused. */
static bool without_quoting(struct tdx_host *host, u64 status, const char *fmt, ...)
{
    char text[112];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    host->quote.status = status;
    if (!host->options.quote_required)
        log_line("tdx: no quoting inside the module: %s; TDX goes on without", text);
    else if (status == TDX_SUCCESS)
        tdx_fail(host, "quoting is required: %s", text);
    else
        tdx_fail_status(host, TDH_QUOTE_INIT, status, "quoting is required: %s", text);
    return false;
}

static bool initialise(struct tdx_host *host)
{
    const struct seamcall_args in = {0};
    struct seamcall_args args = in;
    struct resume resume = {.max_attempts = QUOTE_MAX_ATTEMPTS, .max_us = QUOTE_MAX_US};
    /* No operands; the module remembers where it was. */
    u64 status = seamcall_resume_inputs(TDH_QUOTE_INIT, &args, &resume);
    host->quote.initialised.done = status == TDX_SUCCESS;
    if (status == TDX_SUCCESS)
        return true;
    if (host->options.quote_required)
        seamcall_report(TDH_QUOTE_INIT, &in, &args, status);
    char text[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(status, text, sizeof(text));
    return without_quoting(host, status, "QUOTE.INIT, attempt %lu: 0x%016lx %s", resume.attempts, status,
                           text);
}

static bool measure(struct tdx_host *host)
{
    struct tdx_quote *quote = &host->quote;
    struct sysinfo_error error;
    if (!sysinfo_read_max_quote(&quote->initialised, &quote->max_bytes, sysinfo_seamcall_reader, NULL,
                                &error)) {
        char text[112];
        sysinfo_error_text(&error, text, sizeof(text));
        return without_quoting(host, error.status, "%s", text);
    }
    if (quote->max_bytes == 0 || quote->max_bytes > QUOTE_MAX_BYTES)
        return without_quoting(host, TDX_SUCCESS,
                               "MAX_QUOTE_SIZE is %u bytes, sanity cap is %lu: not believed",
                               quote->max_bytes, QUOTE_MAX_BYTES);
    return true;
}

static bool make_buffer(struct tdx_host *host)
{
    struct tdx_quote *quote = &host->quote;
    return quote_buffer_allocate(&quote->buffer, quote->max_bytes) ||
           without_quoting(host, TDX_SUCCESS, "no %lu KiB of memory for the buffer",
                           align_up(quote->max_bytes, PAGE_SIZE) / KIB);
}

/* An update can't allocate: what was enough must be enough. */
static bool fits_buffer(struct tdx_host *host)
{
    const struct tdx_quote *quote = &host->quote;
    return quote->max_bytes <= quote->buffer.pages * PAGE_SIZE ||
           without_quoting(host, TDX_SUCCESS, "the new module's quotes take %u bytes, the buffer has %lu KiB",
                           quote->max_bytes, quote->buffer.pages * PAGE_SIZE / KIB);
}

bool quote_start(struct tdx_host *host)
{
    host->quote.ready = quote_configured(host) && initialise(host) && measure(host) && make_buffer(host);
    return !host->failed;
}

bool quote_start_again(struct tdx_host *host)
{
    bool had = host->quote.ready;
    host->quote.initialised.done = false; /* the new module hasn't done it */
    host->quote.ready = had && initialise(host) && measure(host) && fits_buffer(host);
    return !host->failed;
}

/* ---- QUOTE.GET ---- */

static bool is_askable(const struct tdx_quote *quote, const struct quote_request *request)
{
    if (!quote->ready)
        log_line("tdx: QUOTE.GET: quoting isn't initialised");
    else if (!is_aligned(pa_raw(request->input), PAGE_SIZE) || request->input_bytes > PAGE_SIZE)
        log_line("tdx: QUOTE.GET: input of %lu bytes at 0x%lx: at most a page, at the start of one",
                 request->input_bytes, pa_raw(request->input));
    else
        return true;
    return false;
}

bool quote_get(const struct tdx_quote *quote, const struct quote_request *request,
               struct quote_result *result)
{
    *result = (struct quote_result){.status = TDX_SW_ERROR};
    if (!is_askable(quote, request))
        return false;
    const struct seamcall_args in = {
        .rcx = pa_raw(request->tdr),
        .rdx = (u64)request->quote_id << TDX_QUOTE_ID_SHIFT,
        .r8 = pa_raw(request->input),
        .r9 = request->input_bytes,
        .r10 = pa_raw(quote->buffer.nodes),
        .r11 = quote->buffer.pages * PAGE_SIZE,
    };
    struct seamcall_args args = in;
    result->resume = (struct resume){.max_attempts = QUOTE_MAX_ATTEMPTS, .max_us = QUOTE_MAX_US};
    /* RCX is the TD going in and the length coming out: every attempt gets all inputs anew. */
    result->status = seamcall_resume_inputs(TDH_QUOTE_GET, &args, &result->resume);
    if (result->status != TDX_SUCCESS) {
        seamcall_report(TDH_QUOTE_GET, &in, &args, result->status);
        return false;
    }
    if (args.rcx == 0 || args.rcx > quote->max_bytes) {
        log_line("tdx: QUOTE.GET says that the quote has %lu bytes, MAX_QUOTE_SIZE is %u: not believed",
                 args.rcx, quote->max_bytes);
        return false;
    }
    result->bytes = args.rcx;
    return true;
}
