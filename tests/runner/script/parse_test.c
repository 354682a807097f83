/* SPDX-License-Identifier: MIT */
/* A test as a whole: its name, its variables, its end. */
#include "tests/runner/script/parse.h"

#include "lib/string.h"

const struct script_name *script_statement_of(const struct script_parser *parser)
{
    const struct script_lexeme *now = &parser->now;
    if (now->kind != LEX_WORD || script_peek(parser).kind == LEX_ASSIGN)
        return NULL;
    return script_name_find(NAME_STATEMENT, now->text, now->length);
}

bool script_read_id(struct script_parser *parser, const char *what, struct script_lexeme *word)
{
    script_read_name(parser);
    *word = parser->now;
    bool good = word->kind == LEX_WORD;
    for (u32 i = 0; good && i < word->length; i++) {
        char c = word->text[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    if (!good) {
        *word = (struct script_lexeme){0};
        return script_fail_expected(parser, what[0] == 't' ? "the test's name, of a-z, 0-9 and _,"
                                                           : "the row's name, of a-z, 0-9 and _,");
    }
    script_take(parser);
    return true;
}

/* ---- variables ---- */

static void declare_in_step(struct script_parser *parser)
{
    struct script_lexeme word = parser->now;
    u8 variable = word.kind == LEX_WORD ? script_variable_declare(parser, &word) : SCRIPT_NO_VARIABLE;
    if (variable != SCRIPT_NO_VARIABLE)
        parser->scope.declared_by_steps |= 1ull << variable;
}

void script_skip_rows(struct script_parser *parser)
{
    const struct script_case *item = parser->item;
    if (item && item->row_line && parser->line.offset == item->rows_offset)
        script_lines_at(&parser->lines, parser->file, item->rows_end, item->rows_end_line);
}

/* False: the test ends before this line. */
static bool declare_in_line(struct script_parser *parser, bool *has_row)
{
    const struct script_name *statement = script_statement_of(parser);
    if (!statement) {
        if (script_peek(parser).kind == LEX_ASSIGN)
            declare_in_step(parser);
        return true;
    }
    if (statement->value == STATEMENT_VERB + VERB_FOR) {
        script_take(parser);
        declare_in_step(parser);
    }
    if (statement->value == STATEMENT_ROW) {
        script_skip_rows(parser);
        if (!*has_row)
            script_row_declare(parser);
        *has_row = true;
    }
    return statement->value != STATEMENT_TEST;
}

/* The first row stands for all; of a case, its own. */
static bool declare_own_row(struct script_parser *parser)
{
    const struct script_case *item = parser->item;
    if (!item || !item->row_line)
        return false;
    script_lines_at(&parser->lines, parser->file, item->row_offset, item->row_line);
    if (script_line_next(parser)) {
        parser->failed = true;
        script_row_declare(parser);
    }
    return true;
}

/* All that steps assign and rows bind, up to the next test. Nothing is complained about: it is read again. */
static void declare(struct script_parser *parser)
{
    struct script_lines lines = parser->lines;
    struct script_line line = parser->line;
    bool has_row = declare_own_row(parser), more = true;
    parser->lines = lines;
    while (more && script_line_next(parser)) {
        parser->failed = true;
        more = declare_in_line(parser, &has_row);
    }
    parser->lines = lines;
    script_line_start(parser, &line);
}

/* ---- begin and end ---- */

bool script_test_begin(struct script_parser *parser)
{
    struct script_program *program = parser->program;
    struct script_scope *scope = &parser->scope;
    memset(scope, 0, sizeof(*scope));
    scope->errors = parser->errors;
    program->file = parser->file;
    program->step_count = program->token_count = program->item_count = 0;
    program->alternative_count = program->variable_count = 0;
    program->row_count = 0;
    program->row_expect = (struct script_items){0};
    program->row_text = NULL;
    program->row_length = program->row_line = 0;
    declare(parser);
    script_take(parser); /* `test` */
    struct script_lexeme name;
    bool good = script_read_id(parser, "test", &name);
    scope->name = name.text;
    scope->name_length = name.length;
    scope->place = script_place_here(parser, name.text ? &name : &parser->now);
    return good && script_want_end(parser);
}

void script_test_end(struct script_parser *parser)
{
    const struct script_scope *scope = &parser->scope;
    for (u32 i = 0; i < scope->depth; i++) {
        struct script_place place = {scope->open[i].line, scope->open[i].at, 0};
        script_fail_place(parser, &place, "this '%s' has no 'end'",
                          scope->open[i].verb == VERB_PAR ? "par" : "for");
    }
    if (parser->errors == scope->errors) /* else a step or a row may be missing that makes the rest right */
        script_rows_check(parser);
    if (parser->program->step_count == 0)
        script_fail_place(parser, &scope->place, "a test without steps");
}
