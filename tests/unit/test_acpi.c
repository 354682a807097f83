/* SPDX-License-Identifier: MIT */
/*
 * The ACPI reader against tables built here: first the shapes that firmware really has, then one test per way
 * in which a table can lie, then random damage. Memory is a window of exactly the size promised, so that ASan
 * sees any byte read outside it.
 */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/acpi.h"

#define WINDOW    0x7FE0000ull /* physical address of the first byte of the tables */
#define RSDP_AT   0x10
#define RSDT_AT   0x100
#define XSDT_AT   0x200
#define OTHER_AT  0x300
#define MADT_AT   0x400
#define MADT_SIZE 44

struct firmware {
    u8 bytes[64 * 1024];
    u64 base;
    u64 size; /* of what the view lets through */
    u8 *window;
    u32 madt_length;
};

static struct firmware firmware;

static const void *view_at(void *context, u64 pa, u64 size)
{
    struct firmware *f = context;
    if (pa < f->base || size > f->size || pa - f->base > f->size - size)
        return NULL;
    return f->window + (pa - f->base);
}

static void put32(u32 at, u32 value)
{
    memcpy(firmware.bytes + at, &value, sizeof(value));
}

static void put64(u32 at, u64 value)
{
    memcpy(firmware.bytes + at, &value, sizeof(value));
}

static void fix_checksum(u32 at, u32 length, u32 checksum_at)
{
    u8 sum = 0;
    firmware.bytes[at + checksum_at] = 0;
    for (u32 i = 0; i < length; i++)
        sum += firmware.bytes[at + i];
    firmware.bytes[at + checksum_at] = (u8)-sum;
}

static void seal_table(u32 at, const char *signature, u32 length)
{
    memcpy(firmware.bytes + at, signature, 4);
    put32(at + 4, length);
    fix_checksum(at, length, 9);
}

static void seal_rsdp(u8 revision)
{
    memcpy(firmware.bytes + RSDP_AT, "RSD PTR ", 8);
    firmware.bytes[RSDP_AT + 15] = revision;
    put32(RSDP_AT + 16, WINDOW + RSDT_AT);
    put32(RSDP_AT + 20, 36);
    put64(RSDP_AT + 24, WINDOW + XSDT_AT);
    fix_checksum(RSDP_AT, 20, 8);
    fix_checksum(RSDP_AT, 36, 32);
}

static void seal_madt(void)
{
    seal_table(MADT_AT, "APIC", firmware.madt_length);
}

static void add_entry(const u8 *entry, u32 length)
{
    memcpy(firmware.bytes + MADT_AT + firmware.madt_length, entry, length);
    firmware.madt_length += length;
}

static void add_lapic(u8 apic_id, u32 flags)
{
    add_entry((u8[]){0, 8, 0, apic_id, (u8)flags, 0, 0, 0}, 8);
}

static void add_x2apic(u32 apic_id, u32 flags)
{
    u8 entry[16] = {9, 16};
    memcpy(entry + 4, &apic_id, 4);
    memcpy(entry + 8, &flags, 4);
    add_entry(entry, sizeof(entry));
}

static void build(u8 revision)
{
    memset(&firmware, 0, sizeof(firmware));
    firmware.base = WINDOW;
    firmware.size = sizeof(firmware.bytes);
    firmware.madt_length = MADT_SIZE;
    put32(MADT_AT + 36, 0xFEE00000);
    put32(RSDT_AT + 36, WINDOW + OTHER_AT);
    put32(RSDT_AT + 40, WINDOW + MADT_AT);
    put64(XSDT_AT + 36, WINDOW + OTHER_AT);
    put64(XSDT_AT + 44, WINDOW + MADT_AT);
    seal_table(RSDT_AT, "RSDT", 44);
    seal_table(XSDT_AT, "XSDT", 52);
    seal_table(OTHER_AT, "FACP", 116);
    seal_rsdp(revision);
    seal_madt();
}

static void build_two_cpus(u8 revision)
{
    build(revision);
    add_lapic(0, 1);
    add_lapic(1, 1);
    seal_madt();
}

