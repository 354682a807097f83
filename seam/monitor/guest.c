/* SPDX-License-Identifier: MIT */
#include "seam/monitor/guest.h"

#include "lib/format.h"
#include "lib/string.h"
#include "seam/monitor/elf.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/options.h"
#include "seam/monitor/place.h"
#include "seam/monitor/start_info.h"

static struct elf_image image;
static struct boot_module kernel;
static u64 start_info;

/* ---- loading ---- */

static void module_names(char *text, size_t size)
{
    size_t length = format(text, size, "%s", machine.guest.module_count ? "" : "none");
    for (u32 i = 0; i < machine.guest.module_count && length < size; i++)
        length += format(text + length, size - length, "%s%s", i ? ", " : "", machine.guest.modules[i].name);
}

static u32 find_kernel(void)
{
    char names[100];
    module_names(names, sizeof(names));
    if (options.kernel[0]) {
        const struct boot_module *named = boot_info_module(&machine.guest, options.kernel);
        if (named)
            return (u32)(named - machine.guest.modules);
        refuse("no module is called '%s' (option kernel=); there are: %s", options.kernel, names);
    }
    for (u32 i = 0; i < machine.guest.module_count; i++)
        if (elf_is((const void *)machine.guest.modules[i].base, machine.guest.modules[i].size))
            return i;
    refuse("no kernel to start: none of the modules is an ELF file; there are: %s (QEMU: -initrd FILE)",
           names);
}

static void take_out_kernel(void)
{
    u32 index = find_kernel();
    struct boot_info *guest = &machine.guest;
    kernel = guest->modules[index];
    memmove(&guest->modules[index], &guest->modules[index + 1],
            (guest->module_count - index - 1) * sizeof(guest->modules[0]));
    guest->module_count--;
}

/* Out of the way of the kernel's segments, and to where the guest may look. */
static void move_if_needed(struct boot_module *module, bool stays_visible)
{
    bool seen = !stays_visible || place_is_usable(module->base, module->size);
    if (!module->size || (seen && !place_overlaps_occupied(module->base, module->size)))
        return;
    u64 to = place_find(module->size, PAGE_SIZE, BOOT_ADDRESSABLE);
    if (!to)
        refuse("no room below 4 GiB to move module %s (%lu KiB) to: give the machine more memory",
               module->name, module->size / KIB);
    memmove((void *)to, (const void *)module->base, module->size);
    module->base = to;
}

static void copy_segments(void)
{
    for (u32 i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];
        memcpy((void *)s->physical, (const u8 *)kernel.base + s->file_offset, s->file_size);
        memset((u8 *)s->physical + s->file_size, 0, s->memory_size - s->file_size);
    }
}

static void place_segments(void)
{
    for (u32 i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];
        if (!place_is_usable(s->physical, s->memory_size))
            refuse("kernel %s wants 0x%lx-0x%lx, which isn't all usable memory: give the machine more memory",
                   kernel.name, s->physical, s->physical + s->memory_size);
        place_occupy(s->physical, s->memory_size);
    }
}

/* Below 1 MiB, where it makes no hole in memory that TDX could use; kept out of the guest's map. */
static void leave_start_info(void)
{
    u64 size = align_up(start_info_size(), PAGE_SIZE);
    start_info = place_find(size, PAGE_SIZE, MIB);
    if (!start_info)
        start_info = place_find(size, PAGE_SIZE, BOOT_ADDRESSABLE);
    if (!start_info || !boot_info_carve(&machine.guest, start_info, size, BOOT_MEMORY_RESERVED))
        refuse("no room below 4 GiB for %lu KiB of start information: give the machine more memory",
               size / KIB);
    start_info_write(start_info);
}

void guest_load(void)
{
    take_out_kernel();
    const char *wrong = elf_read((const void *)kernel.base, kernel.size, &image);
    if (wrong)
        refuse("kernel %s can't be started: %s", kernel.name, wrong);
    place_segments();
    move_if_needed(&kernel, false);
    place_occupy(kernel.base, kernel.size); /* until it is copied */
    for (u32 i = 0; i < machine.guest.module_count; i++)
        move_if_needed(&machine.guest.modules[i], true);
    copy_segments();
    leave_start_info();
}

