/* SPDX-License-Identifier: MIT */
#include "seam/genuine/page_versions.h"

#include "lib/string.h"

#define WORDS      (PAGE_SIZE / sizeof(u64))
#define LINE_WORDS (PAGE_VERSIONS_LINE / sizeof(u64))
#define A_TABLE    (PAGE_SIZE / sizeof(struct page_version))

struct page_version {
    union {
        u64 *whole;      /* a frame */
        const u64 *line; /* in versions->lines */
        u32 next;        /* while it is free */
    };
    u32 references;
    bool repeats;
};
_Static_assert(sizeof(struct page_version) == 16, "versions fill their tables");

void page_versions_init(struct page_versions *versions, struct frame_pool *frames)
{
    memset(versions, 0, sizeof(*versions));
    versions->frames = frames;
}

/* ---- numbers ---- */

static struct page_version *at(const struct page_versions *versions, u32 number)
{
    return &versions->tables[(number - 1) / A_TABLE][(number - 1) % A_TABLE];
}

static u32 new_number(struct page_versions *versions)
{
    u32 number = versions->free, table = (u32)(versions->made / A_TABLE);
    if (number) {
        versions->free = at(versions, number)->next;
        return number;
    }
    if (table == PAGE_VERSIONS_TABLES)
        return 0;
    if (!versions->tables[table])
        versions->tables[table] = frame_pool_get(versions->frames);
    return versions->tables[table] ? ++versions->made : 0;
}

/* ---- pages that repeat a line ---- */

static bool repeats(const u64 *page)
{
    for (u32 i = LINE_WORDS; i < WORDS; i++)
        if (page[i] != page[i - LINE_WORDS])
            return false;
    return true;
}

static bool same_words(const u64 *a, const u64 *b, u32 count)
{
    for (u32 i = 0; i < count; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static u32 keep_line(struct page_versions *versions, const u64 *line)
{
    u32 place = PAGE_VERSIONS_REPEATS;
    for (u32 i = 0; i < PAGE_VERSIONS_REPEATS; i++) {
        if (!versions->repeats[i])
            place = i;
        else if (same_words(versions->lines[i], line, LINE_WORDS))
            return page_versions_share(versions, versions->repeats[i]);
    }
    u32 number = place < PAGE_VERSIONS_REPEATS ? new_number(versions) : 0;
    if (!number)
        return 0;
    memcpy(versions->lines[place], line, PAGE_VERSIONS_LINE);
    versions->repeats[place] = number;
    *at(versions, number) =
        (struct page_version){.line = versions->lines[place], .references = 1, .repeats = true};
    return number;
}

/* ---- all pages ---- */

static void forget(struct page_versions *versions, u32 number)
{
    struct page_version *version = at(versions, number);
    if (!version->repeats)
        frame_pool_put(versions->frames, version->whole);
    for (u32 i = 0; version->repeats && i < PAGE_VERSIONS_REPEATS; i++)
        if (versions->repeats[i] == number)
            versions->repeats[i] = 0;
    version->next = versions->free;
    versions->free = number;
}

static u32 keep_whole(struct page_versions *versions, const void *page)
{
    u32 number = new_number(versions);
    if (!number)
        return 0;
    u64 *frame = frame_pool_get(versions->frames);
    if (!frame) {
        at(versions, number)->next = versions->free;
        versions->free = number;
        return 0;
    }
    memcpy(frame, page, PAGE_SIZE);
    *at(versions, number) = (struct page_version){.whole = frame, .references = 1};
    return number;
}

u32 page_versions_keep(struct page_versions *versions, const void *page)
{
    u32 number = repeats(page) ? keep_line(versions, page) : 0;
    return number ? number : keep_whole(versions, page);
}

u32 page_versions_share(struct page_versions *versions, u32 number)
{
    at(versions, number)->references++;
    return number;
}

void page_versions_drop(struct page_versions *versions, u32 number)
{
    if (number && --at(versions, number)->references == 0)
        forget(versions, number);
}

bool page_versions_is(const struct page_versions *versions, u32 number, const void *page)
{
    const struct page_version *version = at(versions, number);
    if (version->repeats)
        return same_words(version->line, page, LINE_WORDS) && repeats(page);
    return same_words(version->whole, page, WORDS);
}

void page_versions_copy(const struct page_versions *versions, u32 number, void *page)
{
    const struct page_version *version = at(versions, number);
    u64 *to = page;
    if (!version->repeats) {
        memcpy(to, version->whole, PAGE_SIZE);
        return;
    }
    for (u32 i = 0; i < WORDS; i++)
        to[i] = version->line[i % LINE_WORDS];
}