/* Gives the reader a heap copy of exactly firmware.size bytes. */
static bool read_rsdp(struct acpi_madt *madt, u64 rsdp)
{
    test_log_clear();
    struct boot_view view = {view_at, &firmware};
    firmware.window = malloc(firmware.size);
    assert_non_null(firmware.window);
    memcpy(firmware.window, firmware.bytes, firmware.size);
    bool ok = acpi_read_madt(madt, rsdp, &view);
    free(firmware.window);
    if (!ok)
        assert_int_equal(madt->count, 0);
    return ok;
}

static bool read_tables(struct acpi_madt *madt)
{
    return read_rsdp(madt, WINDOW + RSDP_AT);
}

static void refused(const char *why)
{
    struct acpi_madt madt;
    assert_false(read_tables(&madt));
    assert_non_null(strstr(test_log(), why));
}

/* ---- shapes that exist ---- */

static void reads_rsdt_with_xapic_entries(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build_two_cpus(0);
    firmware.bytes[RSDP_AT + 33]++; /* of no concern: a revision 0 RSDP ends before it */
    put64(XSDT_AT + 44, 0);         /* a revision 0 RSDP has no XSDT: it must not be looked at */
    assert_true(read_tables(&madt));
    assert_int_equal(madt.count, 2);
    assert_int_equal(madt.enabled_count, 2);
    assert_int_equal(madt.cpus[0].apic_id, 0);
    assert_int_equal(madt.cpus[1].apic_id, 1);
    assert_int_equal(madt.lapic_address, 0xFEE00000);
    assert_string_equal(test_log(), "");
}

static void reads_xsdt_with_x2apic_entries(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build(2);
    put32(RSDT_AT + 40, 0); /* the XSDT is the one to use */
    seal_table(RSDT_AT, "RSDT", 44);
    add_lapic(0, 1);
    add_entry((u8[]){1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0}, 12); /* an I/O APIC in between */
    add_x2apic(0x1FF, 1);
    add_x2apic(0x100, 2); /* online capable only */
    add_x2apic(0x101, 0); /* padding */
    add_x2apic(0x101, 0);
    seal_madt();
    assert_true(read_tables(&madt));
    assert_int_equal(madt.count, 3);
    assert_int_equal(madt.enabled_count, 2);
    assert_int_equal(madt.cpus[1].apic_id, 0x1FF);
    assert_true(madt.cpus[1].x2apic_entry && madt.cpus[1].enabled);
    assert_int_equal(madt.cpus[2].apic_id, 0x100);
    assert_false(madt.cpus[2].enabled);
}

