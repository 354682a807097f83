/* SPDX-License-Identifier: MIT */
/*
 * The run: command line, plan, banner, cases, totals.
 *
 * run=PATTERN     Cases to run, '*' and '?' allowed; what they need is brought up silently. Default: all.
 *
 * suite=NAME      bringup: no scripts; scripts: nothing else. Default: all.
 *
 * features=LIST   none, quote, names of TDX_FEATURES0 bits joined by ',', or 0x... bits. Default: quote.
 *
 * quote_required=1  Quoting that is configured and doesn't start is a failure. Default: one line in the log.
 *
 * list=1          Prints the ids of the selected cases and leaves.
 *
 * verbose=1       Prints expectations that hold and steps of scripts, too.
 *
 * again=OPTIONS   What run-qemu.sh was called with, for the command that runs one case again (again.h).
 *
 * bench=NAME      Measures instead (tests/runner/bench.h).
 */
#include "kernel/main.h"

#include "drivers/tdx/abi/status.h"
#include "kernel/console.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "tests/runner/bench.h"
#include "tests/runner/ktap.h"
#include "tests/runner/scripts.h"
#include "tests/runner/suite.h"
#include "tests/runner/ticker.h"

static struct machine machine; /* the one under test */
static struct suite_options selection;
static char again[BOOT_COMMAND_LINE];

/* What may run at all */
static const struct case_table *const nothing[] = {NULL};
static const struct case_table *const *built_in = bringup_tables; /* or nothing */
static bool with_scripts = true;

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool same_name(const char *name, const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (lower(name[i]) != lower(word[i])) /* also ends at the name's NUL */
            return false;
    return name[length] == 0;
}

static bool feature_by_name(const char *word, size_t length, u64 *bits)
{
    static const struct {
        const char *name;
        u8 bit;
    } names[] = {
#define TDX_FEATURE(name, bit) {#name, (bit)},
#include "drivers/tdx/abi/features.def"
    };
    for (u32 i = 0; i < ARRAY_COUNT(names); i++)
        if (same_name(names[i].name, word, length)) {
            *bits |= 1ull << names[i].bit;
            return true;
        }
    return false;
}

static bool parse_features(const char *text, u64 *bits)
{
    *bits = 0;
    if (strcmp(text, "none") == 0 || parse_u64(text, bits))
        return true;
    for (;;) {
        const char *comma = strchr(text, ',');
        size_t length = comma ? (size_t)(comma - text) : strlen(text);
        if (!feature_by_name(text, length, bits))
            return false;
        if (!comma)
            return true;
        text = comma + 1;
    }
}

static bool has_flag(const char *command_line, const char *key)
{
    char value[8];
    return parse_option(command_line, key, value, sizeof(value)) && strcmp(value, "0") != 0;
}

static bool parse_suite(const char *command_line)
{
    static char name[BOOT_COMMAND_LINE];
    if (!parse_option(command_line, "suite", name, sizeof(name)) || strcmp(name, "all") == 0)
        return true;
    bool scripts = strcmp(name, "scripts") == 0;
    if (!scripts && strcmp(name, "bringup") != 0) {
        log_line("bad option suite=%s: use all, bringup or scripts", name);
        return false;
    }
    built_in = scripts ? nothing : bringup_tables;
    with_scripts = scripts;
    return true;
}

static bool parse_command_line(const char *command_line, struct tdx_options *options)
{
    static char features[BOOT_COMMAND_LINE];
    *options = tdx_default_options();
    options->quote_required = has_flag(command_line, "quote_required");
    selection.verbose = has_flag(command_line, "verbose");
    parse_option(command_line, "run", selection.pattern, sizeof(selection.pattern));
    parse_option(command_line, "again", again, sizeof(again));
    if (!parse_suite(command_line))
        return false;
    if (!parse_option(command_line, "features", features, sizeof(features)))
        return true;
    if (parse_features(features, &options->features))
        return true;
    log_line("bad option features=%s: use none, quote, feature names joined by ',' or 0x bits", features);
    return false;
}

static void print_banner(void)
{
    const struct tdx_platform *platform = &machine.platform;
    log_line("seamstress: subject: %s", platform_subject_name(platform));
    log_line("seamstress: hypervisor: %s", platform->hypervisor[0] ? platform->hypervisor : "none seen");
    log_line("seamstress: %u CPUs of %u, %u packages, %lu MiB of usable memory", cpu_count(), cpu_expected(),
             package_count(), boot_info_usable_bytes(memory_map()) / MIB);
    for (u32 leaf = 0; leaf < ARRAY_COUNT(machine.faulted_leaf); leaf++)
        if (machine.faulted_leaf[leaf])
            log_line("seamstress: a fault is armed on leaf %u (%s): a failure may be what this run is for",
                     leaf, tdx_leaf_name(leaf) ? tdx_leaf_name(leaf) : "unknown");
    if (machine.platform_faults)
        log_line("seamstress: faults of the machine itself: %lu; a failure may be what this run is for",
                 machine.platform_faults);
}

static int finish(const struct totals *totals)
{
    ktap_end(totals);
    return verdict_exit_code(totals_verdict(totals));
}

/* Not a machine for TDX: all findings, for the person at the bench. */
static void explain_hardware(void)
{
    if (machine.platform.unmet > 0 && !machine.platform_faults) /* then the first step says it */
        platform_report(&machine.platform);
}

/* Everything that makes a run impossible, before the plan. The number of cases, 0: none can run. */
static u32 prepare(struct tdx_options *options)
{
    bool understood = parse_command_line(kernel_command_line(), options);
    const char *wrong = selection_check(bringup_tables, STAGE_COUNT);
    if (wrong)
        log_line("the table entry of case %s is wrong: id, order or repetition", wrong);
    if (with_scripts && !scripts_read()) {
        log_line("nothing is run: mend the script first (./run-qemu.sh --lint FILE finds the same mistakes)");
        return 0;
    }
    if (!understood || wrong)
        return 0;
    u32 count = selection_count(built_in, selection.pattern) + scripts_count(selection.pattern);
    if (count == 0 && selection.pattern[0])
        log_line("run=%s selects no case; --list (list=1) prints them all", selection.pattern);
    else if (count == 0)
        log_line("there is no case to run: the scripts have none");
    return count;
}

static int list(void)
{
    suite_list(built_in, &selection);
    scripts_list(selection.pattern);
    console_line("# end of seamstress log");
    return verdict_exit_code(VERDICT_PASS);
}

static void run_built_in(struct totals *totals)
{
    suite_run(built_in, &selection, &machine, totals);
    if (machine.next > STEP_DETECT && !machine.summary_printed)
        tdx_report_summary(&machine.host);
}

int run_main(void)
{
    int code;
    if (bench_main(kernel_command_line(), &code))
        return code;
    struct tdx_options options;
    struct totals totals = {0};
    u32 count = prepare(&options);
    if (count == 0) {
        ktap_plan(0);
        return finish(&totals); /* nothing counted: ERROR */
    }
    if (has_flag(kernel_command_line(), "list"))
        return list();
    ktap_plan(count);
    ticker_init();
    machine_init(&machine, &options);
    print_banner();
    explain_hardware();
    run_built_in(&totals);
    const char *not_now = NULL;
    if (machine.fault_armed && totals_count(&totals) > 0)
        not_now = "the fault that this run is for might hit its calls";
    scripts_run(&selection, again, not_now, &machine, &totals);
    return finish(&totals);
}
