/* SPDX-License-Identifier: MIT */
#include "seam/monitor/options.h"

#include "lib/format.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "seam/monitor/fault_option.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"

#define WORD_MAX 128

#define SEAMRR_SOFT    (32 * MIB)
#define SEAMRR_GENUINE (128 * MIB) /* module, and snapshots of what it owns */

struct options options = {
    .profile = "ext", .topology = "default", .module = "tdx-module", .traps_inring = true};

static void take_text(char *to, size_t size, const char *option, const char *value)
{
    if (format(to, size, "%s", value) >= size || !*value)
        refuse("option %s=%s: a name of 1 to %lu characters is wanted", option, value, size - 1);
}

static void take_profile(const char *value)
{
    take_text(options.profile, sizeof(options.profile), "profile", value);
}

static void take_topology(const char *value)
{
    take_text(options.topology, sizeof(options.topology), "topology", value);
}

static void take_kernel(const char *value)
{
    take_text(options.kernel, sizeof(options.kernel), "kernel", value);
}

static void take_subject(const char *value)
{
    if (strcmp(value, "genuine") == 0)
        options.subject = MONITOR_SUBJECT_GENUINE;
    else if (strcmp(value, "soft") != 0)
        refuse("option subject=%s: no such subject; there are: soft, genuine", value);
}

static void take_module(const char *value)
{
    take_text(options.module, sizeof(options.module), "module", value);
}

static void take_overlay(const char *value)
{
    if (strcmp(value, "ext") != 0)
        refuse("option overlay=%s: no such overlay; there are: ext", value);
    options.overlay_ext = true;
}

static void take_traps(const char *value)
{
    if (strcmp(value, "inring") != 0 && strcmp(value, "exits") != 0)
        refuse("option traps=%s: no such way; there are: inring, exits", value);
    options.traps_inring = strcmp(value, "inring") == 0;
}

static void take_seed(const char *value)
{
    options.seed_given = parse_u64(value, &options.seed);
    if (!options.seed_given)
        refuse("option seed=%s: a number is wanted", value);
}

static void take_patch(const char *value)
{
    static const char *const words[] = {"auto", "on", "off"}; /* enum options_patch */
    for (u32 i = 0; i < ARRAY_COUNT(words); i++) {
        if (strcmp(value, words[i]) != 0)
            continue;
        options.patch = (enum options_patch)i;
        return;
    }
    refuse("option patch=%s: there are: auto, on, off", value);
}

static void take_seamrr(const char *value)
{
    u64 mib;
    if (!parse_u64(value, &mib) || mib < 32 || mib > 1024 || (mib & (mib - 1)))
        refuse("option seamrr=%s: MiB are wanted, a power of two from 32 to 1024", value);
    options.seamrr_size = mib * MIB;
}

static void take_stray(const char *value)
{
    if (strcmp(value, "mc") == 0)
        options.stray = MONITOR_STRAY_MACHINE_CHECK;
    else if (strcmp(value, "scramble") == 0)
        options.stray = MONITOR_STRAY_SCRAMBLE;
    else
        refuse("option stray=%s: no such policy; there are: mc, scramble", value);
}

static void take_keys(const char *value)
{
    static const char *const names[] = {
        [KEYS_REPORT] = "report", [KEYS_SCRAMBLE] = "scramble", [KEYS_STOP] = "stop"};
    for (u32 i = 0; i < ARRAY_COUNT(names); i++) {
        if (strcmp(value, names[i]) != 0)
            continue;
        options.keys = (enum keys_answer)i;
        return;
    }
    refuse("option keys=%s: no such answer; there are: report, scramble, stop", value);
}

static void take_snapshots(const char *value)
{
    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        refuse("option snapshots=%s: there are: on, off", value);
    options.no_snapshots = strcmp(value, "off") == 0;
}

static void take_verbose(const char *value)
{
    if (*value)
        refuse("option verbose=%s: verbose takes no value", value);
    options.verbose = true;
}

/* The profile sets all knobs, so single knobs wait until it is known. */
static void take_knob(const char *value)
{
    log_to_both(true); /* the module says what it dislikes and lists the knobs */
    bool done = soft_knob_set(&options.knobs, value);
    log_to_both(false);
    if (!done)
        refuse("option knob=%s is refused, the lines above say why", value);
}

static const struct option {
    const char *name;
    void (*take)(const char *value);
    bool second_pass; /* needs what others set */
} table[] = {
    {"profile", take_profile, false},     {"topology", take_topology, false},
    {"kernel", take_kernel, false},       {"subject", take_subject, false},
    {"stray", take_stray, false},         {"verbose", take_verbose, false},
    {"fault", fault_option_take, false},  {"knob", take_knob, true},
    {"seamrr", take_seamrr, false},       {"module", take_module, false},
    {"overlay", take_overlay, false},     {"traps", take_traps, false},
    {"seed", take_seed, false},           {"keys", take_keys, false},
    {"snapshots", take_snapshots, false}, {"patch", take_patch, false},
};

static void take_word(char *word, bool second_pass)
{
    char *equals = strchr(word, '=');
    if (equals)
        *equals = 0;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        if (strcmp(table[i].name, word) != 0)
            continue;
        if (table[i].second_pass == second_pass)
            table[i].take(equals ? equals + 1 : "");
        return;
    }
    refuse(
        "unknown monitor option '%s'; there are: profile, topology, subject, kernel, knob, fault, stray, seamrr, "
        "module, overlay, traps, seed, patch, keys, snapshots, verbose (the kernel's follow after --)",
        word);
}

/* Calls take_word() for the words before "--" and returns what follows it. */
static const char *each_word(const char *line, bool second_pass)
{
    while (*line) {
        while (*line == ' ')
            line++;
        size_t length = 0;
        while (line[length] && line[length] != ' ')
            length++;
        if (length == 2 && strncmp(line, "--", 2) == 0)
            return line + 2 + (line[2] == ' ');
        char word[WORD_MAX];
        if (length >= sizeof(word))
            refuse("monitor option too long, at most %u characters: %.40s...", WORD_MAX - 1, line);
        memcpy(word, line, length);
        word[length] = 0;
        if (length)
            take_word(word, second_pass);
        line += length;
    }
    return line;
}

void options_read(void)
{
    const char *line = machine.boot.command_line;
    const char *rest = each_word(line, false);
    if (!soft_profile(options.profile, &options.knobs))
        refuse("no profile is called '%s'; there are: %s", options.profile, soft_profile_names());
    each_word(line, true);
    if (!options.seamrr_size)
        options.seamrr_size = options.subject == MONITOR_SUBJECT_GENUINE ? SEAMRR_GENUINE : SEAMRR_SOFT;
    machine.topology = topology_by_name(options.topology);
    if (!machine.topology) {
        char names[80];
        topology_names(names, sizeof(names));
        refuse("no topology is called '%s'; there are: %s", options.topology, names);
    }
    memmove(machine.boot.command_line, rest, strlen(rest) + 1);
}
