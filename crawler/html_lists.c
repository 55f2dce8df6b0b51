/* html_lists.c: what the extractor found, without repeats, in the page's arena. */
#include "html_extract.h"

#include <stdlib.h>

enum { ARRAY_FIRST = 32, SET_FIRST = 64 };

struct wit_str html_extract_keep(struct wit_crawler_extractor *x, struct wit_str s) {
    if (s.len == 0)
        return wit_str_of(NULL, 0);
    char *copy = wit_arena_copy(x->arena, s.data, s.len);
    if (!copy) {
        x->truncated = true;
        return wit_str_of(NULL, 0);
    }
    return wit_str_of(copy, s.len);
}

/* Room for one more item, or NULL when the page is full. Old memory stays in the arena: at most as
 * much again as the list. */
void *html_array_push(struct wit_crawler_extractor *x, struct html_array *a, size_t item_size) {
    if (a->count == a->cap) {
        size_t cap = a->cap ? 2 * a->cap : ARRAY_FIRST;
        void *items = cap < UINT32_MAX
                          ? wit_arena_alloc(x->arena, cap * item_size, _Alignof(max_align_t))
                          : NULL;
        if (!items) {
            x->truncated = true;
            return NULL;
        }
        if (a->count)
            memcpy(items, a->items, a->count * item_size);
        a->items = items;
        a->cap = cap;
    }
    return (char *)a->items + a->count++ * item_size;
}

static void set_insert(struct html_set *set, uint64_t hash, uint32_t item) {
    size_t at = hash & (set->slots - 1);
    while (set->hashes[at])
        at = (at + 1) & (set->slots - 1);
    set->hashes[at] = hash;
    set->items[at] = item;
    set->used++;
}

static bool set_grow(struct wit_crawler_extractor *x, struct html_set *set) {
    struct html_set bigger = { .slots = set->slots ? 2 * set->slots : SET_FIRST };
    bigger.hashes =
        wit_arena_alloc(x->arena, bigger.slots * sizeof *bigger.hashes, _Alignof(uint64_t));
    bigger.items =
        wit_arena_alloc(x->arena, bigger.slots * sizeof *bigger.items, _Alignof(uint32_t));
    if (!bigger.hashes || !bigger.items)
        return false;
    memset(bigger.hashes, 0, bigger.slots * sizeof *bigger.hashes);
    for (size_t i = 0; i < set->slots; i++)
        if (set->hashes[i])
            set_insert(&bigger, set->hashes[i], set->items[i]);
    *set = bigger;
    return true;
}

/* The next item whose hash is the same, *at onwards; UINT32_MAX: none. Start with *at = hash. */
static uint32_t set_next(const struct html_set *set, uint64_t hash, size_t *at) {
    for (; set->slots && set->hashes[*at & (set->slots - 1)]; (*at)++)
        if (set->hashes[*at & (set->slots - 1)] == hash)
            return set->items[(*at)++ & (set->slots - 1)];
    return UINT32_MAX;
}

static void set_add(struct wit_crawler_extractor *x, struct html_set *set, uint64_t hash,
                    size_t item) {
    if (2 * (set->used + 1) > set->slots && !set_grow(x, set)) {
        x->truncated = true;
        if (set->used + 1 >= set->slots)
            return; /* one slot stays free, so that searches end */
    }
    set_insert(set, hash, (uint32_t)item);
}

static uint64_t hash_of(struct wit_str s, uint64_t seed) {
    uint64_t hash = wit_hash64_of(s.data ? s.data : "", s.len, seed);
    return hash ? hash : 1;
}

/* The images of a figure share one text in the arena: hashed once, not once for each. */
static uint64_t text_hash(struct wit_crawler_extractor *x, struct wit_str text) {
    if (text.data != x->hashed.data || text.len != x->hashed.len) {
        x->hashed = text;
        x->text_hash = hash_of(text, 0);
    }
    return x->text_hash;
}

