/*
 * tokenizer_badness.c: does a text look as if it had been decoded with the wrong encoding?
 *
 * The behaviour is that of ftfy 6.3.1 (Robyn Speer, Apache-2.0), whose rules rest on years of
 * looking at real text: some 400 characters appear when UTF-8 is read as a single-byte encoding;
 * each is of one or more kinds, and a text is bad when kinds stand side by side that nobody writes,
 * such as a small accented letter before a currency sign. Here a kind is a bit, a rule a row of bit
 * sets.
 */
#include "tokenizer.h"

#include <stdlib.h>
#include <uchar.h>

enum kind {
    /* kinds of the characters of mojibake */
    COMMON,  /* found everywhere */
    CONTROL, /* U+0080 to U+009F */
    RARE,    /* hardly used but in mojibake */
    LAW,
    MONEY,
    OPEN,  /* punctuation that begins something */
    CLOSE, /* punctuation that ends something */
    NUMERIC,
    FACE,        /* accented letters that emoticons use, and the degree sign */
    UPPER,       /* accented capitals */
    LOWER,       /* accented small letters */
    OTHER_UPPER, /* Greek and Cyrillic, and the capital thorn */
    OTHER_LOWER,
    BOX, /* box drawing and block elements */
    /* ASCII and what any character may be */
    ASCII_UPPER,
    ASCII_LOWER,
    SPACE,     /* U+0020 */
    WHITE,     /* any white space */
    WORD,      /* letters, numbers, '_' */
    STOP,      /* . , ? ! */
    NOT_LATIN, /* all but ASCII letters */
    NOT_BREAK, /* all but LF */
    /* single characters and short lists that have rules of their own */
    OE,
    DEGREE,
    A_I_HAT_ETH,
    AFTER_A_I_HAT,
    TIMES,
    SUPERSCRIPT,
    O_U_ARABIC,
    AFTER_ARABIC,
    A_GRAVE,
    AFTER_A_GRAVE,
    ROOT,
    AFTER_ROOT,
    ALMOST,
    AFTER_ALMOST,
    LOW_QUOTE,
    A_UMLAUT,
    AFTER_A_UMLAUT,
    A_HAT_O_ACUTE,
    AFTER_A_HAT,
    VE_SMALL,
    DJE,
    CYRILLIC_LEAD,
    CYRILLIC_AFTER,
    GHE,
    SHORT_U,
    VE,
    A_TILDE,
    AFTER_A_TILDE,
    A_TILDE_HAT,
    A_HAT,
    BETA,
    EURO,
    AFTER_BETA,
    GREEK_LEAD,
    A_MACRON,
    KINDS
};
static_assert(KINDS <= 64, "a kind is a bit of 64");

#define K(kind) (UINT64_C(1) << (kind))

