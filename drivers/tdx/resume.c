/* SPDX-License-Identifier: MIT */
/* The three resume conventions, one bounded loop. */
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/stats.h"
#include "kernel/clock.h"
#include "lib/log.h"

/*
 * INTERRUPTED_RESUMABLE has no detail bits; if some are set the module means something we don't know, and
 * that must surface instead of being resumed.
 */
static bool is_resumable(u16 leaf, u64 status)
{
    if ((status & TDX_STATUS_MASK) != TDX_INTERRUPTED_RESUMABLE)
        return false;
    if (status != TDX_INTERRUPTED_RESUMABLE) {
        log_line("tdx: %s says INTERRUPTED_RESUMABLE with unknown details 0x%08x: not resumed",
                 tdx_leaf_name(leaf), (u32)status);
        return false;
    }
    return true;
}

/* Lets the pending interrupt in, then says whether another attempt is allowed. */
static bool may_go_on(struct resume *resume, deadline_t deadline)
{
    seamcall_interrupt_window();
    resume->gave_up = resume->attempts >= resume->max_attempts || deadline_passed(deadline);
    return !resume->gave_up;
}

enum resume_how { RESUME_OUTPUTS, RESUME_INPUTS, RESUME_FLAG };

static u64 resume_loop(u16 leaf, struct seamcall_args *args, enum resume_how how,
                       u64 (*progress)(const struct seamcall_args *args), struct resume *resume)
{
    const struct seamcall_args original = *args;
    deadline_t deadline = deadline_after_us(resume->max_us);
    u64 furthest = progress ? progress(args) : 0;
    u32 stalls = 0;
    resume->attempts = resume->resumes = 0;
    resume->gave_up = false;
    for (;;) {
        u64 status = seamcall(leaf, args);
        resume->attempts++;
        if (!is_resumable(leaf, status))
            return status;
        if (progress && progress(args) > furthest) {
            furthest = progress(args);
            stalls = 0;
        } else if (progress && ++stalls >= RESUME_STALLS) {
            resume->gave_up = true;
            return status;
        }
        if (!may_go_on(resume, deadline))
            return status;
        resume->resumes++;
        stats_resume(leaf);
        if (how != RESUME_OUTPUTS)
            *args = original;
        if (how == RESUME_FLAG)
            args->rcx = 1;
    }
}

u64 seamcall_resume_outputs(u16 leaf, struct seamcall_args *args,
                            u64 (*progress)(const struct seamcall_args *args), struct resume *resume)
{
    return resume_loop(leaf, args, RESUME_OUTPUTS, progress, resume);
}

u64 seamcall_resume_inputs(u16 leaf, struct seamcall_args *args, struct resume *resume)
{
    return resume_loop(leaf, args, RESUME_INPUTS, NULL, resume);
}

u64 seamcall_resume_flag(u16 leaf, struct seamcall_args *args, struct resume *resume)
{
    return resume_loop(leaf, args, RESUME_FLAG, NULL, resume);
}
