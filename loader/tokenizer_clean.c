/*
 * tokenizer_clean.c: what happens to a caption before it is cut into words.
 *
 * The steps are those of open_clip 3.3.0's SimpleTokenizer: ftfy.fix_text, html.unescape twice,
 * white space to single spaces, lower case. Behaviour as of ftfy 6.3.1, Python 3.11 (Unicode 14)
 * and HTML's character references; docs/tokenizer.md has it in words.
 */
#include "text/wit_text.h"
#include "tokenizer.h"

#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
    /* Rounds of ftfy's steps over one line. Each round undoes one more layer of "&amp;amp;lt;";
     * real text needs two. After EXACT_ROUNDS a round undoes all layers at once, so that a text
     * made of ampersands costs time in proportion to its length. */
    EXACT_ROUNDS = 8,
    MAX_ROUNDS = 24,
    /* The repair of the encoding may look at each character so often, at REPAIR_SMALL as if they
     * were more, and then leaves the rest as it is. Real text needs three passes. */
    REPAIR_PASSES = 64,
    REPAIR_SMALL = 1024,
};

/* ---- one step writes what the next one reads --------------------------------------------------
 */

/* Most that one character becomes: "ffi", or three code points of a decomposition. */
enum { MOST_PER_CHAR = 3 };

static int step_begin(struct wit_loader_tokenizer_scratch *s) {
    s->next.len = 0;
    return tokenizer_chars_reserve(&s->next, MOST_PER_CHAR * s->text.len + 8);
}

static void put(struct wit_loader_tokenizer_scratch *s, uint32_t c) {
    s->next.data[s->next.len++] = c;
}

static void step_end(struct wit_loader_tokenizer_scratch *s) {
    struct tokenizer_chars t = s->text;
    s->text = s->next;
    s->next = t;
}

static uint8_t flags_of(const struct tokenizer_unicode *u, const uint32_t *c, size_t len) {
    uint8_t flags = 0;
    bool mark = false;
    for (size_t i = 0; i < len; i++) {
        uint8_t f = tokenizer_flags(u, c[i]);
        if (mark && (f & TOKENIZER_MARK))
            flags |= TOKENIZER_COMPOSE; /* two marks in a row may be in the wrong order */
        mark = f & TOKENIZER_MARK;
        flags |= f;
    }
    return flags;
}

static bool is_ascii_digit(uint32_t c) {
    return c >= '0' && c <= '9';
}

static bool is_ascii_alpha(uint32_t c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80;
}

static int hex_value(uint32_t c) {
    if (is_ascii_digit(c))
        return (int)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (int)(c - 'a') + 10 : -1;
}

/* ---- character references ---------------------------------------------------------------------
 */

/* What a reference at s->text.data[at] ('&') stands for. */
struct reference {
    uint32_t code_points[TOKENIZER_WIDE_MAX];
    unsigned count;
    size_t consumed; /* with the '&'; 0: there is none */
};

/* html.unescape drops references to these; the C1 range has been mapped before. */
static bool is_dropped_number(uint32_t n) {
    return (n >= 1 && n <= 8) || n == 0x0B || (n >= 0x0E && n <= 0x1F) || n == 0x7F ||
           (n >= 0xFDD0 && n <= 0xFDEF) || (n & 0xFFFE) == 0xFFFE;
}

/* "&#65;", "&#x41", of any length; numbers mean what HTML says. */
static struct reference numeric_reference(const uint32_t *c, size_t len) {
    struct reference r = { { 0 }, 0, 0 };
    size_t at = 2;
    bool hex = len > 2 && (c[2] | 0x20) == 'x';
    at += hex;
    size_t first = at;
    uint32_t n = 0;
    for (; at < len; at++) {
        int digit = hex ? hex_value(c[at]) : is_ascii_digit(c[at]) ? (int)(c[at] - '0') : -1;
        if (digit < 0)
            break;
        n = n * (hex ? 16 : 10) + (uint32_t)digit;
        if (n > 0x10FFFF)
            n = 0x110000; /* stays out of range, and out of overflow */
    }
    if (at == first)
        return r;
    r.consumed = at + (at < len && c[at] == ';');
    if (n == 0 || n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF))
        n = WIT_UTF8_REPLACEMENT;
    else if (n >= 0x80 && n <= 0x9F)
        n = tokenizer_windows_1252(n);
    else if (is_dropped_number(n))
        return r;
    r.code_points[0] = n;
    r.count = 1;
    return r;
}

