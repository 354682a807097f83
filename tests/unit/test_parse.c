/* SPDX-License-Identifier: MIT */
/* Numbers and options as command lines carry them: what isn't wholly one is refused, and what was there
 * stays. */
#include "tests/unit/support.h"

#include <string.h>

#include "lib/parse.h"

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        u64 value;
    } good[] = {
        {"0", 0},
        {"17", 17},
        {"007", 7},
        {"12_800", 12800},
        {"0x0", 0},
        {"0XfF", 255},
        {"0xC000_0100_0000_0001", 0xC000010000000001ull},
        {"18446744073709551615", ~0ull},
        {"0xffffffffffffffff", ~0ull},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
        u64 value = 42;
        assert_true(parse_u64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
}

static void refuses_what_is_no_number(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "0x",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1k",
        "12a",
        "0xg",
        "_1",
        "1_",
        "0x_1",
        "0x1_",
        "1.5",
        "18446744073709551616",
        "99999999999999999999999",
        "0x10000000000000000",
        "/",
        ":",
        "0x@",
        "0x`",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        u64 value = 42;
        if (parse_u64(bad[i], &value))
            fail_msg("'%s' was taken for %llu", bad[i], (unsigned long long)value);
        assert_int_equal(value, 42);
    }
}

static void finds_options(void **state)
{
    static const char line[] = "  run=bringup.*  verbose smp= xrun=no   crash=ud@3 last=1";
    static const struct {
        const char *key, *value;
    } there[] = {{"run", "bringup.*"}, {"verbose", ""}, {"smp", ""}, {"crash", "ud@3"}, {"last", "1"}};
    char value[16];
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(there); i++) {
        assert_true(parse_option(line, there[i].key, value, sizeof(value)));
        assert_string_equal(value, there[i].value);
    }
}

static void knows_an_option_from_its_neighbours(void **state)
{
    static const char *const absent[] = {"ru", "runx", "un", "bringup", "verbos", "no", "x"};
    char value[16];
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(absent); i++)
        assert_false(parse_option("run=bringup verbose xrun=no", absent[i], value, sizeof(value)));
    assert_false(parse_option("", "run", value, sizeof(value)));
    assert_false(parse_option("   ", "run", value, sizeof(value)));
}

static void refuses_a_value_that_does_not_fit(void **state)
{
    char value[8];
    (void)state;
    assert_true(parse_option("run=1234567", "run", value, sizeof(value)));
    assert_string_equal(value, "1234567");
    assert_false(parse_option("run=12345678", "run", value, sizeof(value)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(finds_options),
        cmocka_unit_test(knows_an_option_from_its_neighbours),
        cmocka_unit_test(refuses_a_value_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
