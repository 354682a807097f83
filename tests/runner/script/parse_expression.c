/* SPDX-License-Identifier: MIT */
/*
 * Expressions, from lexemes to postfix tokens: operators wait on a stack until one that binds less comes
 * (Dijkstra's shunting yard), so nothing recurses.
 */
#include "tests/runner/script/parse.h"

#include "lib/format.h"
#include "lib/string.h"

#define WAITING_MAX 128

enum waiting_kind { WAITING_UNARY, WAITING_BINARY, WAITING_GROUP, WAITING_CALL, WAITING_LANE, WAITING_INDEX };
struct waiting {
    u8 kind, index; /* operator, function, register */
    u8 arguments;   /* of a call, so far */
    const char *at;
};

struct expression {
    struct script_parser *parser;
    struct waiting waiting[WAITING_MAX];
    u32 count, brackets;
    u32 depth; /* of the stack when it is evaluated */
};

/* How tight an operator binds; C's order, but & | ^ before comparisons */
static const u8 tightness[SCRIPT_OPERATORS] = {
    [OP_OR] = 1,         [OP_AND] = 2,        [OP_EQUAL] = 3,         [OP_NOT_EQUAL] = 3, [OP_LESS] = 4,
    [OP_LESS_EQUAL] = 4, [OP_GREATER] = 4,    [OP_GREATER_EQUAL] = 4, [OP_BIT_OR] = 5,    [OP_BIT_XOR] = 6,
    [OP_BIT_AND] = 7,    [OP_SHIFT_LEFT] = 8, [OP_SHIFT_RIGHT] = 8,   [OP_PLUS] = 9,      [OP_MINUS] = 9,
    [OP_TIMES] = 10,     [OP_DIVIDE] = 10,    [OP_REMAINDER] = 10,
};

/* ---- tokens ---- */

static bool emit(struct script_parser *parser, const char *at, enum script_token_kind kind, u8 index,
                 u64 value)
{
    struct script_program *program = parser->program;
    if (program->token_count == SCRIPT_MAX_TOKENS)
        return script_fail_full(parser, "values and operators", SCRIPT_MAX_TOKENS);
    program->tokens[program->token_count++] = (struct script_token){
        .kind = (u8)kind, .index = index, .column = (u16)(at - parser->line.text + 1), .value = value};
    return true;
}

bool script_emit_number(struct script_parser *parser, const char *at, u64 value)
{
    return emit(parser, at, TOKEN_NUMBER, 0, value);
}

bool script_emit_binary(struct script_parser *parser, const char *at, enum script_operator which)
{
    return emit(parser, at, TOKEN_BINARY, (u8)which, 0);
}

static bool grow(struct expression *e, const char *at)
{
    if (++e->depth > SCRIPT_MAX_DEPTH)
        return script_fail(e->parser, at, "this expression is too long; use a variable for a part of it");
    return true;
}

static bool emit_value(struct expression *e, const char *at, enum script_token_kind kind, u8 index, u64 value)
{
    return grow(e, at) && emit(e->parser, at, kind, index, value);
}

/* ---- the stack of what waits ---- */

static bool push(struct expression *e, enum waiting_kind kind, u8 index, const char *at)
{
    if (kind > WAITING_BINARY && ++e->brackets > SCRIPT_MAX_BRACKETS)
        return script_fail(e->parser, at, "more than %u brackets in one another", SCRIPT_MAX_BRACKETS);
    if (e->count == WAITING_MAX)
        return script_fail(e->parser, at, "this expression is too long; use a variable for a part of it");
    e->waiting[e->count++] = (struct waiting){.kind = (u8)kind, .index = index, .at = at};
    return true;
}

/* Emits operators from the top that bind at least so tight, down to the innermost bracket. */
static bool settle(struct expression *e, u8 at_least)
{
    while (e->count > 0) {
        const struct waiting *top = &e->waiting[e->count - 1];
        if (top->kind > WAITING_BINARY || (top->kind == WAITING_BINARY && tightness[top->index] < at_least))
            break;
        bool binary = top->kind == WAITING_BINARY;
        if (!emit(e->parser, top->at, binary ? TOKEN_BINARY : TOKEN_UNARY, top->index, 0))
            return false;
        e->depth -= binary;
        e->count--;
    }
    return true;
}

static bool end_call(struct expression *e, const struct waiting *call)
{
    const char *name = script_function_name(call->index);
    const struct script_name *function = script_name_find(NAME_FUNCTION, name, (u32)strlen(name));
    if (call->arguments != function->extra)
        return script_fail(e->parser, call->at, "%s() takes %u argument%s, not %u", name, function->extra,
                           function->extra == 1 ? "" : "s", call->arguments);
    e->depth -= call->arguments;
    return emit_value(e, call->at, TOKEN_CALL, call->index, 0);
}

