/* SPDX-License-Identifier: MIT */
/*
 * Everything that has a name in the script language, in one table: the words of the language, and what the
 * ABI tables give. Within a kind no name stands twice.
 */
#ifndef TESTS_RUNNER_SCRIPT_NAMES_H
#define TESTS_RUNNER_SCRIPT_NAMES_H

#include "tests/runner/script/script.h"

enum script_name_kind {
    NAME_STATEMENT = 1 << 0,  /* enum script_statement: what begins a line */
    NAME_REGISTER = 1 << 1,   /* enum script_register */
    NAME_OPERAND = 1 << 2,    /* of a call: REG_VERSION */
    NAME_LEAF = 1 << 3,       /* number */
    NAME_STATUS = 1 << 4,     /* value */
    NAME_UNNUMBERED = 1 << 5, /* enum script_match */
    NAME_FIELD = 1 << 6,      /* id */
    NAME_CONSTANT = 1 << 7,   /* FEATURE.EXT and the like */
    NAME_OPERAND_ID = 1 << 8, /* RCX after op= */
    NAME_FUNCTION = 1 << 9,   /* enum script_function */
    NAME_STATE = 1 << 10,
    NAME_OPTION = 1 << 11, /* enum script_option */
    NAME_SOURCE = 1 << 12, /* enum test_source */
    NAME_NEED = 1 << 13,   /* enum script_need_flag */
    NAME_AMOUNT = 1 << 14, /* enum script_amount */
    NAME_INJECT = 1 << 15,
    NAME_PLATFORM = 1 << 16,
    NAME_CPUID_REGISTER = 1 << 17,
    NAME_RESUME = 1 << 18,
    NAME_CLAUSE = 1 << 19, /* what may follow a call's leaf */
    NAME_PROFILE = 1 << 20,
};
/* What a word in an expression may be, variables and functions apart */
#define NAME_VALUES (NAME_REGISTER | NAME_LEAF | NAME_STATUS | NAME_UNNUMBERED | NAME_FIELD | NAME_CONSTANT)

enum script_statement {
    STATEMENT_SUITE,
    STATEMENT_TEST,
    STATEMENT_ROW,
    STATEMENT_EACH,
    STATEMENT_SOURCE,
    STATEMENT_NEED,
    STATEMENT_PROFILE,
    STATEMENT_VERSION,
    STATEMENT_TIMEOUT,
    STATEMENT_XFAIL,
    STATEMENT_VERB, /* + enum script_verb */
};

enum script_amount { AMOUNT_CPUS, AMOUNT_PACKAGES, AMOUNT_MEMORY };

struct script_name {
    const char *text;
    u32 kind;
    u32 extra; /* of a status: enum tdx_detail; of a function: how many arguments */
    u64 value;
};

/* The name of one of these kinds that is spelt exactly so; NULL: none. */
const struct script_name *script_name_find(u32 kinds, const char *text, u32 length);

/* Looking for what a misspelt word may have meant. */
struct script_guess {
    char word[64];
    const char *best;
    u32 distance;
};
void script_guess_start(struct script_guess *guess, const char *text, u32 length);
void script_guess_try(struct script_guess *guess, const char *candidate);
void script_guess_names(struct script_guess *guess, u32 kinds);

/* For tests */
const struct script_name *script_name_table(u32 *count);

#endif
