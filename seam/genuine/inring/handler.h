/* SPDX-License-Identifier: MIT */
/*
 * The handler of #UD that the monitor puts into a module's ring 0: it executes the frequent instructions
 * where they stand, since leaving the module costs fifty times as much under QEMU, and leaves everything else
 * to the monitor. What both share.
 *
 * The handler stands alone: it calls nothing, has no data of its own, and uses neither FS and GS, which are
 * the module's, nor SSE. It runs with the module's RFLAGS.AC, so SMAP guards its accesses as it does the
 * module's. It restarts: nothing of the frame or the VMCS changes before its last access to the module's
 * memory, so that a fault there can be unwound to the module's instruction.
 */
#ifndef SEAM_GENUINE_INRING_HANDLER_H
#define SEAM_GENUINE_INRING_HANDLER_H

#include "lib/types.h"

/* From here on no linear address is a module's (space.h). The monitor copies the handler to the beginning. */
#define INRING_SPACE 0xFFFFFF8000000000ull

#define INRING_TSS_BYTES 104

/* entry.asm builds it. */
struct inring_frame {
    u64 reg[16];                  /* by number: 0 RAX ... 15 R15, 4 is RSP */
    u64 rip, cs, rflags, rsp, ss; /* pushed by the CPU */
};

/* An LP's page; its stack grows down from the end, so the frame is always there. Behind it, in linear space:
 * the page of its current VMCS. */
struct inring_page {
    u8 tss[INRING_TSS_BYTES];
    u64 executed;   /* instructions */
    u64 vmcs_shown; /* 0: the page behind isn't there */
    u8 stack[PAGE_SIZE - INRING_TSS_BYTES - 2 * sizeof(u64) - sizeof(struct inring_frame)];
    struct inring_frame frame;
};
_Static_assert(sizeof(struct inring_page) == PAGE_SIZE, "the CPU pushes at the page's end");

enum inring_what { INRING_VMREAD, INRING_VMWRITE, INRING_MOVDIR64B };

struct inring_operation {
    enum inring_what what;
    u32 reg, rm; /* register numbers; rm: unless memory */
    bool memory;
    u64 address; /* linear */
    u32 length;  /* of the instruction */
};

/* The instruction at bytes, as if it stood at frame->rip. False: not one that is executed here. */
bool inring_decode(const struct inring_frame *frame, const u8 *bytes, struct inring_operation *op);

/* The instruction at frame->rip. vmcs: the current one, or NULL. False: for the monitor; the frame is
 * unchanged. */
bool inring_execute(struct inring_frame *frame, void *vmcs);

/* handler.ld, entry.asm: the code to copy. From `saved` to `restore` and from `forward` to `end` the frame is
 * whole. */
extern const u8 inring_begin[], inring_undefined[], inring_saved[], inring_restore[], inring_forward[],
    inring_end[];

#endif
