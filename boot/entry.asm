; SPDX-License-Identifier: MIT
;
; From the loader to boot_main(), for kernel and monitor alike. Two ways in, both in 32-bit protected mode
; without paging: PVH (EBX: physical address of hvm_start_info) and Multiboot2 (EAX: magic, EBX: boot
; information). Both end in
;
;     void boot_main(u32 entry_kind, u64 loader_data)        (enum boot_entry, boot/boot_info.h)
;
; in long mode, high half, interrupts off, on the boot stack, with these tables:
;     0 .. 4 GiB                          identity     2 MiB pages, writable, executable
;     0xFFFF880000000000 .. + 4 GiB       physical 0   the same pages again: where the kernel's direct map will be
;     0xFFFFFFFF80000000 .. + 1 GiB       physical 0   and again: the image
; EFER.NXE is set when CPUID offers NX. Nothing is cleared here: loaders zero .bss as ELF tells them to, and
; what they leave (start_info, command line, modules) may lie right behind the image.

BITS 32
default abs

KERNEL_BASE   equ 0xFFFFFFFF80000000
ENTRY_PVH     equ 1                     ; enum boot_entry
ENTRY_MB2     equ 2
BOOT_STACK    equ 16384
COM1          equ 0x3F8
EXIT_PORT     equ 0xF4                  ; QEMU's isa-debug-exit
EXIT_ERROR    equ 0x12                  ; enum exit_code, kernel/panic.h

MB2_HEADER    equ 0xE85250D6            ; Multiboot2 specification 1.6/2.0, section 3.1.1
MB2_LOADER    equ 0x36D76289

%define LOW(symbol) (symbol - KERNEL_BASE)

; ---- what loaders look for ----

section .multiboot progbits alloc noexec nowrite align=8
multiboot_header:
    dd MB2_HEADER
    dd 0                                ; architecture: i386, protected mode
    dd multiboot_header_end - multiboot_header
    dd 0x100000000 - MB2_HEADER - (multiboot_header_end - multiboot_header)

    dw 1, 0                             ; information request: the loader must know the memory map
    dd 12
    dd 6
    dd 0                                ; padding: tags start at multiples of 8

    dw 1, 1                             ; optional: command line, modules, ACPI root pointers
    dd 24
    dd 1, 3, 14, 15

    dw 6, 0                             ; modules start on page boundaries
    dd 8

    dw 0, 0
    dd 8
multiboot_header_end:

section .note.Xen note alloc noexec nowrite align=4
    dd 4                                ; name size
    dd 8                                ; descriptor size
    dd 18                               ; XEN_ELFNOTE_PHYS32_ENTRY
    db "Xen", 0
    dq LOW(entry_pvh)

; ---- 32-bit code: every address is a physical one ----

section .text
extern boot_main

global entry_multiboot2                 ; e_entry: virtual, as Multiboot2 loaders want it in an ELF64
entry_multiboot2:
    cli
    cld
    mov esp, LOW(boot_stack_top)
    cmp eax, MB2_LOADER
    mov esi, LOW(text_not_multiboot2)
    jne give_up
    mov edi, ENTRY_MB2
    jmp to_long_mode

entry_pvh:
    cli
    cld
    mov esp, LOW(boot_stack_top)
    mov edi, ENTRY_PVH

; EDI: entry kind, EBX: loader data
to_long_mode:
    mov ebp, ebx                        ; CPUID overwrites EBX
    call require_long_mode
    call build_tables
    mov eax, cr4
    or eax, 1 << 5                      ; PAE
    mov cr4, eax
    mov eax, LOW(boot_pml4)
    mov cr3, eax
    call enable_long_mode
    lgdt [LOW(boot_gdt_pointer)]
    jmp 0x08:LOW(in_long_mode)

; Returns only if CPUID exists and offers long mode.
require_long_mode:
    mov esi, LOW(text_no_long_mode)
    pushfd
    pop eax
    mov ecx, eax
    xor eax, 1 << 21                    ; EFLAGS.ID can be changed only where CPUID exists
    push eax
    popfd
    pushfd
    pop eax
    xor eax, ecx
    test eax, 1 << 21
    jz give_up
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb give_up
    mov eax, 0x80000001
    cpuid
    test edx, 1 << 29
    jz give_up
    ret

