/* SPDX-License-Identifier: MIT */
/* The resume loops against a scripted module: bounds, operands of each convention, what is not resumed. */
#include "tests/unit/support.h"

#include "drivers/tdx/seamcall.h"
#include "kernel/clock.h"

#define LEAF TDH_EXT_MEM_ADD

/* ---- the scripted module and the clock ---- */

static struct {
    u64 (*answer)(u32 call, struct seamcall_args *args);
    struct seamcall_args seen[200];
    u32 calls, windows;
    u64 now;
} fake;

u64 seamcall(u16 leaf, struct seamcall_args *args)
{
    assert_int_equal(leaf, LEAF);
    if (fake.calls < ARRAY_COUNT(fake.seen))
        fake.seen[fake.calls] = *args;
    return fake.answer(fake.calls++, args);
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

static struct resume begin(u64 (*answer)(u32, struct seamcall_args *), u64 max_attempts)
{
    fake = (typeof(fake)){.answer = answer};
    return (struct resume){.max_attempts = max_attempts, .max_us = 1000};
}

static u64 progress(const struct seamcall_args *args)
{
    return args->rcx;
}

/* ---- answers ---- */

static u64 advances_three_times(u32 call, struct seamcall_args *args)
{
    args->rcx += 10;
    args->rdx = 0xDEAD;
    return call < 3 ? TDX_INTERRUPTED_RESUMABLE : TDX_SUCCESS;
}

static u64 never_advances(u32 call, struct seamcall_args *args)
{
    (void)call;
    (void)args;
    return TDX_INTERRUPTED_RESUMABLE;
}

static u64 advances_for_ever(u32 call, struct seamcall_args *args)
{
    (void)call;
    args->rcx++;
    fake.now += 10;
    return TDX_INTERRUPTED_RESUMABLE;
}

static u64 says_unknown_details(u32 call, struct seamcall_args *args)
{
    (void)call;
    (void)args;
    return TDX_INTERRUPTED_RESUMABLE | 7;
}

static u64 fails_at_second(u32 call, struct seamcall_args *args)
{
    args->rcx++;
    return call == 0 ? TDX_INTERRUPTED_RESUMABLE : TDX_OPERAND_INVALID | TDX_OPERAND_RCX;
}

/* ---- tests ---- */

static void outputs_go_back_in(void **state)
{
    (void)state;
    struct resume resume = begin(advances_three_times, 100);
    struct seamcall_args args = {.rcx = 5};
    assert_int_equal(seamcall_resume_outputs(LEAF, &args, progress, &resume), TDX_SUCCESS);
    assert_int_equal(fake.calls, 4);
    assert_int_equal(fake.seen[1].rcx, 15);
    assert_int_equal(fake.seen[3].rcx, 35);
    assert_int_equal(fake.seen[3].rdx, 0xDEAD);
    assert_int_equal(resume.attempts, 4);
    assert_int_equal(resume.resumes, 3);
    assert_int_equal(fake.windows, 3);
    assert_false(resume.gave_up);
}

static void inputs_are_repeated(void **state)
{
    (void)state;
    struct resume resume = begin(advances_three_times, 100);
    struct seamcall_args args = {.rcx = 5, .rdx = 6};
    assert_int_equal(seamcall_resume_inputs(LEAF, &args, &resume), TDX_SUCCESS);
    for (u32 i = 0; i < 4; i++) {
        assert_int_equal(fake.seen[i].rcx, 5);
        assert_int_equal(fake.seen[i].rdx, 6);
    }
}

static void flag_is_set_from_the_second_call_on(void **state)
{
    (void)state;
    struct resume resume = begin(advances_three_times, 100);
    struct seamcall_args args = {.rcx = 0, .rdx = 6};
    assert_int_equal(seamcall_resume_flag(LEAF, &args, &resume), TDX_SUCCESS);
    assert_int_equal(fake.seen[0].rcx, 0);
    assert_int_equal(fake.seen[1].rcx, 1);
    assert_int_equal(fake.seen[3].rcx, 1);
    assert_int_equal(fake.seen[3].rdx, 6);
}

static void gives_up_without_progress(void **state)
{
    (void)state;
    struct resume resume = begin(never_advances, 1000);
    struct seamcall_args args = {.rcx = 5};
    assert_int_equal(seamcall_resume_outputs(LEAF, &args, progress, &resume), TDX_INTERRUPTED_RESUMABLE);
    assert_true(resume.gave_up);
    assert_int_equal(fake.calls, RESUME_STALLS);
}

static void gives_up_by_count(void **state)
{
    (void)state;
    struct resume resume = begin(never_advances, 17);
    struct seamcall_args args = {0};
    assert_int_equal(seamcall_resume_inputs(LEAF, &args, &resume), TDX_INTERRUPTED_RESUMABLE);
    assert_true(resume.gave_up);
    assert_int_equal(fake.calls, 17);
}

static void gives_up_by_clock(void **state)
{
    (void)state;
    struct resume resume = begin(advances_for_ever, 1000000);
    struct seamcall_args args = {0};
    assert_int_equal(seamcall_resume_outputs(LEAF, &args, progress, &resume), TDX_INTERRUPTED_RESUMABLE);
    assert_true(resume.gave_up);
    assert_int_equal(fake.calls, 100);
}

static void unknown_details_surface(void **state)
{
    (void)state;
    struct resume resume = begin(says_unknown_details, 100);
    struct seamcall_args args = {0};
    test_log_clear();
    assert_int_equal(seamcall_resume_outputs(LEAF, &args, progress, &resume), TDX_INTERRUPTED_RESUMABLE | 7);
    assert_int_equal(fake.calls, 1);
    assert_logged("unknown details 0x00000007");
}

static void errors_end_at_once_with_outputs(void **state)
{
    (void)state;
    struct resume resume = begin(fails_at_second, 100);
    struct seamcall_args args = {.rcx = 5};
    assert_int_equal(seamcall_resume_outputs(LEAF, &args, progress, &resume),
                     TDX_OPERAND_INVALID | TDX_OPERAND_RCX);
    assert_int_equal(fake.calls, 2);
    assert_int_equal(args.rcx, 7);
    assert_false(resume.gave_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_go_back_in),
        cmocka_unit_test(inputs_are_repeated),
        cmocka_unit_test(flag_is_set_from_the_second_call_on),
        cmocka_unit_test(gives_up_without_progress),
        cmocka_unit_test(gives_up_by_count),
        cmocka_unit_test(gives_up_by_clock),
        cmocka_unit_test(unknown_details_surface),
        cmocka_unit_test(errors_end_at_once_with_outputs),
    };
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
