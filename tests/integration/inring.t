#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The monitor's handler inside a module's ring is copied and runs by itself: the build refuses one that couldn't. What it
# does is tested by tests/unit/test_inring.c and, in a module, by standin.t.

. "$(dirname "$0")/lib.sh"

piece() { # piece TEXT: a function with it as the handler is compiled, checked
    printf 'unsigned long outside(void);\nunsigned long f(unsigned long i)\n{\n%s\n}\n' "$1" >"$work/piece.c"
    # shellcheck disable=SC2086 # words
    ${CC:-gcc} -O2 -ffreestanding -fpie -mcmodel=small -mgeneral-regs-only -fvisibility=hidden \
        -fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none -c -o "$work/piece.o" "$work/piece.c" &&
        tools/check-alone.sh "$work/piece.o" 2>"$work/said"
}

refused() { # refused REGEX TEXT: with that reason
    ! piece "$2" && grep -Eq "$1" "$work/said"
}

expect "code alone is taken" piece 'return i * i;'
expect "a call of something else is refused" refused 'symbol outside' 'return outside();'
expect "data is refused" refused 'section .data' 'static volatile unsigned long n = 1; return n += i;'
expect "memory that begins as 0 is refused" refused 'section .bss' 'static volatile unsigned long n; return n += i;'
expect "an address to relocate is refused" refused 'relocation R_X86_64_64' \
    'static const char *const t[] = {"a", "b"}; return (unsigned long)t[i & 1];'
expect "a use of GS is refused" refused 'instruction .*gs:' '__asm__ volatile("mov %%gs:0, %%rax" ::: "rax"); return i;'
expect "a use of SSE is refused" refused 'instruction .*xmm' '__asm__ volatile("xorps %xmm1, %xmm1"); return i;'
expect "an operand is wanted" sh -c '! tools/check-alone.sh 2>/dev/null'

finish
