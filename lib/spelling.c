/* SPDX-License-Identifier: MIT */
#include "lib/spelling.h"

#include "lib/string.h"

static u32 least(u32 a, u32 b, u32 c)
{
    u32 ab = a < b ? a : b;
    return ab < c ? ab : c;
}

u32 spelling_distance(const char *a, const char *b)
{
    u8 rows[3]
           [SPELLING_MAX + 1]; /* row i % 3: distances from a's first i characters to b's first 0, 1, ... */
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > SPELLING_MAX || b_length > SPELLING_MAX)
        return ~0u;
    for (size_t k = 0; k <= b_length; k++)
        rows[0][k] = (u8)k;
    for (size_t i = 1; i <= a_length; i++) {
        u8 *row = rows[i % 3];
        const u8 *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (u8)i;
        for (size_t k = 1; k <= b_length; k++) {
            u32 replaced = above[k - 1] + (a[i - 1] != b[k - 1]);
            u32 nearest = least(replaced, above[k] + 1u, row[k - 1] + 1u);
            bool swapped = i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
            row[k] = (u8)(swapped ? min_u64(nearest, two_above[k - 2] + 1u) : nearest);
        }
    }
    return rows[a_length % 3][b_length];
}

const char *spelling_nearest(const char *word, const char *const *names, u32 count)
{
    const char *nearest = NULL;
    u32 best = (u32)strlen(word) / 3 + 2;
    for (u32 i = 0; i < count; i++) {
        u32 distance = spelling_distance(word, names[i]);
        if (distance >= best)
            continue;
        best = distance;
        nearest = names[i];
    }
    return nearest;
}
