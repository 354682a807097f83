/* SPDX-License-Identifier: MIT */
#include "tests/host/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format.h"
#include "lib/parse.h"
#include "tests/host/soft_port.h"
#include "tests/host/text.h"
#include "tests/runner/script/port.h"

#define EXIT_SKIPPED 77

static struct script_suite suite;

static struct {
    const char *profile, *pattern;
    u64 cpus;
    bool verbose;
} options = {"ext", "", 4, false};

static int usage(const char *wrong)
{
    fprintf(stderr, "tdxt run: %s\n", wrong);
    fprintf(stderr, "usage: tdxt run [--profile P] [--cpus N] [--run PATTERN] [-v] FILE...\n");
    return 2;
}

/* ---- reading ---- */

static bool read_file(const char *name)
{
    struct script_file file;
    if (!host_read_script(name, &file))
        return false;
    return script_read(&suite, &file, host_complain, NULL);
}

/* ---- running ---- */

static const char *label(const struct script_result *result)
{
    if (result->known_bug && result->verdict == VERDICT_FAIL)
        return "XFAIL";
    if (result->known_bug && result->verdict == VERDICT_PASS)
        return "XPASS";
    static const char *const labels[] = {"PASS", "SKIP", "ERROR", "FAIL"};
    return labels[result->verdict];
}

static void run_case(const struct script_case *item, const struct script_port *port, struct totals *totals)
{
    struct script_result result;
    char again[512];
    format(again, sizeof(again), "--smp %u --profile %s --script %s", port->cpus, port->profile,
           suite.files[item->file].name);
    const struct script_options how = {.trace = options.verbose, .again = again};
    if (options.verbose)
        printf("# %s\n", item->id);
    u64 start = port->now_us(port->context);
    script_run(&suite, item, &how, &result);
    u64 took = port->now_us(port->context) - start;
    printf("%-5s %s  (%llu calls, %llu us)%s%s\n", label(&result), item->id,
           (unsigned long long)result.seamcalls, (unsigned long long)took, result.why[0] ? ": " : "",
           result.why);
    fflush(stdout);
    totals_add(totals, result.verdict, result.known_bug ? item->xfail_why : NULL);
}

static int summary(const struct totals *totals, u64 us)
{
    static const int codes[] = {
        [VERDICT_PASS] = 0, [VERDICT_SKIP] = EXIT_SKIPPED, [VERDICT_ERROR] = 2, [VERDICT_FAIL] = 1};
    printf("%u passed, %u failed, %u expected to fail, %u in error, %u skipped, %llu ms\n", totals->pass,
           totals->fail, totals->xfail, totals->error + totals->xpass, totals->skip,
           (unsigned long long)(us / 1000));
    return codes[totals_verdict(totals)];
}

static int run_all(struct soft_host *host)
{
    struct script_port port = soft_host_port(host);
    char why[128];
    struct totals totals = {0};
    u64 start = port.now_us(port.context);
    if (!script_start(&port, why, sizeof(why))) {
        printf("ERROR: %s\n", why);
        return 2;
    }
    for (u32 i = 0; i < suite.case_count; i++)
        if (!options.pattern[0] || pattern_matches(options.pattern, suite.cases[i].id))
            run_case(&suite.cases[i], &port, &totals);
    script_finish();
    const char *broken = soft_host_check(host);
    if (broken) {
        printf("ERROR: an invariant of the model is broken: %s\n", broken);
        totals.error++;
    }
    return summary(&totals, port.now_us(port.context) - start);
}

/* ---- arguments ---- */

static bool take_option(int argc, char **argv, int *i, const char *name, const char **value)
{
    if (strcmp(argv[*i], name) != 0 || *i + 1 >= argc)
        return false;
    *value = argv[++*i];
    return true;
}

static bool take_cpus(int argc, char **argv, int *i)
{
    const char *number;
    return take_option(argc, argv, i, "--cpus", &number) && parse_u64(number, &options.cpus) &&
           options.cpus > 0 && options.cpus <= 16;
}

int tdxt_run(int argc, char **argv)
{
    u32 files = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            options.verbose = true;
        else if (take_option(argc, argv, &i, "--profile", &options.profile) ||
                 take_option(argc, argv, &i, "--run", &options.pattern) || take_cpus(argc, argv, &i))
            continue;
        else if (argv[i][0] == '-')
            return usage(strcmp(argv[i], "--cpus") == 0 ? "--cpus wants a number from 1 to 16" : argv[i]);
        else if (!read_file(argv[i]))
            return 2;
        else
            files++;
    }
    if (files == 0)
        return usage("no script named");
    struct soft_host *host = soft_host_new(options.profile, (u32)options.cpus);
    if (!host)
        return usage("no such machine");
    int code = run_all(host);
    soft_host_free(host);
    return code;
}
