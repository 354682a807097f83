/* SPDX-License-Identifier: MIT */
/* The decoder: the .def tables as arrays, and what little code it takes to search and print them. */
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "lib/format.h"
#include "lib/string.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct status {
    uint64_t value;
    const char *name;
    enum tdx_detail detail;
};

static const struct status statuses[] = {
#define TDX_STATUS(name, value, detail, since) {(value), #name, TDX_DETAIL_##detail},
#define TDX_STATUS_UNNUMBERED(name)
#include "drivers/tdx/abi/status.def"
};

/* Linux numbers these two without the bit that module source and ABI spec 348551 have (63 or 61). */
static const struct status linux_numbers[] = {
    {0x4000000200000000ull, "NON_RECOVERABLE_TD", TDX_DETAIL_NONE},
    {0x6000000700000000ull, "NON_RECOVERABLE_TD_WRONG_APIC_MODE", TDX_DETAIL_NONE},
};

/* Software's own results are compared whole: they have no details. */
static const struct status software[] = {
    {TDX_VMFAIL_INVALID, "SW_VMFAIL_INVALID", TDX_DETAIL_NONE},
    {TDX_FAULT_GP, "SW_FAULT_GP", TDX_DETAIL_NONE},
    {TDX_FAULT_UD, "SW_FAULT_UD", TDX_DETAIL_NONE},
};

static const struct {
    uint16_t number;
    const char *name;
} leaves[] = {
#define TDX_LEAF(symbol, name, number, since) {(number), (name)},
#include "drivers/tdx/abi/leaves.def"
};

static const struct {
    uint32_t id;
    const char *name;
} operands[] = {
#define TDX_OPERAND(name, id) {(id), #name},
#include "drivers/tdx/abi/operands.def"
};

static const struct {
    uint32_t number;
    const char *name;
} msrs[] = {
#define TDX_MSR(number, name) {(number), #name},
#include "drivers/tdx/abi/msrs.def"
};

/* ---- names ---- */

static const struct status *find(const struct status *table, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].value == value)
            return &table[i];
    return NULL;
}

static const struct status *status_find(uint64_t value)
{
    const struct status *row = find(software, COUNT(software), value);
    if (!row)
        row = find(statuses, COUNT(statuses), value & TDX_STATUS_MASK);
    if (!row)
        row = find(linux_numbers, COUNT(linux_numbers), value & TDX_STATUS_MASK);
    return row;
}

const char *tdx_status_name(uint64_t status)
{
    const struct status *row = status_find(status);
    return row ? row->name : NULL;
}

static bool by_name(const struct status *table, size_t count, const char *name, uint64_t *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *value = table[i].value;
            return true;
        }
    }
    return false;
}

bool tdx_status_by_name(const char *name, uint64_t *status)
{
    return by_name(statuses, COUNT(statuses), name, status) ||
           by_name(software, COUNT(software), name, status);
}

const char *tdx_leaf_name(unsigned leaf)
{
    for (size_t i = 0; i < COUNT(leaves); i++)
        if (leaves[i].number == leaf)
            return leaves[i].name;
    return NULL;
}

static char leaf_letter(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return c == '_' ? '.' : c;
}

static bool leaf_names_equal(const char *a, const char *b)
{
    while (*a && leaf_letter(*a) == leaf_letter(*b))
        a++, b++;
    return *a == 0 && *b == 0;
}

bool tdx_leaf_by_name(const char *name, unsigned *leaf)
{
    for (size_t i = 0; i < COUNT(leaves); i++) {
        if (leaf_names_equal(leaves[i].name, name)) {
            *leaf = leaves[i].number;
            return true;
        }
    }
    return false;
}

const char *tdx_operand_name(unsigned id)
{
    for (size_t i = 0; i < COUNT(operands); i++)
        if (operands[i].id == id)
            return operands[i].name;
    return NULL;
}

const char *tdx_msr_name(uint32_t msr)
{
    for (size_t i = 0; i < COUNT(msrs); i++)
        if (msrs[i].number == msr)
            return msrs[i].name;
    return NULL;
}

/* ---- text ---- */

