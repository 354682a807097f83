/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/hpa_list.h"

u64 hpa_list_fill(struct tdx_hpa_list *list, pa_t list_page, pa_t first_page, u64 count)
{
    if (count == 0 || count > ARRAY_COUNT(list->phys))
        return 0;
    u64 info = pa_raw(list_page);
    if ((info & ~TDX_HPA_LIST_PFN_MASK) || !is_aligned(pa_raw(first_page), PAGE_SIZE))
        return 0;
    for (u64 i = 0; i < ARRAY_COUNT(list->phys); i++)
        list->phys[i] = i < count ? pa_raw(first_page) + i * PAGE_SIZE : 0;
    return info | (count - 1) << TDX_HPA_LIST_LAST_SHIFT;
}

u64 hpa_list_first_entry(u64 info)
{
    return (info & TDX_HPA_LIST_FIRST_MASK) >> TDX_HPA_LIST_FIRST_SHIFT;
}
