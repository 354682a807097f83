/* SPDX-License-Identifier: MIT */
/* What all parts of the parser share: complaining, taking lexemes, variables. */
#include "tests/runner/script/parse.h"

#include "lib/format.h"
#include "lib/string.h"

/* ---- errors ---- */

static void complain(struct script_parser *parser, const struct script_line *line, const char *at,
                     const char *fmt, va_list args)
{
    struct script_error error = {.file = parser->file->name, .line = line->number, .column = 1};
    const char *start = line->text;
    for (const char *p = line->text; p < at; p++) {
        if (*p != '\n')
            continue;
        error.line++;
        start = p + 1;
    }
    error.column = (u32)(at - start) + 1;
    format_v(error.text, sizeof(error.text), fmt, args);
    parser->errors++;
    parser->complain(parser->context, &error);
}

bool script_fail(struct script_parser *parser, const char *at, const char *fmt, ...)
{
    if (parser->failed || parser->scope.full || parser->errors >= SCRIPT_MAX_ERRORS)
        return false;
    va_list args;
    va_start(args, fmt);
    complain(parser, &parser->line, at, fmt, args);
    va_end(args);
    parser->failed = true;
    return false;
}

bool script_fail_place(struct script_parser *parser, const struct script_place *place, const char *fmt, ...)
{
    if (parser->scope.full || parser->errors >= SCRIPT_MAX_ERRORS)
        return false;
    va_list args;
    va_start(args, fmt);
    complain(parser, &place->line, place->at, fmt, args);
    va_end(args);
    return false;
}

#define QUOTE_MAX 48

/* A lexeme as it can be printed anywhere */
static const char *quote(char *to, const struct script_lexeme *lexeme)
{
    size_t n = 0, length = lexeme->length ? lexeme->length : 1;
    if (lexeme->kind == LEX_END)
        return "the end of the line";
    to[n++] = '\'';
    for (size_t i = 0; i < length; i++) {
        char c = lexeme->text[i];
        if (n > QUOTE_MAX - 6) {
            n += format(to + n, 4, "...");
            break;
        }
        to[n++] = c < 0x20 || c > 0x7E ? '?' : c;
    }
    to[n++] = '\'';
    to[n] = 0;
    return to;
}

static bool fail_wrong(struct script_parser *parser)
{
    const struct script_lexeme *now = &parser->now;
    char text[QUOTE_MAX];
    if (now->text[0] >= '0' && now->text[0] <= '9')
        return script_fail(parser, now->text, "%s %s", quote(text, now), now->wrong);
    if (now->length == 0)
        return script_fail(parser, now->text, "%s", now->wrong);
    return script_fail(parser, now->text, "%s: %s", now->wrong, quote(text, now));
}

bool script_fail_expected(struct script_parser *parser, const char *what)
{
    char text[QUOTE_MAX];
    if (parser->now.kind == LEX_WRONG)
        return fail_wrong(parser);
    return script_fail(parser, parser->now.text, "%s is expected, not %s", what, quote(text, &parser->now));
}

bool script_fail_name(struct script_parser *parser, const struct script_lexeme *word, const char *what,
                      u32 kinds, bool variables)
{
    struct script_guess guess;
    char text[QUOTE_MAX];
    script_guess_start(&guess, word->text, word->length);
    for (u32 i = 0; variables && i < parser->program->variable_count; i++)
        script_guess_try(&guess, parser->program->variables[i]);
    script_guess_names(&guess, kinds);
    if (!guess.best)
        return script_fail(parser, word->text, "%s %s", what, quote(text, word));
    return script_fail(parser, word->text, "%s %s (did you mean %s?)", what, quote(text, word), guess.best);
}

bool script_fail_full(struct script_parser *parser, const char *what, u32 limit)
{
    if (parser->failed)
        return false;
    script_fail(parser, parser->now.text, "more than %u %s in a test; split it", limit, what);
    parser->scope.full = true;
    return false;
}

struct script_place script_place_here(const struct script_parser *parser, const struct script_lexeme *lexeme)
{
    return (struct script_place){parser->line, lexeme->text, lexeme->length};
}

size_t script_error_text(const struct script_error *error, char *text, size_t size)
{
    return format(text, size, "%s:%u:%u: %s", error->file, error->line, error->column, error->text);
}

/* ---- lexemes ---- */

void script_take(struct script_parser *parser)
{
    parser->behind = parser->at;
    parser->at = script_lex(&parser->line, parser->at, &parser->now);
}

void script_line_start(struct script_parser *parser, const struct script_line *line)
{
    parser->line = *line;
    parser->failed = false;
    parser->at = line->text;
    script_take(parser);
}

