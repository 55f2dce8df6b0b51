/*
 * match_index.c: builds the tables of filter_private.h from a list of entries.
 *
 * Two passes: all words are numbered first, in order of appearance, so that the final table has the
 * right size and the words that were named first (WordNet's, common ones) sit on their home slots.
 */
#include "filter_private.h"

#include <stdlib.h>
enum { BLOOM_BITS_LEAST = 12, BLOOM_BITS_MOST = 22 }; /* 512 bytes to 512 KiB: half an L2 cache */

struct builder {
    struct wit_filter_allowlist *l;
    uint32_t *fields; /* word numbers of all fields of all entries */
    size_t n_fields;
    /* by word number */
    struct word {
        uint64_t offset; /* in l->bytes */
        uint32_t len;
        uint32_t flags;
        uint32_t entry;
    } * words;
    uint32_t n_words;
    uint32_t words_cap;
    uint32_t *table; /* open addressing over words: number + 1, 0 is free */
    unsigned table_bits;
    uint32_t *same_last; /* by id of a first place: the last id of its chain */
};

static void builder_finish(struct builder *b) {
    free(b->fields);
    free(b->words);
    free(b->table);
    free(b->same_last);
}

static uint64_t bytes_hash(const char *data, size_t len) {
    return wit_hash64_of(data, len, 0);
}

static int table_grow(struct builder *b) {
    unsigned bits = b->table_bits ? b->table_bits + 1 : 12;
    uint32_t *table = wit_alloc_array((size_t)1 << bits, sizeof *table);
    size_t mask = ((size_t)1 << bits) - 1;
    if (!table)
        return WIT_ENOMEM;
    for (uint32_t w = 0; w < b->n_words; w++) {
        size_t at = bytes_hash(b->l->bytes + b->words[w].offset, b->words[w].len) & mask;
        while (table[at])
            at = (at + 1) & mask;
        table[at] = w + 1;
    }
    free(b->table);
    b->table = table;
    b->table_bits = bits;
    return 0;
}

static int words_grow(struct builder *b) {
    uint32_t cap = b->words_cap ? 2 * b->words_cap : 1024;
    struct word *words = wit_realloc_array(b->words, cap, sizeof *words);
    if (!words)
        return WIT_ENOMEM;
    b->words = words;
    b->words_cap = cap;
    return 0;
}

static int intern(struct builder *b, uint64_t offset, size_t len, uint32_t *number) {
    if (2 * (uint64_t)b->n_words >= (b->table_bits ? UINT64_C(1) << b->table_bits : 0) &&
        table_grow(b) < 0)
        return WIT_ENOMEM;
    const char *data = b->l->bytes + offset;
    size_t mask = ((size_t)1 << b->table_bits) - 1;
    size_t at = bytes_hash(data, len) & mask;
    for (; b->table[at]; at = (at + 1) & mask) {
        const struct word *w = &b->words[b->table[at] - 1];
        if (w->len == len && memcmp(b->l->bytes + w->offset, data, len) == 0) {
            *number = b->table[at] - 1;
            return 0;
        }
    }
    if (b->n_words == b->words_cap && words_grow(b) < 0)
        return WIT_ENOMEM;
    if (b->n_words == FILTER_WORD_UNKNOWN)
        return WIT_ELIMIT;
    *number = b->n_words++;
    b->words[*number] =
        (struct word){ .offset = offset, .len = (uint32_t)len, .entry = FILTER_NONE };
    b->table[at] = *number + 1;
    return 0;
}

/* Pass 1: cut every entry at each single space and number the words. */
static int intern_entries(struct builder *b) {
    const struct wit_filter_allowlist *l = b->l;
    size_t n_fields = l->n;
    for (uint64_t i = 0; i < l->offsets[l->n]; i++)
        n_fields += l->bytes[i] == ' ';
    b->fields = wit_alloc_array(n_fields ? n_fields : 1, sizeof *b->fields);
    if (!b->fields)
        return WIT_ENOMEM;
    for (size_t id = 0; id < l->n; id++) {
        uint64_t start = l->offsets[id], end = l->offsets[id + 1];
        for (uint64_t i = start; i <= end; i++) {
            if (i < end && l->bytes[i] != ' ')
                continue;
            int st = intern(b, start, (size_t)(i - start), &b->fields[b->n_fields++]);
            if (st < 0)
                return st;
            start = i + 1;
        }
    }
    return 0;
}

