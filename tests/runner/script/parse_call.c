/* SPDX-License-Identifier: MIT */
/* call LEAF [REG=EXPR ...] [@CPU] [resume ...] [unchanged] [expect ITEM, ...] */
#include "tests/runner/script/parse.h"

#include "lib/string.h"

/* ---- leaves and CPUs ---- */

/* A name, a number or a variable */
bool script_parse_leaf(struct script_parser *parser, struct script_expr *leaf)
{
    struct script_lexeme now = parser->now;
    if (now.kind == LEX_NUMBER || now.kind == LEX_OPEN ||
        (now.kind == LEX_WORD &&
         script_variable_find(parser->program, now.text, now.length) != SCRIPT_NO_VARIABLE))
        return script_parse_expr(parser, leaf);
    if (now.kind != LEX_WORD)
        return script_fail_expected(parser, "a leaf");
    const struct script_name *name = script_name_find(NAME_LEAF, now.text, now.length);
    if (!name)
        return script_fail_name(parser, &now, "no leaf is called", NAME_LEAF, true);
    *leaf = (struct script_expr){(u16)parser->program->token_count, 1};
    script_take(parser);
    return script_emit_number(parser, now.text, name->value);
}

/* The number at the end of a word like cpu3, as an expression; false if the word isn't made like this. */
static bool numbered_word(struct script_parser *parser, const char *stem, struct script_expr *number,
                          bool *good)
{
    struct script_lexeme now = parser->now;
    u32 length = (u32)strlen(stem);
    u64 value = 0;
    if (now.length <= length || now.length > length + 4 || strncmp(now.text, stem, length) != 0)
        return false;
    for (u32 i = length; i < now.length; i++) {
        if (now.text[i] < '0' || now.text[i] > '9')
            return false;
        value = value * 10 + (u64)(now.text[i] - '0');
    }
    *number = (struct script_expr){(u16)parser->program->token_count, 1};
    script_take(parser);
    *good = script_emit_number(parser, now.text, value);
    return true;
}

/* Behind '@': cpu0 3 last (EXPR) package1 all */
bool script_parse_cpu(struct script_parser *parser, struct script_cpu *cpu)
{
    struct script_lexeme now = parser->now;
    bool good = true;
    *cpu = (struct script_cpu){.kind = CPU_NUMBER};
    if (now.kind == LEX_NUMBER) {
        cpu->number = (struct script_expr){(u16)parser->program->token_count, 1};
        script_take(parser);
        return script_emit_number(parser, now.text, now.value);
    }
    if (script_take_if(parser, LEX_OPEN))
        return script_parse_expr(parser, &cpu->number) && script_want(parser, LEX_CLOSE, "a ')'");
    if (now.kind == LEX_WORD && numbered_word(parser, "cpu", &cpu->number, &good))
        return good;
    if (now.kind == LEX_WORD && numbered_word(parser, "package", &cpu->number, &good)) {
        cpu->kind = CPU_PACKAGE;
        return good;
    }
    if (script_lexeme_is(&now, "last"))
        cpu->kind = CPU_LAST;
    else if (script_lexeme_is(&now, "all"))
        cpu->kind = CPU_ALL;
    else
        return script_fail_expected(parser, "a CPU: cpu0, 0, last, package0, all, (EXPR)");
    script_take(parser);
    return true;
}

/* ---- clauses ---- */

static bool read_resume(struct script_parser *parser, struct script_resume *resume)
{
    script_take(parser);
    const struct script_name *kind = script_want_name(parser, NAME_RESUME, "resume convention");
    if (!kind)
        return false;
    resume->kind = (enum script_resume_kind)kind->value;
    for (;;) {
        const char *at = parser->now.text;
        bool is_max = script_take_word(parser, "max");
        if (!is_max && !script_take_word(parser, "at"))
            return true;
        if (is_max ? resume->max.count > 0 : resume->elsewhere)
            return script_fail(parser, at, "'%s' is given twice", is_max ? "max" : "at");
        if (is_max && !script_parse_expr(parser, &resume->max))
            return false;
        if (is_max)
            continue;
        resume->elsewhere = true;
        at = parser->now.text;
        if (!script_want(parser, LEX_AT, "'@' and a CPU") || !script_parse_cpu(parser, &resume->cpu))
            return false;
        if (resume->cpu.kind == CPU_ALL)
            return script_fail(parser, at, "a call can't go on on all CPUs");
    }
}

static bool read_operand(struct script_parser *parser, struct script_call *call, u32 *given)
{
    struct script_lexeme word = parser->now;
    const struct script_name *reg =
        word.kind == LEX_WORD ? script_name_find(NAME_REGISTER | NAME_OPERAND, word.text, word.length) : NULL;
    if (word.kind != LEX_WORD)
        return script_fail_expected(parser, "an operand, '@', 'resume', 'unchanged' or 'expect'");
    if (!reg)
        return script_fail_name(parser, &word, "no register is called",
                                NAME_REGISTER | NAME_OPERAND | NAME_CLAUSE, false);
    if (*given & 1u << reg->value)
        return script_fail(parser, word.text, "%s is given twice", reg->text);
    if (reg->value == REG_RAX && !call->raw)
        return script_fail(parser, word.text,
                           "rax is made of leaf and version; 'call raw' takes it as it is");
    if (reg->value == REG_VERSION && call->raw)
        return script_fail(parser, word.text, "'call raw' has its version in rax");
    *given |= 1u << reg->value;
    script_take(parser);
    struct script_operand *operand = &call->operands[call->operand_count++];
    *operand = (struct script_operand){.index = (u8)reg->value, .is_register = true};
    return script_want(parser, LEX_ASSIGN, "'='") && script_parse_expr(parser, &operand->value);
}

/* One of the things that may follow the leaf; twice is an error. */
static bool read_clause(struct script_parser *parser, struct script_call *call, u32 *given, bool *has_cpu)
{
    struct script_lexeme now = parser->now;
    if (now.kind == LEX_AT) {
        if (*has_cpu)
            return script_fail(parser, now.text, "a second CPU for one call");
        *has_cpu = true;
        script_take(parser);
        return script_parse_cpu(parser, &call->cpu);
    }
    if (script_lexeme_is(&now, "resume")) {
        if (call->resume.kind != RESUME_NOT)
            return script_fail(parser, now.text, "'resume' is given twice");
        return read_resume(parser, &call->resume);
    }
    if (script_lexeme_is(&now, "unchanged")) {
        if (call->unchanged)
            return script_fail(parser, now.text, "'unchanged' is given twice");
        call->unchanged = true;
        script_take(parser);
        return true;
    }
    return read_operand(parser, call, given);
}

/* ---- in a par block ---- */

/* Counts lanes as far as they are known before the block runs. */
static bool count_lane(struct script_parser *parser, const struct script_cpu *cpu, const char *at)
{
    struct script_scope *scope = &parser->scope;
    u64 number = 0;
    if (cpu->kind != CPU_BOOT &&
        (cpu->kind != CPU_NUMBER || !script_constant(parser->program, cpu->number, &number))) {
        scope->lanes_vary = true;
        return true;
    }
    for (u32 i = 0; i < scope->lanes; i++)
        if (scope->lane_cpus[i] == number)
            return true;
    if (scope->lanes == SCRIPT_MAX_LANES)
        return script_fail(parser, at, "more than %u lanes in a 'par' block", SCRIPT_MAX_LANES);
    scope->lane_cpus[scope->lanes++] = number;
    return true;
}

static bool check_in_par(struct script_parser *parser, const struct script_call *call, const char *at)
{
    if (call->each)
        return script_fail(parser, at, "'each' can't stand in a 'par' block");
    if (call->unchanged)
        return script_fail(parser, at,
                           "calls in a 'par' block can't be 'unchanged': others run at the same time");
    if (call->cpu.kind == CPU_ALL)
        return script_fail(parser, at, "a call in a 'par' block has one CPU, not all");
    if (call->resume.elsewhere)
        return script_fail(parser, at, "a call in a 'par' block can't go on elsewhere");
    return count_lane(parser, &call->cpu, at);
}

/* ---- the whole ---- */

static void note_each(struct script_parser *parser, const struct script_call *call, u32 given,
                      const struct script_lexeme *leaf)
{
    struct script_scope *scope = &parser->scope;
    struct script_place here = script_place_here(parser, leaf);
    if (!scope->has_each)
        scope->each_first = here;
    scope->has_each = true;
    if (!call->raw)
        scope->each_named = here;
    else
        scope->each_raw = here;
    if (call->raw && !(given & 1u << REG_RAX))
        scope->each_raw_bare = here;
}

bool script_parse_call(struct script_parser *parser, struct script_call *call, bool each)
{
    struct script_scope *scope = &parser->scope;
    struct script_lexeme leaf = parser->now;
    u32 given = 0;
    bool has_cpu = false;
    *call = (struct script_call){.each = each, .raw = script_take_word(parser, "raw")};
    if (!call->raw && !script_parse_leaf(parser, &call->leaf))
        return false;
    while (parser->now.kind != LEX_END && !script_lexeme_is(&parser->now, "expect"))
        if (!read_clause(parser, call, &given, &has_cpu))
            return false;
    if (call->raw && !each && !(given & 1u << REG_RAX))
        return script_fail(parser, leaf.text, "'call raw' needs rax=...");
    bool in_par = scope->depth && scope->open[scope->depth - 1].verb == VERB_PAR;
    if (!in_par) {
        scope->called = true;
        scope->parallel |= call->cpu.kind == CPU_ALL;
    }
    if (each)
        note_each(parser, call, given, &leaf);
    const char *at = parser->now.text;
    bool expects = script_take_word(parser, "expect");
    if (in_par && expects)
        return script_fail(parser, at,
                           "calls in a 'par' block can't expect; write 'expect outcome ...' behind its end");
    if (in_par)
        return check_in_par(parser, call, leaf.text);
    scope->row_in_call = each;
    bool good = !expects || script_parse_items(parser, &call->expect);
    scope->row_in_call = false;
    return good;
}
