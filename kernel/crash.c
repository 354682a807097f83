/* SPDX-License-Identifier: MIT */
#include "kernel/crash.h"

#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/string.h"

#define UNMAPPED_ADDRESS 0xFFFFF00000000000ull /* canonical, in no region of paging.h */
#define NON_CANONICAL    0x8000000000000000ull

static void crash_ud(void)
{
    __asm__ volatile("ud2");
}

static void crash_de(void)
{
    __asm__ volatile("divl %0" : : "r"(0), "a"(1), "d"(0));
}

static void crash_gp(void)
{
    __asm__ volatile("movq (%0), %%rax" : : "r"(NON_CANONICAL) : "rax");
}

static void crash_pf(void)
{
    *(volatile u64 *)UNMAPPED_ADDRESS = 1;
}

static u64 overflow_stack(volatile u64 *above)
{
    volatile u64 here[64] = {*above + 1};
    return here[0] ? overflow_stack(here) + here[1] : 0;
}

static void crash_stack(void)
{
    u64 zero = 0;
    overflow_stack(&zero);
}

/* The breakpoint can't be pushed, nor can the fault that follows from that. */
static void crash_df(void)
{
    __asm__ volatile("mov %0, %%rsp; int3" : : "r"(UNMAPPED_ADDRESS) : "memory");
}

static void crash_nmi(void)
{
    apic_send_nmi(cpu_apic_id(cpu_this()));
    clock_delay_us(1000000);
    panic("no NMI came");
}

static void crash_hang(void)
{
    for (;;) /* what a watchdog outside must end */
        __asm__ volatile("cli; hlt");
}

static void crash_triple(void)
{
    static const struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) nothing = {0, 0};
    __asm__ volatile("lidt %0; int3" : : "m"(nothing));
}

static void crash_panic(void)
{
    panic("asked for by crash=panic");
}

static const struct {
    const char *kind;
    void (*crash)(void);
} kinds[] = {
    {"ud", crash_ud},         {"de", crash_de},       {"gp", crash_gp},   {"pf", crash_pf},
    {"stack", crash_stack},   {"df", crash_df},       {"nmi", crash_nmi}, {"hang", crash_hang},
    {"triple", crash_triple}, {"panic", crash_panic},
};

static void run(void *arg)
{
    (*(void (*const *)(void))arg)();
}

void crash_if_asked(const char *command_line)
{
    char value[32];
    u64 cpu = 0;
    if (!parse_option(command_line, "crash", value, sizeof(value)))
        return;
    char *at = strchr(value, '@');
    if (at)
        *at = 0;
    if (at && (!parse_u64(at + 1, &cpu) || cpu >= cpu_count()))
        refuse("crash=%s@%s: there are CPUs 0 to %u", value, at + 1, cpu_count() - 1);
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (strcmp(value, kinds[i].kind) != 0)
            continue;
        log_line("crash: %s on CPU %llu, as the command line asks", value, (unsigned long long)cpu);
        smp_run_on((u32)cpu, run, (void *)&kinds[i].crash, 0);
        panic("crash=%s had no effect", value);
    }
    refuse("crash=%s: unknown; use ud, de, gp, pf, stack, df, nmi, hang, triple or panic", value);
}
