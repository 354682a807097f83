/* SPDX-License-Identifier: MIT */
#include "tests/runner/script/lex.h"

#include "lib/string.h"

enum { LETTER = 1, DIGIT = 2, BLANK = 4, STOP = 8 }; /* STOP: ends the quick walk through a line */

static const u8 classes[256] = {
    ['a' ... 'z'] = LETTER, ['A' ... 'Z'] = LETTER, ['_'] = LETTER, ['0' ... '9'] = DIGIT,
    [' '] = BLANK,          ['\t'] = BLANK,         ['\r'] = BLANK, ['\n'] = STOP,
    ['"'] = STOP,           ['#'] = STOP,           ['\0'] = STOP,
};

static u8 class_of(char c)
{
    return classes[(u8)c];
}

/* ---- lines ---- */

void script_lines_at(struct script_lines *lines, const struct script_file *file, u32 offset, u32 number)
{
    *lines = (struct script_lines){
        .base = file->text, .at = file->text + offset, .end = file->text + file->size, .number = number};
}

/* Behind the last character that isn't blank; the comment, or a string's end, is skipped over. Stops at the
 * line's end. */
static const char *walk_line(struct script_lines *lines, const char **content_end)
{
    const char *p = lines->at, *last = p;
    bool in_string = false, in_comment = false;
    for (; p < lines->end && *p != '\n'; p++) {
        u8 class = class_of(*p);
        if (*p == 0) {
            lines->nul = lines->nul ? lines->nul : p;
            lines->end = p;
            break;
        }
        if (in_comment || class == BLANK)
            continue;
        if (*p == '#' && !in_string) {
            in_comment = true;
            continue;
        }
        if (*p == '"')
            in_string = !in_string;
        last = p + 1;
    }
    *content_end = last;
    return p;
}

bool script_lines_next(struct script_lines *lines, struct script_line *line)
{
    while (lines->at < lines->end) {
        line->text = lines->at;
        line->number = lines->number;
        line->offset = (u32)(lines->at - lines->base);
        bool more = true;
        while (more) {
            const char *start = lines->at, *stop = walk_line(lines, &line->end);
            more = line->end > start && line->end[-1] == '\\' && stop < lines->end;
            lines->at = stop < lines->end ? stop + 1 : stop;
            lines->number++;
        }
        for (const char *p = line->text; p < line->end; p++)
            if (class_of(*p) != BLANK)
                return true;
    }
    return false;
}

/* ---- lexemes ---- */

static const char *skip_blanks(const struct script_line *line, const char *at)
{
    for (; at < line->end; at++) {
        if (class_of(*at) == BLANK && (*at != '\r' || at + 1 == line->end || at[1] == '\n'))
            continue;
        if (*at != '\\')
            break;
        const char *p = at + 1;
        while (p < line->end && class_of(*p) == BLANK)
            p++;
        if (p < line->end && *p != '\n')
            break;
        at = p < line->end ? p : p - 1;
    }
    return at;
}

static const char *wrong(struct script_lexeme *lexeme, const char *end, const char *why)
{
    lexeme->kind = LEX_WRONG;
    lexeme->wrong = why;
    return end;
}

static const char *lex_word(const struct script_line *line, const char *at)
{
    while (at < line->end && ((class_of(*at) & (LETTER | DIGIT)) ||
                              (*at == '.' && at + 1 < line->end && (class_of(at[1]) & (LETTER | DIGIT)))))
        at++;
    return at;
}

static u32 digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (u32)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (u32)(c - 'a' + 10) : 99;
}

static u32 suffix_shift(char c)
{
    return c == 'K' ? 10 : c == 'M' ? 20 : c == 'G' ? 30 : 0;
}

/* [0x]digits with '_' between them, then perhaps K, M or G */
static const char *lex_number(const struct script_line *line, const char *at, struct script_lexeme *lexeme)
{
    const char *end = at;
    while (end < line->end && (class_of(*end) & (LETTER | DIGIT)))
        end++;
    u32 base = end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x' ? 16 : 10;
    const char *p = base == 16 ? at + 2 : at, *first = p;
    lexeme->kind = LEX_NUMBER;
    for (; p < end && (digit_of(*p) < base || (*p == '_' && p > first)); p++)
        if (*p != '_' && (__builtin_mul_overflow(lexeme->value, base, &lexeme->value) ||
                          __builtin_add_overflow(lexeme->value, digit_of(*p), &lexeme->value)))
            return wrong(lexeme, end, "doesn't fit in 64 bits");
    u32 shift = p + 1 == end ? suffix_shift(*p) : 0;
    if (p == first || p[-1] == '_' || (p < end && shift == 0))
        return wrong(lexeme, end, "is no number");
    if (lexeme->value << shift >> shift != lexeme->value)
        return wrong(lexeme, end, "doesn't fit in 64 bits");
    lexeme->value <<= shift;
    return end;
}

