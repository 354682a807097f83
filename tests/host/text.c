/* SPDX-License-Identifier: MIT */
#include "tests/host/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP (1u << 16)

/* NULL: no memory */
static char *read_all(FILE *file, u32 *size)
{
    char *text = NULL;
    size_t got = 1;
    for (*size = 0; got; *size += (u32)got) {
        char *more = realloc(text, *size + STEP);
        if (!more) {
            free(text);
            return NULL;
        }
        text = more;
        got = fread(text + *size, 1, STEP, file);
    }
    return text;
}

bool host_read_script(const char *name, struct script_file *script)
{
    FILE *file = fopen(name, "rb");
    *script = (struct script_file){.name = name};
    if (file) {
        char *text = read_all(file, &script->size);
        if (ferror(file)) { /* a directory */
            free(text);
            text = NULL;
        }
        script->text = text;
        fclose(file);
    }
    if (!script->text)
        fprintf(stderr, "tdxt: %s can't be read: %s\n", name, strerror(errno));
    return script->text != NULL;
}

void host_complain(void *context, const struct script_error *error)
{
    char text[512];
    (void)context;
    script_error_text(error, text, sizeof(text));
    fprintf(stderr, "%s\n", text);
}
