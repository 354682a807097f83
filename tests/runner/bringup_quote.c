/* SPDX-License-Identifier: MIT */
/*
 * Quoting inside the module, by the driver.
 *
 * QUOTE.INIT has no operands; like EXT.INIT it returns INTERRUPTED_RESUMABLE when a host interrupt is pending
 * and is repeated as it was. MAX_QUOTE_SIZE is valid only after it (Linux patch v2); what it reads before
 * that isn't public, but a host must not be able to take it for a size: it is refused or 0 (inferred). The
 * buffer is memory of the host that is large enough, described by an HPA_LINKED_LIST: nodes of 511 page
 * addresses and the next node, everything unused all ones.
 *
 * QUOTE.GET wants a TD. Without one all that can be asked is that it refuses, and leaves the buffer and the
 * page that isn't a TD alone.
 */
#include "tests/runner/bringup.h"

#include "kernel/paging.h"

/* The module may have the feature bit and yet not the leaf; false after a verdict. */
static bool has_leaf(struct test *test, u64 status, const char *name)
{
    if (status != INVALID(RAX))
        return true;
    test_skip(test, "the module has no %s", name);
    return false;
}

static bool is_ready(struct test *test)
{
    const struct tdx_quote *quote = &test->machine->host.quote;
    return has_leaf(test, quote->status, "QUOTE.INIT") &&
           expect_true(test, quote->ready, "quoting that is configured starts");
}

static struct call read_max_quote(void)
{
    struct seamcall_args in = call_marked();
    in.rdx = TDX_FIELD_MAX_QUOTE_SIZE;
    return call_leaf(TDH_SYS_RD, in);
}

static void size_before_init(struct test *test)
{
    struct call call = read_max_quote();
    if (!expect_true(test,
                     call.status == TDX_SUCCESS ? call.out.r8 == 0 : (call.status & TDX_STATUS_ERROR) != 0,
                     "before QUOTE.INIT MAX_QUOTE_SIZE is refused or 0"))
        call_log(&call);
}

static void step(struct test *test)
{
    bool injected =
        may_inject(test) &&
        inject(test,
               (struct injection){.kind = MONITOR_INJECT_INTERRUPT, .leaf = TDH_QUOTE_INIT, .count = 3});
    struct seamcall_stats before = {0}, after = {0};
    seamcall_stats(TDH_QUOTE_INIT, &before);
    if (!check_stage(test) || !is_ready(test) || !injected)
        return;
    seamcall_stats(TDH_QUOTE_INIT, &after);
    expect_value(test, after.calls - before.calls, 4, "calls of QUOTE.INIT",
                 "interrupted three times, then done");
    expect_value(test, after.resumes - before.resumes, 3, "resumes of QUOTE.INIT", "one for each interrupt");
    expect_true(test, inject_used_up(test), "the injection was used up");
}

static void max_size(struct test *test)
{
    const struct tdx_quote *quote = &test->machine->host.quote;
    if (!is_ready(test))
        return;
    struct call call = read_max_quote();
    expect_status(test, &call, TDX_SUCCESS, "MAX_QUOTE_SIZE is valid after QUOTE.INIT");
    expect_value(test, quote->max_bytes, call.out.r8, "the driver's maximum", "MAX_QUOTE_SIZE");
    expect_at_least(test, call.out.r8, 1, "MAX_QUOTE_SIZE", "a quote has bytes");
    expect_value(test, quote->buffer.pages, (call.out.r8 + PAGE_SIZE - 1) / PAGE_SIZE, "pages of the buffer",
                 "as many as the largest quote takes");
}

/* ---- the list, followed as the module would ---- */

static bool expect_data_page(struct test *test, u64 page)
{
    return expect_true(test, is_aligned(page, PAGE_SIZE) && direct_map_present(pa_of(page)),
                       "every page of the buffer is mapped memory of the host") &&
           expect_owner(test, page, PAGE_SIZE, MONITOR_OWNER_HOST, "the buffer stays the host's");
}

/* The slots of one node; *seen counts data pages. False after a verdict. */
static bool check_node(struct test *test, const u64 *slots, u64 *seen)
{
    const struct quote_buffer *buffer = &test->machine->host.quote.buffer;
    for (u32 slot = 0; slot < 511; slot++) {
        if (*seen == buffer->pages) {
            if (!expect_value(test, slots[slot], ~0ull, "a slot behind the last page", "unused: all ones"))
                return false;
            continue;
        }
        if (!expect_value(test, slots[slot], pa_raw(buffer->data) + *seen * PAGE_SIZE, "a slot of the list",
                          "the pages of the buffer, in order") ||
            !expect_data_page(test, slots[slot]))
            return false;
        ++*seen;
    }
    return true;
}

static void list(struct test *test)
{
    if (!is_ready(test))
        return;
    const struct quote_buffer *buffer = &test->machine->host.quote.buffer;
    u64 node = pa_raw(buffer->nodes), seen = 0, nodes = 0;
    while (seen < buffer->pages) {
        if (!expect_data_page(test, node))
            return;
        const u64 *slots = phys_to_virt(pa_of(node));
        nodes++;
        if (!check_node(test, slots, &seen))
            return;
        node = slots[511];
    }
    expect_value(test, node, ~0ull, "the next node of the last one", "the end: all ones");
    expect_value(test, nodes, buffer->node_count, "nodes", "as many as the driver made");
}

/* ---- QUOTE.GET ---- */

static bool is_zero(pa_t base, u64 bytes)
{
    const u64 *words = phys_to_virt(base);
    for (u64 i = 0; i < bytes / sizeof(*words); i++)
        if (words[i])
            return false;
    return true;
}

static void get_without_td(struct test *test)
{
    static const u8 input[PAGE_SIZE] __attribute__((aligned(4096)));
    const struct tdx_quote *quote = &test->machine->host.quote;
    if (!is_ready(test))
        return;
    u64 page = machine_take_pages(test->machine, 1);
    if (!page) {
        test_error(test, "no page of TDX memory");
        return;
    }
    const struct quote_request request = {pa_of(page), TDX_QUOTE_ID_DEFAULT, virt_to_phys(input), 64};
    struct quote_result result;
    bool got = quote_get(quote, &request, &result);
    struct call call = read_page(page);
    if (has_leaf(test, result.status, "QUOTE.GET")) {
        expect_true(test, !got && (result.status & TDX_STATUS_ERROR) && !result.resume.gave_up,
                    "QUOTE.GET of a page that is no TD is refused");
        expect_value(test, call.out.rcx, TDX_PAGE_NDA, "the type of the page", "still free");
        expect_true(test, is_zero(quote->buffer.data, quote->buffer.pages * PAGE_SIZE),
                    "a refused QUOTE.GET writes nothing");
    }
    machine_give_back(page, 1);
}

static const struct test_case cases[] = {
    {"bringup.quote.size_before_init", SOURCE_INFERRED, NEED_QUOTE, STEP_QUOTE, .run = size_before_init},
    {"bringup.quote.step", SOURCE_PATCH, NEED_QUOTE, STEP_QUOTE, .run = step},
    {"bringup.quote.max_size", SOURCE_PATCH, NEED_QUOTE, STAGE_READY, .run = max_size},
    {"bringup.quote.list", SOURCE_PATCH, NEED_QUOTE | NEED_MONITOR, STAGE_READY, .run = list},
    {"bringup.quote.get_without_td", SOURCE_INFERRED, NEED_QUOTE, STAGE_READY, TDH_QUOTE_GET,
     .run = get_without_td},
};
CASE_TABLE(bringup_quote);
