/* SPDX-License-Identifier: MIT */
#include "tests/host/facts.h"

#include <stdio.h>
#include <string.h>

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "lib/format.h"
#include "tests/runner/script/names.h"

#define UNKNOWN_MAX 24

static struct script_program program;

struct walk {
    const struct script_suite *suite;
    const struct script_case *item;
    enum script_state state;
    struct script_expr assigned[SCRIPT_MAX_VARIABLES]; /* by the steps so far */
    u32 assignments[SCRIPT_MAX_VARIABLES];
};

/* ---- values ---- */

#define FOLLOW_MAX 8 /* variables made of variables */

static bool compute(const struct walk *walk, struct script_expr expr, u32 follow, u64 *value);

/* What a row binds, or the only step so far that assigns it */
static bool variable_value(const struct walk *walk, u8 index, u32 follow, u64 *value)
{
    struct script_expr expr = {0, 0};
    if (walk->assignments[index] == 1)
        expr = walk->assigned[index];
    for (u32 i = 0; i < program.row_count; i++)
        if (!program.row[i].is_register && program.row[i].index == index)
            expr = program.row[i].value;
    return expr.count > 0 && follow < FOLLOW_MAX && compute(walk, expr, follow + 1, value);
}

/* As far as numbers and such variables go */
static bool compute(const struct walk *walk, struct script_expr expr, u32 follow, u64 *value)
{
    u64 stack[SCRIPT_MAX_DEPTH + 4];
    u32 depth = 0;
    for (u32 i = 0; i < expr.count; i++) {
        const struct script_token *token = &program.tokens[expr.first + i];
        if (token->kind == TOKEN_NUMBER) {
            stack[depth++] = token->value;
        } else if (token->kind == TOKEN_VARIABLE) {
            if (!variable_value(walk, token->index, follow, &stack[depth++]))
                return false;
        } else if (token->kind == TOKEN_UNARY) {
            stack[depth - 1] = script_unary(token->index, stack[depth - 1]);
        } else if (token->kind == TOKEN_CALL && token->index == FUNCTION_bit) {
            script_binary(OP_SHIFT_LEFT, 1, stack[depth - 1], &stack[depth - 1]);
        } else if (token->kind == TOKEN_BINARY) {
            depth--;
            if (!script_binary(token->index, stack[depth - 1], stack[depth], &stack[depth - 1]))
                return false;
        } else {
            return false;
        }
    }
    *value = depth ? stack[0] : 0;
    return depth == 1;
}

static bool value_of(const struct walk *walk, struct script_expr expr, u64 *value)
{
    return compute(walk, expr, 0, value);
}

/* ---- statuses ---- */

static void describe(char *text, size_t size, u64 status)
{
    const char *name = tdx_status_name(status);
    u32 detail = (u32)status, kind = TDX_DETAIL_NONE;
    const struct script_name *found = name ? script_name_find(NAME_STATUS, name, (u32)strlen(name)) : NULL;
    if (!found) {
        format(text, size, "0x%llx", (unsigned long long)status);
        return;
    }
    kind = found->extra;
    if (detail == (u32)found->value && (kind != TDX_DETAIL_OPERAND || detail))
        format(text, size, "%s", name);
    else if (kind == TDX_DETAIL_OPERAND && tdx_operand_name(detail))
        format(text, size, "%s op=%s", name, tdx_operand_name(detail));
    else
        format(text, size, "%s detail=0x%x", name, detail);
}

static void status_text(const struct walk *walk, const struct script_status *status, char *text, size_t size)
{
    u64 detail;
    const char *name = status->name ? status->name : tdx_status_name(status->status);
    if (status->name || (status->match == MATCH_EXACT && status->detail.count == 0))
        format(text, size, "%s", name);
    else if (status->match == MATCH_ANY_DETAIL)
        format(text, size, "%s any", name);
    else if (!value_of(walk, status->detail, &detail))
        format(text, size, "%s detail=?", name);
    else
        describe(text, size, status->status | (u32)detail);
}

