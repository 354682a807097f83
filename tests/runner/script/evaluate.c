/* SPDX-License-Identifier: MIT */
/* Expressions: postfix runs of tokens on a small stack. */
#include "tests/runner/script/run.h"

#define STACK_MAX 64

struct stack {
    u64 values[STACK_MAX];
    u32 depth;
};

/* Row variables are evaluated when they are first used, because they may name variables of the test. */
bool run_variable(struct script_run *run, u8 index, u64 *value)
{
    u8 bound = run->row_binding[index];
    if (bound) {
        const struct script_operand *operand = &run->program->row[bound - 1];
        if (bound == 0xFF)
            return run_mistake(run, "row variable %s is made of itself", run->program->variables[index]);
        run->row_binding[index] = 0xFF;
        if (!run_evaluate(run, operand->value, &run->variables[index]))
            return false;
        run->row_binding[index] = 0;
    }
    *value = run->variables[index];
    return true;
}

static bool registers_of(struct script_run *run, const struct script_token *token, u64 *value)
{
    if (!run->called)
        return run_mistake(run, "%s means the last call, and there was none",
                           script_register_name(token->index));
    *value = (token->kind == TOKEN_IN ? &run->last.in : &run->last.out)->r[token->index];
    return true;
}

static bool lane(struct script_run *run, const struct script_token *token, u64 *value)
{
    if (*value >= run->lane_count)
        return run_mistake(run, "%s[%llu]: there were %u lanes", script_register_name(token->index),
                           (unsigned long long)*value, run->lane_count);
    *value = run->lanes[*value].out.r[token->index];
    return true;
}

static bool is_comparison(u8 which)
{
    return which >= OP_EQUAL && which <= OP_GREATER_EQUAL;
}

static bool binary(struct script_run *run, const struct script_token *token, u64 *a, u64 b)
{
    u8 which = token->index;
    if (is_comparison(which) && run->side_count < SCRIPT_SIDES_MAX) {
        run->sides[run->side_count].operator= which;
        run->sides[run->side_count].left = *a;
        run->sides[run->side_count++].right = b;
    }
    return script_binary(which, *a, b, a) || run_mistake(run, "division by zero, column %u", token->column);
}

static u32 arguments_of(u8 function)
{
    static const u8 counts[] = {
#define SCRIPT_FUNCTION(name, arguments, text) (arguments),
#include "tests/runner/script/functions.def"
    };
    return counts[function];
}

static u32 popped_by(const struct script_token *token)
{
    switch (token->kind) {
    case TOKEN_LANE:
    case TOKEN_UNARY:
        return 1;
    case TOKEN_BINARY:
        return 2;
    case TOKEN_CALL:
        return arguments_of(token->index);
    default:
        return 0;
    }
}

/* at: where the token's operands begin and its result goes */
static bool run_token(struct script_run *run, const struct script_token *token, u64 *at)
{
    switch (token->kind) {
    case TOKEN_NUMBER:
        *at = token->value;
        return true;
    case TOKEN_VARIABLE:
        return run_variable(run, token->index, at);
    case TOKEN_OUT:
    case TOKEN_IN:
        return registers_of(run, token, at);
    case TOKEN_LANE:
        return lane(run, token, at);
    case TOKEN_UNARY:
        *at = script_unary(token->index, *at);
        return true;
    case TOKEN_BINARY:
        return binary(run, token, at, at[1]);
    default:
        return run_call_function(run, token->index, at, at);
    }
}

/* Never nested deeper than a row's variables: each is evaluated once. */
bool run_evaluate(struct script_run *run, struct script_expr expr, u64 *value)
{
    const struct script_token *token = &run->program->tokens[expr.first];
    if (expr.count == 1 && token->kind == TOKEN_NUMBER) { /* most are */
        *value = token->value;
        run->side_count = 0;
        return true;
    }
    u64 stack[STACK_MAX + 1];
    u32 depth = 0;
    run->side_count = 0;
    for (u32 i = 0; i < expr.count; i++, token++) {
        u32 pops = popped_by(token);
        if (depth < pops || depth - pops >= STACK_MAX)
            return run_mistake(run, "expression too deep, column %u", token->column);
        depth -= pops;
        if (!run_token(run, token, &stack[depth]))
            return false;
        depth++;
    }
    *value = depth ? stack[0] : 0;
    return true;
}

bool run_evaluate_optional(struct script_run *run, struct script_expr expr, u64 *value)
{
    return expr.count == 0 || run_evaluate(run, expr, value);
}
