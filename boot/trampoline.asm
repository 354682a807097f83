; SPDX-License-Identifier: MIT
; Where application processors start: real mode -> protected mode -> 64-bit mode. The code is never run where it is
; linked; trampoline_prepare() copies it to a page below 1 MiB and fills in the fields that stand at T_*.
; Nothing here may depend on its address: labels are used only as distances from trampoline_code, and the page's own
; address is taken from CS. Any number of processors run through it at once, so it writes nothing but the ticket.

global trampoline_code, trampoline_code32, trampoline_code64, trampoline_gdt, trampoline_gdt_end, trampoline_code_end

; struct trampoline of trampoline.h, from the start of the page
T_CR3    equ 16 + 0
T_CR4    equ 16 + 8
T_EFER   equ 16 + 16
T_ENTRY  equ 16 + 24
T_STACKS equ 16 + 32
T_LIMIT  equ 16 + 40
T_NEXT   equ 16 + 44
T_GDT    equ 16 + 48 ; limit and base for LGDT
T_FAR32  equ 16 + 56 ; far pointers
T_FAR64  equ 16 + 64
T_SIZE   equ 70

CR0_PE   equ 1 << 0
CR0_MP   equ 1 << 1
CR0_NE   equ 1 << 5
CR0_WP   equ 1 << 16
CR0_PG   equ 1 << 31
MSR_EFER equ 0xC0000080

SELECTOR_DATA equ 0x10

section .rodata
align 16
bits 16
trampoline_code:
    jmp short .begin
    times 16 - ($ - trampoline_code) db 0
    times T_SIZE db 0
.begin:
    cli
    cld
    xor ebx, ebx ; EBX = physical address of the page, to the end
    mov bx, cs
    mov ds, bx
    shl ebx, 4
    o32 lgdt [T_GDT]
    mov eax, CR0_PE | CR0_NE | CR0_MP ; CD and NW, which INIT may leave set, go off as well
    mov cr0, eax
    jmp dword far [T_FAR32]

bits 32
trampoline_code32:
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, [ebx + T_CR4]
    mov cr4, eax
    mov eax, [ebx + T_CR3]
    mov cr3, eax
    mov ecx, MSR_EFER
    rdmsr
    or eax, [ebx + T_EFER]
    wrmsr
    mov eax, CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE
    mov cr0, eax
    jmp far [ebx + T_FAR64]

bits 64
trampoline_code64:
    mov ebx, ebx ; the upper half is undefined after the mode switch
    mov edi, 1
    lock xadd [rbx + T_NEXT], edi
    cmp edi, [rbx + T_LIMIT]
    jae .halt
    mov rax, [rbx + T_STACKS]
    mov rsp, [rax + rdi * 8]
    xor ebp, ebp ; the end of every backtrace
    call [rbx + T_ENTRY]
.halt: ; more processors than stacks, or entry returned
    cli
    hlt
    jmp .halt

align 8
trampoline_gdt:
    dq 0
    dq 0x00CF9B000000FFFF ; 0x08 32-bit code
    dq 0x00CF93000000FFFF ; 0x10 data
    dq 0x00AF9B000000FFFF ; 0x18 64-bit code
trampoline_gdt_end:
trampoline_code_end:

%if trampoline_code_end - trampoline_code > 4096
%error "the trampoline must fit on one page"
%endif
