/* SPDX-License-Identifier: MIT */
/* Files and cases: the two readings of a text. */
#include "tests/runner/script/parse.h"

#include "lib/format.h"
#include "lib/string.h"
#include "tests/runner/verdict.h"

/* ---- ids, by hash ---- */

#define INDEX_SIZE (2 * SCRIPT_MAX_CASES)

static u32 hash_of(const char *id)
{
    u32 hash = 2166136261u; /* FNV-1a */
    for (; *id; id++)
        hash = (hash ^ (u8)*id) * 16777619u;
    return hash ^ hash >> 15;
}

/* Where the id is, or where it would be put: a slot that is 0. The index is never full. */
static u16 *slot_of(struct script_suite *suite, const char *id)
{
    u32 at = hash_of(id) % INDEX_SIZE;
    while (suite->index[at] && strcmp(suite->cases[suite->index[at] - 1].id, id) != 0)
        at = (at + 1) % INDEX_SIZE;
    return &suite->index[at];
}

/* Back to what there was before a file. */
static void forget_file(struct script_suite *suite, u32 case_count)
{
    suite->file_count--;
    suite->case_count = case_count;
    memset(suite->index, 0, sizeof(suite->index));
    for (u32 i = 0; i < case_count; i++)
        *slot_of(suite, suite->cases[i].id) = (u16)(i + 1);
}

/* ---- cases ---- */

struct reader {
    struct script_parser parser;
    struct script_suite *suite;
    char id[SCRIPT_ID_MAX]; /* of the suite; "" before it is known */
    bool begun;             /* there was a first line */
    bool in_test;
    struct script_metadata defaults, metadata; /* of the suite, of the test */
    u32 test_offset, test_line, first_case;
    u32 rows_offset, rows_case; /* of rows that stand together */
    bool in_rows;
};

/* suite.test[.row] */
static bool add_case(struct reader *reader, const struct script_lexeme *row)
{
    struct script_parser *parser = &reader->parser;
    const struct script_scope *scope = &parser->scope;
    struct script_suite *suite = reader->suite;
    const char *at = row ? row->text : scope->place.at;
    if (suite->case_count == SCRIPT_MAX_CASES)
        return script_fail(parser, at, "more than %u cases", SCRIPT_MAX_CASES);
    struct script_case *item = &suite->cases[suite->case_count];
    size_t length = format(item->id, sizeof(item->id), "%s.%.*s%s%.*s", reader->id, (int)scope->name_length,
                           scope->name, row ? "." : "", row ? (int)row->length : 0, row ? row->text : "");
    if (length >= sizeof(item->id))
        return script_fail(parser, at, "the id %s... has more than %u characters", item->id,
                           SCRIPT_ID_MAX - 1);
    u16 *slot = slot_of(suite, item->id);
    if (*slot) {
        const struct script_case *other = &suite->cases[*slot - 1];
        return script_fail(parser, at, "%s is the id of another case, %s:%u", item->id,
                           suite->files[other->file].name, other->row_line ? other->row_line : other->line);
    }
    *slot = (u16)++suite->case_count;
    item->row_offset = row ? parser->line.offset : 0;
    item->row_line = row ? parser->line.number : 0;
    item->line = reader->test_line;
    item->file = (u16)(suite->file_count - 1);
    return true;
}

/* What is known at the end of a test only goes into all its cases. */
static void complete_case(const struct reader *reader, struct script_case *item, enum script_state state)
{
    struct script_case full = reader->metadata.values;
    memcpy(full.id, item->id, sizeof(full.id));
    full.file = item->file;
    full.offset = reader->test_offset;
    full.line = reader->test_line;
    full.row_offset = item->row_offset;
    full.row_line = item->row_line;
    full.rows_offset = item->rows_offset;
    full.rows_end = item->rows_end;
    full.rows_end_line = item->rows_end_line;
    full.state = state;
    if (full.seconds == 0)
        full.seconds = SCRIPT_DEFAULT_SECONDS;
    *item = full;
}

/* Behind rows, in front of a line that isn't one or at the end of the file */
static void end_rows(struct reader *reader, u32 offset, u32 line)
{
    struct script_suite *suite = reader->suite;
    for (u32 i = reader->rows_case; reader->in_rows && i < suite->case_count; i++) {
        suite->cases[i].rows_offset = reader->rows_offset;
        suite->cases[i].rows_end = offset;
        suite->cases[i].rows_end_line = line;
    }
    reader->in_rows = false;
}

static void end_test(struct reader *reader)
{
    struct script_parser *parser = &reader->parser;
    struct script_scope *scope = &parser->scope;
    const struct script_program *program = parser->program;
    if (!reader->in_test)
        return;
    parser->failed = false;
    parser->line = scope->place.line;
    if (!(reader->metadata.given & 1u << (STATEMENT_SOURCE - STATEMENT_SOURCE)))
        script_fail_place(parser, &scope->place,
                          "where does what this test expects come from? Give 'source', here or "
                          "below 'suite'");
    script_test_end(parser);
    if (scope->rows == 0 && scope->name)
        add_case(reader, NULL);
    enum script_state state = program->step_count ? program->steps[0].from.state : STATE_RESET;
    for (u32 i = reader->first_case; i < reader->suite->case_count; i++)
        complete_case(reader, &reader->suite->cases[i], state);
    scope->full = false;
    reader->in_test = false;
}

/* ---- lines ---- */

static void read_suite(struct reader *reader)
{
    struct script_parser *parser = &reader->parser;
    script_take(parser);
    script_read_name(parser);
    struct script_lexeme word = parser->now;
    if (word.length < sizeof(reader->id))
        format(reader->id, sizeof(reader->id), "%.*s", (int)word.length, word.text);
    if (word.kind != LEX_WORD || word.length >= sizeof(reader->id) || !case_id_valid(reader->id)) {
        format(reader->id, sizeof(reader->id), "nameless");
        script_fail_expected(parser, "the suite's id, of a-z, 0-9, _ and single dots,");
        return;
    }
    script_take(parser);
    script_want_end(parser);
}

static void read_test(struct reader *reader)
{
    struct script_parser *parser = &reader->parser;
    struct script_line line = parser->line;
    end_test(reader);
    script_line_start(parser, &line);
    reader->test_offset = line.offset;
    reader->test_line = line.number;
    reader->first_case = reader->suite->case_count;
    reader->metadata = reader->defaults;
    reader->metadata.here = 0;
    reader->in_test = true;
    script_test_begin(parser);
}

static void read_row(struct reader *reader)
{
    struct script_parser *parser = &reader->parser;
    struct script_program *program = parser->program;
    u32 tokens = program->token_count, items = program->item_count, alternatives = program->alternative_count;
    struct script_lexeme name;
    if (!reader->in_rows) {
        reader->rows_offset = parser->line.offset;
        reader->rows_case = reader->suite->case_count;
    }
    reader->in_rows = true;
    script_row_parse(parser, &name);
    if (name.length)
        add_case(reader, &name);
    program->token_count = tokens; /* each case has its own row only */
    program->item_count = items;
    program->alternative_count = alternatives;
}

static void read_metadata(struct reader *reader, const struct script_name *statement)
{
    struct script_parser *parser = &reader->parser;
    if (reader->in_test && parser->program->step_count)
        script_fail(parser, parser->now.text, "'%s' belongs before the first step of the test",
                    statement->text);
    else
        script_parse_metadata(parser, statement, reader->in_test ? &reader->metadata : &reader->defaults);
}

static void read_other(struct reader *reader, const struct script_name *statement)
{
    struct script_parser *parser = &reader->parser;
    struct script_lexeme now = parser->now;
    if (!statement && script_peek(parser).kind != LEX_ASSIGN) {
        if (now.kind != LEX_WORD)
            script_fail_expected(parser, "a verb");
        else
            script_fail_name(parser, &now, "no verb is called", NAME_STATEMENT, false);
    } else if (!reader->in_test) {
        script_fail(parser, now.text, "this belongs in a test, and none has begun");
    } else if (statement && statement->value == STATEMENT_ROW) {
        read_row(reader);
    } else {
        script_parse_statement(parser, statement);
    }
}

static void read_line(struct reader *reader)
{
    struct script_parser *parser = &reader->parser;
    const struct script_name *statement = script_statement_of(parser);
    const char *at = parser->now.text;
    if (parser->line.end - parser->line.text > SCRIPT_MAX_LINE) {
        script_fail(parser, parser->line.text, "a line, with what continues it, has at most %u characters",
                    SCRIPT_MAX_LINE);
        return;
    }
    if (!statement || statement->value != STATEMENT_ROW)
        end_rows(reader, parser->line.offset, parser->line.number);
    bool is_suite = statement && statement->value == STATEMENT_SUITE;
    if (!reader->begun && !is_suite)
        script_fail(parser, at, "a script begins with 'suite ID'");
    else if (reader->begun && is_suite)
        script_fail(parser, at, "a second 'suite' in a file");
    else if (is_suite)
        read_suite(reader);
    reader->begun = true;
    if (is_suite)
        return;
    if (statement && statement->value == STATEMENT_TEST)
        read_test(reader);
    else if (statement && script_is_metadata(statement))
        read_metadata(reader, statement);
    else
        read_other(reader, statement);
}