bool script_line_next(struct script_parser *parser)
{
    struct script_line line;
    if (!script_lines_next(&parser->lines, &line))
        return false;
    script_line_start(parser, &line);
    return true;
}

void script_read_name(struct script_parser *parser)
{
    parser->at = script_lex_name(&parser->line, parser->now.text, &parser->now);
}

struct script_lexeme script_peek(const struct script_parser *parser)
{
    struct script_lexeme next;
    script_lex(&parser->line, parser->at, &next);
    return next;
}

bool script_take_if(struct script_parser *parser, enum script_lexeme_kind kind)
{
    if (parser->now.kind != kind)
        return false;
    script_take(parser);
    return true;
}

bool script_take_word(struct script_parser *parser, const char *word)
{
    if (!script_lexeme_is(&parser->now, word))
        return false;
    script_take(parser);
    return true;
}

bool script_want(struct script_parser *parser, enum script_lexeme_kind kind, const char *what)
{
    return script_take_if(parser, kind) || script_fail_expected(parser, what);
}

bool script_want_end(struct script_parser *parser)
{
    return parser->now.kind == LEX_END || script_fail_expected(parser, "the end of the line");
}

bool script_at_operator(const struct script_parser *parser, enum script_operator which)
{
    return parser->now.kind == LEX_OPERATOR && parser->now.value == which;
}

const struct script_name *script_want_name(struct script_parser *parser, u32 kinds, const char *what)
{
    char text[64];
    if (parser->now.kind != LEX_WORD) {
        format(text, sizeof(text), "%s %s", strchr("aeiou", what[0]) ? "an" : "a", what);
        script_fail_expected(parser, text);
        return NULL;
    }
    const struct script_name *name = script_name_find(kinds, parser->now.text, parser->now.length);
    if (name) {
        script_take(parser);
        return name;
    }
    format(text, sizeof(text), "no %s is called", what);
    script_fail_name(parser, &parser->now, text, kinds, false);
    return NULL;
}

bool script_want_constant(struct script_parser *parser, const char *what, u64 *value)
{
    if (parser->now.kind != LEX_NUMBER)
        return script_fail_expected(parser, what);
    *value = parser->now.value;
    script_take(parser);
    return true;
}

/* ---- variables ---- */

u8 script_variable_find(const struct script_program *program, const char *text, u32 length)
{
    for (u32 i = 0; i < program->variable_count; i++)
        if (strncmp(program->variables[i], text, length) == 0 && program->variables[i][length] == 0)
            return (u8)i;
    return SCRIPT_NO_VARIABLE;
}

/* Words that would mean something else in an expression or an item, and those that begin a line */
static bool is_reserved(const struct script_lexeme *word)
{
    static const char *const reserved[] = {
        "in", "raw", "others", "outcome", "or", "any", "row", "set", "unchanged",
#define SCRIPT_FUNCTION(name, arguments, text) #name,
#include "tests/runner/script/functions.def"
    };
    for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
        if (script_lexeme_is(word, reserved[i]))
            return true;
    const struct script_name *name = script_name_find(NAME_STATEMENT, word->text, word->length);
    return script_name_find(NAME_REGISTER | NAME_OPERAND, word->text, word->length) ||
           (name && !script_is_metadata(name));
}

static bool is_variable_name(const struct script_lexeme *word)
{
    for (u32 i = 0; i < word->length; i++)
        if (word->text[i] == '.')
            return false;
    return word->kind == LEX_WORD && word->text[0] >= 'a' && word->text[0] <= 'z';
}

u8 script_variable_declare(struct script_parser *parser, const struct script_lexeme *word)
{
    struct script_program *program = parser->program;
    char text[QUOTE_MAX];
    u8 index = script_variable_find(program, word->text, word->length);
    if (index != SCRIPT_NO_VARIABLE)
        return index;
    if (!is_variable_name(word))
        script_fail(parser, word->text,
                    "a variable's name begins with a small letter and has no dots, not %s",
                    quote(text, word));
    else if (is_reserved(word))
        script_fail(parser, word->text, "%s means something else; a variable needs another name",
                    quote(text, word));
    else if (word->length >= sizeof(program->variables[0]))
        script_fail(parser, word->text, "a variable's name has at most %u characters",
                    (u32)sizeof(program->variables[0]) - 1);
    else if (program->variable_count == SCRIPT_MAX_VARIABLES)
        script_fail_full(parser, "variables", SCRIPT_MAX_VARIABLES);
    else {
        index = (u8)program->variable_count++;
        memcpy(program->variables[index], word->text, word->length);
        program->variables[index][word->length] = 0;
    }
    return index;
}
