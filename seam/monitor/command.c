/* SPDX-License-Identifier: MIT */
#include "seam/monitor/command.h"

#include "lib/format.h"
#include "lib/parse.h"
#include "lib/spelling.h"
#include "lib/string.h"

#define MAX_WORDS (1 + COMMAND_MAX_KNOBS)
#define NAMES_MAX 160 /* characters of a list of names in an answer */

static const char *const knob_names[] = {
#define SOFT_KNOB(name, ...) #name,
#include "seam/soft/knobs.def"
};

/* One command, its words while they are looked at. */
struct parser {
    char *words[MAX_WORDS];
    u32 count;
    const char *usage;
    struct command *command;
    char *answer;
};

bool command_refuse(char answer[MONITOR_COMMAND_MAX], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_v(answer, MONITOR_COMMAND_MAX, fmt, args);
    va_end(args);
    return false;
}

/* ---- words ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool split(struct parser *p, char *text)
{
    for (;;) {
        while (is_blank(*text))
            *text++ = 0;
        if (!*text)
            return true;
        if (p->count == MAX_WORDS)
            return command_refuse(p->answer, "more than %u words in one command", MAX_WORDS);
        p->words[p->count++] = text;
        while (*text && !is_blank(*text))
            text++;
    }
}

/* The part of a word behind the first such character, where it now ends; NULL if there is none. */
static char *cut(char *word, char at)
{
    char *found = strchr(word, at);
    if (!found)
        return NULL;
    *found = 0;
    return found + 1;
}

static bool misused(struct parser *p)
{
    return command_refuse(p->answer, "the command is: %s", p->usage);
}

static bool number(struct parser *p, const char *what, const char *text, u64 highest, u64 *value)
{
    if (!text)
        return misused(p);
    if (!parse_u64(text, value))
        return command_refuse(p->answer, "%s '%.40s' is not a number; the command is: %s", what, text,
                              p->usage);
    if (*value > highest)
        return command_refuse(p->answer, "%s %s is too large, the highest is 0x%lx", what, text, highest);
    return true;
}

static bool number32(struct parser *p, const char *what, const char *text, u32 *value)
{
    u64 wide;
    if (!number(p, what, text, 0xFFFFFFFF, &wide))
        return false;
    *value = (u32)wide;
    return true;
}

/* Nothing, or lp=N, in place of word number at. */
static bool which_lp(struct parser *p, u32 at)
{
    struct override *override = &p->command->override;
    override->lp = OVERRIDE_ALL_LPS;
    if (p->count == at)
        return true;
    if (p->count > at + 1 || strncmp(p->words[at], "lp=", 3) != 0)
        return misused(p);
    return number32(p, "LP", p->words[at] + 3, &override->lp);
}

static void list_names(const char *const *names, u32 count, char *to, size_t size)
{
    size_t used = 0;
    for (u32 i = 0; i < count && used < size; i++)
        used += format(to + used, size - used, "%s%s", i ? ", " : "", names[i]);
}

/* ---- one function a command; word 0 is its name ---- */

static bool is_knob(const char *name)
{
    for (u32 i = 0; i < ARRAY_COUNT(knob_names); i++)
        if (strcmp(knob_names[i], name) == 0)
            return true;
    return false;
}

static bool no_knob(struct parser *p, const char *name)
{
    const char *nearest = spelling_nearest(name, knob_names, ARRAY_COUNT(knob_names));
    if (nearest)
        return command_refuse(p->answer, "no knob '%.40s'; did you mean %s?", name, nearest);
    char names[NAMES_MAX];
    list_names(knob_names, ARRAY_COUNT(knob_names), names, sizeof(names));
    return command_refuse(p->answer, "no knob '%.40s'; there are %s ...", name, names);
}

/* The word stays one: "name=value". */
static bool take_knob(struct parser *p, char *word)
{
    char name[SPELLING_MAX + 1];
    const char *equals = strchr(word, '=');
    u64 value;
    size_t length = equals ? (size_t)(equals - word) : 0;
    if (length == 0)
        return misused(p);
    format(name, sizeof(name), "%.*s", (int)length, word);
    if (!is_knob(name))
        return no_knob(p, name);
    if (!number(p, "knob value", equals + 1, ~0ull, &value))
        return false;
    p->command->knobs[p->command->knob_count++] = word;
    return true;
}

static bool parse_knob(struct parser *p)
{
    return p->count == 2 ? take_knob(p, p->words[1]) : misused(p);
}