static bool close(struct expression *e)
{
    struct waiting bracket = e->waiting[--e->count];
    e->brackets--;
    switch (bracket.kind) {
    case WAITING_CALL:
        return end_call(e, &bracket);
    case WAITING_LANE:
        return emit(e->parser, bracket.at, TOKEN_LANE, bracket.index, 0);
    case WAITING_INDEX:
        e->depth--;
        return emit(e->parser, bracket.at, TOKEN_BINARY, OP_PLUS, 0);
    default:
        return true;
    }
}

/* ---- where a value is expected ---- */

static bool needs_call(struct expression *e, const struct script_lexeme *word, bool parallel)
{
    const struct script_scope *scope = &e->parser->scope;
    if (scope->in_row || (parallel ? scope->parallel : scope->called))
        return true;
    return script_fail(e->parser, word->text, "'%.*s' is of %s, and there is none before this line",
                       (int)word->length, word->text,
                       parallel ? "a 'par' block or a call '@all'" : "the last call");
}

static bool read_variable(struct expression *e, const struct script_lexeme *word, u8 index)
{
    struct script_scope *scope = &e->parser->scope;
    u64 bit = 1ull << index;
    scope->used |= bit;
    if (!scope->in_row && !((scope->assigned | scope->declared_by_rows) & bit))
        return script_fail(e->parser, word->text, "variable '%.*s' has no value before this line",
                           (int)word->length, word->text);
    if (scope->in_row && (scope->declared_by_rows & ~scope->row_bound & bit))
        return script_fail(e->parser, word->text, "'%.*s' is bound further right in this row",
                           (int)word->length, word->text);
    return emit_value(e, word->text, TOKEN_VARIABLE, index, 0);
}

static bool read_register(struct expression *e, const struct script_lexeme *word, u8 index, bool *is_open)
{
    struct script_parser *parser = e->parser;
    if (parser->now.kind != LEX_OPEN_INDEX)
        return needs_call(e, word, false) && emit_value(e, word->text, TOKEN_OUT, index, 0);
    script_take(parser);
    *is_open = true;
    return needs_call(e, word, true) && push(e, WAITING_LANE, index, word->text);
}

static bool read_input(struct expression *e, const struct script_lexeme *word)
{
    struct script_lexeme name = {LEX_WORD, word->text + 3, word->length - 3, 0, NULL};
    const struct script_name *found = script_name_find(NAME_REGISTER, name.text, name.length);
    if (!found)
        return script_fail_name(e->parser, &name, "no register is called", NAME_REGISTER, false);
    return needs_call(e, word, false) && emit_value(e, word->text, TOKEN_IN, (u8)found->value, 0);
}

static bool read_name(struct expression *e, const struct script_lexeme *word, bool *is_open)
{
    struct script_parser *parser = e->parser;
    const struct script_name *name = script_name_find(NAME_VALUES, word->text, word->length);
    if (!name && script_name_find(NAME_FUNCTION, word->text, word->length))
        return script_fail(parser, word->text, "'%.*s' is a function: write %.*s(...)", (int)word->length,
                           word->text, (int)word->length, word->text);
    if (!name)
        return script_fail_name(parser, word, "nothing is called", NAME_VALUES | NAME_FUNCTION, true);
    if (name->kind == NAME_REGISTER)
        return read_register(e, word, (u8)name->value, is_open);
    if (name->kind == NAME_UNNUMBERED)
        return script_fail(parser, word->text,
                           "%s has no public number: it can be expected, not computed with", name->text);
    if (!emit_value(e, word->text, TOKEN_NUMBER, 0, name->value))
        return false;
    if (name->kind != NAME_FIELD || !script_take_if(parser, LEX_OPEN_INDEX))
        return true;
    *is_open = true;
    return push(e, WAITING_INDEX, 0, word->text);
}

/* NAME( ; *is_open: arguments follow */
static bool read_call(struct expression *e, const struct script_lexeme *word,
                      const struct script_name *function, bool *is_open)
{
    script_take(e->parser);
    if (function->value == FUNCTION_resumes && !needs_call(e, word, false))
        return false;
    if (!push(e, WAITING_CALL, (u8)function->value, word->text))
        return false;
    if (script_take_if(e->parser, LEX_CLOSE))
        return close(e);
    e->waiting[e->count - 1].arguments = 1;
    *is_open = true;
    return true;
}

static bool read_word(struct expression *e, bool *is_open)
{
    struct script_parser *parser = e->parser;
    struct script_lexeme word = parser->now;
    script_take(parser);
    u8 variable = script_variable_find(parser->program, word.text, word.length);
    if (parser->now.kind == LEX_OPEN) {
        const struct script_name *function = script_name_find(NAME_FUNCTION, word.text, word.length);
        if (function)
            return read_call(e, &word, function, is_open);
        if (variable == SCRIPT_NO_VARIABLE && !script_name_find(NAME_VALUES, word.text, word.length))
            return script_fail_name(parser, &word, "no function is called", NAME_FUNCTION, false);
    }
    if (variable != SCRIPT_NO_VARIABLE)
        return read_variable(e, &word, variable);
    if (word.length > 3 && strncmp(word.text, "in.", 3) == 0)
        return read_input(e, &word);
    return read_name(e, &word, is_open);
}

