/* SPDX-License-Identifier: MIT */
/* A genuine module as the monitor's subject: its life from power-on over reset and reload to the end. */
#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/overlay_carrier.h"
#include "seam/genuine/quirk.h"
#include "seam/genuine/slots.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/options.h"
#include "seam/monitor/platform.h"
#include "seam/monitor/subject.h"

#define BLOCK_ALIGN (2 * MIB)

#define RANDOM_SHIFT 2 /* the lowest bit of what space_build() looks at */
#define SEEDS        8192

static struct module_image image;
static struct soft_machine facts;
static u64 block;
static void *handoff;    /* its area, while another module is loaded */
static u16 handoff_room; /* the block and that copy have room for so many pages and one */

/* ---- loading ---- */

static void prepare_processors(void)
{
    seam_prepare_lps();
    inring_prepare();
}

static void load(void)
{
    u64 random = options.seed << RANDOM_SHIFT; /* at each load, so that the log's one seed stands for all */
    const char *wrong = space_build(&seam_space, (u8 *)block, block, &image, lp_count, random, &facts);
    if (wrong)
        refuse("module %s can't be loaded: %s", options.module, wrong);
    quirk_work_around(&image);
    keys_touched(block, seam_space.size);
    prepare_processors();
}

static void say_module(void)
{
    const struct space *s = &seam_space;
    log_line("genuine module %s: %lu KiB at 0x%lx-0x%lx, code at linear 0x%lx, entry 0x%lx, seed %lu",
             options.module, image.size / KIB, block, block + s->size, s->code.linear, s->entry,
             options.seed);
}

/* The guest may use the memory that the file is in, so it is copied. */
static void find_image(void)
{
    const struct boot_module *file = boot_info_module(&machine.boot, options.module);
    if (!file)
        refuse("no module file is called '%s' (option module=)", options.module);
    void *copy = heap_need(file->size, PAGE_SIZE, "the module's file");
    memcpy(copy, (const void *)file->base, file->size);
    const char *wrong = module_image_read(copy, file->size, &image);
    if (wrong)
        refuse("%s is no TDX module: %s", options.module, wrong);
}

static bool call(struct lp *lp)
{
    const struct soft_regs in = lp->regs;
    bool returned = seam_turn(lp);
    keys_call_done(lp, &in, returned);
    return returned;
}

static void create(void)
{
    facts = platform_facts_at_start();
    find_image();
    if (!options.seed_given)
        options.seed = rdtsc() % SEEDS;
    u64 size = space_size(&image, lp_count, facts.handoff_pages);
    block = (u64)heap_need(size, BLOCK_ALIGN, "the module");
    handoff_room = facts.handoff_pages;
    handoff = heap_need((handoff_room + 1) * PAGE_SIZE, PAGE_SIZE, "the module's hand-off area");
    seam_create_lps();
    keys_build(block, size);
    inring_create();
    load();
    say_module();
    quirk_say();
    overlay_create(call);
}

static void reset(void)
{
    overlay_reset();
    keys_reset();
    facts = platform_facts_at_start();
    load();
    seam_revive();
}

/* ---- questions and commands ---- */

static struct soft_machine *live_facts(void)
{
    return &facts;
}

static void facts_changed(void)
{
    space_write_sysinfo(&seam_space, &facts);
    keys_touched(seam_space.sysinfo.physical, seam_space.sysinfo.size);
}

/*
 * What the P-SEAMLDR does: the module is loaded anew, its hand-off area stays, and so does all memory that
 * the one before has left under its keys.
 */
static bool install(const char *const *knobs, u32 count)
{
    const struct space_region *data = &seam_space.data;
    u64 handoff_bytes = (facts.handoff_pages + 1) * PAGE_SIZE;
    if (facts.handoff_pages > handoff_room) {
        log_line(
            "a hand-off area of %u pages: a genuine module has memory for %u; use a handoff_pages of %u or less",
            facts.handoff_pages + 1, handoff_room + 1, handoff_room);
        return false;
    }
    if (!overlay_install(knobs, count))
        return false;
    memcpy(handoff, (const void *)data->physical, handoff_bytes);
    load();
    memcpy((void *)data->physical, handoff, handoff_bytes);
    seam_revive();
    return true;
}

static enum monitor_owner page_owner(u64 page)
{
    return overlay_has_page(page) ? MONITOR_OWNER_POOL : keys_owner(page);
}

static bool footprint(u64 *value)
{
    (void)value;
    return false;
}

static void prepare_slots(void)
{
    overlay_prepare_slots();
    slots_prepare();
}

static bool snapshot(u32 slot)
{
    if (!slots_take(slot, &facts))
        return false;
    overlay_snapshot(slot);
    return true;
}

/* The module may have changed what is in no page: descriptor tables, control registers. */
static bool restore(u32 slot)
{
    if (!slots_are_filled(slot))
        return false;
    overlay_leave();
    prepare_processors();
    slots_restore(slot, &facts);
    overlay_restore(slot);
    return true;
}

const struct subject genuine_subject = {
    .name = "genuine",
    .number = MONITOR_SUBJECT_GENUINE,
    .create = create,
    .call = overlay_turn,
    .reset = reset,
    .prepare_slots = prepare_slots,
    .snapshot = snapshot,
    .restore = restore,
    .facts = live_facts,
    .facts_changed = facts_changed,
    .knob = overlay_knob,
    .install = install,
    .page_owner = page_owner,
    .footprint = footprint,
};
