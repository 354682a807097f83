/* SPDX-License-Identifier: MIT */
#include "seam/monitor/ap.h"

#include "boot/trampoline.h"
#include "kernel/cpu.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/death.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/guest.h"
#include "seam/monitor/idle.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/place.h"
#include "seam/monitor/stray.h"
#include "seam/monitor/svm.h"
#include "seam/monitor/traps.h"
#include "seam/monitor/vmx.h"

#define INIT_SETTLES   (1u << 20) /* cycles; hardware wants 10 ms, a virtual CPU only its turn */
#define SIPI_EVERY     (1ull << 26)
#define EFER_FOR_START (EFER_NXE)

/* ---- bringing them in ---- */

static volatile u32 aps_in;

/* On a start stack: finds out which LP this is and goes on in its own block. */
static void ap_entry(u64 ticket)
{
    (void)ticket;
    traps_load();
    struct lp *lp = lp_by_apic_id(apic_id());
    if (!lp)
        monitor_bug("an AP has APIC id %u, which the MADT doesn't list", apic_id());
    svm_enable(lp);
    apic_init();
    lp->state = LP_WAIT_SIPI;
    __atomic_add_fetch(&aps_in, 1, __ATOMIC_SEQ_CST);
    run_on_stack((u64)lp + LP_STACK_TOP, lp_main, lp);
}

static void pause_for(u64 cycles)
{
    for (u64 start = rdtsc(); rdtsc() - start < cycles;)
        cpu_relax();
}

static void to_all_aps(u32 command)
{
    for (u32 i = 1; i < lp_count; i++)
        if (lp_at(i)->state == LP_ABSENT)
            apic_send_physical(lp_at(i)->apic_id, command);
}

static void wait_for_aps(u32 sipi)
{
    u64 start = rdtsc(), last = start;
    while (aps_in < lp_count - 1) {
        cpu_relax();
        if (rdtsc() - last > SIPI_EVERY) {
            to_all_aps(sipi); /* who is already running ignores it */
            last = rdtsc();
        }
        if (rdtsc() - start > LP_PATIENCE)
            refuse("only %u of %u processors started: give the machine fewer (--smp) or more time",
                   aps_in + 1, lp_count);
    }
}

void ap_start_all(void)
{
    if (lp_count == 1)
        return;
    u64 page = place_find(PAGE_SIZE, PAGE_SIZE, MIB);
    if (!page)
        refuse("no free page below 1 MiB to start processors from: use --smp 1 or another loader");
    u64 *stacks = heap_need(lp_count * sizeof(u64), 16, "start stacks");
    for (u32 i = 1; i < lp_count; i++)
        stacks[i - 1] = (u64)lp_at(i) + LP_START_STACK_TOP;
    struct trampoline_start start = {
        .cr3 = memory_cr3(),
        .cr4 = CR4_PAE | (read_cr4() & CR4_LA57),
        .efer = EFER_FOR_START,
        .entry = (u64)ap_entry,
        .stacks = stacks,
        .limit = lp_count - 1,
    };
    trampoline_prepare((void *)page, page, &start);
    to_all_aps(APIC_ICR_INIT | APIC_ICR_ASSERT);
    pause_for(INIT_SETTLES);
    u32 sipi = APIC_ICR_SIPI | APIC_ICR_ASSERT | (u32)(page >> 12);
    to_all_aps(sipi);
    wait_for_aps(sipi);
}

/* ---- kicks ---- */

void lp_kick(struct lp *lp)
{
    if (!__atomic_exchange_n(&lp->kick_pending, 1, __ATOMIC_SEQ_CST))
        apic_send_physical(lp->apic_id, APIC_ICR_NMI | APIC_ICR_ASSERT);
}

void lp_ask(struct lp *lp, enum lp_work work)
{
    __atomic_or_fetch(&lp->work, (u32)work, __ATOMIC_SEQ_CST);
    if (lp != lp_current())
        lp_kick(lp);
}

/* An NMI was delivered to the monitor: a kick, or one from outside that belongs to the guest. */
void lp_sort_nmi(struct lp *lp)
{
    if (!lp->nmi_taken)
        return;
    lp->nmi_taken = 0;
    if (!__atomic_exchange_n(&lp->kick_pending, 0, __ATOMIC_SEQ_CST))
        __atomic_or_fetch(&lp->work, LP_WORK_NMI, __ATOMIC_SEQ_CST);
}

void exit_nmi(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_NMI);
    take_pending_nmi();
}

/* ---- INIT and SIPI ---- */

