; SPDX-License-Identifier: MIT
; Emulated instructions in the forms that an encoder can give them, and what becomes of the flags; instructions.h says
; what each function takes and gives. Arguments come in RDI, RSI, RDX.

default rel
bits 64

%define LP_LINE 192                     ; struct lp_data, line

%macro SET_FLAGS 0                      ; OF SF ZF AF PF CF
        push    0x8D7
        popfq
%endmacro

section .text

; Ends each function; only instructions that leave flags alone may stand before.
flags_out:
        pushfq
        pop     rax
        and     eax, 0x8D5
        ret

; ---- VMREAD, VMWRITE: RDI the field, RSI the place ----

%macro EITHER 3                         ; %1 VMREAD or VMWRITE, %2 the operand, %3 the field's register
    %ifidn %1, VMREAD
        vmread  %2, %3
    %else
        vmwrite %3, %2
    %endif
%endmacro

%macro BACK 2                           ; what VMREAD left in the operand goes to the place
    %ifidn %1, VMREAD
        mov     [rsi], %2
    %endif
%endmacro

%macro FORMS 2                          ; %1 the instruction, %2 prefix of the functions' names
%2_low_registers:
        mov     rax, [rsi]
        SET_FLAGS
        EITHER  %1, rax, rdi
        BACK    %1, rax
        jmp     flags_out

%2_high_registers:
        push    r12
        push    r15
        mov     r12, rdi
        mov     r15, [rsi]
        SET_FLAGS
        EITHER  %1, r15, r12
        BACK    %1, r15
        pop     r15
        pop     r12
        jmp     flags_out

%2_mixed_registers:
        push    rbp
        mov     rbp, [rsi]
        mov     r9, rdi
        SET_FLAGS
        EITHER  %1, rbp, r9
        BACK    %1, rbp
        pop     rbp
        jmp     flags_out

%2_base:
        SET_FLAGS
        EITHER  %1, [rsi], rdi
        jmp     flags_out

%2_base_disp8:
        lea     r8, [rsi + 0x70]
        SET_FLAGS
        EITHER  %1, [r8 - 0x70], rdi
        jmp     flags_out

%2_base_disp32:
        lea     r8, [rsi - 0x12340]
        SET_FLAGS
        EITHER  %1, [r8 + 0x12340], rdi
        jmp     flags_out

%2_r13:                                 ; has no form without a displacement
        push    r13
        mov     r13, rsi
        SET_FLAGS
        EITHER  %1, [r13], rdi
        pop     r13
        jmp     flags_out

%2_r12:                                 ; has no form without SIB
        push    r12
        mov     r12, rsi
        SET_FLAGS
        EITHER  %1, [r12], rdi
        pop     r12
        jmp     flags_out

%2_rsp:
        push    qword [rsi]
        push    rax
        SET_FLAGS
        EITHER  %1, [rsp + 8], rdi
        pop     rax
        pop     qword [rsi]
        jmp     flags_out

%2_no_base:
        lea     r8, [rsi - 0x40]
        sar     r8, 2
        SET_FLAGS
        EITHER  %1, [r8 * 4 + 0x40], rdi
        jmp     flags_out

%2_base_index:
        push    rbx
        push    r14
        lea     rbx, [rsi - 0x68]
        mov     r14d, 0x30
        SET_FLAGS
        EITHER  %1, [rbx + r14 * 2 + 8], rdi
        pop     r14
        pop     rbx
        jmp     flags_out

%2_gs_register:
        rdgsbase r9
        mov     r8, rsi
        sub     r8, r9
        SET_FLAGS
        EITHER  %1, [gs:r8], rdi
        jmp     flags_out

%2_gs_absolute:
        mov     rax, [rsi]
        mov     [gs:abs LP_LINE], rax
        SET_FLAGS
        EITHER  %1, [gs:abs LP_LINE], rdi
        mov     rax, [gs:abs LP_LINE]
        mov     [rsi], rax
        jmp     flags_out

