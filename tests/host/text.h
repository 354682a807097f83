/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOST_TEXT_H
#define TESTS_HOST_TEXT_H

#include "tests/runner/script/script.h"

/* A whole file into memory that stays: it is parsed again when a case runs. False: it can't be read, as
 * stderr says. */
bool host_read_script(const char *name, struct script_file *script);
/* Complains on stderr, for script_read(). */
void host_complain(void *context, const struct script_error *error);

#endif
