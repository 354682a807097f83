/* SPDX-License-Identifier: MIT */
/* Contents of pages kept for snapshots: what comes back is what went in, nothing is kept twice, and nothing
 * leaks. */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "seam/genuine/page_versions.h"

#define ENOUGH 700
#define WORDS  (PAGE_SIZE / sizeof(u64))

static struct frame_pool frames;
static struct page_versions versions;
static void *heap[ENOUGH];
static u32 taken, allowed;

static void *take(void)
{
    if (taken == allowed)
        return NULL;
    heap[taken] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    memset(heap[taken], 0xDB, PAGE_SIZE);
    return heap[taken++];
}

static int start(void **state)
{
    (void)state;
    taken = 0;
    allowed = ENOUGH;
    frame_pool_init(&frames, ENOUGH, take);
    page_versions_init(&versions, &frames);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (u32 i = 0; i < taken; i++)
        free(heap[i]);
    return 0;
}

static const u64 *unlike(u64 seed)
{
    static u64 page[WORDS];
    for (u32 i = 0; i < WORDS; i++)
        page[i] = test_random(&seed);
    return page;
}

/* Eight words, over and over. */
static u64 *alike(u64 seed)
{
    static u64 page[WORDS];
    for (u32 i = 0; i < WORDS; i++)
        page[i] = seed + i % 8;
    return page;
}

static void assert_holds(u32 version, const u64 *page)
{
    static u64 copy[WORDS];
    memset(copy, 0xEE, sizeof(copy));
    page_versions_copy(&versions, version, copy);
    assert_memory_equal(copy, page, PAGE_SIZE);
    assert_true(page_versions_is(&versions, version, page));
}

static void pages_come_back(void **state)
{
    (void)state;
    u32 whole = page_versions_keep(&versions, unlike(1)), other = page_versions_keep(&versions, unlike(2));
    u32 line = page_versions_keep(&versions, alike(3)), zero = page_versions_keep(&versions, (u64[WORDS]){0});
    assert_true(whole && other && line && zero);
    assert_holds(whole, unlike(1));
    assert_holds(other, unlike(2));
    assert_holds(line, alike(3));
    assert_holds(zero, (u64[WORDS]){0});
}

static void every_word_counts(void **state)
{
    (void)state;
    u32 whole = page_versions_keep(&versions, unlike(1)), line = page_versions_keep(&versions, alike(3));
    u64 page[WORDS];
    for (u32 i = 0; i < WORDS; i++) {
        memcpy(page, unlike(1), PAGE_SIZE);
        page[i] ^= 1ull << i % 64;
        assert_false(page_versions_is(&versions, whole, page));
        memcpy(page, alike(3), PAGE_SIZE);
        page[i] ^= 1ull << i % 64;
        assert_false(page_versions_is(&versions, line, page));
        u32 kept = page_versions_keep(&versions, page); /* it doesn't repeat its first line any more */
        assert_int_not_equal(kept, line);
        assert_holds(kept, page);
        page_versions_drop(&versions, kept);
    }
}

static void what_repeats_takes_no_frames(void **state)
{
    (void)state;
    u32 first = page_versions_keep(&versions, alike(3));
    u64 used = frames.used;
    for (u32 i = 0; i < 1000; i++)
        assert_int_equal(page_versions_keep(&versions, alike(3)), first);
    for (u32 i = 0; i < 1000; i++)
        page_versions_drop(&versions, first);
    assert_holds(first, alike(3));
    assert_int_equal(frames.used, used);
}

/* There is room for so many lines; more are kept whole, and the room is used again. */
static void many_lines(void **state)
{
    (void)state;
    u32 kept[PAGE_VERSIONS_REPEATS + 8];
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < ARRAY_COUNT(kept); i++)
            kept[i] = page_versions_keep(&versions, alike(i * 100 + round));
        for (u32 i = 0; i < ARRAY_COUNT(kept); i++)
            assert_holds(kept[i], alike(i * 100 + round));
        assert_int_equal(frames.used, 1 + 8);
        for (u32 i = 0; i < ARRAY_COUNT(kept); i++)
            page_versions_drop(&versions, kept[i]);
        assert_int_equal(frames.used, 1);
    }
}

static void references_are_counted(void **state)
{
    (void)state;
    u32 version = page_versions_keep(&versions, unlike(1));
    u64 used = frames.used;
    assert_int_equal(page_versions_share(&versions, version), version);
    page_versions_drop(&versions, version);
    assert_int_equal(frames.used, used);
    assert_holds(version, unlike(1));
    page_versions_drop(&versions, version);
    assert_int_equal(frames.used, used - 1);
    page_versions_drop(&versions, 0);                                    /* none */
    assert_int_equal(page_versions_keep(&versions, unlike(2)), version); /* numbers are used again */
    assert_holds(version, unlike(2));
}

static void memory_ends(void **state)
{
    (void)state;
    u32 kept[ENOUGH], count = 0;
    for (u32 version; (version = page_versions_keep(&versions, unlike(count + 1)));)
        kept[count++] = version;
    assert_int_equal(count, ENOUGH - 3);                /* three frames are for the numbers */
    u32 line = page_versions_keep(&versions, alike(3)); /* this needs none */
    assert_holds(line, alike(3));
    assert_int_equal(page_versions_keep(&versions, unlike(99)), 0);
    page_versions_drop(&versions, kept[7]);
    kept[7] = page_versions_keep(&versions, unlike(99));
    assert_holds(kept[7], unlike(99));
    for (u32 i = 0; i < count; i++)
        if (i != 7)
            assert_holds(kept[i], unlike(i + 1));
}

static void the_heap_may_end_before_the_limit(void **state)
{
    (void)state;
    allowed = 3;
    assert_true(page_versions_keep(&versions, unlike(1)) && page_versions_keep(&versions, unlike(2)));
    assert_int_equal(page_versions_keep(&versions, unlike(3)), 0);
    assert_int_equal(page_versions_keep(&versions, unlike(3)), 0);
    assert_int_equal(frames.used, 3);
}

/* More versions than a table of numbers holds. */
static void many_versions(void **state)
{
    (void)state;
    static u32 kept[600];
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < ARRAY_COUNT(kept); i++)
            kept[i] = page_versions_keep(&versions, unlike(round * 600 + i + 1));
        for (u32 i = 0; i < ARRAY_COUNT(kept); i++)
            assert_holds(kept[i], unlike(round * 600 + i + 1));
        for (u32 i = 0; i < ARRAY_COUNT(kept); i++)
            page_versions_drop(&versions, kept[(i * 7 + round) % ARRAY_COUNT(kept)]);
    }
    assert_int_equal(frames.used, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_come_back, start, end),
        cmocka_unit_test_setup_teardown(every_word_counts, start, end),
        cmocka_unit_test_setup_teardown(what_repeats_takes_no_frames, start, end),
        cmocka_unit_test_setup_teardown(many_lines, start, end),
        cmocka_unit_test_setup_teardown(references_are_counted, start, end),
        cmocka_unit_test_setup_teardown(memory_ends, start, end),
        cmocka_unit_test_setup_teardown(the_heap_may_end_before_the_limit, start, end),
        cmocka_unit_test_setup_teardown(many_versions, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
