/* SPDX-License-Identifier: MIT */
/* Numbers and key=value words, as command lines carry them. */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include "lib/types.h"

/* A number in decimal or 0x hexadecimal, '_' allowed between digits; true only if all of text is one that
 * fits. */
bool parse_u64(const char *text, u64 *value);

/*
 * Finds word "key=value" (or the bare word "key", value "") in a command line of words separated by blanks
 * and copies the value. False if the key isn't there or the value doesn't fit in size bytes with its NUL.
 */
bool parse_option(const char *command_line, const char *key, char *value, size_t size);

#endif
