/* SPDX-License-Identifier: MIT */
/* XSAVES, XSAVEC and XRSTORS for x87 and SSE state: Intel SDM 1, chapter "Managing State Using the XSAVE
 * Feature Set". */
#include "lib/string.h"
#include "seam/genuine/access.h"
#include "seam/genuine/execute.h"
#include "seam/genuine/fx.h"
#include "seam/genuine/instructions.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/exits.h"

#define XSTATE_X87    (1ull << 0)
#define XSTATE_SSE    (1ull << 1)
#define XSTATE_KNOWN  (XSTATE_X87 | XSTATE_SSE)
#define XCOMP_COMPACT (1ull << 63)
#define XSAVE_ALIGN   64
#define XSAVE_HEADER  512
#define FX_FCW        0
#define FX_MXCSR      24
#define FX_MXCSR_MASK 28
#define FCW_START     0x037F
#define MXCSR_START   0x1F80
#define MXCSR_KNOWN   0xFFBF /* where the CPU's mask is 0 */

struct header {
    u64 state, compaction, reserved[6];
};

/* Which bytes of the legacy region belong to which component; the rest is nobody's. */
static const struct piece {
    u64 component;
    u32 offset, size;
} pieces[] = {
    {XSTATE_X87, 0, 24},
    {XSTATE_SSE, FX_MXCSR, 8},
    {XSTATE_X87, 32, 128},
    {XSTATE_SSE, 160, 256},
};

static bool stop(struct lp *lp, u64 area, const char *why, u64 value)
{
    char name[INSTRUCTION_NAME];
    instruction_name(lp, name);
    seam_stop(lp, "executed %s of 0x%lx: %s (0x%lx)", name, area, why, value);
    return false;
}

/* EDX:EAX; *area is the operand. */
static bool request(struct lp *lp, const struct instruction *insn, u64 *area, u64 *components)
{
    *area = exit_operand_address(lp, insn);
    *components = lp->regs.rdx << 32 | (u32)lp->regs.rax;
    if (!is_aligned(*area, XSAVE_ALIGN))
        return stop(lp, *area, "it isn't 64-byte aligned: #GP", *area);
    if (*components & ~XSTATE_KNOWN)
        return stop(lp, *area, "only x87 and SSE, components 0 and 1, are emulated", *components);
    return true;
}

/* All state counts as in use, as a CPU may say. */
bool execute_xsave_compacted(struct lp *lp, const struct instruction *insn)
{
    _Alignas(16) u8 image[FX_BYTES];
    u64 area, components;
    if (!request(lp, insn, &area, &components))
        return false;
    fx_save(image, insn->rex & 8);
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
        if ((pieces[i].component & components) &&
            !module_write(lp, area + pieces[i].offset, image + pieces[i].offset, pieces[i].size))
            return false;
    u64 header[2] = {components, components | XCOMP_COMPACT};
    return module_write(lp, area + XSAVE_HEADER, header, sizeof(header));
}

static bool header_good(struct lp *lp, u64 area, const struct header *h)
{
    u64 rest = 0;
    for (size_t i = 0; i < ARRAY_COUNT(h->reserved); i++)
        rest |= h->reserved[i];
    if (!(h->compaction & XCOMP_COMPACT))
        return stop(lp, area, "XCOMP_BV says it isn't compacted: #GP", h->compaction);
    if (h->compaction & ~(XCOMP_COMPACT | XSTATE_KNOWN))
        return stop(lp, area, "only x87 and SSE are emulated, XCOMP_BV has more", h->compaction);
    if (h->state & ~h->compaction)
        return stop(lp, area, "XSTATE_BV has a component that XCOMP_BV hasn't: #GP", h->state);
    return !rest || stop(lp, area, "a reserved byte of the header isn't 0: #GP", rest);
}

/* As after reset, in the components' own bytes. */
static void initialise(u8 *image, u64 components)
{
    const u16 fcw = FCW_START;
    const u32 mxcsr = MXCSR_START;
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
        if (pieces[i].component & components)
            memset(image + pieces[i].offset, 0, pieces[i].size);
    if (components & XSTATE_X87)
        memcpy(image + FX_FCW, &fcw, sizeof(fcw));
    if (components & XSTATE_SSE)
        memcpy(image + FX_MXCSR, &mxcsr, sizeof(mxcsr));
}

static bool mxcsr_good(struct lp *lp, u64 area, const u8 *image, u32 known)
{
    u32 mxcsr;
    memcpy(&mxcsr, image + FX_MXCSR, sizeof(mxcsr));
    return !(mxcsr & ~known) || stop(lp, area, "MXCSR has a reserved bit: #GP", mxcsr);
}

bool execute_xrstors(struct lp *lp, const struct instruction *insn)
{
    _Alignas(16) u8 image[FX_BYTES];
    struct header header;
    u64 area, components;
    u32 known;
    bool wide = insn->rex & 8;
    if (!request(lp, insn, &area, &components) ||
        !module_read(lp, area + XSAVE_HEADER, &header, sizeof(header)) || !header_good(lp, area, &header))
        return false;
    fx_save(image, wide);
    memcpy(&known, image + FX_MXCSR_MASK, sizeof(known));
    initialise(image, components & ~header.state);
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
        if ((pieces[i].component & components & header.state) &&
            !module_read(lp, area + pieces[i].offset, image + pieces[i].offset, pieces[i].size))
            return false;
    if (!mxcsr_good(lp, area, image, known ? known : MXCSR_KNOWN))
        return false;
    fx_restore(image, wide);
    return true;
}