/* ASCII letters and digits behind c[0] = '&' with the ';' that may follow, as bytes for the table
 * of names. */
enum { NAME_MAX_BYTES = 34 };

static struct wit_str name_at(const uint32_t *c, size_t len, char name[NAME_MAX_BYTES]) {
    size_t n = 1;
    name[0] = '&';
    while (n < len && n < NAME_MAX_BYTES - 1 && (is_ascii_alpha(c[n]) || is_ascii_digit(c[n]))) {
        name[n] = (char)c[n];
        n++;
    }
    if (n < len && c[n] == ';')
        name[n++] = ';';
    return wit_str_of(name, n);
}

/* As html.unescape: every name of HTML, the longest one that fits. */
static struct reference html_reference(const uint32_t *c, size_t len) {
    struct reference r = { { 0 }, 0, 0 };
    char name[NAME_MAX_BYTES];
    struct wit_charref found;
    if (len >= 2 && c[1] == '#')
        return numeric_reference(c, len);
    if (wit_charref_parse(name_at(c, len, name), false, &found)) {
        memcpy(r.code_points, found.code_points, sizeof(found.code_points));
        r.count = found.count;
        r.consumed = found.consumed;
    }
    return r;
}

/* A name in capitals that HTML does not know means the capital of the small one: &NTILDE; is N with
 * a tilde, &SZLIG; is SS. */
static struct reference capital_reference(struct wit_str name) {
    struct reference r = { { 0 }, 0, 0 };
    char small[NAME_MAX_BYTES];
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] >= 'a' && name.data[i] <= 'z')
            return r;
        small[i] = name.data[i];
        if (small[i] >= 'A' && small[i] <= 'Z')
            small[i] = (char)(small[i] | 0x20);
    }
    struct wit_charref found;
    if (!wit_charref_parse(wit_str_of(small, name.len), false, &found) ||
        found.consumed != name.len)
        return r;
    UChar from[4], to[8];
    int32_t n = 0, m;
    UErrorCode code = U_ZERO_ERROR;
    for (unsigned i = 0; i < found.count; i++)
        U16_APPEND_UNSAFE(from, n, found.code_points[i]);
    m = u_strToUpper(to, WIT_COUNT_OF(to), from, n, "", &code);
    if (U_FAILURE(code))
        return r;
    for (int32_t i = 0; i < m && r.count < TOKENIZER_WIDE_MAX; r.count++)
        U16_NEXT_UNSAFE(to, i, r.code_points[r.count]);
    r.consumed = name.len;
    return r;
}

/* As ftfy: only what ends in ';', and nothing that would leave or give a ';'. */
static struct reference ftfy_reference(const uint32_t *c, size_t len) {
    enum { LONGEST = 24 }; /* letters and digits of a reference */
    struct reference none = { { 0 }, 0, 0 };
    size_t number = len >= 2 && c[1] == '#', end = 1 + number;
    while (end < len && end <= LONGEST + number &&
           (is_ascii_alpha(c[end]) || is_ascii_digit(c[end])))
        end++;
    if (end == 1 + number || end >= len || c[end] != ';')
        return none;
    struct reference r = html_reference(c, end + 1);
    if (!number && r.consumed == 0) {
        char name[NAME_MAX_BYTES];
        return capital_reference(name_at(c, end + 1, name));
    }
    if (r.consumed != end + 1 || (number && r.count == 1 && r.code_points[0] == ';'))
        return none;
    return r;
}

/* Replaces references once; with `deep` an ampersand that comes out is looked at again at once. */
static int unescape(struct wit_loader_tokenizer_scratch *s,
                    struct reference (*find)(const uint32_t *c, size_t len), bool deep) {
    int st = step_begin(s);
    if (st < 0)
        return st;
    uint32_t *c = s->text.data;
    for (size_t at = 0; at < s->text.len;) {
        struct reference r = { { 0 }, 0, 0 };
        if (c[at] == '&')
            r = find(c + at, s->text.len - at);
        if (r.consumed == 0) {
            put(s, c[at++]);
            continue;
        }
        at += r.consumed;
        if (deep && r.count == 1 && r.code_points[0] == '&') {
            c[--at] = '&';
            continue;
        }
        for (unsigned i = 0; i < r.count; i++)
            put(s, r.code_points[i]);
    }
    step_end(s);
    return 0;
}

