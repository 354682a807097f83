/* SPDX-License-Identifier: MIT */
/* Commands to the monitor: what they say, what is wrong with those that don't, and the table of changes that
 * they make. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "lib/spelling.h"
#include "seam/monitor/command.h"

static struct command command;
static char text[MONITOR_COMMAND_MAX], answer[MONITOR_COMMAND_MAX];

static bool parse(const char *line)
{
    assert_true(strlen(line) < sizeof(text));
    memset(answer, 'x', sizeof(answer));
    strcpy(text, line);
    return command_parse(text, &command, answer);
}

static void assert_parsed(const char *line, enum command_verb verb)
{
    if (!parse(line))
        fail_msg("'%s' is refused: %s", line, answer);
    assert_int_equal(command.verb, verb);
    assert_string_equal(answer, "");
}

/* ---- what is understood ---- */

static void assert_override(const char *line, enum command_verb verb, struct override want)
{
    assert_parsed(line, verb);
    const struct override *got = &command.override;
    assert_int_equal(got->kind, want.kind);
    assert_int_equal(got->lp, want.lp);
    assert_int_equal(got->number, want.number);
    assert_int_equal(got->subleaf, want.subleaf);
    assert_int_equal(got->reg, want.reg);
    assert_true(got->value == want.value);
}

static void reads_changes(void **state)
{
    (void)state;
    const u32 all = OVERRIDE_ALL_LPS;
    assert_override("msr 0x10a=0", COMMAND_MSR, (struct override){OVERRIDE_MSR, all, 0x10A, 0, 0, 0, 0});
    assert_override("  msr\t266=0xFFFFFFFFFFFFFFFF  lp=3 \n", COMMAND_MSR,
                    (struct override){OVERRIDE_MSR, 3, 266, 0, 0, ~0ull, 0});
    assert_override("cpuid 0x80000008 0 eax=0x3034", COMMAND_CPUID,
                    (struct override){OVERRIDE_CPUID, all, 0x80000008, 0, OVERRIDE_EAX, 0x3034, 0});
    assert_override("cpuid 31 1 ebx=1", COMMAND_CPUID,
                    (struct override){OVERRIDE_CPUID, all, 31, 1, OVERRIDE_EBX, 1, 0});
    assert_override("cpuid 4 3 ecx=2", COMMAND_CPUID,
                    (struct override){OVERRIDE_CPUID, all, 4, 3, OVERRIDE_ECX, 2, 0});
    assert_override("cpuid 0x1f 0 edx=9 lp=0", COMMAND_CPUID,
                    (struct override){OVERRIDE_CPUID, 0, 0x1F, 0, OVERRIDE_EDX, 9, 0});
    assert_override("seamcaps 0x4f lp=1", COMMAND_SEAMCAPS,
                    (struct override){OVERRIDE_SEAM_CAPABILITIES, 1, 0, 0, 0, 0x4F, 0});
}

