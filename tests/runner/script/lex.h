/* SPDX-License-Identifier: MIT */
/*
 * From text to logical lines (a line with its continuations, without its comment), and from such a line to
 * lexemes. Positions are pointers into the text; lines and columns are only made when somebody asks.
 */
#ifndef TESTS_RUNNER_SCRIPT_LEX_H
#define TESTS_RUNNER_SCRIPT_LEX_H

#include "tests/runner/script/script.h"

/* One logical line: [text, end), from the first character of its first line to the last one that isn't blank.
 */
struct script_line {
    const char *text, *end;
    u32 number; /* of its first line */
    u32 offset; /* of text in the file */
};

struct script_lines {
    const char *base, *at, *end;
    u32 number;
    const char *nul; /* a NUL byte: the text ends there */
};

void script_lines_at(struct script_lines *lines, const struct script_file *file, u32 offset, u32 number);
/* The next line that isn't empty. */
bool script_lines_next(struct script_lines *lines, struct script_line *line);

enum script_lexeme_kind {
    LEX_END,
    LEX_WORD,     /* a letter or '_', then letters, digits, '_', and '.' before one of these */
    LEX_NUMBER,   /* value */
    LEX_STRING,   /* text without its quotes */
    LEX_OPERATOR, /* value: enum script_operator; '-' is OP_MINUS */
    LEX_OPEN,
    LEX_CLOSE,
    LEX_OPEN_INDEX,
    LEX_CLOSE_INDEX,
    LEX_COMMA,
    LEX_AT,
    LEX_ASSIGN,
    LEX_RANGE, /* .. */
    LEX_WRONG, /* wrong: what is */
};
struct script_lexeme {
    enum script_lexeme_kind kind;
    const char *text;
    u32 length;
    u64 value;
    const char *wrong;
};

/* The lexeme at or behind a place in a line, and the place behind it. */
const char *script_lex(const struct script_line *line, const char *at, struct script_lexeme *lexeme);
/* The same for names that aren't the language's own ("1.5.01", "module-1.5.01"): letters, digits, '.', '_',
 * '-'. */
const char *script_lex_name(const struct script_line *line, const char *at, struct script_lexeme *lexeme);

bool script_lexeme_is(const struct script_lexeme *lexeme, const char *word);

#endif
