/* SPDX-License-Identifier: MIT */
/*
 * Faults are values: an instruction that may fault is run with a recovery entry in the exception table
 * (section .extable: pairs of 64-bit {address of the instruction, address to continue at}). When it faults,
 * the trap handler puts a fault code in RAX and continues at the second address; nothing else changes.
 */
#ifndef KERNEL_PROBE_H
#define KERNEL_PROBE_H

#include "lib/types.h"

/* 0 = no fault. Otherwise bit 63 set, bits 39:32 the vector, bits 31:0 the error code. */
typedef u64 fault_t;

#define FAULT_NONE          0ull
#define FAULT(vector, code) (1ull << 63 | (u64)(vector) << 32 | (u32)(code))

static inline u8 fault_vector(fault_t fault)
{
    return (u8)(fault >> 32);
}

enum {
    VECTOR_DE = 0,
    VECTOR_NMI = 2,
    VECTOR_UD = 6,
    VECTOR_DF = 8,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MC = 18
};

fault_t probe_rdmsr(u32 msr, u64 *value); /* *value is 0 on a fault */
fault_t probe_wrmsr(u32 msr, u64 value);
fault_t probe_read(const volatile u64 *address, u64 *value);
fault_t probe_write(volatile u64 *address, u64 value);
/* 64 bytes in one store that bypasses the caches; to is 64-byte aligned. #UD where CPUID.7.0:ECX[28] is 0. */
fault_t probe_movdir64b(volatile void *to, const void *from);
fault_t probe_cr4(u64 value); /* MOV to CR4 */

/* The address that the last recovered #PF or #MC on this CPU was about; 0 if the CPU doesn't say. */
u64 probe_fault_address(void);

/* "#GP(0)", "#MC", "none" */
const char *fault_name(fault_t fault, char text[16]);

#endif
