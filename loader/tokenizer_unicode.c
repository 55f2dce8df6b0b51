/*
 * tokenizer_unicode.c: what the tokenizer knows of each character, in one table made at load.
 *
 * Two versions of Unicode meet here, as they do in open_clip: letters and numbers are those of the
 * regex module (tokenizer_letters.c); lower case and composition are Python 3.11's, Unicode 14. ICU
 * may be newer: it is asked only about characters that Unicode 14 had, whose answers do not change.
 */
#include "tokenizer.h"

#include <stdlib.h>
#include <unicode/uchar.h>

/* str.isspace() in Python 3.11. */
static const struct tokenizer_range spaces[] = {
    { 0x09, 0x0D, TOKENIZER_SPACE },     { 0x1C, 0x20, TOKENIZER_SPACE },
    { 0x85, 0x85, TOKENIZER_SPACE },     { 0xA0, 0xA0, TOKENIZER_SPACE },
    { 0x1680, 0x1680, TOKENIZER_SPACE }, { 0x2000, 0x200A, TOKENIZER_SPACE },
    { 0x2028, 0x2029, TOKENIZER_SPACE }, { 0x202F, 0x202F, TOKENIZER_SPACE },
    { 0x205F, 0x205F, TOKENIZER_SPACE }, { 0x3000, 0x3000, TOKENIZER_SPACE },
};

/* '&', controls, C1 controls, curly quotes, line breaks, the digraphs and ligatures that
 * tokenizer_clean.c takes apart. Wide forms are added by what they become. */
static const struct tokenizer_range fixed[] = {
    { 0x00, 0x08, 0 },     { 0x0B, 0x0B, 0 },     { 0x0D, 0x1F, 0 },     { 0x26, 0x26, 0 },
    { 0x7F, 0x9F, 0 },     { 0x132, 0x133, 0 },   { 0x149, 0x149, 0 },   { 0x1C4, 0x1CC, 0 },
    { 0x1F1, 0x1F3, 0 },   { 0x2BC, 0x2BC, 0 },   { 0x2018, 0x201F, 0 }, { 0x2028, 0x2029, 0 },
    { 0x206A, 0x206F, 0 }, { 0x3000, 0x3000, 0 }, { 0xFB00, 0xFB06, 0 }, { 0xFEFF, 0xFEFF, 0 },
    { 0xFFF9, 0xFFFC, 0 },
};

enum { CODE_POINTS = 0x110000, LAST_WITH_PROPERTIES = 0x3FFFF };

static int make_wide(struct tokenizer_unicode *u, struct wit_error *err) {
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&code);
    for (uint32_t c = TOKENIZER_WIDE_FIRST; c <= TOKENIZER_WIDE_LAST; c++) {
        UChar from = (UChar)c, to[8];
        int32_t n = unorm2_normalize(nfkc, &from, 1, to, WIT_COUNT_OF(to), &code);
        if (U_FAILURE(code) || n > TOKENIZER_WIDE_MAX)
            return wit_error_set(err, WIT_EINTERNAL, "ICU cannot normalise U+%04X: %s", c,
                                 u_errorName(code));
        if (n == 1 && to[0] == from)
            continue;
        for (int32_t i = 0; i < n; i++) /* all of them are in the basic plane */
            u->wide[c - TOKENIZER_WIDE_FIRST][i] = to[i];
    }
    return 0;
}

static int make_composed(struct tokenizer_unicode *u, struct wit_error *err) {
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&code);
    u->assigned = uset_openPattern(u"[:age=14.0:]", -1, &code);
    if (U_SUCCESS(code)) {
        uset_freeze(u->assigned);
        u->composed = unorm2_openFiltered(nfc, u->assigned, &code);
    }
    if (U_FAILURE(code))
        return wit_error_set(err, code == U_MEMORY_ALLOCATION_ERROR ? WIT_ENOMEM : WIT_EINTERNAL,
                             "ICU has no normalizer: %s", u_errorName(code));
    return 0;
}

