/* SPDX-License-Identifier: MIT */
/*
 * Inside the reading half: the parser of one file, shared by the files that make it up; nobody else includes
 * this. Whoever finds an error calls script_fail(), which is false, and so is everything above it up to the
 * loop over the lines: one error a line.
 */
#ifndef TESTS_RUNNER_SCRIPT_PARSE_H
#define TESTS_RUNNER_SCRIPT_PARSE_H

#include "tests/runner/script/lex.h"
#include "tests/runner/script/names.h"

#define SCRIPT_MAX_ERRORS 20 /* of a file */

typedef void script_complain_t(void *context, const struct script_error *error);

/* A `for` or `par` whose `end` hasn't come */
struct script_open {
    enum script_verb verb;
    u16 step;
    u8 variable;
    struct script_line line;
    const char *at;
};

/* A place to complain about later */
struct script_place {
    struct script_line line;
    const char *at; /* NULL: none */
    u32 length;
};

/* What the lines of a test so far mean for those to come. */
struct script_scope {
    const char *name; /* of the test */
    u32 name_length;
    struct script_place place;
    u32 errors;                              /* before it */
    u64 declared_by_steps, declared_by_rows; /* variables, a bit each: of the whole test */
    u64 assigned;                            /* ... by the steps so far */
    u64 used;
    struct script_open open[SCRIPT_MAX_NESTING];
    u32 depth;
    bool called;                     /* there is a last call */
    bool parallel;                   /* there are lanes */
    u32 lanes;                       /* of the last par block, 0: not known before it runs */
    u64 lane_cpus[SCRIPT_MAX_LANES]; /* ... while it is open */
    bool lanes_vary;
    bool has_from, full; /* full: a limit was exceeded and complained about */

    bool in_row;
    u64 row_bound; /* variables that this row has bound so far */
    u32 rows;
    u32 row_all, row_any; /* registers that all rows bind, that one binds */
    u8 row_mask;          /* registers that the expectation of the row names, when compiling */
    struct script_place row_first, row_with_registers, row_expecting, row_not_expecting, row_rax, row_version;
    bool has_each, has_expect_row, row_in_call; /* row_in_call: the row's expectation counts, too */
    struct script_place each_first, expect_row_first, each_raw_bare, each_raw, each_named;
};

struct script_parser {
    const struct script_file *file;
    struct script_program *program;
    struct script_lines lines;
    struct script_line line;
    struct script_lexeme now;       /* the next lexeme, not yet taken */
    const char *at;                 /* behind it */
    const char *behind;             /* behind the last one taken */
    bool failed;                    /* in this line */
    const struct script_case *item; /* the case that is compiled; NULL: a whole file is read */
    u32 errors;
    script_complain_t *complain;
    void *context;
    struct script_scope scope;
};

/* ---- errors (parse.c) ---- */

/* One error for each line; the place is `at`, in the present line. */
bool script_fail(struct script_parser *parser, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool script_fail_place(struct script_parser *parser, const struct script_place *place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "what 'word'", with what may have been meant; which the guess, if not NULL, has already looked for. */
bool script_fail_name(struct script_parser *parser, const struct script_lexeme *word, const char *what,
                      u32 kinds, bool variables);
/* "what is expected, not 'word'" */
bool script_fail_expected(struct script_parser *parser, const char *what);
/* A limit of the test: one complaint, then silence. */
bool script_fail_full(struct script_parser *parser, const char *what, u32 limit);
struct script_place script_place_here(const struct script_parser *parser, const struct script_lexeme *lexeme);

/* ---- lexemes (parse.c) ---- */

bool script_line_next(struct script_parser *parser);
void script_line_start(struct script_parser *parser, const struct script_line *line);
void script_take(struct script_parser *parser);
struct script_lexeme script_peek(const struct script_parser *parser); /* the one behind `now` */
bool script_take_if(struct script_parser *parser, enum script_lexeme_kind kind);
bool script_take_word(struct script_parser *parser, const char *word);
bool script_want(struct script_parser *parser, enum script_lexeme_kind kind, const char *what);
bool script_want_end(struct script_parser *parser);
bool script_at_operator(const struct script_parser *parser, enum script_operator which);
/* A word that is a name of these kinds; NULL, complained: "no WHAT is called ...". */
const struct script_name *script_want_name(struct script_parser *parser, u32 kinds, const char *what);
/* Reads the present lexeme anew as a name that isn't the language's own. */
void script_read_name(struct script_parser *parser);
bool script_want_constant(struct script_parser *parser, const char *what, u64 *value);

/* ---- variables (parse.c) ---- */

#define SCRIPT_NO_VARIABLE 0xFF
u8 script_variable_find(const struct script_program *program, const char *text, u32 length);
/* Makes it if there is none; SCRIPT_NO_VARIABLE, complained: not a name for a variable, or too many. */
u8 script_variable_declare(struct script_parser *parser, const struct script_lexeme *word);

/* ---- expressions (parse_expression.c) ---- */

bool script_parse_expr(struct script_parser *parser, struct script_expr *expr);
bool script_emit_number(struct script_parser *parser, const char *at, u64 value);
bool script_emit_binary(struct script_parser *parser, const char *at, enum script_operator which);
/* Of an expression that names nothing but numbers. */
bool script_constant(const struct script_program *program, struct script_expr expr, u64 *value);
u8 script_registers_in(const struct script_program *program, struct script_expr expr);

/* ---- items (parse_items.c) ---- */

bool script_parse_items(struct script_parser *parser, struct script_items *items);

/* ---- steps (parse_steps.c, parse_call.c, parse_machine.c) ---- */

bool script_parse_statement(struct script_parser *parser, const struct script_name *verb);
bool script_parse_leaf(struct script_parser *parser, struct script_expr *leaf);
bool script_parse_cpu(struct script_parser *parser, struct script_cpu *cpu);
bool script_parse_call(struct script_parser *parser, struct script_call *call, bool each);
bool script_parse_inject(struct script_parser *parser, struct script_injection *inject);
bool script_parse_platform(struct script_parser *parser, struct script_platform_change *change);
bool script_parse_knobs(struct script_parser *parser, struct script_step *step);

/* ---- tests (parse_test.c, parse_rows.c, parse_metadata.c) ---- */

/* On a `test` line: begins its scope, takes its name, looks for its variables in the lines that follow. */
bool script_test_begin(struct script_parser *parser);
/* On a row: the lines go on behind the rows that stand together with it, if a case of theirs is compiled. */
void script_skip_rows(struct script_parser *parser);
/* After its last line: what can be said of the whole only. */
void script_test_end(struct script_parser *parser);
/* What the line begins with; NULL: an assignment, or no statement at all. */
const struct script_name *script_statement_of(const struct script_parser *parser);
/* [a-z0-9_]+, of a test or a row */
bool script_read_id(struct script_parser *parser, const char *what, struct script_lexeme *word);

/* A whole row, from the word `row` on, into the program; *name is complete even if something behind it is
 * wrong. */
bool script_row_parse(struct script_parser *parser, struct script_lexeme *name);
/* Its variables alone. */
void script_row_declare(struct script_parser *parser);
void script_rows_check(struct script_parser *parser);

#define SCRIPT_METADATA_KINDS 6
struct script_metadata {
    struct script_case values; /* source ... xfail_why */
    u32 given, here;           /* a bit for each of STATEMENT_SOURCE ...: anywhere, on this level */
};
bool script_is_metadata(const struct script_name *verb);
bool script_parse_metadata(struct script_parser *parser, const struct script_name *verb,
                           struct script_metadata *metadata);

#endif
