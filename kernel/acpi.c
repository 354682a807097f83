/* SPDX-License-Identifier: MIT */
#include "kernel/acpi.h"

#include "lib/log.h"
#include "lib/string.h"

#define BIOS_EBDA_SEGMENT 0x40E /* real-mode segment of the extended BIOS data area, section 5.2.5.1 */
#define BIOS_EBDA_SEARCH  KIB
#define BIOS_ROM          0xE0000
#define BIOS_ROM_SEARCH   0x20000
#define RSDP_ALIGN        16

#define TABLE_LENGTH_MAX MIB /* sanity cap: real RSDTs and MADTs are a few KiB */

struct rsdp { /* table 5.3; the second part exists from revision 2 on */
    char signature[8];
    u8 checksum;
    char oem[6];
    u8 revision;
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum;
    u8 reserved[3];
} __attribute__((packed));
#define RSDP_V1_SIZE 20
_Static_assert(offsetof(struct rsdp, length) == RSDP_V1_SIZE, "ACPI 1.0 RSDP");
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 2.0 RSDP");

struct table_header { /* table 5.4 */
    char signature[4];
    u32 length;
    u8 revision;
    u8 checksum;
    char oem[6], oem_table[8];
    u32 oem_revision, creator, creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct table_header) == 36, "DESCRIPTION_HEADER");

struct madt_header { /* table 5.19 */
    struct table_header table;
    u32 lapic_address;
    u32 flags;
} __attribute__((packed));
_Static_assert(sizeof(struct madt_header) == 44, "MADT");

enum madt_type { MADT_LAPIC = 0, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 }; /* table 5.21 */
#define XAPIC_BROADCAST  0xFFu
#define X2APIC_BROADCAST 0xFFFFFFFFu

enum { MADT_ENABLED = 1, MADT_ONLINE_CAPABLE = 2 }; /* table 5.23 */

struct madt_lapic { /* table 5.22 */
    u8 type, length, processor, apic_id;
    u32 flags;
} __attribute__((packed));
_Static_assert(sizeof(struct madt_lapic) == 8, "Processor Local APIC");

struct madt_lapic_address { /* table 5.27 */
    u8 type, length;
    u16 reserved;
    u64 address;
} __attribute__((packed));
_Static_assert(sizeof(struct madt_lapic_address) == 12, "Local APIC Address Override");

struct madt_x2apic { /* table 5.34 */
    u8 type, length;
    u16 reserved;
    u32 apic_id, flags, processor;
} __attribute__((packed));
_Static_assert(sizeof(struct madt_x2apic) == 16, "Processor Local x2APIC");

static bool sums_to_zero(const void *bytes, u64 size)
{
    u8 sum = 0;
    for (u64 i = 0; i < size; i++)
        sum += ((const u8 *)bytes)[i];
    return sum == 0;
}

/* Copies: tables may stand at any address, so nothing is read through a typed pointer into the view. */
static bool read_at(const struct boot_view *view, u64 pa, void *to, u64 size)
{
    const void *from = view->at(view->context, pa, size);
    if (from)
        memcpy(to, from, size);
    return from != NULL;
}

/* ---- RSDP ---- */

static bool rsdp_valid(const struct rsdp *rsdp)
{
    return memcmp(rsdp->signature, "RSD PTR ", 8) == 0 && sums_to_zero(rsdp, RSDP_V1_SIZE);
}

static u64 rsdp_search_range(const struct boot_view *view, u64 base, u64 size)
{
    const u8 *bytes = view->at(view->context, base, size);
    for (u64 at = 0; bytes && at + RSDP_V1_SIZE <= size; at += RSDP_ALIGN) {
        struct rsdp candidate;
        memcpy(&candidate, bytes + at, RSDP_V1_SIZE);
        if (rsdp_valid(&candidate))
            return base + at;
    }
    return 0;
}

static u64 rsdp_search(const struct boot_view *view)
{
    u16 segment = 0;
    u64 found = 0;
    if (read_at(view, BIOS_EBDA_SEGMENT, &segment, sizeof(segment)) && segment)
        found = rsdp_search_range(view, (u64)segment << 4, BIOS_EBDA_SEARCH);
    return found ? found : rsdp_search_range(view, BIOS_ROM, BIOS_ROM_SEARCH);
}

