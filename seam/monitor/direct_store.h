/* SPDX-License-Identifier: MIT */
/* MOVDIR64B and MOVDIRI, which a TDX host needs (it cleans former private memory with them) and QEMU lacks.
 */
#ifndef SEAM_MONITOR_DIRECT_STORE_H
#define SEAM_MONITOR_DIRECT_STORE_H

#include "seam/monitor/decode.h"
#include "seam/monitor/lp.h"

void movdir64b(struct lp *lp, const struct instruction *insn);
void movdiri(struct lp *lp, const struct instruction *insn);

#endif
