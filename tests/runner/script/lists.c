/* SPDX-License-Identifier: MIT */
/* Functions of expressions that build or read what leaves take by address: page lists and TDMRs. */
#include "tests/runner/script/run.h"

#include "lib/string.h"

#define LAST_ENTRY_MASK 0x1FFull

static u64 list_info(u64 page, u64 first, u64 last)
{
    return page | first << TDX_HPA_LIST_FIRST_SHIFT | last << TDX_HPA_LIST_LAST_SHIFT;
}

static bool hpa_list(struct script_run *run, u64 base, u64 first, u64 count, u64 *value)
{
    u64 entries = min_u64(count, TDX_HPA_LIST_ENTRIES), page;
    if (entries == 0)
        return run_mistake(run, "hpa_list of no pages: HPA_LIST_INFO can't say that");
    if (!run_alloc(run, 1, PAGE_SIZE, &page))
        return false;
    struct tdx_hpa_list *list = run_memory(run, page, sizeof(*list));
    if (!list)
        return false;
    memset(list, 0, sizeof(*list));
    for (u64 i = 0; i < entries; i++)
        list->phys[i] = base + (first + i) * PAGE_SIZE;
    *value = list_info(page, 0, entries - 1);
    return true;
}

/* The next node of node i, at this address */
static u64 next_node(u64 address, u64 i, u64 nodes)
{
    return i + 1 < nodes ? address + (i + 1) * PAGE_SIZE : TDX_HPA_LINKED_END;
}

static bool linked_list(struct script_run *run, u64 base, u64 pages, u64 *value)
{
    u64 nodes = pages ? (pages - 1) / TDX_HPA_LINKED_PAGES + 1 : 1;
    if (pages > (1ull << 32))
        return run_mistake(run, "linked_list of %llu pages", (unsigned long long)pages);
    if (!run_alloc(run, nodes, PAGE_SIZE, value))
        return false;
    struct tdx_hpa_linked_node *node = run_memory(run, *value, nodes * PAGE_SIZE);
    if (!node)
        return false;
    for (u64 i = 0, done = 0; i < nodes; i++, node++) {
        for (u64 slot = 0; slot < TDX_HPA_LINKED_PAGES; slot++, done++)
            node->phys[slot] = done < pages ? base + done * PAGE_SIZE : TDX_HPA_LINKED_END;
        node->next = next_node(*value, i, nodes);
    }
    return true;
}

/* ---- TDMRs ---- */

/* The array of pointers, then the TDMR_INFOs; room for as many as a module takes, so that a test can add
 * some.
 */
#define TDMR_INFOS_AT (TDX_MAX_TDMRS * sizeof(u64))
_Static_assert(TDMR_INFOS_AT % TDX_TDMR_INFO_ALIGN == 0, "TDMR_INFOs behind the array are aligned");

static u64 tdmr_info(u64 array, u64 index)
{
    return array + TDMR_INFOS_AT + index * TDX_TDMR_INFO_ALIGN;
}

static bool tdmr_list(struct script_run *run, const struct script_layout *layout, u64 *value)
{
    const u64 bytes = align_up(TDMR_INFOS_AT + TDX_MAX_TDMRS * TDX_TDMR_INFO_ALIGN, PAGE_SIZE);
    if (!run_alloc(run, bytes / PAGE_SIZE, PAGE_SIZE, value))
        return false;
    u8 *at = run_memory(run, *value, bytes);
    if (!at)
        return false;
    memset(at, 0, bytes);
    for (u32 i = 0; i < TDX_MAX_TDMRS; i++) {
        u64 info = tdmr_info(*value, i);
        memcpy(at + i * sizeof(info), &info, sizeof(info));
        if (i < layout->count)
            memcpy(at + (info - *value), &layout->tdmrs[i], sizeof(layout->tdmrs[i]));
    }
    return true;
}

static bool tdmr_function(struct script_run *run, enum script_function function, const u64 *a, u64 *value)
{
    const struct script_layout *layout = run_layout_now(run);
    if (!layout)
        return false;
    if (function == FUNCTION_tdmr_list)
        return tdmr_list(run, layout, value);
    if (function == FUNCTION_tdmr_count) {
        *value = layout->count;
        return true;
    }
    if (a[0] >= layout->count)
        return run_mistake(run, "there is no TDMR %llu, there are %u", (unsigned long long)a[0],
                           layout->count);
    *value = function == FUNCTION_tdmr_base ? layout->tdmrs[a[0]].base : layout->tdmrs[a[0]].size;
    return true;
}

bool run_function_list(struct script_run *run, enum script_function function, const u64 *a, u64 *value)
{
    switch (function) {
    case FUNCTION_hpa_list:
        return hpa_list(run, a[0], a[1], a[2], value);
    case FUNCTION_list_info:
        *value = list_info(a[0], a[1], a[2] & LAST_ENTRY_MASK);
        return true;
    case FUNCTION_list_page:
        *value = a[0] & TDX_HPA_LIST_PFN_MASK;
        return true;
    case FUNCTION_first_entry:
        *value = (a[0] & TDX_HPA_LIST_FIRST_MASK) >> TDX_HPA_LIST_FIRST_SHIFT;
        return true;
    case FUNCTION_linked_list:
        return linked_list(run, a[0], a[1], value);
    case FUNCTION_tdmr_info:
        *value = tdmr_info(a[0], a[1]);
        return true;
    default:
        return tdmr_function(run, function, a, value);
    }
}
