/* SPDX-License-Identifier: MIT */
#include "seam/genuine/page_records.h"

#define RECORDS (PAGE_RECORDS_PIECE / PAGE_SIZE)
_Static_assert(RECORDS * sizeof(struct page_record) == PAGE_SIZE, "the records of a piece fill a page");

void page_records_init(struct page_records *records, struct page_record **pieces, u64 piece_count,
                       void *(*take)(void))
{
    *records = (struct page_records){.pieces = pieces, .piece_count = piece_count, .take = take};
}

static u64 index_of(u64 pa)
{
    return pa / PAGE_SIZE % RECORDS;
}

struct page_record *page_records_find(const struct page_records *records, u64 pa)
{
    u64 piece = pa / PAGE_RECORDS_PIECE;
    if (piece >= records->piece_count || !records->pieces[piece])
        return NULL;
    return &records->pieces[piece][index_of(pa)];
}

struct page_record *page_records_make(struct page_records *records, u64 pa)
{
    u64 piece = pa / PAGE_RECORDS_PIECE;
    if (piece >= records->piece_count)
        return NULL;
    if (!records->pieces[piece])
        records->pieces[piece] = records->take();
    return page_records_find(records, pa);
}

static bool is_empty(const struct page_record *record)
{
    return !record->key && !record->flags && !record->version;
}

void page_records_each(struct page_records *records,
                       void (*each)(void *context, u64 page, struct page_record *record), void *context)
{
    for (u64 piece = 0; piece < records->piece_count; piece++) {
        struct page_record *of = records->pieces[piece];
        for (u64 i = 0; of && i < RECORDS; i++)
            if (!is_empty(&of[i]))
                each(context, piece * PAGE_RECORDS_PIECE + i * PAGE_SIZE, &of[i]);
    }
}