static bool rsdp_read(struct rsdp *rsdp, u64 pa, const struct boot_view *view)
{
    *rsdp = (struct rsdp){.revision = 0};
    if (!read_at(view, pa, rsdp, RSDP_V1_SIZE)) {
        log_line("ACPI: the RSDP at 0x%llx can't be reached; ask the loader for another",
                 (unsigned long long)pa);
        return false;
    }
    if (!rsdp_valid(rsdp)) {
        log_line(
            "ACPI: no RSDP at 0x%llx (signature or checksum wrong); the firmware or the loader is at fault",
            (unsigned long long)pa);
        return false;
    }
    if (rsdp->revision < 2)
        return true;
    struct rsdp whole;
    if (read_at(view, pa, &whole, sizeof(whole)) && whole.length >= sizeof(whole) &&
        whole.length <= PAGE_SIZE) {
        const void *bytes = view->at(view->context, pa, whole.length);
        if (bytes && sums_to_zero(bytes, whole.length)) {
            *rsdp = whole;
            return true;
        }
    }
    log_line("ACPI: the RSDP's second part is damaged, using the RSDT of its first");
    rsdp->revision = 0;
    return true;
}

/* ---- tables ---- */

static bool header_read(struct table_header *header, u64 pa, const struct boot_view *view)
{
    return read_at(view, pa, header, sizeof(*header));
}

/* The whole table, its length and checksum verified; NULL with a message. */
static const u8 *table_open(const char *name, u64 pa, u64 minimum, u64 *length, const struct boot_view *view)
{
    struct table_header header;
    if (!header_read(&header, pa, view)) {
        log_line("ACPI: the %s at 0x%llx can't be reached; the firmware is at fault", name,
                 (unsigned long long)pa);
        return NULL;
    }
    if (memcmp(header.signature, name, 4) != 0) {
        log_line("ACPI: no %s at 0x%llx (signature wrong); the firmware is at fault", name,
                 (unsigned long long)pa);
        return NULL;
    }
    *length = header.length;
    if (header.length < minimum || header.length > TABLE_LENGTH_MAX) {
        log_line("ACPI: %s has an impossible length of %u bytes; the firmware is at fault", name,
                 header.length);
        return NULL;
    }
    const u8 *table = view->at(view->context, pa, header.length);
    if (!table) {
        log_line(
            "ACPI: %s (%u bytes at 0x%llx) runs past the memory that can be reached; the firmware is at fault",
            name, header.length, (unsigned long long)pa);
        return NULL;
    }
    if (!sums_to_zero(table, header.length)) {
        log_line("ACPI: %s has a wrong checksum; the firmware is at fault", name);
        return NULL;
    }
    return table;
}

/* The physical address of the first table so signed that the RSDT (4-byte entries) or XSDT (8-byte) lists; or
 * 0. */
static u64 table_find(const u8 *root, u64 length, u64 entry_size, const char *signature,
                      const struct boot_view *view)
{
    for (u64 at = sizeof(struct table_header); at + entry_size <= length; at += entry_size) {
        u64 pa = 0;
        struct table_header header;
        memcpy(&pa, root + at, entry_size);
        if (pa && header_read(&header, pa, view) && memcmp(header.signature, signature, 4) == 0)
            return pa;
    }
    return 0;
}

static u64 madt_find(const struct rsdp *rsdp, const struct boot_view *view)
{
    u64 length;
    const u8 *root = NULL;
    u64 entry_size = sizeof(u64);
    if (rsdp->revision >= 2 && rsdp->xsdt)
        root = table_open("XSDT", rsdp->xsdt, sizeof(struct table_header), &length, view);
    if (!root) {
        entry_size = sizeof(u32);
        root = table_open("RSDT", rsdp->rsdt, sizeof(struct table_header), &length, view);
    }
    if (!root)
        return 0;
    u64 pa = table_find(root, length, entry_size, "APIC", view);
    if (!pa)
        log_line("ACPI: the firmware lists no MADT, so it names no processors");
    return pa;
}

/* ---- MADT ---- */

/*
 * Firmware pads the table with entries that are neither enabled nor online capable (often all with the same
 * id); they stand for nothing. Some list a processor once as type 0 and once as type 9: the second is the
 * same processor.
 */
