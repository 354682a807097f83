/* SPDX-License-Identifier: MIT */
/* Expectations: which of a step's items hold, and what is said of those that don't. */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/status.h"
#include "lib/log.h"

enum outcome { HOLDS, BROKEN, CANT_SAY };

/* ---- statuses ---- */

static bool is_unnumbered(u64 rax)
{
    return rax != TDX_SUCCESS && !tdx_status_name(rax) && rax >> 40 != TDX_SW_ERROR >> 40;
}

static enum outcome matches(struct script_run *run, const struct script_status *status, u64 rax)
{
    u64 detail = 0;
    switch (status->match) {
    case MATCH_EXACT:
        if (!run_evaluate_optional(run, status->detail, &detail))
            return CANT_SAY;
        return rax == (status->status | detail) ? HOLDS : BROKEN;
    case MATCH_ANY_DETAIL:
        return (rax & TDX_STATUS_MASK) == (status->status & TDX_STATUS_MASK) ? HOLDS : BROKEN;
    case MATCH_UNNUMBERED_SUCCESS:
        return is_unnumbered(rax) && !(rax & TDX_STATUS_ERROR) ? HOLDS : BROKEN;
    default:
        return is_unnumbered(rax) && rax & TDX_STATUS_ERROR ? HOLDS : BROKEN;
    }
}

static enum outcome one_of(struct script_run *run, const struct script_item *item)
{
    enum outcome outcome = BROKEN;
    for (u32 i = 0; i < item->count && outcome == BROKEN; i++)
        outcome = matches(run, &run->program->alternatives[item->first + i], run->last.out.r[REG_RAX]);
    return outcome;
}

/* A set of statuses, one for each lane. */
static enum outcome one_set(struct script_run *run, const struct script_status *set, u32 lanes)
{
    enum outcome outcome = HOLDS;
    for (u32 lane = 0; lane < lanes && outcome == HOLDS; lane++)
        outcome = matches(run, &set[lane], run->lanes[lane].out.r[REG_RAX]);
    return outcome;
}

static enum outcome one_of_sets(struct script_run *run, const struct script_item *item)
{
    enum outcome outcome = BROKEN;
    if (item->lanes != run->lane_count) {
        run_mistake(run, "the outcome names %u lanes, there were %u", item->lanes, run->lane_count);
        return CANT_SAY;
    }
    for (u32 i = 0; i < item->count && outcome == BROKEN; i++)
        outcome = one_set(run, &run->program->alternatives[item->first + i * item->lanes], item->lanes);
    return outcome;
}

/* ---- registers and expressions ---- */

static bool changed(const struct script_run *run, u32 reg)
{
    return run->last.in.r[reg] != run->last.out.r[reg];
}

static bool any_other_changed(const struct script_run *run, u8 named)
{
    for (u32 reg = REG_RCX; reg < SCRIPT_REGISTERS; reg++)
        if (!(named >> reg & 1) && changed(run, reg))
            return true;
    return false;
}

static enum outcome holds(struct script_run *run, struct script_expr expr)
{
    u64 value;
    if (!run_evaluate(run, expr, &value))
        return CANT_SAY;
    return value ? HOLDS : BROKEN;
}

static enum outcome judge(struct script_run *run, const struct script_item *item)
{
    if (item->kind != ITEM_HOLDS && item->kind != ITEM_OUTCOME && !run->called) {
        run_mistake(run, "the expectation is about the last call, and there was none");
        return CANT_SAY;
    }
    switch (item->kind) {
    case ITEM_STATUS:
        return one_of(run, item);
    case ITEM_HOLDS:
        return holds(run, item->expr);
    case ITEM_UNCHANGED:
        return changed(run, item->index) ? BROKEN : HOLDS;
    case ITEM_SET:
        return run->last.out.r[item->index] ? HOLDS : BROKEN;
    case ITEM_OTHERS_UNCHANGED:
        return any_other_changed(run, item->mask) ? BROKEN : HOLDS;
    case ITEM_OUTCOME:
        return one_of_sets(run, item);
    default:
        return HOLDS; /* ROW: looked at by its own items */
    }
}

/* ---- what is said ---- */

static void say_changed(const struct script_run *run, u32 reg)
{
    log_line("    %s went in as 0x%llx and came back as 0x%llx", script_register_name(reg),
             (unsigned long long)run->last.in.r[reg], (unsigned long long)run->last.out.r[reg]);
}