/* ---- files ---- */

static struct script_program scratch; /* what is read for its errors alone */

static void complain_of_text(struct script_parser *parser, const char *at, const char *text)
{
    struct script_place place = {{.text = parser->file->text, .number = 1}, at, 0};
    parser->scope.full = false;
    script_fail_place(parser, &place, "%s", text);
}

bool script_read(struct script_suite *suite, const struct script_file *file, script_complain_t *complain,
                 void *context)
{
    static struct reader reader;
    struct script_parser *parser = &reader.parser;
    u32 case_count = suite->case_count;
    memset(&reader, 0, sizeof(reader));
    reader.suite = suite;
    parser->file = file;
    parser->program = &scratch;
    parser->complain = complain;
    parser->context = context;
    if (suite->file_count == SCRIPT_MAX_FILES) {
        complain_of_text(parser, file->text, "more files than can be read");
        return false;
    }
    suite->files[suite->file_count++] = *file;
    format(reader.id, sizeof(reader.id), "nameless");
    script_lines_at(&parser->lines, file, 0, 1);
    while (parser->errors < SCRIPT_MAX_ERRORS && script_line_next(parser))
        read_line(&reader);
    end_rows(&reader, (u32)(parser->lines.end - file->text), parser->lines.number);
    end_test(&reader);
    if (parser->lines.nul)
        complain_of_text(parser, parser->lines.nul, "a NUL byte: this is no text");
    else if (suite->case_count == case_count && parser->errors == 0)
        complain_of_text(parser, file->text, "no test in this file");
    if (parser->errors)
        forget_file(suite, case_count);
    return parser->errors == 0;
}

/* ---- one case ---- */

static void keep_first(void *context, const struct script_error *error)
{
    struct script_error *first = context;
    if (!first->file)
        *first = *error;
}

static void compile_row(struct script_parser *parser, const struct script_case *item)
{
    struct script_lines lines = parser->lines;
    struct script_lexeme name;
    script_lines_at(&parser->lines, parser->file, item->row_offset, item->row_line);
    if (script_line_next(parser))
        script_row_parse(parser, &name);
    parser->lines = lines;
}

bool script_compile(const struct script_suite *suite, const struct script_case *item,
                    struct script_program *program, struct script_error *error)
{
    static struct script_parser parser;
    memset(&parser, 0, sizeof(parser));
    *error = (struct script_error){0};
    parser.file = &suite->files[item->file];
    parser.program = program;
    parser.complain = keep_first;
    parser.context = error;
    parser.item = program->item = item;
    script_lines_at(&parser.lines, parser.file, item->offset, item->line);
    if (script_line_next(&parser))
        script_test_begin(&parser);
    if (item->row_line)
        compile_row(&parser, item);
    while (!parser.errors && script_line_next(&parser)) {
        const struct script_name *statement = script_statement_of(&parser);
        if (statement && statement->value == STATEMENT_TEST)
            break;
        if (!statement || statement->value >= STATEMENT_VERB || statement->value == STATEMENT_EACH)
            script_parse_statement(&parser, statement);
        else if (statement->value == STATEMENT_ROW)
            script_skip_rows(&parser);
    }
    return parser.errors == 0;
}

/* ---- names for others ---- */

const char *script_state_name(enum script_state state)
{
    static const char *const names[SCRIPT_STATES] = {
#define SCRIPT_STATE(symbol, name) [STATE_##symbol] = name,
#include "tests/runner/script/states.def"
    };
    return state < SCRIPT_STATES ? names[state] : "?";
}

const char *script_register_name(u32 reg)
{
    static const char *const names[] = {"rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "version"};
    return reg < ARRAY_COUNT(names) ? names[reg] : "?";
}

const char *script_function_name(u32 function)
{
    static const char *const names[SCRIPT_FUNCTIONS] = {
#define SCRIPT_FUNCTION(name, arguments, text) [FUNCTION_##name] = #name,
#include "tests/runner/script/functions.def"
    };
    return function < SCRIPT_FUNCTIONS ? names[function] : "?";
}
