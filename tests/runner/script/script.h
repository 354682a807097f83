/* SPDX-License-Identifier: MIT */
/*
 * The script language (docs/scripting.md) as the rest sees it: a text is read into cases, a case into a
 * program, a program is run. No heap, everything has a limit. The reading half knows nothing of machines and
 * builds on the host as well (lint, fuzzing); the running half reaches its machine through port.h only.
 *
 * Two readings: script_read() checks a whole file and notes its cases, script_compile() makes one case ready
 * to run. Both come from the same parser, so what was read without errors compiles.
 */
#ifndef TESTS_RUNNER_SCRIPT_SCRIPT_H
#define TESTS_RUNNER_SCRIPT_SCRIPT_H

#include "lib/types.h"
#include "tests/runner/case.h"

#define SCRIPT_MAX_FILES        64
#define SCRIPT_MAX_CASES        4096
#define SCRIPT_MAX_LINE         1024 /* characters, with its continuations */
#define SCRIPT_ID_MAX           96
#define SCRIPT_MAX_STEPS        256 /* of a test */
#define SCRIPT_MAX_TOKENS       8192
#define SCRIPT_MAX_VARIABLES    64
#define SCRIPT_MAX_NESTING      8
#define SCRIPT_MAX_ITEMS        512 /* expectation items of a test, rows' included */
#define SCRIPT_MAX_OPERANDS     16  /* of a call, row or from */
#define SCRIPT_MAX_ALTERNATIVES 16
#define SCRIPT_MAX_BRACKETS     32 /* in one another */
#define SCRIPT_MAX_DEPTH        60 /* values that the stack holds at once while an expression is evaluated */
#define SCRIPT_MAX_LANES        16
#define SCRIPT_MAX_RUN_STEPS    2000000 /* executed by one case */
#define SCRIPT_MAX_SECONDS      600
#define SCRIPT_DEFAULT_SECONDS  20
#define SCRIPT_DEFAULT_RESUMES  1000
#define SCRIPT_TEXT_MAX         128 /* of an error message, a reason */

/* ---- reading ---- */

/* One file in memory; the text must stay where it is, it is parsed again when a case runs. */
struct script_file {
    const char *name;
    const char *text;
    u32 size;
};

/* A complaint: file:line:col, what is wrong, near what, and what was perhaps meant. */
struct script_error {
    const char *file;
    u32 line, column;               /* from 1 */
    char text[SCRIPT_TEXT_MAX * 2]; /* "no leaf is called 'EXT.MEM.AD' (did you mean EXT.MEM.ADD?)" */
};
/* "file:line:col: text" */
size_t script_error_text(const struct script_error *error, char *text, size_t size);

/* States that the harness can bring a module to, in order. */
enum script_state {
#define SCRIPT_STATE(symbol, name) STATE_##symbol,
#include "tests/runner/script/states.def"
    SCRIPT_STATES
};

enum script_need_flag {
    SCRIPT_NEED_MONITOR = 1 << 0,
    SCRIPT_NEED_SOFT = 1 << 1,
    SCRIPT_NEED_EXT = 1 << 2,
    SCRIPT_NEED_NO_EXT = 1 << 3,
    SCRIPT_NEED_QUOTE = 1 << 4,
    SCRIPT_NEED_DPAMT = 1 << 5,
    SCRIPT_NEED_DISABLE = 1 << 6,
};

/* major.minor.update, each 16 bits, in one comparable number */
typedef u64 script_version_t;
enum script_version_relation { VERSION_ANY, VERSION_AT_LEAST, VERSION_BELOW, VERSION_EXACT };

struct script_case {
    char id[SCRIPT_ID_MAX];
    u16 file;                 /* index */
    u32 offset, line;         /* of the `test` line */
    u32 row_offset, row_line; /* of the row, line 0: none */
    u32 rows_offset;          /* of the first of the rows around it, without a step between them */
    u32 rows_end, rows_end_line;
    enum test_source source;
    enum script_state state; /* of its first `from` */
    u32 needs;               /* enum script_need_flag */
    u32 min_cpus, min_packages, min_memory_mib;
    char profiles[48]; /* names, blank-separated; "": any */
    enum script_version_relation relation;
    script_version_t version;
    u32 seconds;
    bool xfail;
    script_version_t xfail_until; /* 0: always */
    char xfail_why[SCRIPT_TEXT_MAX];
};

struct script_suite {
    struct script_file files[SCRIPT_MAX_FILES]; /* all zeroes before the first file is read */
    u32 file_count;
    struct script_case cases[SCRIPT_MAX_CASES];
    u32 case_count;
    u16 index[2 * SCRIPT_MAX_CASES]; /* the reader's: cases by the hash of their id, number + 1 */
};

