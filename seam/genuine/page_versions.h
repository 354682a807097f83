/* SPDX-License-Identifier: MIT */
/*
 * Contents of pages, kept for snapshots and shared between them: a page that doesn't change from one to the
 * next is kept once. A page that repeats its first 64 bytes is kept as these alone, once for all pages that
 * look so: most of a PAMT does, however large it is. Pure; the caller sees to it that one LP at a time is
 * here.
 */
#ifndef SEAM_GENUINE_PAGE_VERSIONS_H
#define SEAM_GENUINE_PAGE_VERSIONS_H

#include "lib/types.h"
#include "seam/genuine/frame_pool.h"

#define PAGE_VERSIONS_TABLES  1024 /* each for 256 versions: a GiB of pages that all differ */
#define PAGE_VERSIONS_REPEATS 32   /* lines that are kept so; what else repeats is kept whole */
#define PAGE_VERSIONS_LINE    64

struct page_version;

struct page_versions {
    struct frame_pool *frames; /* others may use it, too */
    struct page_version *tables[PAGE_VERSIONS_TABLES];
    u32 made, free;
    u32 repeats[PAGE_VERSIONS_REPEATS]; /* versions, 0: none */
    u64 lines[PAGE_VERSIONS_REPEATS][PAGE_VERSIONS_LINE / sizeof(u64)];
};

void page_versions_init(struct page_versions *versions, struct frame_pool *frames);

/* A version is named by a number, and lives as long as there are references to it. Number 0 is none. */
u32 page_versions_keep(struct page_versions *versions, const void *page); /* one reference; 0: no memory */
u32 page_versions_share(struct page_versions *versions, u32 version);     /* one more, of the same */
void page_versions_drop(struct page_versions *versions, u32 version);     /* one less; of none: nothing */

bool page_versions_is(const struct page_versions *versions, u32 version, const void *page);
void page_versions_copy(const struct page_versions *versions, u32 version, void *page);

#endif
