/*
 * match.c: the fast matcher. Equal to match_ref.c on every input (tests/filter/test_match.c).
 *
 * Nearly all the time goes into waiting for the tables, so the work on a chunk of texts runs in
 * stages, each of which asks for the memory that the next one reads:
 *
 *   cut      fields of all texts, a hash of each      -> prefetch of its word slot
 *   resolve  word slots to codes and one-word entries
 *   pairs    neighbours that may begin a phrase       -> prefetch of their edge
 *   emit     for each text: its entries, sorted, each once
 */
#include "filter_private.h"

#include <assert.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    CHUNK_TEXTS = 32,
    CHUNK_BYTES = 16 * 1024, /* or one longer text */
    PENDING_WORDS = 2048,
    BLOCK_BYTES = 64, /* the cutter reads whole blocks */
    WORDS_AT_ONCE = 64,
};

struct pending_word {
    uint64_t lo, hi; /* as in struct filter_word, but hi of a long word is its place in the text */
    uint32_t len, slot, field;
};

struct pending_pair {
    uint64_t key;
    uint32_t slot, field;
};

struct wit_filter_matcher {
    const struct wit_filter_allowlist *list;
    char *text; /* the texts of the chunk, each with a space behind it, then room for a block */
    size_t text_cap;
    /* By field of the chunk. Each text is followed by one unknown field, which ends all phrases. */
    uint32_t *codes, *entries;
    size_t fields_cap, n_fields;
    struct pending_word words[PENDING_WORDS];
    size_t n_words;
    struct pending_pair *pairs;
    size_t pairs_cap, n_pairs;
    uint32_t *ids;
    size_t ids_cap, n_ids;
};

int wit_filter_matcher_create(const struct wit_filter_allowlist *list,
                              struct wit_filter_matcher **out, struct wit_error *err) {
    struct wit_filter_matcher *m = calloc(1, sizeof *m);
    if (!m)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a matcher");
    m->list = list;
    *out = m;
    return 0;
}

void wit_filter_matcher_destroy(struct wit_filter_matcher *m) {
    if (!m)
        return;
    free(m->text);
    free(m->codes);
    free(m->entries);
    free(m->pairs);
    free(m->ids);
    free(m);
}

/* ---- cut ----------------------------------------------------------------------------------- */

