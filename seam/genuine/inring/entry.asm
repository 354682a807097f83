; SPDX-License-Identifier: MIT
; Where #UD arrives inside the module's ring 0, on an IST stack, since the module uses the red zone below its own. The
; layout is that of struct inring_frame (handler.h).

global inring_undefined, inring_saved, inring_restore, inring_forward
extern inring_handle

FRAME_RSP equ 14 * 8                    ; from the register behind RSP's own to what the CPU pushed of RSP

bits 64
default rel
section .text

inring_undefined:
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
    push rdi
    push rsi
    push rbp
    push qword [rsp + FRAME_RSP]
    push rbx
    push rdx
    push rcx
    push rax
inring_saved:
    cld
    mov rdi, rsp
    sub rsp, 8                          ; the ABI's alignment
    call inring_handle
    add rsp, 8
    test al, al
    jz inring_forward
inring_restore:
    pop rax
    pop rcx
    pop rdx
    pop rbx
    pop qword [rsp + FRAME_RSP]
    pop rbp
    pop rsi
    pop rdi
    pop r8
    pop r9
    pop r10
    pop r11
    pop r12
    pop r13
    pop r14
    pop r15
    iretq

; The monitor goes on from the frame: this is never returned from.
inring_forward:
    vmmcall
