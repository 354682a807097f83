/* SPDX-License-Identifier: MIT */
/* Leaves that reach memory through keyholes, under one KeyID or another, and give KeyIDs their keys. */
#include "tests/standin/instructions.h"
#include "tests/standin/standin.h"

#define PTE_PRESENT  0x001ull
#define PTE_WRITABLE 0x002ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY    0x040ull
#define PTE_NX       (1ull << 63)
#define PTE_FLAGS    (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(u64))
#define WORDS_PER_LINE 8
#define LINE           (WORDS_PER_LINE * sizeof(u64))

u8 *keyhole_map(struct lp_data *lp, u32 hole, u64 address)
{
    u8 *page = (u8 *)(lp->keyhole + hole * PAGE_SIZE);
    stac();
    *(volatile u64 *)&lp->keyhole_edit[hole] = align_down(address, PAGE_SIZE) | PTE_FLAGS;
    clac();
    invlpg(page);
    return page + (address & (PAGE_SIZE - 1));
}

static void make_line(struct lp_data *lp, u64 word)
{
    u64 *line = (u64 *)lp->line;
    for (u32 i = 0; i < WORDS_PER_LINE; i++)
        line[i] = word;
}

void leaf_fill(struct lp_data *lp, struct standin_regs *regs)
{
    u8 *page = keyhole_map(lp, 0, regs->rcx);
    make_line(lp, regs->rdx);
    for (u64 at = 0; at < PAGE_SIZE; at += LINE)
        movdir64b(page + at, lp->line);
}

void leaf_look(struct lp_data *lp, struct standin_regs *regs)
{
    const volatile u64 *page = (const volatile u64 *)keyhole_map(lp, 0, regs->rcx);
    regs->r8 = 0;
    for (u32 i = 0; i < WORDS_PER_PAGE; i++)
        regs->r8 += page[i] == regs->rdx;
    regs->r9 = page[0];
    regs->r10 = page[WORDS_PER_PAGE - 1];
}

void leaf_store(struct lp_data *lp, struct standin_regs *regs)
{
    *(volatile u64 *)keyhole_map(lp, 0, regs->rcx) = regs->rdx;
}

void leaf_remap(struct lp_data *lp, struct standin_regs *regs)
{
    regs->r8 = *(volatile u64 *)keyhole_map(lp, 1, regs->rcx);
    regs->r9 = *(volatile u64 *)keyhole_map(lp, 1, regs->rdx);
    stac();
    regs->r10 = *(volatile u64 *)&lp->keyhole_edit[1];
    clac();
}

void leaf_movdir_loop(struct lp_data *lp, struct standin_regs *regs)
{
    u8 *page = keyhole_map(lp, 0, regs->rdx);
    make_line(lp, regs->rdx);
    for (u64 i = 0; i < regs->rcx; i++)
        movdir64b(page + i * LINE % PAGE_SIZE, lp->line);
}

/* ---- forms of MOVDIR64B ---- */

#define UNALIGNED 0x100 /* the source, which may be */

void leaf_movdir(struct lp_data *lp, struct standin_regs *regs)
{
    u64 form = regs->rdx & ~(u64)UNALIGNED, line[WORDS_PER_LINE];
    u8 *from = lp->scratch + PAGE_SIZE + (regs->rdx & UNALIGNED ? 4 : 0);
    const u64 *to = (const u64 *)lp->line;
    if (form >= MOVDIR_FORMS) {
        regs->rax = TDX_OPERAND_INVALID | TDX_OPERAND_RDX;
        return;
    }
    for (u32 i = 0; i < WORDS_PER_LINE; i++)
        line[i] = (i + 1) * 0x0101010101010101;
    __builtin_memcpy(from, line, sizeof(line));
    make_line(lp, 0);
    regs->r9 = movdir_forms[form](lp->line, from);
    regs->r8 = 0;
    for (u32 i = 0; i < WORDS_PER_LINE; i++)
        regs->r8 += *(const volatile u64 *)&to[i] == line[i];
}

/* ---- keys ---- */

/* MKTME_KEY_PROGRAM_STRUCT: KeyID in 15:0, control word in 47:16; keys are left to the processor. */
void leaf_key(struct lp_data *lp, struct standin_regs *regs)
{
    u16 keyid = (u16)regs->rcx;
    u32 control = (u32)regs->rdx;
    for (u32 i = 0; i < sizeof(lp->key); i++)
        *(volatile u8 *)&lp->key[i] = 0;
    __builtin_memcpy(lp->key, &keyid, sizeof(keyid));
    __builtin_memcpy(lp->key + sizeof(keyid), &control, sizeof(control));
    regs->r9 = pconfig_flags(0, lp->key, &regs->r8);
}
