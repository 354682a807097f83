/* SPDX-License-Identifier: MIT */
/*
 * Per leaf: counts, extremes and a histogram with 16 buckets an octave, from which the median comes. Updates
 * are single atomic additions, so that LPs working in parallel don't wait for one another.
 */
#include "drivers/tdx/stats.h"

#include "drivers/tdx/seamcall.h"
#include "lib/string.h"

#define BUCKETS_PER_OCTAVE 16
#define OCTAVES            40
#define BUCKETS            (BUCKETS_PER_OCTAVE * OCTAVES)

struct leaf_stats {
    u64 calls, resumes, retries, min, max;
    u32 histogram[BUCKETS];
};

static struct leaf_stats leaves[STATS_LEAVES];

static u32 bucket_of(u64 cycles)
{
    if (cycles < BUCKETS_PER_OCTAVE)
        return (u32)cycles;
    u32 octave = 63 - (u32)__builtin_clzll(cycles); /* >= 4 */
    u32 bucket = (octave - 3) * BUCKETS_PER_OCTAVE + (u32)(cycles >> (octave - 4)) - BUCKETS_PER_OCTAVE;
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static u64 bucket_value(u32 bucket) /* its lower edge */
{
    if (bucket < BUCKETS_PER_OCTAVE)
        return bucket;
    u32 octave = bucket / BUCKETS_PER_OCTAVE + 3;
    return (u64)(bucket % BUCKETS_PER_OCTAVE + BUCKETS_PER_OCTAVE) << (octave - 4);
}

static void keep_extremes(struct leaf_stats *leaf, u64 cycles)
{
    u64 min = leaf->min;
    while ((min == 0 || cycles < min) &&
           !__atomic_compare_exchange_n(&leaf->min, &min, cycles, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    u64 max = leaf->max;
    while (cycles > max &&
           !__atomic_compare_exchange_n(&leaf->max, &max, cycles, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
}

void stats_call(u16 leaf, u64 cycles)
{
    if (leaf >= STATS_LEAVES)
        return;
    __atomic_add_fetch(&leaves[leaf].calls, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&leaves[leaf].histogram[bucket_of(cycles)], 1, __ATOMIC_RELAXED);
    keep_extremes(&leaves[leaf], cycles);
}

void stats_retry(u16 leaf)
{
    if (leaf < STATS_LEAVES)
        __atomic_add_fetch(&leaves[leaf].retries, 1, __ATOMIC_RELAXED);
}

void stats_resume(u16 leaf)
{
    if (leaf < STATS_LEAVES)
        __atomic_add_fetch(&leaves[leaf].resumes, 1, __ATOMIC_RELAXED);
}

static u64 median(const struct leaf_stats *leaf)
{
    u64 before = 0;
    for (u32 bucket = 0; bucket < BUCKETS; bucket++) {
        before += leaf->histogram[bucket];
        if (before * 2 >= leaf->calls)
            return bucket_value(bucket);
    }
    return leaf->max;
}

bool seamcall_stats(u16 leaf, struct seamcall_stats *stats)
{
    if (leaf >= STATS_LEAVES || leaves[leaf].calls == 0)
        return false;
    const struct leaf_stats *from = &leaves[leaf];
    u64 middle = median(from);
    *stats = (struct seamcall_stats){
        .calls = from->calls,
        .resumes = from->resumes,
        .retries = from->retries,
        .min = from->min,
        .median = middle < from->min ? from->min : middle,
        .max = from->max,
    };
    return true;
}

void seamcall_stats_clear(void)
{
    memset(leaves, 0, sizeof(leaves));
}
