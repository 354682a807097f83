/* SPDX-License-Identifier: MIT */
/*
 * The architecture's side of TDX: numbers and layouts as the module and the CPU define them. What only this
 * project defines is elsewhere. Everything here is made from the .def tables or checked by a static assert.
 *
 * Sources: module 1.5.01 (public source), TDX ABI specification 348551, Linux patches for module extensions
 * (v2).
 */
#ifndef DRIVERS_TDX_ABI_TDX_H
#define DRIVERS_TDX_ABI_TDX_H

#include <stddef.h>
#include <stdint.h>

/* Leaf numbers, bits 15:0 of RAX: TDH_SYS_INIT ... */
enum tdx_leaf {
#define TDX_LEAF(symbol, name, number, since) TDH_##symbol = (number),
#include "drivers/tdx/abi/leaves.def"
};

/* Completion statuses with all detail bits zero: TDX_SUCCESS ... */
#define TDX_STATUS(name, value, detail, since)                                                               \
    static const uint64_t TDX_##name __attribute__((unused)) = (value);
#define TDX_STATUS_UNNUMBERED(name)
#include "drivers/tdx/abi/status.def"

/* Operand ids in bits 31:0 of a status: TDX_OPERAND_RCX ... */
enum tdx_operand {
#define TDX_OPERAND(name, id) TDX_OPERAND_##name = (id),
#include "drivers/tdx/abi/operands.def"
};

/* Bit numbers in TDX_FEATURES0: TDX_FEATURE_EXT ... */
enum tdx_feature {
#define TDX_FEATURE(name, bit) TDX_FEATURE_##name = (bit),
#include "drivers/tdx/abi/features.def"
};

/* Metadata field ids: TDX_FIELD_NUM_CMRS ... (the first element of an array) */
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid)                                           \
    static const uint64_t TDX_FIELD_##name __attribute__((unused)) = (id);
#include "drivers/tdx/abi/fields.def"

/* RAX on input */
#define TDX_RAX_VERSION_SHIFT 16                    /* bits 23:16 */
#define TDX_RAX_PSEAMLDR      (1ull << 63)          /* the call goes to the P-SEAMLDR, not to the module */
#define TDX_RAX_RESERVED      0xFFFFFFFFFF000000ull /* 62:24 and, for the module, 63 */

/* Status layout, bits of RAX on output */
#define TDX_STATUS_ERROR    (1ull << 63)
#define TDX_STATUS_RESERVED 0x0FFF000000000000ull
#define TDX_STATUS_MASK     0xFFFFFFFF00000000ull /* all but the details */

/*
 * Results that software makes up when SEAMCALL itself fails; class 0xFF is never produced by the module.
 * (The convention is Linux's.)
 */
#define TDX_SW_ERROR       0x8000FF0000000000ull
#define TDX_VMFAIL_INVALID (TDX_SW_ERROR | 0xFFFF0000ull) /* CF was 1: no module, or it is disabled */
#define TDX_FAULT_GP       (TDX_SW_ERROR | 13)            /* SEAMRR not enabled */
#define TDX_FAULT_UD       (TDX_SW_ERROR | 6)             /* not in VMX operation, or no such instruction */

/* Metadata field id layout (TDH.SYS.RD) */
#define TDX_FIELD_CODE_MASK       0x0000000000FFFFFFull
#define TDX_FIELD_SIZE_SHIFT      32 /* bits 33:32: log2 of the element's bytes */
#define TDX_FIELD_LAST_ELEM_SHIFT 34 /* bits 37:34 */
#define TDX_FIELD_LAST_FLD_SHIFT  38 /* bits 46:38 */
#define TDX_FIELD_CONTEXT_SHIFT   52 /* bits 54:52 */
#define TDX_FIELD_CLASS_SHIFT     56 /* bits 61:56 */
#define TDX_FIELD_NULL            0xFFFFFFFFFFFFFFFFull
#define TDX_FIELD_RESERVED        (0xFF000000ull | (7ull << 47) | (1ull << 55) | (1ull << 62))

/* Limits of the metadata, SYS.INFO and SYS.CONFIG interfaces */
#define TDX_MAX_CMRS              32
#define TDX_MAX_TDMRS             64
#define TDX_MAX_RESERVED_PER_TDMR 16
#define TDX_MAX_PACKAGES          8
#define TDX_PAMT_ENTRY_BYTES      16
#define TDX_TDMR_ALIGN            (1ull << 30) /* base and size of a TDMR */
#define TDX_PRIVATE_PA_BITS       52           /* the module's fixed view of MAXPA */
#define TDX_TDMR_INFO_ALIGN       512          /* also of the array of pointers */
#define TDX_TDMR_INIT_STEP        (4ull << 20) /* one TDMR.INIT call of module 1.5.01 covers 4 MiB */

/* A region of memory that TDX may use, as MCHECK found it; 32 slots, unused ones have size 0. */
struct tdx_cmr {
    uint64_t base;
    uint64_t size;
};
_Static_assert(sizeof(struct tdx_cmr) == 16, "CMR_INFO, TDH.SYS.INFO");

/* PAMT levels as SYS.CONFIG reports them in info byte 1 */
enum tdx_pamt_level { TDX_PAMT_4K, TDX_PAMT_2M, TDX_PAMT_1G, TDX_PAMT_LEVELS };

struct tdx_reserved_area {
    uint64_t offset; /* from the TDMR's base */
    uint64_t size;   /* 0: this and all later slots are unused */
};

/* TDMR_INFO, 320 bytes, 512-byte aligned (TDH.SYS.CONFIG) */
struct tdx_tdmr_info {
    uint64_t base;
    uint64_t size;
    uint64_t pamt_1g_base;
    uint64_t pamt_1g_size;
    uint64_t pamt_2m_base;
    uint64_t pamt_2m_size;
    uint64_t pamt_4k_base;
    uint64_t pamt_4k_size;
    struct tdx_reserved_area reserved[TDX_MAX_RESERVED_PER_TDMR];
};
_Static_assert(sizeof(struct tdx_tdmr_info) == 320, "TDMR_INFO");
_Static_assert(offsetof(struct tdx_tdmr_info, reserved) == 64, "TDMR_INFO reserved areas");

/* TDSYSINFO_STRUCT (TDH.SYS.INFO) is 1024 bytes; only the sizes matter to a host that uses SYS.RD. */
#define TDX_SYSINFO_BYTES 1024

/* Page types in a PAMT entry, RCX of TDH.PHYMEM.PAGE.RDMD */
enum tdx_page_type {
    TDX_PAGE_NDA = 0,  /* free: not directly assigned */
    TDX_PAGE_RSVD = 1, /* in a reserved area */
    TDX_PAGE_REG = 3,
    TDX_PAGE_TDR = 4,
    TDX_PAGE_TDCX = 5,
    TDX_PAGE_TDVPR = 6,
    TDX_PAGE_EPT = 8,
};

/* A page list as EXT.MEM.ADD takes it: 512 page addresses, KeyID bits 0. The module never keeps the list
 * page. */
struct tdx_hpa_list {
    uint64_t phys[512];
} __attribute__((aligned(4096)));
_Static_assert(sizeof(struct tdx_hpa_list) == 4096, "HPA list page");
_Static_assert(_Alignof(struct tdx_hpa_list) == 4096, "HPA list page alignment");
#define TDX_HPA_LIST_ENTRIES (sizeof(((struct tdx_hpa_list *)0)->phys) / sizeof(uint64_t))

/* HPA_LIST_INFO: RCX of EXT.MEM.ADD, in and out */
#define TDX_HPA_LIST_FIRST_MASK  0x0000000000000FF8ull /* 11:3  index of the first slot not yet processed */
#define TDX_HPA_LIST_FIRST_SHIFT 3
#define TDX_HPA_LIST_PFN_MASK    0x000FFFFFFFFFF000ull /* 51:12 the list page */
#define TDX_HPA_LIST_LAST_SHIFT  55                    /* 63:55 index (not count) of the last valid slot */
#define TDX_HPA_LIST_RESERVED    ((7ull << 52) | 7ull)

/* A node of HPA_LINKED_LIST, the buffer of QUOTE.GET: page addresses, KeyID bits 0, then the next node. What
 * isn't used is TDX_HPA_LINKED_END, also the next node of the last one. */
struct tdx_hpa_linked_node {
    uint64_t phys[511];
    uint64_t next;
} __attribute__((aligned(4096)));
_Static_assert(sizeof(struct tdx_hpa_linked_node) == 4096, "HPA_LINKED_LIST node");
_Static_assert(_Alignof(struct tdx_hpa_linked_node) == 4096, "HPA_LINKED_LIST node alignment");
#define TDX_HPA_LINKED_PAGES (sizeof(((struct tdx_hpa_linked_node *)0)->phys) / sizeof(uint64_t))
#define TDX_HPA_LINKED_END   0xFFFFFFFFFFFFFFFFull

/* RDX of QUOTE.GET */
#define TDX_QUOTE_ID_SHIFT   32      /* 47:32 */
#define TDX_QUOTE_ID_DEFAULT 0xFFFFu /* all ones: the format that the module likes best */

/* RCX of SYS.SHUTDOWN: hand-off version in 15:0 */
#define TDX_SHUTDOWN_AVOID_COMPAT (1ull << 16) /* only with TDX_FEATURES0 bit 47 */

/* SYS.CONFIG and SYS.UPDATE have the add-on features in R9 from this version on. */
#define TDX_VERSION_WITH_FEATURES 1

#endif
