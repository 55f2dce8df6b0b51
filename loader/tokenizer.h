/*
 * tokenizer.h: what the files of the tokenizer share: character classes, the tables of a
 * vocabulary, the working memory of a thread. Steps of the cleaning are here so that tests can call
 * them alone.
 */
#ifndef TOKENIZER_H
#define TOKENIZER_H

#include "base/wit_base.h"
#include "wit_loader_tokenizer.h"

#include <assert.h>
#include <unicode/unorm2.h>
#include <unicode/uset.h>

/* ---- characters ------------------------------------------------------------------------------ */

/* What a character is for the word pattern. */
enum tokenizer_class {
    TOKENIZER_OTHER,
    TOKENIZER_LETTER, /* \p{L} */
    TOKENIZER_NUMBER, /* \p{N} */
    TOKENIZER_SPACE,  /* what Python's str.split() splits at */
    TOKENIZER_SKIPPED /* matched by no part of the pattern: separates words, is in none */
};

/* A byte for each code point: the class, and which steps of the cleaning may touch it. */
enum {
    TOKENIZER_CLASS = 0x07,
    TOKENIZER_FIX = 0x08,      /* a fix of single characters, or '&' */
    TOKENIZER_LOWER = 0x10,    /* str.lower() may change it */
    TOKENIZER_COMPOSE = 0x20,  /* NFC_Quick_Check is not Yes */
    TOKENIZER_MARK = 0x40,     /* combining class is not 0 */
    TOKENIZER_MOJIBAKE = 0x80, /* may be part of wrongly decoded text */
};

struct tokenizer_range {
    uint32_t first, last; /* both included */
    enum tokenizer_class kind;
};

enum { TOKENIZER_LETTERS = 843 };
extern const struct tokenizer_range tokenizer_letters[TOKENIZER_LETTERS];

/* Half-width and full-width forms with another spelling: U+FF01 to U+FFEF. */
enum { TOKENIZER_WIDE_FIRST = 0xFF01, TOKENIZER_WIDE_LAST = 0xFFEF, TOKENIZER_WIDE_MAX = 3 };

/* The encodings whose mix-up with UTF-8 is undone, in the order in which they are tried: latin-1,
 * windows-1252, -1251, -1250, -1253, -1254, -1257, iso-8859-2, MacRoman, cp437. The windows ones
 * are "sloppy": bytes without a meaning keep their number, and 0x1A stands for U+FFFD. */
enum {
    TOKENIZER_ENCODINGS = 10,
    TOKENIZER_CODEPAGES = TOKENIZER_ENCODINGS - 1, /* latin-1 needs no table */
    TOKENIZER_FIRST_SLOPPY = 1,
    TOKENIZER_LAST_SLOPPY = 6,
    TOKENIZER_LIKE_LATIN_1 = 7, /* the first seven */
    TOKENIZER_MACROMAN = 8,
};
extern const uint16_t tokenizer_codepages[TOKENIZER_CODEPAGES][128]; /* of 0x80 + i */

/* What a character can be within UTF-8 that was read in an encoding like latin-1. */
enum {
    TOKENIZER_BEGINS_2 = 1,
    TOKENIZER_BEGINS_3 = 2,
    TOKENIZER_BEGINS_4 = 4,
    TOKENIZER_CONTINUES = 8,
    TOKENIZER_CONTINUES_STRICT = 16, /* and rarely stands for itself */
};

/* A character that wrong decoding makes. */
struct tokenizer_suspect {
    uint64_t kinds; /* tokenizer_badness.c */
    uint32_t c;
    uint16_t encodings; /* bit e: encoding e has it, as bytes[e] */
    uint8_t roles;
    uint8_t bytes[TOKENIZER_ENCODINGS];
};

/* Below it suspects are found in one step; nearly all of them are. */
enum { TOKENIZER_SUSPECT_NEAR = 0x2700 };

/* Immutable after tokenizer_unicode_init. */
struct tokenizer_unicode {
    uint16_t block_of[0x110000 >> 8];
    uint8_t (*blocks)[256];
    size_t block_count;
    uint32_t wide[TOKENIZER_WIDE_LAST - TOKENIZER_WIDE_FIRST + 1][TOKENIZER_WIDE_MAX]; /* 0: end */
    USet *assigned;                     /* characters of Unicode 14, which Python 3.11 knows */
    UNormalizer2 *composed;             /* NFC over them */
    struct tokenizer_suspect *suspects; /* sorted; the first 256 are U+0000 to U+00FF */
    size_t suspect_count;
    uint16_t suspect_of[TOKENIZER_SUSPECT_NEAR]; /* place in suspects + 1; 0: none */
};

int tokenizer_unicode_init(struct tokenizer_unicode *u, struct wit_error *err);
void tokenizer_unicode_finish(struct tokenizer_unicode *u);

static inline uint8_t tokenizer_flags(const struct tokenizer_unicode *u, uint32_t c) {
    return u->blocks[u->block_of[c >> 8]][c & 0xFF];
}

/* Code points; grows, never beyond what a text of the largest size can become. */
struct tokenizer_chars {
    uint32_t *data;
    size_t len, cap;
};

int tokenizer_chars_reserve(struct tokenizer_chars *c, size_t len);
int tokenizer_chars_copy(struct tokenizer_chars *to, const uint32_t *from, size_t len);
void tokenizer_chars_finish(struct tokenizer_chars *c);

