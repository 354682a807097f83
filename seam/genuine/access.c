/* SPDX-License-Identifier: MIT */
#include "seam/genuine/access.h"

#include "lib/string.h"
#include "seam/genuine/instructions.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/space.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/npt.h"

#define LONGEST 15

struct quirk_patch module_patch;

static u32 to_border(u64 linear, u32 size)
{
    return (u32)min_u64(size, PAGE_SIZE - (linear & (PAGE_SIZE - 1)));
}

static void stop_at(struct lp *lp, u64 linear, u32 size, bool write)
{
    char name[32], instruction[INSTRUCTION_NAME];
    space_name(&seam_space, linear, name);
    instruction_name(lp, instruction);
    seam_stop(lp, "executed %s to %s %u bytes at 0x%lx (%s), where it has no %s", instruction,
              write ? "write" : "read", size, linear, name, write ? "writable page" : "page");
}

static bool each_piece(struct lp *lp, u64 linear, u8 *buffer, u32 size, bool write)
{
    for (u32 done = 0; done < size;) {
        u32 length = to_border(linear + done, size - done);
        u64 pa;
        if (!space_translate(&seam_space, lp->vmcb->cr3, linear + done, write, &pa)) {
            stop_at(lp, linear + done, length, write);
            return false;
        }
        u8 *at = keys_reach(lp, pa, length, write);
        if (!at)
            return false;
        memcpy(write ? at : buffer + done, write ? buffer + done : at, length);
        done += length;
    }
    return true;
}

bool module_read(struct lp *lp, u64 linear, void *to, u32 size)
{
    return each_piece(lp, linear, to, size, false);
}

bool module_write(struct lp *lp, u64 linear, const void *from, u32 size)
{
    return each_piece(lp, linear, (u8 *)from, size, true);
}

/* Code stands in the module's block; if it strays, into RAM. Without a look at KeyIDs: that could stop the
 * module. */
static bool copy_code(u64 pa, u8 *to, u32 size)
{
    pa &= (1ull << NPT_ADDRESS_BITS) - 1;
    u64 offset = pa - seam_space.block;
    const void *at = offset < seam_space.size ? seam_space.at + offset : memory_ram(pa, size);
    if (!at)
        return false;
    memcpy(to, at, size);
    if (pa - seam_space.code.physical < seam_space.code.size)
        quirk_patch_undo(&module_patch, pa - seam_space.code.physical, to, size);
    return true;
}

u32 module_fetch(struct lp *lp, u8 bytes[16])
{
    u64 rip = lp->vmcb->rip;
    u32 done = 0;
    while (done < LONGEST) {
        u32 length = to_border(rip + done, LONGEST - done);
        u64 pa;
        if (!space_translate(&seam_space, lp->vmcb->cr3, rip + done, false, &pa) ||
            !copy_code(pa, bytes + done, length))
            break;
        done += length;
    }
    memset(bytes + done, 0, 16 - done);
    return done;
}