static void reads_numbers_of_things(void **state)
{
    static const struct {
        const char *line;
        enum command_verb verb;
        u64 number;
    } lines[] = {
        {"packages 2", COMMAND_PACKAGES, 2},
        {"lps 0", COMMAND_LPS, 0},
        {"handoff_pages 0x10000", COMMAND_HANDOFF_PAGES, 0x10000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        assert_parsed(lines[i].line, lines[i].verb);
        assert_true(command.number == lines[i].number);
    }
    assert_parsed("cmr 31=0x100000,0x7ff00000", COMMAND_CMR);
    assert_true(command.number == 31 && command.base == 0x100000 && command.size == 0x7FF00000);
}

static void reads_knobs(void **state)
{
    (void)state;
    assert_parsed("knob build_num=7", COMMAND_KNOB);
    assert_int_equal(command.knob_count, 1);
    assert_string_equal(command.knobs[0], "build_num=7");
    assert_parsed("install", COMMAND_INSTALL);
    assert_int_equal(command.knob_count, 0);
    assert_parsed("install build_num=7 quote_pages=0x20", COMMAND_INSTALL);
    assert_int_equal(command.knob_count, 2);
    assert_string_equal(command.knobs[1], "quote_pages=0x20");
}

/* ---- what isn't ---- */

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *line, *answer;
    } lines[] = {
        {"", "an empty line is no command"},
        {" \t ", "an empty line is no command"},
        {"msrs 1=2", "no command 'msrs'; there are knob, msr, cpuid, cmr, packages, lps, seamcaps, "
                     "handoff_pages, install"},
        {"msr", "the command is: msr NUMBER=VALUE [lp=N]"},
        {"msr 0x10a", "the command is: msr NUMBER=VALUE [lp=N]"},
        {"msr 0x10a=1 2", "the command is: msr NUMBER=VALUE [lp=N]"},
        {"msr 0x10a=1 lp=1 lp=2", "the command is: msr NUMBER=VALUE [lp=N]"},
        {"msr 0x10a=", "MSR value '' is not a number; the command is: msr NUMBER=VALUE [lp=N]"},
        {"msr 10a=1", "MSR number '10a' is not a number; the command is: msr NUMBER=VALUE [lp=N]"},
        {"msr 0x100000000=1", "MSR number 0x100000000 is too large, the highest is 0xffffffff"},
        {"msr 1=1 lp=x", "LP 'x' is not a number; the command is: msr NUMBER=VALUE [lp=N]"},
        {"cpuid 1 0", "the command is: cpuid LEAF SUBLEAF REG=VALUE [lp=N]"},
        {"cpuid 1 0 efx=1", "no register 'efx'; there are eax, ebx, ecx, edx"},
        {"cpuid 1 0 eax", "the command is: cpuid LEAF SUBLEAF REG=VALUE [lp=N]"},
        {"cpuid 1 0 eax=0x100000000", "register value 0x100000000 is too large, the highest is 0xffffffff"},
        {"cmr 0", "the command is: cmr INDEX=BASE,SIZE"},
        {"cmr 0=1", "the command is: cmr INDEX=BASE,SIZE"},
        {"cmr 32=1,2", "CMR 32 is too large, the highest is 0x1f"},
        {"packages", "the command is: packages N"},
        {"packages 1 2", "the command is: packages N"},
        {"lps many", "number 'many' is not a number; the command is: lps N"},
        {"seamcaps", "the command is: seamcaps VALUE [lp=N]"},
        {"knob", "the command is: knob NAME=VALUE"},
        {"knob build_num", "the command is: knob NAME=VALUE"},
        {"knob =1", "the command is: knob NAME=VALUE"},
        {"knob build_num=1 build_date=2", "the command is: knob NAME=VALUE"},
        {"knob build_nun=1", "no knob 'build_nun'; did you mean build_num?"},
        {"knob build_num=one", "knob value 'one' is not a number; the command is: knob NAME=VALUE"},
        {"install build_num", "the command is: install [NAME=VALUE ...]"},
        {"install build_num=1 bild_num=2", "no knob 'bild_num'; did you mean build_num?"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        assert_false(parse(lines[i].line));
        assert_string_equal(answer, lines[i].answer);
    }
    assert_false(parse("knob zzzzzzzzzzzz=1"));
    assert_non_null(strstr(answer, "no knob 'zzzzzzzzzzzz'; there are features0, "));
}

static void answers_fit(void **state)
{
    char line[MONITOR_COMMAND_MAX];
    (void)state;
    static const char *const starts[] = {"", "msr ", "msr 1=", "knob ", "knob x=", "cpuid 1 0 ", "install "};
    for (size_t i = 0; i < ARRAY_COUNT(starts); i++) {
        memset(line, 'q', sizeof(line) - 1);
        line[sizeof(line) - 1] = 0;
        memcpy(line, starts[i], strlen(starts[i]));
        assert_false(parse(line));
        assert_in_range(strlen(answer), 1, MONITOR_COMMAND_MAX - 1);
    }
    for (size_t i = 0; i + 1 < sizeof(line); i++)
        line[i] = i % 2 ? 'q' : ' ';
    assert_false(parse(line));
    assert_string_equal(answer, "more than 33 words in one command");
}

