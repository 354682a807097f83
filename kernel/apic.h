/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, as xAPIC (a page of registers) or x2APIC (MSRs): x2APIC where CPUID offers it or the
 * firmware has already switched to it, because a TDX platform locks the other mode off. SDM vol. 3,
 * chapter 12. No locks: every register is the CPU's own; ICR pairs are written with interrupts off.
 */
#ifndef KERNEL_APIC_H
#define KERNEL_APIC_H

#include "lib/types.h"

void apic_init(void);     /* boot CPU: masks the PICs, chooses the mode, enables */
void apic_init_cpu(void); /* every other CPU; needs no per-CPU data */
bool apic_ready(void);    /* apic_init() has run */

bool apic_is_x2apic(void);
u32 apic_id(void);                  /* of the CPU that asks */
bool apic_can_address(u32 apic_id); /* ids from 255 on need x2APIC */

void apic_eoi(void);
void apic_send(u32 apic_id, u8 vector);
void apic_send_nmi(u32 apic_id);
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u64 page); /* physical address of the start page, below 1 MiB */

/* The timer of this CPU, one shot: vector VECTOR_TIMER after count ticks; 0 stops it. */
void apic_timer_start(u32 count);
u32 apic_timer_left(void);

#endif
