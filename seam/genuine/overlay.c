/* SPDX-License-Identifier: MIT */
#include "seam/genuine/overlay.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"

#define UNKNOWN_LEAF (TDX_OPERAND_INVALID | TDX_OPERAND_RAX)
#define LEAVES       128u
#define ENDING       (1u << 31)   /* in struct overlay, inside */
#define PATIENCE     (1u << 20)   /* looks at it: much longer than a leaf takes */
#define R8_NEVER     (1ull << 63) /* no module takes it in SYS.CONFIG's R8 */

/* One call: what came in, and what the module below made of it */
struct call {
    struct overlay *overlay;
    u32 lp;
    struct soft_regs in;
    struct soft_regs *regs;
};

static bool call_below(const struct call *call)
{
    return call->overlay->below(call->overlay->context, call->lp, call->regs);
}

static bool ask_model(const struct call *call)
{
    *call->regs = call->in;
    return soft_call(call->overlay->module, call->lp, call->regs) == SOFT_RETURNED;
}

/* A call to the module below that isn't the host's. */
static bool ask_below(const struct call *call, struct soft_regs *regs)
{
    return call->overlay->below(call->overlay->context, call->lp, regs);
}

/* 0 where it can't be read: then LP.INIT isn't done, and nothing that follows is due. */
static bool read_below(const struct call *call, u64 field, u64 *value)
{
    struct soft_regs regs = {.rax = TDH_SYS_RD, .rdx = field};
    bool there = ask_below(call, &regs);
    *value = regs.rax == TDX_SUCCESS ? regs.r8 : 0;
    return there;
}

/* ---- leaves of the model's ---- */

/*
 * SYS.SHUTDOWN and SYS.DISABLE want nobody else inside; the module below can't know who is in the model. Who
 * meets one of them at work waits for its end, which is then what the module's gate goes by.
 */
static bool go_in(struct overlay *overlay)
{
    for (u32 i = 0; i < PATIENCE; i++) {
        if (!(__atomic_fetch_add(&overlay->inside, 1, __ATOMIC_SEQ_CST) & ENDING))
            return true;
        __atomic_fetch_sub(&overlay->inside, 1, __ATOMIC_SEQ_CST);
        __builtin_ia32_pause();
    }
    return false;
}

