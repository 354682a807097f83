/* SPDX-License-Identifier: MIT */
/*
 * SEAMRET, SEAMOPS: TDX CPU extensions specification 343754, as far as module 1.5.01 (public source) shows
 * their use. PCONFIG: Intel SDM 2B.
 */
#include "drivers/tdx/abi/msr.h"
#include "lib/string.h"
#include "seam/genuine/access.h"
#include "seam/genuine/execute.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/platform.h"

bool execute_seamret(struct lp *lp, const struct instruction *insn)
{
    (void)insn;
    if (lp->seam->current_vmcs != lp->seam->seam_vmcs)
        seam_stop(lp, "executed SEAMRET while the current VMCS is 0x%lx, not the LP's SEAM VMCS 0x%lx",
                  lp->seam->current_vmcs, lp->seam->seam_vmcs);
    else
        lp->seam->end = SEAM_RETURNED;
    return false;
}

/* ---- SEAMOPS ---- */

enum { SEAMOPS_CAPABILITIES = 0, SEAMOPS_SEAMDB_GETREF = 4 };

/* The data base of loaded modules: this one alone (inferred; module 1.5.01 keeps the nonce and ignores the
 * size). */
#define SEAMDB_INDEX 0
#define SEAMDB_SIZE  1

/* splitmix64 */
static u64 next_number(u64 *state)
{
    u64 z = *state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

/* The entry's nonce is drawn when a module is loaded and the same from then on: it follows from the load's
 * seed. */
static void get_reference(struct lp *lp)
{
    u64 state = seam_space.random;
    lp->regs.rax = 0;
    lp->regs.r10 = SEAMDB_INDEX;
    lp->regs.r11 = next_number(&state);
    lp->regs.r12 = next_number(&state);
    lp->regs.r13 = next_number(&state);
    lp->regs.r14 = next_number(&state);
    lp->regs.r15 = SEAMDB_SIZE;
}

bool execute_seamops(struct lp *lp, const struct instruction *insn)
{
    (void)insn;
    switch (lp->regs.rax) {
    case SEAMOPS_CAPABILITIES:
        lp->regs.rax = platform_seam_capabilities(lp);
        return true;
    case SEAMOPS_SEAMDB_GETREF:
        get_reference(lp);
        return true;
    default:
        seam_stop(lp, "executed SEAMOPS leaf %lu, which isn't emulated: 0 and 4 are", lp->regs.rax);
        return false;
    }
}

/* ---- PCONFIG ---- */

#define PCONFIG_KEY_PROGRAM 0
#define KEY_PROGRAM_ALIGN   256

struct key_program {
    u16 keyid;
    u8 command;
    u8 algorithm[2]; /* one bit, of those in IA32_TME_ACTIVATE */
    u8 reserved[59];
    u8 keys[128];
} __attribute__((packed));
_Static_assert(sizeof(struct key_program) == 192, "MKTME_KEY_PROGRAM_STRUCT");

enum key_command { KEY_SET_DIRECT, KEY_SET_RANDOM, KEY_CLEAR, KEY_NO_ENCRYPTION, KEY_COMMANDS };

enum key_status {
    KEY_OK = SOFT_PCONFIG_OK,
    KEY_BAD_COMMAND = 1,
    KEY_NO_ENTROPY = SOFT_PCONFIG_NO_ENTROPY,
    KEY_BAD_KEYID = 3,
    KEY_BAD_ALGORITHM = 4,
    KEY_BUSY = SOFT_PCONFIG_BUSY,
};

static bool all_zero(const u8 *bytes, u32 size)
{
    u8 seen = 0;
    for (u32 i = 0; i < size; i++)
        seen |= bytes[i];
    return !seen;
}

static enum key_status program_key(struct lp *lp, const struct key_program *p)
{
    u64 capability = 0, activate = 0;
    u32 algorithm = p->algorithm[0] | (u32)p->algorithm[1] << 8;
    msr_module_read(lp, MSR_IA32_TME_CAPABILITY, &capability);
    msr_module_read(lp, MSR_IA32_TME_ACTIVATE, &activate);
    if (p->command >= KEY_COMMANDS)
        return KEY_BAD_COMMAND;
    if (p->keyid == 0 || p->keyid > (capability >> 36 & 0x7FFF))
        return KEY_BAD_KEYID;
    if (p->command <= KEY_SET_RANDOM && ((algorithm & (algorithm - 1)) || !(algorithm & activate >> 48)))
        return KEY_BAD_ALGORITHM;
    return (enum key_status)platform_pconfig(lp);
}

/* NULL, or why PCONFIG can't be executed at all. */
static const char *refusal(const struct lp *lp)
{
    if ((u32)lp->regs.rax != PCONFIG_KEY_PROGRAM)
        return "only leaf 0, MKTME_KEY_PROGRAM, exists: #GP";
    return is_aligned(lp->regs.rbx, KEY_PROGRAM_ALIGN) ? NULL : "RBX isn't 256-byte aligned: #GP";
}

bool execute_pconfig(struct lp *lp, const struct instruction *insn)
{
    (void)insn;
    struct key_program program;
    const char *why = refusal(lp);
    if (!why && !module_read(lp, lp->regs.rbx, &program, sizeof(program)))
        return false;
    if (!why && !all_zero(program.reserved, sizeof(program.reserved)))
        why = "a reserved byte of its structure isn't 0: #GP";
    if (!why && (program.command == KEY_CLEAR || program.command == KEY_NO_ENCRYPTION))
        why = "commands 2 and 3 aren't emulated";
    if (why) {
        seam_stop(lp, "executed PCONFIG leaf %u with RBX 0x%lx: %s", (u32)lp->regs.rax, lp->regs.rbx, why);
        return false;
    }
    enum key_status status = program_key(lp, &program);
    if (status == KEY_OK)
        keys_configured(lp, program.keyid);
    lp->regs.rax = status;
    lp->vmcb->rflags = (lp->vmcb->rflags & ~RFLAGS_STATUS) | (status == KEY_OK ? 0 : RFLAGS_ZF);
    return true;
}