struct text {
    char *at;
    size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void append(struct text *text, const char *fmt, ...)
{
    size_t used = text->length < text->size ? text->length : text->size;
    va_list args;
    va_start(args, fmt);
    text->length += format_v(text->at ? text->at + used : NULL, text->size - used, fmt, args);
    va_end(args);
}

/* The bits that a kind of detail defines; others are shown as they are. */
static uint32_t detail_bits(enum tdx_detail detail)
{
    switch (detail) {
    case TDX_DETAIL_NONE:
        return 0;
    case TDX_DETAIL_TDMR:
        return 0xFF;
    case TDX_DETAIL_SMRR_CMR:
    case TDX_DETAIL_TDMR_RESERVED:
    case TDX_DETAIL_TDMR_PAMT:
        return 0xFFFF;
    case TDX_DETAIL_TDMR_PAMT_TDMR:
        return 0xFFFFFF;
    default:
        return 0xFFFFFFFF;
    }
}

static void append_named(struct text *text, const char *what, uint32_t number, const char *name)
{
    if (name)
        append(text, " %s=%s", what, name);
    else
        append(text, " %s=%u", what, number);
}

static void append_level(struct text *text, uint8_t level)
{
    static const char *const names[TDX_PAMT_LEVELS] = {
        [TDX_PAMT_4K] = "4K", [TDX_PAMT_2M] = "2M", [TDX_PAMT_1G] = "1G"};
    append_named(text, "level", level, level < COUNT(names) ? names[level] : NULL);
}

static void append_update(struct text *text, uint16_t kind, uint16_t number)
{
    static const char *const names[] = {"builds", "migrations"};
    if (kind < COUNT(names))
        append(text, " %s=%u", names[kind], number);
    else
        append(text, " kind=%u number=%u", kind, number);
}

/* The fields of one kind of detail: module 1.5.01 source, ABI spec 348551; UPDATE as the runtime update
 * patches say. */
static void append_detail(struct text *text, enum tdx_detail detail, uint32_t low)
{
    uint8_t byte[4] = {(uint8_t)low, (uint8_t)(low >> 8), (uint8_t)(low >> 16), (uint8_t)(low >> 24)};
    switch (detail) {
    case TDX_DETAIL_NONE:
        break;
    case TDX_DETAIL_OPERAND:
        append_named(text, "operand", low, tdx_operand_name(low));
        break;
    case TDX_DETAIL_MSR:
        append(text, " msr=0x%x", low);
        if (tdx_msr_name(low))
            append(text, " (%s)", tdx_msr_name(low));
        break;
    case TDX_DETAIL_CPUID_LEAF:
        append(text, " leaf=0x%x", low);
        break;
    case TDX_DETAIL_PACKAGE:
        append(text, " package=%u", low);
        break;
    case TDX_DETAIL_SMRR:
        append(text, " smrr=%u", low);
        break;
    case TDX_DETAIL_SMRR_CMR:
        append(text, " smrr=%u cmr=%u", byte[0], byte[1]);
        break;
    case TDX_DETAIL_HKID_LIMIT:
        append(text, " limit=%u", low);
        break;
    case TDX_DETAIL_TDMR:
        append(text, " tdmr=%u", byte[0]);
        break;
    case TDX_DETAIL_TDMR_RESERVED:
        append(text, " tdmr=%u area=%u", byte[0], byte[1]);
        break;
    case TDX_DETAIL_TDMR_PAMT:
        append(text, " tdmr=%u", byte[0]);
        append_level(text, byte[1]);
        break;
    case TDX_DETAIL_TDMR_PAMT_TDMR:
        append(text, " tdmr=%u", byte[0]);
        append_level(text, byte[1]);
        append(text, " other=%u", byte[2]);
        break;
    case TDX_DETAIL_UPDATE:
        append_update(text, (uint16_t)low, (uint16_t)(low >> 16));
        break;
    case TDX_DETAIL_L2_SEPT:
        append(text, " vm=%u level=%u", low >> 16, low & 0xFFFF);
        break;
    }
    if (low & ~detail_bits(detail))
        append(text, " details=0x%x", low);
}

static const char *class_name(uint8_t number)
{
    static const char *const names[] = {
        [0x00] = "general",        [0x01] = "operand",       [0x02] = "busy",
        [0x03] = "page metadata",  [0x04] = "dependents",    [0x05] = "module state",
        [0x06] = "TD state",       [0x07] = "VCPU",          [0x08] = "keys",
        [0x09] = "platform",       [0x0A] = "TDMR and PAMT", [0x0B] = "Secure EPT",
        [0x0C] = "metadata field", [0x0D] = "service TD",    [0x0E] = "migration",
        [0x0F] = "TDX Connect",    [0x10] = "attestation",   [0x11] = "TD entry",
    };
    if (number == 0xFF)
        return "software";
    return number < COUNT(names) ? names[number] : "unnamed";
}

static void append_unknown(struct text *text, uint64_t status)
{
    uint8_t class = (uint8_t)(status >> 40), detail = (uint8_t)(status >> 32);
    append(text, "unknown %s class 0x%02x (%s) detail 0x%02x",
           status & TDX_STATUS_ERROR ? "status" : "informational", class, class_name(class), detail);
    if ((uint32_t)status)
        append(text, " details=0x%x", (uint32_t)status);
    if (status & TDX_STATUS_RESERVED)
        append(text, " reserved=0x%x", (uint32_t)((status & TDX_STATUS_RESERVED) >> 48));
}

size_t tdx_status_describe(uint64_t status, char *text, size_t size)
{
    struct text out = {text, size, 0};
    const struct status *row = status_find(status);
    if (!row) {
        append_unknown(&out, status);
        return out.length;
    }
    append(&out, "%s", row->name);
    if (row->value >> 40 != TDX_SW_ERROR >> 40)
        append_detail(&out, row->detail, (uint32_t)status);
    return out.length;
}

/* ---- hints ---- */

#define ANY -1ll

static const struct {
    const char *name; /* as tdx_status_name() gives it */
    long long leaf, detail;
    const char *text;
} hints[] = {
#define TDX_HINT(name, leaf, detail, text) {#name, (leaf), (detail), (text)},
#include "drivers/tdx/abi/hints.def"
};

/* The number of EXT_MEMORY_POOL_FULL is not public, so an unknown informational code of that leaf is taken
 * for it. */
static const char *hint_unknown(uint64_t status, int leaf)
{
    if (status & TDX_STATUS_ERROR)
        return "A code that is in no public source: look it up in the ABI specification of this module's version.";
    if (leaf == TDH_EXT_MEM_ADD)
        return "Probably EXT_MEMORY_POOL_FULL: more pages were offered than the pool needs. Stop adding, treat the rest as the module's.";
    return "Not an error by bit 63, but in no public source: don't repeat the call, look the code up in the ABI specification.";
}

const char *tdx_status_hint(uint64_t status, int leaf)
{
    const struct status *row = status_find(status);
    if (!row)
        return hint_unknown(status, leaf);
    for (size_t i = 0; i < COUNT(hints); i++)
        if (strcmp(hints[i].name, row->name) == 0 && (hints[i].leaf == ANY || hints[i].leaf == leaf) &&
            (hints[i].detail == ANY || hints[i].detail == (long long)(uint32_t)status))
            return hints[i].text;
    return "";
}