static uint8_t icu_flags(const struct tokenizer_unicode *u, uint32_t c) {
    if (!uset_contains(u->assigned, (UChar32)c))
        return 0;
    uint8_t flags = 0;
    if (u_tolower((UChar32)c) != (UChar32)c)
        flags |= TOKENIZER_LOWER;
    if (u_getIntPropertyValue((UChar32)c, UCHAR_NFC_QUICK_CHECK) != UNORM_YES)
        flags |= TOKENIZER_COMPOSE;
    if (u_getCombiningClass((UChar32)c) != 0)
        flags |= TOKENIZER_MARK;
    return flags;
}

static void set_ranges(uint8_t *flags, const struct tokenizer_range *r, size_t n, uint8_t add) {
    for (size_t i = 0; i < n; i++)
        for (uint32_t c = r[i].first; c <= r[i].last; c++)
            flags[c] |= (uint8_t)(add | r[i].kind);
}

/* Equal blocks are stored once: some 200 of 4,352 are left. */
static int share_blocks(struct tokenizer_unicode *u, const uint8_t *flags) {
    enum { MOST = 512 };
    u->blocks = wit_alloc_array(MOST, sizeof(u->blocks[0]));
    if (!u->blocks)
        return WIT_ENOMEM;
    for (size_t b = 0; b < WIT_COUNT_OF(u->block_of); b++) {
        size_t at = 0;
        while (at < u->block_count && memcmp(u->blocks[at], flags + b * 256, 256) != 0)
            at++;
        if (at == MOST)
            return WIT_EINTERNAL;
        if (at == u->block_count)
            memcpy(u->blocks[u->block_count++], flags + b * 256, 256);
        u->block_of[b] = (uint16_t)at;
    }
    return 0;
}

int tokenizer_unicode_init(struct tokenizer_unicode *u, struct wit_error *err) {
    memset(u, 0, sizeof(*u));
    uint8_t *flags = wit_alloc_array(CODE_POINTS, 1);
    int st = flags ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory for the character table");
    if (st == 0)
        st = make_wide(u, err);
    if (st == 0)
        st = make_composed(u, err);
    if (st == 0) {
        for (uint32_t c = 0; c <= LAST_WITH_PROPERTIES; c++)
            flags[c] = icu_flags(u, c);
        set_ranges(flags, tokenizer_letters, TOKENIZER_LETTERS, 0);
        set_ranges(flags, spaces, WIT_COUNT_OF(spaces), 0);
        set_ranges(flags, fixed, WIT_COUNT_OF(fixed), TOKENIZER_FIX);
        for (uint32_t c = TOKENIZER_WIDE_FIRST; c <= TOKENIZER_WIDE_LAST; c++)
            if (u->wide[c - TOKENIZER_WIDE_FIRST][0])
                flags[c] |= TOKENIZER_FIX;
        for (uint32_t c = 0x80; c <= 0xFFFF; c++)
            if (tokenizer_is_suspicious(c))
                flags[c] |= TOKENIZER_MOJIBAKE;
        st = share_blocks(u, flags);
        if (st == 0)
            st = tokenizer_suspects_init(u);
        if (st < 0)
            wit_error_set(err, st, "cannot build the character table");
    }
    if (st < 0)
        tokenizer_unicode_finish(u);
    free(flags);
    return st;
}

void tokenizer_unicode_finish(struct tokenizer_unicode *u) {
    free(u->blocks);
    free(u->suspects);
    if (u->composed)
        unorm2_close(u->composed);
    if (u->assigned)
        uset_close(u->assigned);
    memset(u, 0, sizeof(*u));
}

int tokenizer_chars_reserve(struct tokenizer_chars *c, size_t len) {
    if (len <= c->cap)
        return 0;
    size_t cap = len < 256 ? 256 : len + len / 2;
    uint32_t *data = wit_realloc_array(c->data, cap, sizeof(*data));
    if (!data)
        return WIT_ENOMEM;
    c->data = data;
    c->cap = cap;
    return 0;
}

int tokenizer_chars_copy(struct tokenizer_chars *to, const uint32_t *from, size_t len) {
    int st = tokenizer_chars_reserve(to, len);
    if (st < 0)
        return st;
    if (len)
        memcpy(to->data, from, len * sizeof(*from));
    to->len = len;
    return 0;
}

void tokenizer_chars_finish(struct tokenizer_chars *c) {
    free(c->data);
    *c = (struct tokenizer_chars){ NULL, 0, 0 };
}
