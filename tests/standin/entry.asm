; SPDX-License-Identifier: MIT
; Where SEAMCALL comes in and SEAMRET goes out. RSP is the top of the LP's data stack minus 8, GS base its local data;
; everything else is the caller's, and goes back to it through struct lp_data.

default rel
bits 64

extern standin_call
extern __ehdr_start

section .text

global standin_entry:function hidden
standin_entry:
        mov     [gs:0], rax
        mov     [gs:8], rbx
        mov     [gs:16], rcx
        mov     [gs:24], rdx
        mov     [gs:32], rsi
        mov     [gs:40], rdi
        mov     [gs:48], rbp
        mov     [gs:56], r8
        mov     [gs:64], r9
        mov     [gs:72], r10
        mov     [gs:80], r11
        mov     [gs:88], r12
        mov     [gs:96], r13
        mov     [gs:104], r14
        mov     [gs:112], r15
        mov     [gs:120], rsp
        rdgsbase rdi
        rdfsbase rsi
        sub     rsp, 8                  ; the stack as C wants it
        cld
        call    standin_call
        mov     rax, [gs:0]
        mov     rbx, [gs:8]
        mov     rcx, [gs:16]
        mov     rdx, [gs:24]
        mov     rsi, [gs:32]
        mov     rdi, [gs:40]
        mov     rbp, [gs:48]
        mov     r8, [gs:56]
        mov     r9, [gs:64]
        mov     r10, [gs:72]
        mov     r11, [gs:80]
        mov     r12, [gs:88]
        mov     r13, [gs:96]
        mov     r14, [gs:104]
        mov     r15, [gs:112]
.leave: db      0x66, 0x0F, 0x01, 0xCD  ; SEAMRET
        ud2

; u64 standin_image(void): the linear address of the image's first byte
global standin_image:function hidden
standin_image:
        lea     rax, [__ehdr_start]
        ret
