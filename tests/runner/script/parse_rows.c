/* SPDX-License-Identifier: MIT */
/* row NAME NAME=EXPR ... [expect ITEM, ...]: one case of a test. */
#include "tests/runner/script/parse.h"

#include "lib/string.h"

/* ---- its variables, before anything else ---- */

void script_row_declare(struct script_parser *parser)
{
    u32 depth = 0;
    script_take(parser);
    script_read_name(parser);
    script_take(parser);
    for (; parser->now.kind != LEX_END && !(depth == 0 && script_lexeme_is(&parser->now, "expect"));
         script_take(parser)) {
        struct script_lexeme word = parser->now;
        if (word.kind == LEX_OPEN || word.kind == LEX_OPEN_INDEX)
            depth++;
        else if ((word.kind == LEX_CLOSE || word.kind == LEX_CLOSE_INDEX) && depth)
            depth--;
        if (word.kind != LEX_WORD || depth || script_peek(parser).kind != LEX_ASSIGN ||
            script_name_find(NAME_REGISTER | NAME_OPERAND, word.text, word.length))
            continue;
        u8 variable = script_variable_declare(parser, &word);
        if (variable != SCRIPT_NO_VARIABLE)
            parser->scope.declared_by_rows |= 1ull << variable;
    }
}

/* ---- reading ---- */

static bool bind_register(struct script_parser *parser, const struct script_name *reg,
                          const struct script_lexeme *word, u32 *given)
{
    struct script_scope *scope = &parser->scope;
    if (*given & 1u << reg->value)
        return script_fail(parser, word->text, "%s is given twice", reg->text);
    *given |= 1u << reg->value;
    if (!scope->row_with_registers.at)
        scope->row_with_registers = script_place_here(parser, word);
    if (reg->value == REG_RAX && !scope->row_rax.at)
        scope->row_rax = script_place_here(parser, word);
    if (reg->value == REG_VERSION && !scope->row_version.at)
        scope->row_version = script_place_here(parser, word);
    return true;
}

static bool bind_variable(struct script_parser *parser, const struct script_lexeme *word, u8 *index)
{
    struct script_scope *scope = &parser->scope;
    *index = script_variable_declare(parser, word);
    if (*index == SCRIPT_NO_VARIABLE)
        return false;
    u64 bit = 1ull << *index;
    if (scope->declared_by_steps & bit)
        return script_fail(parser, word->text, "'%.*s' is assigned by a step of this test, too",
                           (int)word->length, word->text);
    if (!(scope->declared_by_rows & bit))
        return script_fail(parser, word->text,
                           "'%.*s' isn't bound by the first row: all rows bind the same variables",
                           (int)word->length, word->text);
    if (scope->row_bound & bit)
        return script_fail(parser, word->text, "'%.*s' is given twice", (int)word->length, word->text);
    return true;
}

static bool read_binding(struct script_parser *parser, u32 *given)
{
    struct script_program *program = parser->program;
    struct script_lexeme word = parser->now;
    if (word.kind != LEX_WORD)
        return script_fail_expected(parser, "NAME=VALUE or 'expect'");
    if (program->row_count == SCRIPT_MAX_OPERANDS)
        return script_fail(parser, word.text, "more than %u values in a row", SCRIPT_MAX_OPERANDS);
    const struct script_name *reg = script_name_find(NAME_REGISTER | NAME_OPERAND, word.text, word.length);
    struct script_operand *operand = &program->row[program->row_count];
    operand->is_register = reg != NULL;
    operand->index = reg ? (u8)reg->value : 0;
    script_take(parser);
    if (parser->now.kind != LEX_ASSIGN)
        return script_fail_expected(parser, "'='");
    if (!(reg ? bind_register(parser, reg, &word, given) : bind_variable(parser, &word, &operand->index)))
        return false;
    script_take(parser);
    if (!script_parse_expr(parser, &operand->value))
        return false;
    if (!reg)
        parser->scope.row_bound |= 1ull << operand->index;
    program->row_count++;
    return true;
}

static bool check_all_bound(struct script_parser *parser, const struct script_lexeme *name)
{
    const struct script_scope *scope = &parser->scope;
    u64 missing = scope->declared_by_rows & ~scope->row_bound;
    if (!missing)
        return true;
    return script_fail(parser, name->text, "this row doesn't bind '%s', which the first one does",
                       parser->program->variables[__builtin_ctzll(missing)]);
}