/* Whatever the bytes, the answer is one line, or the command is within its bounds. */
static void random_lines_stay_within_bounds(void **state)
{
    static const char alphabet[] = "msrcpuidknobinstalllps =,0x19.\tlp=eax\x80";
    u64 seed = 0x5EA3;
    (void)state;
    print_message("seed 0x%lx\n", seed);
    for (u32 i = 0; i < 100000; i++) {
        char line[64];
        size_t length = test_random(&seed) % sizeof(line);
        for (size_t k = 0; k < length; k++)
            line[k] = alphabet[test_random(&seed) % (sizeof(alphabet) - 1)];
        line[length ? length - 1 : 0] = 0;
        if (!parse(line))
            assert_true(answer[0] && !strchr(answer, '\n') && strlen(answer) < MONITOR_COMMAND_MAX);
        else
            assert_true(command.knob_count <= COMMAND_MAX_KNOBS && command.override.reg <= OVERRIDE_EDX);
    }
}

/* ---- spelling ---- */

static void finds_the_nearest_name(void **state)
{
    static const char *const names[] = {"quote_pages", "quote_status", "migration_pages"};
    (void)state;
    assert_int_equal(spelling_distance("", ""), 0);
    assert_int_equal(spelling_distance("abc", ""), 3);
    assert_int_equal(spelling_distance("kitten", "sitting"), 3);
    assert_int_equal(spelling_distance("abcd", "acbd"), 1);
    assert_int_equal(spelling_distance("sys.inti", "sys.init"), 1);
    assert_int_equal(spelling_distance("ca", "abc"), 3);
    assert_string_equal(spelling_nearest("quote_page", names, 3), "quote_pages");
    assert_string_equal(spelling_nearest("qoute_status", names, 3), "quote_status");
    assert_null(spelling_nearest("seam", names, 3));
    char endless[200];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = 0;
    assert_null(spelling_nearest(endless, names, 3));
}

/* ---- the table ---- */

static bool set(struct overrides *overrides, u32 lp, u32 msr, u64 value)
{
    struct override o = {.kind = OVERRIDE_MSR, .lp = lp, .number = msr, .value = value};
    return overrides_set(overrides, &o);
}

static u64 msr_of(const struct overrides *overrides, u32 lp, u32 msr)
{
    u64 value = 42;
    return overrides_msr(overrides, lp, msr, &value) ? value : 42;
}

static void later_changes_win(void **state)
{
    struct overrides table = {0};
    (void)state;
    assert_int_equal(msr_of(&table, 0, 0x10A), 42);
    assert_true(set(&table, OVERRIDE_ALL_LPS, 0x10A, 1) && set(&table, 2, 0x10A, 2));
    assert_int_equal(msr_of(&table, 0, 0x10A), 1);
    assert_int_equal(msr_of(&table, 2, 0x10A), 2);
    assert_int_equal(msr_of(&table, 2, 0x10B), 42);
    assert_true(set(&table, OVERRIDE_ALL_LPS, 0x10A, 3));
    assert_int_equal(msr_of(&table, 2, 0x10A), 3);
    assert_int_equal(table.count, 1); /* what it made void is gone */
    assert_true(set(&table, 5, 0x10A, 4) && set(&table, 5, 0x10A, 5));
    assert_int_equal(msr_of(&table, 5, 0x10A), 5);
    assert_int_equal(table.count, 2);
}

