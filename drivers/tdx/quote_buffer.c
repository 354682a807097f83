/* SPDX-License-Identifier: MIT */
/* Memory for the largest quote, and the list that describes it: the kernel's own, mapped as ever. */
#include "drivers/tdx/hpa_linked_list.h"
#include "drivers/tdx/quote.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "lib/string.h"

static bool take(u64 pages, const char *what, pa_t *block)
{
    struct contig_request request = {.size = pages * PAGE_SIZE, .what = what};
    memory_lock();
    bool taken = contig_alloc(memory_pool(), &request, block);
    memory_unlock();
    return taken;
}

static void give_back(pa_t block, u64 pages)
{
    memory_lock();
    contig_free(memory_pool(), block, pages * PAGE_SIZE);
    memory_unlock();
}

bool quote_buffer_allocate(struct quote_buffer *buffer, u64 bytes)
{
    struct quote_buffer new = {.pages = align_up(bytes, PAGE_SIZE) / PAGE_SIZE};
    new.node_count = hpa_linked_list_nodes(new.pages);
    if (!take(new.pages, "quote buffer", &new.data))
        return false;
    if (!take(new.node_count, "quote buffer's list", &new.nodes)) {
        give_back(new.data, new.pages);
        return false;
    }
    memset(phys_to_virt(new.data), 0, new.pages *PAGE_SIZE); /* nothing of ours may look like a quote */
    hpa_linked_list_build(phys_to_virt(new.nodes), new.node_count, new.nodes, new.data, new.pages);
    *buffer = new;
    return true;
}

void quote_buffer_free(struct quote_buffer *buffer)
{
    if (buffer->pages == 0)
        return;
    give_back(buffer->data, buffer->pages);
    give_back(buffer->nodes, buffer->node_count);
    *buffer = (struct quote_buffer){0};
}
