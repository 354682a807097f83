/* SPDX-License-Identifier: MIT */
/*
 * Inside the running half: one case on its way, shared by the files that run it; nobody else includes this.
 *
 * Whatever ends a case early (a failed step, a skip, a mistake in the script) is a verdict that the functions
 * below note; they return false, and so does everything above them up to the loop over the steps.
 */
#ifndef TESTS_RUNNER_SCRIPT_RUN_H
#define TESTS_RUNNER_SCRIPT_RUN_H

#include "tests/runner/script/port.h"

#define SCRIPT_MAX_CPUS 256

/* A SEAMCALL that was made */
struct script_made {
    u32 cpu;
    bool answered; /* false: that CPU didn't come back */
    struct script_regs in, out;
    u64 resumes;
};

/* Operands of `from` after evaluation: everything that makes one READY module differ from another. */
struct script_setup {
    u64 values[SCRIPT_OPTIONS];
};

/* How far the module is, as far as the statuses that it gave tell. */
struct script_progress {
    bool started, configured, extended, quoting;
    u64 lps[SCRIPT_MAX_CPUS / 64]; /* that did SYS.LP.INIT */
    u64 packages, tdmrs;           /* that have a key; that are initialised to the end */
};

/* What script_start(), or the first case that can, learns of machine and module. */
struct script_facts {
    bool known;
    u64 features0;
    script_version_t version;
    u32 packages;
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u32 cmr_count;
    bool can_disable, fault_armed;
    u64 keyid_first, keyid_count;
    u32 keyid_shift; /* of a KeyID in an address */
};

#define SCRIPT_SIDES_MAX 8

struct script_run {
    const struct script_port *port;
    const struct script_options *options;
    struct script_result *result;
    const struct script_program *program;
    const struct script_step *step; /* the one that runs */
    u64 started_us, deadline_us;
    u32 steps;

    u64 variables[SCRIPT_MAX_VARIABLES];
    u8 row_binding[SCRIPT_MAX_VARIABLES]; /* of a row's variable not yet evaluated: operand of the row + 1 */

    struct script_made last; /* what registers in expectations mean */
    bool called;
    struct script_made lanes[SCRIPT_MAX_CPUS]; /* last call of each lane */
    u32 lane_count;
    bool block;             /* the last calls were those of lanes */
    bool footprint_differs; /* of the last call marked `unchanged` */
    const char *footprint_what;

    /* comparisons of the expression evaluated last, for the message of an expectation that fails */
    struct {
        u8 operator;
        u64 left, right;
    } sides[SCRIPT_SIDES_MAX];
    u32 side_count;

    struct script_setup setup; /* of the last `from` or `bring`, or as the script configured the module */
    bool configured_once;      /* since the last `from`: setup holds */
    u32 packages;              /* as `platform packages` changed it */
    bool altered;              /* knobs, platform or module aren't as the states have them */
    bool injecting, storming;
    bool disturbed; /* the module may have changed since the last `from` */
    u64 arena_next;
};

extern struct script_facts script_facts;

/* ---- verdicts (run.c); all return false ---- */

