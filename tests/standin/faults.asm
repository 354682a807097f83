; SPDX-License-Identifier: MIT
; Leaves that don't come back: void leaf_NAME(struct lp_data *lp, struct standin_regs *regs). Where the log can be asked
; which instruction it was, it is labelled .at.

default rel
bits 64

%define LP_SYSINFO 136                  ; struct lp_data
%define LP_KEYHOLE 160
%define LP_KEYHOLE_EDIT 168
%define LP_LINE 192
%define LP_KEY 256

%define NOT_MAPPED 0x100000

section .text

%macro LEAF 1
global leaf_%1:function hidden
leaf_%1:
%endmacro

LEAF ud2
.at:    ud2

LEAF wild_jump
        mov     rsp, 1 << 63
        mov     rax, rsp
        jmp     rax

LEAF not_canonical
        mov     rax, 1 << 63
.at:    mov     rax, [rax]
        ret

LEAF not_mapped
        mov     eax, NOT_MAPPED
.at:    mov     rax, [rax]
        ret

LEAF write_code
        lea     rax, [leaf_write_code]
.at:    mov     [rax], rax
        ret

LEAF divide
        mov     eax, 1
        xor     edx, edx
        xor     ecx, ecx
.at:    div     ecx
        ret

LEAF bad_stack
        mov     esp, NOT_MAPPED
.at:    push    rax
        ud2

LEAF halt
.at:    hlt
        jmp     .at

LEAF bad_tables
        push    0
        push    0
        lidt    [rsp]
.at:    ud2

LEAF execute_data
        add     rdi, LP_LINE
        jmp     rdi

LEAF endless
.at:    jmp     .at

LEAF vmlaunch
.at:    vmlaunch
        ret

LEAF tdcall
.at:    db      0x66, 0x0F, 0x01, 0xCC
        ret

LEAF overflow
.at:    push    rax
        jmp     .at

LEAF write_sysinfo
        mov     rax, [rdi + LP_SYSINFO]
.at:    mov     [rax], rax
        ret

LEAF user_page
        mov     rax, [rdi + LP_KEYHOLE_EDIT]
.at:    mov     [rax], rdi
        ret

LEAF odd_movdir
        lea     rax, [rdi + LP_LINE + 8]
.at:    movdir64b rax, [rsi]
        ret

LEAF odd_pconfig
        xor     eax, eax
        lea     rbx, [rdi + LP_KEY + 64]
.at:    db      0x0F, 0x01, 0xC5
        ret

LEAF vmread_nowhere
        mov     ecx, 0x4402
        mov     eax, NOT_MAPPED
.at:    vmread  [rax], rcx
        ret

LEAF vmread_code
        mov     ecx, 0x4402
.at:    vmread  [leaf_vmread_code], rcx
        ret

LEAF vmxoff
.at:    vmxoff
        ret

LEAF seamcall
.at:    db      0x66, 0x0F, 0x01, 0xCF
        ret

LEAF undefined
.at:    db      0x0F, 0xFF, 0xC0
        ret

LEAF breakpoint
        int3
        ret

LEAF vmcall
.at:    vmcall
        ret

LEAF movdir_nowhere
        mov     rax, [rdi + LP_KEYHOLE]
        add     rax, 127 * 4096
.at:    movdir64b rax, [rdi + LP_LINE]
        ret

LEAF vmmcall
.at:    vmmcall
        ret

LEAF vmrun
        mov     rax, [rdi + LP_KEYHOLE]
.at:    vmrun
        ret