/* As the command line's -BIT and +BIT do: they work on whatever is there, and make nothing void. */
static void changes_of_bits_add_up(void **state)
{
    struct overrides table = {0};
    const struct override clear = {OVERRIDE_MSR, OVERRIDE_ALL_LPS, 0x1A0, 0, 0, 0, ~1ull};
    const struct override raise = {OVERRIDE_MSR, 1, 0x1A0, 0, 0, 0x100, ~0x100ull};
    const struct override low = {OVERRIDE_CPUID, OVERRIDE_ALL_LPS, 7, 0, OVERRIDE_EDX, 46, ~0xFFull};
    struct soft_cpuid r = {1, 2, 3, 0x1234};
    u64 value = 0x13;
    (void)state;
    assert_true(overrides_set(&table, &raise) && overrides_set(&table, &clear));
    assert_int_equal(table.count, 2);
    assert_true(overrides_msr(&table, 0, 0x1A0, &value));
    assert_int_equal(value, 0x12);
    value = 0x13;
    assert_true(overrides_msr(&table, 1, 0x1A0, &value));
    assert_int_equal(value, 0x112);
    assert_true(set(&table, OVERRIDE_ALL_LPS, 0x1A0, 5)); /* a whole value makes both void */
    assert_int_equal(table.count, 1);
    assert_int_equal(msr_of(&table, 1, 0x1A0), 5);
    assert_true(overrides_set(&table, &low));
    overrides_cpuid(&table, 0, 7, 0, &r);
    assert_true(r.eax == 1 && r.ebx == 2 && r.ecx == 3 && r.edx == 0x122E);
}

static void a_full_table_says_so(void **state)
{
    struct overrides table = {0};
    (void)state;
    for (u32 i = 0; i < OVERRIDES_MAX; i++)
        assert_true(set(&table, OVERRIDE_ALL_LPS, i, i));
    assert_false(set(&table, OVERRIDE_ALL_LPS, OVERRIDES_MAX, 1));
    assert_true(set(&table, OVERRIDE_ALL_LPS, 7, 70)); /* takes the place of another */
    assert_int_equal(msr_of(&table, 0, 7), 70);
    assert_int_equal(table.count, OVERRIDES_MAX);
}

static void cpuid_changes_one_register(void **state)
{
    struct overrides table = {0};
    struct override o = {OVERRIDE_CPUID, OVERRIDE_ALL_LPS, 0x1F, 1, OVERRIDE_ECX, 0x99, 0};
    (void)state;
    assert_true(overrides_set(&table, &o));
    struct soft_cpuid r = {1, 2, 3, 4};
    overrides_cpuid(&table, 0, 0x1F, 0, &r);
    overrides_cpuid(&table, 0, 0x1F, OVERRIDE_NO_SUBLEAF, &r);
    assert_int_equal(r.ecx, 3);
    overrides_cpuid(&table, 0, 0x1F, 1, &r);
    assert_true(r.eax == 1 && r.ebx == 2 && r.ecx == 0x99 && r.edx == 4);
    o = (struct override){OVERRIDE_CPUID, 1, 1, 0, OVERRIDE_EAX, 0x77, 0}; /* a leaf without sub-leaves */
    assert_true(overrides_set(&table, &o));
    overrides_cpuid(&table, 0, 1, OVERRIDE_NO_SUBLEAF, &r);
    assert_int_equal(r.eax, 1);
    overrides_cpuid(&table, 1, 1, OVERRIDE_NO_SUBLEAF, &r);
    assert_int_equal(r.eax, 0x77);
    assert_int_equal(msr_of(&table, 1, 1), 42); /* a leaf isn't an MSR */
}

static void capabilities_change_by_lp(void **state)
{
    struct overrides table = {0};
    struct override o = {OVERRIDE_SEAM_CAPABILITIES, 1, 0, 0, 0, 0x3F, 0};
    u64 value = 0x7F;
    (void)state;
    assert_true(overrides_set(&table, &o));
    overrides_seam_capabilities(&table, 0, &value);
    assert_int_equal(value, 0x7F);
    overrides_seam_capabilities(&table, 1, &value);
    assert_int_equal(value, 0x3F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_changes),
        cmocka_unit_test(reads_numbers_of_things),
        cmocka_unit_test(reads_knobs),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(answers_fit),
        cmocka_unit_test(random_lines_stay_within_bounds),
        cmocka_unit_test(finds_the_nearest_name),
        cmocka_unit_test(later_changes_win),
        cmocka_unit_test(changes_of_bits_add_up),
        cmocka_unit_test(a_full_table_says_so),
        cmocka_unit_test(cpuid_changes_one_register),
        cmocka_unit_test(capabilities_change_by_lp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
