/* SPDX-License-Identifier: MIT */
#include "kernel/probe.h"

#include "lib/format.h"

/* SDM vol. 3, table 7-1 */
static const char *const names[32] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL,  "#TS",
    "#NP", "#SS", "#GP", "#PF", NULL,  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
};

static bool has_error_code(u8 vector)
{
    return vector == VECTOR_DF || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;
}

const char *fault_name(fault_t fault, char text[16])
{
    u8 vector = fault_vector(fault);
    if (fault == FAULT_NONE) {
        format(text, 16, "none");
    } else if (vector >= 32 || !names[vector]) {
        format(text, 16, "vector %u", vector);
    } else if (has_error_code(vector)) {
        u32 error = (u32)fault;
        format(text, 16, error ? "%s(0x%x)" : "%s(%x)", names[vector], error);
    } else {
        format(text, 16, "%s", names[vector]);
    }
    return text;
}
