/* SPDX-License-Identifier: MIT */
/* Profiles and single knobs by name, all made from knobs.def. */
#include "seam/soft/invented.h"
#include "seam/soft/dpamt.h"

#include "lib/log.h"
#include "lib/parse.h"
#include "lib/string.h"

static const struct soft_knobs profile_1_5_01 = {
#define SOFT_KNOB(name, v1_5, ext, dpamt, mark, text) .name = (v1_5),
#include "seam/soft/knobs.def"
};

static const struct soft_knobs profile_ext = {
#define SOFT_KNOB(name, v1_5, ext, dpamt, mark, text) .name = (ext),
#include "seam/soft/knobs.def"
};

static const struct soft_knobs profile_dpamt = {
#define SOFT_KNOB(name, v1_5, ext, dpamt, mark, text) .name = (dpamt),
#include "seam/soft/knobs.def"
};

static const struct {
    const char *name;
    const struct soft_knobs *knobs;
} profiles[] = {{"1.5.01", &profile_1_5_01}, {"ext", &profile_ext}, {"dpamt", &profile_dpamt}};

static const struct {
    const char *name, *mark, *text;
    size_t offset;
} knob_table[] = {
#define SOFT_KNOB(name, v1_5, ext, dpamt, mark, text)                                                        \
    {#name, #mark, (text), offsetof(struct soft_knobs, name)},
#include "seam/soft/knobs.def"
};

const char *soft_profile_names(void)
{
    return "1.5.01, ext, dpamt";
}

bool soft_profile(const char *name, struct soft_knobs *knobs)
{
    for (u32 i = 0; i < ARRAY_COUNT(profiles); i++)
        if (strcmp(profiles[i].name, name) == 0) {
            *knobs = *profiles[i].knobs;
            return true;
        }
    log_line("soft module: no profile '%s'; profiles are %s", name, soft_profile_names());
    return false;
}

/* Values that the model couldn't work with. */
static bool value_ok(const char *name, u64 value)
{
    if (strcmp(name, "ext_page_type") == 0)
        return value >= SOFT_PAGE_POOL_FIRST && value <= 0xFF; /* below are the module's own page types */
    if (strcmp(name, "rdall_bytes") == 0) /* two headers and a field of two elements, up to a page */
        return value >= 32 && value <= PAGE_SIZE;
    if (strcmp(name, "pamt_bitmap_bits") == 0)
        return value == 1 || value == 2 || value == 4 || value == 8;
    if (strcmp(name, "pair_page_type") == 0)
        return value == TDX_PAGE_RSVD || value == SOFT_PAGE_PAMT;
    if (strcmp(name, "ext_add_writes") == 0)
        return value <= PAGE_SIZE && is_aligned(value, 8);
    if (strcmp(name, "pool_field_bytes") == 0)
        return value == 2 || value == 4;
    if (strcmp(name, "ext_init_steps") == 0 || strcmp(name, "disable_steps") == 0 ||
        strcmp(name, "quote_init_steps") == 0 || strcmp(name, "quote_get_steps") == 0)
        return value <= 1000000;
    if (strcmp(name, "max_quote_size") == 0 || strcmp(name, "quote_size") == 0)
        return value > 0 && value <= 16 * MIB;
    return true;
}

static bool no_knob(const char *assignment)
{
    log_line("soft module: no knob '%s'; write name=number, knobs are:", assignment);
    for (u32 i = 0; i < ARRAY_COUNT(knob_table); i++)
        log_line("  %s (%s): %s", knob_table[i].name, knob_table[i].mark, knob_table[i].text);
    return false;
}

bool soft_knob_set(struct soft_knobs *knobs, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    u64 value;
    for (u32 i = 0; i < ARRAY_COUNT(knob_table); i++) {
        const char *name = knob_table[i].name;
        if (!equals || strlen(name) != length || strncmp(name, assignment, length) != 0)
            continue;
        if (!parse_u64(equals + 1, &value) || !value_ok(name, value)) {
            log_line("soft module: knob %s can't be '%s': %s", name, equals + 1, knob_table[i].text);
            return false;
        }
        *(u64 *)((char *)knobs + knob_table[i].offset) = value;
        return true;
    }
    return no_knob(assignment);
}
