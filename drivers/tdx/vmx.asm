; SPDX-License-Identifier: MIT
; VMXON and VMXOFF with their three ways of failing: a fault (code in RAX, see kernel/probe.h), VMfailInvalid
; (CF = 1: 1), VMfailValid (ZF = 1: 2). 0 is success.
;
; VMXON uses the plain [reg] form: its ModRM byte has neither SIB nor displacement, so a CPU that mistakes the
; instruction for a no-op of the wrong length (an emulator defect) still continues at the next instruction.

%include "kernel/extable.inc"

bits 64
section .text

; u64 vmxon_instruction(const u64 *region_pa)
global vmxon_instruction
vmxon_instruction:
        test    rdi, rdi                ; CF and ZF off: where the instruction does nothing, that reads as success
.vmxon:
        db      0xF3, 0x0F, 0xC7, 0x37  ; VMXON [rdi]
        jmp     vmx_outcome
EXTABLE vmxon_instruction.vmxon, vmx_faulted

; u64 vmxoff_instruction(void)
global vmxoff_instruction
vmxoff_instruction:
.vmxoff:
        db      0x0F, 0x01, 0xC4        ; VMXOFF
        jmp     vmx_outcome
EXTABLE vmxoff_instruction.vmxoff, vmx_faulted

section .text
vmx_outcome:
        mov     eax, 1
        jc      vmx_faulted
        mov     eax, 2
        jz      vmx_faulted
        xor     eax, eax
vmx_faulted:
        ret
