; SPDX-License-Identifier: MIT
; Instructions that may fault, as functions that return fault_t (probe.h). Arguments as in the System V ABI.

%include "kernel/extable.inc"

global probe_rdmsr, probe_wrmsr, probe_read, probe_write, probe_cr4, probe_movdir64b

section .text

; fault_t probe_rdmsr(u32 msr, u64 *value)
probe_rdmsr:
    mov ecx, edi
    xor edi, edi ; what the caller gets on a fault
.fault:
    rdmsr
    shl rdx, 32
    mov edi, eax
    or rdi, rdx
    xor eax, eax
.continue:
    mov [rsi], rdi
    ret
EXTABLE .fault, .continue

; fault_t probe_wrmsr(u32 msr, u64 value)
probe_wrmsr:
    mov ecx, edi
    mov eax, esi
    mov rdx, rsi
    shr rdx, 32
.fault:
    wrmsr
    xor eax, eax
.continue:
    ret
EXTABLE .fault, .continue

; fault_t probe_read(const volatile u64 *address, u64 *value)
probe_read:
    xor edx, edx
    xor eax, eax
.fault:
    mov rdx, [rdi]
.continue:
    mov [rsi], rdx
    ret
EXTABLE .fault, .continue

; fault_t probe_write(volatile u64 *address, u64 value)
probe_write:
    xor eax, eax
.fault:
    mov [rdi], rsi
.continue:
    ret
EXTABLE .fault, .continue

; fault_t probe_movdir64b(volatile void *to, const void *from)
probe_movdir64b:
    xor eax, eax
.fault:
    db 0x66, 0x0F, 0x38, 0xF8, 0x3E ; MOVDIR64B rdi, [rsi]
.continue:
    ret
EXTABLE .fault, .continue

; fault_t probe_cr4(u64 value)
probe_cr4:
    xor eax, eax
.fault:
    mov cr4, rdi
.continue:
    ret
EXTABLE .fault, .continue
