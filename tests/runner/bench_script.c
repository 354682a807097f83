/* SPDX-License-Identifier: MIT */
/* What scripts cost, measured with scripts: the calls that they make are stamped on their way through the
 * port. */
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/seamcall.h"
#include "kernel/clock.h"
#include "kernel/memory.h"
#include "lib/log.h"
#include "tests/runner/bench.h"
#include "tests/runner/call.h"
#include "tests/runner/script_machine.h"

#define ROUNDS 31
#define CALLS  201 /* of a round, as in the text below */
#define BACKS  15
#define WAYS   5 /* restores in one turn of the loop over states */

enum { CASE_CALL, CASE_EXPECT, CASE_STATES };

static const char text[] = "suite bench\n"
                           "  source project\n"
                           "  timeout 120\n"
                           "test call\n"
                           "  from initialised\n"
                           "  for i in 0..201\n"
                           "    call SYS.RD rdx=TDX_FEATURES0\n"
                           "  end\n"
                           "test call_and_expect\n"
                           "  from initialised\n"
                           "  for i in 0..201\n"
                           "    call SYS.RD rdx=TDX_FEATURES0 expect SUCCESS\n"
                           "  end\n"
                           "test states\n"
                           "  need soft ext quote\n"
                           "  from reset\n"
                           "  from pooled\n"
                           "  from ready\n"
                           "  for i in 0..15\n"
                           "    from ready\n"
                           "    from reset\n"
                           "    from ready\n"
                           "    from pooled\n"
                           "    from ready\n"
                           "  end\n";

static struct script_suite *suite;
static struct script_port real; /* where the stamped calls go on to */

/* ---- stamps ---- */

/* The last ones are kept: states are reached with calls and restores, too. */
struct stamps {
    u64 values[CALLS];
    u32 room, count;
};

static struct stamps calls = {.room = CALLS}, restores = {.room = BACKS * WAYS};

static void stamp(struct stamps *stamps, u64 value)
{
    stamps->values[stamps->count++ % stamps->room] = value;
}

/* 0: the oldest */
static u64 stamp_at(const struct stamps *stamps, u32 index)
{
    return stamps->values[(stamps->count + index) % stamps->room];
}

static bool stamped_call(void *context, u32 cpu, struct script_regs *regs)
{
    stamp(&calls, clock_cycles());
    return real.call(context, cpu, regs);
}

static bool stamped_write(void *context, u32 msr, u64 value)
{
    u64 start = clock_cycles();
    bool written = real.monitor_write(context, msr, value);
    if (msr == MONITOR_MSR_RESTORE)
        stamp(&restores, clock_cycles() - start);
    return written;
}

/* ---- the machine ---- */

static void complain(void *context, const struct script_error *error)
{
    char line[LOG_LINE_MAX];
    (void)context;
    script_error_text(error, line, sizeof(line));
    log_line("%s", line);
}

static bool make_ready(void)
{
    static struct machine machine;
    static struct script_port port;
    const struct tdx_options options = tdx_default_options();
    const struct script_file file = {.name = "bench.tdxt", .text = text, .size = sizeof(text) - 1};
    char why[SCRIPT_TEXT_MAX] = "";
    suite = memory_permanent(sizeof(*suite), 0);
    if (!script_read(suite, &file, complain, NULL))
        return false;
    machine_init(&machine, &options);
    bool ready = script_machine_init(&port, &machine, why, sizeof(why)) == VERDICT_PASS;
    real = port;
    port.call = stamped_call;
    port.monitor_write = stamped_write;
    ready = ready && script_start(&port, why, sizeof(why));
    if (!ready)
        log_line("bench: %s", why);
    return ready;
}

static bool run_script(u32 which)
{
    const struct script_options options = {.again = ""};
    struct script_result result = {.verdict = VERDICT_PASS};
    script_machine_allow(suite->cases[which].seconds);
    script_run(suite, &suite->cases[which], &options, &result);
    if (result.verdict != VERDICT_PASS)
        log_line("bench: %s: %s %s", suite->cases[which].id, verdict_name(result.verdict), result.why);
    return result.verdict == VERDICT_PASS;
}

/* ---- bench=script ---- */

/* From each call to the next: what is done between them counts, as it does for a test. */
static u64 median_step(void)
{
    static u64 steps[CALLS - 1];
    for (u32 i = 0; i < CALLS - 1; i++)
        steps[i] = stamp_at(&calls, i + 1) - stamp_at(&calls, i);
    return bench_median(steps, CALLS - 1);
}

static bool calls_from_c(void)
{
    for (u32 i = 0; i < CALLS; i++) {
        struct seamcall_args args = call_marked();
        args.rdx = TDX_FIELD_TDX_FEATURES0;
        stamp(&calls, clock_cycles());
        if (seamcall_raw(TDH_SYS_RD, &args) != TDX_SUCCESS)
            return false;
    }
    return true;
}

bool bench_script(void)
{
    static u64 c[ROUNDS], call[ROUNDS], expect[ROUNDS], call_ratio[ROUNDS], expect_ratio[ROUNDS];
    if (!make_ready())
        return false;
    for (u32 i = 0; i < ROUNDS; i++) {
        if (!run_script(CASE_CALL))
            return false;
        call[i] = median_step();
        if (!calls_from_c())
            return false;
        c[i] = median_step();
        if (!run_script(CASE_EXPECT))
            return false;
        expect[i] = median_step();
        call_ratio[i] = call[i] * 100 / c[i];
        expect_ratio[i] = expect[i] * 100 / c[i];
    }
    /* Of each round, so that a host that changes its speed meanwhile doesn't matter. */
    log_line("bench: script_call_percent %lu", bench_median(call_ratio, ROUNDS));
    log_line("bench: script_expect_percent %lu", bench_median(expect_ratio, ROUNDS));
    log_line("bench: c_call_cycles %lu", bench_median(c, ROUNDS));
    log_line("bench: script_call_cycles %lu", bench_median(call, ROUNDS));
    log_line("bench: script_expect_cycles %lu", bench_median(expect, ROUNDS));
    return true;
}

/* ---- bench=states ---- */

static u64 median_way(u32 way)
{
    u64 backs[BACKS];
    for (u32 i = 0; i < BACKS; i++)
        backs[i] = stamp_at(&restores, i * WAYS + way);
    return bench_median(backs, BACKS) / clock_cycles_per_us();
}

/* The stamps of a turn are those of its `from` lines, one each. */
bool bench_states(void)
{
    if (!make_ready() || !run_script(CASE_STATES) || restores.count < restores.room)
        return false;
    log_line("bench: ready_to_ready_us %lu", median_way(0));
    log_line("bench: ready_to_reset_us %lu", median_way(1));
    log_line("bench: reset_to_ready_us %lu", median_way(2));
    log_line("bench: pooled_to_ready_us %lu", median_way(4));
    return true;
}