static size_t edge_slot(const struct wit_filter_allowlist *l, uint64_t key) {
    size_t mask = ((size_t)1 << l->edge_bits) - 1;
    size_t at = filter_edge_hash(key) & mask;
    while (l->edges[at].key != key && l->edges[at].key != FILTER_EDGE_EMPTY)
        at = (at + 1) & mask;
    return at;
}

const struct filter_edge *filter_edge_find(const struct wit_filter_allowlist *l, uint64_t key) {
    const struct filter_edge *e = &l->edges[edge_slot(l, key)];
    return e->key == key ? e : NULL;
}

/* The entry ends at *place; a repeat is hung behind the first one. */
static int place_entry(struct builder *b, uint32_t *place, uint32_t id) {
    struct wit_filter_allowlist *l = b->l;
    if (*place == FILTER_NONE) {
        *place = id;
        return 0;
    }
    if (!l->same_next) {
        l->same_next = wit_alloc_array(l->n, sizeof *l->same_next);
        b->same_last = wit_alloc_array(l->n, sizeof *b->same_last);
        if (!l->same_next || !b->same_last)
            return WIT_ENOMEM;
        memset(l->same_next, 0xff, l->n * sizeof *l->same_next);
        memset(b->same_last, 0xff, l->n * sizeof *b->same_last);
    }
    uint32_t last = b->same_last[*place] == FILTER_NONE ? *place : b->same_last[*place];
    l->same_next[last] = id;
    b->same_last[*place] = id;
    l->repeated++;
    return 0;
}

/* Walks from word to word, making what is missing. Nodes behind the first word are numbered on. */
static int add_phrase(struct builder *b, const uint32_t *fields, size_t n, uint32_t id,
                      uint32_t *next_node) {
    struct wit_filter_allowlist *l = b->l;
    uint32_t node = fields[0];
    b->words[fields[0]].flags |= FILTER_WORD_FIRST;
    for (size_t i = 1; i < n; i++) {
        uint64_t key = (uint64_t)node << 32 | fields[i];
        struct filter_edge *e = &l->edges[edge_slot(l, key)];
        if (e->key != key)
            *e = (struct filter_edge){ .key = key, .node = 0, .entry = FILTER_NONE };
        b->words[fields[i]].flags |= FILTER_WORD_LATER;
        if (i == 1) {
            uint64_t bit = filter_edge_hash(key) >> (64 - l->bloom_bits);
            l->bloom[bit / 64] |= UINT64_C(1) << bit % 64;
        }
        if (i + 1 == n)
            return place_entry(b, &e->entry, id);
        if (!e->node)
            e->node = FILTER_DEEP_NODE | (*next_node)++;
        node = e->node;
    }
    return 0;
}

/* Pass 2: entries of one word go to their word, the others into the edges. */
static int add_entries(struct builder *b) {
    struct wit_filter_allowlist *l = b->l;
    const uint32_t *fields = b->fields;
    uint32_t next_node = 1;
    for (uint32_t id = 0; id < l->n; id++) {
        struct wit_str entry = filter_entry(l, id);
        size_t n = 1;
        int st = 0;
        for (size_t i = 0; i < entry.len; i++)
            n += entry.data[i] == ' ';
        if (n > 1)
            st = add_phrase(b, fields, n, id, &next_node);
        else if (entry.len || l->empty_is_entry)
            st = place_entry(b, &b->words[fields[0]].entry, id);
        if (st < 0)
            return st;
        fields += n;
    }
    return 0;
}

static size_t word_slot(const struct wit_filter_allowlist *l, const char *p, size_t len,
                        struct filter_word *want) {
    size_t mask = ((size_t)1 << l->word_bits) - 1;
    uint64_t hash;
    *want = (struct filter_word){ .len = (uint32_t)len };
    if (len <= FILTER_INLINE_BYTES) {
        filter_load_inline(p, len, &want->lo, &want->hi);
        hash = filter_word_hash(want->lo, want->hi, len);
    } else {
        want->lo = bytes_hash(p, len);
        hash = want->lo;
    }
    size_t at = hash & mask;
    for (;; at = (at + 1) & mask) {
        const struct filter_word *w = &l->words[at];
        if (w->len == FILTER_NONE)
            return at;
        if (w->len != len || w->lo != want->lo)
            continue;
        if (len <= FILTER_INLINE_BYTES ? w->hi == want->hi : memcmp(l->bytes + w->hi, p, len) == 0)
            return at;
    }
}