/*
 * Adds a file and its cases. Every error goes to complain(), twenty at most; false if there was one, and then
 * no case of the file is kept. Ids must be unique over all files.
 */
bool script_read(struct script_suite *suite, const struct script_file *file,
                 void (*complain)(void *context, const struct script_error *error), void *context);

/* ---- programs ---- */

enum script_register { REG_RAX, REG_RCX, REG_RDX, REG_R8, REG_R9, REG_R10, REG_R11, SCRIPT_REGISTERS };
#define REG_VERSION SCRIPT_REGISTERS /* as an operand of a call only */

/* Expressions are postfix runs of tokens. */
enum script_token_kind {
    TOKEN_NUMBER,   /* value */
    TOKEN_VARIABLE, /* index */
    TOKEN_OUT,      /* index: register of the last call */
    TOKEN_IN,       /* index: register that went into it */
    TOKEN_LANE,     /* index: register; pops the lane's number */
    TOKEN_CALL,     /* index: enum script_function; pops its arguments */
    TOKEN_UNARY,    /* index: enum script_operator */
    TOKEN_BINARY,   /* index: enum script_operator */
};
enum script_operator {
    OP_NEGATE,
    OP_COMPLEMENT,
    OP_NOT, /* unary */
    OP_OR,
    OP_AND,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_AND,
    OP_SHIFT_LEFT,
    OP_SHIFT_RIGHT,
    OP_PLUS,
    OP_MINUS,
    OP_TIMES,
    OP_DIVIDE,
    OP_REMAINDER,
    SCRIPT_OPERATORS
};
u64 script_unary(enum script_operator which, u64 a);
/* False: division by zero. Shifting by more than 63 gives 0. */
bool script_binary(enum script_operator which, u64 a, u64 b, u64 *result);
enum script_function {
#define SCRIPT_FUNCTION(name, arguments, text) FUNCTION_##name,
#include "tests/runner/script/functions.def"
    SCRIPT_FUNCTIONS
};
struct script_token {
    u8 kind;
    u8 index;
    u16 column; /* in its logical line, from 1, continuations counted: text[column - 1] of step or row */
    u64 value;
};
struct script_expr {
    u16 first, count; /* tokens; count 0: absent */
};

enum script_match {
    MATCH_EXACT,              /* RAX == status | detail */
    MATCH_ANY_DETAIL,         /* bits 63:32 equal */
    MATCH_UNNUMBERED_SUCCESS, /* bit 63 clear, not 0, and no status that the ABI table numbers */
    MATCH_UNNUMBERED_ERROR,   /* bit 63 set, likewise */
};
struct script_status {
    u64 status;
    enum script_match match;
    struct script_expr detail;
    const char *name; /* of an unnumbered one, for messages */
};

enum script_item_kind {
    ITEM_STATUS,           /* one of alternatives[first .. first+count) */
    ITEM_HOLDS,            /* expr != 0 */
    ITEM_UNCHANGED,        /* index: register */
    ITEM_SET,              /* index: register */
    ITEM_OTHERS_UNCHANGED, /* all but those in mask */
    ITEM_OUTCOME,          /* count sets of `lanes` statuses each, from alternatives[first] on */
    ITEM_ROW,              /* what the row expects */
};
struct script_item {
    enum script_item_kind kind;
    u8 index;
    u8 mask; /* bit per register that the expect line names, RAX always; with `row` or `each` the row's, too
              */
    u16 first, count, lanes;
    struct script_expr expr;
    u16 column, end; /* the text of the item in its logical line, [column, end) from 1 */
};
struct script_items {
    u16 first, count;
};

/*
 * NAME=EXPR of a call (index: register or REG_VERSION) or a row (also a variable). All rows of a test bind
 * the same variables, a row's expressions name only those that it has bound further left, and no step assigns
 * one.
 */
struct script_operand {
    u8 index;
    bool is_register;
    struct script_expr value;
};

enum script_cpu_kind { CPU_BOOT, CPU_NUMBER, CPU_LAST, CPU_PACKAGE, CPU_ALL };
struct script_cpu {
    enum script_cpu_kind kind;
    struct script_expr number; /* of NUMBER and PACKAGE */
};

enum script_resume_kind { RESUME_NOT, RESUME_WITH_OUTPUTS, RESUME_WITH_INPUTS, RESUME_WITH_FLAG };
struct script_resume {
    enum script_resume_kind kind;
    struct script_expr max; /* absent: SCRIPT_DEFAULT_RESUMES */
    bool elsewhere;
    struct script_cpu cpu;
};

