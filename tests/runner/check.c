/* SPDX-License-Identifier: MIT */
#include "tests/runner/check.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tests/runner/ktap.h"

static void worsen(struct test *test, enum verdict verdict, const char *label, const char *fmt, va_list args)
{
    char text[LOG_LINE_MAX];
    format_v(text, sizeof(text), fmt, args);
    if (label)
        log_line("%s: %s", label, text);
    if (verdict > test->verdict && verdict != VERDICT_FAIL)
        format(test->why, sizeof(test->why), "%s", text);
    test->verdict = verdict_worse(test->verdict, verdict);
}

#define DEFINE_VERDICT(name, verdict, label)                                                                 \
    void name(struct test *test, const char *fmt, ...)                                                       \
    {                                                                                                        \
        va_list args;                                                                                        \
        va_start(args, fmt);                                                                                 \
        worsen(test, verdict, label, fmt, args);                                                             \
        va_end(args);                                                                                        \
    }
DEFINE_VERDICT(test_fail, VERDICT_FAIL, "FAILED")
DEFINE_VERDICT(test_skip, VERDICT_SKIP, NULL) /* the reason is on the result line */
DEFINE_VERDICT(test_error, VERDICT_ERROR, "ERROR")

static void log_rule(const struct test *test, const char *rule)
{
    log_line("  rule: %s [%s]", rule, test_source_name(test->item->source));
}

static bool held(const struct test *test, const char *rule)
{
    if (test->verbose)
        log_line("holds: %s", rule);
    return true;
}

bool expect_status(struct test *test, const struct call *call, u64 want, const char *rule)
{
    if (call->status == want)
        return held(test, rule);
    char text[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(want, text, sizeof(text));
    test_fail(test, "expected status 0x%016lx %s", want, text);
    log_rule(test, rule);
    call_log(call);
    return false;
}

bool expect_status_among(struct test *test, const struct call *call, const u64 *wanted, u32 count,
                         const char *rule)
{
    for (u32 i = 0; i < count; i++)
        if ((call->status & TDX_STATUS_MASK) == wanted[i])
            return held(test, rule);
    test_fail(test, "expected one of %u statuses", count);
    for (u32 i = 0; i < count; i++)
        log_line("  0x%016lx %s", wanted[i], tdx_status_name(wanted[i]));
    log_rule(test, rule);
    call_log(call);
    return false;
}

bool expect_outputs(struct test *test, const struct call *call, const struct seamcall_args *want,
                    const char *rule)
{
    if (call_same_registers(&call->out, want))
        return held(test, rule);
    test_fail(test, "expected outputs rcx=0x%lx rdx=0x%lx r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx", want->rcx,
              want->rdx, want->r8, want->r9, want->r10, want->r11);
    log_rule(test, rule);
    call_log(call);
    return false;
}

bool expect_value(struct test *test, u64 got, u64 want, const char *what, const char *rule)
{
    if (got == want)
        return held(test, rule);
    test_fail(test, "%s is 0x%lx (%lu), expected 0x%lx (%lu)", what, got, got, want, want);
    log_rule(test, rule);
    return false;
}

bool expect_at_least(struct test *test, u64 got, u64 least, const char *what, const char *rule)
{
    if (got >= least)
        return held(test, rule);
    test_fail(test, "%s is %lu, expected %lu or more", what, got, least);
    log_rule(test, rule);
    return false;
}

bool expect_true(struct test *test, bool holds, const char *rule)
{
    if (holds)
        return held(test, rule);
    test_fail(test, "doesn't hold: %s", rule);
    log_rule(test, rule);
    return false;
}

static bool expect_refusal(struct test *test, const struct call *call, const struct refusal *refusal)
{
    struct seamcall_args out =
        refusal->by_dispatcher ? call->in : call_refused_outputs((u16)refusal->rax, &call->in);
    return expect_status(test, call, refusal->status, refusal->rule) &&
           expect_outputs(test, call, &out,
                          refusal->by_dispatcher ? "the dispatcher writes only RAX"
                                                 : "outputs written unconditionally, all others come back");
}

static struct seamcall_args refusal_operands(const struct refusal *refusal)
{
    struct seamcall_args in = refusal->in;
    const struct seamcall_args marks = call_marked();
    in.rcx = in.rcx || refusal->zero & ZERO_RCX ? in.rcx : marks.rcx;
    in.rdx = in.rdx || refusal->zero & ZERO_RDX ? in.rdx : marks.rdx;
    in.r8 = in.r8 ? in.r8 : marks.r8;
    in.r9 = in.r9 ? in.r9 : marks.r9;
    in.r10 = in.r10 ? in.r10 : marks.r10;
    in.r11 = in.r11 ? in.r11 : marks.r11;
    return in;
}

void check_refusal(struct test *test)
{
    const struct refusal *refusal = test->item->row;
    struct call call = call_raw(refusal->rax, refusal_operands(refusal));
    expect_refusal(test, &call, refusal);
}
