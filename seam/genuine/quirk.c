/* SPDX-License-Identifier: MIT */
#include "seam/genuine/quirk.h"

#include "lib/string.h"
#include "seam/genuine/access.h"
#include "seam/genuine/quirk_patch.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/options.h"

static bool wanted(void)
{
    if (machine.group9_swallowed && options.patch == OPTIONS_PATCH_OFF)
        refuse(
            "this QEMU takes VMPTRLD, XSAVES and others for no-ops, which patch=off leaves so: use QEMU 7.2 or 11.1, or no patch=off");
    return machine.group9_swallowed || options.patch == OPTIONS_PATCH_ON;
}

void quirk_work_around(const struct module_image *image)
{
    u8 *code = seam_space.at + (seam_space.code.physical - seam_space.block);
    memset(&module_patch, 0, sizeof(module_patch));
    if (!wanted())
        return;
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct module_segment *s = &image->segments[i];
        if (s->executable)
            quirk_patch_code(&module_patch, code, s->linear, s->linear + s->file_size);
    }
    if (module_patch.found > module_patch.count)
        refuse(
            "the module has %u instructions that need to be replaced, there is room for %u: use QEMU 7.2 or 11.1 without patch=on",
            module_patch.found, QUIRK_SITES);
}

void quirk_say(void)
{
    const struct quirk_patch *p = &module_patch;
    if (!wanted())
        return;
    log_line(
        "quirk: %u instructions of the module's copy in memory are replaced by UD2 (%s), its file is as it was",
        p->count, machine.group9_swallowed ? "this QEMU loses them" : "patch=on");
    if (p->doubtful)
        log_line(
            "quirk: %u more were left: so close behind data it may be data, too; if not, the module derails there",
            p->doubtful);
}
