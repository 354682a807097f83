/* SPDX-License-Identifier: MIT */
/* Bit counting without the compiler's run-time library, which freestanding programs don't link. */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

static inline u32 count_bits(u64 value)
{
    u32 count = 0;
    for (; value; value &= value - 1)
        count++;
    return count;
}

#endif