; 0 to 4 GiB, three times through the same four page directories.
build_tables:
    mov dword [LOW(boot_pml4)], LOW(boot_pdpt_low) + 3
    mov dword [LOW(boot_pml4) + 272 * 8], LOW(boot_pdpt_low) + 3
    mov dword [LOW(boot_pml4) + 511 * 8], LOW(boot_pdpt_high) + 3
    mov dword [LOW(boot_pdpt_high) + 510 * 8], LOW(boot_directories) + 3
    xor ecx, ecx
    mov eax, LOW(boot_directories) + 3
.directory:
    mov [LOW(boot_pdpt_low) + ecx * 8], eax
    add eax, 4096
    inc ecx
    cmp ecx, 4
    jne .directory
    xor ecx, ecx
    mov eax, 0x83                       ; present, writable, 2 MiB page
.page:
    mov [LOW(boot_directories) + ecx * 8], eax
    add eax, 0x200000
    inc ecx
    cmp ecx, 4 * 512
    jne .page
    ret

enable_long_mode:
    mov eax, 0x80000001
    cpuid
    mov esi, edx
    mov ecx, 0xC0000080                 ; EFER
    rdmsr
    or eax, 1 << 8                      ; LME
    test esi, 1 << 20                   ; NX is offered: NXE may be set
    jz .no_nx
    or eax, 1 << 11
.no_nx:
    wrmsr
    mov eax, cr0
    and eax, ~(1 << 2 | 1 << 3 | 1 << 29 | 1 << 30) ; EM, TS, NW, CD off
    or eax, 1 << 0 | 1 << 1 | 1 << 5 | 1 << 16 | 1 << 31 ; PE, MP, NE, WP, PG
    mov cr0, eax
    ret

; Prints the text at ESI to COM1 and leaves: QEMU by its exit port, any other machine by halting. A UART that
; never becomes ready costs a bounded wait a character.
give_up:
    mov edx, COM1 + 1
    xor eax, eax
    out dx, al                          ; no interrupts
    add edx, 2
    mov al, 0x80
    out dx, al                          ; divisor latch
    mov edx, COM1
    mov al, 1
    out dx, al                          ; 115200 baud
    inc edx
    xor eax, eax
    out dx, al
    add edx, 2
    mov al, 3
    out dx, al                          ; 8N1
.character:
    lodsb
    test al, al
    jz .end
    mov ah, al
    mov ecx, 100000
    mov edx, COM1 + 5
.wait:
    in al, dx
    test al, 0x20                       ; transmitter empty
    jnz .send
    loop .wait
.send:
    mov al, ah
    mov edx, COM1
    out dx, al
    jmp .character
.end:
    mov eax, EXIT_ERROR
    out EXIT_PORT, al
.halt:
    hlt
    jmp .halt

; ---- 64-bit code ----

BITS 64
in_long_mode:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov rax, in_high_half
    jmp rax
in_high_half:
    lgdt [boot_gdt_pointer_high]        ; from here on nothing refers to low addresses but the loader's data
    mov rsp, boot_stack_top
    xor eax, eax
    push rax                            ; a backtrace ends at a zero return address
    mov esi, ebp                        ; loader_data; EDI holds the entry kind
    xor ebp, ebp
    mov rax, boot_main
    call rax
.halt:
    cli
    hlt
    jmp .halt

; ---- data ----

section .rodata
align 8
boot_gdt:
    dq 0
    dq 0x00AF9A000000FFFF               ; 0x08: 64-bit code
    dq 0x00CF92000000FFFF               ; 0x10: data
boot_gdt_pointer:
    dw boot_gdt_pointer - boot_gdt - 1
    dd LOW(boot_gdt)
boot_gdt_pointer_high:
    dw boot_gdt_pointer - boot_gdt - 1
    dq boot_gdt

text_no_long_mode:
    db "# This CPU has no 64-bit mode, which Seamstress needs: use a 64-bit CPU (QEMU: -cpu max).", 13, 10, 0
text_not_multiboot2:
    db "# The loader didn't hand over as Multiboot2 says: use GRUB's 'multiboot2' command (not 'multiboot').", 13, 10, 0

section .bss nobits alloc noexec write align=4096
global boot_stack_guard, boot_stack_top
alignb 4096
boot_pml4:        resb 4096
boot_pdpt_low:    resb 4096
boot_pdpt_high:   resb 4096
boot_directories: resb 4 * 4096
boot_stack_guard: resb 4096             ; paging_init() unmaps it
boot_stack:       resb BOOT_STACK
boot_stack_top:
