/* SPDX-License-Identifier: MIT */
#include "seam/monitor/fault_spec.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/parse.h"
#include "lib/spelling.h"
#include "lib/string.h"

#define TEXT_MAX 128 /* as a word of the command line */

#define CALLS_FORM    "LEAF:NTH[xCOUNT]=STATUS is wanted, as in ext.mem_add:17=0xC000010000000001"
#define MSR_FORM      "msr=NUMBER:VALUE[@lpN] is wanted, as in msr=0x10a:0 or msr=0x982:-0@lp1"
#define CPUID_FORM    "cpuid=LEAF.SUB.REG:VALUE[@lpN] is wanted, as in cpuid=0x7.0.edx:-31@lp1"
#define SEAMCAPS_FORM "seamcaps=VALUE[@lpN] is wanted, as in seamcaps=0x4f"
#define NO_VALUE      "is no number of its size, nor +BIT or -BIT; "

/* ---- names ---- */

#define EVERY_LP OVERRIDE_ALL_LPS
#define MACHINE  OVERRIDE_ALL_LPS
#define ONE_LP   1
#define ALL      (~0ull)
#define NOTHING  0
#define BUT(bit) (~(1ull << (bit)))

#define MSR(msr, kept, set)                                                                                  \
    {                                                                                                        \
        .kind = FAULT_OVERRIDE, .override = {                                                                \
            .kind = OVERRIDE_MSR,                                                                            \
            .number = (msr),                                                                                 \
            .keep = (kept),                                                                                  \
            .value = (set)                                                                                   \
        }                                                                                                    \
    }
#define CPUID(leaf, sub, register, kept, set)                                                                \
    {                                                                                                        \
        .kind = FAULT_OVERRIDE, .override = {                                                                \
            .kind = OVERRIDE_CPUID,                                                                          \
            .number = (leaf),                                                                                \
            .subleaf = (sub),                                                                                \
            .reg = OVERRIDE_##register,                                                                      \
            .keep = (kept),                                                                                  \
            .value = (set)                                                                                   \
        }                                                                                                    \
    }
#define CALLS(number, what)                                                                                  \
    {                                                                                                        \
        .kind = FAULT_CALLS, .injection = {                                                                  \
            .leaf = (number),                                                                                \
            .nth = 1,                                                                                        \
            .count = INJECT_EVERY_CALL,                                                                      \
            .kind = MONITOR_INJECT_##what                                                                    \
        }                                                                                                    \
    }

