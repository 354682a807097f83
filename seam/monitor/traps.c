/* SPDX-License-Identifier: MIT */
#include "seam/monitor/traps.h"

#include "seam/monitor/death.h"

#define VECTOR_NMI 2
#define VECTOR_UD  6
#define VECTOR_GP  13

struct idt_gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "AMD64 APM 2, 4.8.4");

struct __attribute__((packed)) table_pointer {
    u16 limit;
    u64 base;
};

static struct idt_gate idt[256];
static struct table_pointer idt_pointer;

extern void *const trap_table[32];
extern const u8 trap_nmi[], trap_drain[];
extern const struct {
    u64 at, then;
} fault_places[], fault_places_end[];
void monitor_tables_load(const void *idt_pointer);

static struct idt_gate gate_to(u64 handler)
{
    return (struct idt_gate){
        .offset_low = (u16)handler,
        .selector = 0x08,
        .type = 0x8E, /* present, interrupt gate */
        .offset_middle = (u16)(handler >> 16),
        .offset_high = (u32)(handler >> 32),
    };
}

void traps_load(void)
{
    if (!idt_pointer.base) {
        for (u32 vector = 0; vector < 256; vector++)
            idt[vector] = gate_to(vector < 32 ? (u64)trap_table[vector] : (u64)trap_drain);
        idt[VECTOR_NMI] = gate_to((u64)trap_nmi);
        idt_pointer = (struct table_pointer){sizeof(idt) - 1, (u64)idt};
    }
    monitor_tables_load(&idt_pointer);
}

void monitor_exception(struct trap_frame *frame)
{
    bool expected = frame->vector == VECTOR_UD || frame->vector == VECTOR_GP;
    for (size_t i = 0; expected && &fault_places[i] < fault_places_end; i++) {
        if (frame->rip != fault_places[i].at)
            continue;
        frame->rip = fault_places[i].then;
        return;
    }
    death_by_exception(frame);
}
