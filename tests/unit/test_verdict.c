/* SPDX-License-Identifier: MIT */
/* Verdicts, totals, case ids, selection, and the lines of the wire format. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "kernel/panic.h"
#include "tests/runner/again.h"
#include "tests/runner/selection.h"
#include "tests/runner/verdict.h"

/* What the kernel would send to COM1. */
static char lines[4096];

void console_line(const char *fmt, ...);
void console_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t used = strlen(lines);
    vsnprintf(lines + used, sizeof(lines) - used, fmt, args);
    va_end(args);
    strncat(lines, "\n", sizeof(lines) - strlen(lines) - 1);
}

/* Not in the library: it needs the console. */
#include "tests/runner/ktap.c"

static int clear_lines(void **state)
{
    (void)state;
    lines[0] = 0;
    return 0;
}

/* ---- verdicts ---- */

static void worst_wins(void **state)
{
    (void)state;
    const enum verdict order[] = {VERDICT_PASS, VERDICT_SKIP, VERDICT_ERROR, VERDICT_FAIL};
    for (u32 a = 0; a < 4; a++)
        for (u32 b = 0; b < 4; b++)
            assert_int_equal(verdict_worse(order[a], order[b]), order[a > b ? a : b]);
}

static void positive_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(verdict_exit_code(VERDICT_PASS), 0x10);
    assert_int_equal(verdict_exit_code(VERDICT_FAIL), 0x11);
    assert_int_equal(verdict_exit_code(VERDICT_ERROR), 0x12);
    assert_int_equal(verdict_exit_code(VERDICT_SKIP), 0x13);
}

/* Nobody has promised what is only inferred: on a subject that isn't our model it never turns a run red. */
static void inference_excuses_failures_alone(void **state)
{
    (void)state;
    assert_null(verdict_excuse(VERDICT_FAIL, false, NULL));
    assert_non_null(verdict_excuse(VERDICT_FAIL, true, NULL));
    assert_null(verdict_excuse(VERDICT_PASS, true, NULL));
    assert_null(verdict_excuse(VERDICT_ERROR, true, NULL));
    assert_null(verdict_excuse(VERDICT_SKIP, true, NULL));
    assert_string_equal(verdict_excuse(VERDICT_FAIL, true, "bug 7"), "bug 7");
    assert_string_equal(verdict_excuse(VERDICT_PASS, false, "bug 7"), "bug 7");

    struct totals totals = {.pass = 3};
    struct test_case item = {.id = "a.b", .source = SOURCE_INFERRED};
    item.known_bug = verdict_excuse(VERDICT_FAIL, true, NULL);
    ktap_result(&totals, &item, VERDICT_FAIL, "", 7);
    assert_string_equal(lines, "# result: a.b fail 7 cycles\n"
                               "ok 4 a.b # XFAIL inferred expectation does not hold on this subject\n");
    assert_int_equal(totals.xfail, 1);
    assert_int_equal(totals_verdict(&totals), VERDICT_PASS);
}

/* ---- the command that runs a case again ---- */

static const char *again(const char *word, const char *file, size_t size)
{
    static char text[256];
    memset(text, 'x', sizeof(text));
    again_options(word, file, text, size);
    assert_true(strlen(text) < size);
    return text;
}

static void again_decodes(void **state)
{
    (void)state;
    assert_string_equal(again("", "a.tdxt", 256), "");
    assert_string_equal(again("--smp+8,packages=2+--profile+dpamt", NULL, 256),
                        "--smp 8,packages=2 --profile dpamt");
    assert_string_equal(again("--append+x=1~p2+~t/y~", NULL, 256), "--append x=1+2 ~/y~");
    assert_string_equal(again("--smp+8+--mem+1G", NULL, 12), "--smp 8");
}

static void again_names_only_the_file_of_the_case(void **state)
{
    (void)state;
    const char *word = "--mem+1G+--script+d/a.tdxt+--script+b.tdxt+--script+d/ba.tdxt";
    assert_string_equal(again(word, "a.tdxt", 256), "--mem 1G --script d/a.tdxt");
    assert_string_equal(again(word, "b.tdxt", 256), "--mem 1G --script b.tdxt");
    assert_string_equal(again(word, "c.tdxt", 256), "--mem 1G");
    assert_string_equal(again(word, NULL, 256), "--mem 1G");
    assert_string_equal(again("--script", "a.tdxt", 256), "");
}

static enum verdict after(const char *cases)
{
    struct totals totals = {0};
    for (; *cases; cases++) {
        enum verdict verdict = *cases == 'p' || *cases == 'P' ? VERDICT_PASS
                               : *cases == 's'                ? VERDICT_SKIP
                               : *cases == 'e'                ? VERDICT_ERROR
                                                              : VERDICT_FAIL;
        totals_add(&totals, verdict, *cases == 'P' || *cases == 'F' ? "bug 1" : NULL);
    }
    return totals_verdict(&totals);
}