struct script_call {
    bool raw, each;
    struct script_expr leaf; /* absent if raw */
    struct script_operand operands[SCRIPT_MAX_OPERANDS];
    u8 operand_count;
    struct script_cpu cpu;
    struct script_resume resume;
    bool unchanged;
    struct script_items expect;
};

enum script_option {
    OPTION_FEATURES,
    OPTION_VERSION,
    OPTION_TDMRS,
    OPTION_KEYID,
    OPTION_DPAMT,
    SCRIPT_OPTIONS
};
struct script_from {
    enum script_state state;
    struct script_expr options[SCRIPT_OPTIONS]; /* count 0: default */
};

enum script_inject {
    INJECT_STATUS,
    INJECT_INTERRUPT,
    INJECT_NO_ENTROPY,
    INJECT_KET_BUSY,
    INJECT_VMFAIL,
    INJECT_PARK,
    INJECT_IPI,
    INJECT_TIMER,
    INJECT_STOP,
    SCRIPT_INJECTS
};
struct script_injection {
    enum script_inject kind;
    struct script_expr leaf, nth, count, value; /* value: rax, entries, calls or microseconds */
    struct script_cpu cpu;
};

enum script_platform {
    PLATFORM_MSR,
    PLATFORM_CPUID,
    PLATFORM_CMR,
    PLATFORM_PACKAGES,
    PLATFORM_LPS,
    PLATFORM_SEAMCAPS,
    PLATFORM_HANDOFF_PAGES,
    SCRIPT_PLATFORMS
};
struct script_platform_change {
    enum script_platform kind;
    u8 reg; /* of CPUID: 0 eax .. 3 edx */
    struct script_expr
        arguments[4];      /* msr: number, value; cpuid: leaf, subleaf, value; cmr: index, base, size */
    struct script_cpu cpu; /* CPU_ALL unless given */
};

enum script_verb {
    VERB_FROM,
    VERB_BRING,
    VERB_ASSIGN,
    VERB_CALL,
    VERB_EXPECT,
    VERB_WRITE,
    VERB_FILL,
    VERB_REQUIRE,
    VERB_FOR,
    VERB_PAR,
    VERB_END,
    VERB_INJECT,
    VERB_KNOB,
    VERB_PLATFORM,
    VERB_INSTALL,
    VERB_SAY,
    SCRIPT_VERBS
};

struct script_say {
    const char *text; /* in the file, not terminated; NULL: no text */
    u16 length;
    struct script_expr value; /* absent: text alone */
};

struct script_step {
    enum script_verb verb;
    u32 line;
    const char *text; /* the logical line in the file, indentation included, comment not */
    u32 length;
    u16 other; /* FOR, PAR: index of its END; END: index of its FOR or PAR */
    union {
        struct script_from from; /* FROM, BRING */
        struct {
            u8 variable;
            struct script_expr value;
        } assign;
        struct script_call call;
        struct script_items expect;
        struct {
            struct script_expr address, bytes, value;
        } write; /* WRITE (bytes absent), FILL */
        struct {
            struct script_expr condition;
            const char *why;
            u16 why_length;
        } require;
        struct {
            u8 variable;
            struct script_expr first, limit, step;
        } loop;
        struct script_injection inject;
        struct {
            char names[4][32]; /* KNOB: one */
            struct script_expr values[4];
            u8 count;
        } knobs; /* KNOB, INSTALL */
        struct script_platform_change platform;
        struct {
            struct script_say parts[8];
            u8 count;
        } say;
    };
};

struct script_program {
    const struct script_file *file;
    const struct script_case *item;
    struct script_step steps[SCRIPT_MAX_STEPS];
    u32 step_count;
    struct script_token tokens[SCRIPT_MAX_TOKENS];
    u32 token_count;
    struct script_item items[SCRIPT_MAX_ITEMS];
    u32 item_count;
    struct script_status alternatives[SCRIPT_MAX_ITEMS];
    u32 alternative_count;
    char variables[SCRIPT_MAX_VARIABLES][32];
    u32 variable_count;
    /* of the row, if the case is one */
    struct script_operand row[SCRIPT_MAX_OPERANDS];
    u8 row_count;
    struct script_items row_expect;
    const char *row_text;
    u32 row_length, row_line;
};

/* False, with *error filled: only for a text that script_read() refused. */
bool script_compile(const struct script_suite *suite, const struct script_case *item,
                    struct script_program *program, struct script_error *error);

const char *script_state_name(enum script_state state);
const char *script_register_name(u32 reg); /* "rax" ... */
const char *script_function_name(u32 function);

#endif