#define FACT(what, more)                                                                                     \
    {                                                                                                        \
        .kind = FAULT_FACT, .fact = {.kind = FACT_##what, .add = (more) }                                    \
    }

static const struct platform_fault {
    const char *name, *meaning;
    u32 lp;
    struct fault_change changes[FAULT_CHANGES_MAX];
} platform_faults[] = {
#define PLATFORM_FAULT(name, where, mark, meaning, ...) {name, meaning, where, {__VA_ARGS__}},
#include "seam/monitor/platform_faults.def"
};

/* ---- words ---- */

static bool __attribute__((format(printf, 2, 3))) wrong(char why[FAULT_WHY_MAX], const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_v(why, FAULT_WHY_MAX, fmt, args);
    va_end(args);
    return false;
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

static bool number(const char *text, u64 highest, u64 *value)
{
    return text && parse_u64(text, value) && *value <= highest;
}

static bool number32(const char *text, u32 *value)
{
    u64 wide;
    if (!number(text, 0xFFFFFFFF, &wide))
        return false;
    *value = (u32)wide;
    return true;
}

/* A number, +BIT or -BIT; of so many bits. */
static bool value_of(const char *text, u32 bits, struct override *override)
{
    u64 bit, all = bits == 64 ? ~0ull : (1ull << bits) - 1;
    if (!text || (*text != '+' && *text != '-'))
        return number(text, all, &override->value);
    if (!number(text + 1, bits - 1, &bit))
        return false;
    override->keep = ~(1ull << bit);
    override->value = *text == '+' ? 1ull << bit : 0;
    return true;
}

/* ---- one function a form ---- */

static bool read_msr(char *text, struct override *override, char why[FAULT_WHY_MAX])
{
    char *value = cut(text, ':');
    override->kind = OVERRIDE_MSR;
    if (!number32(text, &override->number))
        return wrong(why, "'%s' is not the number of an MSR; " MSR_FORM, text);
    return value_of(value, 64, override) || wrong(why, "'%s' " NO_VALUE MSR_FORM, value ? value : "");
}

static bool read_cpuid(char *text, struct override *override, char why[FAULT_WHY_MAX])
{
    static const char *const registers[] = {"eax", "ebx", "ecx", "edx"};
    char *value = cut(text, ':'), *subleaf = cut(text, '.'), *reg = subleaf ? cut(subleaf, '.') : NULL;
    override->kind = OVERRIDE_CPUID;
    if (!number32(text, &override->number))
        return wrong(why, "'%s' is not the number of a CPUID leaf; " CPUID_FORM, text);
    if (!number32(subleaf, &override->subleaf))
        return wrong(why, "'%s' is not the number of a sub-leaf; " CPUID_FORM, subleaf ? subleaf : "");
    while (override->reg < ARRAY_COUNT(registers) && strcmp(registers[override->reg], reg ? reg : "") != 0)
        override->reg++;
    if (override->reg == ARRAY_COUNT(registers))
        return wrong(why, "'%s' is none of eax, ebx, ecx, edx; " CPUID_FORM, reg ? reg : "");
    return value_of(value, 32, override) || wrong(why, "'%s' " NO_VALUE CPUID_FORM, value ? value : "");
}

static bool read_seamcaps(char *text, struct override *override, char why[FAULT_WHY_MAX])
{
    override->kind = OVERRIDE_SEAM_CAPABILITIES;
    return value_of(text, 64, override) || wrong(why, "'%s' " NO_VALUE SEAMCAPS_FORM, text);
}

/* The calls that the module never sees. */
static bool read_calls(char *leaf, struct injection *injection, char why[FAULT_WHY_MAX])
{
    char *nth = cut(leaf, ':'), *status = nth ? cut(nth, '=') : NULL, *count = nth ? cut(nth, 'x') : NULL;
    unsigned leaf_number;
    if (!status)
        return wrong(why, CALLS_FORM);
    if (!tdx_leaf_by_name(leaf, &leaf_number))
        return wrong(why, "no leaf is called '%s'; " CALLS_FORM, leaf);
    *injection = (struct injection){.kind = MONITOR_INJECT_STATUS, .leaf = leaf_number, .count = 1};
    if (!number(nth, ~0ull, &injection->nth) || injection->nth == 0)
        return wrong(why, "'%s' is not a number of calls, from 1; " CALLS_FORM, nth);
    if (count && (!number(count, ~0ull, &injection->count) || injection->count == 0))
        return wrong(why, "'%s' is not a number of calls, from 1; " CALLS_FORM, count);
    if (!parse_u64(status, &injection->value) && !tdx_status_by_name(status, &injection->value))
        return wrong(why, "'%s' is neither a number nor the name of a status", status);
    if (injection->value == TDX_VMFAIL_INVALID)
        injection->kind = MONITOR_INJECT_VMFAIL;
    return true;
}

static bool no_such_fault(const char *name, char why[FAULT_WHY_MAX])
{
    const char *names[ARRAY_COUNT(platform_faults)];
    for (u32 i = 0; i < ARRAY_COUNT(names); i++)
        names[i] = platform_faults[i].name;
    const char *nearest = spelling_nearest(name, names, ARRAY_COUNT(names));
    if (nearest)
        return wrong(why, "no fault is called '%s'; did you mean %s?", name, nearest);
    return wrong(why, "no fault is called '%s'; docs/monitor.md lists them; for calls " CALLS_FORM, name);
}

static bool read_name(const char *name, struct fault_spec *spec, char why[FAULT_WHY_MAX])
{
    for (u32 i = 0; i < ARRAY_COUNT(platform_faults); i++) {
        const struct platform_fault *fault = &platform_faults[i];
        if (strcmp(fault->name, name) != 0)
            continue;
        spec->meaning = fault->meaning;
        memcpy(spec->changes, fault->changes, sizeof(spec->changes));
        for (u32 k = 0; k < FAULT_CHANGES_MAX; k++)
            spec->changes[k].override.lp = fault->lp;
        return true;
    }
    return no_such_fault(name, why);
}

/* ---- which one ---- */

static bool read_platform(char *text, struct fault_spec *spec, char why[FAULT_WHY_MAX])
{
    static const struct {
        const char *prefix;
        bool (*read)(char *text, struct override *override, char why[FAULT_WHY_MAX]);
    } forms[] = {{"msr=", read_msr}, {"cpuid=", read_cpuid}, {"seamcaps=", read_seamcaps}};
    spec->platform = true;
    for (u32 i = 0; i < ARRAY_COUNT(forms); i++) {
        size_t length = strlen(forms[i].prefix);
        if (strncmp(text, forms[i].prefix, length) != 0)
            continue;
        spec->changes[0].kind = FAULT_OVERRIDE;
        spec->changes[0].override.lp = OVERRIDE_ALL_LPS;
        return forms[i].read(text + length, &spec->changes[0].override, why);
    }
    return read_name(text, spec, why);
}

static bool choose_lp(const char *text, struct fault_spec *spec, char why[FAULT_WHY_MAX])
{
    u32 lp;
    if (!text)
        return true;
    if (strncmp(text, "lp", 2) != 0 || !number32(text + 2, &lp) || lp == OVERRIDE_ALL_LPS)
        return wrong(why, "'@%s' names no LP; write it as in @lp1", text);
    for (u32 i = 0; i < FAULT_CHANGES_MAX; i++) {
        if (spec->changes[i].kind == FAULT_CALLS || spec->changes[i].kind == FAULT_FACT)
            return wrong(why, "it is a fault of the whole machine; leave @%s out", text);
        spec->changes[i].override.lp = lp;
    }
    return true;
}

bool fault_spec_read(const char *text, struct fault_spec *spec, char why[FAULT_WHY_MAX])
{
    char word[TEXT_MAX];
    *spec = (struct fault_spec){0};
    if (format(word, sizeof(word), "%s", text) >= sizeof(word))
        return wrong(why, "longer than %u characters", TEXT_MAX - 1);
    char *equals = strchr(word, '='), *colon = strchr(word, ':'), *at = strchr(word, '@');
    if (colon && (!equals || colon < equals)) {
        spec->changes[0].kind = FAULT_CALLS;
        return read_calls(word, &spec->changes[0].injection, why);
    }
    if (at)
        *at++ = 0;
    return read_platform(word, spec, why) && choose_lp(at, spec, why);
}
