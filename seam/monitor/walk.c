/* SPDX-License-Identifier: MIT */
/* Paging modes: Intel SDM 3A chapter 4. Rights are checked as far as the monitor's own few accesses need it.
 */
#include "seam/monitor/walk.h"

#include "lib/string.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/stray.h"

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_LARGE    (1ull << 7)
#define PTE_FRAME    0x000FFFFFFFFFF000ull

#define PF_PRESENT (1u << 0)
#define PF_WRITE   (1u << 1)
#define PF_USER    (1u << 2)
#define VECTOR_PF  14

#define CS_LONG (1u << 9) /* of the attributes in the VMCB */

#define GPA_MASK ((1ull << NPT_ADDRESS_BITS) - 1) /* KeyIDs select no memory here */

struct mode {
    u32 levels, bits, entry_bytes; /* bits of the index at each level */
};

static struct mode mode_of(const struct vmcb *v)
{
    if (v->efer & EFER_LMA)
        return (struct mode){v->cr4 & CR4_LA57 ? 5 : 4, 9, 8};
    return v->cr4 & CR4_PAE ? (struct mode){3, 9, 8} : (struct mode){2, 10, 4};
}

static bool entry_at(u64 gpa, u32 bytes, u64 *entry)
{
    const void *at = memory_ram(gpa & GPA_MASK, bytes);
    if (!at)
        return false;
    *entry = bytes == 8 ? *(const u64 *)at : *(const u32 *)at;
    return true;
}

static bool may_be_large(const struct vmcb *v, const struct mode *mode, u32 level)
{
    return mode->entry_bytes == 8 ? level == 2 || (level == 3 && mode->levels > 3)
                                  : level == 2 && (v->cr4 & CR4_PSE);
}

bool walk(struct lp *lp, u64 linear, bool write, u64 *gpa, u32 *error)
{
    const struct vmcb *v = lp->vmcb;
    *error = (write ? PF_WRITE : 0) | (v->cpl == 3 ? PF_USER : 0);
    *gpa = (u32)linear;
    if (!(v->cr0 & CR0_PG))
        return true;
    struct mode mode = mode_of(v);
    if (!(v->efer & EFER_LMA))
        linear = (u32)linear;
    u64 table = v->cr3 & (mode.levels == 3 ? 0xFFFFFFE0ull : PTE_FRAME);
    for (u32 level = mode.levels;; level--) {
        u32 shift = 12 + mode.bits * (level - 1);
        u64 entry, index = linear >> shift & ((1ull << mode.bits) - 1);
        if (!entry_at(table + index * mode.entry_bytes, mode.entry_bytes, &entry) || !(entry & PTE_PRESENT))
            return false;
        bool pae_root = mode.levels == 3 && level == 3; /* has no rights of its own */
        if (write && !pae_root && !(entry & PTE_WRITABLE) && (v->cpl == 3 || (v->cr0 & CR0_WP))) {
            *error |= PF_PRESENT;
            return false;
        }
        if (level == 1 || ((entry & PTE_LARGE) && may_be_large(v, &mode, level))) {
            u64 span = 1ull << shift;
            *gpa = ((entry & PTE_FRAME & ~(span - 1)) | (linear & (span - 1))) & GPA_MASK;
            return true;
        }
        table = entry & PTE_FRAME;
    }
}

u32 walk_fetch(struct lp *lp, u8 bytes[16])
{
    const struct vmcb *v = lp->vmcb;
    u64 linear = v->cs.base + v->rip;
    u32 done = 0;
    while (done < 15) {
        u64 gpa;
        u32 error, length = (u32)min_u64(15 - done, PAGE_SIZE - ((linear + done) & (PAGE_SIZE - 1)));
        if (!walk(lp, linear + done, false, &gpa, &error))
            break;
        const void *at = memory_ram(gpa, length);
        if (!at)
            break;
        memcpy(bytes + done, at, length);
        done += length;
    }
    memset(bytes + done, 0, 16 - done);
    return done;
}

/*
 * One function without calls: after a world switch QEMU must look up each piece of code anew that is called
 * or returned to, so calls are what costs.
 */
bool walk_peek(const struct lp *lp, u32 *bytes)
{
    const struct vmcb *v = lp->vmcb;
    bool simple = (v->efer & EFER_LMA) && (v->cs.attributes & CS_LONG) && !(v->cr4 & CR4_LA57) &&
                  (v->rip & (PAGE_SIZE - 1)) <= PAGE_SIZE - sizeof(*bytes);
    u64 table = v->cr3 & PTE_FRAME;
    for (u32 shift = 39; simple; shift -= 9) {
        u64 at = table + (v->rip >> shift & 511) * 8;
        if (!memory_is_plain(at))
            return false;
        u64 entry = *(const u64 *)at, span = 1ull << shift;
        if (!(entry & PTE_PRESENT))
            return false;
        table = entry & PTE_FRAME & GPA_MASK;
        if (shift > 12 && (shift == 39 || !(entry & PTE_LARGE)))
            continue;
        u64 gpa = (table & ~(span - 1)) | (v->rip & (span - 1));
        if (!memory_is_plain(gpa))
            return false;
        __builtin_memcpy(bytes, (const void *)gpa, sizeof(*bytes)); /* any alignment, no call */
        return true;
    }
    return false;
}

/*
 * One piece that doesn't cross a page. False: a fault is queued. *at is NULL where the memory isn't the
 * host's but the access goes through: reads see *seen, writes are lost.
 */
static bool reach(struct lp *lp, u64 linear, u32 size, bool write, u8 **at, u8 *seen)
{
    u64 gpa;
    u32 error;
    bool mapped;
    if (!walk(lp, linear, write, &gpa, &error)) {
        lp->vmcb->cr2 = linear;
        exit_raise(lp, VECTOR_PF, error);
        return false;
    }
    *at = memory_ram(gpa, size);
    enum npt_hole why = npt_why(gpa, &mapped);
    if (*at && mapped)
        return true;
    *at = NULL;
    if (npt_is_donated(why) || why == NPT_SEAMRR)
        return stray_operand(lp, gpa, why, write, seen);
    exit_raise_gp(lp); /* a device: no instruction that the monitor executes reaches there */
    return false;
}

static bool each_piece(struct lp *lp, u64 linear, u8 *buffer, u32 size, bool write)
{
    for (u32 done = 0; done < size;) {
        u32 length = (u32)min_u64(size - done, PAGE_SIZE - ((linear + done) & (PAGE_SIZE - 1)));
        u8 *at, seen;
        if (!reach(lp, linear + done, length, write, &at, &seen))
            return false;
        if (at)
            memcpy(write ? at : buffer + done, write ? buffer + done : at, length);
        else if (!write)
            memset(buffer + done, seen, length);
        done += length;
    }
    return true;
}

bool walk_read(struct lp *lp, u64 linear, void *to, u32 size)
{
    return each_piece(lp, linear, to, size, false);
}

bool walk_write(struct lp *lp, u64 linear, const void *from, u32 size)
{
    return each_piece(lp, linear, (u8 *)from, size, true);
}
