/* SPDX-License-Identifier: MIT */
/* What the emulated machine does: inject, platform, knob, install. */
#include "tests/runner/script/parse.h"

#include "lib/string.h"

/* ---- inject ---- */

/* LEAF [nth N] [for N] */
static bool read_park(struct script_parser *parser, struct script_injection *inject)
{
    if (!script_parse_leaf(parser, &inject->leaf))
        return false;
    if (script_take_word(parser, "nth") && !script_parse_expr(parser, &inject->nth))
        return false;
    return !script_take_word(parser, "for") || script_parse_expr(parser, &inject->value);
}

static bool read_times(struct script_parser *parser, struct script_injection *inject)
{
    for (;;) {
        const char *at = parser->now.text;
        bool is_nth = script_take_word(parser, "nth");
        if (!is_nth && !script_take_word(parser, "count"))
            return true;
        struct script_expr *expr = is_nth ? &inject->nth : &inject->count;
        if (expr->count)
            return script_fail(parser, at, "'%s' is given twice", is_nth ? "nth" : "count");
        if (!script_parse_expr(parser, expr))
            return false;
    }
}

static bool read_fault(struct script_parser *parser, struct script_injection *inject)
{
    if (!script_parse_leaf(parser, &inject->leaf) || !read_times(parser, inject))
        return false;
    if (inject->kind == INJECT_STATUS) {
        if (!script_take_word(parser, "rax"))
            return script_fail_expected(parser, "'nth', 'count' or 'rax=...'");
        return script_want(parser, LEX_ASSIGN, "'='") && script_parse_expr(parser, &inject->value);
    }
    if (inject->kind != INJECT_INTERRUPT)
        return true;
    if (!script_take_word(parser, "after"))
        return script_fail_expected(parser, "'nth', 'count' or 'after N'");
    return script_parse_expr(parser, &inject->value);
}

static bool read_storm(struct script_parser *parser, struct script_injection *inject)
{
    if (!script_want(parser, LEX_AT, "'@' and a CPU") || !script_parse_cpu(parser, &inject->cpu))
        return false;
    if (!script_take_word(parser, "every"))
        return script_fail_expected(parser, "'every N us'");
    if (!script_parse_expr(parser, &inject->value))
        return false;
    return script_take_word(parser, "us") || script_fail_expected(parser, "'us'");
}

bool script_parse_inject(struct script_parser *parser, struct script_injection *inject)
{
    const struct script_name *kind = script_want_name(parser, NAME_INJECT, "injection");
    if (!kind)
        return false;
    *inject = (struct script_injection){.kind = (enum script_inject)kind->value};
    if (inject->kind == INJECT_STOP)
        return true;
    if (inject->kind == INJECT_IPI || inject->kind == INJECT_TIMER)
        return read_storm(parser, inject);
    if (inject->kind == INJECT_PARK)
        return read_park(parser, inject);
    return read_fault(parser, inject);
}

/* ---- platform ---- */

/* EXPR = EXPR, LEAF SUBLEAF REG = EXPR, INDEX = BASE, SIZE or = EXPR */
static bool read_change(struct script_parser *parser, struct script_platform_change *change)
{
    struct script_expr *arguments = change->arguments;
    u32 value = 0;
    if (change->kind == PLATFORM_MSR || change->kind == PLATFORM_CMR || change->kind == PLATFORM_CPUID)
        if (!script_parse_expr(parser, &arguments[value++]))
            return false;
    if (change->kind == PLATFORM_CPUID) {
        if (!script_parse_expr(parser, &arguments[value++]))
            return false;
        const struct script_name *reg = script_want_name(parser, NAME_CPUID_REGISTER, "register of CPUID");
        if (!reg)
            return false;
        change->reg = (u8)reg->value;
    }
    if (!script_want(parser, LEX_ASSIGN, "'='") || !script_parse_expr(parser, &arguments[value]))
        return false;
    if (change->kind != PLATFORM_CMR)
        return true;
    return script_want(parser, LEX_COMMA, "',' and a size") && script_parse_expr(parser, &arguments[2]);
}

bool script_parse_platform(struct script_parser *parser, struct script_platform_change *change)
{
    const struct script_name *kind = script_want_name(parser, NAME_PLATFORM, "part of the platform");
    if (!kind)
        return false;
    *change = (struct script_platform_change){.kind = (enum script_platform)kind->value, .cpu.kind = CPU_ALL};
    if (!read_change(parser, change))
        return false;
    bool for_a_cpu =
        change->kind == PLATFORM_MSR || change->kind == PLATFORM_CPUID || change->kind == PLATFORM_SEAMCAPS;
    return !for_a_cpu || !script_take_if(parser, LEX_AT) || script_parse_cpu(parser, &change->cpu);
}

/* ---- knobs ---- */

static bool read_knob(struct script_parser *parser, struct script_step *step)
{
    struct script_lexeme word = parser->now;
    u32 index = step->knobs.count, size = sizeof(step->knobs.names[0]);
    if (word.kind != LEX_WORD)
        return script_fail_expected(parser, "the name of a knob");
    if (index == ARRAY_COUNT(step->knobs.values))
        return script_fail(parser, word.text, "more than %u knobs", (u32)ARRAY_COUNT(step->knobs.values));
    if (word.length >= size)
        return script_fail(parser, word.text, "a knob's name has at most %u characters", size - 1);
    memcpy(step->knobs.names[index], word.text, word.length);
    step->knobs.names[index][word.length] = 0;
    step->knobs.count++;
    script_take(parser);
    return script_want(parser, LEX_ASSIGN, "'='") && script_parse_expr(parser, &step->knobs.values[index]);
}

bool script_parse_knobs(struct script_parser *parser, struct script_step *step)
{
    if (step->verb == VERB_KNOB)
        return read_knob(parser, step);
    while (parser->now.kind != LEX_END)
        if (!read_knob(parser, step))
            return false;
    return true;
}
