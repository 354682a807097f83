/* SPDX-License-Identifier: MIT */
/*
 * An LP inside a module, for a test program that executes the module's instructions: registers, a few pages
 * of memory behind made-up tables, and what the instructions ask of the monitor. Physical addresses are those
 * of a mapping low in the process, so that the code under test can use them as pointers. One page is code;
 * each test is one instruction or a few.
 */
#ifndef TESTS_UNIT_FAKE_SEAM_H
#define TESTS_UNIT_FAKE_SEAM_H

#include "tests/unit/support.h"

#include <string.h>
#include <sys/mman.h>

#include "lib/format.h"
#include "seam/genuine/access.h"
#include "seam/genuine/fx.h"
#include "seam/genuine/instructions.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/space.h"
#include "seam/genuine/turn.h"
#include "seam/genuine/vmcs.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/platform.h"

#define RAM        0x10000000ull
#define RAM_PAGES  8ull
#define SEAMRR     0x14000000ull
#define SEAM_PAGES 8ull /* of it that can be touched; code is the last */
#define CODE       (SEAMRR + (SEAM_PAGES - 1) * PAGE_SIZE)

#define LINEAR_RAM      0xFFFF800300000000ull /* page i of it is page i of RAM, in the order of page_pa[] */
#define LINEAR_CODE     0xFFFF800000000000ull
#define LINEAR_READONLY (LINEAR_RAM + (RAM_PAGES - 1) * PAGE_SIZE) /* the last page */
#define LINEAR_NOWHERE  (LINEAR_RAM + RAM_PAGES * PAGE_SIZE)

#define STATUS_FLAGS 0x8D5ull
#define CF           0x001ull
#define ZF           0x040ull
#define OTHER_FLAGS  0x202ull /* must stay as they are */
#define REVISION     0x11u

struct space seam_space = {.at = (u8 *)CODE, .block = CODE, .size = PAGE_SIZE, .random = 12345};
u64 memory_seamrr_base = SEAMRR, memory_seamrr_size = 32 * MIB;
u32 lp_count = 2;

static struct {
    struct lp lp;
    struct vmcb vmcb;
    struct seam_lp seam;
    u64 page_pa[RAM_PAGES]; /* with KeyID */
    u64 reached;            /* the last address that keys_reach() was asked for */
    u64 touched;            /* the last page that keys_touched() was told */
    bool reached_to_write, keys_refuse;
    u64 random, capability, activate;
    bool no_entropy;
    enum soft_pconfig pconfig;
    u32 programmed; /* keys_configured(): the KeyID, and how often */
    u32 times_programmed;
    u8 fx[FX_BYTES]; /* the CPU's state */
    bool fx_wide;
    char stopped[200]; /* why; "": it wasn't */
} fake;

/* ---- the monitor's part ---- */

void seam_stop(struct lp *lp, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    assert_string_equal(fake.stopped, ""); /* once is enough */
    u64 length = (u64)format_v(fake.stopped, sizeof(fake.stopped), fmt, args);
    va_end(args);
    assert_in_range(length, 1, 119); /* the real one has no room for more */
    lp->seam->end = SEAM_STOPPED;
}

bool space_translate(const struct space *space, u64 cr3, u64 linear, bool write, u64 *pa)
{
    assert_ptr_equal(space, &seam_space);
    assert_int_equal(cr3, 0xC3000);
    u64 page = (linear - LINEAR_RAM) / PAGE_SIZE, offset = linear & (PAGE_SIZE - 1);
    bool code = linear - LINEAR_CODE < PAGE_SIZE;
    if ((!code && page >= RAM_PAGES) || (write && (code || page == RAM_PAGES - 1)))
        return false;
    *pa = code ? CODE + offset : fake.page_pa[page] + offset;
    return true;
}

void space_name(const struct space *space, u64 linear, char text[32])
{
    (void)space;
    format(text, 32, "keyhole_edit+0x%lx", linear & 0xFFFFFF); /* as long as it can be */
}

void *memory_ram(u64 pa, u64 size)
{
    return pa >= RAM && pa + size <= RAM + RAM_PAGES * PAGE_SIZE ? (void *)pa : NULL;
}

void *keys_reach(struct lp *lp, u64 pa, u32 size, bool write)
{
    assert_in_range((pa & (PAGE_SIZE - 1)) + size, 1, PAGE_SIZE);
    fake.reached = pa;
    fake.reached_to_write = write;
    u64 plain = pa & ((1ull << 46) - 1);
    void *at = plain - CODE < PAGE_SIZE ? (void *)plain : memory_ram(plain, size);
    if (fake.keys_refuse || !at) {
        seam_stop(lp, "refused by the key store");
        return NULL;
    }
    return at;
}

void keys_touched(u64 physical, u64 size)
{
    assert_int_equal(size, PAGE_SIZE);
    fake.touched = physical;
}

void keys_configured(struct lp *lp, u16 hkid)
{
    assert_ptr_equal(lp, &fake.lp);
    fake.programmed = hkid;
    fake.times_programmed++;
}

