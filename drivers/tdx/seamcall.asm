; SPDX-License-Identifier: MIT
; u64 seamcall_instruction(u64 rax, struct seamcall_args *args, u64 *fault)
;
; Executes SEAMCALL with rcx, rdx, r8-r11 from *args and writes them back. CF = 1 means RAX was not written: the
; result is then TDX_VMFAIL_INVALID. A fault ends up at .faulted with the fault code (kernel/probe.h) in RAX.

%include "kernel/extable.inc"

bits 64
section .text

TDX_VMFAIL_INVALID equ 0x8000FF00FFFF0000

global seamcall_instruction
seamcall_instruction:
        push    rbp
        mov     rbp, rsp
        push    rbx
        push    r12
        push    r13
        push    r14
        push    r15
        push    rdx                     ; where the fault code goes
        push    rsi                     ; args
        mov     rax, rdi
        mov     rcx, [rsi + 0]
        mov     rdx, [rsi + 8]
        mov     r8,  [rsi + 16]
        mov     r9,  [rsi + 24]
        mov     r10, [rsi + 32]
        mov     r11, [rsi + 40]
        xor     ebx, ebx                ; registers that no init leaf defines as operands: known values in
        xor     edi, edi
        xor     esi, esi
.seamcall:
        db      0x66, 0x0F, 0x01, 0xCF  ; SEAMCALL
        jc      .vmfail
        pop     rsi
        mov     [rsi + 0],  rcx
        mov     [rsi + 8],  rdx
        mov     [rsi + 16], r8
        mov     [rsi + 24], r9
        mov     [rsi + 32], r10
        mov     [rsi + 40], r11
        pop     rdx
        mov     qword [rdx], 0
        jmp     .out
.vmfail:
        pop     rsi
        pop     rdx
        mov     qword [rdx], 0
        mov     rax, TDX_VMFAIL_INVALID
        jmp     .out
.faulted:
        pop     rsi
        pop     rdx
        mov     [rdx], rax
.out:
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        pop     rbx
        pop     rbp
        ret

EXTABLE seamcall_instruction.seamcall, seamcall_instruction.faulted
