/* SPDX-License-Identifier: MIT */
/* What a test says of itself: source, need, profile, version, timeout, xfail. */
#include "tests/runner/script/parse.h"

#include "lib/string.h"

bool script_is_metadata(const struct script_name *verb)
{
    return verb->value >= STATEMENT_SOURCE && verb->value <= STATEMENT_XFAIL;
}

static bool read_source(struct script_parser *parser, struct script_case *values)
{
    script_read_name(parser);
    const struct script_name *source = script_want_name(parser, NAME_SOURCE, "source");
    if (source)
        values->source = (enum test_source)source->value;
    return source != NULL;
}

/* cpus>=N */
static bool read_amount(struct script_parser *parser, struct script_case *values,
                        const struct script_name *what)
{
    u64 value;
    if (!script_at_operator(parser, OP_GREATER_EQUAL))
        return script_fail_expected(parser, "'>='");
    script_take(parser);
    const char *at = parser->now.text;
    if (!script_want_constant(parser, "a number", &value))
        return false;
    if (value > ~0u)
        return script_fail(parser, at, "no machine has so much");
    u32 *least = what->value == AMOUNT_CPUS       ? &values->min_cpus
                 : what->value == AMOUNT_PACKAGES ? &values->min_packages
                                                  : &values->min_memory_mib;
    *least = (u32)max_u64(*least, value);
    return true;
}

static bool read_needs(struct script_parser *parser, struct script_case *values)
{
    do {
        const struct script_name *need = script_want_name(parser, NAME_NEED | NAME_AMOUNT, "need");
        if (!need)
            return false;
        if (need->kind == NAME_NEED)
            values->needs |= (u32)need->value;
        else if (!read_amount(parser, values, need))
            return false;
    } while (parser->now.kind != LEX_END);
    return true;
}

static bool read_profiles(struct script_parser *parser, struct script_case *values)
{
    size_t used = 0;
    do {
        script_read_name(parser);
        const struct script_lexeme word = parser->now;
        if (!script_want_name(parser, NAME_PROFILE, "profile"))
            return false;
        if (used + word.length + 2 > sizeof(values->profiles))
            return script_fail(parser, word.text, "more than %u characters of profiles",
                               (u32)sizeof(values->profiles) - 1);
        if (used)
            values->profiles[used++] = ' ';
        memcpy(values->profiles + used, word.text, word.length);
        used += word.length;
        values->profiles[used] = 0;
    } while (parser->now.kind != LEX_END);
    return true;
}

/* major.minor.update */
static bool read_version(struct script_parser *parser, script_version_t *version)
{
    script_read_name(parser);
    struct script_lexeme word = parser->now;
    u32 parts = 0, value = 0, digits = 0;
    *version = 0;
    for (u32 i = 0; word.kind == LEX_WORD && i <= word.length; i++) {
        char c = i < word.length ? word.text[i] : '.';
        if (c == '.' && digits) {
            *version = *version << 16 | value;
            parts++;
            value = digits = 0;
        } else if (c >= '0' && c <= '9' && digits < 4) {
            value = value * 10 + (u32)(c - '0');
            digits++;
        } else {
            parts = 99;
            break;
        }
    }
    if (parts != 3)
        return script_fail_expected(parser, "a version like 1.5.6");
    script_take(parser);
    return true;
}

static bool read_version_gate(struct script_parser *parser, struct script_case *values)
{
    if (script_at_operator(parser, OP_GREATER_EQUAL))
        values->relation = VERSION_AT_LEAST;
    else if (script_at_operator(parser, OP_LESS))
        values->relation = VERSION_BELOW;
    else if (script_at_operator(parser, OP_EQUAL))
        values->relation = VERSION_EXACT;
    else
        return script_fail_expected(parser, "'>=', '<' or '=='");
    script_take(parser);
    return read_version(parser, &values->version);
}

static bool read_timeout(struct script_parser *parser, struct script_case *values)
{
    u64 seconds;
    const char *at = parser->now.text;
    if (!script_want_constant(parser, "a number of seconds", &seconds))
        return false;
    if (seconds == 0 || seconds > SCRIPT_MAX_SECONDS)
        return script_fail(parser, at, "a timeout is 1 to %u seconds", SCRIPT_MAX_SECONDS);
    values->seconds = (u32)seconds;
    return true;
}

static bool read_xfail(struct script_parser *parser, struct script_case *values)
{
    values->xfail = true;
    values->xfail_until = 0;
    if (script_take_word(parser, "until") && !read_version(parser, &values->xfail_until))
        return false;
    struct script_lexeme why = parser->now;
    if (!script_want(parser, LEX_STRING, "'until VERSION' or the reason, in quotes"))
        return false;
    if (why.length == 0)
        return script_fail(parser, why.text, "why is it expected to fail?");
    if (why.length >= sizeof(values->xfail_why))
        return script_fail(parser, why.text, "a reason has at most %u characters",
                           (u32)sizeof(values->xfail_why) - 1);
    memcpy(values->xfail_why, why.text, why.length);
    values->xfail_why[why.length] = 0;
    return true;
}

/* A test's line replaces its suite's; only needs add up. */
bool script_parse_metadata(struct script_parser *parser, const struct script_name *verb,
                           struct script_metadata *metadata)
{
    static bool (*const readers[SCRIPT_METADATA_KINDS])(struct script_parser *, struct script_case *) = {
        read_source, read_needs, read_profiles, read_version_gate, read_timeout, read_xfail};
    u32 kind = (u32)(verb->value - STATEMENT_SOURCE);
    if (metadata->here & 1u << kind && verb->value != STATEMENT_NEED)
        return script_fail(parser, parser->now.text, "'%s' is given twice", verb->text);
    metadata->here |= 1u << kind;
    metadata->given |= 1u << kind;
    script_take(parser);
    return readers[kind](parser, &metadata->values) && script_want_end(parser);
}
