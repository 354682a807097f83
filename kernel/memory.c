/* SPDX-License-Identifier: MIT */
/* The allocators, without the kernel around them: memory_setup.c has the kernel's own instances. */
#include "kernel/memory.h"
#include "lib/log.h"
#include "lib/string.h"

/* ---- the range table ---- */

static u64 range_end(const struct contig_range *range)
{
    return range->base + range->size;
}

static void insert_range(struct contig *contig, u32 at, struct contig_range range)
{
    memmove(&contig->ranges[at + 1], &contig->ranges[at], (contig->count - at) * sizeof(contig->ranges[0]));
    contig->ranges[at] = range;
    contig->count++;
}

static void remove_range(struct contig *contig, u32 at)
{
    contig->count--;
    memmove(&contig->ranges[at], &contig->ranges[at + 1], (contig->count - at) * sizeof(contig->ranges[0]));
}

/* The first range that ends above address; count if there is none. */
static u32 range_above(const struct contig *contig, u64 address)
{
    u32 i = 0;
    while (i < contig->count && range_end(&contig->ranges[i]) <= address)
        i++;
    return i;
}

/* Joins the free range at this index with free neighbours that it touches. */
static void merge_free(struct contig *contig, u32 at)
{
    struct contig_range *range = &contig->ranges[at];
    if (at + 1 < contig->count && range[1].state == CONTIG_FREE && range_end(range) == range[1].base) {
        range->size += range[1].size;
        remove_range(contig, at + 1);
    }
    if (at > 0 && range[-1].state == CONTIG_FREE && range_end(range - 1) == range->base) {
        range[-1].size += range->size;
        remove_range(contig, at);
    }
}

static bool is_inside(const struct contig *contig, u64 address)
{
    u32 at = range_above(contig, address);
    return at < contig->count && contig->ranges[at].base < address;
}

/* Makes address a border between two ranges, if it lies inside one. The caller has made sure of the room. */
static void split_at(struct contig *contig, u64 address)
{
    u32 at = range_above(contig, address);
    if (!is_inside(contig, address))
        return;
    struct contig_range upper = contig->ranges[at];
    contig->ranges[at].size = address - upper.base;
    upper.size -= address - upper.base;
    upper.base = address;
    insert_range(contig, at + 1, upper);
}

/* what names the use in the log line; NULL: nothing is said. */
static bool has_room(const struct contig *contig, u32 ranges, const char *what)
{
    if (contig->count + ranges <= CONTIG_MAX_RANGES)
        return true;
    if (!what)
        return false;
    log_line("memory: no room to note '%.24s': all %u ranges are in use: allocate fewer, larger blocks", what,
             CONTIG_MAX_RANGES);
    return false;
}

/* Makes [begin, end), which lies in known ranges, begin and end at borders. */
static bool isolate(struct contig *contig, u64 begin, u64 end, const char *what)
{
    if (!has_room(contig, is_inside(contig, begin) + is_inside(contig, end), what))
        return false;
    split_at(contig, begin);
    split_at(contig, end);
    return true;
}

static void self_check(const struct contig *contig)
{
    const char *wrong = contig->broken ? contig_check(contig) : NULL;
    if (wrong)
        contig->broken(wrong);
}

/* ---- contiguous blocks ---- */

bool contig_add(struct contig *contig, u64 base, u64 size)
{
    if (base > UINT64_MAX - PAGE_SIZE || base + size < base)
        return false;
    u64 begin = align_up(base, PAGE_SIZE), end = align_down(base + size, PAGE_SIZE);
    if (begin >= end)
        return true;
    u32 at = range_above(contig, begin);
    if (at < contig->count && contig->ranges[at].base < end) {
        log_line("memory: 0x%lx+0x%lx is already in the pool: mend the memory map", begin, end - begin);
        return false;
    }
    if (!has_room(contig, 1, "more memory"))
        return false;
    insert_range(contig, at, (struct contig_range){begin, end - begin, CONTIG_FREE, NULL});
    merge_free(contig, at);
    return true;
}