%2_fs_absolute:                         ; after SYS.LP.INIT: that page can be written to
        mov     rax, [rsi]
        mov     [fs:abs 0x100], rax
        SET_FLAGS
        EITHER  %1, [fs:abs 0x100], rdi
        mov     rax, [fs:abs 0x100]
        mov     [rsi], rax
        jmp     flags_out

%2_prefixes:                            ; DS and REX.W, which change nothing
        SET_FLAGS
    %ifidn %1, VMREAD
        db      0x3E, 0x48, 0x0F, 0x78, 0x3E
    %else
        db      0x3E, 0x48, 0x0F, 0x79, 0x3E
    %endif
        jmp     flags_out

%2_stack_pointer:                       ; as the other operand, not an address
        SET_FLAGS
        mov     rax, rsp
        mov     rsp, [rsi]
        EITHER  %1, rsp, rdi
        BACK    %1, rsp
        mov     rsp, rax
        jmp     flags_out
%endmacro

        FORMS   VMREAD, read
        FORMS   VMWRITE, write

read_rbp:                               ; has no form without a displacement
        push    rbp
        mov     rbp, rsi
        SET_FLAGS
        vmread  [rbp], rdi
        pop     rbp
        jmp     flags_out

write_rip:
        SET_FLAGS
        vmwrite rdi, [constant]
        jmp     flags_out

%macro VMX_TABLE 2                      ; %1 prefix, %2 one of its own
        dq      %1_low_registers, %1_high_registers, %1_mixed_registers, %1_base
        dq      %1_base_disp8, %1_base_disp32, %1_r13, %1_r12
        dq      %1_rsp, %1_no_base, %1_base_index, %1_gs_register
        dq      %1_gs_absolute, %1_fs_absolute, %1_prefixes, %2
        dq      %1_stack_pointer
%endmacro

; ---- MOVDIR64B: RDI to, RSI from ----

move_plain:
        SET_FLAGS
        movdir64b rdi, [rsi]
        jmp     flags_out

move_high_registers:
        push    r12
        push    r15
        mov     r12, rsi
        mov     r15, rdi
        SET_FLAGS
        movdir64b r15, [r12]
        pop     r15
        pop     r12
        jmp     flags_out

move_disp8:
        lea     r8, [rsi + 0x70]
        SET_FLAGS
        movdir64b rdi, [r8 - 0x70]
        jmp     flags_out

move_disp32:
        lea     rax, [rsi + 0x12340]
        SET_FLAGS
        movdir64b rdi, [rax - 0x12340]
        jmp     flags_out

move_base_index:
        push    rbx
        push    r14
        lea     rbx, [rsi - 0x188]
        mov     r14d, 0x30
        SET_FLAGS
        movdir64b rdi, [rbx + r14 * 8 + 8]
        pop     r14
        pop     rbx
        jmp     flags_out

move_gs:
        rdgsbase r9
        mov     r8, rsi
        sub     r8, r9
        SET_FLAGS
        movdir64b rdi, [gs:r8]
        jmp     flags_out

move_rip:
        SET_FLAGS
        movdir64b rdi, [constant_line]
        jmp     flags_out

; ---- operands in memory, RSI or RDI ----

global vmptrld_flags:function hidden
vmptrld_flags:
        SET_FLAGS
        vmptrld [rdi]
        jmp     flags_out

global vmclear_flags:function hidden
vmclear_flags:
        SET_FLAGS
        vmclear [rdi]
        jmp     flags_out

global vmptrst_flags:function hidden
vmptrst_flags:
        SET_FLAGS
        vmptrst [rdi]
        jmp     flags_out

global invept_flags:function hidden
invept_flags:
        SET_FLAGS
        invept  rdi, [rsi]
        jmp     flags_out

global invvpid_flags:function hidden
invvpid_flags:
        SET_FLAGS
        invvpid rdi, [rsi]
        jmp     flags_out

