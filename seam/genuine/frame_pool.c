/* SPDX-License-Identifier: MIT */
#include "seam/genuine/frame_pool.h"

void frame_pool_init(struct frame_pool *pool, u64 limit, void *(*take)(void))
{
    *pool = (struct frame_pool){.limit = limit, .take = take};
}

void *frame_pool_get(struct frame_pool *pool)
{
    void **frame = pool->free;
    if (pool->used == pool->limit)
        return NULL;
    if (frame)
        pool->free = *frame;
    else
        frame = pool->take();
    pool->used += frame != NULL;
    return frame;
}

void frame_pool_put(struct frame_pool *pool, void *frame)
{
    *(void **)frame = pool->free;
    pool->free = frame;
    pool->used--;
}
