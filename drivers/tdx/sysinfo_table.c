/* SPDX-License-Identifier: MIT */
/* The table of metadata fields and the loop that reads it. Pure. */
#include "drivers/tdx/sysinfo.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/string.h"

struct field {
    const char *name;
    u64 id;
    u32 bytes;  /* of the destination; a value must fit */
    u32 count;  /* elements of an array, 1 otherwise */
    u32 stride; /* distance of two destinations */
    size_t offset;
};

#define SCALAR(symbol, member)                                                                               \
    {                                                                                                        \
#symbol, TDX_FIELD_##symbol, sizeof(((struct tdx_sysinfo *)0)->member), 1, 0,                        \
            offsetof(struct tdx_sysinfo, member)                                                             \
    }
#define CMRS(symbol, member)                                                                                 \
    {                                                                                                        \
#symbol, TDX_FIELD_##symbol, sizeof(u64), TDX_MAX_CMRS, sizeof(struct tdx_cmr),                      \
            offsetof(struct tdx_sysinfo, cmrs) + offsetof(struct tdx_cmr, member)                            \
    }

/* All valid on an LP that has done SYS.LP.INIT. */
static const struct field fields[] = {
    SCALAR(VENDOR_ID, vendor_id),
    SCALAR(BUILD_DATE, build_date),
    SCALAR(MAJOR_VERSION, major),
    SCALAR(MINOR_VERSION, minor),
    SCALAR(UPDATE_VERSION, update),
    SCALAR(BUILD_NUM, build),
    SCALAR(TDX_FEATURES0, features0), /* says which optional steps the sequence has */
    SCALAR(MAX_TDMRS, max_tdmrs),
    SCALAR(MAX_RESERVED_PER_TDMR, max_reserved_per_tdmr),
    SCALAR(PAMT_4K_ENTRY_SIZE, pamt_entry_size[TDX_PAMT_4K]),
    SCALAR(PAMT_2M_ENTRY_SIZE, pamt_entry_size[TDX_PAMT_2M]),
    SCALAR(PAMT_1G_ENTRY_SIZE, pamt_entry_size[TDX_PAMT_1G]),
    SCALAR(NUM_CMRS, num_cmrs),
    CMRS(CMR_BASE, base),
    CMRS(CMR_SIZE, size),
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
    for (u32 i = 0; i < ARRAY_COUNT(fields); i++)
        for (u32 element = 0; element < fields[i].count; element++) {
            char *to = (char *)info + fields[i].offset + (size_t)element * fields[i].stride;
            if (!read_element(fields[i].name, fields[i].id + element, fields[i].bytes, to, reader, context,
                              error))
                return false;
        }
    trim_cmrs(info);
    return true;
}

bool sysinfo_read_demand(const struct tdx_configured *configured, struct ext_demand *demand,
                         sysinfo_reader reader, void *context, struct sysinfo_error *error)
{
    memset(demand, 0, sizeof(*demand));
    if (!configured->done) {
        *error = (struct sysinfo_error){"EXT_REQUIRED before SYS.CONFIG", TDX_FIELD_EXT_REQUIRED, 0, 0, 0};
        return false;
    }
    u8 required;
    u32 pages;
    if (!read_element("EXT_REQUIRED", TDX_FIELD_EXT_REQUIRED, sizeof(required), &required, reader, context,
                      error) ||
        !read_element("MEMORY_POOL_REQUIRED_PAGES", TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, sizeof(pages),
                      &pages, reader, context, error))
        return false;
    if (required > 1) {
        *error = (struct sysinfo_error){"EXT_REQUIRED (a boolean)", TDX_FIELD_EXT_REQUIRED, 0, required, 1};
        return false;
    }
    *demand = (struct ext_demand){required, pages};
    return true;
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
