/* SPDX-License-Identifier: MIT */
/* The table of metadata fields and the loop that reads it. Pure. */
#include "drivers/tdx/sysinfo.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/string.h"

/* When a field means something: the last column of fields.def. */
enum validity { VALID_LP_INIT, VALID_CONFIG, VALID_QUOTE };
enum {
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid) VALID_OF_##name = VALID_##valid,
#include "drivers/tdx/abi/fields.def"
};

/* What the module says of the configured features, as wide as it says it. */
struct raw_demand {
    u8 required;
    u32 pages;
};

struct field {
    const char *name;
    u64 id;
    enum validity valid;
    u32 bytes;     /* of the destination; a value must fit */
    u32 count;     /* elements of an array, 1 otherwise */
    u32 stride;    /* distance of two destinations */
    size_t offset; /* in the structure that belongs to the validity */
};

#define SIZE_OF(type, member) sizeof(((type *)0)->member)
#define FIELD(symbol, type, member)                                                                          \
    {                                                                                                        \
#symbol, TDX_FIELD_##symbol, (enum validity)VALID_OF_##symbol, SIZE_OF(type, member), 1, 0,          \
            offsetof(type, member)                                                                           \
    }
#define INFO(symbol, member)   FIELD(symbol, struct tdx_sysinfo, member)
#define DEMAND(symbol, member) FIELD(symbol, struct raw_demand, member)
#define CMRS(symbol, member)                                                                                 \
    {                                                                                                        \
#symbol, TDX_FIELD_##symbol, (enum validity)VALID_OF_##symbol, sizeof(u64), TDX_MAX_CMRS,            \
            sizeof(struct tdx_cmr), offsetof(struct tdx_sysinfo, cmrs) + offsetof(struct tdx_cmr, member)    \
    }

static const struct field fields[] = {
    INFO(VENDOR_ID, vendor_id),
    INFO(BUILD_DATE, build_date),
    INFO(MAJOR_VERSION, major),
    INFO(MINOR_VERSION, minor),
    INFO(UPDATE_VERSION, update),
    INFO(BUILD_NUM, build),
    INFO(TDX_FEATURES0, features0), /* says which optional steps the sequence has */
    INFO(MAX_TDMRS, max_tdmrs),
    INFO(MAX_RESERVED_PER_TDMR, max_reserved_per_tdmr),
    INFO(PAMT_4K_ENTRY_SIZE, pamt_entry_size[TDX_PAMT_4K]),
    INFO(PAMT_2M_ENTRY_SIZE, pamt_entry_size[TDX_PAMT_2M]),
    INFO(PAMT_1G_ENTRY_SIZE, pamt_entry_size[TDX_PAMT_1G]),
    INFO(NUM_CMRS, num_cmrs),
    CMRS(CMR_BASE, base),
    CMRS(CMR_SIZE, size),
    DEMAND(EXT_REQUIRED, required),
    DEMAND(MEMORY_POOL_REQUIRED_PAGES, pages),
};

static bool fits(u64 value, u32 bytes)
{
    return bytes >= sizeof(value) || value >> (8 * bytes) == 0;
}

/* Little-endian: the low bytes are the value. */
static bool read_element(const char *name, u64 id, u32 bytes, void *to, sysinfo_reader reader, void *context,
                         struct sysinfo_error *error)
{
    u64 value = 0;
    u64 status = reader(context, id, &value);
    if (status != TDX_SUCCESS || !fits(value, bytes)) {
        *error = (struct sysinfo_error){name, id, status, value, bytes};
        return false;
    }
    memcpy(to, &value, bytes);
    return true;
}

/* All rows of one validity into the structure that belongs to it. */
static bool read_fields(enum validity valid, void *into, sysinfo_reader reader, void *context,
                        struct sysinfo_error *error)
{
    for (u32 i = 0; i < ARRAY_COUNT(fields); i++) {
        const struct field *field = &fields[i];
        for (u32 element = 0; field->valid == valid && element < field->count; element++) {
            char *to = (char *)into + field->offset + (size_t)element * field->stride;
            if (!read_element(field->name, field->id + element, field->bytes, to, reader, context, error))
                return false;
        }
    }
    return true;
}

/* The module has 32 slots and reports them all; those of size 0 name no memory. */
static void trim_cmrs(struct tdx_sysinfo *info)
{
    info->cmr_count = 0;
    for (u32 i = 0; i < TDX_MAX_CMRS && i < info->num_cmrs; i++)
        if (info->cmrs[i].size > 0)
            info->cmrs[info->cmr_count++] = info->cmrs[i];
}

bool sysinfo_read(struct tdx_sysinfo *info, sysinfo_reader reader, void *context, struct sysinfo_error *error)
{
    memset(info, 0, sizeof(*info));
    if (!read_fields(VALID_LP_INIT, info, reader, context, error))
        return false;
    trim_cmrs(info);
    return true;
}

bool sysinfo_read_demand(const struct tdx_configured *configured, struct ext_demand *demand,
                         sysinfo_reader reader, void *context, struct sysinfo_error *error)
{
    struct raw_demand raw = {0};
    *demand = (struct ext_demand){0};
    if (!configured->done) {
        *error = (struct sysinfo_error){"EXT_REQUIRED before SYS.CONFIG", TDX_FIELD_EXT_REQUIRED, 0, 0, 0};
        return false;
    }
    if (!read_fields(VALID_CONFIG, &raw, reader, context, error))
        return false;
    if (raw.required > 1) {
        *error =
            (struct sysinfo_error){"EXT_REQUIRED (a boolean)", TDX_FIELD_EXT_REQUIRED, 0, raw.required, 1};
        return false;
    }
    *demand = (struct ext_demand){raw.required, raw.pages};
    return true;
}

_Static_assert((int)VALID_OF_MAX_QUOTE_SIZE == (int)VALID_QUOTE,
               "what sysinfo_read_max_quote() wants proved");

bool sysinfo_read_max_quote(const struct quote_initialised *initialised, u32 *bytes, sysinfo_reader reader,
                            void *context, struct sysinfo_error *error)
{
    *bytes = 0;
    if (!initialised->done) {
        *error =
            (struct sysinfo_error){"MAX_QUOTE_SIZE before QUOTE.INIT", TDX_FIELD_MAX_QUOTE_SIZE, 0, 0, 0};
        return false;
    }
    return read_element("MAX_QUOTE_SIZE", TDX_FIELD_MAX_QUOTE_SIZE, sizeof(*bytes), bytes, reader, context,
                        error);
}

bool sysinfo_read_handoff(u16 *version, sysinfo_reader reader, void *context, struct sysinfo_error *error)
{
    *version = 0;
    return read_element("MODULE_HV", TDX_FIELD_MODULE_HV, sizeof(*version), version, reader, context, error);
}

size_t sysinfo_error_text(const struct sysinfo_error *error, char *text, size_t size)
{
    if (error->status == TDX_SUCCESS)
        return format(text, size, "metadata field %s (0x%016lx): value 0x%lx doesn't fit %u bytes",
                      error->field, error->id, error->value, error->bytes);
    char status[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(error->status, status, sizeof(status));
    return format(text, size, "metadata field %s (0x%016lx): 0x%016lx %s", error->field, error->id,
                  error->status, status);
}