bool run_fail(struct script_run *run); /* a failure that has been printed */
bool run_skip(struct script_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool run_mistake(struct script_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True as long as the case may go on: its seconds aren't over. */
bool run_in_time(struct script_run *run);
#define PAGES_BETWEEN_LOOKS 256 /* of memory that a single step goes through */

/* ---- calls (calls.c) ---- */

void run_call_marks(struct script_regs *regs);
struct script_made run_call_once(struct script_run *run, u32 cpu, const struct script_regs *in);
/* Leaf with all registers marked but RCX and RDX; version 0, boot CPU. */
struct script_made run_call_leaf(struct script_run *run, u32 leaf, u64 rcx, u64 rdx);
/* All lanes at once. False: a CPU didn't come back, and that has been printed. */
bool run_call_lanes(struct script_run *run, struct script_lane *lanes, u32 count);
/* One `call` step, of one CPU or all, without its expectations. */
bool run_step_call(struct script_run *run, const struct script_call *call);
bool run_step_par(struct script_run *run, const struct script_step *par);
bool run_cpu_number(struct script_run *run, const struct script_cpu *cpu, u32 *number);
u32 run_package_first(const struct script_run *run, u32 package);
/* What a status makes of the harness's knowledge. */
void run_note_call(struct script_run *run, const struct script_made *made);

/* ---- expressions (evaluate.c, functions.c) ---- */

bool run_evaluate(struct script_run *run, struct script_expr expr, u64 *value);
bool run_variable(struct script_run *run, u8 index, u64 *value);
/* absent: value stays */
bool run_evaluate_optional(struct script_run *run, struct script_expr expr, u64 *value);
bool run_call_function(struct script_run *run, enum script_function function, const u64 *arguments,
                       u64 *value);

/* ---- memory (memory.c) ---- */

bool run_alloc(struct script_run *run, u64 pages, u64 align, u64 *address);
void run_memory_start(void);
void run_memory_reset(struct script_run *run);
/* size bytes that the script may touch; NULL, with a verdict, if it may not */
void *run_memory(struct script_run *run, u64 pa, u64 size);
bool run_write(struct script_run *run, u64 pa, u64 value);
bool run_fill(struct script_run *run, u64 pa, u64 bytes, u64 pattern);
/* The harness's own pages, at the end of the arena. */
#define SCRIPT_HARNESS_PAGES 16
u64 run_harness_page(const struct script_run *run, u32 index);
u64 run_arena_left(const struct script_run *run);

/* ---- addresses and lists (addresses.c, lists.c) ---- */

bool run_function_address(struct script_run *run, enum script_function function, const u64 *arguments,
                          u64 *value);
bool run_function_list(struct script_run *run, enum script_function function, const u64 *arguments,
                       u64 *value);

/* ---- states (states.c, climb.c) ---- */

/* Nothing is known of the module, or that it is as after a reset. */
void run_states_start(const struct script_port *port, bool as_after_reset);
void run_states_forget(void); /* it isn't in a known state any more */
/* To a state before SYS.CONFIG. */
bool run_go_plain(struct script_run *run, enum script_state state);
bool run_step_from(struct script_run *run, const struct script_from *from, bool bring);
/* TDMRs as the harness configures them here and now */
const struct script_layout *run_layout_now(struct script_run *run);
u32 run_tdmrs_configured(struct script_run *run);
/* The case is over: what it changed for good is undone. */
void run_states_leave(struct script_run *run);
struct script_progress *run_progress(void);
/* False, with a verdict: a call of the sequence was refused, or the machine lacks something. */
bool run_climb(struct script_run *run, enum script_state state, const struct script_setup *setup,
               const struct script_layout *layout);
u64 run_package_bits(const struct script_run *run);

/* ---- facts (facts.c) ---- */

bool run_facts_start(const struct script_port *port, char *why, size_t size);
/* Facts that need SYS.LP.INIT, for cases that have to know them before their first step. */
bool run_learn(struct script_run *run, enum script_state state);
bool run_sysrd(struct script_run *run, u64 field, u64 *value, struct script_made *made);

/* ---- expectations (expect.c) and what a failure prints (failure.c) ---- */

bool run_expect(struct script_run *run, struct script_items items);
/* the call's own expectation, for each CPU if it was made on all */
bool run_expect_call(struct script_run *run, const struct script_call *call);
/* Opens the report of a failed step; what follows says what was expected, then run_failure_end(). */
void run_failure_begin(struct script_run *run, const char *what); /* "FAILED", "ERROR" */
void run_log_calls(const struct script_run *run);                 /* the last one, or those of all lanes */
void run_failure_end(struct script_run *run);
void run_log_made(const struct script_made *made);
bool run_fail_call(struct script_run *run, const struct script_made *made, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A text of any length as lines of a log, continued as the language does. */
void run_log_long(const char *prefix, const char *text, size_t length);

/* ---- the machine's faults (machine_faults.c) ---- */

bool run_step_inject(struct script_run *run, const struct script_injection *inject);
bool run_step_knobs(struct script_run *run, const struct script_step *step);
bool run_step_platform(struct script_run *run, const struct script_platform_change *change);
void run_faults_end(struct script_run *run);

/* ---- `unchanged` (footprint.c) ---- */

struct script_footprint {
    bool hashed;
    u64 hash; /* of the monitor */
    u64 fold; /* of all metadata fields */
};
struct script_footprint run_footprint_take(struct script_run *run);

/* ---- -v (trace.c) ---- */

/* The text of an item where it stands: in the step's line, or the row's. */
const char *run_item_text(const struct script_run *run, const struct script_item *item, u32 *length);

struct script_text {
    char text[SCRIPT_MAX_LINE * 2];
    size_t length;
};
void run_text_add(struct script_text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Starts a line with the step's indentation. */
void run_trace_begin(struct script_run *run, struct script_text *text);
void run_trace_end(struct script_text *text);
/* a whole line */
void run_trace(struct script_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void run_trace_call(struct script_run *run, const struct script_call *call, const struct script_regs *in,
                    u32 cpu, u64 max, u32 elsewhere);
void run_trace_expect(struct script_run *run, struct script_items items);
void run_trace_result(struct script_run *run, const struct script_made *made);

/* guard.c: false, as a mistake of the script's, if the call would hand the kernel's own memory to the module.
 */
bool run_guard(struct script_run *run, const struct script_regs *in);

#endif
