/* SPDX-License-Identifier: MIT */
/*
 * What -fstack-protector-strong wants of freestanding programs (DEBUG=1 builds): a canary, and an end. The
 * end is #UD inside this function, so that the trap handler's report names it and the backtrace names the
 * caller. The canary catches mistakes, not attackers: a constant whose zero byte stops string functions is
 * enough.
 */
#include "lib/types.h"

extern u64 __stack_chk_guard;
void __stack_chk_fail(void) __attribute__((noreturn));

u64 __stack_chk_guard = 0x5EA357AEC0DE00A5ull;

void __stack_chk_fail(void)
{
    __builtin_trap();
}
