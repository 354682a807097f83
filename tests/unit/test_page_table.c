/* SPDX-License-Identifier: MIT */
/* Page tables against an array with one entry for each 4 KiB page. */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/page_table.h"

#define MAX_TABLES 8192
#define WINDOW     0xFFFF880000000000ull /* the direct map's place, so that the high half is walked */
#define PAGES      (3 * PAGE_1G / PAGE_SIZE)

static u64 *tables[MAX_TABLES];
static u32 table_count;

static u64 new_table(void)
{
    assert_true(table_count < MAX_TABLES);
    tables[table_count] = calloc(512, sizeof(u64));
    return (u64)++table_count * PAGE_SIZE; /* "physical" addresses from one page on */
}

static u64 *view(u64 table)
{
    assert_true(table >= PAGE_SIZE && table <= table_count * PAGE_SIZE && is_aligned(table, PAGE_SIZE));
    return tables[table / PAGE_SIZE - 1];
}

static struct page_table table;

static int fresh(void **state)
{
    (void)state;
    table = (struct page_table){.gigabyte_pages = true, .new_table = new_table, .view = view};
    page_table_init(&table);
    return 0;
}

static int release(void **state)
{
    (void)state;
    int wrong = table.tables == table_count ? 0 : -1; /* each table is accounted for */
    while (table_count > 0)
        free(tables[--table_count]);
    return wrong;
}

static void assert_counts(u64 pages_1g, u64 pages_2m, u64 pages_4k)
{
    struct page_table_summary summary;
    page_table_summarise(&table, 0, 512, &summary);
    assert_int_equal(summary.pages_1g, pages_1g);
    assert_int_equal(summary.pages_2m, pages_2m);
    assert_int_equal(summary.pages_4k, pages_4k);
}

/* What the processor would make of an address: the physical one, or UINT64_MAX. */
static u64 translate(u64 address)
{
    u64 size, entry = page_table_find(&table, address, &size);
    return entry ? (entry & PTE_ADDRESS & ~(size - 1)) + (address & (size - 1)) : UINT64_MAX;
}

static void uses_the_largest_pages_that_fit(void **state)
{
    (void)state;
    /* 2 pages, 511 large ones, 1 huge one, 1 large one, 3 pages */
    page_table_map(&table, WINDOW + PAGE_2M - 2 * PAGE_SIZE, PAGE_2M - 2 * PAGE_SIZE,
                   2 * PAGE_SIZE + 511 * PAGE_2M + PAGE_1G + PAGE_2M + 3 * PAGE_SIZE, PTE_WRITE);
    assert_counts(1, 512, 5);
    assert_int_equal(translate(WINDOW + PAGE_1G + 12345), PAGE_1G + 12345);
    assert_int_equal(translate(WINDOW), UINT64_MAX);
    assert_int_equal(table.tables, 1 + 1 + 2 + 2);
}

static void uses_no_huge_pages_without_them(void **state)
{
    (void)state;
    table.gigabyte_pages = false;
    page_table_map(&table, WINDOW, 0, 2 * PAGE_1G, 0);
    assert_counts(0, 1024, 0);
}

static void uses_small_pages_where_the_offset_demands_it(void **state)
{
    (void)state;
    page_table_map(&table, WINDOW, PAGE_SIZE, PAGE_2M, 0);
    assert_counts(0, 0, 512);
    page_table_map(&table, WINDOW + PAGE_1G, PAGE_2M, PAGE_1G, 0);
    assert_counts(0, 512, 512);
}

static void takes_one_page_out_of_a_huge_one(void **state)
{
    (void)state;
    page_table_map(&table, WINDOW, 0, 2 * PAGE_1G, PTE_WRITE | PTE_NX | PTE_GLOBAL);
    assert_int_equal(page_table_unmap(&table, WINDOW + PAGE_1G + 5 * PAGE_SIZE, PAGE_SIZE), PAGE_SIZE);
    assert_counts(1, 511, 511);
    u64 size;
    assert_int_equal(page_table_find(&table, WINDOW + PAGE_1G + 5 * PAGE_SIZE, &size), 0);
    assert_int_equal(page_table_find(&table, WINDOW + PAGE_1G + 4 * PAGE_SIZE, &size),
                     (PAGE_1G + 4 * PAGE_SIZE) | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_PRESENT);
    assert_int_equal(page_table_find(&table, WINDOW + PAGE_1G + PAGE_2M, &size),
                     (PAGE_1G + PAGE_2M) | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_PRESENT | PTE_LARGE);
    assert_int_equal(page_table_unmap(&table, WINDOW + PAGE_1G + 5 * PAGE_SIZE, PAGE_SIZE), 0);
    page_table_map(&table, WINDOW + PAGE_1G + 5 * PAGE_SIZE, PAGE_1G + 5 * PAGE_SIZE, PAGE_SIZE, PTE_WRITE);
    assert_int_equal(translate(WINDOW + PAGE_1G + 5 * PAGE_SIZE), PAGE_1G + 5 * PAGE_SIZE);
}

