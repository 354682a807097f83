/* SPDX-License-Identifier: MIT */
/*
 * Bringing a module forward, call by call: the init sequence as the harness knows it, apart from the driver,
 * which is under test itself. What the script has done already is left out. Order and retries: ABI spec
 * 348551, chapter on initialisation; the extension's part: Linux patch v2.
 */
#include "tests/runner/script/run.h"

#include "lib/string.h"

#define TRIES       1000 /* of a call that is out of entropy or finds something busy */
#define RESUMPTIONS 1000000

/* The harness's pages: array and TDMR_INFOs, then a page list. */
#define PAGE_TDMRS 0
#define PAGE_LIST  10
_Static_assert((TDX_MAX_TDMRS + 1) * TDX_TDMR_INFO_ALIGN <= PAGE_LIST * PAGE_SIZE, "TDMR_INFOs fit");
_Static_assert(PAGE_LIST < SCRIPT_HARNESS_PAGES, "pages of the harness");

static bool try_again(u64 status)
{
    switch (status & TDX_STATUS_MASK) {
    case TDX_SYS_BUSY:
    case TDX_OPERAND_BUSY:
    case TDX_RND_NO_ENTROPY:
    case TDX_KEY_GENERATION_FAILED:
        return true;
    default:
        return false;
    }
}

/* One call of the sequence until it neither wants to be repeated nor resumed. True: SUCCESS, or
 * informational.
 */
