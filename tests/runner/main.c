/* SPDX-License-Identifier: MIT */
/*
 * The run: command line, plan, banner, cases, totals.
 *
 * run=PATTERN     Cases to run, '*' and '?' allowed; what they need is brought up silently. Default: all.
 *
 * features=LIST   none, quote, names of TDX_FEATURES0 bits joined by ',', or 0x... bits. Default: quote.
 *
 * quote_required=1  Quoting that is configured and doesn't start is a failure. Default: one line in the log.
 *
 * list=1          Prints the ids of the selected cases and leaves.
 *
 * verbose=1       Prints expectations that hold, too.
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
#include "tests/runner/suite.h"
#include "tests/runner/ticker.h"

static struct machine machine; /* the one under test */
static struct suite_options selection;

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

static bool parse_command_line(const char *command_line, struct tdx_options *options)
{
    static char features[BOOT_COMMAND_LINE];
    *options = tdx_default_options();
    options->quote_required = has_flag(command_line, "quote_required");
    selection.verbose = has_flag(command_line, "verbose");
    parse_option(command_line, "run", selection.pattern, sizeof(selection.pattern));
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
    log_line("seamstress: subject: %s", platform_subject_name(platform->subject));
    log_line("seamstress: hypervisor: %s", platform->hypervisor[0] ? platform->hypervisor : "none seen");
    log_line("seamstress: %u CPUs of %u, %u packages, %lu MiB of usable memory", cpu_count(), cpu_expected(),
             package_count(), boot_info_usable_bytes(memory_map()) / MIB);
    for (u32 leaf = 0; leaf < ARRAY_COUNT(machine.faulted_leaf); leaf++)
        if (machine.faulted_leaf[leaf])
            log_line("seamstress: a fault is armed on leaf %u (%s): a failure may be what this run is for",
                     leaf, tdx_leaf_name(leaf) ? tdx_leaf_name(leaf) : "unknown");
}

static int finish(const struct totals *totals)
{
    ktap_end(totals);
    return verdict_exit_code(totals_verdict(totals));
}

/* Not a machine for TDX: all findings, for the person at the bench. */
static void explain_hardware(void)
{
    if (machine.platform.unmet > 0)
        platform_report(&machine.platform);
}

int run_main(void)
{
    int code;
    if (bench_main(kernel_command_line(), &code))
        return code;
    struct tdx_options options;
    struct totals totals = {0};
    bool understood = parse_command_line(kernel_command_line(), &options);
    const char *wrong = selection_check(bringup_tables, STAGE_COUNT);
    if (wrong)
        log_line("the table entry of case %s is wrong: id, order or repetition", wrong);
    u32 count = selection_count(bringup_tables, selection.pattern);
    if (!understood || wrong || count == 0) {
        if (count == 0)
            log_line("run=%s selects no case; list=1 prints them all", selection.pattern);
        ktap_plan(0);
        return finish(&totals); /* nothing counted: ERROR */
    }
    if (has_flag(kernel_command_line(), "list")) {
        suite_list(bringup_tables, &selection);
        console_line("# end of seamstress log");
        return verdict_exit_code(VERDICT_PASS);
    }
    ktap_plan(count);
    ticker_init();
    machine_init(&machine, &options);
    print_banner();
    explain_hardware();
    suite_run(bringup_tables, &selection, &machine, &totals);
    if (machine.next > STEP_DETECT && !machine.summary_printed)
        tdx_report_summary(&machine.host);
    return finish(&totals);
}
