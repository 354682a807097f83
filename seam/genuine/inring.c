/* SPDX-License-Identifier: MIT */
#include "seam/genuine/inring.h"

#include "seam/genuine/instructions.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/exits.h"

#define RFLAGS_RF (1ull << 16) /* #UD pushes it set */

#define PTE_PRESENT   (1ull << 0)
#define WINDOW_RIGHTS (PTE_PRESENT | 1ull << 1 | 3ull << 5 | 1ull << 63) /* writable, accessed, dirty, NX */

/* ---- the current VMCS ---- */

/* With its KeyID: where the nested tables don't show it so, the handler's access faults, and the monitor
 * executes the instruction. */
static void show_vmcs(struct lp *lp)
{
    struct seam_lp *seam = lp->seam;
    struct inring_lp *inring = &seam->inring;
    u64 now = seam->current_vmcs == VMCS_NONE ? 0 : seam->vmcs_address;
    if (inring->shown == now)
        return;
    inring->shown = now;
    inring->page->vmcs_shown = now != 0;
    *inring->window = now ? now | WINDOW_RIGHTS : 0;
    seam->translations_seen = 0;
}

void inring_enter(struct lp *lp)
{
    if (!lp->seam->inring.page)
        return;
    inring_choose_msr_map(lp);
    show_vmcs(lp);
}

void inring_leave(struct lp *lp)
{
    struct inring_page *page = lp->seam->inring.page;
    if (!page)
        return;
    lp->counters[MONITOR_COUNT_INRING] += page->executed;
    page->executed = 0;
    inring_end_habit(lp);
}

/* ---- exits ---- */

static bool is_between(u64 rip, const u8 *begin, const u8 *end)
{
    return rip - inring_linear(begin) < (u64)(end - begin);
}

static bool in_handler(u64 rip)
{
    return is_between(rip, inring_begin, inring_end);
}

void inring_unwind(struct lp *lp)
{
    struct vmcb *v = lp->vmcb;
    if (!lp->seam->inring.page ||
        !(is_between(v->rip, inring_saved, inring_restore) || is_between(v->rip, inring_forward, inring_end)))
        return;
    const struct inring_frame *frame = &lp->seam->inring.page->frame;
    for (u32 i = 0; i < ARRAY_COUNT(frame->reg); i++)
        exit_set_register(lp, i, frame->reg[i]);
    v->rip = frame->rip;
    v->rflags = frame->rflags & ~RFLAGS_RF;
}

/* A fault in an access to the module's memory is the same as a request for the monitor to look at it. */
static bool is_request(const struct lp *lp)
{
    const struct vmcb *v = lp->vmcb;
    if (v->exit_code == VMEXIT_NPF)
        return align_down(v->exit_info_2, PAGE_SIZE) == lp->seam->inring.shown;
    return v->exit_code == VMEXIT_VMMCALL || v->exit_code - VMEXIT_EXCEPTION < 32;
}

bool inring_exit(struct lp *lp)
{
    if (!lp->seam->inring.page || !in_handler(lp->vmcb->rip) || lp->vmcb->exit_code == VMEXIT_NMI)
        return false;
    inring_unwind(lp);
    if (in_handler(lp->vmcb->rip)) {
        u64 offset = lp->vmcb->rip - INRING_SPACE;
        seam_stop(lp, "made the monitor's in-ring handler fail at +0x%lx (VM exit 0x%lx): try traps=exits",
                  offset, lp->vmcb->exit_code);
        return true;
    }
    if (!is_request(lp))
        return false;
    lp_count_event(lp, MONITOR_COUNT_INRING_FORWARDED);
    instruction_undefined(lp);
    show_vmcs(lp);
    return true;
}