static bool climb_call(struct script_run *run, u32 cpu, struct script_regs in, bool outputs,
                       struct script_made *made)
{
    for (u32 tries = 0, resumptions = 0; tries < TRIES && resumptions < RESUMPTIONS;) {
        *made = run_call_once(run, cpu, &in);
        u64 status = made->out.r[REG_RAX];
        if ((status & TDX_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE) {
            if (outputs)
                in.r[REG_RCX] = made->out.r[REG_RCX];
            resumptions++;
        } else if (made->answered && try_again(status)) {
            tries++;
        } else {
            break;
        }
        run->port->breathe(run->port->context);
        if (!run_in_time(run))
            return false;
    }
    if (made->answered && !(made->out.r[REG_RAX] & TDX_STATUS_ERROR))
        return true;
    return run_fail_call(run, made, "the module to accept the harness's call");
}

static bool climb_leaf(struct script_run *run, u32 cpu, u32 leaf, u64 rcx)
{
    struct script_regs in;
    struct script_made made;
    run_call_marks(&in);
    in.r[REG_RAX] = leaf;
    in.r[REG_RCX] = rcx;
    return climb_call(run, cpu, in, false, &made);
}

/* ---- the steps ---- */

static bool start(struct script_run *run)
{
    return run_progress()->started || climb_leaf(run, 0, TDH_SYS_INIT, 0);
}

static bool initialise(struct script_run *run)
{
    for (u32 cpu = 0; cpu < run->port->cpus; cpu++)
        if (!(run_progress()->lps[cpu / 64] >> cpu % 64 & 1) &&
            !climb_leaf(run, cpu, TDH_SYS_LP_INIT, 0x1111111111111000))
            return false;
    return true;
}

/* RCX of SYS.CONFIG: the array, in memory of the harness; 0: there is none. */
static u64 put_tdmrs(struct script_run *run, const struct script_layout *layout, u64 count)
{
    u64 array = run_harness_page(run, PAGE_TDMRS);
    u8 *at = run->port->memory(run->port->context, array, PAGE_LIST * PAGE_SIZE);
    if (!at)
        return 0;
    for (u64 i = 0; i < count; i++) {
        u64 offset = (i + 1) * TDX_TDMR_INFO_ALIGN, info = array + offset;
        memcpy(at + i * sizeof(info), &info, sizeof(info));
        memcpy(at + offset, &layout->tdmrs[i], sizeof(layout->tdmrs[i]));
    }
    return array;
}

static bool configure(struct script_run *run, const struct script_setup *setup,
                      const struct script_layout *layout)
{
    struct script_regs in;
    struct script_made made;
    const u64 *values = setup->values;
    if (run_progress()->configured)
        return true;
    if (values[OPTION_TDMRS] > layout->count)
        return run_skip(run, "there are %u TDMRs", layout->count);
    if (values[OPTION_DPAMT] && !(script_facts.features0 >> TDX_FEATURE_DYNAMIC_PAMT & 1))
        return run_skip(run, "the module has no dynamic PAMT");
    run_call_marks(&in);
    in.r[REG_RAX] = TDH_SYS_CONFIG | values[OPTION_VERSION] << TDX_RAX_VERSION_SHIFT;
    in.r[REG_RCX] = put_tdmrs(run, layout, values[OPTION_TDMRS]);
    in.r[REG_RDX] = values[OPTION_TDMRS];
    in.r[REG_R8] = values[OPTION_KEYID] | (values[OPTION_DPAMT] ? 1ull << 16 : 0);
    if (values[OPTION_VERSION] >= TDX_VERSION_WITH_FEATURES) {
        in.r[REG_R9] = values[OPTION_FEATURES];
        in.r[REG_R10] = in.r[REG_R11] = 0;
    }
    if (!in.r[REG_RCX])
        return run_mistake(run, "the harness's own memory can't be reached");
    if (!climb_call(run, 0, in, false, &made))
        return false;
    run->port->flush_caches(run->port->context); /* PAMT lines may be dirty under KeyID 0 */
    return true;
}

u64 run_package_bits(const struct script_run *run)
{
    return run->packages ? (1ull << run->packages) - 1 : 0;
}

static bool make_keys(struct script_run *run)
{
    for (u32 package = 0; package < run->packages; package++)
        if (!(run_progress()->packages >> package & 1) &&
            !climb_leaf(run, run_package_first(run, package), TDH_SYS_KEY_CONFIG, 0x1111111111111000))
            return false;
    return true;
}

/* RDX says where to go on; a TDMR that is done already answers with another number and RDX = 0. */
static bool initialise_tdmr(struct script_run *run, const struct tdx_tdmr_info *tdmr)
{
    struct script_regs in;
    struct script_made made;
    run_call_marks(&in);
    in.r[REG_RAX] = TDH_SYS_TDMR_INIT;
    in.r[REG_RCX] = tdmr->base;
    for (u64 calls = 0; calls <= tdmr->size / PAGE_SIZE; calls++) {
        if (!climb_call(run, 0, in, false, &made))
            return false;
        if (made.out.r[REG_RAX] != TDX_SUCCESS || made.out.r[REG_RDX] >= tdmr->base + tdmr->size)
            return true;
        if (calls % 64 == 63)
            run->port->breathe(run->port->context);
    }
    return run_fail_call(run, &made, "RDX to reach the TDMR's end");
}

static bool initialise_tdmrs(struct script_run *run, const struct script_setup *setup,
                             const struct script_layout *layout)
{
    for (u32 i = 0; i < min_u64(setup->values[OPTION_TDMRS], layout->count); i++) {
        if (run_progress()->tdmrs >> i & 1)
            continue;
        if (!initialise_tdmr(run, &layout->tdmrs[i]))
            return false;
        run_progress()->tdmrs |= 1ull << i;
    }
    return true;
}

/* ---- extensions ---- */

static bool read_field(struct script_run *run, u64 field, u64 *value)
{
    struct script_made made;
    return run_sysrd(run, field, value, &made) ||
           run_fail_call(run, &made, "a field that the init sequence needs to be readable");
}

static bool has_extensions(struct script_run *run, const struct script_setup *setup)
{
    u64 required;
    if (!(script_facts.features0 >> TDX_FEATURE_EXT & 1))
        return run_skip(run, "the module has no extensions");
    if (!read_field(run, TDX_FIELD_EXT_REQUIRED, &required))
        return false;
    return required || run_skip(run, "features 0x%llx need no extensions",
                                (unsigned long long)setup->values[OPTION_FEATURES]);
}

static bool add_batch(struct script_run *run, u64 first, u64 count)
{
    struct script_regs in;
    struct script_made made;
    u64 page = run_harness_page(run, PAGE_LIST);
    struct tdx_hpa_list *list = run->port->memory(run->port->context, page, sizeof(*list));
    if (!list)
        return run_mistake(run, "the harness's own memory can't be reached");
    memset(list, 0, sizeof(*list));
    for (u64 i = 0; i < count; i++)
        list->phys[i] = run->port->pool + (first + i) * PAGE_SIZE;
    run_call_marks(&in);
    in.r[REG_RAX] = TDH_EXT_MEM_ADD;
    in.r[REG_RCX] = page | (count - 1) << TDX_HPA_LIST_LAST_SHIFT;
    return climb_call(run, 0, in, true, &made);
}

/* The field counts pages that are still missing. What a script added before `bring` isn't asked for again. */
static bool fill_pool(struct script_run *run)
{
    u64 missing;
    if (!read_field(run, TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, &missing))
        return false;
    if (missing > run->port->pool_size / PAGE_SIZE)
        return run_skip(run, "the pool needs %llu pages, the machine has %llu for it",
                        (unsigned long long)missing, (unsigned long long)(run->port->pool_size / PAGE_SIZE));
    for (u64 done = 0; done < missing; done += TDX_HPA_LIST_ENTRIES)
        if (!add_batch(run, done, min_u64(missing - done, TDX_HPA_LIST_ENTRIES)))
            return false;
    return true;
}

static bool quote(struct script_run *run, const struct script_setup *setup)
{
    if (run_progress()->quoting)
        return true;
    if (!(setup->values[OPTION_FEATURES] >> TDX_FEATURE_QUOTE & 1))
        return run_skip(run, "quoting isn't among the configured features");
    return climb_leaf(run, 0, TDH_QUOTE_INIT, 0x1111111111111000);
}

bool run_climb(struct script_run *run, enum script_state state, const struct script_setup *setup,
               const struct script_layout *layout)
{
    if (state >= STATE_STARTED && !start(run))
        return false;
    if (state >= STATE_INITIALISED && !initialise(run))
        return false;
    if (state >= STATE_CONFIGURED && !configure(run, setup, layout))
        return false;
    if (state >= STATE_KEYED && !make_keys(run))
        return false;
    if (state >= STATE_READY && !initialise_tdmrs(run, setup, layout))
        return false;
    if (state >= STATE_POOLED && !run_progress()->extended &&
        (!has_extensions(run, setup) || !fill_pool(run)))
        return false;
    if (state >= STATE_EXTENDED && !run_progress()->extended &&
        !climb_leaf(run, 0, TDH_EXT_INIT, 0x1111111111111000))
        return false;
    return state < STATE_QUOTING || quote(run, setup);
}
