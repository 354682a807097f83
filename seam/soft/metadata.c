/* SPDX-License-Identifier: MIT */
/* Metadata: which fields there are, in which order, and what they say. */
#include "seam/soft/metadata.h"

#define CONTEXT_MASK (7ull << TDX_FIELD_CONTEXT_SHIFT)

const struct soft_field soft_fields[] = {
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid) {(id), (bytes), (fields), (elements)},
#include "drivers/tdx/abi/fields.def"
};

const struct soft_cpuid_config soft_cpuid_configs[] = {
    {0, {0x0FFF3FFF, 0x00FF0000, 0, 0}, {0, 0, 0x31044D88, 0xB8440000}}, /* 1 */
    {1, {0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFB}, {0, 0, 0, 0}}, /* 4.0 */
    {2, {0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFB}, {0, 0, 0, 0}}, /* 4.1 */
    {3, {0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFB}, {0, 0, 0, 0}}, /* 4.2 */
    {4, {0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0x00000007}, {0, 0, 0, 0}}, /* 4.3 */
    {5, {0, 0, 0, 0}, {0, 0xDC2B9B18, 0x02417F65, 0x0005411C}},          /* 7.0 */
    {6, {0, 0, 0, 0}, {0x1D30, 0, 0, 0}},                                /* 7.1 */
    {7, {0, 0, 0, 0}, {0, 0, 0, 0}},                                     /* AH */
    {8, {0, 0, 0, 0}, {0xFF, 0, 0, 0}},                                  /* 1CH */
    {9, {0, 0, 0, 0}, {0, 0x200, 0, 0}},                                 /* 80000008H */
    {14, {0, 0, 0, 0}, {0, 0, 0, 0x28}},                                 /* 7.2 */
    {59, {0, 0, 0, 0}, {0xF, 0, 0, 0}},                                  /* 23H.0 */
};
_Static_assert(ARRAY_COUNT(soft_cpuid_configs) == SOFT_CPUID_CONFIGS, "NUM_CPUID_CONFIG");

/* Family, model and stepping of the parts that 1.5.01 knows, newest first */
static const u32 known_fms[] = {0xD06D0, 0xA06E0, 0xA06D0, 0xA06F0, 0xC06F2, 0x806F8};
#define STEPPING 0xFu

u32 soft_lowest_fms(const struct soft_machine *machine)
{
    u32 lowest = machine->fms[0];
    for (u32 i = 1; i < machine->package_count && i < TDX_MAX_PACKAGES; i++)
        if ((machine->fms[i] & STEPPING) < (lowest & STEPPING))
            lowest = machine->fms[i];
    return lowest;
}

u64 soft_features0(const struct soft_module *module)
{
    u64 features = module->knobs.features0;
    if (!(module->sample.seam_capabilities & 1u << 6))
        features &= ~(1ull << TDX_FEATURE_LOCAL_ATTESTATION);
    return features;
}

u64 soft_xfam_fixed0(const struct soft_module *module)
{
    return 0x6DBE7 & module->sample.xfam;
}

/* ---- values; element counts from 0 ---- */

#define VALUE(function, expression)                                                                          \
    static u64 function(const struct soft_module *module, u32 element)                                       \
    {                                                                                                        \
        (void)module;                                                                                        \
        (void)element;                                                                                       \
        return (expression);                                                                                 \
    }
VALUE(package_count, module->machine.package_count)
VALUE(package_fms, element < module->machine.package_count ? module->machine.fms[element] : 0)
VALUE(build_date, module->knobs.build_date)
VALUE(build_num, module->knobs.build_num)
VALUE(minor_version, module->knobs.minor_version)
VALUE(major_version, module->knobs.major_version)
VALUE(update_version, module->knobs.update_version)
VALUE(internal_version, module->knobs.internal_version)
VALUE(module_hv, module->knobs.module_hv)
VALUE(min_update_hv, module->knobs.min_update_hv)
VALUE(no_downgrade, module->knobs.no_downgrade)
VALUE(handoff_valid, module->handoff.valid)
VALUE(handoff_hv, module->handoff.version)
VALUE(handoff_size, module->handoff.size)
VALUE(max_quote_size, soft_quote_done(module) ? module->knobs.max_quote_size : 0)
VALUE(handoff_pages, module->machine.handoff_pages)
VALUE(features0, soft_features0(module))
VALUE(xfam_fixed0, soft_xfam_fixed0(module))
VALUE(cmr_base, module->machine.cmrs[element].base)
VALUE(cmr_size, module->machine.cmrs[element].size)
VALUE(max_vcpus, module->knobs.max_vcpus_per_td)
VALUE(pamt_bitmap_bits, module->knobs.pamt_bitmap_bits)
#undef VALUE

static u64 cpuid_config_leaf(const struct soft_module *module, u32 element)
{
    (void)module;
    if (element >= SOFT_CPUID_CONFIGS)
        return ~0ull;
    const struct soft_cpuid_rule *rule = &soft_cpuid_rules[soft_cpuid_configs[element].row];
    return soft_pair(rule->leaf, rule->subleaf);
}

/* Two elements a row: EAX and EBX, then ECX and EDX; only what is directly configurable, unlike SYS.INFO. */
static u64 cpuid_config_value(const struct soft_module *module, u32 element)
{
    (void)module;
    if (element / 2 >= SOFT_CPUID_CONFIGS)
        return 0;
    const struct soft_cpuid *direct = &soft_cpuid_configs[element / 2].direct;
    return element % 2 ? soft_pair(direct->ecx, direct->edx) : soft_pair(direct->eax, direct->ebx);
}

