/* SPDX-License-Identifier: MIT */
/* What a PVH guest finds at EBX: hvm_start_info and what it points to, made from machine.guest. */
#ifndef SEAM_MONITOR_START_INFO_H
#define SEAM_MONITOR_START_INFO_H

#include "lib/types.h"

/* Bytes that start_info_write() needs. */
u64 start_info_size(void);

/* Writes everything to [pa, pa + start_info_size()). */
void start_info_write(u64 pa);

#endif
