/* SPDX-License-Identifier: MIT */
/*
 * The overlay's fields in SYS.RDALL's list. Bytes 1:0 of a list are its length, bytes 3:2 the number of its
 * sequences; a sequence is an id with counts, and values. The list lies in the host's memory: other LPs, and
 * their modules, may write to it meanwhile, so nothing in it is believed, and doing this twice is as doing it
 * once.
 */
#include "lib/string.h"
#include "seam/soft/metadata.h"
#include "seam/soft/overlay.h"

#define HEADER_BYTES   8u
#define SEQUENCE_BYTES 16u /* each of the overlay's fields is a sequence of its own: their shapes differ */

/* NULL: nothing can be written there, as in soft_buffer(). */
static u8 *list_at(struct soft_module *module, u32 lp, u64 pa, enum soft_owner *owner)
{
    soft_overlay_learn_addresses(module, lp);
    pa = soft_pa_without_keyid(module, pa);
    *owner = soft_page_owner(module, pa);
    return *owner == SOFT_OWNER_HOST ? module->platform.map(module->platform.context, pa, PAGE_SIZE) : NULL;
}

static void say_not_the_hosts(const struct soft_module *module, u32 lp)
{
    module->platform.violation(module->platform.context, lp,
                               "SYS.RDALL's list is in memory that the module owns");
}

static u64 get(const u8 *list, u32 offset)
{
    u64 value;
    memcpy(&value, list + offset, sizeof(value));
    return value;
}

static void put(u8 *list, u32 offset, u64 value)
{
    memcpy(list + offset, &value, sizeof(value));
}

/* The sequence at an offset that lies before end, with its id in it */
struct sequence {
    u64 id;
    u32 at, elements;
};

static struct sequence sequence_at(const u8 *list, u32 at)
{
    u64 id = get(list, at);
    u32 elements = (u32)((id >> TDX_FIELD_LAST_ELEM_SHIFT & 0xF) + 1) *
                   (u32)((id >> TDX_FIELD_LAST_FLD_SHIFT & 0x1FF) + 1);
    return (struct sequence){id, at, elements};
}

static void add_features(const struct soft_module *module, u8 *list, const struct sequence *sequence, u32 end)
{
    const u64 wanted = soft_fields[SOFT_FIELD_INDEX_TDX_FEATURES0].id;
    u64 element = (wanted & TDX_FIELD_CODE_MASK) - (sequence->id & TDX_FIELD_CODE_MASK);
    u64 at = sequence->at + sizeof(u64) * (1 + element);
    if (SOFT_FIELD_CLASS(sequence->id) == SOFT_FIELD_CLASS(wanted) && element < sequence->elements &&
        at + sizeof(u64) <= end)
        put(list, (u32)at, get(list, (u32)at) | soft_overlay_features(module));
}

/* Fields from a row on, behind so many bytes and sequences. */
static u64 add_fields(const struct soft_module *module, u8 *list, u32 at, u32 sequences, u32 row)
{
    row = soft_overlay_readable_row(module, row);
    for (; row < SOFT_FIELD_COUNT; row = soft_overlay_readable_row(module, row + 1)) {
        u64 value = 0;
        if (at + SEQUENCE_BYTES > min_u64(module->knobs.rdall_bytes, PAGE_SIZE))
            break;
        soft_field_value(module, row, 0, &value);
        put(list, at, soft_fields[row].id);
        put(list, at + sizeof(u64), value);
        at += SEQUENCE_BYTES;
        sequences++;
    }
    put(list, 0, at | (u64)sequences << 16);
    return soft_overlay_row_id(row);
}

u64 soft_overlay_join_list(struct soft_module *module, u32 lp, u64 pa, bool complete)
{
    enum soft_owner owner;
    u8 *list = list_at(module, lp, pa, &owner);
    u32 end = list ? min_u64(get(list, 0) & 0xFFFF, PAGE_SIZE) : 0;
    u32 at = HEADER_BYTES, sequences = 0;
    if (owner == SOFT_OWNER_POOL) /* the module below knows of all others */
        say_not_the_hosts(module, lp);
    for (; at + SEQUENCE_BYTES <= end; sequences++) {
        const struct sequence sequence = sequence_at(list, at);
        if (soft_overlay_owns_row(soft_overlay_row(module, sequence.id)))
            break; /* another LP was here */
        add_features(module, list, &sequence, end);
        at += (u32)sizeof(u64) * (1 + sequence.elements);
    }
    return list && complete ? add_fields(module, list, at, sequences, 0) : TDX_FIELD_NULL;
}

bool soft_overlay_new_list(struct soft_module *module, u32 lp, u64 pa, u64 from, u64 *next)
{
    enum soft_owner owner;
    u32 row = soft_overlay_row(module, from);
    u8 *list = list_at(module, lp, pa, &owner);
    if (!soft_overlay_owns_row(row) || (from ^ soft_fields[row].id) >> TDX_FIELD_SIZE_SHIFT & 3)
        return false;
    if (owner != SOFT_OWNER_HOST)
        say_not_the_hosts(module, lp);
    *next = list ? add_fields(module, list, HEADER_BYTES, 0, row) : TDX_FIELD_NULL;
    return true;
}
