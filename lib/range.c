/* SPDX-License-Identifier: MIT */
#include "lib/range.h"
#include "lib/string.h"

struct range range_common(struct range a, struct range b)
{
    u64 base = max_u64(a.base, b.base), end = min_u64(range_end(a), range_end(b));
    return (struct range){base, end > base ? end - base : 0};
}

void range_list_clear(struct range_list *list)
{
    list->count = 0;
    list->full = false;
}

/* Puts the count ranges of with, those that aren't empty, in the place of elements [from, to). */
static void replace(struct range_list *list, u32 from, u32 to, const struct range *with, u32 count)
{
    struct range kept[2];
    u32 n = 0;
    for (u32 i = 0; i < count; i++)
        if (with[i].size > 0)
            kept[n++] = with[i];
    if (list->count - (to - from) + n > RANGE_LIST_MAX) {
        list->full = true;
        return;
    }
    memmove(&list->at[from + n], &list->at[to], (list->count - to) * sizeof(list->at[0]));
    memcpy(&list->at[from], kept, n * sizeof(kept[0]));
    list->count = list->count - (to - from) + n;
}

void range_list_add(struct range_list *list, u64 base, u64 size)
{
    if (size == 0)
        return;
    u64 end = base + size;
    u32 from = 0;
    while (from < list->count && range_end(list->at[from]) < base)
        from++;
    u32 to = from;
    for (; to < list->count && list->at[to].base <= end; to++) {
        base = min_u64(base, list->at[to].base);
        end = max_u64(end, range_end(list->at[to]));
    }
    replace(list, from, to, &(struct range){base, end - base}, 1);
}

void range_list_remove(struct range_list *list, u64 base, u64 size)
{
    u64 end = base + size;
    u32 from = 0;
    while (from < list->count && range_end(list->at[from]) <= base)
        from++;
    u32 to = from;
    while (to < list->count && list->at[to].base < end)
        to++;
    if (size == 0 || from == to)
        return;
    struct range first = list->at[from], last = list->at[to - 1];
    struct range rest[2] = {
        {first.base, first.base < base ? base - first.base : 0},
        {end, range_end(last) > end ? range_end(last) - end : 0},
    };
    replace(list, from, to, rest, 2);
}

void range_list_remove_all(struct range_list *list, const struct range_list *what)
{
    for (u32 i = 0; i < what->count; i++)
        range_list_remove(list, what->at[i].base, what->at[i].size);
}

void range_list_intersect(struct range_list *out, const struct range_list *a, const struct range_list *b)
{
    range_list_clear(out);
    out->full = a->full || b->full;
    for (u32 i = 0, j = 0; i < a->count && j < b->count;) {
        struct range common = range_common(a->at[i], b->at[j]);
        range_list_add(out, common.base, common.size);
        if (range_end(a->at[i]) < range_end(b->at[j]))
            i++;
        else
            j++;
    }
}

bool range_list_holds(const struct range_list *list, u64 base, u64 size)
{
    for (u32 i = 0; i < list->count; i++)
        if (list->at[i].base <= base && base < range_end(list->at[i]))
            return size <= range_end(list->at[i]) - base;
    return false;
}

u64 range_list_bytes(const struct range_list *list)
{
    u64 bytes = 0;
    for (u32 i = 0; i < list->count; i++)
        bytes += list->at[i].size;
    return bytes;
}

u64 range_list_largest(const struct range_list *list)
{
    u64 largest = 0;
    for (u32 i = 0; i < list->count; i++)
        largest = max_u64(largest, list->at[i].size);
    return largest;
}
