/* SPDX-License-Identifier: MIT */
/*
 * The decoder: any 64-bit result of a SEAMCALL becomes a name, its details and a hint for the person at the
 * bench. Pure; shared by kernel, monitor and host tools.
 */
#ifndef DRIVERS_TDX_ABI_STATUS_H
#define DRIVERS_TDX_ABI_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What bits 31:0 of a status carry (third column of status.def) */
enum tdx_detail {
    TDX_DETAIL_NONE,
    TDX_DETAIL_OPERAND,        /* operand id */
    TDX_DETAIL_MSR,            /* MSR number */
    TDX_DETAIL_CPUID_LEAF,     /* CPUID leaf */
    TDX_DETAIL_PACKAGE,        /* package number */
    TDX_DETAIL_SMRR,           /* SMRR index */
    TDX_DETAIL_SMRR_CMR,       /* byte 0 SMRR index, byte 1 CMR index */
    TDX_DETAIL_HKID_LIMIT,     /* the limit itself */
    TDX_DETAIL_TDMR,           /* byte 0 TDMR index */
    TDX_DETAIL_TDMR_RESERVED,  /* byte 0 TDMR index, byte 1 reserved-area index */
    TDX_DETAIL_TDMR_PAMT,      /* byte 0 TDMR index, byte 1 PAMT level */
    TDX_DETAIL_TDMR_PAMT_TDMR, /* and byte 2 the other TDMR's index */
    TDX_DETAIL_UPDATE,         /* 15:0 kind, 31:16 number */
    TDX_DETAIL_L2_SEPT,        /* 15:0 level, 31:16 index of the L2 VM */
};

/* Large enough for every text that tdx_status_describe() makes, and for every hint. */
#define TDX_STATUS_TEXT_MAX 96
#define TDX_HINT_TEXT_MAX   144

/*
 * "OPERAND_INVALID"; "SW_VMFAIL_INVALID", "SW_FAULT_GP", "SW_FAULT_UD" for software's own; NULL if unknown.
 * Detail bits don't matter, all others do, save that the two codes Linux numbers differently are known by
 * both numbers.
 */
const char *tdx_status_name(uint64_t status);

/*
 * "INCORRECT_MSR_VALUE msr=0x122 (IA32_TSX_CTRL)"; "unknown status class 0x05 (module state) detail 0x44" for
 * unknown ones, with "informational" instead of "status" if bit 63 is clear. Detail bits that the code
 * doesn't define are shown as " details=0x...". Writes at most size bytes with the NUL, returns the full
 * length.
 */
size_t tdx_status_describe(uint64_t status, char *text, size_t size);

/* A sentence that says what is probably wrong and what to do next; "" if there is nothing to add. leaf may be
 * -1. */
const char *tdx_status_hint(uint64_t status, int leaf);

/* The name's number: "RND_NO_ENTROPY" -> 0x8000020300000000. */
bool tdx_status_by_name(const char *name, uint64_t *status);

/* "EXT.MEM.ADD" <-> 61. By name any case is accepted and '_' equals '.', so "ext.mem_add" is the same leaf.
 */
const char *tdx_leaf_name(unsigned leaf); /* NULL if unknown */
bool tdx_leaf_by_name(const char *name, unsigned *leaf);

const char *tdx_operand_name(unsigned id); /* NULL if unknown */
const char *tdx_msr_name(uint32_t msr);    /* "IA32_TSX_CTRL"; NULL if unknown */

#endif
