/* SPDX-License-Identifier: MIT */
/* SYS.DISABLE against a scripted module: how long it is tried, and that memory returns only when it is safe.
 */
#include "tests/unit/fake_module.h"

#include "drivers/tdx/disable.h"
#include "drivers/tdx/steps.h"
#include "lib/string.h"

#define LEAF TDH_SYS_DISABLE

/* ---- what happens to memory, in order ---- */

static char order[64];
static bool lp_missing;

bool step_flush(struct tdx_host *host)
{
    __builtin_strcat(order, "flush ");
    return !lp_missing || tdx_fail(host, "WBINVD: an LP did not answer");
}

u64 donate_take_back_all(void)
{
    __builtin_strcat(order, "take ");
    return 3 * MIB;
}

void quote_buffer_free(struct quote_buffer *buffer)
{
    __builtin_strcat(order, "buffer ");
    buffer->pages = 0;
}

void tdx_host_init(struct tdx_host *host, const struct tdx_options *options)
{
    memset(host, 0, sizeof(*host));
    host->options = *options;
}

/* ---- a host that is ready ---- */

static struct tdx_host host;
static struct disable_report report;

static void begin(void)
{
    memset(&host, 0xA5, sizeof(host));
    host.failed = false;
    host.next = STEP_COUNT;
    host.options = (struct tdx_options){.features = 1ull << TDX_FEATURE_QUOTE, .always_flush = true};
    host.platform.control_msr = 0x1234;
    host.quote.buffer.pages = 2;
    order[0] = 0;
    lp_missing = false;
}

static const struct fake_field nothing[] = {{0, 0, 0}};

static enum disable_outcome disable(void)
{
    return tdx_disable(&host, &report);
}

/* ---- tests ---- */

static void everything_comes_back(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{LEAF, 0, 0, 0}};
    begin();
    FAKE(answers, nothing);
    assert_int_equal(disable(), DISABLE_DONE);
    assert_int_equal(report.released, 3 * MIB);
    assert_int_equal(report.calls, 1);
    assert_string_equal(order, "flush take buffer ");
    assert_logged("3072 KiB");
}

static void host_is_as_before_sys_init(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{LEAF, 0, 0, 0}};
    static struct tdx_host expected;
    begin();
    memset(&expected, 0, sizeof(expected));
    expected.options = host.options;
    expected.platform = host.platform;
    expected.next = STEP_SYS_INIT;
    FAKE(answers, nothing);
    disable();
    assert_memory_equal(&host, &expected, sizeof(host));
}

static void interrupted_and_busy_go_on(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{LEAF, 0x8000000300000000, 0xBAD, 3},
                                                 {LEAF, 0x8000020200000000, 0xBAD, 2},
                                                 {LEAF, 0x8000000300000000, 0xBAD, 1},
                                                 {LEAF, 0, 0, 0}};
    begin();
    FAKE(answers, nothing);
    assert_int_equal(disable(), DISABLE_DONE);
    assert_int_equal(report.calls, 7);
    assert_int_equal(report.resumes, 4);
    assert_int_equal(report.busy, 2);
    assert_int_equal(fake.windows, 4);
    assert_int_equal(fake.delays, 2);
    for (u32 i = 0; i < 7; i++)
        assert_int_equal(fake.seen[i].args.rcx, 0);
    assert_script_done();
}

static void expect_given_up(const struct fake_answer *answer, u64 us_per_call, u32 most)
{
    begin();
    fake = (typeof(fake)){.answers = answer, .answer_count = 1, .us_per_call = us_per_call};
    test_log_clear();
    assert_int_equal(disable(), DISABLE_FAILED);
    assert_in_range(fake.calls, 1, most);
    assert_int_equal(report.calls, fake.calls);
    assert_failed_saying(&host, "gave up");
    assert_int_equal(host.failure.status, answer->status);
    assert_string_equal(order, ""); /* nothing is freed */
}

static void is_bounded_by_count_and_clock(void **state)
{
    (void)state;
    static const struct fake_answer resumable = {LEAF, 0x8000000300000000, 0, 100000000};
    static const struct fake_answer busy = {LEAF, 0x8000020200000000, 0, 100000000};
    expect_given_up(&resumable, 0, 1000000);
    expect_given_up(&resumable, 1000000, 60);
    expect_given_up(&busy, 0, 1000000);
    expect_given_up(&busy, 1000000, 61);
}

static void count_is_of_all_calls(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{LEAF, 0x8000020200000000, 0, 1000},
                                                 {LEAF, 0x8000000300000000, 0, 100000000}};
    begin();
    FAKE(answers, nothing);
    assert_int_equal(disable(), DISABLE_FAILED);
    assert_int_equal(fake.calls, 1000000);
}

static void half_way_is_not_refused(void **state)
{
    (void)state;
    static const struct fake_answer odd = {LEAF, 0x8000000300000007, 0, 0};
    expect_given_up(&odd, 0, 1);
}

static void expect_harmless(u64 status)
{
    static struct tdx_host before;
    const struct fake_answer answer = {LEAF, status, 0, 0};
    begin();
    before = host;
    fake = (typeof(fake)){.answers = &answer, .answer_count = 1};
    test_log_clear();
    assert_int_equal(disable(), DISABLE_REFUSED);
    assert_int_equal(report.status, status);
    assert_int_equal(report.calls, 1);
    assert_int_equal(report.released, 0);
    assert_memory_equal(&host, &before, sizeof(host));
    assert_string_equal(order, "");
    char raw[32];
    format(raw, sizeof(raw), "0x%016lx", status);
    assert_logged(raw);
}

static void other_statuses_are_harmless(void **state)
{
    (void)state;
    expect_harmless(TDX_OPERAND_INVALID | TDX_OPERAND_RAX);
    expect_harmless(TDX_SYS_NOT_READY);
    expect_harmless(TDX_SYS_SHUTDOWN);
    expect_harmless(TDX_VMFAIL_INVALID);
    expect_harmless(TDX_SYS_BUSY | 5); /* details that SYS_BUSY doesn't have */
    expect_harmless(0x0000030600000000);
}

static void no_flush_no_memory(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{LEAF, 0, 0, 0}};
    begin();
    lp_missing = true;
    FAKE(answers, nothing);
    assert_int_equal(disable(), DISABLE_FAILED);
    assert_string_equal(order, "flush ");
    assert_failed_saying(&host, "WBINVD");
    assert_int_equal(report.released, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),       cmocka_unit_test(host_is_as_before_sys_init),
        cmocka_unit_test(interrupted_and_busy_go_on),  cmocka_unit_test(is_bounded_by_count_and_clock),
        cmocka_unit_test(count_is_of_all_calls),       cmocka_unit_test(half_way_is_not_refused),
        cmocka_unit_test(other_statuses_are_harmless), cmocka_unit_test(no_flush_no_memory),
    };
    return cmocka_run_group_tests_name("disable", tests, NULL, NULL);
}
