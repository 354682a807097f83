; SPDX-License-Identifier: MIT
; From 4-level to 5-level paging. CR4.LA57 can't change while paging is on, so this piece is copied to a page below 4 GiB
; that both sets of tables show at its address, and runs there.

global five_levels, five_levels_end

CR0_PG   equ 1 << 31
CR4_LA57 equ 1 << 12

bits 64
section .text

; void five_levels(u64 here, u64 cr3): here = where this code was copied to; the rest of its page is its stack.
; The caller loads its own descriptor tables again.
five_levels:
    mov [rdi + stack - five_levels], rsp
    lea rax, [rdi + gdt - five_levels]
    mov [rdi + gdt_pointer + 2 - five_levels], rax
    lgdt [rdi + gdt_pointer - five_levels]
    lea rsp, [rdi + 4096]
    lea rax, [rdi + narrow - five_levels]
    push 0x18
    push rax
    o64 retf

bits 32
narrow:
    mov eax, cr0
    and eax, ~CR0_PG
    mov cr0, eax
    mov eax, cr4
    or eax, CR4_LA57
    mov cr4, eax
    mov cr3, esi
    mov eax, cr0
    or eax, CR0_PG
    mov cr0, eax
    lea eax, [edi + wide - five_levels]
    push 0x08
    push eax
    retf

bits 64
wide:
    mov edi, edi                        ; the upper halves are undefined after a stay in 32-bit code
    mov rsp, [rdi + stack - five_levels]
    ret

align 8
stack:
    dq 0
gdt:
    dq 0
    dq 0x00AF9B000000FFFF               ; 0x08: 64-bit code
    dq 0x00CF93000000FFFF               ; 0x10: data
    dq 0x00CF9B000000FFFF               ; 0x18: 32-bit code
gdt_pointer:
    dw gdt_pointer - gdt - 1
    dq 0
five_levels_end:
