/* SPDX-License-Identifier: MIT */
/* Steps: what a line of a test makes happen. */
#include "tests/runner/script/parse.h"

#include "lib/string.h"

/* ---- from, bring ---- */

static bool read_options(struct script_parser *parser, struct script_from *from)
{
    while (parser->now.kind != LEX_END) {
        struct script_lexeme word = parser->now;
        const struct script_name *option = script_want_name(parser, NAME_OPTION, "option of a state");
        if (!option)
            return false;
        if (from->state < STATE_CONFIGURED)
            return script_fail(parser, word.text, "'%s' means something from 'configured' on, not in '%s'",
                               option->text, script_state_name(from->state));
        if (from->options[option->value].count)
            return script_fail(parser, word.text, "'%s' is given twice", option->text);
        if (!script_want(parser, LEX_ASSIGN, "'='") ||
            !script_parse_expr(parser, &from->options[option->value]))
            return false;
    }
    return true;
}

static bool read_from(struct script_parser *parser, struct script_from *from)
{
    const struct script_name *state = script_want_name(parser, NAME_STATE, "state");
    if (!state)
        return false;
    *from = (struct script_from){.state = (enum script_state)state->value};
    return read_options(parser, from);
}

/* ---- variables, memory ---- */

static void note_assigned(struct script_parser *parser, u8 variable)
{
    parser->scope.assigned |= 1ull << variable;
}

static bool read_assign(struct script_parser *parser, struct script_step *step)
{
    struct script_lexeme word = parser->now;
    u8 variable = script_variable_declare(parser, &word);
    if (variable == SCRIPT_NO_VARIABLE)
        return false;
    script_take(parser);
    script_take(parser); /* the '=' that made it an assignment */
    step->assign.variable = variable;
    bool good = script_parse_expr(parser, &step->assign.value);
    note_assigned(parser, variable);
    return good;
}

static bool read_write(struct script_parser *parser, struct script_step *step)
{
    return script_parse_expr(parser, &step->write.address) && script_want(parser, LEX_ASSIGN, "'='") &&
           script_parse_expr(parser, &step->write.value);
}

static bool read_fill(struct script_parser *parser, struct script_step *step)
{
    return script_parse_expr(parser, &step->write.address) && script_parse_expr(parser, &step->write.bytes) &&
           script_parse_expr(parser, &step->write.value);
}

static bool read_require(struct script_parser *parser, struct script_step *step)
{
    if (!script_parse_expr(parser, &step->require.condition))
        return false;
    step->require.why = parser->now.text;
    step->require.why_length = (u16)parser->now.length;
    return script_want(parser, LEX_STRING, "the reason, in quotes");
}

static bool read_say(struct script_parser *parser, struct script_step *step)
{
    do {
        if (step->say.count == ARRAY_COUNT(step->say.parts))
            return script_fail(parser, parser->now.text, "more than %u values in a line", step->say.count);
        struct script_say *part = &step->say.parts[step->say.count++];
        *part = (struct script_say){0};
        if (parser->now.kind == LEX_STRING) {
            part->text = parser->now.text;
            part->length = (u16)parser->now.length;
            script_take(parser);
        } else if (!script_parse_expr(parser, &part->value)) {
            return false;
        }
    } while (script_take_if(parser, LEX_COMMA));
    return true;
}

/* ---- blocks ---- */

static bool open_block(struct script_parser *parser, enum script_verb verb, u8 variable)
{
    struct script_scope *scope = &parser->scope;
    struct script_lexeme first;
    script_lex(&parser->line, parser->line.text, &first);
    if (scope->depth == SCRIPT_MAX_NESTING) {
        script_fail(parser, first.text, "more than %u blocks in one another", SCRIPT_MAX_NESTING);
        scope->full = true; /* their ends would look like too many */
        return false;
    }
    scope->open[scope->depth++] = (struct script_open){.verb = verb,
                                                       .step = (u16)parser->program->step_count,
                                                       .variable = variable,
                                                       .line = parser->line,
                                                       .at = first.text};
    return true;
}

static bool read_range(struct script_parser *parser, struct script_step *step)
{
    u64 width;
    if (!script_take_word(parser, "in"))
        return script_fail_expected(parser, "'in'");
    if (!script_parse_expr(parser, &step->loop.first) || !script_want(parser, LEX_RANGE, "'..'") ||
        !script_parse_expr(parser, &step->loop.limit))
        return false;
    if (!script_take_word(parser, "step"))
        return true;
    const char *at = parser->now.text;
    if (!script_parse_expr(parser, &step->loop.step))
        return false;
    if (script_constant(parser->program, step->loop.step, &width) && width == 0)
        return script_fail(parser, at, "a step of 0 never ends");
    return true;
}

static bool is_loop_variable(const struct script_scope *scope, u8 variable)
{
    for (u32 i = 0; i < scope->depth; i++)
        if (scope->open[i].verb == VERB_FOR && scope->open[i].variable == variable)
            return true;
    return false;
}

static bool read_for(struct script_parser *parser, struct script_step *step)
{
    struct script_scope *scope = &parser->scope;
    struct script_lexeme word = parser->now;
    u8 variable = word.kind == LEX_WORD ? script_variable_declare(parser, &word) : SCRIPT_NO_VARIABLE;
    bool counts_already = variable != SCRIPT_NO_VARIABLE && is_loop_variable(scope, variable);
    bool good = word.kind == LEX_WORD || script_fail_expected(parser, "a variable");
    good = good && variable != SCRIPT_NO_VARIABLE;
    if (good && counts_already)
        good = script_fail(parser, word.text, "'%.*s' counts a 'for' around this one", (int)word.length,
                           word.text);
    script_take(parser);
    step->loop.variable = variable;
    good = good && read_range(parser, step);
    if (variable != SCRIPT_NO_VARIABLE)
        note_assigned(parser, variable);
    return open_block(parser, VERB_FOR, variable) && good; /* also after an error, so that its `end` fits */
}

static bool read_par(struct script_parser *parser)
{
    struct script_scope *scope = &parser->scope;
    scope->lanes = 0;
    scope->lanes_vary = false;
    return open_block(parser, VERB_PAR, SCRIPT_NO_VARIABLE);
}

static bool read_end(struct script_parser *parser, struct script_step *step, const char *at)
{
    struct script_scope *scope = &parser->scope;
    struct script_program *program = parser->program;
    if (scope->depth == 0)
        return script_fail(parser, at, "'end' without 'for' or 'par'");
    const struct script_open *open = &scope->open[--scope->depth];
    step->other = open->step;
    program->steps[open->step].other = (u16)program->step_count;
    if (open->verb != VERB_PAR)
        return true;
    scope->called = scope->parallel = true;
    if (scope->lanes_vary)
        scope->lanes = 0;
    if (open->step + 1u == program->step_count && parser->errors == 0)
        return script_fail(parser, at, "no calls in this 'par' block");
    return true;
}

/* ---- any of them ---- */

static bool read_call(struct script_parser *parser, struct script_step *step, bool each)
{
    bool good = script_parse_call(parser, &step->call, each);
    if (!good)
        parser->scope.called = true; /* its expectations aren't wrong for that */
    return good;
}

static bool read_step(struct script_parser *parser, struct script_step *step, bool each, const char *at)
{
    switch (step->verb) {
    case VERB_FROM:
    case VERB_BRING:
        return read_from(parser, &step->from);
    case VERB_ASSIGN:
        return read_assign(parser, step);
    case VERB_CALL:
        return read_call(parser, step, each);
    case VERB_EXPECT:
        return script_parse_items(parser, &step->expect);
    case VERB_WRITE:
        return read_write(parser, step);
    case VERB_FILL:
        return read_fill(parser, step);
    case VERB_REQUIRE:
        return read_require(parser, step);
    case VERB_FOR:
        return read_for(parser, step);
    case VERB_PAR:
        return read_par(parser);
    case VERB_END:
        return read_end(parser, step, at);
    case VERB_INJECT:
        return script_parse_inject(parser, &step->inject);
    case VERB_KNOB:
    case VERB_INSTALL:
        return script_parse_knobs(parser, step);
    case VERB_PLATFORM:
        return script_parse_platform(parser, &step->platform);
    case VERB_SAY:
        return read_say(parser, step);
    case SCRIPT_VERBS:
        break;
    }
    return false;
}

/* Where the line stands in its test */
static bool check_place(struct script_parser *parser, enum script_verb verb, const char *at)
{
    struct script_scope *scope = &parser->scope;
    const struct script_open *open = scope->depth ? &scope->open[scope->depth - 1] : NULL;
    if (open && open->verb == VERB_PAR && verb != VERB_CALL && verb != VERB_END)
        return script_fail(parser, at,
                           "only calls stand in a 'par' block, up to its 'end' (it begins in line %u)",
                           open->line.number);
    if (scope->has_from || verb == VERB_FROM)
        return true;
    scope->has_from = true; /* once is enough */
    return script_fail(parser, at, "the first step of a test is 'from STATE'");
}

bool script_parse_statement(struct script_parser *parser, const struct script_name *name)
{
    struct script_program *program = parser->program;
    struct script_scope *scope = &parser->scope;
    const char *at = parser->now.text;
    bool each = name && name->value == STATEMENT_EACH;
    enum script_verb verb = !name  ? VERB_ASSIGN
                            : each ? VERB_CALL
                                   : (enum script_verb)(name->value - STATEMENT_VERB);
    if (program->step_count == SCRIPT_MAX_STEPS)
        return script_fail_full(parser, "steps", SCRIPT_MAX_STEPS);
    struct script_step *step = &program->steps[program->step_count];
    memset(step, 0, sizeof(*step));
    step->verb = verb;
    step->line = parser->line.number;
    step->text = parser->line.text;
    step->length = (u32)(parser->line.end - parser->line.text);
    bool good = check_place(parser, verb, at);
    if (verb == VERB_FROM)
        scope->has_from = true;
    if (name)
        script_take(parser);
    if (each && !script_take_word(parser, "call"))
        return script_fail_expected(parser, "'call'");
    good = read_step(parser, step, each, at) && good && script_want_end(parser);
    program->step_count++;
    return good;
}
