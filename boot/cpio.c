/* SPDX-License-Identifier: MIT */
/*
 * The newc cpio format: a header of 110 characters ("070701" and thirteen fields of eight hex digits), the
 * name with its NUL, the data; name and data each padded so that the next part starts at a multiple of four.
 * The member "TRAILER!!!" ends the archive.
 */
#include "boot/boot_build.h"
#include "lib/log.h"
#include "lib/string.h"

#define HEADER_SIZE  110
#define FIELD_SIZE   8
#define MODE_TYPE    0170000u
#define MODE_REGULAR 0100000u

enum field { FIELD_MODE = 1, FIELD_FILE_SIZE = 6, FIELD_NAME_SIZE = 11 };

struct archive {
    const struct boot_module *module;
    const char *bytes;
    u64 size, at;
};

struct member {
    const char *name;
    u64 name_size, data, size; /* data: offset in the archive */
    u32 mode;
};

static bool damaged(const struct archive *archive, const char *what)
{
    log_line("boot: cpio archive '%.32s' is damaged at offset %lu (%s): pack it again with 'cpio -o -H newc'",
             archive->module->name, archive->at, what);
    return false;
}

static bool read_field(const char *header, enum field field, u32 *value)
{
    const char *digits = header + 6 + (u64)field * FIELD_SIZE;
    *value = 0;
    for (u32 i = 0; i < FIELD_SIZE; i++) {
        char c = digits[i] >= 'A' && digits[i] <= 'F' ? (char)(digits[i] + 'a' - 'A') : digits[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        *value = *value << 4 | (u32)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

/* Reads the member at archive->at and moves on to the next one. */
static bool next_member(struct archive *archive, struct member *member)
{
    const char *header = archive->bytes + archive->at;
    u64 left = archive->size - archive->at;
    u32 name_size, size;
    if (left < HEADER_SIZE)
        return damaged(archive, left ? "it ends inside a header" : "it ends without a trailer");
    if (memcmp(header, "070701", 6) != 0)
        return damaged(archive, "no header where one is due");
    if (!read_field(header, FIELD_MODE, &member->mode) || !read_field(header, FIELD_FILE_SIZE, &size) ||
        !read_field(header, FIELD_NAME_SIZE, &name_size))
        return damaged(archive, "a header field isn't hexadecimal");
    if (name_size == 0 || name_size > left - HEADER_SIZE || header[HEADER_SIZE + name_size - 1] != 0)
        return damaged(archive, "a name without end");
    member->name = header + HEADER_SIZE;
    member->name_size = name_size;
    member->size = size;
    member->data = align_up(archive->at + HEADER_SIZE + name_size, 4);
    if (member->data > archive->size || size > archive->size - member->data)
        return damaged(archive, "a file runs past its end");
    archive->at = min_u64(align_up(member->data + size, 4), archive->size);
    return true;
}

static bool unpack_archive(struct boot_info *info, const struct boot_module *module, const char *bytes)
{
    struct archive archive = {module, bytes, module->size, 0};
    struct member member;
    for (;;) { /* ends: each member moves on by at least its header */
        if (!next_member(&archive, &member))
            return false;
        if (strcmp(member.name, "TRAILER!!!") == 0)
            return true;
        if ((member.mode & MODE_TYPE) == MODE_REGULAR &&
            !boot_add_module(info, module->base + member.data, member.size, member.name, member.name_size))
            return false;
    }
}

/* A module that isn't an archive stays as it is. */
static bool unpack_module(struct boot_info *info, const struct boot_module *module,
                          const struct boot_view *view)
{
    const char *bytes = module->size >= 6 ? view->at(view->context, module->base, module->size) : NULL;
    if (bytes && memcmp(bytes, "070701", 6) == 0)
        return unpack_archive(info, module, bytes);
    if (bytes && (memcmp(bytes, "070702", 6) == 0 || memcmp(bytes, "070707", 6) == 0)) {
        log_line(
            "boot: module '%.32s' is a cpio archive in another format than newc: pack it with 'cpio -o -H newc'",
            module->name);
        return false;
    }
    return boot_add_module(info, module->base, module->size, module->name, sizeof(module->name));
}

static bool is_called_archive(const struct boot_module *module)
{
    size_t length = strlen(module->name);
    return length > 5 && strcmp(module->name + length - 5, ".cpio") == 0;
}

bool boot_info_unpack(struct boot_info *info, const struct boot_view *view)
{
    struct boot_module packed[BOOT_MAX_MODULES];
    u32 count = info->module_count;
    memcpy(packed, info->modules, sizeof(packed));
    info->module_count = 0;
    for (u32 i = 0; i < count; i++) {
        const struct boot_module *module = &packed[i];
        bool added =
            count == 1 || is_called_archive(module)
                ? unpack_module(info, module, view)
                : boot_add_module(info, module->base, module->size, module->name, sizeof(module->name));
        if (!added)
            return false;
    }
    return true;
}
