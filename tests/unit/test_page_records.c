/* SPDX-License-Identifier: MIT */
/* What is remembered of pages: each page its own, little memory for much address space, and the end of both.
 */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "seam/genuine/page_records.h"

#define PIECES 64

static struct page_record *pieces[PIECES];
static struct page_records records;
static u32 taken, allowed;

static void *take(void)
{
    if (taken == allowed)
        return NULL;
    taken++;
    return calloc(1, PAGE_SIZE);
}

static int start(void **state)
{
    (void)state;
    memset(pieces, 0, sizeof(pieces));
    taken = 0;
    allowed = PIECES;
    page_records_init(&records, pieces, PIECES, take);
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (u32 i = 0; i < PIECES; i++)
        free(pieces[i]);
    return 0;
}

static u64 address(u32 i)
{
    return (u64)i * 3 * PAGE_SIZE % (PIECES * PAGE_RECORDS_PIECE);
}

static void each_page_has_its_own(void **state)
{
    (void)state;
    for (u32 i = 1; i < 3000; i++)
        *page_records_make(&records, address(i) + i % PAGE_SIZE) = (struct page_record){.version = i};
    for (u32 i = 1; i < 3000; i++) {
        assert_int_equal(page_records_find(&records, address(i))->version, i);
        assert_int_equal(page_records_find(&records, address(i) + PAGE_SIZE)->version, 0);
    }
}

static void only_what_is_used_takes_memory(void **state)
{
    (void)state;
    assert_null(page_records_find(&records, 0));
    assert_non_null(page_records_make(&records, 5 * PAGE_RECORDS_PIECE));
    assert_non_null(page_records_make(&records, 6 * PAGE_RECORDS_PIECE - 1));
    assert_int_equal(taken, 1);
    assert_null(page_records_find(&records, 5 * PAGE_RECORDS_PIECE - 1));
    assert_null(page_records_find(&records, 6 * PAGE_RECORDS_PIECE));
    assert_int_equal(taken, 1);
}

static void both_ends_are_told(void **state)
{
    (void)state;
    const u64 behind = PIECES * PAGE_RECORDS_PIECE;
    assert_non_null(page_records_make(&records, behind - PAGE_SIZE));
    assert_null(page_records_make(&records, behind));
    assert_null(page_records_find(&records, behind));
    assert_null(page_records_make(&records, ~0ull));
    allowed = taken;
    assert_null(page_records_make(&records, 0));
    assert_non_null(page_records_make(&records, behind - 1));
}

static struct {
    u64 pages[8];
    u32 count;
} seen;

static void note(void *context, u64 page, struct page_record *record)
{
    assert_ptr_equal(context, &seen);
    seen.pages[seen.count++] = page;
    if (record->key == 7)
        *record = (struct page_record){0};
}

static void all_are_visited_in_order(void **state)
{
    (void)state;
    const u64 last = PIECES * PAGE_RECORDS_PIECE - PAGE_SIZE;
    page_records_make(&records, last)->flags = PAGE_OWN;
    page_records_make(&records, 0)->key = 7;
    page_records_make(&records, PAGE_RECORDS_PIECE - PAGE_SIZE)->version = 1;
    page_records_make(&records, PAGE_RECORDS_PIECE)->key = 7;
    seen.count = 0;
    page_records_each(&records, note, &seen);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.pages[0], 0);
    assert_int_equal(seen.pages[1], PAGE_RECORDS_PIECE - PAGE_SIZE);
    assert_int_equal(seen.pages[2], PAGE_RECORDS_PIECE);
    assert_int_equal(seen.pages[3], last);
    seen.count = 0;
    page_records_each(&records, note, &seen); /* what the first round emptied is no longer told */
    assert_int_equal(seen.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_page_has_its_own, start, end),
        cmocka_unit_test_setup_teardown(only_what_is_used_takes_memory, start, end),
        cmocka_unit_test_setup_teardown(both_ends_are_told, start, end),
        cmocka_unit_test_setup_teardown(all_are_visited_in_order, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
