; SPDX-License-Identifier: MIT
; 256 entry points and what they have in common: build a struct trap_frame (traps.h), call trap_dispatch(frame).

extern trap_dispatch
global trap_stubs, descriptors_load

section .text

; One stub every 16 bytes. The processor itself pushes an error code for some exceptions (SDM vol. 3, table 7-1);
; the others get a zero, so that all frames look alike.
%define HAS_ERROR(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

align 16
trap_stubs:
%assign vector 0
%rep 256
    align 16
%if !HAS_ERROR(vector)
    push byte 0
%endif
    push strict dword vector
    jmp trap_common
%assign vector vector + 1
%endrep

align 16
trap_common:
    push rax
    push rbx
    push rcx
    push rdx
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
    cld
    mov rdi, rsp
    call trap_dispatch
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
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 16 ; vector, error
    iretq

; void descriptors_load(const void *gdt_pointer, const void *idt_pointer)
; Segment registers: code 0x08, data 0x10, FS and GS null (their bases are set by MSR), TSS 0x18.
descriptors_load:
    lgdt [rdi]
    lidt [rsi]
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov eax, 0x18
    ltr ax
    pop rax
    push 0x08
    push rax
    retfq