static void say_others(const struct script_run *run, u8 named)
{
    for (u32 reg = REG_RCX; reg < SCRIPT_REGISTERS; reg++)
        if (!(named >> reg & 1) && changed(run, reg))
            say_changed(run, reg);
}

static void say_status(u64 rax)
{
    char text[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(rax, text, sizeof(text));
    log_line("    the status is 0x%llx %s", (unsigned long long)rax, text);
}

static void say_statuses(const struct script_run *run)
{
    char text[TDX_STATUS_TEXT_MAX];
    for (u32 i = 0; i < run->lane_count; i++) {
        tdx_status_describe(run->lanes[i].out.r[REG_RAX], text, sizeof(text));
        log_line("    lane %u, CPU %u: 0x%llx %s", i, run->lanes[i].cpu,
                 (unsigned long long)run->lanes[i].out.r[REG_RAX], text);
    }
}

/* Both sides of the comparisons in an expression. */
static void say_sides(const struct script_run *run)
{
    static const char *const names[] = {
        [OP_EQUAL] = "==",      [OP_NOT_EQUAL] = "!=", [OP_LESS] = "<",
        [OP_LESS_EQUAL] = "<=", [OP_GREATER] = ">",    [OP_GREATER_EQUAL] = ">=",
    };
    if (run->side_count == 0)
        log_line("    its value is 0");
    for (u32 i = 0; i < run->side_count; i++) {
        unsigned long long left = run->sides[i].left, right = run->sides[i].right;
        log_line("    0x%llx %s 0x%llx (%llu, %llu)", left, names[run->sides[i].operator], right, left,
                 right);
    }
}

static void say(struct script_run *run, const struct script_item *item)
{
    u32 length;
    const char *text = run_item_text(run, item, &length);
    run_log_long("  expected ", text, length);
    switch (item->kind) {
    case ITEM_STATUS:
        say_status(run->last.out.r[REG_RAX]);
        break;
    case ITEM_HOLDS:
        say_sides(run);
        break;
    case ITEM_OUTCOME:
        say_statuses(run);
        break;
    case ITEM_OTHERS_UNCHANGED:
        say_others(run, item->mask);
        break;
    default:
        say_changed(run, item->index);
    }
}

/* ---- steps ---- */

/* False: the case is over. *broken: some item didn't hold and has been printed. */
static bool judge_items(struct script_run *run, struct script_items items, bool *broken)
{
    for (u32 i = 0; i < items.count; i++) {
        const struct script_item *item = &run->program->items[items.first + i];
        if (item->kind == ITEM_ROW) {
            if (!judge_items(run, run->program->row_expect, broken))
                return false;
            continue;
        }
        enum outcome outcome = judge(run, item);
        if (outcome == CANT_SAY)
            return false;
        if (outcome == HOLDS)
            continue;
        if (!*broken)
            run_failure_begin(run, "FAILED");
        *broken = true;
        say(run, item);
    }
    return true;
}

static bool expect(struct script_run *run, struct script_items items)
{
    bool broken = false;
    if (!judge_items(run, items, &broken))
        return false;
    if (!broken)
        return true;
    run_log_calls(run);
    run_failure_end(run);
    return run_fail(run);
}

bool run_expect(struct script_run *run, struct script_items items)
{
    run_trace_expect(run, items);
    return expect(run, items);
}

static bool expect_unchanged(struct script_run *run)
{
    if (!run->footprint_differs)
        return true;
    return run_fail_call(run, &run->last, "the call to leave no trace in the module, but %s changed",
                         run->footprint_what);
}

static bool expect_last(struct script_run *run, const struct script_call *call)
{
    if (!expect(run, call->expect))
        return false;
    return !call->each || expect(run, run->program->row_expect);
}

bool run_expect_call(struct script_run *run, const struct script_call *call)
{
    u32 lanes = call->cpu.kind == CPU_ALL ? run->lane_count : 0;
    if (lanes == 0 && !expect_last(run, call))
        return false;
    for (u32 i = 0; i < lanes; i++) {
        run->last = run->lanes[i];
        run->block = false;
        if (!expect_last(run, call))
            return false;
    }
    run->block = lanes > 0;
    return !call->unchanged || expect_unchanged(run);
}
