/* SPDX-License-Identifier: MIT */
/* Multiboot2 boot information: Multiboot2 specification 2.0, section 3.6. */
#include "boot/boot_build.h"
#include "lib/log.h"
#include "lib/string.h"

#define TOTAL_LIMIT MIB /* GRUB's are a few KiB; larger than this is damage */

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_MODULE = 3,
    TAG_MEMORY_MAP = 6,
    TAG_ACPI_OLD = 14, /* a copy of the ACPI 1.0 RSDP, 20 bytes */
    TAG_ACPI_NEW = 15, /* a copy of the ACPI 2.0 RSDP, 36 bytes */
};

struct tag {
    u32 type, size; /* size with these 8 bytes, without the padding to 8 */
    const u8 *data; /* the size - 8 bytes behind them */
    u64 pa;         /* of data */
};

static bool tag_holds(const struct tag *tag, u64 size, const char *what)
{
    if (tag->size - 8 >= size)
        return true;
    log_line("boot: Multiboot2 %s tag (type %u) has %u bytes, needs %lu: mend the loader", what, tag->type,
             tag->size, size + 8);
    return false;
}

static bool read_map(struct boot_info *info, const struct tag *tag)
{
    u32 head[2]; /* entry size, entry version */
    struct {
        u64 base, size;
        u32 type, reserved;
    } entry;
    if (!tag_holds(tag, sizeof(head), "memory map"))
        return false;
    memcpy(head, tag->data, sizeof(head));
    if (head[0] < sizeof(entry) || head[0] % 8 != 0) {
        log_line(
            "boot: Multiboot2 memory map has entries of %u bytes (24 or a larger multiple of 8): mend the loader",
            head[0]);
        return false;
    }
    u32 bytes = tag->size - 8 - (u32)sizeof(head);
    if (bytes % head[0])
        log_line("boot: Multiboot2 memory map ends with %u bytes of a cut entry: ignored them",
                 bytes % head[0]);
    for (u32 i = 0; i < bytes / head[0]; i++) {
        memcpy(&entry, tag->data + sizeof(head) + (u64)i * head[0], sizeof(entry));
        if (!boot_add_range(info, entry.base, entry.size, entry.type))
            return false;
    }
    return true;
}

static bool read_module(struct boot_info *info, const struct tag *tag)
{
    u32 place[2]; /* begin, end */
    if (!tag_holds(tag, sizeof(place), "module"))
        return false;
    memcpy(place, tag->data, sizeof(place));
    if (place[1] < place[0]) {
        log_line("boot: Multiboot2 module ends at 0x%x before it begins at 0x%x: mend the loader", place[1],
                 place[0]);
        return false;
    }
    return boot_add_module(info, place[0], place[1] - place[0], (const char *)tag->data + sizeof(place),
                           tag->size - 8 - sizeof(place));
}

/* Either tag carries the table itself. The newer one is preferred, whatever the order. */
static bool read_rsdp(struct boot_info *info, const struct tag *tag, bool *have_new)
{
    if (!tag_holds(tag, tag->type == TAG_ACPI_NEW ? 36 : 20, "ACPI"))
        return false;
    if (tag->type == TAG_ACPI_NEW || !*have_new)
        info->rsdp = tag->pa;
    *have_new |= tag->type == TAG_ACPI_NEW;
    return true;
}

static bool read_tag(struct boot_info *info, const struct tag *tag, bool *have_new_rsdp)
{
    switch (tag->type) {
    case TAG_COMMAND_LINE:
        return boot_set_command_line(info, (const char *)tag->data, tag->size - 8);
    case TAG_MODULE:
        return read_module(info, tag);
    case TAG_MEMORY_MAP:
        return read_map(info, tag);
    case TAG_ACPI_OLD:
    case TAG_ACPI_NEW:
        return read_rsdp(info, tag, have_new_rsdp);
    default: /* video modes, network, EFI tables …: not needed */
        return true;
    }
}

static bool read_tags(struct boot_info *info, u64 pa, const u8 *bytes, u32 total)
{
    bool have_new_rsdp = false;
    for (u64 at = 8; at + 8 <= total;) {
        struct tag tag = {.data = bytes + at + 8, .pa = pa + at + 8};
        memcpy(&tag.type, bytes + at, sizeof(tag.type));
        memcpy(&tag.size, bytes + at + 4, sizeof(tag.size));
        if (tag.size < 8 || tag.size > total - at) {
            log_line(
                "boot: Multiboot2 tag type %u at offset %lu claims %u bytes, %lu are left: mend the loader",
                tag.type, at, tag.size, total - at);
            return false;
        }
        if (tag.type == TAG_END)
            return true;
        if (!read_tag(info, &tag, &have_new_rsdp))
            return false;
        at += align_up(tag.size, 8);
    }
    log_line(
        "boot: Multiboot2 information (%u bytes) ends without its end tag, so it is cut short: mend the loader",
        total);
    return false;
}

bool boot_info_from_multiboot2(struct boot_info *info, u64 tags, const struct boot_view *view)
{
    u32 total;
    memset(info, 0, sizeof(*info));
    info->loader = "multiboot2";
    if (!is_aligned(tags, 8) || !boot_copy(view, tags, &total, sizeof(total))) {
        log_line("boot: Multiboot2 information at 0x%lx is misaligned or can't be reached: mend the loader",
                 tags);
        return false;
    }
    const u8 *bytes = total >= 16 && total <= TOTAL_LIMIT ? view->at(view->context, tags, total) : NULL;
    if (!bytes) {
        log_line("boot: Multiboot2 information at 0x%lx says %u bytes, which can't be: mend the loader", tags,
                 total);
        return false;
    }
    return read_tags(info, tags, bytes, total) && boot_info_finish(info);
}
