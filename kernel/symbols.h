/* SPDX-License-Identifier: MIT */
/* Names for code addresses. The table is made from the first of two links (tools/make-symbols.sh). */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include "lib/types.h"

/* The function an address lies in and how far; NULL if the address isn't kernel code. */
const char *symbol_find(u64 address, u64 *offset);

/* "name+0x12", or the bare address where there is no name. Returns text. */
const char *symbol_text(u64 address, char *text, size_t size);

#endif