void lp_send_init(struct lp *from, struct lp *to)
{
    if (to->state == LP_WAIT_SIPI && !to->work)
        return; /* nothing to stop */
    lp_ask(to, LP_WORK_INIT);
    if (to == from)
        return;
    /* Linux sends SIPI right behind INIT: the target must have stopped by then. */
    for (u64 start = rdtsc(); (to->work & LP_WORK_INIT) && !to->vmx_root;) {
        if (from->work & LP_WORK_INIT) /* two LPs stop each other */
            return;
        if (rdtsc() - start > LP_PATIENCE)
            monitor_bug("LP %u doesn't take the INIT that LP %u sent", to->index, from->index);
        cpu_relax();
    }
}

void lp_send_sipi(struct lp *to, u8 vector)
{
    if (to->state != LP_WAIT_SIPI)
        return; /* SDM 3A 10.4.4.1: only a processor that waits for it takes a SIPI */
    to->sipi_vector = vector;
    lp_ask(to, LP_WORK_SIPI);
}

void lp_unblock_init(struct lp *lp)
{
    if (lp->work & LP_WORK_INIT)
        log_line("LP %u left VMX operation: the INIT that was held back is taken", lp->index);
}

static void become_waiting(struct lp *lp)
{
    apic_reset();
    lp->vmxe = lp->vmx_root = lp->nmi_blocked = false;
    lp->event = 0;
    lp->icr = 0;
    stray_step_drop(lp);
    lp->state = LP_WAIT_SIPI;
}

static void inject_nmi(struct lp *lp)
{
    bool running = lp->state == LP_RUNNING;
    if (running && (lp->nmi_blocked || lp->event || lp->step.active))
        return; /* stays in lp->work until IRET is done, or for the next entry */
    __atomic_and_fetch(&lp->work, ~(u32)LP_WORK_NMI, __ATOMIC_SEQ_CST);
    if (!running)
        return; /* a processor that waits for SIPI takes no NMI */
    lp->event = EVENT_VALID | EVENT_NMI | 2;
    lp->nmi_blocked = true;
    lp->vmcb->intercept_1 |= INTERCEPT_IRET;
}

static void do_work(struct lp *lp)
{
    if ((lp->work & LP_WORK_INIT) && !lp->vmx_root) { /* SDM 3C 24.8: INIT is blocked in VMX root operation */
        become_waiting(lp);
        __atomic_and_fetch(&lp->work, ~(u32)(LP_WORK_INIT | LP_WORK_SIPI | LP_WORK_NMI), __ATOMIC_SEQ_CST);
    }
    if (lp->work & LP_WORK_SIPI) {
        __atomic_and_fetch(&lp->work, ~(u32)LP_WORK_SIPI, __ATOMIC_SEQ_CST);
        if (lp->state == LP_WAIT_SIPI) {
            apic_reset();
            guest_enter_real_mode(lp, (u8)lp->sipi_vector);
            lp->state = LP_RUNNING;
        }
    }
    if (lp->work & LP_WORK_NMI)
        inject_nmi(lp);
}

/* The guest is about to leave its NMI handler. One more NMI must come after the IRET, not before it. */
void exit_iret(struct lp *lp)
{
    lp->vmcb->intercept_1 &= ~INTERCEPT_IRET;
    lp->nmi_blocked = false;
    if (lp->work & LP_WORK_NMI)
        stray_step_only(lp);
}

/* ---- an LP's life ---- */

/*
 * One turn of the guest. The order is that of npt_flush_others(). Work that comes after lp_main() looked for
 * it comes with a kick, which ends the turn at once.
 */
static void run_guest(struct lp *lp)
{
    if (lp->event)
        idle_end(lp); /* its handler runs before the HLT does */
    __atomic_exchange_n(&lp->in_guest, 1, __ATOMIC_SEQ_CST);
    u64 generation = npt_generation;
    lp->vmcb->tlb_control = lp->translations_seen == generation ? TLB_CONTROL_KEEP : TLB_CONTROL_FLUSH;
    lp->translations_seen = generation;
    lp->vmcb->event = lp->event;
    lp->vmcb->event_error = lp->event_error;
    lp->event = 0;
    vmrun(lp);
    __atomic_store_n(&lp->in_guest, 0, __ATOMIC_RELEASE);
}

void lp_main(void *argument)
{
    struct lp *lp = argument;
    for (;;) {
        lp_sort_nmi(lp);
        if (lp->work)
            do_work(lp);
        if (lp->nmi_taken)
            continue; /* a kick came while interrupts were drained: its work may have missed do_work() */
        if (lp->state != LP_RUNNING) {
            lp_sleep(&lp->work);
            continue;
        }
        run_guest(lp);
        exit_handle(lp);
        if (lp->seam)
            seam_watch(lp);
    }
}