const char *guest_code_owner(u64 linear)
{
    static char text[BOOT_MODULE_NAME + 16];
    for (u32 i = 0; i < image.segment_count; i++) {
        const struct elf_segment *s = &image.segments[i];
        if (linear - s->virtual < s->memory_size || linear - s->physical < s->memory_size) {
            format(text, sizeof(text), "guest kernel %s", kernel.name);
            return text;
        }
    }
    return "guest, outside its kernel's image";
}

/* ---- starting ---- */

#define SEGMENT_CODE_32 0xC9B /* APM 2, table 4-6 as the VMCB packs it: G, D, present, code, accessed */
#define SEGMENT_DATA_32 0xC93
#define SEGMENT_CODE_16 0x09B
#define SEGMENT_DATA_16 0x093
#define SEGMENT_LDT     0x082
#define SEGMENT_TSS     0x08B
#define DR6_AFTER_RESET 0xFFFF0FF0ull
#define DR7_AFTER_RESET 0x400ull

static void reset_registers(struct lp *lp)
{
    struct vmcb *v = lp->vmcb;
    memset(&lp->regs, 0, sizeof(lp->regs));
    v->efer = EFER_SVME;
    v->cr3 = v->cr4 = v->cr2 = 0;
    v->rsp = 0;
    v->rflags = RFLAGS_FIXED;
    v->dr6 = DR6_AFTER_RESET;
    v->dr7 = DR7_AFTER_RESET;
    v->cpl = 0;
    v->interrupt_shadow = 0;
    v->gdtr = v->idtr = (struct vmcb_segment){.limit = 0xFFFF};
    v->ldtr = (struct vmcb_segment){.attributes = SEGMENT_LDT, .limit = 0xFFFF};
    v->tr = (struct vmcb_segment){.attributes = SEGMENT_TSS, .limit = 0xFFFF};
    v->star = v->lstar = v->cstar = v->sfmask = v->kernel_gs_base = 0;
    v->sysenter_cs = v->sysenter_esp = v->sysenter_eip = 0;
}

/* What VMRUN doesn't load: FS, GS, TR, LDTR and the SYSCALL registers. */
static void load_the_rest(struct lp *lp)
{
    __asm__ volatile("vmload" : : "a"(lp->vmcb) : "memory");
}

void guest_enter_pvh(struct lp *lp)
{
    struct vmcb *v = lp->vmcb;
    struct vmcb_segment data = {.selector = 0x10, .attributes = SEGMENT_DATA_32, .limit = 0xFFFFFFFF};
    reset_registers(lp);
    v->cs = (struct vmcb_segment){.selector = 0x08, .attributes = SEGMENT_CODE_32, .limit = 0xFFFFFFFF};
    v->ds = v->es = v->ss = v->fs = v->gs = data;
    v->cr0 = CR0_PE | CR0_ET;
    v->rip = image.pvh_entry;
    lp->regs.rbx = start_info;
    load_the_rest(lp);
}

/* SDM 3A, table 10-1: the state after INIT, with CS from the SIPI. */
void guest_enter_real_mode(struct lp *lp, u8 sipi_vector)
{
    struct vmcb *v = lp->vmcb;
    struct vmcb_segment data = {.attributes = SEGMENT_DATA_16, .limit = 0xFFFF};
    reset_registers(lp);
    v->cs = (struct vmcb_segment){
        .selector = (u16)(sipi_vector << 8),
        .attributes = SEGMENT_CODE_16,
        .limit = 0xFFFF,
        .base = (u64)sipi_vector << 12,
    };
    v->ds = v->es = v->ss = v->fs = v->gs = data;
    v->cr0 = CR0_ET | CR0_NW | CR0_CD;
    v->rip = 0;
    lp->regs.rdx = machine.topology->signature;
    load_the_rest(lp);
}
