/* SPDX-License-Identifier: MIT */
/*
 * What a loader or firmware leaves in memory, arbitrarily damaged: the first byte of the input chooses the
 * parser, the rest is all of physical memory. The parsers may refuse anything; they may not read outside it,
 * run for ever or accept what breaks the promises of boot_info.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "kernel/acpi.h"
#include "lib/log.h"

#define PHYSICAL 0x100000ull

struct memory {
    u8 *bytes; /* a heap block of exactly size bytes, so that ASan sees every step outside */
    u64 size;
};

static struct boot_info info;
static struct acpi_madt madt;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

void log_line(const char *fmt, ...)
{
    char line[4 * LOG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args); /* reads every argument */
    va_end(args);
}

static const void *memory_at(void *context, u64 pa, u64 size)
{
    const struct memory *memory = context;
    if (pa < PHYSICAL || pa - PHYSICAL > memory->size || size > memory->size - (pa - PHYSICAL))
        return NULL;
    return memory->bytes + (pa - PHYSICAL);
}

static void insist(bool truth, const char *promise)
{
    if (truth)
        return;
    fprintf(stderr, "broken: %s\n", promise);
    abort();
}

static void check_info(void)
{
    insist(info.range_count <= BOOT_MAX_RANGES, "no more ranges than fit");
    insist(info.module_count <= BOOT_MAX_MODULES, "no more modules than fit");
    insist(boot_info_usable_bytes(&info) > 0, "usable memory remains");
    insist(memchr(info.command_line, 0, sizeof(info.command_line)), "the command line ends");
    for (u32 i = 0; i < info.range_count; i++) {
        const struct boot_range *range = &info.ranges[i];
        insist(range->size > 0 && range->base + range->size > range->base,
               "ranges neither empty nor overflowing");
        if (i > 0)
            insist(range->base >= range[-1].base + range[-1].size, "ranges ascending and disjoint");
    }
    for (u32 i = 0; i < info.module_count; i++) {
        const struct boot_module *module = &info.modules[i];
        insist(memchr(module->name, 0, sizeof(module->name)), "module names end");
        insist(module->base + module->size <= BOOT_ADDRESSABLE, "modules below 4 GiB");
    }
}

static void fuzz_loader(const struct boot_view *view, enum boot_entry entry)
{
    if (boot_info_read(&info, entry, PHYSICAL, view))
        check_info();
}

static void fuzz_cpio(const struct boot_view *view, u64 size)
{
    memset(&info, 0, sizeof(info));
    info.ranges[0] = (struct boot_range){PHYSICAL, MIB, BOOT_MEMORY_USABLE};
    info.range_count = 1;
    info.modules[0] = (struct boot_module){"archive", PHYSICAL, size};
    info.module_count = 1;
    if (!boot_info_unpack(&info, view))
        return;
    check_info();
    for (u32 i = 0; i < info.module_count; i++)
        insist(memory_at(view->context, info.modules[i].base, info.modules[i].size),
               "members inside the archive");
}

static u8 checksum(const u8 *bytes, u64 size)
{
    u8 sum = 0;
    for (u64 i = 0; i < size; i++)
        sum = (u8)(sum - bytes[i]);
    return sum;
}

/* An ACPI 1.0 root pointer and an RSDT of one entry in front of the input, which becomes the MADT's body. */
static void fuzz_acpi(struct memory *memory, const struct boot_view *view)
{
    enum { RSDP = 0, RSDT = 24, MADT = 64, BODY = MADT + 36 };
    u8 *bytes = memory->bytes;
    u32 rsdt = PHYSICAL + RSDT, table = PHYSICAL + MADT, rsdt_size = 40, madt_size;
    if (memory->size < BODY)
        return;
    madt_size = (u32)memory->size - MADT;
    memset(bytes, 0, BODY);
    memcpy(bytes + RSDP, "RSD PTR ", 8);
    memcpy(bytes + RSDP + 16, &rsdt, 4);
    bytes[RSDP + 8] = checksum(bytes + RSDP, 20);
    memcpy(bytes + RSDT, "RSDT", 4);
    memcpy(bytes + RSDT + 4, &rsdt_size, 4);
    memcpy(bytes + RSDT + 36, &table, 4);
    bytes[RSDT + 9] = checksum(bytes + RSDT, rsdt_size);
    memcpy(bytes + MADT, "APIC", 4);
    memcpy(bytes + MADT + 4, &madt_size, 4);
    bytes[MADT + 9] = checksum(bytes + MADT, madt_size);
    if (!acpi_read_madt(&madt, PHYSICAL, view))
        return;
    insist(madt.count <= ACPI_MAX_CPUS && madt.enabled_count <= madt.count, "processors that fit");
    for (u32 i = 0; i < madt.count; i++)
        for (u32 j = 0; j < i; j++)
            insist(madt.cpus[i].apic_id != madt.cpus[j].apic_id, "APIC ids are unique");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (size < 2)
        return 0;
    struct memory memory = {malloc(size - 1), size - 1};
    struct boot_view view = {memory_at, &memory};
    memcpy(memory.bytes, data + 1, size - 1);
    switch (data[0] % 5) {
    case 0:
        fuzz_loader(&view, BOOT_ENTRY_PVH);
        break;
    case 1:
        fuzz_loader(&view, BOOT_ENTRY_MULTIBOOT2);
        break;
    case 2:
        fuzz_cpio(&view, memory.size);
        break;
    case 3:
        fuzz_acpi(&memory, &view);
        break;
    default:
        acpi_read_madt(&madt, PHYSICAL, &view);
        break;
    }
    free(memory.bytes);
    return 0;
}