/* ---- single characters ------------------------------------------------------------------------
 */

/* Digraphs and ligatures of Latin letters, as ftfy takes them apart; U+0149 loses its curly quote
 * in the same round. */
static const char *ligature(uint32_t c) {
    static const char *const dz[] = { "D\u017D", "D\u017E", "d\u017E", "LJ", "Lj",
                                      "lj",      "NJ",      "Nj",      "nj" };
    static const char *const dz_plain[] = { "DZ", "Dz", "dz" };
    static const char *const ff[] = { "ff", "fi", "fl", "ffi", "ffl", "\u017Ft", "st" };
    if (c >= 0x1C4 && c <= 0x1CC)
        return dz[c - 0x1C4];
    if (c >= 0x1F1 && c <= 0x1F3)
        return dz_plain[c - 0x1F1];
    if (c >= 0xFB00 && c <= 0xFB06)
        return ff[c - 0xFB00];
    return c == 0x132 ? "IJ" : c == 0x133 ? "ij" : c == 0x149 ? "'n" : NULL;
}

static void put_utf8(struct wit_loader_tokenizer_scratch *s, const char *text) {
    struct wit_str view = wit_str_from(text);
    for (size_t at = 0; at < view.len;)
        put(s, wit_utf8_next(view, &at));
}

static uint32_t plain_quote(uint32_t c) {
    if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B))
        return '\'';
    return c >= 0x201C && c <= 0x201F ? '"' : c;
}

/* C1 controls to windows-1252, ligatures, character width, quotes, line breaks. */
static int fix_chars(const struct tokenizer_unicode *u, struct wit_loader_tokenizer_scratch *s) {
    int st = step_begin(s);
    if (st < 0)
        return st;
    const uint32_t *text = s->text.data;
    for (size_t i = 0; i < s->text.len; i++) {
        uint32_t c = text[i];
        const char *letters;
        if (!(tokenizer_flags(u, c) & TOKENIZER_FIX)) {
            put(s, c);
            continue;
        }
        if (c >= 0x80 && c <= 0x9F)
            c = tokenizer_windows_1252(c);
        if (c == '\r') {
            if (i + 1 < s->text.len && text[i + 1] == '\n')
                i++;
            put(s, '\n');
        } else if (c == 0x2028 || c == 0x2029) {
            put(s, '\n');
        } else if (c == 0x3000) {
            put(s, ' ');
        } else if (c >= TOKENIZER_WIDE_FIRST && c <= TOKENIZER_WIDE_LAST) {
            const uint32_t *wide = u->wide[c - TOKENIZER_WIDE_FIRST];
            for (int k = 0; k < TOKENIZER_WIDE_MAX && wide[k]; k++)
                put(s, wide[k]);
        } else if ((letters = ligature(c)) != NULL) {
            put_utf8(s, letters);
        } else {
            put(s, plain_quote(c));
        }
    }
    step_end(s);
    return 0;
}

/* Python's \d. */
static bool is_digit(const struct tokenizer_unicode *u, uint32_t c) {
    return is_ascii_digit(c) || (c >= 0x80 && uset_contains(u->assigned, (UChar32)c) &&
                                 u_charType((UChar32)c) == U_DECIMAL_DIGIT_NUMBER);
}

/* ESC [ numbers and semicolons, a letter. */
static void remove_escapes(const struct tokenizer_unicode *u, struct tokenizer_chars *text) {
    size_t to = 0;
    for (size_t i = 0; i < text->len; i++) {
        const uint32_t *c = text->data;
        if (c[i] == 0x1B && i + 1 < text->len && c[i + 1] == '[') {
            size_t end = i + 2;
            while (end < text->len && (c[end] == ';' || is_digit(u, c[end])))
                end++;
            if (end < text->len && is_ascii_alpha(c[end])) {
                i = end;
                continue;
            }
        }
        text->data[to++] = c[i];
    }
    text->len = to;
}

