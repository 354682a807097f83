/* SPDX-License-Identifier: MIT */
/*
 * A file that calls itself a TDX module. The reader may refuse anything; what it accepts keeps the promises
 * of image.h and can be loaded without a step outside file and span.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "seam/genuine/image.h"

#define BASE 0xFFFF800000000000ull

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

void log_line(const char *fmt, ...) /* the library's other parts want it */
{
    (void)fmt;
}

static void insist(bool truth, const char *promise)
{
    if (truth)
        return;
    fprintf(stderr, "broken: %s\n", promise);
    abort();
}

static void check(const struct module_image *image)
{
    u64 end = 0;
    insist(image->span > 0 && image->span <= MODULE_MAX_SPAN, "a span of a code region");
    insist(is_aligned(image->span, PAGE_SIZE), "whole pages");
    insist(image->entry > 0 && image->entry < image->span, "an entry inside");
    insist(image->segment_count <= MODULE_MAX_SEGMENTS, "no more segments than fit");
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct module_segment *s = &image->segments[i];
        insist(s->linear >= end, "segments ascending and disjoint");
        insist(s->file_size <= s->memory_size, "room for a segment's bytes");
        end = s->linear + s->memory_size;
        insist(end <= image->span, "segments inside the span");
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct module_image image;
    u8 *file = malloc(size ? size : 1); /* ASan sees every step outside */
    memcpy(file, data, size);
    if (!module_image_read(file, size, &image)) {
        check(&image);
        u8 *to = calloc(1, image.span);
        module_image_load(&image, to, BASE);
        insist(memcmp(file, data, size) == 0, "the file isn't changed");
        free(to);
    }
    free(file);
    return 0;
}