void html_pair_add_whole(struct wit_crawler_extractor *x, const struct wit_crawler_pair *pair,
                         uint32_t ordinal) {
    const struct wit_str url = pair->url, text = pair->text, page = pair->page;
    if (url.len == 0 || text.len == 0)
        return;
    uint64_t seed = text_hash(x, text) ^ (uint64_t)pair->source;
    uint64_t hash = hash_of(url, page.len ? hash_of(page, seed) : seed);
    const struct html_found_pair *found = x->pairs.items;
    size_t at = (size_t)hash;
    for (uint32_t i; (i = set_next(&x->pair_set, hash, &at)) != UINT32_MAX;)
        if (found[i].pair.source == pair->source && wit_str_eq(found[i].pair.url, url) &&
            (found[i].pair.text.data == text.data || wit_str_eq(found[i].pair.text, text)) &&
            wit_str_eq(found[i].pair.page, page))
            return;
    /* A long caption under many images is short here and endless where pairs are written out. */
    size_t bytes = url.len + text.len + page.len + pair->license.len;
    if (bytes > WIT_CRAWLER_PAGE_MAX_PAIR_BYTES - x->pair_bytes) {
        x->truncated = true;
        return;
    }
    struct html_found_pair *item = html_array_push(x, &x->pairs, sizeof *item);
    if (!item)
        return;
    x->pair_bytes += bytes;
    *item = (struct html_found_pair){ *pair, ordinal, (uint32_t)(x->pairs.count - 1) };
    set_add(x, &x->pair_set, hash, x->pairs.count - 1);
}

void html_pair_add(struct wit_crawler_extractor *x, struct wit_str url, struct wit_str text,
                   enum wit_shards_source source, uint32_t ordinal) {
    const struct wit_crawler_pair pair = { .url = url, .text = text, .source = source };
    html_pair_add_whole(x, &pair, ordinal);
}

void html_link_add(struct wit_crawler_extractor *x, struct wit_str url, bool nofollow) {
    uint64_t hash = hash_of(url, 0);
    struct wit_crawler_link *links = x->links.items;
    size_t at = (size_t)hash;
    for (uint32_t i; (i = set_next(&x->link_set, hash, &at)) != UINT32_MAX;)
        if (wit_str_eq(links[i].url, url)) {
            links[i].nofollow = links[i].nofollow && nofollow;
            return;
        }
    url = html_extract_keep(x, url);
    struct wit_crawler_link *item = url.len ? html_array_push(x, &x->links, sizeof *item) : NULL;
    if (!item)
        return;
    *item = (struct wit_crawler_link){ url, nofollow };
    set_add(x, &x->link_set, hash, x->links.count - 1);
}

struct wit_str html_license_add(struct wit_crawler_extractor *x, struct wit_str url) {
    uint64_t hash = hash_of(url, 0);
    const struct wit_str *licenses = x->licenses.items;
    size_t at = (size_t)hash;
    for (uint32_t i; (i = set_next(&x->license_set, hash, &at)) != UINT32_MAX;)
        if (wit_str_eq(licenses[i], url))
            return licenses[i];
    url = html_extract_keep(x, url);
    struct wit_str *item = url.len ? html_array_push(x, &x->licenses, sizeof *item) : NULL;
    if (item) {
        *item = url;
        set_add(x, &x->license_set, hash, x->licenses.count - 1);
    }
    return url;
}

static int by_place(const void *a, const void *b) {
    const struct html_found_pair *left = a, *right = b;
    if (left->ordinal != right->ordinal)
        return left->ordinal < right->ordinal ? -1 : 1;
    return left->serial < right->serial ? -1 : left->serial > right->serial;
}

const struct wit_crawler_pair *html_pairs_sorted(struct wit_crawler_extractor *x) {
    struct html_found_pair *found = x->pairs.items;
    if (x->pairs.count == 0)
        return NULL;
    /* Captions are added when their figure closes, after the images that stand behind it began. */
    qsort(found, x->pairs.count, sizeof *found, by_place);
    /* Packed in place: a full page must not lose all for want of a second array. */
    struct wit_crawler_pair *pairs = x->pairs.items;
    for (size_t i = 0; i < x->pairs.count; i++) {
        const struct wit_crawler_pair pair = found[i].pair;
        memcpy(&pairs[i], &pair, sizeof pair);
    }
    return pairs;
}
