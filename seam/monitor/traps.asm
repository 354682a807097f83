; SPDX-License-Identifier: MIT
; The monitor's own descriptor tables and exception entries. The monitor takes no interrupts but the NMI that wakes it
; and what drain_interrupts() throws away; an exception is a bug of the monitor and ends the run, except at the
; fault_places.

global monitor_tables_load, trap_table, probe_group9, try_xsetbv, run_on_stack, relocate
extern monitor_exception, lp_sleep_check, lp_sleep_end

LP_BLOCK     equ 8 * 4096               ; lp.h
LP_NMI_TAKEN equ 168
APIC_EOI     equ 0xFEE000B0

bits 64
default rel
section .text

; void monitor_tables_load(const void *idt_pointer)
monitor_tables_load:
    lgdt [gdt_pointer]
    lidt [rdi]
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    pop rax
    push 0x08
    push rax
    o64 retf

; void run_on_stack(u64 top, void (*fn)(void *), void *argument): doesn't return
run_on_stack:
    mov rsp, rdi
    xor ebp, ebp
    mov rdi, rdx
    push rbp                            ; a backtrace ends here
    push rbp                            ; C wants RSP to be a multiple of 16 before the call: FXSAVE faults otherwise
    call rsi
    ud2

; void relocate(u64 to, u64 from, u64 bytes, u64 cr3): copies the running image and goes on in the copy, which the new
; tables show at the same virtual addresses. bytes is a multiple of 8.
relocate:
    mov rax, rcx
    mov rcx, rdx
    shr rcx, 3
    cld
    rep movsq
    mov cr3, rax
    ret

; u32 probe_group9(void): bit n set if form n of group 9 with a memory operand (enum group9_form) doesn't raise #UD, as it
; must on a CPU without VMX and XSAVES. Some QEMU versions decode it as a no-op. The operand has neither SIB nor
; displacement, which those versions wouldn't skip.
%macro PROBE 1+
.form_%[form]:
    db %1
    or eax, 1 << form
.after_%[form]:
%assign form form + 1
%endmacro

probe_group9:
    push rdi
    mov rdi, rsp
    xor eax, eax
%assign form 0
    PROBE 0x0F, 0xC7, 0x1F              ; xrstors [rdi]
    PROBE 0x0F, 0xC7, 0x27              ; xsavec
    PROBE 0x0F, 0xC7, 0x2F              ; xsaves
    PROBE 0x0F, 0xC7, 0x37              ; vmptrld
    PROBE 0x66, 0x0F, 0xC7, 0x37        ; vmclear
    PROBE 0xF3, 0x0F, 0xC7, 0x37        ; vmxon
    PROBE 0x0F, 0xC7, 0x3F              ; vmptrst
    pop rdi
    ret

; bool try_xsetbv(u32 index, u64 value): false: #GP. CR4.OSXSAVE is set.
try_xsetbv:
    mov ecx, edi
    mov eax, esi
    mov rdx, rsi
    shr rdx, 32
.at:
    xsetbv
    mov eax, 1
    ret
.fault:
    xor eax, eax
    ret

; ---- entries ----

%macro ENTRY 1
align 16
trap_%1:
%if %1 != 8 && (%1 < 10 || %1 > 14) && %1 != 17 && %1 != 21
    push 0                              ; no error code from the CPU
%endif
    push %1
    jmp trap_common
%endmacro

%assign vector 0
%rep 32
    ENTRY vector
%assign vector vector + 1
%endrep

trap_common:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    mov rdi, rsp
    mov rbp, rsp
    and rsp, ~15
    cld
    call monitor_exception              ; returns only for the fault_places
    mov rsp, rbp
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq

; NMI: note it in the LP's block, wake lp_sleep().
global trap_nmi
trap_nmi:
    push rax
    push rcx
    mov rax, rsp
    and rax, -LP_BLOCK
    mov dword [rax + LP_NMI_TAKEN], 1
    mov rax, [rsp + 16]
    lea rcx, [lp_sleep_check]
    cmp rax, rcx
    jb .elsewhere
    lea rcx, [lp_sleep_end]
    cmp rax, rcx
    jae .elsewhere
    mov [rsp + 16], rcx
.elsewhere:
    pop rcx
    pop rax
    iretq

; An interrupt that nobody wants any more.
global trap_drain
trap_drain:
    push rax
    mov eax, APIC_EOI
    mov dword [rax], 0
    pop rax
    iretq

section .rodata
align 8
; Instructions that may raise #UD or #GP, and where monitor_exception() goes on if they do.
global fault_places, fault_places_end
fault_places:
%assign form 0
%rep 7
    dq probe_group9.form_%+ form, probe_group9.after_%+ form
%assign form form + 1
%endrep
    dq try_xsetbv.at, try_xsetbv.fault
fault_places_end:

trap_table:
%assign vector 0
%rep 32
    dq trap_%+ vector
%assign vector vector + 1
%endrep

gdt:
    dq 0
    dq 0x00AF9B000000FFFF               ; 0x08: 64-bit code
    dq 0x00CF93000000FFFF               ; 0x10: data
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dq gdt
