/*
 * filter_private.h: what the files of filter/ share: the list's memory and the index over it.
 *
 * The index is a trie over words instead of bytes. By the definition a text falls apart at every
 * single space into fields (see docs/filter.md for the equivalence), and an entry matches iff its
 * own fields stand in the text one after another. So: a hash table from word to word number, one
 * from (node, word number) to the next node, and a filter of bits before the latter, since most
 * pairs of neighbouring words begin no phrase.
 */
#ifndef FILTER_PRIVATE_H
#define FILTER_PRIVATE_H

#include "wit_filter.h"

#define FILTER_NONE UINT32_MAX

/* A word number doubles as the trie node of "entries that begin with this word"; the nodes behind
 * it have FILTER_DEEP_NODE set. Words are fewer than 2^30 - 1: the two bits above carry what the
 * next step needs to know. */
#define FILTER_WORD_FIRST 0x80000000u /* some longer entry begins with this word */
#define FILTER_WORD_LATER 0x40000000u /* some entry has it behind another word */
#define FILTER_WORD_MASK 0x3fffffffu
#define FILTER_WORD_UNKNOWN FILTER_WORD_MASK /* a word of no entry: neither flag, leads nowhere */
#define FILTER_DEEP_NODE 0x80000000u

#define FILTER_INLINE_BYTES 16

/* A word of up to 16 bytes lies in the slot itself, zero-padded. A longer one is there by its
 * XXH3-64 (lo) and its offset in the list's bytes (hi). Empty slots have len FILTER_NONE. */
struct filter_word {
    uint64_t lo, hi;
    uint32_t len;
    uint32_t code;  /* word number with its two flags */
    uint32_t entry; /* the entry that is just this word, or FILTER_NONE */
    uint32_t unused;
};

struct filter_edge {
    uint64_t key;   /* node << 32 | word number; FILTER_EDGE_EMPTY: free slot */
    uint32_t node;  /* where it leads; 0: a leaf */
    uint32_t entry; /* the entry that ends there, or FILTER_NONE */
};
#define FILTER_EDGE_EMPTY UINT64_MAX

struct wit_filter_allowlist {
    char *bytes;       /* all entries, one after the other */
    uint64_t *offsets; /* n + 1 */
    size_t n;
    bool empty_is_entry; /* JSON: "" is an entry; text: an empty line is a place only */
    uint32_t *same_next; /* next id with the same bytes, or FILTER_NONE; NULL: no repeats at all */
    uint64_t repeated;

    struct filter_word *words; /* 1 << word_bits, linear probing */
    unsigned word_bits;
    uint32_t n_words;
    struct filter_edge *edges; /* 1 << edge_bits, linear probing */
    unsigned edge_bits;
    uint64_t *bloom; /* 1 << bloom_bits bits */
    unsigned bloom_bits;
    /* What a lookup of the empty field and of the one-byte fields of wrapped marks would find. */
    uint32_t empty_code, empty_entry;
    uint32_t mark_code[128], mark_entry[128];
    /* Of a compiled list: bytes, offsets and tables are somebody else's, or the map's. */
    bool is_borrowed;
    void *map; /* NULL: none */
    size_t map_bytes;
};

static inline struct wit_str filter_entry(const struct wit_filter_allowlist *l, uint32_t id) {
    return wit_str_of(l->bytes + l->offsets[id], (size_t)(l->offsets[id + 1] - l->offsets[id]));
}

/* The seven marks that get a space on both sides. */
static inline bool filter_is_mark(unsigned char c) {
    return c == ',' || c == '.' || c == ';' || c == ':' || c == '?' || c == '!' || c == '`';
}

/* One 64x64 -> 128 multiplication, folded. The constants are the first digits of pi's fraction. */
static inline uint64_t filter_mix(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 u128;
    u128 product = (u128)(a ^ 0x243f6a8885a308d3u) * (b ^ 0x13198a2e03707344u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
static inline uint64_t filter_word_hash(uint64_t lo, uint64_t hi, size_t len) {
    return filter_mix(lo + len, hi);
}
static inline uint64_t filter_edge_hash(uint64_t key) {
    return filter_mix(key, key >> 32);
}

/* The first `len` <= 16 bytes at p as two little-endian numbers; 16 bytes are readable there. */
static inline void filter_load_inline(const char *p, size_t len, uint64_t *lo, uint64_t *hi) {
    /* From here on `len` ones and then zeros: lengths are too mixed to branch on. */
    static const uint8_t ones[2 * FILTER_INLINE_BYTES] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    };
    uint64_t bytes[2], mask[2];
    memcpy(bytes, p, sizeof bytes);
    memcpy(mask, ones + FILTER_INLINE_BYTES - len, sizeof mask);
    *lo = bytes[0] & mask[0];
    *hi = bytes[1] & mask[1];
}

/* Build the index over entries that are in place. WIT_ENOMEM, WIT_ELIMIT. */
int filter_index_build(struct wit_filter_allowlist *l, struct wit_error *err);
void filter_index_finish(struct wit_filter_allowlist *l);
size_t filter_index_bytes(const struct wit_filter_allowlist *l);
/* Look up what is constant, once the tables are there. */
void filter_index_constants(struct wit_filter_allowlist *l);

/* Do the bytes, or the first eight of them, begin a compiled list? */
bool filter_is_compiled(struct wit_str bytes);
/* A compiled list in memory that outlives the list; at a multiple of 8. WIT_ECORRUPT, ... */
int filter_compiled_parse(struct wit_str file, const char *name, struct wit_filter_allowlist **out,
                          struct wit_error *err);
int filter_compiled_load(const char *path, struct wit_filter_allowlist **out,
                         struct wit_error *err);

/* The slot of a word or NULL. `p` has 16 readable bytes; used for words given one at a time. */
const struct filter_word *filter_word_find(const struct wit_filter_allowlist *l, const char *p,
                                           size_t len);
const struct filter_edge *filter_edge_find(const struct wit_filter_allowlist *l, uint64_t key);

/* The definition itself, slow: pad, then look for each padded entry. Writes ids ascending to `ids`,
 * which has room for all entries; returns their number or WIT_ENOMEM. The matcher's twin in tests.
 */
int64_t filter_match_ref(const struct wit_filter_allowlist *l, struct wit_str text, uint32_t *ids);

#endif
