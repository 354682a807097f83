/* SPDX-License-Identifier: MIT */
/*
 * Quoting inside the module: an extension that signs reports of TDs by itself.
 *
 * The feature is chosen in SYS.CONFIG and served by the extensions, so it comes last: QUOTE.INIT makes its
 * keys, after which MAX_QUOTE_SIZE says how large a quote can get. The host keeps a buffer of that size,
 * which the module is told of as an HPA_LINKED_LIST. The buffer is and stays the host's memory.
 *
 * Best effort: a machine whose module can't quote is a TDX machine all the same (quotes can be made in user
 * space), so a failure here is one line in the log, unless the options say that quoting is required.
 *
 * Source: Linux patch series "Enable DICE-based TDX Quoting Extension" v2 and its review.
 */
#ifndef DRIVERS_TDX_QUOTE_H
#define DRIVERS_TDX_QUOTE_H

#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/sysinfo.h"
#include "lib/types.h"

/* No known quote exceeds 4 MiB; a module that says more than this isn't believed. */
#define QUOTE_MAX_BYTES (16 * MIB) /* inferred: a sanity cap, not part of the ABI */

struct quote_buffer {
    pa_t data; /* contiguous */
    u64 pages; /* 0: there is none */
    pa_t nodes;
    u64 node_count;
};

struct tdx_quote {
    struct quote_initialised initialised;
    bool ready;    /* initialised, with a buffer for the largest quote */
    u64 status;    /* raw, of what kept it from being ready, as far as a SEAMCALL did */
    u32 max_bytes; /* MAX_QUOTE_SIZE */
    struct quote_buffer buffer;
};

struct tdx_host;

/* Whether SYS.CONFIG selected quoting: what was configured counts, not what the module could do. */
bool quote_configured(const struct tdx_host *host);

/* Step function of init.c. False only where quoting is required. */
bool quote_start(struct tdx_host *host);
/* After a runtime update: new keys, the old buffer, which must be large enough. False as above. */
bool quote_start_again(struct tdx_host *host);

/* ---- getting a quote ---- */

struct quote_request {
    pa_t tdr;        /* the TD */
    u16 quote_id;    /* TDX_QUOTE_ID_DEFAULT */
    pa_t input;      /* page-aligned, ordinary memory of the host */
    u64 input_bytes; /* at most a page */
};

struct quote_result {
    u64 status;
    u64 bytes; /* of the quote, at most MAX_QUOTE_SIZE; 0 without success */
    struct resume resume;
};

/* One at a time: there is one buffer. False, and the log says why: refused, or a length that can't be. */
bool quote_get(const struct tdx_quote *quote, const struct quote_request *request,
               struct quote_result *result);

/* ---- quote_buffer.c ---- */

bool quote_buffer_allocate(struct quote_buffer *buffer, u64 bytes);
void quote_buffer_free(struct quote_buffer *buffer); /* nothing to do if there is none */

#endif