/* Pairs of first and last. U+0080 to U+009F are not allowed in a literal: see kinds_of. */
static const struct {
    enum kind kind;
    const char16_t *ranges;
} ranges[] = {
    { COMMON,
      u"\u00A0\u00A0\u00AD\u00AD\u00B4\u00B4\u00B7\u00B7\u2013\u2015\u2019\u2019\u2026\u2026" },
    { RARE, u"\u00A4\u00A4\u00A6\u00A6\u00A8\u00A8\u00AA\u00AA\u00AC\u00AC\u00AF\u00AF\u00B8\u00B8"
            u"\u00BA\u00BA\u0192\u0192\u02C6\u02C7\u02D8\u02D8\u02DB\u02DC\u2020\u2021\u2030\u2030"
            u"\u2310\u2310\u25CA\u25CA\uFFFD\uFFFD" },
    { LAW, u"\u00A7\u00A7\u00B6\u00B6" },
    { MONEY, u"\u00A2\u00A3\u00A5\u00A5\u20A7\u20A7\u20AC\u20AC" },
    { OPEN, u"\u00A1\u00A1\u00A9\u00A9\u00AB\u00AB\u00BF\u00BF\u0384\u0385\u2018\u2018\u201A\u201A"
            u"\u201C\u201C\u201E\u201E\u2022\u2022\u2039\u2039\uF8FF\uF8FF" },
    { CLOSE, u"\u00AE\u00AE\u00BB\u00BB\u02DD\u02DD\u201D\u201D\u203A\u203A\u2122\u2122" },
    { NUMERIC,
      u"\u00B1\u00B3\u00B5\u00B5\u00B9\u00B9\u00BC\u00BE\u00D7\u00D7\u00F7\u00F7\u2044\u2044"
      u"\u2116\u2116\u2202\u2202\u2206\u2206\u220F\u220F\u2211\u2211\u221A\u221A\u221E\u221E"
      u"\u2229\u2229\u222B\u222B\u2248\u2248\u2260\u2261\u2264\u2265" },
    { FACE, u"\u00B0\u00B0\u00D2\u00D6\u00D9\u00DC\u00F2\u00F6\u00F8\u00FC\u014C\u014C\u0150\u0150"
            u"\u016A\u016A\u0172\u0172" },
    { UPPER, u"\u00C0\u00D1\u00D8\u00D8\u00DC\u00DD\u0100\u0100\u0102\u0102\u0104\u0104\u0106\u0106"
             u"\u010C\u010C\u010E\u010E\u0110\u0110\u0112\u0112\u0116\u0116\u0118\u0118\u011A\u011A"
             u"\u011E\u011E\u0122\u0122\u012A\u012A\u0130\u0130\u0136\u0136\u0139\u0139\u013B\u013B"
             u"\u013D\u013D\u0141\u0141\u0143\u0143\u0145\u0145\u0147\u0147\u0152\u0152\u0158\u0158"
             u"\u015A\u015A\u015E\u015E\u0160\u0160\u0162\u0162\u0164\u0164\u016E\u016E\u0170\u0170"
             u"\u0178\u0179\u017B\u017B\u017D\u017D\u0490\u0490" },
    { LOWER, u"\u00DF\u00F1\u00FC\u00FC\u0101\u0101\u0103\u0103\u0105\u0105\u0107\u0107\u010D\u010D"
             u"\u010F\u010F\u0111\u0111\u0113\u0113\u0117\u0117\u0119\u0119\u011B\u011B\u011F\u011F"
             u"\u0123\u0123\u012B\u012B\u012F\u012F\u0137\u0137\u013A\u013A\u013C\u013C\u013E\u013E"
             u"\u0142\u0142\u0153\u0153\u0155\u0155\u015B\u015B\u015F\u015F\u0161\u0161\u0165\u0165"
             u"\u017A\u017A\u017C\u017C\u017E\u017E\u0491\u0491\uFB01\uFB02" },
    { OTHER_UPPER, u"\u00DE\u00DE\u0386\u0386\u0388\u038A\u038C\u038C\u038E\u038F\u0391\u03AB"
                   u"\u0401\u042F" },
    { OTHER_LOWER, u"\u03AC\u03C9\u0430\u045F" },
    { BOX,
      u"\u2502\u2502\u250C\u250C\u2510\u2510\u2518\u2518\u251C\u251C\u2524\u2524\u252C\u252C"
      u"\u253C\u253C\u2550\u256C\u2580\u2580\u2584\u2584\u2588\u2588\u258C\u258C\u2590\u2593" },
};

static const struct {
    enum kind kind;
    const char16_t *chars;
} lists[] = {
    { OE, u"\u0152\u0153" },
    { DEGREE, u"\u00B0" },
    { A_I_HAT_ETH, u"\u00C2\u00C3\u00CE\u00D0" },
    { AFTER_A_I_HAT,
      u"\u20AC\u0153\u0160\u0161\u00A2\u00A3\u0178\u017E\u00A0\u00AD\u00AE\u00A9\u00B0"
      u"\u00B7\u00BB\u2013\u2014\u00B4" },
    { TIMES, u"\u00D7" },
    { SUPERSCRIPT, u"\u00B2\u00B3" },
    { O_U_ARABIC, u"\u00D8\u00D9" },
    { AFTER_ARABIC, u"\u0178\u0160\u00AE\u00B0\u00B5\u00BB" },
    { A_GRAVE, u"\u00E0" },
    { AFTER_A_GRAVE, u"\u00B2\u00B5\u00B9\u00BC\u00BD\u00BE" },
    { ROOT, u"\u221A" },
    { AFTER_ROOT, u"\u00B1\u2202\u2020\u2260\u00AE\u2122\u00B4\u2264\u2265\u00A5\u00B5\u00F8" },
    { ALMOST, u"\u2248" },
    { AFTER_ALMOST, u"\u00B0\u00A2" },
    { LOW_QUOTE, u"\u201A" },
    { A_UMLAUT, u"\u00C4" },
    { AFTER_A_UMLAUT, u"\u00EC\u00EE\u00EF\u00F2\u00F4\u00FA\u00F9\u00FB\u2020\u00B0\u00A2\u03C0" },
    { A_HAT_O_ACUTE, u"\u00E2\u00F3" },
    { AFTER_A_HAT, u"\u00E0\u00E4\u00B0\u00EA" },
    { VE_SMALL, u"\u0432" },
    { DJE, u"\u0402" },
    { CYRILLIC_LEAD, u"\u0412\u0413\u0420\u0421" },
    { CYRILLIC_AFTER, u"\u00B0\u00B5" },
    { GHE, u"\u0413" },
    { SHORT_U, u"\u045E" },
    { VE, u"\u0412" },
    { A_TILDE, u"\u00C3" },
    { AFTER_A_TILDE, u"\u00A0\u00A1" },
    { A_TILDE_HAT, u"\u00C3\u00C2" },
    { A_HAT, u"\u00C2" },
    { BETA, u"\u03B2" },
    { EURO, u"\u20AC" },
    { AFTER_BETA, u"\u2122\u00A0\u0386\u00AD\u00AE\u00B0" },
    { GREEK_LEAD, u"\u0392\u0393\u039E\u039F" },
    { A_MACRON, u"\u0101" },
};

#define LATIN (K(ASCII_LOWER) | K(ASCII_UPPER))
#define PUNCTUATION (K(OPEN) | K(CLOSE))
#define ACCENTED (K(LOWER) | K(UPPER))
#define MEANT (ACCENTED | K(BOX) | PUNCTUATION | K(MONEY) | K(NUMERIC) | K(LAW))
#define ARABIC_TAIL (K(COMMON) | K(MONEY) | K(RARE) | K(NUMERIC) | K(OPEN) | K(AFTER_ARABIC))
#define LEAD_TAIL (K(CONTROL) | K(RARE) | PUNCTUATION | K(MONEY))

enum { LONGEST_RULE = 7 };

/* Characters side by side; 0 ends a rule. */
static const uint64_t rules[][LONGEST_RULE] = {
    { K(CONTROL) },
    { MEANT | K(RARE), K(RARE) },
    { K(RARE), MEANT },
    { LATIN, K(OTHER_LOWER) | K(OTHER_UPPER), K(RARE) },
    { K(LOWER) | K(OTHER_LOWER) | K(BOX) | K(CLOSE) | K(MONEY) | K(NUMERIC), K(UPPER) },
    { K(BOX) | K(CLOSE) | K(MONEY) | K(NUMERIC), K(LOWER) },
    { K(LOWER) | K(BOX) | K(CLOSE), K(MONEY) },
    { K(WHITE), K(UPPER), K(MONEY) },
    { K(UPPER) | K(BOX), K(NUMERIC) | K(LAW) },
    { ACCENTED | K(BOX) | K(MONEY) | K(CLOSE), K(OPEN), K(NUMERIC) },
    { ACCENTED | K(MONEY) | K(NUMERIC) | K(BOX) | K(LAW), K(CLOSE), K(OPEN) },
    { K(MONEY) | K(NUMERIC) | K(BOX), K(OPEN) },
    { K(ASCII_LOWER), K(UPPER), K(OPEN) | K(MONEY) },
    { K(BOX), K(FACE) },
    { ACCENTED | K(MONEY) | K(NUMERIC) | PUNCTUATION | K(LAW), K(BOX) },
    { K(BOX), K(CLOSE) },
    { ACCENTED, PUNCTUATION, K(WORD) },
    { K(OE), K(NOT_LATIN) },
    { K(UPPER), K(DEGREE) },
    /* windows-1252 */
    { K(A_I_HAT_ETH), K(AFTER_A_I_HAT) | PUNCTUATION },
    { K(TIMES), K(SUPERSCRIPT) },
    { K(O_U_ARABIC), ARABIC_TAIL, K(O_U_ARABIC), ARABIC_TAIL },
    { K(A_GRAVE), K(AFTER_A_GRAVE) },
    { K(A_TILDE), K(AFTER_A_TILDE) },
    { K(ASCII_LOWER), K(A_TILDE_HAT), K(SPACE) },
    { K(ASCII_LOWER), K(WHITE), K(A_TILDE_HAT), K(SPACE) },
    { K(ASCII_LOWER) | K(STOP) | K(CLOSE), K(A_HAT), K(SPACE) | PUNCTUATION },
    /* MacRoman */
    { K(ROOT), K(AFTER_ROOT) },
    { K(ALMOST), K(AFTER_ALMOST) },
    { K(LOW_QUOTE), K(A_UMLAUT), K(AFTER_A_UMLAUT) },
    { K(LOW_QUOTE), K(A_HAT_O_ACUTE), K(AFTER_A_HAT) },
    /* windows-1251 */
    { K(VE_SMALL), K(DJE) },
    { K(CYRILLIC_LEAD), LEAD_TAIL | K(CYRILLIC_AFTER), K(CYRILLIC_LEAD) },
    { K(GHE), K(SHORT_U), K(VE), K(DJE), K(VE), K(NOT_BREAK), LATIN | K(SPACE) },
    /* windows-1253, windows-1257 */
    { K(BETA), K(EURO), K(AFTER_BETA) },
    { K(GREEK_LEAD), LEAD_TAIL | K(DEGREE), K(GREEK_LEAD) },
    { K(A_MACRON), K(EURO) },
};

/* The one rule bound to a place: at the very beginning. */
static const uint64_t start_rule[2] = { K(A_TILDE_HAT), K(SPACE) };

/* ---- the kinds of a character -----------------------------------------------------------------
 */

static uint64_t general_kinds(const struct tokenizer_unicode *u, uint32_t c) {
    uint8_t class = tokenizer_flags(u, c) & TOKENIZER_CLASS;
    uint64_t kinds = K(NOT_LATIN) | K(NOT_BREAK);
    if (class == TOKENIZER_SPACE)
        kinds |= K(WHITE);
    if ((class == TOKENIZER_LETTER || class == TOKENIZER_NUMBER) &&
        uset_contains(u->assigned, (UChar32)c))
        kinds |= K(WORD);
    return kinds;
}

static uint64_t ascii_kinds(const struct tokenizer_unicode *u, uint32_t c) {
    uint64_t kinds = general_kinds(u, c);
    if (c >= 'a' && c <= 'z')
        kinds = (kinds | K(ASCII_LOWER)) & ~K(NOT_LATIN);
    else if (c >= 'A' && c <= 'Z')
        kinds = (kinds | K(ASCII_UPPER)) & ~K(NOT_LATIN);
    else if (c == '.' || c == ',' || c == '?' || c == '!')
        kinds |= K(STOP);
    else if (c == ' ')
        kinds |= K(SPACE);
    else if (c == '_')
        kinds |= K(WORD);
    else if (c == '\n')
        kinds &= ~K(NOT_BREAK);
    return kinds;
}

static uint64_t special_kinds(uint32_t c) {
    uint64_t kinds = c >= 0x80 && c <= 0x9F ? K(CONTROL) : 0;
    for (size_t i = 0; i < WIT_COUNT_OF(ranges); i++)
        for (const char16_t *r = ranges[i].ranges; *r; r += 2)
            if (c >= r[0] && c <= r[1])
                kinds |= K(ranges[i].kind);
    for (size_t i = 0; i < WIT_COUNT_OF(lists); i++)
        for (const char16_t *l = lists[i].chars; *l; l++)
            if (c == *l)
                kinds |= K(lists[i].kind);
    return kinds;
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* Bytes that begin or continue UTF-8 in one of the encodings that resemble Latin-1. Of those that
 * begin four bytes F0 and F3 are used, for emoji and tags. A space may have been a no-break space;
 * dashes, quotes, bullets and ellipses stand for themselves often enough not to be strict. */
static uint8_t roles_of(const struct tokenizer_suspect *s) {
    uint8_t roles = s->c == ' ' ? TOKENIZER_CONTINUES : 0;
    for (int e = 0; e < TOKENIZER_LIKE_LATIN_1 && s->c >= 0x80; e++) {
        uint8_t b = s->bytes[e];
        if (!(s->encodings & 1u << e))
            continue;
        if (b >= 0xC2 && b <= 0xDF)
            roles |= TOKENIZER_BEGINS_2;
        else if (b >= 0xE0 && b <= 0xEF)
            roles |= TOKENIZER_BEGINS_3;
        else if (b == 0xF0 || b == 0xF3)
            roles |= TOKENIZER_BEGINS_4;
        else if (b >= 0x80 && b <= 0xBF)
            roles |= TOKENIZER_CONTINUES;
    }
    bool punctuation = (s->c >= 0x2013 && s->c <= 0x201E) || s->c == 0x2022 || s->c == 0x2026;
    if ((roles & TOKENIZER_CONTINUES) && s->c != ' ' && !punctuation)
        roles |= TOKENIZER_CONTINUES_STRICT;
    return roles;
}

static void set_encodings(struct tokenizer_suspect *s) {
    for (int e = 0; e < TOKENIZER_ENCODINGS; e++) {
        bool sloppy = e >= TOKENIZER_FIRST_SLOPPY && e <= TOKENIZER_LAST_SLOPPY;
        int byte = -1;
        if (s->c < 0x80)
            byte = sloppy && s->c == 0x1A ? -1 : (int)s->c;
        else if (e == 0)
            byte = s->c <= 0xFF ? (int)s->c : -1;
        else if (sloppy && s->c == 0xFFFD)
            byte = 0x1A;
        for (int i = 0; e > 0 && s->c >= 0x80 && byte < 0 && i < 128; i++)
            if (tokenizer_codepages[e - 1][i] == s->c)
                byte = 0x80 + i;
        if (byte >= 0) {
            s->encodings |= (uint16_t)(1u << e);
            s->bytes[e] = (uint8_t)byte;
        }
    }
}

static int compare_points(const void *a, const void *b) {
    const uint16_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Every code point of ASCII, of the encodings and of the kinds, sorted. */
static size_t gather(uint16_t *points, size_t most) {
    size_t n = 0;
    for (uint16_t c = 0; c < 0x100; c++)
        points[n++] = c;
    for (size_t p = 0; p < TOKENIZER_CODEPAGES; p++)
        for (size_t i = 0; i < 128; i++)
            points[n++] = tokenizer_codepages[p][i];
    for (size_t i = 0; i < WIT_COUNT_OF(ranges); i++)
        for (const char16_t *r = ranges[i].ranges; *r; r += 2)
            for (uint16_t c = r[0]; c <= r[1]; c++) {
                assert(n < most);
                points[n++] = c;
                if (c == UINT16_MAX)
                    break;
            }
    qsort(points, n, sizeof(*points), compare_points);
    size_t unique = 0;
    for (size_t i = 0; i < n; i++)
        if (unique == 0 || points[unique - 1] != points[i])
            points[unique++] = points[i];
    return unique;
}

int tokenizer_suspects_init(struct tokenizer_unicode *u) {
    enum { MOST = 4096 };
    uint16_t *points = wit_alloc_array(MOST, sizeof(*points));
    if (!points)
        return WIT_ENOMEM;
    size_t n = gather(points, MOST);
    u->suspects = wit_alloc_array(n, sizeof(*u->suspects));
    if (u->suspects) {
        u->suspect_count = n;
        for (size_t i = 0; i < n; i++) {
            struct tokenizer_suspect *s = &u->suspects[i];
            s->c = points[i];
            s->kinds = s->c < 0x80 ? ascii_kinds(u, s->c) : general_kinds(u, s->c);
            s->kinds |= special_kinds(s->c);
            set_encodings(s);
            s->roles = roles_of(s);
            if (s->c < TOKENIZER_SUSPECT_NEAR)
                u->suspect_of[s->c] = (uint16_t)(i + 1);
        }
    }
    free(points);
    return u->suspects ? 0 : WIT_ENOMEM;
}

const struct tokenizer_suspect *tokenizer_suspect_find(const struct tokenizer_unicode *u,
                                                       uint32_t c) {
    if (c < TOKENIZER_SUSPECT_NEAR)
        return u->suspect_of[c] ? &u->suspects[u->suspect_of[c] - 1] : NULL;
    size_t low = 0x100, high = u->suspect_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->suspects[middle].c < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < u->suspect_count && u->suspects[low].c == c ? &u->suspects[low] : NULL;
}

bool tokenizer_is_suspicious(uint32_t c) {
    return c >= 0x80 && special_kinds(c) != 0;
}

/* ---- the verdict ------------------------------------------------------------------------------
 */

static bool rule_fits(const uint64_t rule[LONGEST_RULE], const uint64_t *kinds, size_t len) {
    for (size_t i = 0; i < LONGEST_RULE && rule[i]; i++)
        if (i == len || !(kinds[i] & rule[i]))
            return false;
    return true;
}

/* Rules all of whose places some character of the text could take: in most texts none. */
static size_t rules_choose(uint64_t kinds_of_all, const uint64_t *chosen[WIT_COUNT_OF(rules)]) {
    size_t n = 0;
    for (size_t r = 0; r < WIT_COUNT_OF(rules); r++) {
        bool possible = true;
        for (size_t i = 0; i < LONGEST_RULE && rules[r][i]; i++)
            possible &= (rules[r][i] & kinds_of_all) != 0;
        if (possible)
            chosen[n++] = rules[r];
    }
    return n;
}

bool tokenizer_is_bad(const struct tokenizer_unicode *u, const uint32_t *text, size_t len,
                      uint64_t *kinds) {
    const uint64_t *chosen[WIT_COUNT_OF(rules)];
    uint64_t all = 0;
    for (size_t i = 0; i < len; i++) {
        const struct tokenizer_suspect *s = tokenizer_suspect_find(u, text[i]);
        kinds[i] = s ? s->kinds : general_kinds(u, text[i]);
        all |= kinds[i];
    }
    size_t n = rules_choose(all, chosen);
    if (len >= 2 && (kinds[0] & start_rule[0]) && (kinds[1] & start_rule[1]))
        return true;
    for (size_t i = 0; i < len && n; i++)
        for (size_t r = 0; r < n; r++)
            if (rule_fits(chosen[r], kinds + i, len - i))
                return true;
    return false;
}
