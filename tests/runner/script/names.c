/* SPDX-License-Identifier: MIT */
#include "tests/runner/script/names.h"

#include "drivers/tdx/abi/monitor.h"
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "lib/spelling.h"
#include "lib/string.h"

#define VERB(verb) (STATEMENT_VERB + VERB_##verb)

static const struct script_name names[] = {
    {"suite", NAME_STATEMENT, 0, STATEMENT_SUITE},
    {"test", NAME_STATEMENT, 0, STATEMENT_TEST},
    {"row", NAME_STATEMENT, 0, STATEMENT_ROW},
    {"each", NAME_STATEMENT, 0, STATEMENT_EACH},
    {"source", NAME_STATEMENT, 0, STATEMENT_SOURCE},
    {"need", NAME_STATEMENT, 0, STATEMENT_NEED},
    {"profile", NAME_STATEMENT, 0, STATEMENT_PROFILE},
    {"version", NAME_STATEMENT, 0, STATEMENT_VERSION},
    {"timeout", NAME_STATEMENT, 0, STATEMENT_TIMEOUT},
    {"xfail", NAME_STATEMENT, 0, STATEMENT_XFAIL},
    {"from", NAME_STATEMENT, 0, VERB(FROM)},
    {"bring", NAME_STATEMENT, 0, VERB(BRING)},
    {"call", NAME_STATEMENT, 0, VERB(CALL)},
    {"expect", NAME_STATEMENT, 0, VERB(EXPECT)},
    {"write", NAME_STATEMENT, 0, VERB(WRITE)},
    {"fill", NAME_STATEMENT, 0, VERB(FILL)},
    {"require", NAME_STATEMENT, 0, VERB(REQUIRE)},
    {"for", NAME_STATEMENT, 0, VERB(FOR)},
    {"par", NAME_STATEMENT, 0, VERB(PAR)},
    {"end", NAME_STATEMENT, 0, VERB(END)},
    {"inject", NAME_STATEMENT, 0, VERB(INJECT)},
    {"knob", NAME_STATEMENT, 0, VERB(KNOB)},
    {"platform", NAME_STATEMENT, 0, VERB(PLATFORM)},
    {"install", NAME_STATEMENT, 0, VERB(INSTALL)},
    {"say", NAME_STATEMENT, 0, VERB(SAY)},

    {"rax", NAME_REGISTER, 0, REG_RAX},
    {"rcx", NAME_REGISTER, 0, REG_RCX},
    {"rdx", NAME_REGISTER, 0, REG_RDX},
    {"r8", NAME_REGISTER, 0, REG_R8},
    {"r9", NAME_REGISTER, 0, REG_R9},
    {"r10", NAME_REGISTER, 0, REG_R10},
    {"r11", NAME_REGISTER, 0, REG_R11},
    {"version", NAME_OPERAND, 0, REG_VERSION},

#define SCRIPT_STATE(symbol, name) {name, NAME_STATE, 0, STATE_##symbol},
#include "tests/runner/script/states.def"
#define SCRIPT_FUNCTION(name, arguments, text) {#name, NAME_FUNCTION, (arguments), FUNCTION_##name},
#include "tests/runner/script/functions.def"
    {"features", NAME_OPTION, 0, OPTION_FEATURES},
    {"version", NAME_OPTION, 0, OPTION_VERSION},
    {"tdmrs", NAME_OPTION, 0, OPTION_TDMRS},
    {"keyid", NAME_OPTION, 0, OPTION_KEYID},
    {"dpamt", NAME_OPTION, 0, OPTION_DPAMT},

    {"module-1.5.01", NAME_SOURCE, 0, SOURCE_MODULE},
    {"patch-v2", NAME_SOURCE, 0, SOURCE_PATCH},
    {"spec-quote", NAME_SOURCE, 0, SOURCE_SPEC},
    {"linux", NAME_SOURCE, 0, SOURCE_LINUX},
    {"project", NAME_SOURCE, 0, SOURCE_PROJECT},
    {"inferred", NAME_SOURCE, 0, SOURCE_INFERRED},
    {"monitor", NAME_NEED, 0, SCRIPT_NEED_MONITOR},
    {"soft", NAME_NEED, 0, SCRIPT_NEED_SOFT},
    {"ext", NAME_NEED, 0, SCRIPT_NEED_EXT},
    {"no_ext", NAME_NEED, 0, SCRIPT_NEED_NO_EXT},
    {"quote", NAME_NEED, 0, SCRIPT_NEED_QUOTE},
    {"dpamt", NAME_NEED, 0, SCRIPT_NEED_DPAMT},
    {"disable", NAME_NEED, 0, SCRIPT_NEED_DISABLE},
    {"1.5.01", NAME_PROFILE, 0, 0}, /* the soft module's; test_soft_init.c compares */
    {"ext", NAME_PROFILE, 0, 0},
    {"dpamt", NAME_PROFILE, 0, 0},
    {"cpus", NAME_AMOUNT, 0, AMOUNT_CPUS},
    {"packages", NAME_AMOUNT, 0, AMOUNT_PACKAGES},
    {"memory", NAME_AMOUNT, 0, AMOUNT_MEMORY},

    {"resume", NAME_CLAUSE, 0, 0},
    {"unchanged", NAME_CLAUSE, 0, 0},
    {"expect", NAME_CLAUSE, 0, 0},
    {"outputs", NAME_RESUME, 0, RESUME_WITH_OUTPUTS},
    {"inputs", NAME_RESUME, 0, RESUME_WITH_INPUTS},
    {"flag", NAME_RESUME, 0, RESUME_WITH_FLAG},

    {"status", NAME_INJECT, 0, INJECT_STATUS},
    {"interrupt", NAME_INJECT, 0, INJECT_INTERRUPT},
    {"no_entropy", NAME_INJECT, 0, INJECT_NO_ENTROPY},
    {"ket_busy", NAME_INJECT, 0, INJECT_KET_BUSY},
    {"vmfail", NAME_INJECT, 0, INJECT_VMFAIL},
    {"park", NAME_INJECT, 0, INJECT_PARK},
    {"ipi", NAME_INJECT, 0, INJECT_IPI},
    {"timer", NAME_INJECT, 0, INJECT_TIMER},
    {"stop", NAME_INJECT, 0, INJECT_STOP},
    {"msr", NAME_PLATFORM, 0, PLATFORM_MSR},
    {"cpuid", NAME_PLATFORM, 0, PLATFORM_CPUID},
    {"cmr", NAME_PLATFORM, 0, PLATFORM_CMR},
    {"packages", NAME_PLATFORM, 0, PLATFORM_PACKAGES},
    {"lps", NAME_PLATFORM, 0, PLATFORM_LPS},
    {"seamcaps", NAME_PLATFORM, 0, PLATFORM_SEAMCAPS},
    {"handoff_pages", NAME_PLATFORM, 0, PLATFORM_HANDOFF_PAGES},
    {"eax", NAME_CPUID_REGISTER, 0, 0},
    {"ebx", NAME_CPUID_REGISTER, 0, 1},
    {"ecx", NAME_CPUID_REGISTER, 0, 2},
    {"edx", NAME_CPUID_REGISTER, 0, 3},

#define TDX_LEAF(symbol, name, number, since) {name, NAME_LEAF, 0, (number)},
#include "drivers/tdx/abi/leaves.def"
#define TDX_STATUS(name, value, detail, since) {#name, NAME_STATUS, TDX_DETAIL_##detail, (value)},
#define TDX_STATUS_UNNUMBERED(name)
#include "drivers/tdx/abi/status.def"
    {"SW_VMFAIL_INVALID", NAME_STATUS, TDX_DETAIL_NONE, TDX_VMFAIL_INVALID},
    {"SW_FAULT_GP", NAME_STATUS, TDX_DETAIL_NONE, TDX_FAULT_GP},
    {"SW_FAULT_UD", NAME_STATUS, TDX_DETAIL_NONE, TDX_FAULT_UD},
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid) {#name, NAME_FIELD, 0, (id)},
#include "drivers/tdx/abi/fields.def"
#define TDX_OPERAND(name, id) {#name, NAME_OPERAND_ID, 0, (id)},
#include "drivers/tdx/abi/operands.def"
#define TDX_OPERAND(name, id) {"OPERAND." #name, NAME_CONSTANT, 0, (id)},
#include "drivers/tdx/abi/operands.def"
#define TDX_FEATURE(name, bit) {"FEATURE." #name, NAME_CONSTANT, 0, 1ull << (bit)},
#include "drivers/tdx/abi/features.def"
#define MONITOR_COUNTER(name, text) {"COUNTER." #name, NAME_CONSTANT, 0, MONITOR_COUNT_##name},
#include "drivers/tdx/abi/counters.def"
    {"COUNTER.LEAF", NAME_CONSTANT, 0, MONITOR_COUNTER_LEAF}, /* + leaf number */

    {"PAGE.NDA", NAME_CONSTANT, 0, TDX_PAGE_NDA},
    {"PAGE.RSVD", NAME_CONSTANT, 0, TDX_PAGE_RSVD},
    {"PAGE.REG", NAME_CONSTANT, 0, TDX_PAGE_REG},
    {"PAGE.TDR", NAME_CONSTANT, 0, TDX_PAGE_TDR},
    {"PAGE.TDCX", NAME_CONSTANT, 0, TDX_PAGE_TDCX},
    {"PAGE.TDVPR", NAME_CONSTANT, 0, TDX_PAGE_TDVPR},
    {"PAGE.EPT", NAME_CONSTANT, 0, TDX_PAGE_EPT},
    {"OWNER.HOST", NAME_CONSTANT, 0, MONITOR_OWNER_HOST},
    {"OWNER.PAMT", NAME_CONSTANT, 0, MONITOR_OWNER_PAMT},
    {"OWNER.POOL", NAME_CONSTANT, 0, MONITOR_OWNER_POOL},
    {"OWNER.SEAMRR", NAME_CONSTANT, 0, MONITOR_OWNER_SEAMRR},
    {"OWNER.NO_RAM", NAME_CONSTANT, 0, MONITOR_OWNER_NO_RAM},
    {"OWNER.RESERVED", NAME_CONSTANT, 0, MONITOR_OWNER_RESERVED},
    {"OWNER.CONTROL", NAME_CONSTANT, 0, MONITOR_OWNER_CONTROL},
    {"TDMR.BASE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, base)},
    {"TDMR.SIZE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, size)},
    {"TDMR.PAMT_1G_BASE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, pamt_1g_base)},
    {"TDMR.PAMT_1G_SIZE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, pamt_1g_size)},
    {"TDMR.PAMT_2M_BASE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, pamt_2m_base)},
    {"TDMR.PAMT_2M_SIZE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, pamt_2m_size)},
    {"TDMR.PAMT_4K_BASE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, pamt_4k_base)},
    {"TDMR.PAMT_4K_SIZE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, pamt_4k_size)},
    {"TDMR.RESERVED_OFFSET", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, reserved[0].offset)},
    {"TDMR.RESERVED_SIZE", NAME_CONSTANT, 0, offsetof(struct tdx_tdmr_info, reserved[0].size)},

    /* By class, as the extensions' patches use them: these two answer a call that has done its work. */
    {"EXT_MEMORY_POOL_FULL", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_SUCCESS},
    {"PREV_FEATURES_ENABLED", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_SUCCESS},
    {"MISSING_PAMT_PAGE_PAIR", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_ERROR},
    {"NO_PAMT_PAGE_PAIR", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_ERROR},
    {"PAMT_PAGE_NOT_EMPTY", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_ERROR},
    {"INTERRUPTED_PAMT", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_ERROR},
    {"CONNECT_INVALID_STATE", NAME_UNNUMBERED, 0, MATCH_UNNUMBERED_ERROR},
};

/* A status that the table of unnumbered ones gains must get its class above. */
enum {
#define TDX_STATUS(name, value, detail, since)
#define TDX_STATUS_UNNUMBERED(name) UNNUMBERED_##name,
#include "drivers/tdx/abi/status.def"
    UNNUMBERED_COUNT
};
_Static_assert(UNNUMBERED_COUNT == 7, "every unnumbered status has its class in names[]");

/* ---- finding ---- */

#define BUCKETS 1024
static u16 buckets[BUCKETS], chain[ARRAY_COUNT(names)]; /* index + 1, 0: end */
static u8 lengths[ARRAY_COUNT(names)];
static bool indexed;

static u32 bucket_of(const char *text, u32 length)
{
    u32 hash = 2166136261u; /* FNV-1a */
    for (u32 i = 0; i < length; i++)
        hash = (hash ^ (u8)text[i]) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static void make_index(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(names); i++) {
        lengths[i] = (u8)strlen(names[i].text);
        u16 *bucket = &buckets[bucket_of(names[i].text, lengths[i])];
        chain[i] = *bucket;
        *bucket = (u16)(i + 1);
    }
    indexed = true;
}

const struct script_name *script_name_find(u32 kinds, const char *text, u32 length)
{
    if (!indexed)
        make_index();
    for (u32 i = buckets[bucket_of(text, length)]; i; i = chain[i - 1]) {
        const struct script_name *name = &names[i - 1];
        if ((name->kind & kinds) && lengths[i - 1] == length && memcmp(name->text, text, length) == 0)
            return name;
    }
    return NULL;
}

const struct script_name *script_name_table(u32 *count)
{
    *count = ARRAY_COUNT(names);
    return names;
}

/* ---- guessing ---- */

/* Case, and '.' or '_', aren't what makes two names different. */
static void fold(char *to, size_t size, const char *text, size_t length)
{
    size_t n = 0;
    for (; n < length && n + 1 < size; n++)
        to[n] = text[n] == '.' ? '_' : text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] | 0x20) : text[n];
    to[n] = 0;
}

void script_guess_start(struct script_guess *guess, const char *text, u32 length)
{
    char word[sizeof(guess->word)];
    fold(word, sizeof(word), text, length);
    const char *bare = word;
    if (strncmp(word, "tdx_", 4) == 0 || strncmp(word, "tdh_", 4) == 0) /* Linux's and the specification's */
        bare += 4;
    memcpy(guess->word, bare, strlen(bare) + 1);
    guess->best = NULL;
    size_t rest = strlen(bare);
    guess->distance = rest < 3 ? 2 : 3; /* to be undercut */
}

void script_guess_try(struct script_guess *guess, const char *candidate)
{
    char word[sizeof(guess->word)];
    size_t length = strlen(candidate), asked = strlen(guess->word);
    fold(word, sizeof(word), candidate, length);
    bool begins = asked >= 3 && strncmp(word, guess->word, asked) == 0;
    if (!begins && (length > asked + 2 || asked > length + 2))
        return;
    u32 distance = begins && length > asked + 2 ? 2 : spelling_distance(guess->word, word);
    if (distance < guess->distance && distance < length) {
        guess->distance = distance;
        guess->best = candidate;
    }
}

void script_guess_names(struct script_guess *guess, u32 kinds)
{
    for (u32 i = 0; i < ARRAY_COUNT(names); i++)
        if (names[i].kind & kinds)
            script_guess_try(guess, names[i].text);
}
