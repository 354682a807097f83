/* SPDX-License-Identifier: MIT */
/*
 * The module's metadata, read through one table: field id, size, destination, when it is valid. A value that
 * doesn't fit its destination is an error, never cut off. The table and the reading loop are pure
 * (sysinfo_table.c); how a field is fetched is the caller's.
 */
#ifndef DRIVERS_TDX_SYSINFO_H
#define DRIVERS_TDX_SYSINFO_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

struct tdx_sysinfo {
    u32 vendor_id, build_date;
    u16 major, minor, update, build;
    u64 features0;
    u16 max_tdmrs, max_reserved_per_tdmr;
    u16 pamt_entry_size[TDX_PAMT_LEVELS];
    u16 num_cmrs; /* slots the module reports; 1.5.01 always says 32 */
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u32 cmr_count; /* without the empty slots */
};

static inline bool sysinfo_has(const struct tdx_sysinfo *info, enum tdx_feature bit)
{
    return info->features0 >> bit & 1;
}

/* Fetches one field element; returns the raw status. */
typedef u64 (*sysinfo_reader)(void *context, u64 field, u64 *value);

struct sysinfo_error {
    const char *field; /* name */
    u64 id, status;    /* status 0: the value itself was wrong */
    u64 value;
    u32 bytes; /* what it should have fitted in */
};

/* All fields that are valid after LP.INIT. */
bool sysinfo_read(struct tdx_sysinfo *info, sysinfo_reader reader, void *context,
                  struct sysinfo_error *error);

/*
 * What the configured features cost. These fields mean nothing before SYS.CONFIG (they depend on the features
 * that were selected there), so they can only be asked for with the proof that it has happened.
 */
struct tdx_configured {
    bool done;    /* set by the SYS.CONFIG step alone */
    u64 features; /* the add-on features that were asked for */
};
struct ext_demand {
    bool required; /* EXT_REQUIRED */
    u64 pages;     /* MEMORY_POOL_REQUIRED_PAGES: pages still missing */
};
bool sysinfo_read_demand(const struct tdx_configured *configured, struct ext_demand *demand,
                         sysinfo_reader reader, void *context, struct sysinfo_error *error);

/* The largest quote in bytes. Means nothing before QUOTE.INIT, so that is what the proof is about. */
struct quote_initialised {
    bool done; /* set by QUOTE.INIT alone */
};
bool sysinfo_read_max_quote(const struct quote_initialised *initialised, u32 *bytes, sysinfo_reader reader,
                            void *context, struct sysinfo_error *error);

/* MODULE_HV: the version of hand-off data that this module writes, for SYS.SHUTDOWN. */
bool sysinfo_read_handoff(u16 *version, sysinfo_reader reader, void *context, struct sysinfo_error *error);

/* The reader that asks the module: TDH.SYS.RD on this LP. */
u64 sysinfo_seamcall_reader(void *context, u64 field, u64 *value);

size_t sysinfo_error_text(const struct sysinfo_error *error, char *text, size_t size);

#endif
