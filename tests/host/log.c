/* SPDX-License-Identifier: MIT */
/* Diagnostics of host programs: indented under the result line that follows. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/format.h"

void log_line(const char *fmt, ...)
{
    char text[LOG_LINE_MAX + 1];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    printf("    %s\n", text);
}