/* Where in a free range the request fits; false if nowhere. size and align are already rounded. */
static bool place_in(const struct contig_range *range, const struct contig_request *request, u64 size,
                     u64 align, u64 *place)
{
    u64 low = max_u64(range->base, request->min);
    u64 high = request->max ? min_u64(range_end(range), request->max) : range_end(range);
    if (range->state != CONTIG_FREE || low > UINT64_MAX - align)
        return false;
    low = align_up(low, align);
    if (low > high || high - low < size)
        return false;
    *place = request->from_top ? align_down(high - size, align) : low;
    return true;
}

static bool find_place(const struct contig *contig, const struct contig_request *request, u64 size, u64 align,
                       u64 *place)
{
    for (u32 i = 0; i < contig->count; i++) {
        u32 at = request->from_top ? contig->count - 1 - i : i;
        if (place_in(&contig->ranges[at], request, size, align, place))
            return true;
    }
    return false;
}

static bool refuse_request(const struct contig *contig, const struct contig_request *request)
{
    if (request->quiet)
        return false;
    log_line(
        "memory: no room for %.24s: %lu KiB asked, align 0x%lx, in 0x%lx-0x%lx; largest free block %lu of %lu KiB: see --mem",
        request->what, align_up(request->size, PAGE_SIZE) / KIB, request->align, request->min,
        request->max ? request->max : UINT64_MAX, contig_largest_free(contig) / KIB,
        contig_total(contig, CONTIG_FREE) / KIB);
    return false;
}

bool contig_alloc(struct contig *contig, const struct contig_request *request, pa_t *block)
{
    u64 align = request->align ? request->align : PAGE_SIZE;
    u64 place;
    if (request->size == 0 || request->size > UINT64_MAX - PAGE_SIZE || align < PAGE_SIZE ||
        (align & (align - 1))) {
        log_line("memory: %.24s asks for what can't be: 0x%lx bytes, align 0x%lx: the caller is wrong",
                 request->what, request->size, request->align);
        return false;
    }
    u64 size = align_up(request->size, PAGE_SIZE);
    if (!find_place(contig, request, size, align, &place))
        return refuse_request(contig, request);
    if (!isolate(contig, place, place + size, request->quiet ? NULL : request->what))
        return false;
    struct contig_range *range = &contig->ranges[range_above(contig, place)];
    range->state = CONTIG_USED;
    range->owner = request->what;
    *block = pa_of(place);
    self_check(contig);
    return true;
}

static bool refuse_block(const char *verb, u64 base, u64 size, const char *is_not)
{
    log_line("memory: can't %s 0x%lx+0x%lx: not %s as such: the caller is wrong", verb, base, size, is_not);
    return false;
}

bool contig_free(struct contig *contig, pa_t block, u64 size)
{
    u64 base = pa_raw(block);
    u32 at = range_above(contig, base);
    struct contig_range *range = &contig->ranges[at];
    if (at == contig->count || size > UINT64_MAX - PAGE_SIZE || range->base != base ||
        range->size != align_up(size, PAGE_SIZE) || range->state != CONTIG_USED)
        return refuse_block("free", base, size, "in use");
    if (contig->junk)
        contig->junk(range->base, range->size);
    range->state = CONTIG_FREE;
    range->owner = NULL;
    merge_free(contig, at);
    self_check(contig);
    return true;
}

/* True if all of [base, end) is known, without a gap, and in this state. */
static bool all_in_state(const struct contig *contig, u64 base, u64 end, enum contig_state state)
{
    u64 reached = base;
    for (u32 i = range_above(contig, base); reached < end; i++) {
        if (i == contig->count || contig->ranges[i].base > reached || contig->ranges[i].state != state)
            return false;
        reached = range_end(&contig->ranges[i]);
    }
    return true;
}

