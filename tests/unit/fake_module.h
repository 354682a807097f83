/* SPDX-License-Identifier: MIT */
/*
 * A scripted module and what else a flow of the driver stands on, for one test program that includes this:
 * answers are given in the order written, whatever else is called fails the test. Time passes only when told.
 */
#ifndef TESTS_UNIT_FAKE_MODULE_H
#define TESTS_UNIT_FAKE_MODULE_H

#include "tests/unit/support.h"

#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "kernel/clock.h"
#include "lib/format.h"

struct fake_answer {
    u16 leaf;
    u64 status;
    u64 rcx;    /* out; 0: as it came */
    u32 repeat; /* how many times over; 0: once */
};

struct fake_field {
    u64 id, status, value;
};

static struct {
    const struct fake_answer *answers;
    const struct fake_field *fields;
    u32 answer_count, field_count, given, times;
    struct {
        u16 leaf;
        struct seamcall_args args;
    } seen[32];
    u32 calls, reads, windows, reports, delays;
    u64 now, us_per_call;
} fake;

/* A new script: FAKE(answers, fields), both arrays; fake_none where there is nothing to say. */
#define FAKE(answer_array, field_array)                                                                      \
    do {                                                                                                     \
        fake = (typeof(fake)){.answers = (answer_array),                                                     \
                              .answer_count = ARRAY_COUNT(answer_array),                                     \
                              .fields = (field_array),                                                       \
                              .field_count = ARRAY_COUNT(field_array)};                                      \
        test_log_clear();                                                                                    \
    } while (0)

/* Every answer of the script was asked for. */
#define assert_script_done() assert_int_equal(fake.given, fake.answer_count)

u64 seamcall(u16 leaf, struct seamcall_args *args)
{
    assert_true(fake.given < fake.answer_count);
    const struct fake_answer *answer = &fake.answers[fake.given];
    assert_int_equal(leaf, answer->leaf);
    if (fake.calls < ARRAY_COUNT(fake.seen)) {
        fake.seen[fake.calls].leaf = leaf;
        fake.seen[fake.calls].args = *args;
    }
    fake.calls++;
    fake.now += fake.us_per_call;
    if (answer->rcx)
        args->rcx = answer->rcx;
    if (++fake.times >= answer->repeat) {
        fake.times = 0;
        fake.given++;
    }
    return answer->status;
}

u64 sysinfo_seamcall_reader(void *context, u64 field, u64 *value)
{
    (void)context;
    fake.reads++;
    for (u32 i = 0; i < fake.field_count; i++)
        if (fake.fields[i].id == field) {
            *value = fake.fields[i].value;
            return fake.fields[i].status;
        }
    fail_msg("field 0x%lx is read", field);
    return TDX_SW_ERROR;
}

void seamcall_report(u16 leaf, const struct seamcall_args *in, const struct seamcall_args *out, u64 status)
{
    (void)leaf;
    (void)in;
    (void)out;
    (void)status;
    fake.reports++;
}

void seamcall_interrupt_window(void)
{
    fake.windows++;
}

deadline_t deadline_after_us(u64 us)
{
    return (deadline_t){fake.now + us};
}

bool deadline_passed(deadline_t deadline)
{
    return fake.now >= deadline.cycles;
}

void clock_delay_us(u64 us)
{
    fake.delays++;
    fake.now += us;
}

/* ---- failures, as init.c records them ---- */

static bool fake_record(struct tdx_host *host, const char *fmt, va_list args)
{
    host->failed = true;
    host->failure.step = host->next;
    format_v(host->failure.text, sizeof(host->failure.text), fmt, args);
    return false;
}

bool tdx_fail(struct tdx_host *host, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fake_record(host, fmt, args);
    va_end(args);
    return false;
}

bool tdx_fail_metadata(struct tdx_host *host, const struct sysinfo_error *error)
{
    return tdx_fail(host, "%s", error->field);
}

bool tdx_fail_status(struct tdx_host *host, u16 leaf, u64 status, const char *fmt, ...)
{
    host->failure.is_status = true;
    host->failure.leaf = leaf;
    host->failure.status = status;
    va_list args;
    va_start(args, fmt);
    fake_record(host, fmt, args);
    va_end(args);
    return false;
}

#define assert_failed_saying(host, part)                                                                     \
    do {                                                                                                     \
        assert_true((host)->failed);                                                                         \
        assert_non_null(__builtin_strstr((host)->failure.text, (part)));                                     \
    } while (0)

#endif
