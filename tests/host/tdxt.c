/* SPDX-License-Identifier: MIT */
/*
 * Scripts on the host:
 *
 *   tdxt lint FILE...    every error as file:line:col: text on stderr, exit 2; else "N files, N cases"
 *   tdxt list FILE...    ids
 *   tdxt facts FILE...   what each case lets each call answer, for the coverage matrix
 *   tdxt run ...         runs them against the soft module in this process
 */
#include <stdio.h>
#include <string.h>

#include "tests/host/facts.h"
#include "tests/host/run.h"
#include "tests/host/text.h"
#include "tests/runner/script/script.h"

enum { EXIT_WRONG = 2 };

static struct script_suite suite;

static bool read_all(int count, char **names)
{
    bool good = true;
    for (int i = 0; i < count; i++) {
        struct script_file file;
        if (!host_read_script(names[i], &file)) {
            good = false;
            continue;
        }
        good &= script_read(&suite, &file, host_complain, NULL);
    }
    return good;
}

static int usage(void)
{
    fprintf(stderr, "usage: tdxt lint|list|facts FILE...\n       tdxt run [OPTION...] FILE...\n");
    return EXIT_WRONG;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return usage();
    if (strcmp(argv[1], "run") == 0)
        return tdxt_run(argc - 1, argv + 1);
    bool lint = strcmp(argv[1], "lint") == 0, list = strcmp(argv[1], "list") == 0;
    if (!lint && !list && strcmp(argv[1], "facts") != 0)
        return usage();
    if (!read_all(argc - 2, argv + 2))
        return EXIT_WRONG;
    if (lint)
        printf("%u files, %u cases\n", suite.file_count, suite.case_count);
    for (u32 i = 0; i < suite.case_count && !lint; i++) {
        if (list)
            printf("%s\n", suite.cases[i].id);
        else if (!tdxt_facts(&suite, &suite.cases[i]))
            return EXIT_WRONG;
    }
    return 0;
}
