/* SPDX-License-Identifier: MIT */
/* TDH.SYS.RD (34) and TDH.SYS.RDALL (37). No lock; the LP must be initialised. Module 1.5.01 source. */
#include "seam/soft/metadata.h"

#include "lib/string.h"

#define CONTEXT_MASK  (7ull << TDX_FIELD_CONTEXT_SHIFT)
#define COUNTS_MASK   ((0xFull << TDX_FIELD_LAST_ELEM_SHIFT) | (0x1FFull << TDX_FIELD_LAST_FLD_SHIFT))
#define SIZE_CODE(id) ((id) >> TDX_FIELD_SIZE_SHIFT & 3)
#define LIST_BYTES    4096u

/* Inside a row the caller's upper bits live on, with context 0; a new row starts with its canonical id. The
 * way leads around rows that can't be read yet: what comes back is the next readable id. */
static u64 next_id(const struct soft_module *module, u64 id, u32 index, u32 element)
{
    const struct soft_field *field = &soft_fields[index];
    if (element + 1 < field->fields * field->elements)
        return (id & ~CONTEXT_MASK) + 1;
    do
        index = soft_field_next(module, index + 1);
    while (index < SOFT_FIELD_COUNT && !soft_field_readable(module, index));
    return index < SOFT_FIELD_COUNT ? soft_fields[index].id : TDX_FIELD_NULL;
}

u64 soft_sys_rd(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    struct soft_regs *regs = request->regs;
    u64 id = regs->rdx, value;
    u32 element;
    regs->rdx = TDX_FIELD_NULL;
    regs->r8 = 0;
    if (!module->lps[request->lp].initialised)
        return TDX_SYS_LP_INIT_NOT_DONE;
    if (soft_field_is_null(id)) {
        regs->rdx = soft_fields[0].id;
        return TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT;
    }
    if (id & (TDX_FIELD_RESERVED | COUNTS_MASK))
        return TDX_METADATA_FIELD_ID_INCORRECT;
    u32 index = soft_field_find(module, id, &element);
    if (index == SOFT_FIELD_COUNT ||
        (module->knobs.rd_strict_size && SIZE_CODE(id) != SIZE_CODE(soft_fields[index].id)))
        return TDX_METADATA_FIELD_ID_INCORRECT;
    if (!soft_field_readable(module, index))
        return TDX_METADATA_FIELD_NOT_READABLE;
    soft_locked(request);
    if (!soft_field_value(module, index, element, &value))
        return soft_stop(request, "SYS.RD: this CPU's family and model are none that the module knows");
    regs->r8 = value;
    regs->rdx = next_id(module, id, index, element);
    return TDX_SUCCESS;
}

/* ---- SYS.RDALL: sequences of fields with consecutive codes and one shape ---- */

struct list {
    u8 *page; /* NULL: no memory there, writes are lost */
    u32 used; /* bytes, header included */
    u32 sequences;
    u32 header; /* offset of the open sequence's header, 0: none is open */
    u64 header_id;
    u32 last_row, last_field; /* what the open sequence ends with */
    u32 count;                /* fields in it */
};

static void put(const struct list *list, u32 offset, u64 value)
{
    if (list->page)
        memcpy(list->page + offset, &value, sizeof(value));
}

static void close_sequence(struct list *list)
{
    if (list->header)
        put(list, list->header, list->header_id | (u64)(list->count - 1) << TDX_FIELD_LAST_FLD_SHIFT);
}

static bool continues(const struct list *list, u32 row, u32 number)
{
    if (!list->header)
        return false;
    const struct soft_field *last = &soft_fields[list->last_row], *field = &soft_fields[row];
    u64 code = (field->id & TDX_FIELD_CODE_MASK) + (u64)number * field->elements;
    u64 code_after = (last->id & TDX_FIELD_CODE_MASK) + (u64)(list->last_field + 1) * last->elements;
    return SOFT_FIELD_CLASS(field->id) == SOFT_FIELD_CLASS(last->id) && code == code_after &&
           field->elements == last->elements && field->bytes == last->bytes;
}

/* False: the page is full. */
static bool append(const struct soft_request *request, struct list *list, u32 row, u32 number)
{
    const struct soft_field *field = &soft_fields[row];
    bool extend = continues(list, row, number);
    u32 bytes = 8 * field->elements + (extend ? 0 : 8);
    if (list->used + bytes > request->module->knobs.rdall_bytes)
        return false;
    if (!extend) {
        close_sequence(list);
        list->header = list->used;
        list->header_id = (field->id + number * field->elements) | (u64)(field->elements - 1)
                                                                       << TDX_FIELD_LAST_ELEM_SHIFT;
        list->sequences++;
        list->count = 0;
        list->used += 8;
    }
    for (u32 i = 0; i < field->elements; i++, list->used += 8) {
        u64 value = 0;
        /* 1.5.01 leaves the second half of unused CPUID_CONFIG_VALUES rows as the buffer had it. */
        if (row == SOFT_FIELD_INDEX_CPUID_CONFIG_VALUES && number >= SOFT_CPUID_CONFIGS && i > 0)
            continue;
        if (!soft_field_value(request->module, row, number * field->elements + i, &value))
            soft_stop(request, "SYS.RDALL: this CPU's family and model are none that the module knows");
        put(list, list->used, value);
    }
    list->last_row = row;
    list->last_field = number;
    list->count++;
    return true;
}

/* Returns the id to go on with, or TDX_FIELD_NULL when everything is in the list. */
static u64 fill(const struct soft_request *request, struct list *list, u32 row, u32 number)
{
    const struct soft_module *module = request->module;
    u64 next = TDX_FIELD_NULL;
    for (; row < SOFT_FIELD_COUNT && next == TDX_FIELD_NULL;
         row = soft_field_next(module, row + 1), number = 0) {
        if (!soft_field_readable(module, row))
            continue;
        for (; number < soft_fields[row].fields; number++)
            if (!append(request, list, row, number)) {
                next = soft_fields[row].id + number * soft_fields[row].elements;
                break;
            }
    }
    close_sequence(list);
    put(list, 0, list->used | (u64)list->sequences << 16);
    return next;
}

u64 soft_sys_rdall(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    struct soft_regs *regs = request->regs;
    u64 start = regs->r8;
    u32 row = 0, element = 0;
    regs->r8 = TDX_FIELD_NULL;
    if (!module->lps[request->lp].initialised)
        return TDX_SYS_LP_INIT_NOT_DONE;
    if (!soft_buffer_ok(module, regs->rdx, LIST_BYTES))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RDX);
    if (!soft_field_is_null(start)) {
        row = soft_field_find(module, start, &element);
        if (row == SOFT_FIELD_COUNT || element % soft_fields[row].elements ||
            SIZE_CODE(start) != SIZE_CODE(soft_fields[row].id))
            return TDX_METADATA_FIELD_ID_INCORRECT;
    }
    soft_locked(request);
    struct list list = {.page = soft_buffer(request, regs->rdx, LIST_BYTES), .used = 8};
    u64 next = fill(request, &list, row, element / soft_fields[row].elements);
    if (module->fatal)
        return SOFT_STATUS_FATAL;
    regs->r8 = next;
    return next == TDX_FIELD_NULL ? TDX_SUCCESS : TDX_METADATA_LIST_OVERFLOW;
}