; ---- operands in fixed registers ----

global pconfig_flags:function hidden
pconfig_flags:
        push    rbx
        mov     rax, rdi
        mov     rbx, rsi
        SET_FLAGS
        db      0x0F, 0x01, 0xC5        ; PCONFIG
        mov     [rdx], rax
        pop     rbx
        jmp     flags_out

global seamops:function hidden
seamops:
        push    r12
        push    r13
        push    r14
        push    r15
        mov     rax, rdi
        db      0x66, 0x0F, 0x01, 0xCE  ; SEAMOPS
        mov     [rsi + 0], rax
        mov     [rsi + 8], r10
        mov     [rsi + 16], r11
        mov     [rsi + 24], r12
        mov     [rsi + 32], r13
        mov     [rsi + 40], r14
        mov     [rsi + 48], r15
        pop     r15
        pop     r14
        pop     r13
        pop     r12
        ret

global random_number:function hidden
random_number:
        xor     eax, eax
        test    edi, edi
        jnz     .seed
        rdrand  rcx
        jmp     .number
.seed:  rdseed  rcx
.number:
        setc    al
        mov     [rsi], rcx
        ret

; RDI area, RSI components, RDX pattern, RCX outputs
global xstate_round_trip:function hidden
xstate_round_trip:
        mov     r8, rdx
        mov     eax, esi
        mov     rdx, rsi
        shr     rdx, 32
        movq    xmm0, r8
        xsaves64 [rdi]
        not     r8
        movq    xmm0, r8
        movq    [rcx + 8], xmm0
        xrstors64 [rdi]
        movq    [rcx], xmm0
        ret

; ---- the red zone ----

%define PATTERN 0x5EED000000000000

; RDI field, RSI line, RDX to. Words 1 to 16 lie below RSP; nothing is pushed while they do. Word 16 is what VMREAD
; writes and VMWRITE takes back, words 9 to 16 are what MOVDIR64B moves at last.
global red_zone_round:function hidden
red_zone_round:
    %assign word 1
    %rep 16
        mov     rax, PATTERN + word
        mov     [rsp - 8 * word], rax
        %assign word word + 1
    %endrep
        vmread  r8, rdi
        vmread  [rsp - 128], rdi
        movdir64b rdx, [rsi]
        vmwrite rdi, [rsp - 128]
        xor     ecx, ecx
        mov     r9, rdx
        xgetbv
        movdir64b r9, [rsp - 128]
        xor     eax, eax
    %assign word 1
    %rep 15
        mov     rcx, PATTERN + word
        cmp     rcx, [rsp - 8 * word]
        jne     .bad %+ word
        inc     eax
.bad %+ word:
        %assign word word + 1
    %endrep
        cmp     r8, [rsp - 128]
        jne     .moved
        cmp     r8, [r9]
        jne     .moved
        inc     eax
.moved: mov     rcx, PATTERN + 9
        cmp     rcx, [r9 + 56]
        je      .out
        xor     eax, eax
.out:   ret

; RDI field, RSI times
global vmread_sum:function hidden
vmread_sum:
        xor     eax, eax
        test    rsi, rsi
        jz      .out
.again: vmread  rcx, rdi
        add     rax, rcx
        dec     rsi
        jnz     .again
.out:   ret

section .rodata

        align   64
constant_line:
    %assign word 1
    %rep 8
        dq      0x0101010101010101 * word
        %assign word word + 1
    %endrep
constant:
        dq      0x57A4D1

section .data.rel.ro progbits alloc noexec write align=8

global vmread_forms:data hidden
vmread_forms:
        VMX_TABLE read, read_rbp
global vmwrite_forms:data hidden
vmwrite_forms:
        VMX_TABLE write, write_rip
global movdir_forms:data hidden
movdir_forms:
        dq      move_plain, move_high_registers, move_disp8, move_disp32, move_base_index, move_gs, move_rip
