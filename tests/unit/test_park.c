/* SPDX-License-Identifier: MIT */
/* Parking a call inside the module: who waits where, and for how long. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "seam/monitor/park.h"
#include "tests/host/soft_port.h"
#include "tests/runner/script/port.h"

#define SAID_MAX (SCRIPT_TEXT_MAX * 3)

/* ---- the stages ---- */

static void test_others_wait_outside(void **state)
{
    (void)state;
    struct park park = {0};
    assert_false(park_bars(&park, 0));
    park_arm(&park, 1);
    assert_true(park_bars(&park, 0));
    assert_true(park_bars(&park, 1));
    park_begin(&park, 1);
    assert_true(park_bars(&park, 0));
    assert_false(park_bars(&park, 1));
    assert_false(park_enter(&park, 0));
    assert_true(park_enter(&park, 1));
    assert_false(park_bars(&park, 0));
    assert_false(park_over(&park));
}

static void test_waits_for_calls_of_others(void **state)
{
    (void)state;
    struct park park = {0};
    park_arm(&park, 2);
    park_begin(&park, 3);
    park_leave(&park, 0); /* was inside before */
    assert_true(park_enter(&park, 3));
    assert_false(park_enter(&park, 3)); /* a call has one place to wait */
    park_leave(&park, 0);
    assert_false(park_over(&park));
    park_leave(&park, 1);
    assert_true(park_over(&park));
    park_leave(&park, 1); /* one more doesn't begin anew */
    assert_true(park_over(&park));
    park_leave(&park, 3);
    assert_int_equal(park.stage, PARK_NONE);
}

static void test_a_call_that_is_refused_lets_others_in(void **state)
{
    (void)state;
    struct park park = {0};
    park_arm(&park, 1);
    park_begin(&park, 0);
    park_leave(&park, 0);
    assert_false(park_bars(&park, 1));
    park_arm(&park, 1);
    park_end(&park);
    assert_false(park_bars(&park, 1));
    assert_true(park_over(&park));
}

/* ---- the step, on the soft module ---- */

static struct soft_host *host;
static struct script_suite suite;
static struct script_result result;

static void complain(void *context, const struct script_error *error)
{
    snprintf(context, SAID_MAX, "%u:%u: %s", error->line, error->column, error->text);
}

static bool read_steps(const char *steps, char *said)
{
    static char text[4096];
    memset(&suite, 0, sizeof(suite));
    snprintf(text, sizeof(text), "suite s\ntest t\n  source inferred\n%s\n", steps);
    const struct script_file file = {"t.tdxt", text, (u32)strlen(text)};
    return script_read(&suite, &file, complain, said);
}

static enum verdict run(const char *steps)
{
    static const struct script_options options = {.trace = true, .again = ""};
    char said[SAID_MAX] = "";
    if (!read_steps(steps, said))
        fail_msg("%s", said);
    test_log_clear();
    script_run(&suite, &suite.cases[0], &options, &result);
    return result.verdict;
}

static void passes(const char *steps)
{
    if (run(steps) != VERDICT_PASS)
        fail_msg("%s: %s\n%s", verdict_name(result.verdict), result.why, test_log());
}

static int set_up(void **state)
{
    (void)state;
    char why[SCRIPT_TEXT_MAX];
    host = soft_host_new("ext", 4);
    assert_non_null(host);
    static struct script_port port;
    port = soft_host_port(host);
    assert_true(script_start(&port, why, sizeof(why)));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    soft_host_free(host);
    return 0;
}

static void test_the_loser_is_certain(void **state)
{
    (void)state;
    for (u32 i = 0; i < 20; i++) {
        passes("from reset\ninject park SYS.INIT\npar\ncall SYS.INIT rcx=0 @cpu0\n"
               "call SYS.LP.INIT @cpu1\nend\nexpect outcome (SUCCESS, SYS_BUSY)");
        passes("from started\ninject park SYS.LP.INIT for 2\npar\ncall SYS.LP.INIT @cpu3\n"
               "call SYS.LP.INIT @cpu2\ncall SYS.CONFIG @cpu0\nend\n"
               "expect outcome (SUCCESS, SUCCESS, SYS_BUSY) or (SUCCESS, SUCCESS, SYS_BUSY)");
    }
    assert_non_null(strstr(test_log(), "inject park SYS.LP.INIT nth 0x1 for 0x2"));
}

static void test_the_second_call_of_a_leaf(void **state)
{
    (void)state;
    passes("from started\ninject park SYS.LP.INIT nth 2 for 1\npar\ncall SYS.LP.INIT @cpu1\n"
           "call SYS.LP.INIT @cpu1\ncall SYS.CONFIG @cpu0\nend\n"
           "expect rax[0] == SYS_LP_INIT_DONE, rax[1] == SYS_BUSY");
}

static void test_a_wait_ends_by_itself(void **state)
{
    (void)state;
    passes("from reset\ninject park SYS.INIT\ncall SYS.INIT rcx=0 expect SUCCESS");
    passes("from reset\ninject park SYS.CONFIG\ncall SYS.INIT rcx=0 expect SUCCESS\n"
           "call SYS.LP.INIT expect SUCCESS");
    passes("from initialised\ninject park SYS.INIT\ncall SYS.INIT rcx=0 expect SYS_INIT_NOT_PENDING");
}

static void test_what_cannot_be_parked(void **state)
{
    (void)state;
    assert_int_equal(run("from reset\ninject park SYS.INIT for 0"), VERDICT_ERROR);
    assert_int_equal(run("from reset\ninject park SYS.INIT nth 0"), VERDICT_ERROR);
    assert_int_equal(run("from reset\ninject park SYS.INIT for 0x10000"), VERDICT_ERROR);
}

static void refuses(const char *line, const char *says)
{
    char text[256], said[SAID_MAX] = "";
    snprintf(text, sizeof(text), "  from reset\n%s", line);
    assert_false(read_steps(text, said));
    assert_string_equal(said, says);
}

static void test_reading(void **state)
{
    (void)state;
    refuses("inject park SYS.INIT count 2", "5:22: the end of the line is expected, not 'count'");
    refuses("inject park SYS.INIT for", "5:25: a value is expected, not the end of the line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_wait_outside),
        cmocka_unit_test(test_waits_for_calls_of_others),
        cmocka_unit_test(test_a_call_that_is_refused_lets_others_in),
        cmocka_unit_test_setup_teardown(test_the_loser_is_certain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_second_call_of_a_leaf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wait_ends_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_parked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
