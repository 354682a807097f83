/* SPDX-License-Identifier: MIT */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "lib/log.h"

static char text[64 * 1024];
static size_t used;

void log_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(text + used, sizeof(text) - used, fmt, args);
    va_end(args);
    if (length < 0 || used + (size_t)length + 2 > sizeof(text)) {
        test_log_clear();
        return;
    }
    used += (size_t)length;
    text[used++] = '\n';
    text[used] = 0;
}

const char *test_log(void)
{
    return text;
}

void test_log_clear(void)
{
    used = 0;
    text[0] = 0;
}

u64 test_random(u64 *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717ull;
}