static bool begin_end(struct overlay *overlay)
{
    for (u32 i = 0; i < PATIENCE; i++) {
        u32 seen = 0;
        if (__atomic_compare_exchange_n(&overlay->inside, &seen, ENDING, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
        if (!(seen & ENDING))
            return false;
        __builtin_ia32_pause();
    }
    return false;
}

static bool run_new_leaf(const struct call *call)
{
    if (!call_below(call))
        return false;
    return call->regs->rax == UNKNOWN_LEAF ? ask_model(call) : true;
}

static bool new_leaf(const struct call *call)
{
    if (!go_in(call->overlay)) {
        call->regs->rax = TDX_SYS_BUSY;
        return true;
    }
    bool there = run_new_leaf(call);
    __atomic_fetch_sub(&call->overlay->inside, 1, __ATOMIC_SEQ_CST);
    return there;
}

/* Not with this one inside; but the module's gate comes first, which a wrong hand-off version shows. */
static bool refuse_end(const struct call *call)
{
    struct soft_regs probe = {.rax = call->in.rax, .rcx = ~0ull};
    call->regs->rax = TDX_SYS_BUSY;
    if (call->in.rax == TDH_SYS_DISABLE) /* has neither gate nor operands */
        return true;
    bool there = ask_below(call, &probe);
    if (probe.rax != (TDX_OPERAND_INVALID | TDX_OPERAND_RCX))
        call->regs->rax = probe.rax;
    return there;
}

static bool ending_leaf(const struct call *call)
{
    struct overlay *overlay = call->overlay;
    if (!begin_end(overlay))
        return refuse_end(call);
    bool there = call_below(call);
    if (there && call->regs->rax == TDX_SUCCESS)
        (call->in.rax == TDH_SYS_DISABLE ? soft_overlay_disabled : soft_overlay_shut_down)(overlay->module);
    __atomic_fetch_sub(&overlay->inside, ENDING, __ATOMIC_SEQ_CST);
    return there;
}

/* ---- metadata ---- */

static bool sys_rd(const struct call *call)
{
    struct soft_module *module = call->overlay->module;
    struct soft_regs *regs = call->regs;
    if (!call_below(call))
        return false;
    if (regs->rax == TDX_METADATA_FIELD_ID_INCORRECT && soft_overlay_has_field(module, call->in.rdx))
        return ask_model(call);
    if (regs->rax != TDX_SUCCESS)
        return true;
    if (soft_overlay_is_features(module, call->in.rdx))
        regs->r8 |= soft_overlay_features(module);
    if (regs->rdx == TDX_FIELD_NULL && !soft_overlay_has_field(module, call->in.rdx))
        regs->rdx = soft_overlay_first_field(module);
    return true;
}

static void end_list(const struct call *call, u64 next)
{
    call->regs->r8 = next;
    call->regs->rax = next == TDX_FIELD_NULL ? TDX_SUCCESS : TDX_METADATA_LIST_OVERFLOW;
}

/* All fields of the module are in the list. If it has extensions itself, so are theirs. */
static bool complete_list(const struct call *call)
{
    struct soft_module *module = call->overlay->module;
    u64 features;
    if (!read_below(call, TDX_FIELD_TDX_FEATURES0, &features))
        return false;
    bool complete = !(features & soft_overlay_features(module));
    end_list(call, soft_overlay_join_list(module, call->lp, call->in.rdx, complete));
    return true;
}

/* The module looks at the list's page before it looks at the id: an unknown id means that the page is good.
 */
static bool sys_rdall(const struct call *call)
{
    struct soft_module *module = call->overlay->module;
    const struct soft_regs *in = &call->in, *regs = call->regs;
    u64 next;
    if (!call_below(call))
        return false;
    if (regs->rax == TDX_METADATA_FIELD_ID_INCORRECT) {
        if (soft_overlay_new_list(module, call->lp, in->rdx, in->r8, &next))
            end_list(call, next);
    } else if (regs->rax == TDX_METADATA_LIST_OVERFLOW) {
        soft_overlay_join_list(module, call->lp, in->rdx, false);
    } else if (regs->rax == TDX_SUCCESS) {
        return complete_list(call);
    }
    return true;
}

static bool page_rdmd(const struct call *call)
{
    struct soft_regs *regs = call->regs;
    if (!call_below(call))
        return false;
    if (regs->rax == TDX_SUCCESS && regs->rcx == TDX_PAGE_RSVD)
        soft_overlay_page_type(call->overlay->module, call->in.rcx, &regs->rcx);
    return true;
}

/* ---- configuration ---- */

/* The module below doesn't know version 1 of this leaf. */
static bool is_new_version(const struct call *call, u32 leaf)
{
    return call->in.rax == (leaf | 1ull << TDX_RAX_VERSION_SHIFT) && call->regs->rax == UNKNOWN_LEAF;
}

/*
 * R9 to R11 are looked at after R8, and nothing has changed by then. If they are wrong, the module below is
 * asked with a wrong R8 instead: when R8 is all that it dislikes, it is the model's turn.
 */
static bool configure(const struct call *call)
{
    struct soft_regs *regs = call->regs;
    u64 features;
    if (!read_below(call, TDX_FIELD_TDX_FEATURES0, &features))
        return false;
    u64 status = soft_overlay_check_config(call->overlay->module, call->lp, &call->in, features);
    *regs = call->in;
    regs->rax = TDH_SYS_CONFIG;
    if (status != TDX_SUCCESS)
        regs->r8 |= R8_NEVER;
    bool there = call_below(call);
    if (status != TDX_SUCCESS && regs->rax == (TDX_OPERAND_INVALID | TDX_OPERAND_R8))
        regs->rax = status;
    regs->r8 = call->in.r8;
    return there;
}

static bool sys_config(const struct call *call)
{
    if (!call_below(call) || (is_new_version(call, TDH_SYS_CONFIG) && !configure(call)))
        return false;
    if (call->regs->rax == TDX_SUCCESS)
        soft_overlay_configured(call->overlay->module, call->lp, &call->in);
    return true;
}

/*
 * R9 to R11 are looked at after the module's state and its hand-off data. SYS.UPDATE can't be tried without
 * being done, but SYS.CONFIG is due in the same state, and looks at RCX first.
 */
static bool refuse_update(const struct call *call, u64 status)
{
    struct soft_regs probe = {.rax = TDH_SYS_CONFIG, .rcx = 1};
    u64 handoff_valid;
    if (!ask_below(call, &probe) || !read_below(call, TDX_FIELD_HANDOFF_DATA_VALID, &handoff_valid))
        return false;
    if (probe.rax == TDX_SYS_CONFIG_NOT_PENDING)
        status = TDX_SYS_STATE_INCORRECT;
    else if (probe.rax != (TDX_OPERAND_INVALID | TDX_OPERAND_RCX))
        status = probe.rax;
    else if (!handoff_valid)
        status = TDX_SYS_INVALID_HANDOFF;
    call->regs->rax = status;
    return true;
}

static bool update(const struct call *call)
{
    u64 features;
    if (!read_below(call, TDX_FIELD_TDX_FEATURES0, &features))
        return false;
    u64 status = soft_overlay_check_update(call->overlay->module, call->lp, &call->in, features);
    *call->regs = call->in;
    if (status != TDX_SUCCESS)
        return refuse_update(call, status);
    call->regs->rax = TDH_SYS_UPDATE;
    return call_below(call);
}

static bool sys_update(const struct call *call)
{
    if (!call_below(call) || (is_new_version(call, TDH_SYS_UPDATE) && !update(call)))
        return false;
    if (call->regs->rax == TDX_SUCCESS)
        soft_overlay_updated(call->overlay->module, call->lp, &call->in);
    return true;
}

static bool tdmr_init(const struct call *call)
{
    const struct soft_regs *regs = call->regs;
    if (!call_below(call))
        return false;
    if (regs->rax == TDX_SUCCESS)
        soft_overlay_initialised(call->overlay->module, call->in.rcx, regs->rdx);
    else if (regs->rax == TDX_TDMR_ALREADY_INITIALIZED)
        soft_overlay_initialised(call->overlay->module, call->in.rcx, ~0ull);
    return true;
}

/* ---- the call ---- */

/* False: one of the two has stopped itself. Leaves that aren't here are the module's alone. */
static bool (*const leaves[LEAVES])(const struct call *call) = {
    [TDH_EXT_MEM_ADD] = new_leaf,       [TDH_EXT_INIT] = new_leaf,       [TDH_QUOTE_INIT] = new_leaf,
    [TDH_QUOTE_GET] = new_leaf,         [TDH_SYS_RD] = sys_rd,           [TDH_SYS_RDALL] = sys_rdall,
    [TDH_PHYMEM_PAGE_RDMD] = page_rdmd, [TDH_SYS_CONFIG] = sys_config,   [TDH_SYS_TDMR_INIT] = tdmr_init,
    [TDH_SYS_SHUTDOWN] = ending_leaf,   [TDH_SYS_DISABLE] = ending_leaf, [TDH_SYS_UPDATE] = sys_update,
};

bool overlay_call(struct overlay *overlay, u32 lp, struct soft_regs *regs)
{
    const struct call call = {.overlay = overlay, .lp = lp, .in = *regs, .regs = regs};
    u32 leaf = regs->rax & 0xFFFF;
    if (soft_is_fatal(overlay->module))
        return false;
    return leaf < LEAVES && leaves[leaf] ? leaves[leaf](&call) : call_below(&call);
}
