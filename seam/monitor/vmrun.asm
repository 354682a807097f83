; SPDX-License-Identifier: MIT
; The world switch. Nothing but the general registers is exchanged here: VMRUN and #VMEXIT do the rest, and what
; they leave alone (FS, GS, TR, LDTR, SYSCALL registers, FPU) the monitor doesn't use, so it stays the guest's.

global vmrun, lp_sleep, lp_sleep_check, lp_sleep_end, take_pending_nmi, drain_interrupts

; struct soft_regs at the start of struct lp (lp.h)
R_RAX equ 0
R_RBX equ 8
R_RCX equ 16
R_RDX equ 24
R_RSI equ 32
R_RDI equ 40
R_RBP equ 48
R_R8  equ 56
LP_VMCB  equ 120
VMCB_RAX equ 0x5F8

bits 64
default rel
section .text

; void vmrun(struct lp *lp): runs the guest until its next exit. Called and left with GIF = 0 and IF = 0.
vmrun:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov rax, [rdi + LP_VMCB]
    mov rcx, [rdi + R_RAX]
    mov [rax + VMCB_RAX], rcx
    mov rbx, [rdi + R_RBX]
    mov rcx, [rdi + R_RCX]
    mov rdx, [rdi + R_RDX]
    mov rsi, [rdi + R_RSI]
    mov rbp, [rdi + R_RBP]
    mov r8,  [rdi + R_R8]
    mov r9,  [rdi + R_R8 + 8]
    mov r10, [rdi + R_R8 + 16]
    mov r11, [rdi + R_R8 + 24]
    mov r12, [rdi + R_R8 + 32]
    mov r13, [rdi + R_R8 + 40]
    mov r14, [rdi + R_R8 + 48]
    mov r15, [rdi + R_R8 + 56]
    mov rdi, [rdi + R_RDI]
    vmrun                               ; RAX: VMCB, here and afterwards
    push rdi
    mov rdi, [rsp + 8]
    mov [rdi + R_RBX], rbx
    mov [rdi + R_RCX], rcx
    mov [rdi + R_RDX], rdx
    mov [rdi + R_RSI], rsi
    mov [rdi + R_RBP], rbp
    mov [rdi + R_R8], r8
    mov [rdi + R_R8 + 8], r9
    mov [rdi + R_R8 + 16], r10
    mov [rdi + R_R8 + 24], r11
    mov [rdi + R_R8 + 32], r12
    mov [rdi + R_R8 + 40], r13
    mov [rdi + R_R8 + 48], r14
    mov [rdi + R_R8 + 56], r15
    pop rcx
    mov [rdi + R_RDI], rcx
    mov rcx, [rax + VMCB_RAX]
    mov [rdi + R_RAX], rcx
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

; void lp_sleep(volatile u32 *work): halts until *work is not zero or an NMI came. An NMI between the look at *work and
; HLT would be lost; the NMI handler (traps.asm) therefore moves RIP from within this piece to its end.
lp_sleep:
    stgi
lp_sleep_check:
    cmp dword [rdi], 0
    jne lp_sleep_end
    hlt
lp_sleep_end:
    clgi
    ret

; void take_pending_nmi(void): an intercepted NMI stays pending; only delivery clears it.
take_pending_nmi:
    stgi
    nop
    nop
    clgi
    ret

; void drain_interrupts(void): takes what is pending at the local APIC and throws it away (traps.asm says EOI).
drain_interrupts:
    stgi
    sti
    nop
    nop
    nop
    cli
    clgi
    ret