/* 'p' pass, 's' skip, 'e' error, 'f' fail; capitals: the same with a known bug. */
static void verdict_of_a_run(void **state)
{
    (void)state;
    assert_int_equal(after(""), VERDICT_ERROR); /* nothing ran: never green */
    assert_int_equal(after("p"), VERDICT_PASS);
    assert_int_equal(after("ppsp"), VERDICT_PASS);
    assert_int_equal(after("sss"), VERDICT_SKIP);
    assert_int_equal(after("psep"), VERDICT_ERROR);
    assert_int_equal(after("efsp"), VERDICT_FAIL);
    assert_int_equal(after("fe"), VERDICT_FAIL);
    assert_int_equal(after("se"), VERDICT_ERROR);
    assert_int_equal(after("pF"), VERDICT_PASS);
    assert_int_equal(after("F"), VERDICT_PASS);
    assert_int_equal(after("pP"), VERDICT_ERROR); /* an outdated entry */
}

static void totals_count_each_kind(void **state)
{
    (void)state;
    struct totals totals = {0};
    totals_add(&totals, VERDICT_PASS, NULL);
    totals_add(&totals, VERDICT_PASS, "bug");
    totals_add(&totals, VERDICT_FAIL, NULL);
    totals_add(&totals, VERDICT_FAIL, "bug");
    totals_add(&totals, VERDICT_SKIP, "bug");
    totals_add(&totals, VERDICT_ERROR, NULL);
    totals_add(&totals, VERDICT_ERROR, "bug");
    assert_int_equal(totals.pass, 1);
    assert_int_equal(totals.xpass, 1);
    assert_int_equal(totals.fail, 1);
    assert_int_equal(totals.xfail, 1);
    assert_int_equal(totals.skip, 1);
    assert_int_equal(totals.error, 2);
    assert_int_equal(totals_count(&totals), 7);
}

/* ---- ids and patterns ---- */

static void ids(void **state)
{
    (void)state;
    const char *const good[] = {"a", "a.b", "ext.mem_add.row_1", "0", "_"};
    const char *const bad[] = {"", ".", "a.", ".a", "a..b", "A", "a-b", "a b", "a#b", "a.b."};
    for (u32 i = 0; i < ARRAY_COUNT(good); i++)
        assert_true(case_id_valid(good[i]));
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(case_id_valid(bad[i]));
}

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *id;
        bool matches;
    } rows[] = {
        {"*", "a.b", true},        {"*", "", true},          {"", "", true},
        {"", "a", false},          {"a.b", "a.b", true},     {"a.b", "a.bc", false},
        {"a.bc", "a.b", false},    {"a.*", "a.b", true},     {"a.*", "a.", true},
        {"a.*", "ab", false},      {"*.b", "a.b", true},     {"*.b", "a.b.b", true},
        {"*.b", "a.b.c", false},   {"a?c", "abc", true},     {"a?c", "ac", false},
        {"a?c", "a.c", true},      {"*a*b*", "xaybz", true}, {"*a*b*", "xbya", false},
        {"a*b*c", "abbbbc", true}, {"**", "x", true},        {"a**", "a", true},
        {"?", "", false},          {"*?", "a", true},        {"*ab", "aab", true},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++)
        if (pattern_matches(rows[i].pattern, rows[i].id) != rows[i].matches)
            fail_msg("pattern '%s', id '%s': should%s match", rows[i].pattern, rows[i].id,
                     rows[i].matches ? "" : " not");
}