/* ---- lines ---- */

/* What goes in RAX: leaf and version, of the call itself or of its row. */
struct target {
    bool leaf_known, version_known;
    u64 leaf, version;
};

static void take_operand(const struct walk *walk, const struct script_operand *operand, struct target *target)
{
    u64 rax;
    if (operand->is_register && operand->index == REG_VERSION)
        target->version_known = value_of(walk, operand->value, &target->version);
    if (!operand->is_register || operand->index != REG_RAX)
        return;
    target->leaf_known = target->version_known = value_of(walk, operand->value, &rax);
    target->leaf = rax & 0xFFFF;
    target->version = rax >> TDX_RAX_VERSION_SHIFT & 0xFF;
}

static struct target target_of(const struct walk *walk, const struct script_call *call)
{
    struct target target = {.version_known = true};
    target.leaf_known = !call->raw && value_of(walk, call->leaf, &target.leaf);
    for (u32 i = 0; i < call->operand_count; i++)
        take_operand(walk, &call->operands[i], &target);
    for (u32 i = 0; call->each && i < program.row_count; i++)
        take_operand(walk, &program.row[i], &target);
    return target;
}

static void print_line(const struct walk *walk, const struct script_step *step, bool parallel,
                       const char *status)
{
    static const char *const sources[] = {"module-1.5.01", "patch-v2", "spec-quote",
                                          "linux",         "project",  "inferred"};
    const struct script_case *item = walk->item;
    struct target target = target_of(walk, &step->call);
    const char *name =
        target.leaf_known && target.leaf <= 0xFFFF ? tdx_leaf_name((unsigned)target.leaf) : NULL;
    char leaf[UNKNOWN_MAX] = "?", version[UNKNOWN_MAX] = "?";
    if (name)
        format(leaf, sizeof(leaf), "%s", name);
    else if (target.leaf_known)
        format(leaf, sizeof(leaf), "0x%llx", (unsigned long long)target.leaf);
    if (target.version_known)
        format(version, sizeof(version), "%llu", (unsigned long long)target.version);
    printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s:%u\n", item->id, sources[item->source],
           script_state_name(walk->state), leaf, version, status, parallel ? "par" : "", item->profiles,
           walk->suite->files[item->file].name, step->line);
}

static u32 print_alternative(const struct walk *walk, const struct script_step *step, bool parallel,
                             u32 index)
{
    char text[128];
    status_text(walk, &program.alternatives[index], text, sizeof(text));
    print_line(walk, step, parallel, text);
    return 1;
}

/* rax == VALUE */
static u32 print_comparison(const struct walk *walk, const struct script_step *step, struct script_expr expr)
{
    const struct script_token *token = &program.tokens[expr.first];
    u64 value;
    char text[128];
    if (expr.count != 3 || token[0].kind != TOKEN_OUT || token[0].index != REG_RAX ||
        token[2].kind != TOKEN_BINARY || token[2].index != OP_EQUAL ||
        !value_of(walk, (struct script_expr){(u16)(expr.first + 1), 1}, &value))
        return 0;
    describe(text, sizeof(text), value);
    print_line(walk, step, false, text);
    return 1;
}

static u32 print_items(const struct walk *walk, const struct script_step *step, struct script_items items)
{
    u32 printed = 0;
    for (u32 i = 0; i < items.count; i++) {
        const struct script_item *item = &program.items[items.first + i];
        if (item->kind == ITEM_ROW)
            printed += print_items(walk, step, program.row_expect);
        if (item->kind == ITEM_HOLDS)
            printed += print_comparison(walk, step, item->expr);
        for (u32 k = 0; item->kind == ITEM_STATUS && k < item->count; k++)
            printed += print_alternative(walk, step, false, item->first + k);
    }
    return printed;
}

/* ---- calls ---- */