/* One step where a value is expected; *done: there it is. */
static bool read_operand(struct expression *e, bool *done)
{
    struct script_parser *parser = e->parser;
    const struct script_lexeme *now = &parser->now;
    const char *at = now->text;
    *done = false;
    if (now->kind == LEX_NUMBER) {
        *done = true;
        if (!emit_value(e, at, TOKEN_NUMBER, 0, now->value))
            return false;
    } else if (now->kind == LEX_WORD) {
        bool is_open = false;
        bool good = read_word(e, &is_open);
        *done = !is_open;
        return good;
    } else if (now->kind == LEX_OPEN) {
        if (!push(e, WAITING_GROUP, 0, at))
            return false;
    } else if (script_at_operator(parser, OP_MINUS) || script_at_operator(parser, OP_COMPLEMENT) ||
               script_at_operator(parser, OP_NOT)) {
        u8 which = now->value == OP_MINUS ? OP_NEGATE : (u8)now->value;
        if (!push(e, WAITING_UNARY, which, at))
            return false;
    } else {
        return script_fail_expected(parser, "a value");
    }
    script_take(parser);
    return true;
}

/* ---- where an operator is expected ---- */

static bool read_closing(struct expression *e, const struct waiting *open)
{
    struct script_parser *parser = e->parser;
    bool is_index = open->kind == WAITING_LANE || open->kind == WAITING_INDEX;
    if (parser->now.kind != (is_index ? LEX_CLOSE_INDEX : LEX_CLOSE))
        return script_fail_expected(parser, is_index ? "a ']'" : "a ')'");
    script_take(parser);
    return close(e);
}

/* One step behind a value; *more: another value must follow, *done: the expression is over. */
static bool read_operator(struct expression *e, bool *more, bool *done)
{
    struct script_parser *parser = e->parser;
    u8 which = (u8)parser->now.value;
    if (parser->now.kind == LEX_OPERATOR && tightness[which]) {
        *more = true;
        if (!settle(e, tightness[which]) || !push(e, WAITING_BINARY, which, parser->now.text))
            return false;
        script_take(parser);
        return true;
    }
    if (!settle(e, 0))
        return false;
    *done = e->count == 0;
    if (*done)
        return true;
    struct waiting *open = &e->waiting[e->count - 1];
    if (parser->now.kind != LEX_COMMA || open->kind != WAITING_CALL)
        return read_closing(e, open);
    script_take(parser);
    if (open->arguments < 0xFF)
        open->arguments++;
    *more = true;
    return true;
}

bool script_parse_expr(struct script_parser *parser, struct script_expr *expr)
{
    struct expression e;
    e.parser = parser;
    e.count = e.brackets = e.depth = 0;
    u32 first = parser->program->token_count;
    for (bool want_value = true, done = false; !done;) {
        bool good;
        if (want_value) {
            bool got = false;
            good = read_operand(&e, &got);
            want_value = !got;
        } else {
            good = read_operator(&e, &want_value, &done);
        }
        if (!good)
            return false;
    }
    *expr = (struct script_expr){(u16)first, (u16)(parser->program->token_count - first)};
    return true;
}

/* ---- looking into expressions ---- */

bool script_constant(const struct script_program *program, struct script_expr expr, u64 *value)
{
    u64 stack[SCRIPT_MAX_DEPTH];
    u32 depth = 0;
    for (u32 i = 0; i < expr.count; i++) {
        const struct script_token *token = &program->tokens[expr.first + i];
        if (token->kind == TOKEN_NUMBER) {
            stack[depth++] = token->value;
        } else if (token->kind == TOKEN_UNARY) {
            stack[depth - 1] = script_unary(token->index, stack[depth - 1]);
        } else if (token->kind == TOKEN_BINARY) {
            depth--;
            if (!script_binary(token->index, stack[depth - 1], stack[depth], &stack[depth - 1]))
                return false;
        } else {
            return false;
        }
    }
    if (depth != 1)
        return false;
    *value = stack[0];
    return true;
}

u8 script_registers_in(const struct script_program *program, struct script_expr expr)
{
    u8 mask = 0;
    for (u32 i = 0; i < expr.count; i++) {
        const struct script_token *token = &program->tokens[expr.first + i];
        if (token->kind == TOKEN_OUT || token->kind == TOKEN_LANE)
            mask |= (u8)(1 << token->index);
    }
    return mask;
}
