/* SPDX-License-Identifier: MIT */
/* lib/format against the C library's snprintf, for every conversion it promises, and where it differs on
 * purpose. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "lib/format.h"

#define ROOM 256

/* Both print the same text into every size of buffer, report the same length and stay within the buffer. */
#define assert_like_snprintf(fmt, ...)                                                                       \
    do {                                                                                                     \
        const char *format_text = (fmt);                                                                     \
        for (size_t size = 0; size < ROOM; size = size < 40 ? size + 1 : size * 2) {                         \
            char ours[ROOM], theirs[ROOM];                                                                   \
            memset(ours, '#', ROOM);                                                                         \
            memset(theirs, '#', ROOM);                                                                       \
            size_t length = format(ours, size, format_text, __VA_ARGS__);                                    \
            assert_int_equal(length, snprintf(theirs, size, format_text, __VA_ARGS__));                      \
            assert_memory_equal(ours, theirs, ROOM);                                                         \
        }                                                                                                    \
    } while (0)

static const char *const flags[] = {"", "-", "0", "-0"};
static const char *const widths[] = {"", "1", "8", "20", "31"};
static const u64 numbers[] = {
    0, 1, 9, 10, 255, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x123456789ABCDEF0, 0x8000000000000000, ~0ull};

static void each_number(const char *conversion, bool wide)
{
    char fmt[32];
    for (size_t f = 0; f < ARRAY_COUNT(flags); f++)
        for (size_t w = 0; w < ARRAY_COUNT(widths); w++)
            for (size_t n = 0; n < ARRAY_COUNT(numbers); n++) {
                snprintf(fmt, sizeof(fmt), "<%%%s%s%s>", flags[f], widths[w], conversion);
                if (wide)
                    assert_like_snprintf(fmt, numbers[n]);
                else
                    assert_like_snprintf(fmt, (unsigned)numbers[n]);
            }
}

static void prints_32_bit_numbers(void **state)
{
    (void)state;
    each_number("d", false);
    each_number("i", false);
    each_number("u", false);
    each_number("x", false);
    each_number("X", false);
}

static void prints_64_bit_numbers(void **state)
{
    (void)state;
    each_number("ld", true);
    each_number("llu", true);
    each_number("lx", true);
    each_number("zX", true);
}

static void prints_text(void **state)
{
    static const char *const specs[] = {"%s", "%12s", "%-12s|", "%.3s", "%12.3s", "%-12.0s|"};
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(specs); i++) {
        assert_like_snprintf(specs[i], "seamstress");
        assert_like_snprintf(specs[i], "");
    }
    assert_like_snprintf("%.*s and %*s", 2, "stay", 6, "right");
    assert_like_snprintf("%c%5c%-5c|", 'a', 'b', 'c');
    assert_like_snprintf("100%% of %s", "it");
    assert_like_snprintf("%p", (void *)0x7FFF12345678);
    assert_like_snprintf("%s=0x%016llx (%d)", "rax", 0xC000010000000001ull, -1);
}

static void stops_reading_text_at_its_precision(void **state)
{
    char unterminated[4] = {'S', 'E', 'A', 'M'}, text[16];
    (void)state;
    assert_int_equal(format(text, sizeof(text), "%.4s", unterminated), 4); /* ASan sees a step further */
    assert_string_equal(text, "SEAM");
}

static void shows_mistakes(void **state)
{
    const char *volatile unknown = "%q %", *volatile nothing = NULL, *volatile string = "%s";
    char text[16];
    (void)state;
    format(text, sizeof(text), unknown, 1);
    assert_string_equal(text, "%q %");
    format(text, sizeof(text), string, nothing);
    assert_string_equal(text, "(null)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_32_bit_numbers), cmocka_unit_test(prints_64_bit_numbers),
        cmocka_unit_test(prints_text),           cmocka_unit_test(stops_reading_text_at_its_precision),
        cmocka_unit_test(shows_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