static void call_facts(const struct walk *walk, u32 index)
{
    const struct script_step *step = &program.steps[index];
    u32 printed = print_items(walk, step, step->call.expect);
    if (step->call.each)
        printed += print_items(walk, step, program.row_expect);
    for (u32 i = index + 1; i < program.step_count; i++) {
        enum script_verb verb = program.steps[i].verb;
        if (verb == VERB_CALL || verb == VERB_PAR || verb == VERB_FROM || verb == VERB_END ||
            verb == VERB_FOR)
            break;
        if (verb == VERB_EXPECT)
            printed += print_items(walk, step, program.steps[i].expect);
    }
    if (!printed)
        print_line(walk, step, false, "-");
}

/* The last call of a lane, lanes numbered in order of appearance; unknown CPUs make a lane each. */
static const struct script_step *lane_call(const struct walk *walk, const struct script_step *par, u32 lane)
{
    const struct script_step *last[SCRIPT_MAX_STEPS];
    u64 cpus[SCRIPT_MAX_STEPS];
    u32 lanes = 0;
    for (const struct script_step *step = par + 1; step->verb == VERB_CALL; step++) {
        u64 cpu = 0;
        u32 at = 0;
        if (step->call.cpu.kind != CPU_BOOT &&
            (step->call.cpu.kind != CPU_NUMBER || !value_of(walk, step->call.cpu.number, &cpu)))
            cpu = 1000 + lanes;
        while (at < lanes && cpus[at] != cpu)
            at++;
        lanes += at == lanes;
        cpus[at] = cpu;
        last[at] = step;
    }
    return lane < lanes ? last[lane] : NULL;
}

static void outcome_facts(const struct walk *walk, const struct script_step *par,
                          const struct script_item *item)
{
    for (u32 set = 0; set < item->count; set++) {
        for (u32 lane = 0; lane < item->lanes; lane++) {
            const struct script_step *step = lane_call(walk, par, lane);
            if (step)
                print_alternative(walk, step, true, item->first + set * item->lanes + lane);
        }
    }
}

static void outcomes(const struct walk *walk, const struct script_step *par, struct script_items items)
{
    for (u32 i = 0; i < items.count; i++) {
        const struct script_item *item = &program.items[items.first + i];
        if (item->kind == ITEM_ROW)
            outcomes(walk, par, program.row_expect);
        if (item->kind == ITEM_OUTCOME)
            outcome_facts(walk, par, item);
    }
}

static void par_facts(const struct walk *walk, u32 index)
{
    const struct script_step *par = &program.steps[index];
    for (u32 i = par->other + 1u; i < program.step_count && program.steps[i].verb != VERB_PAR; i++) {
        if (program.steps[i].verb == VERB_EXPECT)
            outcomes(walk, par, program.steps[i].expect);
    }
}

static void step_facts(struct walk *walk, u32 *index)
{
    const struct script_step *step = &program.steps[*index];
    switch (step->verb) {
    case VERB_FROM:
    case VERB_BRING:
        walk->state = step->from.state;
        break;
    case VERB_ASSIGN:
        walk->assigned[step->assign.variable] = step->assign.value;
        walk->assignments[step->assign.variable]++;
        break;
    case VERB_FOR:
        walk->assignments[step->loop.variable] = 2;
        break;
    case VERB_CALL:
        call_facts(walk, *index);
        break;
    case VERB_PAR:
        par_facts(walk, *index);
        *index = step->other;
        break;
    default:
        break;
    }
}

bool tdxt_facts(const struct script_suite *suite, const struct script_case *item)
{
    struct walk walk = {.suite = suite, .item = item};
    struct script_error error;
    if (!script_compile(suite, item, &program, &error)) {
        fprintf(stderr, "%s:%u:%u: %s\n", error.file, error.line, error.column, error.text);
        return false;
    }
    for (u32 i = 0; i < program.step_count; i++)
        step_facts(&walk, &i);
    return true;
}
