/* SPDX-License-Identifier: MIT */
/* What objdump says of code: a second opinion for tests. binutils is there wherever anything can be built. */
#ifndef TESTS_UNIT_OBJDUMP_H
#define TESTS_UNIT_OBJDUMP_H

#include "tests/unit/support.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/format.h"

typedef void objdump_line_fn(u64 address, const u8 *bytes, u32 length, const char *text);

static inline u32 objdump_bytes(const char *at, u8 bytes[32], const char **rest)
{
    u32 length = 0;
    for (; isxdigit(at[0]) && isxdigit(at[1]) && at[2] == ' ' && length < 32; at += 3)
        bytes[length++] = (u8)strtoul((const char[]){at[0], at[1], 0}, NULL, 16);
    while (isspace(*at))
        at++;
    *rest = at;
    return length;
}

/* Calls fn for each line of `objdump -z -w ARGUMENTS` that holds an instruction. */
static inline void objdump_each(const char *arguments, objdump_line_fn *fn)
{
    char line[400];
    format(line, sizeof(line), "exec objdump -z -w %s", arguments);
    FILE *lines = popen(line, "r");
    assert_non_null(lines);
    while (fgets(line, sizeof(line), lines)) {
        char *end;
        const char *text;
        u8 bytes[32];
        u64 address = strtoul(line, &end, 16);
        line[strcspn(line, "\n")] = 0;
        if (end == line || end[0] != ':' || end[1] != '\t')
            continue;
        u32 length = objdump_bytes(end + 2, bytes, &text);
        fn(address, bytes, length, text);
    }
    assert_int_equal(pclose(lines), 0);
}

/* No instruction: bytes that objdump can't read, or prefixes of such. */
static inline bool objdump_is_nonsense(const char *text)
{
    static const char *const prefixes[] = {"rex", "data16", "addr32", "repz", "repnz", "lock", "cs", ".byte"};
    size_t word = strcspn(text, " .");
    if (!*text || strstr(text, "(bad)"))
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++)
        if (strncmp(text, prefixes[i], strlen(prefixes[i])) == 0 && !strpbrk(text + word, " "))
            return true;
    return false;
}

/* The stand-in module of the build that this program belongs to: BUILD/host/test_... and BUILD/standin.so. */
static inline const char *objdump_standin(void)
{
    static char path[500];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 20);
    assert_true(length > 0);
    path[length] = 0;
    strcpy(strrchr(path, '/'), "/../standin.so");
    assert_int_equal(access(path, R_OK), 0);
    return path;
}

#endif