/* The platform's place in known_fms; ARRAY_COUNT(known_fms) if it isn't there, which ends the module. */
static u32 fms_position(const struct soft_module *module)
{
    u32 own = soft_lowest_fms(&module->machine);
    u32 i = 0;
    while (i < ARRAY_COUNT(known_fms) && ((known_fms[i] ^ own) & ~STEPPING))
        i++;
    return i;
}

static u64 allowed_fms_count(const struct soft_module *module, u32 element)
{
    (void)element;
    return ARRAY_COUNT(known_fms) - fms_position(module);
}

static u64 allowed_fms(const struct soft_module *module, u32 element)
{
    u32 position = fms_position(module) + element;
    if (element == 0)
        return soft_lowest_fms(&module->machine);
    return position < ARRAY_COUNT(known_fms) ? known_fms[position] : 0;
}

static u64 pool_required(const struct soft_module *module, u32 element)
{
    (void)element;
    u64 missing = __atomic_load_n(&module->ext.missing, __ATOMIC_ACQUIRE);
    return module->knobs.pool_field_bytes == 2 ? missing & 0xFFFF : missing;
}

static u64 ext_required(const struct soft_module *module, u32 element)
{
    (void)element;
    if (soft_state(module) < SOFT_CONFIG_DONE)
        return 0;
    if (module->knobs.ext_required_reads != 0)
        return module->knobs.ext_required_reads == 2;
    return module->ext.required &&
           (module->knobs.ext_required_after_init || !__atomic_load_n(&module->ext.done, __ATOMIC_ACQUIRE));
}

static const struct {
    u64 constant;
    u64 (*compute)(const struct soft_module *module, u32 element);
    bool modelled;
} values[SOFT_FIELD_COUNT] = {
#define SOFT_CONSTANT(field, value)    [SOFT_FIELD_INDEX_##field] = {.constant = (value), .modelled = true},
#define SOFT_COMPUTED(field, function) [SOFT_FIELD_INDEX_##field] = {.compute = (function), .modelled = true},
#include "seam/soft/field_values.def"
};

/* ---- the table ---- */

bool soft_field_exists(const struct soft_module *module, u32 index)
{
    switch (index) {
    case SOFT_FIELD_INDEX_MAX_VCPUS_PER_TD:
        return module->knobs.max_vcpus_per_td != 0;
    case SOFT_FIELD_INDEX_MEMORY_POOL_REQUIRED_PAGES:
    case SOFT_FIELD_INDEX_EXT_REQUIRED:
        return module->knobs.features0 >> TDX_FEATURE_EXT & 1;
    case SOFT_FIELD_INDEX_MAX_QUOTE_SIZE:
        return module->knobs.features0 >> TDX_FEATURE_QUOTE & 1;
    case SOFT_FIELD_INDEX_PAMT_PAGE_BITMAP_ENTRY_BITS:
        return module->knobs.features0 >> TDX_FEATURE_DYNAMIC_PAMT & 1;
    default:
        return values[index].modelled;
    }
}

bool soft_field_readable(const struct soft_module *module, u32 index)
{
    bool always = module->knobs.fields_before_valid == 0;
    switch (index) {
    case SOFT_FIELD_INDEX_MEMORY_POOL_REQUIRED_PAGES:
    case SOFT_FIELD_INDEX_EXT_REQUIRED:
        return always || soft_state(module) >= SOFT_CONFIG_DONE;
    case SOFT_FIELD_INDEX_MAX_QUOTE_SIZE:
        return always || soft_quote_done(module);
    default:
        return true;
    }
}

bool soft_field_value(const struct soft_module *module, u32 index, u32 element, u64 *value)
{
    bool asks_fms = index == SOFT_FIELD_INDEX_NUM_ALLOWED_FMS || index == SOFT_FIELD_INDEX_ALLOWED_FMS;
    if (asks_fms && fms_position(module) == ARRAY_COUNT(known_fms))
        return false;
    u32 bytes = soft_fields[index].bytes;
    *value = values[index].compute ? values[index].compute(module, element) : values[index].constant;
    if (bytes < 8)
        *value &= (1ull << bytes * 8) - 1;
    return true;
}

u32 soft_field_next(const struct soft_module *module, u32 index)
{
    while (index < SOFT_FIELD_COUNT && !soft_field_exists(module, index))
        index++;
    return index;
}

u32 soft_field_find(const struct soft_module *module, u64 id, u32 *element)
{
    u64 code = id & TDX_FIELD_CODE_MASK;
    for (u32 i = soft_field_next(module, 0); i < SOFT_FIELD_COUNT; i = soft_field_next(module, i + 1)) {
        const struct soft_field *field = &soft_fields[i];
        u64 first = field->id & TDX_FIELD_CODE_MASK;
        if (SOFT_FIELD_CLASS(id) == SOFT_FIELD_CLASS(field->id) && code >= first &&
            code - first < field->fields * field->elements) {
            *element = (u32)(code - first);
            return i;
        }
    }
    return SOFT_FIELD_COUNT;
}

bool soft_field_is_null(u64 id)
{
    return (id | CONTEXT_MASK) == TDX_FIELD_NULL;
}
