/* SPDX-License-Identifier: MIT */
/* Pages of memory for whoever needs and returns them one by one, out of a heap that only grows. Pure. */
#ifndef SEAM_GENUINE_FRAME_POOL_H
#define SEAM_GENUINE_FRAME_POOL_H

#include "lib/types.h"

struct frame_pool {
    void *free; /* each begins with the address of the next */
    u64 used, limit;
    void *(*take)(void); /* a page from the heap, NULL: no memory */
};

void frame_pool_init(struct frame_pool *pool, u64 limit, void *(*take)(void));
void *frame_pool_get(struct frame_pool *pool); /* any contents; NULL: none left */
void frame_pool_put(struct frame_pool *pool, void *frame);

#endif
