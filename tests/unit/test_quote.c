/* SPDX-License-Identifier: MIT */
/* Quoting against a scripted module: what is asked when, what isn't believed, and that it is best effort. */
#include "tests/unit/fake_module.h"

#include "drivers/tdx/quote.h"

#define RESUMABLE TDX_INTERRUPTED_RESUMABLE
#define NO_SUCH   (TDX_OPERAND_INVALID | TDX_OPERAND_RAX)

/* ---- the buffer's memory ---- */

static struct {
    bool full;
    u32 allocations, frees;
    u64 bytes;
} memory;

bool quote_buffer_allocate(struct quote_buffer *buffer, u64 bytes)
{
    memory.allocations++;
    memory.bytes = bytes;
    if (memory.full)
        return false;
    *buffer = (struct quote_buffer){pa_of(0x40000000), align_up(bytes, PAGE_SIZE) / PAGE_SIZE,
                                    pa_of(0x12345000), 1};
    return true;
}

/* ---- a host that has configured quoting ---- */

static struct tdx_host host;

static void begin(bool required)
{
    host = (struct tdx_host){.options = {.quote_required = required},
                             .configured = {true, 1ull << TDX_FEATURE_QUOTE},
                             .next = STEP_QUOTE};
    memory = (typeof(memory)){0};
}

static const struct fake_answer initialises[] = {{TDH_QUOTE_INIT, 0, 0, 0}};
static const struct fake_answer no_such_leaf[] = {{TDH_QUOTE_INIT, 0xC000010000000000, 0, 0}};
static const struct fake_field nothing[] = {{0, 0, 0}};

static const struct fake_field *says_size(u64 bytes)
{
    static struct fake_field field[1];
    field[0] = (struct fake_field){TDX_FIELD_MAX_QUOTE_SIZE, TDX_SUCCESS, bytes};
    return field;
}

/* QUOTE.INIT succeeds, then this size. */
static bool start_with(u64 bytes)
{
    FAKE(initialises, nothing);
    fake.fields = says_size(bytes);
    return quote_start(&host);
}

/* ---- start ---- */

static void not_configured_asks_nothing(void **state)
{
    (void)state;
    static const struct tdx_configured without[] = {
        {true, 0}, {true, ~(1ull << TDX_FEATURE_QUOTE)}, {false, 1ull << TDX_FEATURE_QUOTE}};
    for (u32 i = 0; i < ARRAY_COUNT(without); i++) {
        begin(true);
        host.sysinfo.features0 = ~0ull; /* what the module could do doesn't count */
        host.configured = without[i];
        FAKE(initialises, nothing);
        assert_true(quote_start(&host));
        assert_int_equal(fake.calls + fake.reads + memory.allocations, 0);
        assert_false(host.quote.ready);
        assert_string_equal(test_log(), "");
    }
}

static void starts_and_measures(void **state)
{
    (void)state;
    begin(true);
    assert_true(start_with(0x8001));
    assert_true(host.quote.ready);
    assert_int_equal(host.quote.max_bytes, 0x8001);
    assert_int_equal(memory.bytes, 0x8001);
    assert_int_equal(host.quote.buffer.pages, 9);
    assert_int_equal(host.quote.status, TDX_SUCCESS);
    assert_script_done();
}

static void is_resumed_with_no_operands(void **state)
{
    (void)state;
    static const struct fake_answer interrupted[] = {{TDH_QUOTE_INIT, 0x8000000300000000, 0xBAD, 5},
                                                     {TDH_QUOTE_INIT, 0, 0, 0}};
    begin(true);
    FAKE(interrupted, nothing);
    fake.fields = says_size(100);
    assert_true(quote_start(&host));
    assert_int_equal(fake.calls, 6);
    assert_int_equal(fake.windows, 5);
    for (u32 i = 0; i < fake.calls; i++)
        assert_int_equal(fake.seen[i].args.rcx | fake.seen[i].args.rdx | fake.seen[i].args.version, 0);
    assert_true(host.quote.ready);
}

static void never_ends(u64 us_per_call, u32 at_most)
{
    static const struct fake_answer forever[] = {{TDH_QUOTE_INIT, 0x8000000300000000, 0, 10000000}};
    begin(false);
    FAKE(forever, nothing);
    fake.us_per_call = us_per_call;
    assert_true(quote_start(&host));
    assert_in_range(fake.calls, 1, at_most);
    assert_false(host.quote.ready);
    assert_int_equal(host.quote.status, RESUMABLE);
}

static void is_bounded_by_count_and_clock(void **state)
{
    (void)state;
    never_ends(0, 100000);
    never_ends(1000000, 30);
}

/* ---- failures ---- */

