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
#include <stdlib.h>
#include <string.h>

#include "tests/host/facts.h"
#include "tests/host/run.h"
#include "tests/runner/script/script.h"

enum { EXIT_WRONG = 2 };

static struct script_suite suite;

static void complain(void *context, const struct script_error *error)
{
    char text[512];
    (void)context;
    script_error_text(error, text, sizeof(text));
    fprintf(stderr, "%s\n", text);
}

static bool read_text(const char *name, struct script_file *script)
{
    FILE *file = fopen(name, "rb");
    size_t used = 0, room = 1 << 16, got = 1;
    char *text = malloc(room);
    while (file && text && got) {
        if (used == room)
            text = realloc(text, room *= 2);
        got = text ? fread(text + used, 1, room - used, file) : 0;
        used += got;
    }
    if (file)
        fclose(file);
    *script = (struct script_file){.name = name, .text = text, .size = (u32)used};
    if (!file)
        free(text);
    return file && text;
}

static bool read_all(int count, char **names)
{
    bool good = true;
    for (int i = 0; i < count; i++) {
        struct script_file file;
        if (!read_text(names[i], &file)) {
            fprintf(stderr, "tdxt: %s can't be read\n", names[i]);
            good = false;
            continue;
        }
        good &= script_read(&suite, &file, complain, NULL);
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
