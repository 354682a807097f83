/* SPDX-License-Identifier: MIT */
/*
 * HPA_LINKED_LIST, how QUOTE.GET is told of a buffer that may be larger than one list page describes: nodes
 * of 511 page addresses and the address of the next node. Pure. Source: Linux patch series "Enable DICE-based
 * TDX Quoting Extension" v2.
 */
#ifndef DRIVERS_TDX_HPA_LINKED_LIST_H
#define DRIVERS_TDX_HPA_LINKED_LIST_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

/* How many nodes so many pages take. */
u64 hpa_linked_list_nodes(u64 pages);

/*
 * Writes the list of pages contiguous pages into nodes, which are at nodes_at; the list begins with the
 * first. Slots that aren't used become TDX_HPA_LINKED_END, among them the next node of the last one: also
 * where the pages end exactly with a node. False, nothing written: no pages, not the right number of nodes,
 * or an address that isn't that of a page.
 */
bool hpa_linked_list_build(struct tdx_hpa_linked_node *nodes, u64 count, pa_t nodes_at, pa_t first_page,
                           u64 pages);

#endif
