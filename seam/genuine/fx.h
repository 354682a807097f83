/* SPDX-License-Identifier: MIT */
/*
 * The x87 and SSE state in the CPU, which is the module's during its turn: the monitor uses neither. One file
 * of its own, so that tests can stand in for the CPU.
 */
#ifndef SEAM_GENUINE_FX_H
#define SEAM_GENUINE_FX_H

#include "lib/types.h"

#define FX_BYTES 512

/* 16-byte aligned; wide: 64-bit instruction and data pointers (REX.W). */
void fx_save(void *image, bool wide);
void fx_restore(const void *image, bool wide);

#endif
