/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of each 4 KiB page of memory: the KeyID of its last write, and what snapshots need. Only
 * memory that is used is remembered, in pieces of 2 MiB, so that a machine may have very much of it. Pure;
 * the caller sees to it that one LP at a time is here.
 */
#ifndef SEAM_GENUINE_PAGE_RECORDS_H
#define SEAM_GENUINE_PAGE_RECORDS_H

#include "lib/types.h"

enum page_flags {
    PAGE_STALE = 1,    /* its key was programmed anew after the last write */
    PAGE_OWN = 2,      /* the module's in SEAMRR */
    PAGE_UNSEEN = 4,   /* the monitor writes to it without saying so */
    PAGE_WRITTEN = 8,  /* written since its contents were compared with `version` */
    PAGE_FOREIGN = 16, /* shown under a KeyID that isn't its own, after a violation */
    PAGE_MARKED = 32,  /* in the snapshot that is being restored */
};

struct page_record {
    u8 key; /* KeyID of the last write; shared KeyIDs, which the host uses unseen, count as 0 */
    u8 flags;
    u16 unused;
    u32 version; /* contents that a snapshot keeps (versions.h), 0: none */
};

/* Its contents are part of the module's state. */
static inline bool page_is_kept(const struct page_record *record)
{
    return record->key || (record->flags & PAGE_OWN);
}

struct page_records {
    struct page_record **pieces;
    u64 piece_count;
    void *(*take)(void); /* a zeroed page, NULL: no memory */
};

#define PAGE_RECORDS_PIECE (2 * MIB)

/* pieces: zeroed, one for each PAGE_RECORDS_PIECE of memory, for addresses from 0 on. */
void page_records_init(struct page_records *records, struct page_record **pieces, u64 piece_count,
                       void *(*take)(void));

/* Of the page at pa. NULL: nothing was ever to be remembered of it, all zero. */
struct page_record *page_records_find(const struct page_records *records, u64 pa);

/* The same, to be filled. NULL: no memory, or beyond the last piece. */
struct page_record *page_records_make(struct page_records *records, u64 pa);

/* Calls each(context, page, record) for every record that isn't all zero, by ascending address; each() may
 * change it. */
void page_records_each(struct page_records *records,
                       void (*each)(void *context, u64 page, struct page_record *record), void *context);

#endif