/* A pattern that a backtracking matcher would think about for ages. */
static void pattern_is_linear(void **state)
{
    (void)state;
    char id[2001], pattern[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
    memset(id, 'a', sizeof(id) - 1);
    id[sizeof(id) - 1] = 0;
    assert_false(pattern_matches(pattern, id));
}

/* ---- selection ---- */

static const struct test_case first_cases[] = {{.id = "s.one", .stage = 0}, {.id = "s.two", .stage = 1}};
static const struct test_case second_cases[] = {{.id = "t.one", .stage = 1}, {.id = "t.two", .stage = 3}};
static const struct case_table first = {first_cases, 2}, second = {second_cases, 2}, none = {NULL, 0};

static void cases_are_numbered_over_tables(void **state)
{
    (void)state;
    const struct case_table *const tables[] = {&first, &none, &second, NULL};
    assert_string_equal(case_at(tables, 0)->id, "s.one");
    assert_string_equal(case_at(tables, 2)->id, "t.one");
    assert_string_equal(case_at(tables, 3)->id, "t.two");
    assert_null(case_at(tables, 4));
    assert_int_equal(selection_count(tables, ""), 4);
    assert_int_equal(selection_count(tables, "*"), 4);
    assert_int_equal(selection_count(tables, "*.one"), 2);
    assert_int_equal(selection_count(tables, "u.*"), 0);
}

static void wrong_tables_are_noticed(void **state)
{
    (void)state;
    static const struct test_case bad_id_cases[] = {{.id = "u.One"}};
    static const struct case_table bad_id = {bad_id_cases, 1};
    const struct case_table *const good[] = {&first, &second, NULL};
    const struct case_table *const twice[] = {&first, &first, NULL};
    const struct case_table *const back[] = {&second, &first, NULL};
    const struct case_table *const id[] = {&bad_id, NULL};
    assert_null(selection_check(good, 3));
    assert_string_equal(selection_check(good, 2), "t.two");
    assert_string_equal(selection_check(twice, 3), "s.one");
    assert_string_equal(selection_check(back, 3), "s.one");
    assert_string_equal(selection_check(id, 3), "u.One");
}

/* ---- the wire ---- */

static void result_lines(void **state)
{
    (void)state;
    struct totals totals = {0};
    const struct test_case plain = {.id = "s.plain", .source = SOURCE_INFERRED};
    const struct test_case buggy = {.id = "s.buggy", .known_bug = "bug #7"};
    ktap_plan(6);
    ktap_begin(&plain);
    ktap_result(&totals, &plain, VERDICT_PASS, "", 12);
    ktap_result(&totals, &plain, VERDICT_SKIP, "no #2 here", 0);
    ktap_result(&totals, &plain, VERDICT_ERROR, "no memory", 3);
    ktap_result(&totals, &plain, VERDICT_FAIL, "", 4);
    ktap_result(&totals, &buggy, VERDICT_FAIL, "", 5);
    ktap_result(&totals, &buggy, VERDICT_PASS, "", 6);
    ktap_end(&totals);
    assert_string_equal(lines, "KTAP version 1\n"
                               "1..6\n"
                               "# begin s.plain (inferred)\n"
                               "# result: s.plain pass 12 cycles\n"
                               "ok 1 s.plain\n"
                               "# result: s.plain skip 0 cycles\n"
                               "ok 2 s.plain # SKIP no /2 here\n"
                               "# result: s.plain error 3 cycles\n"
                               "not ok 3 s.plain # ERROR no memory\n"
                               "# result: s.plain fail 4 cycles\n"
                               "not ok 4 s.plain\n"
                               "# result: s.buggy fail 5 cycles\n"
                               "ok 5 s.buggy # XFAIL bug /7\n"
                               "# result: s.buggy error 6 cycles\n"
                               "not ok 6 s.buggy # ERROR passes, expected to fail: bug /7\n"
                               "# Totals: pass:1 fail:1 xfail:1 xpass:1 skip:1 error:1\n"
                               "# 2 passed, 3 failed, 1 skipped\n"
                               "# end of seamstress log\n");
}

static void long_reasons_are_cut(void **state)
{
    (void)state;
    struct totals totals = {0};
    const struct test_case plain = {.id = "s.plain"};
    char why[400];
    memset(why, 'w', sizeof(why) - 1);
    why[sizeof(why) - 1] = 0;
    ktap_result(&totals, &plain, VERDICT_SKIP, why, 0);
    assert_non_null(strstr(lines, "ok 1 s.plain # SKIP www"));
    assert_true(strlen(lines) < 300);
}

static void empty_plan(void **state)
{
    (void)state;
    ktap_plan(0);
    assert_string_equal(lines, "KTAP version 1\n1..0 # SKIP no case was selected\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worst_wins),
        cmocka_unit_test(positive_exit_codes),
        cmocka_unit_test_setup(inference_excuses_failures_alone, clear_lines),
        cmocka_unit_test(again_decodes),
        cmocka_unit_test(again_names_only_the_file_of_the_case),
        cmocka_unit_test(verdict_of_a_run),
        cmocka_unit_test(totals_count_each_kind),
        cmocka_unit_test(ids),
        cmocka_unit_test(patterns),
        cmocka_unit_test(pattern_is_linear),
        cmocka_unit_test(cases_are_numbered_over_tables),
        cmocka_unit_test(wrong_tables_are_noticed),
        cmocka_unit_test_setup(result_lines, clear_lines),
        cmocka_unit_test_setup(long_reasons_are_cut, clear_lines),
        cmocka_unit_test_setup(empty_plan, clear_lines),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
