/* SPDX-License-Identifier: MIT */
/*
 * moduleck FILE: is this a file that the monitor could load as a genuine TDX module? Exit status 0 and
 * nothing printed, or 2 and one line why not: the words that the monitor would use, before anything is
 * booted.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/log.h"
#include "seam/genuine/image.h"

#define FILE_MAX (64 * MIB) /* a module has less than 1 MiB; debug information may double it many times */

void log_line(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

static const char *check(FILE *file)
{
    struct module_image image;
    u8 *bytes = malloc(FILE_MAX + 1);
    size_t size = bytes ? fread(bytes, 1, FILE_MAX + 1, file) : 0;
    const char *wrong = NULL;
    if (!bytes || ferror(file))
        wrong = "it can't be read";
    else if (size > FILE_MAX)
        wrong = "it is larger than 64 MiB";
    else
        wrong = module_image_read(bytes, size, &image);
    free(bytes);
    return wrong;
}

int main(int count, char **words)
{
    if (count != 2) {
        puts("usage: moduleck FILE");
        return 2;
    }
    FILE *file = fopen(words[1], "rb");
    const char *wrong = file ? check(file) : "it can't be opened";
    if (file)
        fclose(file);
    if (wrong)
        puts(wrong);
    return wrong ? 2 : 0;
}