static bool madt_add(struct acpi_madt *madt, u32 apic_id, u32 flags, bool x2apic_entry)
{
    bool enabled = flags & MADT_ENABLED;
    if (!enabled && !(flags & MADT_ONLINE_CAPABLE))
        return true;
    if (apic_id == (x2apic_entry ? X2APIC_BROADCAST : XAPIC_BROADCAST)) {
        log_line("ACPI: the MADT gives a processor the broadcast id %u; the firmware is at fault", apic_id);
        return false;
    }
    for (u32 i = 0; i < madt->count; i++) {
        if (madt->cpus[i].apic_id != apic_id)
            continue;
        if (madt->cpus[i].x2apic_entry != x2apic_entry && madt->cpus[i].enabled == enabled)
            return true;
        log_line("ACPI: the MADT lists APIC id %u twice; the firmware is at fault", apic_id);
        return false;
    }
    if (madt->count == ACPI_MAX_CPUS) {
        log_line("ACPI: the MADT lists more than %u processors; rebuild with a larger MAX_CPUS",
                 ACPI_MAX_CPUS);
        return false;
    }
    madt->cpus[madt->count++] = (struct acpi_cpu){apic_id, enabled, x2apic_entry};
    madt->enabled_count += enabled;
    return true;
}

static bool madt_entry_short(u8 type, u64 length)
{
    log_line("ACPI: a MADT entry of type %u has only %llu bytes; the firmware is at fault", type,
             (unsigned long long)length);
    return false;
}

static bool madt_read_entry(struct acpi_madt *madt, const u8 *entry, u64 length)
{
    switch (entry[0]) {
    case MADT_LAPIC: {
        struct madt_lapic lapic;
        if (length < sizeof(lapic))
            return madt_entry_short(entry[0], length);
        memcpy(&lapic, entry, sizeof(lapic));
        return madt_add(madt, lapic.apic_id, lapic.flags, false);
    }
    case MADT_X2APIC: {
        struct madt_x2apic x2apic;
        if (length < sizeof(x2apic))
            return madt_entry_short(entry[0], length);
        memcpy(&x2apic, entry, sizeof(x2apic));
        return madt_add(madt, x2apic.apic_id, x2apic.flags, true);
    }
    case MADT_LAPIC_ADDRESS: {
        struct madt_lapic_address override;
        if (length < sizeof(override))
            return madt_entry_short(entry[0], length);
        memcpy(&override, entry, sizeof(override));
        madt->lapic_address = override.address;
        return true;
    }
    default: /* I/O APICs, overrides, NMIs: no concern of a kernel without device interrupts */
        return true;
    }
}

static bool madt_read(struct acpi_madt *madt, const u8 *table, u64 length)
{
    struct madt_header header;
    memcpy(&header, table, sizeof(header));
    madt->lapic_address = header.lapic_address;
    for (u64 at = sizeof(header); at < length;) {
        u64 left = length - at;
        u64 entry_length = left < 2 ? 0 : table[at + 1];
        if (entry_length < 2 || entry_length > left) {
            log_line(
                "ACPI: the MADT entry at offset %llu is cut off or has no length; the firmware is at fault",
                (unsigned long long)at);
            return false;
        }
        if (!madt_read_entry(madt, table + at, entry_length))
            return false;
        at += entry_length;
    }
    if (madt->enabled_count == 0)
        log_line("ACPI: the MADT lists no enabled processor; the firmware is at fault");
    return madt->enabled_count > 0;
}

bool acpi_read_madt(struct acpi_madt *madt, u64 rsdp_pa, const struct boot_view *view)
{
    memset(madt, 0, sizeof(*madt));
    if (!rsdp_pa)
        rsdp_pa = rsdp_search(view);
    if (!rsdp_pa) {
        log_line(
            "ACPI: no RSDP, neither from the loader nor in the BIOS areas: this machine describes no processors");
        return false;
    }
    struct rsdp rsdp;
    if (!rsdp_read(&rsdp, rsdp_pa, view))
        return false;
    u64 length;
    u64 pa = madt_find(&rsdp, view);
    const u8 *table = pa ? table_open("APIC", pa, sizeof(struct madt_header), &length, view) : NULL;
    if (table && madt_read(madt, table, length))
        return true;
    memset(madt, 0, sizeof(*madt));
    return false;
}
