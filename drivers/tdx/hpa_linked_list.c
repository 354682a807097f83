/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/hpa_linked_list.h"

u64 hpa_linked_list_nodes(u64 pages)
{
    return (pages + TDX_HPA_LINKED_PAGES - 1) / TDX_HPA_LINKED_PAGES;
}

/* Whole pages, all of them below the bits that may hold a KeyID. */
static bool is_run_of_pages(pa_t base, u64 pages)
{
    const u64 limit = 1ull << TDX_PRIVATE_PA_BITS;
    return is_aligned(pa_raw(base), PAGE_SIZE) && pa_raw(base) < limit &&
           pages <= (limit - pa_raw(base)) / PAGE_SIZE;
}

bool hpa_linked_list_build(struct tdx_hpa_linked_node *nodes, u64 count, pa_t nodes_at, pa_t first_page,
                           u64 pages)
{
    if (pages == 0 || count != hpa_linked_list_nodes(pages) || !is_run_of_pages(nodes_at, count) ||
        !is_run_of_pages(first_page, pages))
        return false;
    u64 page = 0;
    for (u64 node = 0; node < count; node++) {
        for (u64 slot = 0; slot < ARRAY_COUNT(nodes[node].phys); slot++, page++)
            nodes[node].phys[slot] =
                page < pages ? pa_raw(first_page) + page * PAGE_SIZE : TDX_HPA_LINKED_END;
        nodes[node].next = node + 1 < count ? pa_raw(nodes_at) + (node + 1) * PAGE_SIZE : TDX_HPA_LINKED_END;
    }
    return true;
}