static bool is_removed_control(uint32_t c) {
    return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
           (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

static void remove_controls(struct tokenizer_chars *text) {
    size_t to = 0;
    for (size_t i = 0; i < text->len; i++)
        if (!is_removed_control(text->data[i]))
            text->data[to++] = text->data[i];
    text->len = to;
}

/* ---- composition ------------------------------------------------------------------------------
 */

static int utf16_reserve(struct wit_loader_tokenizer_scratch *s, size_t units) {
    if (units <= s->utf16_cap)
        return 0;
    size_t cap = units + units / 2;
    UChar *a = wit_realloc_array(s->utf16, cap, sizeof(*a));
    if (!a)
        return WIT_ENOMEM;
    s->utf16 = a;
    UChar *b = wit_realloc_array(s->composed, cap, sizeof(*b));
    if (!b)
        return WIT_ENOMEM;
    s->composed = b;
    s->utf16_cap = cap;
    return 0;
}

static int compose(const struct tokenizer_unicode *u, struct wit_loader_tokenizer_scratch *s) {
    UErrorCode code = U_ZERO_ERROR;
    int32_t n = 0;
    int st = utf16_reserve(s, (size_t)MOST_PER_CHAR * 2 * s->text.len + 8);
    if (st < 0 || (st = step_begin(s)) < 0)
        return st;
    for (size_t i = 0; i < s->text.len; i++)
        U16_APPEND_UNSAFE(s->utf16, n, s->text.data[i]);
    int32_t m =
        unorm2_normalize(u->composed, s->utf16, n, s->composed, (int32_t)s->utf16_cap, &code);
    if (U_FAILURE(code))
        return code == U_MEMORY_ALLOCATION_ERROR ? WIT_ENOMEM : WIT_EINTERNAL;
    for (int32_t i = 0; i < m;) {
        uint32_t c;
        U16_NEXT_UNSAFE(s->composed, i, c);
        put(s, c);
    }
    step_end(s);
    return 0;
}

/* ---- ftfy.fix_text ----------------------------------------------------------------------------
 */

/* s->text is one line; it is changed until a round leaves it alone. */
static int fix_line(const struct tokenizer_unicode *u, struct wit_loader_tokenizer_scratch *s,
                    bool references) {
    const uint8_t any = TOKENIZER_FIX | TOKENIZER_COMPOSE | TOKENIZER_MOJIBAKE;
    uint8_t flags = flags_of(u, s->text.data, s->text.len);
    s->repair_left = REPAIR_PASSES * (s->text.len + REPAIR_SMALL);
    for (int round = 0; round < MAX_ROUNDS && (flags & any); round++) {
        int st = tokenizer_chars_copy(&s->before, s->text.data, s->text.len);
        if (st == 0 && references && (flags & TOKENIZER_FIX))
            st = unescape(s, ftfy_reference, round >= EXACT_ROUNDS);
        if (st == 0)
            st = tokenizer_repair(s);
        if (st == 0)
            st = fix_chars(u, s);
        if (st < 0)
            return st;
        remove_escapes(u, &s->text);
        remove_controls(&s->text);
        flags = flags_of(u, s->text.data, s->text.len);
        if (flags & TOKENIZER_COMPOSE) {
            if ((st = compose(u, s)) < 0)
                return st;
            flags = flags_of(u, s->text.data, s->text.len);
        }
        if (s->text.len == s->before.len &&
            (s->text.len == 0 ||
             memcmp(s->text.data, s->before.data, s->text.len * sizeof(uint32_t)) == 0))
            break;
    }
    return 0;
}

static bool holds(const uint32_t *c, size_t len, uint32_t wanted) {
    for (size_t i = 0; i < len; i++)
        if (c[i] == wanted)
            return true;
    return false;
}

/* Lines are fixed one by one; from the first one with a '<' on references are left for later. */
static int fix_text(const struct tokenizer_unicode *u, struct wit_loader_tokenizer_scratch *s) {
    if (!holds(s->text.data, s->text.len, '\n'))
        return fix_line(u, s, !holds(s->text.data, s->text.len, '<'));
    size_t len = s->text.len, written = 0;
    bool references = true;
    int st = tokenizer_chars_copy(&s->whole, s->text.data, len);
    s->text.len = 0;
    s->fixed.len = 0;
    for (size_t at = 0; st == 0 && at < len;) {
        const uint32_t *line = s->whole.data + at;
        size_t n = 0;
        while (at + n < len && line[n++] != '\n') {
        }
        references = references && !holds(line, n, '<');
        st = tokenizer_chars_copy(&s->text, line, n);
        if (st == 0)
            st = fix_line(u, s, references);
        if (st == 0)
            st = tokenizer_chars_reserve(&s->fixed, written + s->text.len);
        if (st == 0 && s->text.len) {
            memcpy(s->fixed.data + written, s->text.data, s->text.len * sizeof(uint32_t));
            written = s->fixed.len = written + s->text.len;
        }
        at += n;
    }
    struct tokenizer_chars t = s->text;
    s->text = s->fixed;
    s->fixed = t;
    return st;
}

/* ---- white space and lower case ---------------------------------------------------------------
 */

static enum tokenizer_class class_of(const struct tokenizer_unicode *u, uint32_t c) {
    return (enum tokenizer_class)(tokenizer_flags(u, c) & TOKENIZER_CLASS);
}

static void join_words(const struct tokenizer_unicode *u, struct tokenizer_chars *text) {
    size_t to = 0;
    bool space = false;
    for (size_t i = 0; i < text->len; i++) {
        if (class_of(u, text->data[i]) == TOKENIZER_SPACE) {
            space = to > 0;
            continue;
        }
        uint32_t c = text->data[i];
        if (space)
            text->data[to++] = ' ';
        text->data[to++] = c;
        space = false;
    }
    text->len = to;
}

static bool is_cased(const struct tokenizer_unicode *u, uint32_t c) {
    return uset_contains(u->assigned, (UChar32)c) && u_hasBinaryProperty((UChar32)c, UCHAR_CASED);
}

static bool is_case_ignorable(const struct tokenizer_unicode *u, uint32_t c) {
    return uset_contains(u->assigned, (UChar32)c) &&
           u_hasBinaryProperty((UChar32)c, UCHAR_CASE_IGNORABLE);
}

/* Unicode 3.13, Final_Sigma: a cased letter before, none behind, case-ignorable ones not counted.
 */
static bool is_final_sigma(const struct tokenizer_unicode *u, const struct tokenizer_chars *text,
                           size_t at) {
    size_t i = at;
    while (i > 0 && is_case_ignorable(u, text->data[i - 1]))
        i--;
    if (i == 0 || !is_cased(u, text->data[i - 1]))
        return false;
    for (i = at + 1; i < text->len && is_case_ignorable(u, text->data[i]);)
        i++;
    return i == text->len || !is_cased(u, text->data[i]);
}

static int to_lower(const struct tokenizer_unicode *u, struct wit_loader_tokenizer_scratch *s) {
    int st = step_begin(s);
    if (st < 0)
        return st;
    for (size_t i = 0; i < s->text.len; i++) {
        uint32_t c = s->text.data[i];
        if (c >= 'A' && c <= 'Z') {
            put(s, c | 0x20);
        } else if (!(tokenizer_flags(u, c) & TOKENIZER_LOWER)) {
            put(s, c);
        } else if (c == 0x130) {
            put(s, 'i');
            put(s, 0x307);
        } else if (c == 0x3A3) {
            put(s, is_final_sigma(u, &s->text, i) ? 0x3C2 : 0x3C3);
        } else {
            put(s, (uint32_t)u_tolower((UChar32)c));
        }
    }
    step_end(s);
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static int clean_reserve(struct wit_loader_tokenizer_scratch *s, size_t bytes) {
    size_t need = bytes + TOKENIZER_PAD;
    if (need <= s->clean_cap)
        return 0;
    size_t cap = need < 1024 ? 1024 : need + need / 2;
    char *clean = realloc(s->clean, cap);
    if (!clean)
        return WIT_ENOMEM;
    s->clean = clean;
    s->clean_cap = cap;
    return 0;
}

static int decode(struct wit_loader_tokenizer_scratch *s, struct wit_str text) {
    int st = tokenizer_chars_reserve(&s->text, text.len);
    s->text.len = 0;
    for (size_t at = 0; st == 0 && at < text.len;)
        s->text.data[s->text.len++] = wit_utf8_next(text, &at);
    return st;
}

static int encode(struct wit_loader_tokenizer_scratch *s) {
    int st = clean_reserve(s, 4 * s->text.len);
    if (st < 0)
        return st;
    size_t n = 0;
    for (size_t i = 0; i < s->text.len; i++)
        n += wit_utf8_encode(s->text.data[i], s->clean + n);
    s->clean_len = n;
    memset(s->clean + n, 0, TOKENIZER_PAD);
    return 0;
}

/* ---- plain ASCII -------------------------------------------------------------------------------
 *
 * No step but the last two changes printable ASCII without '&', so such a text is put into lower
 * case as it is copied, 16 bytes at a time, and its spaces are joined only if two of them touch.
 */

enum { BLOCK_BYTES = 16 };

/* What a block is: not plain at all, or plain, and whether it has white space to be joined. */
struct block {
    bool is_plain;
    bool has_line_space; /* tab, LF or CR */
    unsigned spaces;     /* a bit for each byte that is a space */
};

#if defined(__SSE2__)
static struct block block_lower(const char *from, char *to) {
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i printable = _mm_and_si128(_mm_cmpgt_epi8(b, _mm_set1_epi8(0x1F)),
                                      _mm_cmplt_epi8(b, _mm_set1_epi8(0x7F)));
    __m128i line = _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('\t')),
                                _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('\n')),
                                             _mm_cmpeq_epi8(b, _mm_set1_epi8('\r'))));
    __m128i good =
        _mm_andnot_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('&')), _mm_or_si128(printable, line));
    __m128i upper = _mm_and_si128(_mm_cmpgt_epi8(b, _mm_set1_epi8('A' - 1)),
                                  _mm_cmplt_epi8(b, _mm_set1_epi8('Z' + 1)));
    _mm_storeu_si128((__m128i *)(void *)to,
                     _mm_or_si128(b, _mm_and_si128(upper, _mm_set1_epi8(0x20))));
    return (struct block){ _mm_movemask_epi8(good) == 0xFFFF, _mm_movemask_epi8(line) != 0,
                           (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(b, _mm_set1_epi8(' '))) };
}
#else
static struct block block_lower(const char *from, char *to) {
    struct block out = { .is_plain = true };
    for (unsigned i = 0; i < BLOCK_BYTES; i++) {
        char c = from[i];
        bool line = c == '\t' || c == '\n' || c == '\r';
        out.is_plain &= line || (c > 0x1F && c < 0x7F && c != '&');
        out.has_line_space |= line;
        out.spaces |= (unsigned)(c == ' ') << i;
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    return out;
}
#endif

/* White space to single spaces, none at the ends. */
static size_t spaces_join(char *text, size_t len) {
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        bool is_space = text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r';
        if (!is_space)
            text[to++] = text[i];
        else if (to && text[to - 1] != ' ')
            text[to++] = ' ';
    }
    return to && text[to - 1] == ' ' ? to - 1 : to;
}

