/* SPDX-License-Identifier: MIT */
/*
 * HPA_LINKED_LIST: nodes of 511 pages. The checker reads the bytes as the module would, starting from the
 * first node's address, and shares nothing with the builder but the layout's numbers, which it has of its
 * own.
 */
#include "tests/unit/support.h"

#include "drivers/tdx/hpa_linked_list.h"

#define NODES_AT 0x12345000ull
#define DATA_AT  0x40000000ull
#define NODES    4

static struct tdx_hpa_linked_node nodes[NODES];

static u64 word(u64 address)
{
    assert_in_range(address, NODES_AT, NODES_AT + NODES * 4096 - 8);
    return *(const u64 *)((const char *)nodes + (address - NODES_AT));
}

/* Follows the list; every page must come once and in order, then nothing but the end. Returns its nodes. */
static u64 walk(u64 pages)
{
    u64 node = NODES_AT, seen = 0, count = 1;
    for (;;) {
        for (u64 slot = 0; slot < 511; slot++) {
            u64 entry = word(node + slot * 8);
            if (seen < pages)
                assert_int_equal(entry, DATA_AT + seen++ * 4096);
            else
                assert_int_equal(entry, ~0ull);
        }
        u64 next = word(node + 4088);
        if (seen == pages) {
            assert_int_equal(next, ~0ull);
            return count;
        }
        assert_int_equal(next & 4095, 0);
        node = next;
        assert_true(++count <= NODES);
    }
}

static void build_and_walk(u64 pages, u64 expected_nodes)
{
    __builtin_memset(nodes, 0xA5, sizeof(nodes));
    assert_int_equal(hpa_linked_list_nodes(pages), expected_nodes);
    assert_true(hpa_linked_list_build(nodes, expected_nodes, pa_of(NODES_AT), pa_of(DATA_AT), pages));
    assert_int_equal(walk(pages), expected_nodes);
    if (expected_nodes < NODES) /* and not a byte behind them */
        assert_int_equal(word(NODES_AT + expected_nodes * 4096), 0xA5A5A5A5A5A5A5A5ull);
}

static void one_page(void **state)
{
    (void)state;
    build_and_walk(1, 1);
}

static void one_slot_left(void **state)
{
    (void)state;
    build_and_walk(510, 1);
}

static void ends_with_its_node(void **state)
{
    (void)state;
    build_and_walk(511, 1);
    build_and_walk(1022, 2);
    build_and_walk(1533, 3);
}

static void one_page_in_the_next_node(void **state)
{
    (void)state;
    build_and_walk(512, 2);
    build_and_walk(1023, 3);
}

static void every_length(void **state)
{
    (void)state;
    for (u64 pages = 1; pages <= NODES * 511; pages++)
        build_and_walk(pages, (pages - 1) / 511 + 1);
}

static void expect_refused(u64 count, u64 nodes_at, u64 data_at, u64 pages)
{
    __builtin_memset(nodes, 0xA5, sizeof(nodes));
    assert_false(hpa_linked_list_build(nodes, count, pa_of(nodes_at), pa_of(data_at), pages));
    for (u64 offset = 0; offset < sizeof(nodes); offset += 8)
        assert_int_equal(word(NODES_AT + offset), 0xA5A5A5A5A5A5A5A5ull);
}

static void refuses_what_cannot_be_expressed(void **state)
{
    (void)state;
    expect_refused(0, NODES_AT, DATA_AT, 0);
    expect_refused(1, NODES_AT, DATA_AT, 0);
    expect_refused(1, NODES_AT, DATA_AT, 512);
    expect_refused(2, NODES_AT, DATA_AT, 511);
    expect_refused(1, NODES_AT + 8, DATA_AT, 1);
    expect_refused(1, NODES_AT, DATA_AT + 0x800, 1);
}

static void refuses_addresses_with_keyid_bits(void **state)
{
    (void)state;
    const u64 limit = 1ull << 52;
    expect_refused(1, NODES_AT, limit, 1);
    expect_refused(1, NODES_AT, limit - 4096, 2);
    expect_refused(1, limit, DATA_AT, 1);
    expect_refused(2, limit - 4096, DATA_AT, 512);
    assert_true(hpa_linked_list_build(nodes, 1, pa_of(NODES_AT), pa_of(limit - 4096), 1));
    assert_int_equal(nodes[0].phys[0], limit - 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_page),
        cmocka_unit_test(one_slot_left),
        cmocka_unit_test(ends_with_its_node),
        cmocka_unit_test(one_page_in_the_next_node),
        cmocka_unit_test(every_length),
        cmocka_unit_test(refuses_what_cannot_be_expressed),
        cmocka_unit_test(refuses_addresses_with_keyid_bits),
    };
    return cmocka_run_group_tests_name("hpa_linked_list", tests, NULL, NULL);
}
