/* SPDX-License-Identifier: MIT */
/*
 * printf-style formatting into a bounded buffer: %d %i %u %x %X %c %s %p %%, with l, ll, z, width, '-', '0'
 * and precision for %s. Anything else is printed as it stands, so a mistake shows in the log.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Both write at most size bytes including the final NUL and return the length of the full text. */
size_t format(char *buffer, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t format_v(char *buffer, size_t size, const char *fmt, va_list args);

#endif