/* 1: s->clean is filled; 0: the text is not plain; WIT_ENOMEM. */
static int plain_clean(struct wit_loader_tokenizer_scratch *s, struct wit_str text) {
    bool join = text.len && (text.data[0] == ' ' || text.data[text.len - 1] == ' ');
    unsigned before = 0; /* was the byte before this block a space? */
    int st = clean_reserve(s, text.len + BLOCK_BYTES);
    for (size_t at = 0; st >= 0 && at < text.len; at += BLOCK_BYTES) {
        char last[BLOCK_BYTES];
        const char *from = text.data + at;
        if (text.len - at < BLOCK_BYTES) { /* filled up with what changes nothing */
            memset(last, 'x', sizeof last);
            memcpy(last, from, text.len - at);
            from = last;
        }
        struct block b = block_lower(from, s->clean + at);
        if (!b.is_plain)
            return 0;
        join |= b.has_line_space || (b.spaces & (b.spaces << 1 | before));
        before = b.spaces >> (BLOCK_BYTES - 1) & 1;
    }
    if (st < 0)
        return st;
    s->clean_len = join ? spaces_join(s->clean, text.len) : text.len;
    memset(s->clean + s->clean_len, 0, TOKENIZER_PAD);
    return 1;
}

int tokenizer_clean(struct wit_loader_tokenizer_scratch *s, struct wit_str text) {
    if (text.len > WIT_TOKENIZER_TEXT_MAX_BYTES)
        return WIT_ELIMIT;
    int st = plain_clean(s, text);
    return st < 0 ? st : st ? 0 : tokenizer_clean_steps(s, text);
}

int tokenizer_clean_steps(struct wit_loader_tokenizer_scratch *s, struct wit_str text) {
    const struct tokenizer_unicode *u = &s->tok->unicode;
    int st = decode(s, text);
    if (st == 0)
        st = fix_text(u, s);
    for (int i = 0; st == 0 && i < 2 && holds(s->text.data, s->text.len, '&'); i++)
        st = unescape(s, html_reference, false);
    if (st == 0) {
        join_words(u, &s->text);
        st = to_lower(u, s);
    }
    if (st == 0)
        st = encode(s);
    return st;
}