bool msr_module_read(const struct lp *lp, u32 msr, u64 *value)
{
    (void)lp;
    *value = msr == 0x480 ? 0x10D8040000000000 | REVISION : msr == 0x981 ? fake.capability : fake.activate;
    return msr == 0x480 || msr == 0x981 || msr == 0x982;
}

bool platform_random(const struct lp *lp, u64 *value)
{
    (void)lp;
    *value = fake.random; /* also without entropy: nobody may use it then */
    return !fake.no_entropy;
}

enum soft_pconfig platform_pconfig(const struct lp *lp)
{
    (void)lp;
    return fake.pconfig;
}

u64 platform_seam_capabilities(const struct lp *lp)
{
    (void)lp;
    return 0x7F;
}

static u64 *register_at(u32 number)
{
    struct soft_regs *r = &fake.lp.regs;
    u64 *const order[16] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &fake.vmcb.rsp, &r->rbp, &r->rsi, &r->rdi,
                            &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12,        &r->r13, &r->r14, &r->r15};
    return order[number];
}

u64 exit_get_register(const struct lp *lp, u32 number)
{
    assert_ptr_equal(lp, &fake.lp);
    return *register_at(number);
}

void exit_set_register(struct lp *lp, u32 number, u64 value)
{
    assert_ptr_equal(lp, &fake.lp);
    *register_at(number) = value;
}

u64 exit_operand_address(const struct lp *lp, const struct instruction *insn)
{
    return exit_get_register(lp, (u32)insn->base) + (u64)insn->displacement;
}

void exit_skip(struct lp *lp, u32 length)
{
    lp->vmcb->rip += length;
}

void fx_save(void *image, bool wide)
{
    memcpy(image, fake.fx, FX_BYTES);
    fake.fx_wide = wide;
}

void fx_restore(const void *image, bool wide)
{
    memcpy(fake.fx, image, FX_BYTES);
    fake.fx_wide = wide;
}

/* ---- the test's part ---- */

static inline void fake_map(u64 pa, u64 pages)
{
    static bool done[2];
    bool *mapped = &done[pa == SEAMRR];
    void *at = *mapped ? (void *)pa
                       : mmap((void *)pa, pages * PAGE_SIZE, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(at, (void *)pa);
    memset(at, 0, pages * PAGE_SIZE);
    *mapped = true;
}

/* Setup of every test: inside the module, its SEAM VMCS is current. */
static inline int fake_enter(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof(fake));
    fake_map(RAM, RAM_PAGES);
    fake_map(SEAMRR, SEAM_PAGES);
    for (u64 i = 0; i < RAM_PAGES; i++)
        fake.page_pa[i] = RAM + i * PAGE_SIZE;
    fake.lp.vmcb = &fake.vmcb;
    fake.lp.seam = &fake.seam;
    fake.vmcb.cr3 = 0xC3000;
    fake.vmcb.rip = LINEAR_CODE;
    fake.vmcb.rflags = OTHER_FLAGS | STATUS_FLAGS;
    fake.seam.seam_vmcs = fake.seam.current_vmcs = SEAMRR + PAGE_SIZE;
    fake.capability = 63ull << 36;
    fake.activate = 2ull << 48; /* AES-XTS-128 with integrity */
    *(u32 *)fake.seam.seam_vmcs = REVISION;
    return 0;
}

/* The linear address of a byte of RAM, and the byte. */
#define LINEAR(offset) (LINEAR_RAM + (offset))
#define AT(offset)     ((void *)(RAM + (offset)))

/* Executes the instruction; what it did to RIP must fit how it ended. */
static inline void execute_bytes(const u8 *bytes, u32 length)
{
    u64 rip = fake.vmcb.rip = LINEAR_CODE;
    memcpy((void *)CODE, bytes, length);
    instruction_undefined(&fake.lp);
    assert_int_equal(fake.vmcb.rip, rip + (fake.seam.end == SEAM_RUNNING ? length : 0));
    assert_true((fake.seam.end == SEAM_STOPPED) == (fake.stopped[0] != 0));
    assert_int_equal(fake.vmcb.rflags & ~STATUS_FLAGS, OTHER_FLAGS);
}
#define EXECUTE(...) execute_bytes((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

/* The next instruction stops the module, with a line that holds the text. */
#define assert_stops(text, ...)                                                                              \
    do {                                                                                                     \
        EXECUTE(__VA_ARGS__);                                                                                \
        if (!strstr(fake.stopped, text))                                                                     \
            fail_msg("\"%s\" instead of \"%s\"", fake.stopped, text);                                        \
        fake.stopped[0] = 0;                                                                                 \
        fake.seam.end = SEAM_RUNNING;                                                                        \
    } while (0)

#define assert_flags(flags) assert_int_equal(fake.vmcb.rflags &STATUS_FLAGS, flags)

/* VMfailValid with this number, in the VMCS at this address. */
static inline void assert_failed(u64 vmcs, u64 number)
{
    u64 value;
    assert_flags(ZF);
    assert_true(vmcs_read((void *)vmcs, VMCS_INSTRUCTION_ERROR, &value));
    assert_int_equal(value, number);
    vmcs_write((void *)vmcs, VMCS_INSTRUCTION_ERROR, 0);
}

#endif