/* One bit for each of 64 bytes: a mark, or white space that ends a field. */
#if defined(__SSE2__)
static __m128i is_byte(__m128i bytes, char c) {
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

/* Eleven bytes by seven comparisons: those that differ in one bit are asked for together. */
static unsigned delimiters_16(const char *p) {
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i no_4 = _mm_and_si128(b, _mm_set1_epi8(~4));
    __m128i no_1 = _mm_or_si128(b, _mm_set1_epi8(1));
    __m128i no_2 = _mm_or_si128(b, _mm_set1_epi8(2));
    __m128i space = _mm_or_si128(is_byte(no_4, '\t'), is_byte(b, '\n'));  /* \t \r \n */
    __m128i pairs = _mm_or_si128(is_byte(no_1, '!'), is_byte(no_1, ';')); /* ' ' ! : ; */
    __m128i rest = _mm_or_si128(is_byte(no_2, '.'),                       /* , . */
                                _mm_or_si128(is_byte(b, '?'), is_byte(b, '`')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(space, pairs), rest));
}

static uint64_t delimiters(const char *p) {
    return delimiters_16(p) | (uint64_t)delimiters_16(p + 16) << 16 |
           (uint64_t)delimiters_16(p + 32) << 32 | (uint64_t)delimiters_16(p + 48) << 48;
}
#else
static uint64_t delimiters(const char *p) {
    uint64_t mask = 0;
    for (unsigned i = 0; i < 64; i++) {
        unsigned char c = (unsigned char)p[i];
        bool hit = c == ' ' || c == '\t' || c == '\n' || c == '\r' || filter_is_mark(c);
        mask |= (uint64_t)hit << i;
    }
    return mask;
}
#endif

static void put_field(struct wit_filter_matcher *m, uint32_t code, uint32_t entry) {
    m->codes[m->n_fields] = code;
    m->entries[m->n_fields++] = entry;
}

static void put_word(struct wit_filter_matcher *m, size_t start, size_t len) {
    const struct wit_filter_allowlist *l = m->list;
    struct pending_word *w = &m->words[m->n_words++];
    uint64_t hash;
    if (len <= FILTER_INLINE_BYTES) {
        filter_load_inline(m->text + start, len, &w->lo, &w->hi);
        hash = filter_word_hash(w->lo, w->hi, len);
    } else {
        w->lo = hash = wit_hash64_of(m->text + start, len, 0);
        w->hi = start;
    }
    w->len = (uint32_t)len;
    w->slot = (uint32_t)(hash & ((UINT64_C(1) << l->word_bits) - 1));
    w->field = (uint32_t)m->n_fields++;
    __builtin_prefetch(&l->words[w->slot]);
}

/* ---- resolve ------------------------------------------------------------------------------- */

static bool word_is(const struct wit_filter_matcher *m, const struct pending_word *w,
                    const struct filter_word *slot) {
    if (slot->len != w->len || slot->lo != w->lo)
        return false;
    if (w->len <= FILTER_INLINE_BYTES)
        return slot->hi == w->hi;
    return memcmp(m->list->bytes + slot->hi, m->text + w->hi, w->len) == 0;
}

static void resolve_words(struct wit_filter_matcher *m) {
    const struct wit_filter_allowlist *l = m->list;
    size_t mask = ((size_t)1 << l->word_bits) - 1;
    for (size_t i = 0; i < m->n_words; i++) {
        const struct pending_word *w = &m->words[i];
        const struct filter_word *slot = &l->words[w->slot];
        size_t at = w->slot;
        while (slot->len != FILTER_NONE && !word_is(m, w, slot)) {
            at = (at + 1) & mask;
            slot = &l->words[at];
        }
        /* A free slot holds the unknown code and no entry. */
        m->codes[w->field] = slot->code;
        m->entries[w->field] = slot->entry;
    }
    m->n_words = 0;
}

/* The text lies in m->text from `start` on and has a space at end - 1. */
static void cut_text(struct wit_filter_matcher *m, size_t start, size_t end) {
    const struct wit_filter_allowlist *l = m->list;
    for (size_t base = start; base < end; base += BLOCK_BYTES) {
        uint64_t mask = delimiters(m->text + base);
        if (end - base < BLOCK_BYTES)
            mask &= (UINT64_C(1) << (end - base)) - 1;
        for (; mask; mask &= mask - 1) {
            size_t at = base + (unsigned)__builtin_ctzll(mask);
            unsigned char c = (unsigned char)m->text[at];
            if (at == start)
                put_field(m, l->empty_code, l->empty_entry);
            else
                put_word(m, start, at - start);
            if (filter_is_mark(c))
                put_field(m, l->mark_code[c], l->mark_entry[c]);
            if (m->n_words == PENDING_WORDS)
                resolve_words(m);
            start = at + 1;
        }
    }
    put_field(m, FILTER_WORD_UNKNOWN, FILTER_NONE);
}

/* ---- pairs --------------------------------------------------------------------------------- */

/* Whether two neighbours begin a phrase is as good as random, so nothing branches on it: what may
 * is written to the list, and the list grows if it is so. */
static void find_pairs(struct wit_filter_matcher *m) {
    const struct wit_filter_allowlist *l = m->list;
    uint64_t mask = (UINT64_C(1) << l->edge_bits) - 1;
    struct pending_pair *pairs = m->pairs;
    size_t n = 0, likely = 0;
    for (size_t i = 0; i + 1 < m->n_fields; i++) {
        uint32_t first = m->codes[i], second = m->codes[i + 1];
        pairs[n].key = (uint64_t)(first & FILTER_WORD_MASK) << 32 | (second & FILTER_WORD_MASK);
        pairs[n].field = (uint32_t)i;
        n += (first & FILTER_WORD_FIRST) && (second & FILTER_WORD_LATER);
    }
    for (size_t i = 0; i < n; i++) {
        struct pending_pair p = pairs[i];
        uint64_t hash = filter_edge_hash(p.key), bit = hash >> (64 - l->bloom_bits);
        p.slot = (uint32_t)(hash & mask);
        pairs[likely] = p;
        likely += l->bloom[bit / 64] >> bit % 64 & 1;
    }
    for (size_t i = 0; i < likely; i++)
        __builtin_prefetch(&l->edges[pairs[i].slot]);
    m->n_pairs = likely;
}

/* ---- emit ---------------------------------------------------------------------------------- */

/* Shell's sort: never so many ids that its exponent counts. */
static void sort_ids(uint32_t *ids, size_t n) {
    static const size_t gaps[] = { 57313, 17961, 5471, 1750, 701, 301, 132, 57, 23, 10, 4, 1 };
    for (size_t g = 0; g < WIT_COUNT_OF(gaps); g++) {
        size_t gap = gaps[g];
        for (size_t i = gap; i < n; i++) {
            uint32_t id = ids[i];
            size_t at = i;
            for (; at >= gap && ids[at - gap] > id; at -= gap)
                ids[at] = ids[at - gap];
            ids[at] = id;
        }
    }
}

/* Few ids get their places by counting for each how many are less, four at a time and without a
 * branch. Equal ones get one place, and leave free those behind it. Returns how many are left. */
#if defined(__SSE2__)
enum { RANKED_MOST = 16, LANES = 4 };

static size_t rank_unique(uint32_t *ids, size_t n) {
    uint32_t in[RANKED_MOST], out[RANKED_MOST], rank[RANKED_MOST];
    __m128i value[RANKED_MOST / LANES], less[RANKED_MOST / LANES];
    size_t vectors = n <= RANKED_MOST / 2 ? RANKED_MOST / 2 / LANES : RANKED_MOST / LANES;
    size_t kept = 0;
    memset(out, 0xff, sizeof out); /* FILTER_NONE: free */
    memcpy(in, ids, n * sizeof *ids);
    memset(in + n, 0, (RANKED_MOST - n) * sizeof *ids); /* their places are looked at by nobody */
    for (size_t v = 0; v < vectors; v++) {
        value[v] = _mm_loadu_si128((const __m128i *)(const void *)(in + LANES * v));
        less[v] = _mm_setzero_si128();
    }
    for (size_t i = 0; i < n; i++) { /* ids are below 2^24, so the signed comparison will do */
        __m128i id = _mm_set1_epi32((int)in[i]);
        for (size_t v = 0; v < vectors; v++)
            less[v] = _mm_sub_epi32(less[v], _mm_cmpgt_epi32(value[v], id));
    }
    for (size_t v = 0; v < vectors; v++)
        _mm_storeu_si128((__m128i *)(void *)(rank + LANES * v), less[v]);
    for (size_t i = 0; i < n; i++)
        out[rank[i]] = in[i];
    for (size_t i = 0; i < n; i++) {
        ids[kept] = out[i];
        kept += out[i] != FILTER_NONE;
    }
    return kept;
}
#else
enum { RANKED_MOST = 0 };

static size_t rank_unique(uint32_t *ids, size_t n) {
    return n;
}
#endif
static_assert(WIT_FILTER_ENTRIES_MAX <= 1u << 24, "rank_unique compares ids as signed numbers");

/* Sorts the ids from `from` on and drops repeats. */
static void sort_unique(struct wit_filter_matcher *m, size_t from) {
    size_t n = m->n_ids - from, kept = 0;
    if (n == 0)
        return; /* before the first id there is no memory to point into */
    uint32_t *ids = m->ids + from;
    if (n <= RANKED_MOST) {
        m->n_ids = from + rank_unique(ids, n);
        return;
    }
    sort_ids(ids, n);
    for (size_t i = 1; i < n; i++) {
        ids[kept + 1] = ids[i];
        kept += ids[kept] != ids[i];
    }
    m->n_ids = from + kept + 1;
}

/* Room for `more` ids of the text whose ids begin at `from`. A text that repeats itself must not
 * hold more than its distinct entries: repeats go before the memory grows. */
static int ids_reserve(struct wit_filter_matcher *m, size_t from, size_t more) {
    if (m->n_ids + more <= m->ids_cap)
        return 0;
    if (m->n_ids - from > 1024)
        sort_unique(m, from);
    if (m->n_ids + more <= m->ids_cap / 2)
        return 0;
    size_t cap = m->ids_cap ? 2 * m->ids_cap : 1024;
    uint32_t *ids = wit_realloc_array(m->ids, cap, sizeof *ids);
    if (!ids)
        return WIT_ENOMEM;
    m->ids = ids;
    m->ids_cap = cap;
    return 0;
}

static int put_id(struct wit_filter_matcher *m, size_t from, uint32_t id) {
    for (; id != FILTER_NONE; id = m->list->same_next ? m->list->same_next[id] : FILTER_NONE) {
        if (ids_reserve(m, from, 1) < 0)
            return WIT_ENOMEM;
        m->ids[m->n_ids++] = id;
    }
    return 0;
}

/* The entries of one word of fields [field, end). */
static int put_words(struct wit_filter_matcher *m, size_t from, size_t field, size_t end) {
    while (field < end) {
        size_t stop = end - field < WORDS_AT_ONCE ? end : field + WORDS_AT_ONCE;
        if (ids_reserve(m, from, stop - field) < 0)
            return WIT_ENOMEM;
        if (!m->list->same_next) {
            size_t n = m->n_ids;
            for (; field < stop; field++) { /* as in find_pairs: no branch on chance */
                m->ids[n] = m->entries[field];
                n += m->entries[field] != FILTER_NONE;
            }
            m->n_ids = n;
        }
        for (; field < stop; field++)
            if (put_id(m, from, m->entries[field]) < 0)
                return WIT_ENOMEM;
    }
    return 0;
}

/* Follows the phrases that begin with this pair as far as the text does. */
static int follow_phrase(struct wit_filter_matcher *m, const struct pending_pair *p, size_t from) {
    const struct wit_filter_allowlist *l = m->list;
    uint64_t key = p->key;
    for (size_t next = (size_t)p->field + 2;; next++) {
        const struct filter_edge *e = filter_edge_find(l, key);
        if (!e)
            return 0;
        if (put_id(m, from, e->entry) < 0)
            return WIT_ENOMEM;
        if (!e->node || !(m->codes[next] & FILTER_WORD_LATER))
            return 0;
        key = (uint64_t)e->node << 32 | (m->codes[next] & FILTER_WORD_MASK);
    }
}

/* Entries of the text with fields [field, end); *pair is the first pair not yet looked at. */
static int emit_text(struct wit_filter_matcher *m, size_t field, size_t end, size_t *pair) {
    size_t from = m->n_ids;
    if (put_words(m, from, field, end) < 0)
        return WIT_ENOMEM;
    for (; *pair < m->n_pairs && m->pairs[*pair].field < end; ++*pair)
        if (follow_phrase(m, &m->pairs[*pair], from) < 0)
            return WIT_ENOMEM;
    sort_unique(m, from);
    return 0;
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* Every byte makes at most two fields (a mark and the field that it ends). */
static int chunk_reserve(struct wit_filter_matcher *m, size_t bytes) {
    size_t fields = 2 * bytes + 2 * CHUNK_TEXTS, text_cap = bytes + CHUNK_TEXTS + BLOCK_BYTES;
    if (text_cap > m->text_cap) {
        char *text = realloc(m->text, text_cap);
        if (!text)
            return WIT_ENOMEM;
        m->text = text;
        m->text_cap = text_cap;
    }
    if (fields > m->fields_cap) {
        free(m->codes);
        free(m->entries);
        free(m->pairs);
        m->codes = wit_alloc_array(fields, sizeof *m->codes);
        m->entries = wit_alloc_array(fields, sizeof *m->entries);
        m->pairs = wit_alloc_array(fields, sizeof *m->pairs);
        m->fields_cap = m->codes && m->entries && m->pairs ? fields : 0;
        if (!m->fields_cap)
            return WIT_ENOMEM;
    }
    return 0;
}

static int match_chunk(struct wit_filter_matcher *m, const struct wit_str *texts, size_t n,
                       size_t *ends) {
    size_t field_ends[CHUNK_TEXTS], bytes = 0, at = 0, pair = 0;
    for (size_t i = 0; i < n; i++)
        bytes += texts[i].len;
    if (chunk_reserve(m, bytes) < 0)
        return WIT_ENOMEM;
    m->n_fields = 0;
    memset(m->text + bytes + n, 0, BLOCK_BYTES);
    for (size_t i = 0; i < n; i++) {
        size_t start = at;
        if (texts[i].len)
            memcpy(m->text + at, texts[i].data, texts[i].len);
        at += texts[i].len;
        m->text[at++] = ' ';
        /* What the cutter's last block reads behind the text is masked off, but must be there. */
        cut_text(m, start, at);
        field_ends[i] = m->n_fields;
    }
    resolve_words(m);
    find_pairs(m);
    for (size_t i = 0; i < n; i++) {
        if (emit_text(m, i ? field_ends[i - 1] : 0, field_ends[i], &pair) < 0)
            return WIT_ENOMEM;
        ends[i] = m->n_ids;
    }
    return 0;
}

int wit_filter_match_batch(struct wit_filter_matcher *m, const struct wit_str *texts, size_t n,
                           const uint32_t **ids, size_t *ends, struct wit_error *err) {
    m->n_ids = 0;
    for (size_t i = 0; i < n; i++)
        if (texts[i].len > WIT_FILTER_TEXT_MAX_BYTES)
            return wit_error_set(err, WIT_ELIMIT, "a text of %zu bytes, at most %u are matched",
                                 texts[i].len, WIT_FILTER_TEXT_MAX_BYTES);
    for (size_t at = 0; at < n;) {
        size_t bytes = texts[at].len, k = 1;
        while (at + k < n && k < CHUNK_TEXTS && bytes + texts[at + k].len <= CHUNK_BYTES)
            bytes += texts[at + k++].len;
        if (match_chunk(m, texts + at, k, ends + at) < 0)
            return wit_error_set(err, WIT_ENOMEM, "no memory to match a text of %zu bytes", bytes);
        at += k;
    }
    *ids = m->ids;
    return 0;
}

int wit_filter_match(struct wit_filter_matcher *m, struct wit_str text, const uint32_t **ids,
                     size_t *count, struct wit_error *err) {
    const uint32_t *found;
    size_t end;
    int st = wit_filter_match_batch(m, &text, 1, &found, &end, err);
    if (st < 0)
        return st;
    *ids = found;
    *count = end;
    return 0;
}
