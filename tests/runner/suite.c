/* SPDX-License-Identifier: MIT */
#include "tests/runner/suite.h"

#include "drivers/tdx/abi/status.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tests/runner/bench.h"
#include "tests/runner/check.h"
#include "tests/runner/inject.h"
#include "tests/runner/ktap.h"
#include "tests/runner/ticker.h"

void suite_list(const struct case_table *const *tables, const struct suite_options *options)
{
    const struct test_case *item;
    for (u32 i = 0; (item = case_at(tables, i)); i++)
        if (case_is_selected(item, options->pattern))
            console_line("# case %s (%s)", item->id, test_source_name(item->source));
}

/* ---- prerequisites ---- */

/* Those that don't depend on the module. Returns false after a verdict. */
static bool machine_suits(struct test *test)
{
    const struct test_case *item = test->item;
    const struct machine *machine = test->machine;
    char why[96];
    platform_first_unmet(&machine->platform, why, sizeof(why));
    bool meant = machine->platform_faults > 0; /* what the user wants to see isn't missing here but there */
    if (why[0] && machine->platform.control_msr && !meant)
        test_error(test, "the monitor's platform is incomplete: %s", why);
    else if (why[0] && !meant)
        test_skip(test, "%s", why);
    else if (item->needs & (NEED_MONITOR | NEED_INJECT) && !machine->platform.control_msr)
        test_skip(test, "needs the Seamstress monitor, this is hardware");
    else if (item->needs & NEED_SOFT && machine->platform.subject != SUBJECT_SOFT)
        test_skip(test, "needs the soft module");
    else if (item->needs & NEED_SOUND && machine->platform_faults)
        test_skip(test, "this run is for a machine that isn't as it should be");
    else if (item->needs & NEED_INJECT && machine->fault_armed)
        test_skip(test, "this run is for another fault");
    else if (item->leaf && item->leaf < ARRAY_COUNT(machine->faulted_leaf) &&
             machine->faulted_leaf[item->leaf])
        test_skip(test, "its calls of %s would count for the fault that this run is for",
                  tdx_leaf_name(item->leaf));
    else if (item->leaf && machine->platform_faults)
        test_skip(test, "its calls may meet the fault of the machine that this run is for");
    else if (item->needs & NEED_CPUS && cpu_count() < 2)
        test_skip(test, "needs a second CPU");
    else if (item->needs & NEED_PACKAGES && package_count() < 2)
        test_skip(test, "needs a second package");
    return test->verdict == VERDICT_PASS;
}

/* Those that only the module can answer, asked once the stage is reached. */
static bool module_suits(struct test *test)
{
    u32 needs = test->item->needs;
    const struct tdx_host *host = &test->machine->host;
    bool has_ext = sysinfo_has(&host->sysinfo, TDX_FEATURE_EXT);
    if (needs & (NEED_EXT | NEED_POOL) && !has_ext)
        test_skip(test, "module has no EXT feature (TDX_FEATURES0 bit %d)", TDX_FEATURE_EXT);
    else if (needs & NEED_NO_EXT && has_ext)
        test_skip(test, "module has the EXT feature (TDX_FEATURES0 bit %d)", TDX_FEATURE_EXT);
    else if (needs & NEED_POOL && test->machine->next > STEP_EXT_QUERY && test->machine->demand.pages == 0)
        test_skip(test, "no configured feature needs extension memory");
    else if (needs & NEED_QUOTE && !quote_configured(host))
        test_skip(test, "quoting isn't configured (TDX_FEATURES0 bit %d)", TDX_FEATURE_QUOTE);
    return test->verdict == VERDICT_PASS;
}

/* The first case that can't be reached because a stage failed on the way says so; the others are skipped. */
static bool stage_suits(struct test *test)
{
    struct machine *machine = test->machine;
    if (stage_reach(machine, test->item->stage) && !machine->failed)
        return true;
    if (machine->failure_told) {
        test_skip(test, "needs %s, which failed", stage_name(machine->next));
    } else {
        test_fail(test, "on the way to this case, %s failed: %s", stage_name(machine->next),
                  machine->failure);
        machine_tell_failure(machine);
    }
    return false;
}

/* ---- running ---- */

static void run_case(const struct test_case *item, const struct suite_options *options,
                     struct machine *machine, struct totals *totals)
{
    struct test test = {.item = item, .machine = machine, .verbose = options->verbose};
    u64 seconds = item->seconds ? item->seconds : CASE_DEFAULT_SECONDS;
    ktap_begin(item);
    watchdog_start(item->id, seconds);
    bench_case_begin();
    u64 start = clock_cycles();
    if (machine_suits(&test) && stage_suits(&test) && module_suits(&test))
        item->run(&test);
    u64 cycles = clock_cycles() - start;
    bench_case_end("built-in", item->id, cycles);
    watchdog_stop();
    if (!machine->fault_armed)
        inject_disarm(&machine->platform);
    if (cycles / clock_cycles_per_us() > seconds * 1000000)
        test_fail(&test, "took more than %lu s", seconds);
    u32 lost;
    if (!smp_all_answer(&lost))
        test_error(&test, "CPU %u doesn't answer any more", lost);
    struct test_case shown = *item;
    bool by_inference = item->source == SOURCE_INFERRED && machine->platform.subject != SUBJECT_SOFT;
    shown.known_bug = verdict_excuse(test.verdict, by_inference, item->known_bug);
    ktap_result(totals, &shown, test.verdict, test.why, cycles);
}

void suite_run(const struct case_table *const *tables, const struct suite_options *options,
               struct machine *machine, struct totals *totals)
{
    const struct test_case *item;
    for (u32 i = 0; (item = case_at(tables, i)); i++)
        if (case_is_selected(item, options->pattern))
            run_case(item, options, machine, totals);
}
