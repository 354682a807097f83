/* SPDX-License-Identifier: MIT */
/*
 * The decoder of the in-ring handler against the monitor's. Input: an instruction of 16 bytes, then
 * struct inring_frame; what is missing is 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/inring_reference.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct {
        u8 bytes[16];
        struct inring_frame frame;
    } input;
    u32 taken = 0;
    memset(&input, 0, sizeof(input));
    memcpy(&input, data, min_u64(size, sizeof(input)));
    const char *unlike = inring_unlike(input.bytes, &input.frame, &taken);
    if (unlike) {
        fprintf(stderr, "broken: %s\n", unlike);
        abort();
    }
    return 0;
}
