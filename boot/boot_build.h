/* SPDX-License-Identifier: MIT */
/* What the loader-specific parsers share: each adds what it finds, boot_info.c judges it. */
#ifndef BOOT_BOOT_BUILD_H
#define BOOT_BOOT_BUILD_H

#include "boot/boot_info.h"

/* Copies size bytes at pa; false if the view doesn't reach them. The source may be unaligned. */
bool boot_copy(const struct boot_view *view, u64 pa, void *to, u64 size);

/* Both log and return false if the table is full. The range isn't checked yet: boot_info_finish() does that.
 */
bool boot_add_range(struct boot_info *info, u64 base, u64 size, u32 type);
/* text: the module's path and arguments, length bytes at most; what is kept is the file name. */
bool boot_add_module(struct boot_info *info, u64 base, u64 size, const char *text, u64 length);

/* The string at text, length bytes at most, becomes the command line. Logs and returns false if it doesn't
 * fit. */
bool boot_set_command_line(struct boot_info *info, const char *text, u64 length);

/* Normalises the map, then checks every module against it. */
bool boot_info_finish(struct boot_info *info);

#endif
