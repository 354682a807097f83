/* SPDX-License-Identifier: MIT */
/*
 * Before a call: no operand may name memory that the kernel runs on, where the module would write to it or
 * take it. A forgotten alloc() is then a mistake of the script's, named with its line, and not the end of the
 * kernel. Operands that the module only reads, or must refuse, are nobody's business here.
 */
#include "lib/string.h"
#include "tests/runner/script/run.h"

#define OUTPUT_BYTES 4096 /* the most that a leaf writes at an operand */

/* Registers that name a page, by leaf. */
static const struct {
    u16 leaf;
    u8 registers[2];
} outputs[] = {
    {TDH_SYS_INFO, {REG_RCX, REG_R8}},        {TDH_SYS_RDALL, {REG_RDX, REG_RDX}},
    {TDH_MNG_CREATE, {REG_RCX, REG_RCX}},     {TDH_MNG_ADDCX, {REG_RCX, REG_RCX}},
    {TDH_PHYMEM_PAMT_ADD, {REG_RDX, REG_R8}},
};

static bool free_of(struct script_run *run, u64 pa, u64 size, const char *what)
{
    const struct script_port *port = run->port;
    pa &= (1ull << (script_facts.keyid_shift ? script_facts.keyid_shift : TDX_PRIVATE_PA_BITS)) - 1;
    if (!port->own || size == 0 || !port->own(port->context, pa, size))
        return true;
    return run_mistake(run, "%s: 0x%llx is memory that the kernel runs on; take pages from alloc()", what,
                       (unsigned long long)pa);
}

/* One word of a list, ~0 where the host can't look: the module can't be fooled with that either. */
static u64 word_at(struct script_run *run, u64 pa)
{
    u64 value = ~0ull;
    const void *at =
        is_aligned(pa, sizeof(value)) ? run->port->memory(run->port->context, pa, sizeof(value)) : NULL;
    if (at)
        memcpy(&value, at, sizeof(value));
    return value;
}

static bool check_list(struct script_run *run, u64 list, u32 first, u32 last)
{
    for (u32 i = first; i <= last; i++) {
        u64 entry = word_at(run, list + i * sizeof(entry));
        if (entry != ~0ull && !free_of(run, entry, PAGE_SIZE, "an entry of the list"))
            return false;
    }
    return true;
}

static bool check_hpa_list(struct script_run *run, u64 info)
{
    return check_list(run, info & TDX_HPA_LIST_PFN_MASK,
                      (info & TDX_HPA_LIST_FIRST_MASK) >> TDX_HPA_LIST_FIRST_SHIFT,
                      (u32)(info >> TDX_HPA_LIST_LAST_SHIFT));
}

static bool check_linked_list(struct script_run *run, u64 node, u64 bytes)
{
    u64 nodes = min_u64(bytes / PAGE_SIZE / 511 + 1, 64);
    for (u64 i = 0; i < nodes && node != ~0ull; i++) {
        if (!check_list(run, node, 0, 510))
            return false;
        node = word_at(run, node + 511 * sizeof(node));
    }
    return true;
}

static bool check_tdmrs(struct script_run *run, u64 array, u64 count)
{
    static const u8 pamts[] = {offsetof(struct tdx_tdmr_info, pamt_1g_base),
                               offsetof(struct tdx_tdmr_info, pamt_2m_base),
                               offsetof(struct tdx_tdmr_info, pamt_4k_base)};
    for (u64 i = 0; i < min_u64(count, TDX_MAX_TDMRS); i++) {
        u64 info = word_at(run, array + i * sizeof(info));
        for (u32 level = 0; is_aligned(info, TDX_TDMR_INFO_ALIGN) && level < ARRAY_COUNT(pamts); level++) {
            u64 base = word_at(run, info + pamts[level]), size = word_at(run, info + pamts[level] + 8);
            if (base + size >= base && size <= 16 * GIB && !free_of(run, base, size, "a PAMT"))
                return false;
        }
    }
    return true;
}

bool run_guard(struct script_run *run, const struct script_regs *in)
{
    u16 leaf = (u16)in->r[REG_RAX];
    for (u32 i = 0; i < ARRAY_COUNT(outputs); i++)
        for (u32 j = 0; outputs[i].leaf == leaf && j < ARRAY_COUNT(outputs[i].registers); j++) {
            u32 reg = outputs[i].registers[j];
            if (!free_of(run, in->r[reg], OUTPUT_BYTES, script_register_name(reg)))
                return false;
        }
    switch (leaf) {
    case TDH_EXT_MEM_ADD:
        return check_hpa_list(run, in->r[REG_RCX]);
    case TDH_QUOTE_GET:
        return check_linked_list(run, in->r[REG_R10], in->r[REG_R11]);
    case TDH_SYS_CONFIG:
        return check_tdmrs(run, in->r[REG_RCX], in->r[REG_RDX]);
    default:
        return true;
    }
}
