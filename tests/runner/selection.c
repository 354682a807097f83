/* SPDX-License-Identifier: MIT */
#include "tests/runner/selection.h"

#include "lib/string.h"
#include "tests/runner/verdict.h"

const struct test_case *case_at(const struct case_table *const *tables, u32 index)
{
    for (; *tables; tables++) {
        if (index < (*tables)->count)
            return &(*tables)->cases[index];
        index -= (*tables)->count;
    }
    return NULL;
}

bool case_is_selected(const struct test_case *item, const char *pattern)
{
    return pattern[0] == 0 || pattern_matches(pattern, item->id);
}

static bool is_repeated(const struct case_table *const *tables, u32 index)
{
    for (u32 i = 0; i < index; i++)
        if (strcmp(case_at(tables, i)->id, case_at(tables, index)->id) == 0)
            return true;
    return false;
}

const char *selection_check(const struct case_table *const *tables, u32 last_stage)
{
    u32 stage = 0;
    const struct test_case *item;
    for (u32 i = 0; (item = case_at(tables, i)); i++) {
        if (!case_id_valid(item->id) || item->stage < stage || item->stage > last_stage ||
            is_repeated(tables, i))
            return item->id;
        stage = item->stage;
    }
    return NULL;
}

u32 selection_count(const struct case_table *const *tables, const char *pattern)
{
    u32 count = 0;
    const struct test_case *item;
    for (u32 i = 0; (item = case_at(tables, i)); i++)
        count += case_is_selected(item, pattern);
    return count;
}
