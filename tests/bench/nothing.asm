; SPDX-License-Identifier: MIT
; The do-nothing guest: QEMU loads it by its PVH note, and its one act is to leave through isa-debug-exit with the
; value that means "pass". What a machine costs before anybody does anything.

bits 32
section .note.pvh note alloc noexec nowrite align=4
        dd      4, 4, 18                ; name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
        db      "Xen", 0
        dd      start

section .text
global start
start:
        mov     eax, 0x10
        mov     dx, 0xF4
        out     dx, eax
.wait:  hlt
        jmp     .wait