static bool parse_install(struct parser *p)
{
    for (u32 i = 1; i < p->count; i++)
        if (!take_knob(p, p->words[i]))
            return false;
    return true;
}

static bool parse_msr(struct parser *p)
{
    struct override *override = &p->command->override;
    override->kind = OVERRIDE_MSR;
    if (p->count < 2)
        return misused(p);
    char *value = cut(p->words[1], '=');
    return number32(p, "MSR number", p->words[1], &override->number) &&
           number(p, "MSR value", value, ~0ull, &override->value) && which_lp(p, 2);
}

static bool parse_cpuid(struct parser *p)
{
    static const char *const registers[] = {"eax", "ebx", "ecx", "edx"};
    struct override *override = &p->command->override;
    override->kind = OVERRIDE_CPUID;
    if (p->count < 4)
        return misused(p);
    char *value = cut(p->words[3], '=');
    while (override->reg < ARRAY_COUNT(registers) && strcmp(registers[override->reg], p->words[3]) != 0)
        override->reg++;
    if (override->reg == ARRAY_COUNT(registers))
        return command_refuse(p->answer, "no register '%.40s'; there are eax, ebx, ecx, edx", p->words[3]);
    return number32(p, "CPUID leaf", p->words[1], &override->number) &&
           number32(p, "CPUID sub-leaf", p->words[2], &override->subleaf) &&
           number(p, "register value", value, 0xFFFFFFFF, &override->value) && which_lp(p, 4);
}

static bool parse_seamcaps(struct parser *p)
{
    struct override *override = &p->command->override;
    override->kind = OVERRIDE_SEAM_CAPABILITIES;
    if (p->count < 2)
        return misused(p);
    return number(p, "value", p->words[1], ~0ull, &override->value) && which_lp(p, 2);
}

static bool parse_cmr(struct parser *p)
{
    struct command *command = p->command;
    if (p->count != 2)
        return misused(p);
    char *base = cut(p->words[1], '=');
    char *size = base ? cut(base, ',') : NULL;
    return number(p, "CMR", p->words[1], TDX_MAX_CMRS - 1, &command->number) &&
           number(p, "base", base, ~0ull, &command->base) && number(p, "size", size, ~0ull, &command->size);
}

static bool parse_count(struct parser *p)
{
    return p->count == 2 ? number(p, "number", p->words[1], 0xFFFFFFFF, &p->command->number) : misused(p);
}

/* ---- the table ---- */

static const struct {
    const char *name;
    enum command_verb verb;
    bool (*parse)(struct parser *p);
    const char *usage;
} commands[] = {
    {"knob", COMMAND_KNOB, parse_knob, "knob NAME=VALUE"},
    {"msr", COMMAND_MSR, parse_msr, "msr NUMBER=VALUE [lp=N]"},
    {"cpuid", COMMAND_CPUID, parse_cpuid, "cpuid LEAF SUBLEAF REG=VALUE [lp=N]"},
    {"cmr", COMMAND_CMR, parse_cmr, "cmr INDEX=BASE,SIZE"},
    {"packages", COMMAND_PACKAGES, parse_count, "packages N"},
    {"lps", COMMAND_LPS, parse_count, "lps N"},
    {"seamcaps", COMMAND_SEAMCAPS, parse_seamcaps, "seamcaps VALUE [lp=N]"},
    {"handoff_pages", COMMAND_HANDOFF_PAGES, parse_count, "handoff_pages N"},
    {"install", COMMAND_INSTALL, parse_install, "install [NAME=VALUE ...]"},
};

static bool no_command(struct parser *p)
{
    const char *names[ARRAY_COUNT(commands)];
    char list[NAMES_MAX];
    for (u32 i = 0; i < ARRAY_COUNT(commands); i++)
        names[i] = commands[i].name;
    list_names(names, ARRAY_COUNT(names), list, sizeof(list));
    return command_refuse(p->answer, "no command '%.40s'; there are %s", p->words[0], list);
}

bool command_parse(char text[MONITOR_COMMAND_MAX], struct command *command, char answer[MONITOR_COMMAND_MAX])
{
    struct parser p = {.command = command, .answer = answer};
    *command = (struct command){0};
    answer[0] = 0;
    if (!split(&p, text))
        return false;
    if (p.count == 0)
        return command_refuse(answer, "an empty line is no command");
    for (u32 i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(commands[i].name, p.words[0]) != 0)
            continue;
        p.usage = commands[i].usage;
        command->verb = commands[i].verb;
        return commands[i].parse(&p);
    }
    return no_command(&p);
}
