/* SPDX-License-Identifier: MIT */
/*
 * Starting the other processors, all at the same time: INIT to each, one pause for all, SIPI to each, a
 * second SIPI to those that haven't shown up (SDM vol. 3, section 10.4.4.1). The rest of smp.h is in cpus.c,
 * work.c, flush.c and sync.c.
 */
#include "kernel/smp.h"

#include "boot/trampoline.h"
#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/cpus.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/traps.h"
#include "kernel/work.h"
#include "lib/log.h"

#define AP_STACK_SIZE 16384

#define INIT_DELAY_US        10000 /* MultiProcessor specification 1.4, appendix B.4 */
#define INIT_DELAY_MODERN_US 10
#define SECOND_SIPI_US       2000 /* at least 200: who is up by then needs no second one, and ignores it */
#define ARRIVAL_US           3000000
#define ARRIVAL_US_PER_CPU   50000 /* for emulated machines with far more virtual CPUs than real ones */

static struct percpu *online[MAX_CPUS]; /* by CPU number */
static u32 online_count = 1, slot_count = 1, expected_count = 1;
static volatile u32 arrived; /* APs in work_loop() */

u32 cpu_count(void)
{
    return online_count;
}

u32 cpu_expected(void)
{
    return expected_count;
}

struct percpu *percpu_of(u32 cpu)
{
    if (cpu >= online_count)
        panic("CPU %u doesn't exist: there are %u", cpu, online_count);
    return online[cpu] ? online[cpu] : &percpu_slots[0];
}

u32 cpu_apic_id(u32 cpu)
{
    return percpu_of(cpu)->apic_id;
}

/* ---- on the AP ---- */

static struct percpu *slot_of(u32 id)
{
    for (u32 slot = 1; slot < slot_count; slot++)
        if (percpu_slots[slot].apic_id == id)
            return &percpu_slots[slot];
    return NULL;
}

/* Until traps_load() a fault here is a triple fault: the way there is as short as possible. */
static void ap_main(u64 ticket)
{
    (void)ticket;
    apic_init_cpu();
    struct percpu *me = slot_of(apic_id());
    u32 absent = CPU_ABSENT;
    if (!me || !__atomic_compare_exchange_n(&me->state, &absent, CPU_ONLINE, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
        for (;;) /* nobody asked for this one, or not for so long */
            __asm__ volatile("cli; hlt");
    traps_load(me);
    paging_init_ap();
    __atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL);
    work_loop();
}

/* ---- on the boot CPU ---- */

static u32 arrived_count(void)
{
    return __atomic_load_n(&arrived, __ATOMIC_ACQUIRE);
}

/* Short for processors of this century, which need no pause at all: Intel family 6 and later, AMD family 15
 * and later. */
static u64 init_delay_us(void)
{
    struct cpuid_regs vendor = cpuid(0, 0);
    u32 signature = cpuid(1, 0).eax;
    u32 family = (signature >> 8 & 0xF) == 0xF ? 0xF + (signature >> 20 & 0xFF) : signature >> 8 & 0xF;
    bool intel = vendor.ebx == 0x756E6547; /* "Genu" */
    bool amd = vendor.ebx == 0x68747541;   /* "Auth" */
    return (intel && family >= 6) || (amd && family >= 0xF) ? INIT_DELAY_MODERN_US : INIT_DELAY_US;
}

static bool wait_for_arrivals(u64 us)
{
    deadline_t deadline = deadline_after_us(us);
    while (arrived_count() < slot_count - 1) {
        if (deadline_passed(deadline))
            return false;
        cpu_relax();
    }
    return true;
}

static void send_startup(u64 page)
{
    for (u32 slot = 1; slot < slot_count; slot++)
        if (__atomic_load_n(&percpu_slots[slot].state, __ATOMIC_ACQUIRE) == CPU_ABSENT)
            apic_send_startup(percpu_slots[slot].apic_id, page);
}

static bool start_all(u64 page)
{
    for (u32 slot = 1; slot < slot_count; slot++)
        apic_send_init(percpu_slots[slot].apic_id);
    clock_delay_us(init_delay_us());
    send_startup(page);
    if (wait_for_arrivals(SECOND_SIPI_US))
        return true;
    send_startup(page);
    return wait_for_arrivals(ARRIVAL_US + ARRIVAL_US_PER_CPU * slot_count);
}

/* Closes the door behind those that came and numbers them without gaps. Only idle APs see their number
 * change. */
static void number_cpus(void)
{
    online[0] = &percpu_slots[0];
    online_count = 1;
    for (u32 slot = 1; slot < slot_count; slot++) {
        struct percpu *cpu = &percpu_slots[slot];
        u32 absent = CPU_ABSENT;
        if (__atomic_compare_exchange_n(&cpu->state, &absent, CPU_TOO_LATE, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            log_line("CPUs: APIC id %u didn't start: check that the firmware enables it", cpu->apic_id);
            continue;
        }
        cpu->number = online_count;
        online[online_count++] = cpu;
    }
}

/* The start page if nobody needs it any more, 0 if it has to stay: a late CPU may still be on it. */
static u64 start_others(void)
{
    u32 aps = slot_count - 1;
    u64 page = pa_raw(memory_low_page());
    if (!page) {
        log_line("CPUs: without a page below 1 MiB to start them on, the other %u stay off", aps);
        return 0;
    }
    u64 *stacks = memory_permanent(aps * sizeof(u64), sizeof(u64));
    for (u32 i = 0; i < aps; i++) {
        stacks[i] = (u64)stack_create(AP_STACK_SIZE, "stack of an application processor");
        traps_create_stacks(&percpu_slots[i + 1]);
    }
    struct trampoline_start start = {
        .cr3 = pa_raw(paging_root()),
        .cr4 = read_cr4() & ~CR4_VMXE,
        .efer = rdmsr(MSR_EFER),
        .entry = (u64)ap_main,
        .stacks = stacks,
        .limit = aps,
    };
    if (start.cr3 >= 4 * GIB)
        panic("the page tables lie at 0x%llx, above the 4 GiB that an AP can load",
              (unsigned long long)start.cr3);
    void *view = paging_identity_map(pa_of(page));
    trampoline_prepare(view, page, &start);
    return start_all(page) ? page : 0;
}

void smp_init(void)
{
    apic_init();
    timer_init();
    work_init();
    flush_init();
    slot_count = cpus_find(&expected_count);
    u64 start = clock_cycles();
    u64 done_with = slot_count > 1 ? start_others() : 0;
    number_cpus();
    cpus_number_packages();
    interrupts_on();
    if (done_with) /* from here on shoot-downs reach everybody */
        paging_identity_unmap(pa_of(done_with));
    log_line("CPUs: %u of %u online in %llu us, %u package(s), %s, TSC %llu MHz", cpu_count(), cpu_expected(),
             (unsigned long long)((clock_cycles() - start) / clock_cycles_per_us()), package_count(),
             apic_is_x2apic() ? "x2APIC" : "xAPIC", (unsigned long long)clock_cycles_per_us());
}

void smp_stop_others(void)
{
    if (!apic_ready())
        return;
    for (u32 slot = 0; slot < slot_count; slot++)
        if (&percpu_slots[slot] != percpu_this() && percpu_slots[slot].state == CPU_ONLINE)
            apic_send_nmi(percpu_slots[slot].apic_id);
}
