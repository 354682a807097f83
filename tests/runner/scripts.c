/* SPDX-License-Identifier: MIT */
#include "tests/runner/scripts.h"

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/main.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tests/runner/again.h"
#include "tests/runner/bench.h"
#include "tests/runner/ktap.h"
#include "tests/runner/script/port.h"
#include "tests/runner/script_machine.h"
#include "tests/runner/ticker.h"

/* What a case may take longer than its own limit before it counts as hung: a call that doesn't return. */
#define GRACE_SECONDS 15
#define START_SECONDS 60

static struct script_suite *suite; /* NULL: there are no scripts */
static struct script_port port;

/* ---- reading ---- */

static bool is_script(const struct boot_module *module)
{
    static const char ending[] = ".tdxt";
    size_t length = strlen(module->name);
    return length >= sizeof(ending) && strcmp(module->name + length - (sizeof(ending) - 1), ending) == 0;
}

static void complain(void *context, const struct script_error *error)
{
    char text[LOG_LINE_MAX];
    (void)context;
    script_error_text(error, text, sizeof(text));
    log_line("%s", text);
}

static bool read_module(const struct boot_module *module)
{
    struct script_file file = {
        .name = module->name, .text = phys_to_virt(pa_of(module->base)), .size = (u32)module->size};
    return script_read(suite, &file, complain, NULL);
}

/* Ids are unique over scripts already. */
static bool clashes(const struct script_case *item)
{
    const struct test_case *built_in;
    for (u32 i = 0; (built_in = case_at(bringup_tables, i)); i++)
        if (strcmp(built_in->id, item->id) == 0) {
            log_line("%s:%u:1: there is a built-in case called '%s': give the suite another name",
                     suite->files[item->file].name, item->line, item->id);
            return true;
        }
    return false;
}

bool scripts_read(void)
{
    const struct boot_info *info = kernel_boot_info();
    bool good = true;
    for (u32 i = 0; i < info->module_count; i++) {
        if (!is_script(&info->modules[i]))
            continue;
        if (!suite)
            suite = memory_permanent(sizeof(*suite), 0);
        good &= read_module(&info->modules[i]);
    }
    for (u32 i = 0; suite && i < suite->case_count; i++)
        good &= !clashes(&suite->cases[i]);
    return good;
}

/* ---- choosing ---- */

static bool is_selected(const struct script_case *item, const char *pattern)
{
    return pattern[0] == 0 || pattern_matches(pattern, item->id);
}

u32 scripts_count(const char *pattern)
{
    u32 count = 0;
    for (u32 i = 0; suite && i < suite->case_count; i++)
        count += is_selected(&suite->cases[i], pattern);
    return count;
}

void scripts_list(const char *pattern)
{
    for (u32 i = 0; suite && i < suite->case_count; i++)
        if (is_selected(&suite->cases[i], pattern))
            console_line("# case %s (%s)", suite->cases[i].id, test_source_name(suite->cases[i].source));
}

/* ---- running ---- */

/* What stands in the way of all cases; the first one says so, the others are skipped. */
struct obstacle {
    enum verdict verdict; /* PASS: nothing */
    char why[SCRIPT_TEXT_MAX];
    bool told;
};

static void find_obstacle(struct obstacle *obstacle, struct machine *machine, const char *not_now)
{
    const struct tdx_platform *platform = &machine->platform;
    size_t size = sizeof(obstacle->why);
    platform_first_unmet(platform, obstacle->why, size);
    if (obstacle->why[0] && !machine->platform_faults) {
        obstacle->verdict = platform->control_msr ? VERDICT_ERROR : VERDICT_SKIP;
    } else if (not_now) {
        obstacle->verdict = VERDICT_SKIP;
        format(obstacle->why, size, "%s", not_now);
    } else {
        obstacle->verdict = script_machine_init(&port, machine, obstacle->why, size);
        if (obstacle->verdict == VERDICT_PASS && !script_start(&port, obstacle->why, size))
            obstacle->verdict = VERDICT_ERROR;
    }
}

static void stopped_by(struct obstacle *obstacle, struct script_result *result)
{
    bool skipped = obstacle->verdict == VERDICT_SKIP;
    result->verdict = skipped || obstacle->told ? VERDICT_SKIP : obstacle->verdict;
    format(result->why, sizeof(result->why), "%s%s",
           !skipped && obstacle->told ? "scripts can't be run: " : "", obstacle->why);
    obstacle->told = true;
}

static void run_case(const struct script_case *item, const struct suite_options *options, const char *again,
                     struct script_result *result)
{
    static char command[512];
    again_options(again, suite->files[item->file].name, command, sizeof(command));
    struct script_options how = {.trace = options->verbose, .again = command};
    script_machine_allow(item->seconds);
    script_run(suite, item, &how, result);
    storm_stop();
}

/* A machine that has lost a CPU proves nothing any more: neither this case, whatever it found, nor those to
 * come. */
static void mind_lost_cpu(struct script_result *result)
{
    u32 lost;
    if (smp_all_answer(&lost))
        return;
    result->verdict = verdict_worse(result->verdict, VERDICT_ERROR);
    format(result->why, sizeof(result->why), "CPU %u doesn't answer any more", lost);
}

static void judge_case(const struct script_case *item, const struct suite_options *options, const char *again,
                       struct obstacle *obstacle, struct totals *totals)
{
    struct script_result result = {.verdict = VERDICT_PASS};
    struct test_case shown = {.id = item->id, .source = item->source};
    ktap_begin(&shown);
    watchdog_start(item->id, item->seconds + GRACE_SECONDS);
    bench_case_begin();
    u64 start = clock_cycles();
    u32 lost;
    if (obstacle->verdict != VERDICT_PASS)
        stopped_by(obstacle, &result);
    else if (smp_all_answer(&lost))
        run_case(item, options, again, &result);
    u64 cycles = clock_cycles() - start;
    bench_case_end(suite->files[item->file].name, item->id, cycles);
    watchdog_stop();
    mind_lost_cpu(&result);
    shown.known_bug =
        verdict_excuse(result.verdict, result.by_inference, result.known_bug ? item->xfail_why : NULL);
    ktap_result(totals, &shown, result.verdict, result.why, cycles);
}

void scripts_run(const struct suite_options *options, const char *again, const char *not_now,
                 struct machine *machine, struct totals *totals)
{
    struct obstacle obstacle = {.verdict = VERDICT_PASS};
    if (scripts_count(options->pattern) == 0)
        return;
    watchdog_start("scripts, being made ready,", START_SECONDS);
    find_obstacle(&obstacle, machine, not_now);
    watchdog_stop();
    for (u32 i = 0; i < suite->case_count; i++)
        if (is_selected(&suite->cases[i], options->pattern))
            judge_case(&suite->cases[i], options, again, &obstacle, totals);
    if (obstacle.verdict == VERDICT_PASS)
        script_finish();
}
