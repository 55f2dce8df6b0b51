/*
 * tokenizer_bpe.c: the byte pairs of one word merged into ids.
 *
 * Source: Sennrich et al. 2016 as CLIP applies it: among the neighbours in the word take the pair
 * that was learned first, merge all its places from left to right, repeat. The last byte of a word
 * has an id of its own, so that "cat" in "cat" and in "cats" differ.
 */
#include "tokenizer.h"

#include <stdlib.h>

uint32_t tokenizer_rank(const struct wit_loader_tokenizer *tok, uint32_t left, uint32_t right) {
    uint32_t pair = left << 16 | right;
    for (size_t at = tokenizer_merge_slot(pair);; at++) {
        const struct tokenizer_merge *m = &tok->merges[at % TOKENIZER_MERGE_SLOTS];
        if (m->pair == pair)
            return m->rank;
        if (m->pair == UINT32_MAX)
            return TOKENIZER_NO_RANK;
    }
}

static int word_start(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len) {
    if (len > s->word_cap) {
        size_t cap = len < 256 ? 256 : len + len / 2;
        uint16_t *symbols = wit_realloc_array(s->symbols, cap, sizeof(*symbols));
        if (!symbols)
            return WIT_ENOMEM;
        s->symbols = symbols;
        int32_t *links = wit_realloc_array(s->links, 2 * cap, sizeof(*links));
        if (!links)
            return WIT_ENOMEM;
        s->links = links;
        uint64_t *heap = wit_realloc_array(s->heap, 3 * cap, sizeof(*heap));
        if (!heap)
            return WIT_ENOMEM;
        s->heap = heap;
        s->word_cap = cap;
    }
    for (size_t i = 0; i < len; i++)
        s->symbols[i] = s->tok->byte_id[word[i]];
    s->symbols[len - 1] = (uint16_t)(s->symbols[len - 1] + 256);
    return 0;
}

int tokenizer_bpe_ref(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len) {
    const struct wit_loader_tokenizer *tok = s->tok;
    int st = word_start(s, word, len);
    if (st < 0)
        return st;
    uint16_t *sym = s->symbols;
    size_t n = len;
    for (;;) {
        uint32_t best = TOKENIZER_NO_RANK;
        uint16_t left = 0, right = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            uint32_t rank = tokenizer_rank(tok, sym[i], sym[i + 1]);
            if (rank < best)
                best = rank, left = sym[i], right = sym[i + 1];
        }
        if (best == TOKENIZER_NO_RANK)
            return (int)n;
        size_t to = 0;
        for (size_t i = 0; i < n; i++) {
            bool merge = i + 1 < n && sym[i] == left && sym[i + 1] == right;
            sym[to++] = merge ? (uint16_t)(TOKENIZER_FIRST_MERGE_ID + best) : sym[i];
            i += merge;
        }
        n = to;
    }
}

/* ---- short words -------------------------------------------------------------------------------
 */

enum { SHORT_WORD = 48 }; /* where scanning is quicker than a heap */

/* The definition, but that the rank of a pair is looked up once, and again only beside a merge. */
static int short_word(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len) {
    const struct wit_loader_tokenizer *tok = s->tok;
    uint32_t ranks[SHORT_WORD];
    int st = word_start(s, word, len);
    if (st < 0)
        return st;
    uint16_t *sym = s->symbols;
    size_t n = len;
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = tokenizer_rank(tok, sym[i], sym[i + 1]);
    for (;;) {
        uint32_t best = TOKENIZER_NO_RANK;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            if (ranks[i] < best)
                best = ranks[i], at = i; /* of equal ones the leftmost */
        if (best == TOKENIZER_NO_RANK)
            return (int)n;
        n--;
        sym[at] = (uint16_t)(TOKENIZER_FIRST_MERGE_ID + best);
        memmove(sym + at + 1, sym + at + 2, (n - at - 1) * sizeof *sym);
        memmove(ranks + at, ranks + at + 1, (n - at) * sizeof *ranks);
        if (at > 0)
            ranks[at - 1] = tokenizer_rank(tok, sym[at - 1], sym[at]);
        if (at + 1 < n)
            ranks[at] = tokenizer_rank(tok, sym[at], sym[at + 1]);
    }
}

/* ---- a binary heap of rank << 32 | place, least first ---------------------------------------- */

static void heap_push(uint64_t *heap, size_t *n, uint64_t key) {
    size_t at = (*n)++;
    while (at > 0 && heap[(at - 1) / 2] > key) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = key;
}

static uint64_t heap_pop(uint64_t *heap, size_t *n) {
    uint64_t least = heap[0], key = heap[--*n];
    size_t at = 0;
    for (size_t child = 1; child < *n; child = 2 * at + 1) {
        if (child + 1 < *n && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= key)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
    return least;
}

/*
 * The same in O(n log n). Merging the places of a pair can make a pair that was learned earlier,
 * but never the pair itself, since one side of the new pair is longer: so all places of a rank are
 * taken before the pairs they make are looked at, which is the order of the definition.
 *
 * Each merge adds at most two pairs and the word begins with len - 1, so that 3 * len keys suffice;
 * the fresh ones wait at the far end of the same array.
 */
int tokenizer_bpe(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len) {
    if (len <= SHORT_WORD)
        return short_word(s, word, len);
    const struct wit_loader_tokenizer *tok = s->tok;
    int st = word_start(s, word, len);
    if (st < 0)
        return st;
    uint16_t *sym = s->symbols;
    int32_t *next = s->links, *prev = s->links + len; /* -1: none; next -2: merged away */
    uint64_t *heap = s->heap, *fresh_end = s->heap + 3 * len;
    size_t n = 0, fresh = 0;
    for (size_t i = 0; i < len; i++) {
        next[i] = i + 1 < len ? (int32_t)(i + 1) : -1;
        prev[i] = (int32_t)i - 1;
        uint32_t rank = i + 1 < len ? tokenizer_rank(tok, sym[i], sym[i + 1]) : TOKENIZER_NO_RANK;
        if (rank != TOKENIZER_NO_RANK)
            heap_push(heap, &n, (uint64_t)rank << 32 | i);
    }
    while (n > 0) {
        uint32_t best = (uint32_t)(heap[0] >> 32);
        while (n > 0 && heap[0] >> 32 == best) {
            int32_t at = (int32_t)(uint32_t)heap_pop(heap, &n), with = next[at];
            if (with < 0 || tokenizer_rank(tok, sym[at], sym[with]) != best)
                continue; /* one of the two went into another merge */
            sym[at] = (uint16_t)(TOKENIZER_FIRST_MERGE_ID + best);
            next[at] = next[with];
            if (next[at] >= 0)
                prev[next[at]] = at;
            next[with] = -2;
            *(fresh_end - ++fresh) = (uint64_t)at;
        }
        for (; fresh > 0; fresh--) {
            int32_t at = (int32_t) * (fresh_end - fresh);
            int32_t lefts[2] = { prev[at], at };
            for (int k = 0; k < 2; k++) {
                int32_t left = lefts[k], right = left < 0 ? -1 : next[left];
                uint32_t rank =
                    right < 0 ? TOKENIZER_NO_RANK : tokenizer_rank(tok, sym[left], sym[right]);
                if (rank != TOKENIZER_NO_RANK)
                    heap_push(heap, &n, (uint64_t)rank << 32 | (uint32_t)left);
            }
        }
    }
    int count = 0;
    for (int32_t at = 0; at >= 0; at = next[at])
        sym[count++] = sym[at];
    return count;
}