static const char *lex_string(const struct script_line *line, const char *at, struct script_lexeme *lexeme)
{
    const char *p = at + 1;
    for (; p < line->end && *p != '"' && *p != '\n'; p++)
        if (((u8)*p < 0x20 && *p != '\t' && *p != '\r') || *p == 0x7F) {
            lexeme->text = p;
            lexeme->length = 1;
            return wrong(lexeme, p + 1, "a control character in a string");
        }
    if (p == line->end || *p == '\n')
        return wrong(lexeme, p, "this string has no end");
    lexeme->kind = LEX_STRING;
    lexeme->text = at + 1;
    lexeme->length = (u32)(p - at - 1);
    return p + 1;
}

static const struct {
    char text[3];
    u8 kind, value;
} symbols[] = {
    /* the longer ones first */
    {"==", LEX_OPERATOR, OP_EQUAL},
    {"!=", LEX_OPERATOR, OP_NOT_EQUAL},
    {"<=", LEX_OPERATOR, OP_LESS_EQUAL},
    {">=", LEX_OPERATOR, OP_GREATER_EQUAL},
    {"<<", LEX_OPERATOR, OP_SHIFT_LEFT},
    {">>", LEX_OPERATOR, OP_SHIFT_RIGHT},
    {"&&", LEX_OPERATOR, OP_AND},
    {"||", LEX_OPERATOR, OP_OR},
    {"..", LEX_RANGE, 0},
    {"=", LEX_ASSIGN, 0},
    {",", LEX_COMMA, 0},
    {"(", LEX_OPEN, 0},
    {")", LEX_CLOSE, 0},
    {"@", LEX_AT, 0},
    {"[", LEX_OPEN_INDEX, 0},
    {"]", LEX_CLOSE_INDEX, 0},
    {"<", LEX_OPERATOR, OP_LESS},
    {">", LEX_OPERATOR, OP_GREATER},
    {"+", LEX_OPERATOR, OP_PLUS},
    {"-", LEX_OPERATOR, OP_MINUS},
    {"*", LEX_OPERATOR, OP_TIMES},
    {"/", LEX_OPERATOR, OP_DIVIDE},
    {"%", LEX_OPERATOR, OP_REMAINDER},
    {"&", LEX_OPERATOR, OP_BIT_AND},
    {"|", LEX_OPERATOR, OP_BIT_OR},
    {"^", LEX_OPERATOR, OP_BIT_XOR},
    {"~", LEX_OPERATOR, OP_COMPLEMENT},
    {"!", LEX_OPERATOR, OP_NOT},
};

static const char *lex_symbol(const struct script_line *line, const char *at, struct script_lexeme *lexeme)
{
    for (size_t i = 0; i < ARRAY_COUNT(symbols); i++) {
        const char *text = symbols[i].text;
        u32 length = text[1] ? 2 : 1;
        if (text[0] != *at || (length == 2 && (at + 1 == line->end || text[1] != at[1])))
            continue;
        lexeme->kind = symbols[i].kind;
        lexeme->value = symbols[i].value;
        return at + length;
    }
    if (*at == '\\')
        return wrong(lexeme, at + 1, "a '\\' continues a line at its very end only, found");
    if ((u8)*at < 0x20 || *at == 0x7F)
        return wrong(lexeme, at + 1, "a control character");
    if ((u8)*at >= 0x80)
        return wrong(lexeme, at + 1, "outside of comments and strings only ASCII is allowed");
    return wrong(lexeme, at + 1, "unexpected character");
}

const char *script_lex(const struct script_line *line, const char *at, struct script_lexeme *lexeme)
{
    at = skip_blanks(line, at);
    *lexeme = (struct script_lexeme){.text = at};
    if (at >= line->end)
        return at;
    u8 class = class_of(*at);
    const char *end;
    if (class & LETTER) {
        lexeme->kind = LEX_WORD;
        end = lex_word(line, at);
    } else if (class & DIGIT) {
        end = lex_number(line, at, lexeme);
    } else if (*at == '"') {
        return lex_string(line, at, lexeme);
    } else {
        end = lex_symbol(line, at, lexeme);
    }
    lexeme->length = (u32)(end - at);
    return end;
}

const char *script_lex_name(const struct script_line *line, const char *at, struct script_lexeme *lexeme)
{
    at = skip_blanks(line, at);
    const char *end = at;
    while (end < line->end && ((class_of(*end) & (LETTER | DIGIT)) || *end == '.' || *end == '-'))
        end++;
    if (end == at)
        return script_lex(line, at, lexeme);
    *lexeme = (struct script_lexeme){.kind = LEX_WORD, .text = at, .length = (u32)(end - at)};
    return end;
}

bool script_lexeme_is(const struct script_lexeme *lexeme, const char *word)
{
    return lexeme->kind == LEX_WORD && strncmp(lexeme->text, word, lexeme->length) == 0 &&
           word[lexeme->length] == 0;
}