static void takes_the_address_override(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build_two_cpus(2);
    add_entry((u8[]){5, 12, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, 12);
    seal_madt();
    assert_true(read_tables(&madt));
    assert_int_equal(madt.lapic_address, 0x100000000);
}

static void counts_a_processor_listed_in_both_formats_once(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build_two_cpus(2);
    add_x2apic(0, 1);
    add_x2apic(1, 1);
    seal_madt();
    assert_true(read_tables(&madt));
    assert_int_equal(madt.count, 2);
}

static void falls_back_from_a_damaged_xsdt(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build_two_cpus(2);
    firmware.bytes[XSDT_AT + 12]++;
    assert_true(read_tables(&madt));
    assert_int_equal(madt.count, 2);
    assert_logged("XSDT has a wrong checksum");

    build_two_cpus(2);
    firmware.bytes[RSDP_AT + 33]++; /* reserved byte: only the extended checksum covers it */
    assert_true(read_tables(&madt));
    assert_logged("second part is damaged");

    build_two_cpus(2);
    put32(RSDP_AT + 20, 20); /* right checksum, but too short to hold an XSDT address */
    assert_true(read_tables(&madt));
    assert_logged("second part is damaged");
}

static void finds_the_rsdp_in_the_bios_areas(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build_two_cpus(2);
    firmware.base = 0xF0000; /* within 0xE0000-0xFFFFF, but only this 64 KiB can be reached */
    assert_false(read_rsdp(&madt, 0));
    assert_logged("no RSDP");

    static u8 low[0x100000];
    memset(low, 0, sizeof(low));
    put64(RSDP_AT + 24, 0xBAD000);
    fix_checksum(RSDP_AT, 36, 32);
    memcpy(low + 0xF0008, firmware.bytes + RSDP_AT, 36); /* a good one, but not on a 16-byte boundary */
    seal_rsdp(2);
    memcpy(low + 0xF1230, firmware.bytes + RSDP_AT, 36);
    struct acpi_madt from_rom, from_ebda;
    struct firmware saved = firmware;
    saved.window = low;
    saved.base = 0;
    saved.size = sizeof(low);
    struct boot_view view = {view_at, &saved};
    assert_false(acpi_read_madt(&from_rom, 0, &view)); /* found: now its tables lie outside */
    assert_logged("the XSDT at 0x7fe0200 can't be reached");
    memcpy(low + 0x9FC00, low + 0xF1230, 36);
    low[0x9FC00]++; /* an EBDA without a valid one doesn't stop the search */
    low[0x40E] = 0xC0;
    low[0x40F] = 0x9F;
    test_log_clear();
    assert_false(acpi_read_madt(&from_ebda, 0, &view));
    assert_logged("the XSDT at 0x7fe0200 can't be reached");
    memset(low + 0xF1230, 0, 36);
    low[0x9FC00]--;
    test_log_clear();
    assert_false(acpi_read_madt(&from_ebda, 0, &view));
    assert_logged("the XSDT at 0x7fe0200 can't be reached");
    low[0x40F] = 0;
    low[0x40E] = 0;
    test_log_clear();
    assert_false(acpi_read_madt(&from_ebda, 0, &view));
    assert_logged("no RSDP");
}

/* ---- lies ---- */

static void refuses_a_bad_rsdp(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build_two_cpus(2);
    firmware.bytes[RSDP_AT + 9]++;
    refused("no RSDP at 0x7fe0010 (signature or checksum wrong)");
    build_two_cpus(2);
    firmware.bytes[RSDP_AT]++;
    firmware.bytes[RSDP_AT + 8]--;
    refused("no RSDP at 0x7fe0010 (signature or checksum wrong)");
    assert_false(read_rsdp(&madt, WINDOW - 4));
    assert_logged("can't be reached");
    assert_false(read_rsdp(&madt, ~0ull));
    assert_logged("can't be reached");
}

static void refuses_bad_checksums(void **state)
{
    (void)state;
    build_two_cpus(2);
    firmware.bytes[MADT_AT + 40]++;
    refused("APIC has a wrong checksum");
    build_two_cpus(0);
    firmware.bytes[RSDT_AT + 20]++;
    refused("RSDT has a wrong checksum");
}

static void refuses_wrong_signatures(void **state)
{
    (void)state;
    build_two_cpus(0);
    put32(RSDP_AT + 16, WINDOW + OTHER_AT);
    fix_checksum(RSDP_AT, 20, 8);
    refused("no RSDT at 0x7fe0300 (signature wrong)");
    build_two_cpus(2);
    seal_table(MADT_AT, "CIPA", firmware.madt_length);
    refused("lists no MADT");
}

static void refuses_impossible_lengths(void **state)
{
    (void)state;
    build_two_cpus(2);
    put32(MADT_AT + 4, MADT_SIZE - 1);
    refused("APIC has an impossible length of 43 bytes");
    build_two_cpus(0);
    put32(RSDT_AT + 4, 35);
    refused("RSDT has an impossible length of 35 bytes");
    build_two_cpus(2);
    put32(MADT_AT + 4, 0xFFFFFFFF);
    refused("APIC has an impossible length of 4294967295 bytes");
}

static void refuses_a_table_past_the_view(void **state)
{
    (void)state;
    build_two_cpus(2);
    firmware.size = MADT_AT + firmware.madt_length - 1;
    refused("runs past the memory that can be reached");
    build_two_cpus(2);
    firmware.size = MADT_AT + 20; /* not even its header */
    refused("lists no MADT");
}

static void refuses_bad_entry_lengths(void **state)
{
    (void)state;
    static const u8 types[] = {0, 5, 9};
    for (size_t i = 0; i < sizeof(types); i++) {
        build_two_cpus(2);
        add_entry((u8[]){types[i], 7, 0, 0, 1, 0, 0}, 7);
        seal_madt();
        refused("has only 7 bytes");
    }
    build_two_cpus(2);
    add_entry((u8[]){77, 0, 0, 0}, 4);
    seal_madt();
    refused("entry at offset 60 is cut off or has no length");
    build_two_cpus(2);
    add_entry((u8[]){77, 1, 0, 0}, 4);
    seal_madt();
    refused("entry at offset 60 is cut off or has no length");
    build_two_cpus(2);
    add_entry((u8[]){9, 16, 0, 0}, 4); /* claims more than there is */
    seal_madt();
    refused("entry at offset 60 is cut off or has no length");
    build_two_cpus(2);
    add_entry((u8[]){0}, 1); /* a lonely type byte, the last that can be reached */
    seal_madt();
    firmware.size = MADT_AT + firmware.madt_length;
    refused("entry at offset 60 is cut off or has no length");
}

static void refuses_duplicate_and_broadcast_ids(void **state)
{
    (void)state;
    build_two_cpus(2);
    add_lapic(1, 1);
    seal_madt();
    refused("lists APIC id 1 twice");
    build_two_cpus(2);
    add_x2apic(1, 2); /* two formats that contradict each other */
    seal_madt();
    refused("lists APIC id 1 twice");
    build_two_cpus(2);
    add_lapic(0xFF, 1);
    seal_madt();
    refused("the broadcast id 255");
}

static void refuses_too_many_or_no_processors(void **state)
{
    (void)state;
    struct acpi_madt madt;
    build(2);
    for (u32 i = 0; i < ACPI_MAX_CPUS; i++)
        add_x2apic(0x1000 + i, 1);
    seal_madt();
    assert_true(read_tables(&madt));
    assert_int_equal(madt.count, ACPI_MAX_CPUS);
    add_x2apic(0x9999, 1);
    seal_madt();
    refused("more than 256 processors");
    build(2);
    add_lapic(0, 2);
    seal_madt();
    refused("no enabled processor");
}

/* Random damage with checksums repaired half of the time, so that the code behind them is reached as well. */
static void survives_random_damage(void **state)
{
    (void)state;
    u64 seed = 0x5EA357E55ull;
    u32 accepted = 0, rejected = 0;
    printf("# seed 0x%llx\n", (unsigned long long)seed);
    for (u32 round = 0; round < 20000; round++) {
        build_two_cpus(test_random(&seed) & 1 ? 2 : 0);
        add_x2apic(7, 1);
        seal_madt();
        firmware.size = 0x1000;
        for (u64 hits = 1 + test_random(&seed) % 6; hits > 0; hits--)
            firmware.bytes[RSDP_AT + test_random(&seed) % (MADT_AT + firmware.madt_length - RSDP_AT)] =
                (u8)test_random(&seed);
        if (test_random(&seed) & 1) {
            fix_checksum(RSDT_AT, 44, 9);
            fix_checksum(XSDT_AT, 52, 9);
            fix_checksum(MADT_AT, firmware.madt_length, 9);
            fix_checksum(RSDP_AT, 20, 8);
            fix_checksum(RSDP_AT, 36, 32);
        }
        if (test_random(&seed) % 8 == 0)
            firmware.size = RSDP_AT + test_random(&seed) % 0x500;
        struct acpi_madt madt;
        bool ok = read_tables(&madt);
        assert_true(ok || test_log()[0]); /* a refusal always says why */
        assert_true(madt.count <= ACPI_MAX_CPUS && madt.enabled_count <= madt.count);
        *(ok ? &accepted : &rejected) += 1;
    }
    assert_true(accepted > 1000 && rejected > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_rsdt_with_xapic_entries),
        cmocka_unit_test(reads_xsdt_with_x2apic_entries),
        cmocka_unit_test(takes_the_address_override),
        cmocka_unit_test(counts_a_processor_listed_in_both_formats_once),
        cmocka_unit_test(falls_back_from_a_damaged_xsdt),
        cmocka_unit_test(finds_the_rsdp_in_the_bios_areas),
        cmocka_unit_test(refuses_a_bad_rsdp),
        cmocka_unit_test(refuses_bad_checksums),
        cmocka_unit_test(refuses_wrong_signatures),
        cmocka_unit_test(refuses_impossible_lengths),
        cmocka_unit_test(refuses_a_table_past_the_view),
        cmocka_unit_test(refuses_bad_entry_lengths),
        cmocka_unit_test(refuses_duplicate_and_broadcast_ids),
        cmocka_unit_test(refuses_too_many_or_no_processors),
        cmocka_unit_test(survives_random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