static void note_expectation(struct script_parser *parser, const struct script_lexeme *name)
{
    struct script_scope *scope = &parser->scope;
    struct script_place *place =
        script_lexeme_is(&parser->now, "expect") ? &scope->row_expecting : &scope->row_not_expecting;
    if (!place->at)
        *place = script_place_here(parser, name);
}

static bool read_bindings(struct script_parser *parser, const struct script_lexeme *name)
{
    struct script_scope *scope = &parser->scope;
    struct script_program *program = parser->program;
    u32 given = 0;
    while (parser->now.kind != LEX_END && !script_lexeme_is(&parser->now, "expect"))
        if (!read_binding(parser, &given))
            return false;
    scope->row_all = scope->rows == 1 ? given : scope->row_all & given;
    scope->row_any |= given;
    if (!check_all_bound(parser, name))
        return false;
    note_expectation(parser, name);
    if (!script_take_word(parser, "expect"))
        return true;
    if (!script_parse_items(parser, &program->row_expect))
        return false;
    scope->row_mask = program->items[program->row_expect.first].mask;
    return true;
}

bool script_row_parse(struct script_parser *parser, struct script_lexeme *name)
{
    struct script_scope *scope = &parser->scope;
    struct script_program *program = parser->program;
    struct script_lexeme row = parser->now;
    *name = (struct script_lexeme){0};
    script_take(parser);
    if (!script_read_id(parser, "row", name))
        return false;
    if (scope->depth)
        return script_fail(parser, row.text, "rows stand outside of blocks (one begins in line %u)",
                           scope->open[scope->depth - 1].line.number);
    if (scope->rows++ == 0)
        scope->row_first = script_place_here(parser, name);
    program->row_count = 0;
    program->row_expect = (struct script_items){0};
    program->row_text = parser->line.text;
    program->row_length = (u32)(parser->line.end - parser->line.text);
    program->row_line = parser->line.number;
    scope->row_bound = 0;
    scope->in_row = true;
    bool good = read_bindings(parser, name) && script_want_end(parser);
    scope->in_row = false;
    return good;
}

/* ---- rows and the steps that use them ---- */

static bool check_use(struct script_parser *parser)
{
    const struct script_scope *scope = &parser->scope;
    u64 unused = scope->declared_by_rows & ~scope->used;
    if (unused)
        return script_fail_place(parser, &scope->row_first,
                                 "the rows bind '%s', but nothing in the test uses it",
                                 parser->program->variables[__builtin_ctzll(unused)]);
    if (!scope->has_each && !scope->has_expect_row && !scope->declared_by_rows)
        return script_fail_place(parser, &scope->row_first,
                                 "nothing in the test uses its rows: no 'each call', no "
                                 "'expect row', no variable of theirs");
    if (scope->row_with_registers.at && !scope->has_each)
        return script_fail_place(parser, &scope->row_with_registers,
                                 "registers of a row are for 'each call', and there is none in the test");
    return true;
}

static bool check_expectations(struct script_parser *parser)
{
    const struct script_scope *scope = &parser->scope;
    if (scope->has_expect_row && scope->row_not_expecting.at)
        return script_fail_place(parser, &scope->row_not_expecting,
                                 "this row expects nothing, and 'row' is expected in "
                                 "line %u",
                                 scope->expect_row_first.line.number);
    if (scope->row_expecting.at && !scope->has_each && !scope->has_expect_row)
        return script_fail_place(
            parser, &scope->row_expecting,
            "this row expects something, but no 'each call' or 'expect row' asks for it");
    return true;
}

static bool check_raw(struct script_parser *parser)
{
    const struct script_scope *scope = &parser->scope;
    if (scope->row_rax.at && scope->each_named.at)
        return script_fail_place(parser, &scope->row_rax,
                                 "rax is made of leaf and version; 'each call raw' takes it as it is");
    if (scope->row_version.at && scope->each_raw.at)
        return script_fail_place(parser, &scope->row_version, "'each call raw' has its version in rax");
    if (scope->each_raw_bare.at && !(scope->row_all & 1u << REG_RAX))
        return script_fail_place(parser, &scope->each_raw_bare,
                                 "'call raw' needs rax=..., here or in every row");
    return true;
}

void script_rows_check(struct script_parser *parser)
{
    const struct script_scope *scope = &parser->scope;
    if (scope->rows) {
        (void)(check_use(parser) && check_expectations(parser) && check_raw(parser));
        return;
    }
    if (scope->has_each)
        script_fail_place(parser, &scope->each_first, "'each' needs rows, and this test has none");
    if (scope->has_expect_row)
        script_fail_place(parser, &scope->expect_row_first, "'row' needs rows, and this test has none");
}