static void best_effort_is_one_line(void **state)
{
    (void)state;
    begin(false);
    FAKE(no_such_leaf, nothing);
    assert_true(quote_start(&host));
    assert_false(host.failed);
    assert_false(host.quote.ready);
    assert_int_equal(host.quote.status, NO_SUCH);
    assert_logged("0xc000010000000000 OPERAND_INVALID");
    const char *end = __builtin_strchr(test_log(), '\n');
    assert_true(end && end[1] == 0 && end - test_log() <= 160);
    assert_int_equal(fake.reads + fake.reports + memory.allocations, 0);
}

static void required_is_a_failure(void **state)
{
    (void)state;
    begin(true);
    FAKE(no_such_leaf, nothing);
    assert_false(quote_start(&host));
    assert_failed_saying(&host, "0xc000010000000000 OPERAND_INVALID");
    assert_int_equal(host.failure.status, NO_SUCH);
    assert_int_equal(host.failure.leaf, TDH_QUOTE_INIT);
    assert_int_equal(fake.reports, 1);
}

static void informational_is_not_success(void **state)
{
    (void)state;
    static const struct fake_answer odd[] = {{TDH_QUOTE_INIT, 0x0000030600000000, 0, 0}};
    begin(false);
    FAKE(odd, nothing);
    assert_true(quote_start(&host));
    assert_false(host.quote.ready);
    assert_int_equal(fake.reads, 0);
}

static void expect_size_disbelieved(u64 bytes)
{
    begin(false);
    assert_true(start_with(bytes));
    assert_false(host.quote.ready);
    assert_int_equal(memory.allocations, 0);
    begin(true);
    assert_false(start_with(bytes));
    assert_true(host.failed);
    assert_false(host.failure.is_status);
}

static void impossible_sizes(void **state)
{
    (void)state;
    expect_size_disbelieved(0);
    expect_size_disbelieved(16 * MIB + 1);
    expect_size_disbelieved(0xFFFFFFFF);
    expect_size_disbelieved(0x100000064); /* doesn't fit the field; cut off it would be 100 */
    begin(true);
    assert_true(start_with(16 * MIB));
    assert_true(host.quote.ready);
}

static void unreadable_size(void **state)
{
    (void)state;
    static const struct fake_field refused[] = {
        {0x2300000200000002, 0xC0000C0200000000, 100}}; /* METADATA_FIELD_NOT_READABLE */
    begin(false);
    FAKE(initialises, refused);
    assert_true(quote_start(&host));
    assert_false(host.quote.ready);
    assert_int_equal(host.quote.status, TDX_METADATA_FIELD_NOT_READABLE);
    assert_logged("MAX_QUOTE_SIZE");
}

static void no_memory(void **state)
{
    (void)state;
    begin(false);
    memory.full = true;
    assert_true(start_with(5000));
    assert_false(host.quote.ready);
    assert_logged("no 8 KiB of memory");
}

static void size_needs_proof(void **state)
{
    (void)state;
    u32 bytes;
    struct sysinfo_error error;
    const struct quote_initialised no = {false};
    FAKE(initialises, nothing);
    assert_false(sysinfo_read_max_quote(&no, &bytes, sysinfo_seamcall_reader, NULL, &error));
    assert_int_equal(fake.reads, 0);
}

/* ---- after an update ---- */

static bool again_with(u64 bytes)
{
    FAKE(initialises, nothing);
    fake.fields = says_size(bytes);
    return quote_start_again(&host);
}

static void again_in_the_old_buffer(void **state)
{
    (void)state;
    begin(true);
    assert_true(start_with(5000));
    assert_true(again_with(8192)); /* grown, but the buffer is whole pages */
    assert_true(host.quote.ready);
    assert_int_equal(host.quote.max_bytes, 8192);
    assert_int_equal(memory.allocations, 1);
    assert_script_done();
}

static void again_but_larger(void **state)
{
    (void)state;
    begin(false);
    assert_true(start_with(5000));
    assert_true(again_with(8193));
    assert_false(host.quote.ready);
    assert_logged("8193 bytes, the buffer has 8 KiB");
    assert_int_equal(host.quote.buffer.pages, 2); /* kept: a later update may fit again */
    assert_int_equal(memory.allocations, 1);
    begin(true);
    assert_true(start_with(5000));
    assert_false(again_with(8193));
}

static void again_where_it_never_worked(void **state)
{
    (void)state;
    begin(false);
    FAKE(no_such_leaf, nothing);
    quote_start(&host);
    FAKE(initialises, nothing);
    assert_true(quote_start_again(&host));
    assert_int_equal(fake.calls + fake.reads, 0);
    assert_false(host.quote.ready);
}

static void again_refused(void **state)
{
    (void)state;
    begin(false);
    assert_true(start_with(5000));
    FAKE(no_such_leaf, nothing);
    assert_true(quote_start_again(&host));
    assert_false(host.quote.ready);
    assert_false(host.quote.initialised.done);
}

/* ---- QUOTE.GET ---- */

static const struct quote_request request = {{0x5000000}, TDX_QUOTE_ID_DEFAULT, {0x6000000}, 1024};

