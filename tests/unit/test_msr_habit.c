/* SPDX-License-Identifier: MIT */
/* What is taken for a module's habit with an MSR, and what undoes that. */
#include "tests/unit/support.h"

#include "seam/genuine/msr_habit.h"

#define LEAF 34

static struct msr_habits habits;

static int start(void **state)
{
    (void)state;
    habits = (struct msr_habits){0};
    return 0;
}

struct step {
    bool write;
    u64 value;
};

static void call(u64 leaf, const struct step *steps, u32 count)
{
    struct msr_habit habit = {0};
    for (u32 i = 0; i < count; i++)
        msr_habit_note(&habit, steps[i].write, steps[i].value);
    msr_habit_end(&habits, leaf, &habit);
}
#define CALL(leaf, ...)                                                                                      \
    call(leaf, (const struct step[]){__VA_ARGS__}, ARRAY_COUNT(((const struct step[]){__VA_ARGS__})))

#define READ(value)                                                                                          \
    {                                                                                                        \
        false, value                                                                                         \
    }
#define WRITE(value)                                                                                         \
    {                                                                                                        \
        true, value                                                                                          \
    }

static void the_usual_steps_make_a_habit(void **state)
{
    (void)state;
    assert_false(msr_habit_is_usual(&habits, LEAF));
    CALL(LEAF, READ(0), WRITE(0x14), WRITE(0));
    assert_true(msr_habit_is_usual(&habits, LEAF));
    assert_false(msr_habit_is_usual(&habits, LEAF + 1));
    CALL(LEAF, READ(5), WRITE(5), WRITE(5));
    assert_true(msr_habit_is_usual(&habits, LEAF));
}

static void a_call_without_any_says_nothing(void **state)
{
    (void)state;
    call(LEAF, NULL, 0);
    assert_false(msr_habit_is_usual(&habits, LEAF));
    CALL(LEAF, READ(0), WRITE(0x14), WRITE(0));
    call(LEAF, NULL, 0);
    assert_true(msr_habit_is_usual(&habits, LEAF));
}

static void expect_other(const struct step *steps, u32 count)
{
    start(NULL);
    call(LEAF, steps, count);
    CALL(LEAF, READ(0), WRITE(0x14), WRITE(0)); /* comes too late */
    assert_false(msr_habit_is_usual(&habits, LEAF));
    start(NULL);
    CALL(LEAF, READ(0), WRITE(0x14), WRITE(0));
    call(LEAF, steps, count);
    assert_false(msr_habit_is_usual(&habits, LEAF));
}
#define OTHER(...)                                                                                           \
    expect_other((const struct step[]){__VA_ARGS__}, ARRAY_COUNT(((const struct step[]){__VA_ARGS__})))

static void any_other_steps_are_none_for_good(void **state)
{
    (void)state;
    OTHER(READ(0));
    OTHER(WRITE(0));
    OTHER(READ(0), READ(0));
    OTHER(READ(0), WRITE(0x14));
    OTHER(READ(0), WRITE(0x14), WRITE(1));             /* not what it found */
    OTHER(READ(0), WRITE(0x14), READ(0x14), WRITE(0)); /* a look in between */
    OTHER(READ(0), WRITE(0x14), WRITE(0), READ(0));    /* and behind */
    OTHER(READ(0), WRITE(0x14), WRITE(0), WRITE(0));
    OTHER(WRITE(0x14), READ(0x14), WRITE(0), WRITE(0x14));
}

static void leaves_beyond_the_table_have_none(void **state)
{
    (void)state;
    CALL(MSR_HABIT_LEAVES, READ(0), WRITE(0x14), WRITE(0));
    assert_false(msr_habit_is_usual(&habits, MSR_HABIT_LEAVES));
    CALL(MSR_HABIT_LEAVES - 1, READ(0), WRITE(0x14), WRITE(0));
    assert_true(msr_habit_is_usual(&habits, MSR_HABIT_LEAVES - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_usual_steps_make_a_habit, start),
        cmocka_unit_test_setup(a_call_without_any_says_nothing, start),
        cmocka_unit_test_setup(any_other_steps_are_none_for_good, start),
        cmocka_unit_test_setup(leaves_beyond_the_table_have_none, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
