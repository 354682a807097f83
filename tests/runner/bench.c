/* SPDX-License-Identifier: MIT */
#include "tests/runner/bench.h"

#include "drivers/tdx/abi/monitor.h"
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "tests/runner/ktap.h"

#define CALL_ROUNDS 1001
#define TDMR_ROUNDS 15

static struct tdx_host host;

/* ---- medians ---- */

static void sort(u64 *values, u32 count)
{
    for (u32 i = 1; i < count; i++) {
        u64 value = values[i];
        u32 at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

u64 bench_median(u64 *values, u32 count)
{
    sort(values, count);
    return values[count / 2];
}

/* ---- bench=ready ---- */

static bool bring_up(u32 tdmr_init_lps)
{
    struct tdx_options options = tdx_default_options();
    options.tdmr_init_lps = tdmr_init_lps;
    tdx_host_init(&host, &options);
    return tdx_init(&host);
}

/* The TSC counts from power-on, so it also says what happened before the kernel ran. */
static bool bench_ready(void)
{
    u64 start = clock_cycles();
    bool ready = bring_up(0);
    log_line("bench: main_at_us %lu", start / clock_cycles_per_us());
    log_line("bench: ready_at_us %lu", clock_cycles() / clock_cycles_per_us());
    for (u32 step = 0; step < host.next; step++)
        log_line("bench: step %s us %lu", tdx_step_name(step),
                 host.step_cycles[step] / clock_cycles_per_us());
    return ready;
}

/* ---- bench=calls ---- */

static u64 module_cycles(void)
{
    u64 value = 0;
    monitor_counter(&host.platform, MONITOR_COUNT_MODULE_CYCLES, &value);
    return value;
}

static bool bench_calls(void)
{
    static u64 bare[CALL_ROUNDS], call[CALL_ROUNDS], model[CALL_ROUNDS];
    if (!bring_up(0) || !host.platform.control_msr)
        return false;
    u32 nop = host.platform.control_msr + MONITOR_MSR_NOP;
    bool were_on = interrupts_save();
    for (u32 i = 0; i < CALL_ROUNDS; i++) {
        u64 start = clock_cycles();
        rdmsr(nop);
        bare[i] = clock_cycles() - start;
        u64 before = module_cycles();
        struct seamcall_args args = {.rdx = TDX_FIELD_TDX_FEATURES0};
        start = clock_cycles();
        u64 status = seamcall_once(TDH_SYS_RD, &args);
        call[i] = clock_cycles() - start;
        model[i] = module_cycles() - before;
        if (status != TDX_SUCCESS)
            return false;
    }
    interrupts_restore(were_on);
    log_line("bench: bare_exit_cycles %lu", bench_median(bare, CALL_ROUNDS));
    log_line("bench: seamcall_cycles %lu", bench_median(call, CALL_ROUNDS));
    log_line("bench: model_cycles %lu", bench_median(model, CALL_ROUNDS));
    return true;
}

/* ---- bench=tdmr ---- */

/* A fresh life of the module, up to TDMR.INIT with so many LPs; 0 if it failed. */
static u64 time_tdmr_init(u32 lps)
{
    struct tdx_options options = tdx_default_options();
    options.features = 0;
    options.tdmr_init_lps = lps;
    tdx_host_init(&host, &options);
    while (host.next <= STEP_TDMR_INIT)
        if (!tdx_run_next_step(&host))
            return 0;
    return host.tdmr_init_cycles;
}

static bool start_over(void)
{
    u32 count = host.plan.count;
    if (!monitor_write(&host.platform, MONITOR_MSR_RESET, 1))
        return false;
    donate_take_back_all();
    return count >= 2;
}

static bool bench_tdmr(void)
{
    static u64 one[TDMR_ROUNDS], two[TDMR_ROUNDS], speedup[TDMR_ROUNDS];
    u64 busy = 0;
    for (u32 i = 0; i < TDMR_ROUNDS; i++) {
        two[i] = time_tdmr_init(2);
        busy += host.tdmr_init_busy;
        if (!two[i] || !start_over())
            return false;
        one[i] = time_tdmr_init(1);
        busy += host.tdmr_init_busy;
        if (!one[i] || !start_over())
            return false;
        speedup[i] = one[i] * 100 / two[i];
    }
    /* Of each round, so that a host that changes its speed meanwhile doesn't matter. */
    log_line("bench: tdmr_init_speedup_percent %lu", bench_median(speedup, TDMR_ROUNDS));
    log_line("bench: tdmr_init_one_lp_cycles %lu", bench_median(one, TDMR_ROUNDS));
    log_line("bench: tdmr_init_two_lps_cycles %lu", bench_median(two, TDMR_ROUNDS));
    log_line("bench: tdmr_init_busy %lu", busy);
    return true;
}

/* ---- bench=counts ---- */

static bool bench_counts(void)
{
    static const char *const names[] = {
#define MONITOR_COUNTER(name, text) #name,
#include "drivers/tdx/abi/counters.def"
    };
    if (!bring_up(0))
        return false;
    for (u16 leaf = 0; leaf < 256; leaf++) {
        struct seamcall_stats stats;
        if (seamcall_stats(leaf, &stats))
            log_line("bench: seamcalls %s %lu resumes %lu retries %lu", tdx_leaf_name(leaf), stats.calls,
                     stats.resumes, stats.retries);
    }
    for (u32 i = 0; i < MONITOR_COUNTERS; i++) {
        u64 value;
        if (monitor_counter(&host.platform, i, &value))
            log_line("bench: count %s %lu", names[i], value);
    }
    log_line("bench: count TLB_SHOOTDOWNS %lu", tlb_shootdown_count());
    return true;
}

/* ---- bench=cases ---- */

static struct {
    bool wanted;
    u64 start, own; /* world switches: at the case's start, and of looking once */
} cases;

static u64 switches(void)
{
    u64 value = 0;
    monitor_counter(&host.platform, MONITOR_COUNT_EXITS, &value);
    return value;
}

void bench_case_begin(void)
{
    if (!cases.wanted)
        return;
    u64 before = switches();
    cases.start = switches();
    cases.own = cases.start - before;
}

void bench_case_end(const char *file, const char *id, u64 cycles)
{
    if (!cases.wanted)
        return;
    u64 taken = switches() - cases.start - cases.own;
    log_line("bench: case %s %s %lu %lu", file, id, cycles / clock_cycles_per_us(), taken);
}

/* A measurement is a case of its own, so that its log is judged like any other. */
static int measure(const struct test_case *item, bool (*run)(void))
{
    struct totals totals = {0};
    ktap_plan(1);
    ktap_begin(item);
    u64 start = clock_cycles();
    bool measured = run();
    ktap_result(&totals, item, measured ? VERDICT_PASS : VERDICT_ERROR,
                measured ? "" : "could not be measured here", clock_cycles() - start);
    ktap_end(&totals);
    return verdict_exit_code(totals_verdict(&totals));
}

bool bench_main(const char *command_line, int *code)
{
    static const struct {
        struct test_case item;
        const char *name;
        bool (*run)(void);
    } benches[] = {
        {{.id = "bench.ready", .source = SOURCE_PROJECT}, "ready", bench_ready},
        {{.id = "bench.calls", .source = SOURCE_PROJECT}, "calls", bench_calls},
        {{.id = "bench.tdmr", .source = SOURCE_PROJECT}, "tdmr", bench_tdmr},
        {{.id = "bench.counts", .source = SOURCE_PROJECT}, "counts", bench_counts},
        {{.id = "bench.script", .source = SOURCE_PROJECT}, "script", bench_script},
        {{.id = "bench.states", .source = SOURCE_PROJECT}, "states", bench_states},
    };
    char name[16] = "";
    if (!parse_option(command_line, "bench", name, sizeof(name)))
        return false;
    if (strcmp(name, "cases") == 0) {
        platform_detect(&host.platform);
        cases.wanted = true;
        return false;
    }
    for (u32 i = 0; i < ARRAY_COUNT(benches); i++)
        if (strcmp(benches[i].name, name) == 0) {
            *code = measure(&benches[i].item, benches[i].run);
            return true;
        }
    refuse("bench=%s: there are ready, calls, tdmr, counts, script, states and cases", name);
}