static bool get(const struct fake_answer *answers, u32 count, struct quote_result *result)
{
    fake = (typeof(fake)){.answers = answers, .answer_count = count};
    test_log_clear();
    return quote_get(&host.quote, &request, result);
}

static void begin_ready(void)
{
    begin(true);
    assert_true(start_with(5000));
}

static void get_gives_all_inputs_each_time(void **state)
{
    (void)state;
    /* RCX comes back overwritten even from an interrupted call. */
    static const struct fake_answer answers[] = {{TDH_QUOTE_GET, 0x8000000300000000, 0x777, 3},
                                                 {TDH_QUOTE_GET, 0, 4444, 0}};
    struct quote_result result;
    begin_ready();
    assert_true(get(answers, 2, &result));
    assert_int_equal(fake.calls, 4);
    for (u32 i = 0; i < 4; i++) {
        assert_int_equal(fake.seen[i].args.rcx, 0x5000000);
        assert_int_equal(fake.seen[i].args.rdx, 0xFFFF00000000);
        assert_int_equal(fake.seen[i].args.r8, 0x6000000);
        assert_int_equal(fake.seen[i].args.r9, 1024);
        assert_int_equal(fake.seen[i].args.r10, 0x12345000);
        assert_int_equal(fake.seen[i].args.r11, 8192);
        assert_int_equal(fake.seen[i].args.version, 0);
    }
    assert_int_equal(result.status, TDX_SUCCESS);
    assert_int_equal(result.bytes, 4444);
    assert_int_equal(result.resume.resumes, 3);
}

static void expect_length(u64 rcx, bool believed)
{
    const struct fake_answer answer = {TDH_QUOTE_GET, 0, rcx, 0};
    struct quote_result result;
    begin_ready();
    assert_int_equal(get(&answer, 1, &result), believed);
    assert_int_equal(result.bytes, believed ? rcx : 0);
    if (!believed)
        assert_logged("not believed");
}

static void get_checks_the_length(void **state)
{
    (void)state;
    expect_length(1, true);
    expect_length(5000, true);
    expect_length(5001, false); /* more than MAX_QUOTE_SIZE, though the buffer would hold it */
    expect_length(8193, false);
    expect_length(~0ull, false);
}

/* The scripted module leaves RCX alone for 0, so the TD's address stands in for a length of 0. */
static void get_of_nothing(void **state)
{
    (void)state;
    const struct fake_answer answer = {TDH_QUOTE_GET, 0, 0, 0};
    const struct quote_request at_zero = {{0}, 0, {0x6000000}, 4096};
    struct quote_result result;
    begin_ready();
    fake = (typeof(fake)){.answers = &answer, .answer_count = 1};
    test_log_clear();
    assert_false(quote_get(&host.quote, &at_zero, &result));
    assert_logged("0 bytes");
}

static void get_refused(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{TDH_QUOTE_GET, 0xC000010000000001, 4444, 0}};
    struct quote_result result;
    begin_ready();
    assert_false(get(answers, 1, &result));
    assert_int_equal(result.status, TDX_OPERAND_INVALID | TDX_OPERAND_RCX);
    assert_int_equal(result.bytes, 0);
    assert_int_equal(fake.reports, 1);
}

static void get_is_not_asked(void **state)
{
    (void)state;
    static const struct quote_request bad[] = {{{0x5000000}, 0, {0x6000001}, 1024},
                                               {{0x5000000}, 0, {0x6000000}, 4097}};
    struct quote_result result;
    begin_ready();
    fake = (typeof(fake)){0};
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(quote_get(&host.quote, &bad[i], &result));
    host.quote.ready = false;
    assert_false(quote_get(&host.quote, &request, &result));
    assert_int_equal(fake.calls, 0);
    assert_int_equal(result.status, TDX_SW_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_configured_asks_nothing),
        cmocka_unit_test(starts_and_measures),
        cmocka_unit_test(is_resumed_with_no_operands),
        cmocka_unit_test(is_bounded_by_count_and_clock),
        cmocka_unit_test(best_effort_is_one_line),
        cmocka_unit_test(required_is_a_failure),
        cmocka_unit_test(informational_is_not_success),
        cmocka_unit_test(impossible_sizes),
        cmocka_unit_test(unreadable_size),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(size_needs_proof),
        cmocka_unit_test(again_in_the_old_buffer),
        cmocka_unit_test(again_but_larger),
        cmocka_unit_test(again_where_it_never_worked),
        cmocka_unit_test(again_refused),
        cmocka_unit_test(get_gives_all_inputs_each_time),
        cmocka_unit_test(get_checks_the_length),
        cmocka_unit_test(get_of_nothing),
        cmocka_unit_test(get_refused),
        cmocka_unit_test(get_is_not_asked),
    };
    return cmocka_run_group_tests_name("quote", tests, NULL, NULL);
}