static void what_was_split_stays_split(void **state)
{
    (void)state;
    page_table_map(&table, WINDOW, 0, PAGE_1G, 0);
    page_table_unmap(&table, WINDOW, PAGE_SIZE);
    u32 before = table.tables;
    page_table_map(&table, WINDOW, 0, PAGE_2M, 0);
    assert_counts(0, 511, 512);
    assert_int_equal(table.tables, before);
}

static void whole_pages_go_without_a_split(void **state)
{
    (void)state;
    page_table_map(&table, WINDOW, 0, 3 * PAGE_1G, 0);
    u32 before = table.tables;
    assert_int_equal(page_table_unmap(&table, WINDOW + PAGE_1G, PAGE_1G), PAGE_1G);
    assert_int_equal(table.tables, before);
    assert_counts(2, 0, 0);
    assert_int_equal(page_table_unmap(&table, WINDOW, 4 * PAGE_1G), 2 * PAGE_1G);
    assert_counts(0, 0, 0);
}

static void counts_what_is_writable_and_executable(void **state)
{
    (void)state;
    struct page_table_summary summary;
    page_table_map(&table, 0x8000, 0x8000, PAGE_SIZE, PTE_WRITE);
    page_table_map(&table, WINDOW, 0, PAGE_1G, PTE_WRITE | PTE_NX);
    page_table_map(&table, WINDOW + PAGE_1G, 0, PAGE_2M, 0);
    page_table_summarise(&table, 0, 512, &summary);
    assert_int_equal(summary.writable_executable, 1);
    page_table_summarise(&table, PML4_SLOT(WINDOW), 128, &summary);
    assert_int_equal(summary.writable_executable, 0);
    assert_int_equal(summary.pages_1g + summary.pages_2m, 2);
}

static void reaches_the_top_of_the_address_space(void **state)
{
    (void)state;
    page_table_map(&table, -PAGE_2M, 0, PAGE_2M, 0);
    assert_counts(0, 1, 0);
    assert_int_equal(translate(UINT64_MAX), PAGE_2M - 1);
    assert_int_equal(page_table_unmap(&table, -PAGE_2M, PAGE_2M), PAGE_2M);
}

/* ---- against the array ---- */

static u32 oracle[PAGES]; /* physical page number + 1; 0: unmapped */

static u64 random_pages(u64 *seed)
{
    static const u64 grains[] = {1, 1, 512, 512, PAGE_1G / PAGE_SIZE};
    u64 grain = grains[test_random(seed) % ARRAY_COUNT(grains)];
    return test_random(seed) % PAGES / grain * grain;
}

static void random_step(u64 *seed)
{
    u64 first = random_pages(seed), count = random_pages(seed) % (PAGES - first);
    u64 offset = test_random(seed) % 2 ? 0 : random_pages(seed);
    if (test_random(seed) % 3 && test_random(seed) % 3)
        count %= 2048;
    if (test_random(seed) % 2) {
        u64 mapped = 0;
        for (u64 page = first; page < first + count; page++) {
            mapped += oracle[page] != 0;
            oracle[page] = 0;
        }
        assert_int_equal(page_table_unmap(&table, WINDOW + first * PAGE_SIZE, count * PAGE_SIZE),
                         mapped * PAGE_SIZE);
    } else {
        for (u64 page = first; page < first + count; page++)
            oracle[page] = (u32)(page + offset + 1);
        page_table_map(&table, WINDOW + first * PAGE_SIZE, (first + offset) * PAGE_SIZE, count * PAGE_SIZE,
                       PTE_WRITE);
    }
}

static void assert_like_oracle(void)
{
    struct page_table_summary summary;
    u64 mapped = 0;
    for (u64 page = 0; page < PAGES; page++) {
        u64 expected = oracle[page] ? (oracle[page] - 1) * PAGE_SIZE : UINT64_MAX;
        if (translate(WINDOW + page * PAGE_SIZE) != expected)
            fail_msg("page %lu leads to 0x%lx, not 0x%lx", page, translate(WINDOW + page * PAGE_SIZE),
                     expected);
        mapped += oracle[page] != 0;
    }
    page_table_summarise(&table, 0, 512, &summary);
    assert_int_equal(summary.pages_4k * PAGE_SIZE + summary.pages_2m * PAGE_2M + summary.pages_1g * PAGE_1G,
                     mapped * PAGE_SIZE);
}

static void agrees_with_an_oracle(void **state)
{
    u64 seed = 0x9A6E5;
    print_message("seed 0x%lx\n", seed);
    for (u32 round = 0; round < 8; round++) {
        release(state);
        fresh(state);
        table.gigabyte_pages = round % 2;
        memset(oracle, 0, sizeof(oracle));
        for (u32 step = 0; step < 40; step++)
            random_step(&seed);
        assert_like_oracle();
    }
}

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, fresh, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(uses_the_largest_pages_that_fit),
        TABLE_TEST(uses_no_huge_pages_without_them),
        TABLE_TEST(uses_small_pages_where_the_offset_demands_it),
        TABLE_TEST(takes_one_page_out_of_a_huge_one),
        TABLE_TEST(what_was_split_stays_split),
        TABLE_TEST(whole_pages_go_without_a_split),
        TABLE_TEST(counts_what_is_writable_and_executable),
        TABLE_TEST(reaches_the_top_of_the_address_space),
        TABLE_TEST(agrees_with_an_oracle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
