/* SPDX-License-Identifier: MIT */
#include "tests/runner/pages.h"

#include "kernel/paging.h"
#include "lib/string.h"
#include "tests/runner/bringup.h"

struct tdx_hpa_list hand_list;

u64 hand_list_info(u64 first, u64 last)
{
    return pa_raw(virt_to_phys(&hand_list)) | first << TDX_HPA_LIST_FIRST_SHIFT |
           last << TDX_HPA_LIST_LAST_SHIFT;
}

u64 hand_list_fill(u64 base, u64 count)
{
    memset(&hand_list, 0, sizeof(hand_list));
    for (u64 i = 0; i < count; i++)
        hand_list.phys[i] = base + i * PAGE_SIZE;
    return hand_list_info(0, count - 1);
}

struct call mem_add(u64 info)
{
    struct seamcall_args in = call_marked();
    in.rcx = info;
    return call_leaf(TDH_EXT_MEM_ADD, in);
}

static bool is_taken(struct test *test, u64 page, bool *taken)
{
    struct call call = read_page(page);
    if (!expect_status(test, &call, TDX_SUCCESS, "RDMD of a page of TDX memory"))
        return false;
    *taken = call.out.rcx != TDX_PAGE_NDA;
    return true;
}

bool expect_taken(struct test *test, u64 base, u64 count, u64 taken, const char *rule)
{
    for (u64 i = 0; i < count; i++) {
        bool is;
        if (!is_taken(test, base + i * PAGE_SIZE, &is))
            return false;
        if (is != (i < taken)) {
            test_fail(test,
                      "page %lu of %lu (0x%lx) is %s for RDMD, expected the first %lu to be the module's: %s",
                      i, count, base + i * PAGE_SIZE, is ? "the module's" : "free", taken, rule);
            return false;
        }
    }
    if (!test->machine->platform.control_msr)
        return true;
    return (taken == 0 || expect_owner(test, base, taken * PAGE_SIZE, MONITOR_OWNER_POOL, rule)) &&
           (taken == count || expect_owner(test, base + taken * PAGE_SIZE, (count - taken) * PAGE_SIZE,
                                           MONITOR_OWNER_HOST, rule));
}
