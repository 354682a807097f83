/* SPDX-License-Identifier: MIT */
/* Whether this QEMU's fault, or the user, makes the monitor replace instructions of the module's copy in
 * memory. */
#ifndef SEAM_GENUINE_QUIRK_H
#define SEAM_GENUINE_QUIRK_H

#include "seam/genuine/image.h"

/* Replaces what must be replaced in the code that space_build() has just loaded, if it must; refuses what
 * can't be worked around. */
void quirk_work_around(const struct module_image *image);

void quirk_say(void); /* what has been replaced, if anything */

#endif