/* What windows-1252 has for a C1 control, 0x80 to 0x9F; c itself where it has nothing. */
static inline uint32_t tokenizer_windows_1252(uint32_t c) {
    return tokenizer_codepages[0][c - 0x80];
}

/* ---- wrong decoding ----------------------------------------------------------------------------
 */

int tokenizer_suspects_init(struct tokenizer_unicode *u); /* 0, WIT_ENOMEM */
const struct tokenizer_suspect *tokenizer_suspect_find(const struct tokenizer_unicode *u,
                                                       uint32_t c); /* NULL: none */
/* Only texts with such a character can be bad. */
bool tokenizer_is_suspicious(uint32_t c);
/* kinds: (len), overwritten. */
bool tokenizer_is_bad(const struct tokenizer_unicode *u, const uint32_t *text, size_t len,
                      uint64_t *kinds);

/* ---- the vocabulary -------------------------------------------------------------------------- */

enum {
    TOKENIZER_MERGES = 48894,
    TOKENIZER_FIRST_MERGE_ID = 512, /* behind 256 bytes and 256 bytes that end a word */
    TOKENIZER_MERGE_SLOTS = 1 << 17,
    TOKENIZER_NO_RANK = 0xFFFF,
};

/* Open addressing by (left << 16 | right); empty slots hold the pair UINT32_MAX. */
struct tokenizer_merge {
    uint32_t pair;
    uint32_t rank; /* in the order of the file; the id is TOKENIZER_FIRST_MERGE_ID + rank */
};

struct wit_loader_tokenizer {
    struct tokenizer_unicode unicode;
    uint16_t byte_id[256];
    struct tokenizer_merge merges[TOKENIZER_MERGE_SLOTS];
};

/* Where the search for a pair begins. */
static inline size_t tokenizer_merge_slot(uint32_t pair) {
    return (size_t)(pair * UINT64_C(0x9E3779B97F4A7C15) >> 40);
}

uint32_t tokenizer_rank(const struct wit_loader_tokenizer *tok, uint32_t left, uint32_t right);

/* ---- working memory -------------------------------------------------------------------------- */

enum {
    TOKENIZER_CACHE_SLOTS = 1 << 15,
    TOKENIZER_CACHE_WORD = 16,
    TOKENIZER_CACHE_IDS = 7,
    TOKENIZER_CACHE_LONG_SLOTS = 1 << 14,
    TOKENIZER_CACHE_LONG_WORD = 40, /* longer words are not cached */
    TOKENIZER_CACHE_LONG_IDS = 11,
    TOKENIZER_REPAIR_DEPTH = 6,
    TOKENIZER_PAD = 40, /* readable bytes behind the cleaned text */
};

struct tokenizer_cached {
    uint64_t word[2]; /* zeros behind the end */
    uint8_t len;      /* 0: empty */
    uint8_t count;
    uint16_t ids[TOKENIZER_CACHE_IDS];
};
static_assert(sizeof(struct tokenizer_cached) == 32, "two slots a cache line");

/* Longer words: in most scripts a letter has two or three bytes. */
struct tokenizer_cached_long {
    uint64_t word[5];
    uint8_t len, count;
    uint16_t ids[TOKENIZER_CACHE_LONG_IDS];
};
static_assert(sizeof(struct tokenizer_cached_long) == 64, "a slot a cache line");

struct wit_loader_tokenizer_scratch {
    const struct wit_loader_tokenizer *tok;    /* borrowed */
    struct tokenizer_chars text, next, before; /* the text, the step's output, the last round */
    struct tokenizer_chars whole, fixed;       /* all lines, and those already done */
    struct tokenizer_repair_level {
        struct tokenizer_chars text, fixed;
    } levels[TOKENIZER_REPAIR_DEPTH];
    uint64_t *kinds;          /* (kinds_cap) */
    uint8_t *bytes, *changed; /* (bytes_cap) */
    size_t kinds_cap, bytes_cap;
    uint64_t repair_left;    /* characters that may still be looked at */
    UChar *utf16, *composed; /* (utf16_cap) each */
    size_t utf16_cap;
    char *clean; /* UTF-8 and TOKENIZER_PAD bytes */
    size_t clean_len, clean_cap;
    uint16_t *symbols; /* ids of one word, (word_cap) */
    int32_t *links;    /* next and previous symbol, (2 * word_cap) */
    uint64_t *heap;    /* (3 * word_cap) */
    size_t word_cap;
    struct tokenizer_cached cache[TOKENIZER_CACHE_SLOTS];
    struct tokenizer_cached_long long_cache[TOKENIZER_CACHE_LONG_SLOTS];
};

/* Undoes in s->text what reading UTF-8 in a single-byte encoding did. 0, WIT_ENOMEM. */
int tokenizer_repair(struct wit_loader_tokenizer_scratch *s);

/* Cleans `text` into s->clean. 0, WIT_ELIMIT, WIT_ENOMEM. */
int tokenizer_clean(struct wit_loader_tokenizer_scratch *s, struct wit_str text);
/* The same by all steps, which plain ASCII is spared: the twin in tests. */
int tokenizer_clean_steps(struct wit_loader_tokenizer_scratch *s, struct wit_str text);

/* ---- words to ids ---------------------------------------------------------------------------- */

/* The ids of one word of `len` > 0 bytes in s->symbols; their number, or WIT_ENOMEM. */
int tokenizer_bpe(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len);
/* The definition, for tests: scans the whole word for every merge. */
int tokenizer_bpe_ref(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len);

#endif
