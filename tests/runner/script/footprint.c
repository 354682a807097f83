/* SPDX-License-Identifier: MIT */
/*
 * All that a host can notice of a module, folded into numbers: metadata fields, refused ones by their status
 * (on an LP that isn't initialised all are), and the monitor's hash of the soft module's whole state. Beside
 * the hash, fields that never change in a module's life needn't be read: a call less is 20 us less.
 */
#include "tests/runner/script/run.h"

enum valid { VALID_LP_INIT, VALID_CONFIG, VALID_QUOTE }; /* last column of fields.def */

static const struct {
    u64 id;
    u32 elements;
    enum valid valid;
} fields[] = {
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid)                                           \
    {(id), (fields) * (elements), VALID_##valid},
#include "drivers/tdx/abi/fields.def"
};

#define FOLD_START      0xCBF29CE484222325ull
#define FOLD_MULTIPLIER 0x100000001B3ull

static u64 fold(u64 sum, u64 value)
{
    return (sum ^ value) * FOLD_MULTIPLIER;
}

static u64 fold_field(struct script_run *run, u64 sum, u64 id)
{
    u64 value = 0;
    struct script_made made;
    run_sysrd(run, id, &value, &made);
    return fold(fold(sum, made.out.r[REG_RAX]), value);
}

static u64 fold_metadata(struct script_run *run, bool hashed)
{
    u64 sum = FOLD_START;
    for (u32 i = 0; i < ARRAY_COUNT(fields); i++)
        for (u32 element = 0; element < fields[i].elements; element++)
            if (!hashed || fields[i].valid != VALID_LP_INIT)
                sum = fold_field(run, sum, fields[i].id + element);
    return sum;
}

/* Reading metadata would use up an injection that is meant for the script's own calls. */
struct script_footprint run_footprint_take(struct script_run *run)
{
    struct script_footprint print = {0};
    const struct script_port *port = run->port;
    print.hashed = port->monitor && port->monitor_read(port->context, MONITOR_MSR_FOOTPRINT, &print.hash);
    if (!run->injecting)
        print.fold = fold_metadata(run, print.hashed);
    if (print.hashed) /* once more, should reading leave a trace */
        port->monitor_read(port->context, MONITOR_MSR_FOOTPRINT, &print.hash);
    return print;
}