/* Moves [base, base+size), which may be part of a block or several touching ones, to another state. */
static bool change_state(struct contig *contig, pa_t block, u64 size, enum contig_state from,
                         enum contig_state to)
{
    u64 base = pa_raw(block);
    const char *verb = to == CONTIG_RETIRED ? "retire" : "restore",
               *is_not = from == CONTIG_USED ? "in use" : "retired";
    if (size == 0 || size > UINT64_MAX - PAGE_SIZE || !is_aligned(base, PAGE_SIZE))
        return refuse_block(verb, base, size, is_not);
    u64 end = base + align_up(size, PAGE_SIZE);
    if (end < base || !all_in_state(contig, base, end, from))
        return refuse_block(verb, base, size, is_not);
    if (!isolate(contig, base, end, verb))
        return false;
    for (u32 i = range_above(contig, base); i < contig->count && contig->ranges[i].base < end; i++) {
        contig->ranges[i].state = to;
        if (to == CONTIG_FREE)
            contig->ranges[i].owner = NULL;
    }
    if (to == CONTIG_FREE)
        for (u32 i = contig->count; i-- > 0;)
            if (contig->ranges[i].state == CONTIG_FREE)
                merge_free(contig, i);
    self_check(contig);
    return true;
}

bool contig_retire(struct contig *contig, pa_t block, u64 size)
{
    return change_state(contig, block, size, CONTIG_USED, CONTIG_RETIRED);
}

bool contig_restore(struct contig *contig, pa_t block, u64 size)
{
    return change_state(contig, block, size, CONTIG_RETIRED, CONTIG_FREE);
}

/* ---- accounts ---- */

u64 contig_total(const struct contig *contig, enum contig_state state)
{
    u64 bytes = 0;
    for (u32 i = 0; i < contig->count; i++)
        if (contig->ranges[i].state == state)
            bytes += contig->ranges[i].size;
    return bytes;
}

u64 contig_largest_free(const struct contig *contig)
{
    u64 largest = 0;
    for (u32 i = 0; i < contig->count; i++)
        if (contig->ranges[i].state == CONTIG_FREE)
            largest = max_u64(largest, contig->ranges[i].size);
    return largest;
}

static const char *check_range(const struct contig_range *range)
{
    if (range->size == 0)
        return "a range is empty";
    if (!is_aligned(range->base, PAGE_SIZE) || !is_aligned(range->size, PAGE_SIZE))
        return "a range isn't made of whole pages";
    if (range->base + range->size < range->base)
        return "a range overflows";
    if (range->state != CONTIG_FREE && range->state != CONTIG_USED && range->state != CONTIG_RETIRED)
        return "a range is in no known state";
    if ((range->state == CONTIG_FREE) != (range->owner == NULL))
        return "a free range has an owner, or another one has none";
    return NULL;
}

const char *contig_check(const struct contig *contig)
{
    if (contig->count > CONTIG_MAX_RANGES)
        return "more ranges than the table holds";
    for (u32 i = 0; i < contig->count; i++) {
        const struct contig_range *range = &contig->ranges[i];
        const char *wrong = check_range(range);
        if (wrong)
            return wrong;
        if (i > 0 && range_end(range - 1) > range->base)
            return "ranges overlap or aren't in order";
        if (i > 0 && range_end(range - 1) == range->base && range[-1].state == CONTIG_FREE &&
            range->state == CONTIG_FREE)
            return "free ranges touch but aren't merged";
    }
    return NULL;
}

/* ---- permanent objects ---- */

bool bump_alloc(struct bump *bump, u64 size, u64 align, pa_t *block)
{
    u64 begin = bump->next <= UINT64_MAX - align ? align_up(bump->next, align) : UINT64_MAX;
    if (begin > bump->end || bump->end - begin < size) {
        log_line("memory: a permanent object asks for 0x%lx bytes, align 0x%lx; 0x%lx are left: see --mem",
                 size, align, bump->end - bump->next);
        return false;
    }
    bump->next = begin + size;
    *block = pa_of(begin);
    return true;
}

const char *bump_check(const struct bump *bump)
{
    return bump->next > bump->end ? "more was given out than there was" : NULL;
}
