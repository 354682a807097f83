/* SPDX-License-Identifier: MIT */
/*
 * The machine as a running script sees it. Two carriers: the kernel (tests/runner/script_machine.c), and a
 * host process with the soft module in it (tests/host), for unit tests and for trying scripts without QEMU.
 */
#ifndef TESTS_RUNNER_SCRIPT_PORT_H
#define TESTS_RUNNER_SCRIPT_PORT_H

#include "drivers/tdx/abi/monitor.h"
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "tests/runner/script/script.h"
#include "tests/runner/verdict.h"

enum script_subject { SUBJECT_IS_SOFT, SUBJECT_IS_GENUINE, SUBJECT_IS_HARDWARE };

/* One SEAMCALL: registers in, overwritten with what came back; rax then holds the status (software's own on
 * CF, #UD and #GP, as tdx.h says). */
struct script_regs {
    u64 r[SCRIPT_REGISTERS];
};

/* What one CPU does in a par block: calls one after the other, each resumed as it says. */
struct script_lane_call {
    struct script_regs in, out;
    enum script_resume_kind resume;
    u64 max_resumes;
    u64 resumes; /* out */
};

/* An answer that asks for the same call again. With details nobody knows it is an answer like any other. */
static inline bool script_resumable(u64 status)
{
    return status == TDX_INTERRUPTED_RESUMABLE;
}

/* The registers of the next attempt: docs/scripting.md, resume. */
static inline struct script_regs script_resumed(enum script_resume_kind kind, const struct script_regs *in,
                                                const struct script_regs *out)
{
    struct script_regs next = kind == RESUME_WITH_OUTPUTS ? *out : *in;
    next.r[REG_RAX] = in->r[REG_RAX];
    if (kind == RESUME_WITH_FLAG)
        next.r[REG_RCX] = 1;
    return next;
}

struct script_lane {
    u32 cpu;
    struct script_lane_call *calls;
    u32 call_count;
};

struct script_layout {
    struct tdx_tdmr_info tdmrs[TDX_MAX_TDMRS]; /* ready for SYS.CONFIG */
    u32 count;
};

struct script_port {
    void *context;
    enum script_subject subject;
    char profile[12]; /* of the soft module, else "" */
    u32 cpus;
    u64 memory_mib;
    bool monitor; /* control MSRs are there */

    /* TDX memory for the scripts, one block, mapped, all of it the host's at the start of a case; and pages
     * for the pool that states from `pooled` on have: the harness gives them, the same ones in every life. */
    u64 arena, arena_size;
    u64 pool, pool_size;
    /* As many sets of PAMTs as there was memory for; each with the same TDMRs otherwise. */
    u32 lives;

    /* False: that CPU didn't answer in time. */
    bool (*call)(void *context, u32 cpu, struct script_regs *regs);
    /* All lanes at once, from a barrier. */
    bool (*call_together)(void *context, struct script_lane *lanes, u32 count);
    /* Lets pending interrupts in; between two attempts of a resumed call. */
    void (*breathe)(void *context);
    /* WBINVD on all CPUs */
    void (*flush_caches)(void *context);
    /* size bytes at pa, NULL if the host can't reach them; arena, and whatever else is the host's RAM */
    void *(*memory)(void *context, u64 pa, u64 size);
    /* Does any of these bytes belong to what the carrier itself runs on? NULL: nothing there can. */
    bool (*own)(void *context, u64 pa, u64 size);
    /* TDMRs and PAMTs of a life, with one bitmap of 1 bit a page instead of PAMT_4K if dynamic. False: can't
     * be laid out. */
    bool (*layout)(void *context, u32 life, bool dynamic, struct script_layout *layout);

    /* Control MSRs; false: #GP, or no monitor. */
    bool (*monitor_read)(void *context, u32 msr, u64 *value);
    bool (*monitor_write)(void *context, u32 msr, u64 value);
    /* One command; NULL: done, else what is wrong (valid until the next). */
    const char *(*command)(void *context, const char *line);
    /* A storm of interrupts at a CPU, every so many microseconds; 0: end all storms. False: not possible here
     * (one CPU only, ...). */
    bool (*storm)(void *context, enum script_inject kind, u32 cpu, u64 us);

    u64 (*now_us)(void *context);
    /* RDMSR on the boot CPU, for facts that a test needs; false: #GP */
    bool (*rdmsr)(void *context, u32 msr, u64 *value);
    /* CPUID on the boot CPU: EAX, EBX, ECX, EDX */
    void (*cpuid)(void *context, u32 leaf, u32 subleaf, u32 *registers);
};

/* ---- running ---- */

struct script_options {
    bool trace;        /* each step, as a line that the parser reads */
    const char *again; /* options of run-qemu.sh for the command that runs one case again; "" if none */
};

struct script_result {
    enum verdict verdict;
    char why[SCRIPT_TEXT_MAX]; /* of SKIP and ERROR */
    bool known_bug;            /* its xfail line holds for this module's version: it is expected to fail */
    bool by_inference; /* a FAIL of an expectation that is only inferred, on a subject that isn't soft */
    u64 seamcalls;
};

/* Once, before the first case: finds out module version and features, makes no lasting change. False: *why.
 */
bool script_start(const struct script_port *port, char *why, size_t size);
/* One case, from compiling to giving everything back. Prints failures (log_line). Never runs longer than the
 * case's seconds, as far as the module returns. */
void script_run(const struct script_suite *suite, const struct script_case *item,
                const struct script_options *options, struct script_result *result);
/* After the last case: what memory stayed with the module. */
void script_finish(void);

#endif
