/* SPDX-License-Identifier: MIT */
/* Reading two counters at one moment. Private to clock.c and timer.c. */
#ifndef KERNEL_CLOCK_SAMPLE_H
#define KERNEL_CLOCK_SAMPLE_H

#include "lib/types.h"

struct clock_sample {
    u64 cycles; /* TSC */
    u32 value;  /* of the other counter at that time */
};

/*
 * The tightest of several tries. Two such samples give a rate that is right however long the host stopped
 * this virtual CPU in between.
 */
struct clock_sample clock_sample(u32 (*read)(void));

#endif