const struct filter_word *filter_word_find(const struct wit_filter_allowlist *l, const char *p,
                                           size_t len) {
    struct filter_word want;
    const struct filter_word *w = &l->words[word_slot(l, p, len, &want)];
    return w->len == FILTER_NONE ? NULL : w;
}

static int words_publish(struct builder *b) {
    struct wit_filter_allowlist *l = b->l;
    l->word_bits = 4;
    while ((UINT64_C(1) << l->word_bits) < 2 * (uint64_t)b->n_words)
        l->word_bits++;
    l->words = wit_alloc_table((size_t)1 << l->word_bits, sizeof *l->words);
    if (!l->words)
        return WIT_ENOMEM;
    for (size_t i = 0; i < (size_t)1 << l->word_bits; i++)
        l->words[i] = (struct filter_word){ .len = FILTER_NONE,
                                            .code = FILTER_WORD_UNKNOWN,
                                            .entry = FILTER_NONE };
    for (uint32_t w = 0; w < b->n_words; w++) {
        const struct word *from = &b->words[w];
        struct filter_word slot;
        size_t at = word_slot(l, l->bytes + from->offset, from->len, &slot);
        if (from->len > FILTER_INLINE_BYTES)
            slot.hi = from->offset;
        slot.code = w | from->flags;
        slot.entry = from->entry;
        l->words[at] = slot;
    }
    l->n_words = b->n_words;
    return 0;
}

void filter_index_constants(struct wit_filter_allowlist *l) {
    static const char padding[FILTER_INLINE_BYTES];
    const struct filter_word *w = filter_word_find(l, padding, 0);
    l->empty_code = w ? w->code : FILTER_WORD_UNKNOWN;
    l->empty_entry = w ? w->entry : FILTER_NONE;
    for (unsigned c = 0; c < 128; c++) {
        char mark[FILTER_INLINE_BYTES] = { (char)c };
        w = filter_is_mark((unsigned char)c) ? filter_word_find(l, mark, 1) : NULL;
        l->mark_code[c] = w ? w->code : FILTER_WORD_UNKNOWN;
        l->mark_entry[c] = w ? w->entry : FILTER_NONE;
    }
}

int filter_index_build(struct wit_filter_allowlist *l, struct wit_error *err) {
    struct builder b = { .l = l };
    int st = intern_entries(&b);
    if (st < 0)
        goto out;
    /* At most one edge for each field that is not an entry's first. */
    size_t most_edges = b.n_fields - l->n;
    l->edge_bits = 4;
    while (((size_t)1 << l->edge_bits) < 2 * most_edges)
        l->edge_bits++;
    l->bloom_bits = BLOOM_BITS_LEAST;
    while (l->bloom_bits < BLOOM_BITS_MOST && ((size_t)1 << l->bloom_bits) < 32 * most_edges)
        l->bloom_bits++;
    l->edges = wit_alloc_table((size_t)1 << l->edge_bits, sizeof *l->edges);
    l->bloom = wit_alloc_table((size_t)1 << (l->bloom_bits - 6), sizeof *l->bloom);
    if (!l->edges || !l->bloom) {
        st = WIT_ENOMEM;
        goto out;
    }
    for (size_t i = 0; i < (size_t)1 << l->edge_bits; i++)
        l->edges[i] = (struct filter_edge){ .key = FILTER_EDGE_EMPTY, .entry = FILTER_NONE };
    st = add_entries(&b);
    if (st >= 0)
        st = words_publish(&b);
    if (st >= 0)
        filter_index_constants(l);
out:
    builder_finish(&b);
    if (st == WIT_ENOMEM)
        wit_error_set(err, st, "no memory for the index of %zu entries", l->n);
    else if (st < 0)
        wit_error_set(err, st, "an allowlist holds at most %u words", FILTER_WORD_MASK);
    return st;
}

void filter_index_finish(struct wit_filter_allowlist *l) {
    free(l->same_next);
    free(l->words);
    free(l->edges);
    free(l->bloom);
}

size_t filter_index_bytes(const struct wit_filter_allowlist *l) {
    return ((size_t)1 << l->word_bits) * sizeof *l->words +
           ((size_t)1 << l->edge_bits) * sizeof *l->edges + ((size_t)1 << l->bloom_bits) / 8 +
           (l->same_next ? l->n * sizeof *l->same_next : 0);
}
