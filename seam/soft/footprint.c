/* SPDX-License-Identifier: MIT */
/*
 * The state that a host could ever notice, as one number. Not in it: locks, who is inside, what the log said
 * already, knobs and machine, tables that hold leftovers only, and where an interrupted EXT.MEM.ADD stood
 * (the host's RCX says that; the model only remembers it to name a host that resumes wrongly).
 */
#include "seam/soft/state.h"

#include "lib/string.h"

struct hash {
    u64 value;
};

static void add(struct hash *hash, u64 word)
{
    hash->value = (hash->value ^ word) * 0x9E3779B97F4A7C15ull;
    hash->value ^= hash->value >> 31;
}

/* Size is a multiple of 8. */
static void add_bytes(struct hash *hash, const void *at, u64 size)
{
    for (u64 i = 0; i < size; i += sizeof(u64)) {
        u64 word;
        memcpy(&word, (const u8 *)at + i, sizeof(word));
        add(hash, word);
    }
}

static void add_lps(struct hash *hash, const struct soft_module *module)
{
    for (u32 i = 0; i < SOFT_MAX_LPS; i++)
        if (module->lps[i].initialised)
            add(hash, (u64)i << 32 | module->lps[i].package);
}

/* From SYS.INIT on; xfam and the like follow from it. */
static void add_sample(struct hash *hash, const struct soft_module *module)
{
    if (module->state == SOFT_INIT_PENDING)
        return;
    add_bytes(hash, module->sample.msr, sizeof(module->sample.msr));
    add_bytes(hash, module->sample.cpuid, sizeof(module->sample.cpuid));
    add(hash, module->sample.seam_capabilities);
}

static void add_tdmrs(struct hash *hash, const struct soft_module *module)
{
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    add(hash, count);
    for (u32 i = 0; i < count; i++) {
        const struct soft_tdmr *tdmr = &tdmrs[i];
        add(hash, tdmr->base);
        add(hash, tdmr->size);
        add_bytes(hash, tdmr->pamt, sizeof(tdmr->pamt));
        add_bytes(hash, tdmr->reserved, sizeof(tdmr->reserved));
        add(hash, tdmr->initialised);
    }
    add(hash, module->pamt_hash);
}

static void add_keys(struct hash *hash, const struct soft_module *module)
{
    add(hash, module->packages_configured);
    add(hash, module->state >= SOFT_CONFIG_DONE ? module->hkid : 0);
    add_bytes(hash, module->kot, sizeof(module->kot));
    add_bytes(hash, module->kot_packages, sizeof(module->kot_packages));
    for (u32 i = 0; i < TDX_MAX_PACKAGES; i++) {
        const struct soft_cache_wb *wb = &module->cache_wb[i];
        add(hash, wb->next);
        if (wb->next)
            add_bytes(hash, wb->keyids, sizeof(wb->keyids));
    }
}

static void add_ext(struct hash *hash, const struct soft_module *module)
{
    const struct soft_ext *ext = &module->ext;
    add(hash, (u64)ext->required << 1 | ext->done);
    add(hash, ext->demand);
    add(hash, ext->missing);
    add(hash, ext->extra);
    add(hash, ext->step);
}

static void add_quote(struct hash *hash, const struct soft_module *module)
{
    add(hash, module->quote.done);
    add(hash, (u64)module->quote.init_step << 32 | module->quote.get_step);
}

static void add_handoff(struct hash *hash, const struct soft_module *module)
{
    const struct soft_handoff *handoff = &module->handoff;
    add(hash, handoff->valid);
    if (!handoff->valid)
        return;
    add(hash, (u64)handoff->version << 32 | handoff->size);
    add(hash, (u64)handoff->packages_configured << 16 | handoff->hkid);
    add_bytes(hash, handoff->kot, sizeof(handoff->kot));
    add_bytes(hash, handoff->kot_packages, sizeof(handoff->kot_packages));
}

u64 soft_footprint(const struct soft_module *module)
{
    struct hash hash = {0};
    add(&hash, (u64)module->fatal << 32 | module->state);
    add_lps(&hash, module);
    add_sample(&hash, module);
    add_keys(&hash, module);
    add_tdmrs(&hash, module);
    add(&hash, module->configured_features);
    add_ext(&hash, module);
    add_quote(&hash, module);
    add_handoff(&hash, module);
    add(&hash, (u64)module->disabling << 32 | module->disable_step);
    return hash.value;
}
