/* SPDX-License-Identifier: MIT */
/*
 * The command that runs one case again. The launcher says with which options it was called in one word of the
 * command line, again=--smp+8+--script+dir/my.tdxt: '+' stands for a blank, "~p" for '+', "~t" for '~'. Pure;
 * built for the host as well.
 */
#ifndef TESTS_RUNNER_AGAIN_H
#define TESTS_RUNNER_AGAIN_H

#include "lib/types.h"

/*
 * The options as a shell takes them, for a case of this file (NULL: of none): of several --script only the
 * one that names it. At most size bytes with the NUL; options that don't fit are left out.
 */
void again_options(const char *word, const char *file, char *text, size_t size);

#endif
