/*
 * tokenizer_repair.c: undoes what happens to UTF-8 that was read in a single-byte encoding.
 *
 * The behaviour is that of ftfy 6.3.1's fix_encoding (Robyn Speer, Apache-2.0): while a text looks
 * bad, write it as bytes in the first encoding that has all its characters, mend bytes that the
 * mistake is known to lose, and read them as UTF-8. Where no encoding fits the whole, runs of
 * characters that look like UTF-8 are treated alone.
 */
#include "text/wit_text.h"
#include "tokenizer.h"

#include <stdlib.h>

static int bytes_reserve(struct wit_loader_tokenizer_scratch *s, size_t chars) {
    size_t need = 3 * chars + 8; /* a lost byte becomes three */
    if (need <= s->bytes_cap)
        return 0;
    size_t cap = need + need / 2;
    uint8_t *a = realloc(s->bytes, cap);
    if (!a)
        return WIT_ENOMEM;
    s->bytes = a;
    uint8_t *b = realloc(s->changed, cap);
    if (!b)
        return WIT_ENOMEM;
    s->changed = b;
    s->bytes_cap = cap;
    return 0;
}

static int kinds_reserve(struct wit_loader_tokenizer_scratch *s, size_t chars) {
    if (chars <= s->kinds_cap)
        return 0;
    size_t cap = chars + chars / 2 + 64;
    uint64_t *kinds = wit_realloc_array(s->kinds, cap, sizeof(*kinds));
    if (!kinds)
        return WIT_ENOMEM;
    s->kinds = kinds;
    s->kinds_cap = cap;
    return 0;
}

/* 1: bad, 0: not, or not looked at any more. WIT_ENOMEM. */
static int is_bad(struct wit_loader_tokenizer_scratch *s, const uint32_t *text, size_t len) {
    if (s->repair_left < len)
        return 0;
    s->repair_left -= len;
    int st = kinds_reserve(s, len);
    return st < 0 ? st : tokenizer_is_bad(&s->tok->unicode, text, len, s->kinds);
}

/* ---- bytes ------------------------------------------------------------------------------------
 */

static bool in(uint8_t b, uint8_t first, uint8_t last) {
    return b >= first && b <= last;
}

/* A byte that continues UTF-8, other than 0x85 and 0xA0. */
static bool continues_plainly(uint8_t b) {
    return in(b, 0x80, 0xBF) && b != 0x85 && b != 0xA0;
}

/* UTF-8 in which a no-break space, byte A0, has become a space: its length, or 0. Only beginnings
 * count behind which A0 makes a character that is used. */
static size_t match_lost_a0(const uint8_t *b, size_t len) {
    if (len >= 2 && b[1] == ' ' &&
        (b[0] == 0xC2 || b[0] == 0xC3 || b[0] == 0xC5 || b[0] == 0xCE || b[0] == 0xD0 ||
         b[0] == 0xD9))
        return 2;
    if (len >= 3 && (b[0] == 0xE2 || b[0] == 0xE3) && b[1] == ' ' && continues_plainly(b[2]))
        return 3;
    if (len >= 3 && in(b[0], 0xE0, 0xE3) && continues_plainly(b[1]) && b[2] == ' ')
        return 3;
    if (len >= 4 && b[0] == 0xF0) {
        unsigned spaces = 0;
        for (int i = 1; i < 4; i++) {
            if (b[i] == ' ')
                spaces++;
            else if (!in(b[i], 0x80, 0xBF))
                return 0;
        }
        return spaces == 1 ? 4 : 0;
    }
    return 0;
}

/* C3 and a space is an a with a grave accent that lost its A0. Mostly it is a word of its own, so
 * that the space was there as well; the Portuguese words that begin with it are the exception. */
static bool is_a_grave_word(const uint8_t *b, size_t len) {
    static const char *const endings[] = { " ", "quele", "quela", "quilo", "s " };
    if (len < 2 || b[0] != 0xC3 || b[1] != ' ')
        return false;
    struct wit_str rest = wit_str_of(b + 2, len - 2);
    for (size_t i = 0; i < WIT_COUNT_OF(endings); i++)
        if (wit_str_starts_with(rest, wit_str_from(endings[i])))
            return false;
    return true;
}

static size_t restore_a0(const uint8_t *in, size_t len, uint8_t *out) {
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        if (is_a_grave_word(in + i, len - i)) {
            out[n++] = 0xC3;
            out[n++] = 0xA0;
            out[n++] = ' ';
            i += 2;
            continue;
        }
        size_t run = match_lost_a0(in + i, len - i);
        if (run == 0)
            run = 1;
        for (size_t k = 0; k < run; k++, i++)
            out[n++] = run > 1 && in[i] == ' ' ? 0xA0 : in[i];
    }
    return n;
}

/* UTF-8 in which a byte was lost: 0x1A stands where U+FFFD was read, or one '?'. 0: none here. */
static size_t match_lossy(const uint8_t *b, size_t len) {
    enum { LOST = 0x1A };
    if (b[0] == LOST)
        return 1;
    if (len >= 2 &&
        ((in(b[0], 0xC2, 0xDF) && b[1] == LOST) || (in(b[0], 0xC2, 0xC3) && b[1] == '?')))
        return 2;
    if (len >= 6 && b[0] == 0xED && in(b[1], 0xA0, 0xAF) && b[3] == 0xED && in(b[4], 0xB0, 0xBF)) {
        bool lost2 = b[2] == LOST || b[2] == '?', lost5 = b[5] == LOST || b[5] == '?';
        bool ok2 = lost2 || in(b[2], 0x80, 0xBF), ok5 = lost5 || in(b[5], 0x80, 0xBF);
        if ((lost2 && ok5) || (ok2 && lost5))
            return 6;
    }
    size_t want = in(b[0], 0xE0, 0xEF) ? 3 : in(b[0], 0xF0, 0xF4) ? 4 : 0;
    if (want == 0 || len < want)
        return 0;
    unsigned lost = 0, questions = 0;
    for (size_t i = 1; i < want; i++) {
        lost += b[i] == LOST;
        questions += b[i] == '?';
        if (b[i] != LOST && b[i] != '?' && !in(b[i], 0x80, 0xBF))
            return 0;
    }
    return questions <= 1 && lost + questions >= 1 ? want : 0;
}

static size_t replace_lossy(const uint8_t *in, size_t len, uint8_t *out) {
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t run = match_lossy(in + i, len - i);
        if (run == 0) {
            out[n++] = in[i++];
            continue;
        }
        memcpy(out + n, "\xEF\xBF\xBD", 3);
        n += 3;
        i += run;
    }
    return n;
}

/* ---- bytes as UTF-8 ----------------------------------------------------------------------------
 */

/* A character beyond U+FFFF as CESU-8 has it: two surrogates of three bytes each. */
static bool is_cesu8(const uint8_t *b, size_t len) {
    return len >= 6 && b[0] == 0xED && in(b[1], 0xA0, 0xAF) && in(b[2], 0x80, 0xBF) &&
           b[3] == 0xED && in(b[4], 0xB0, 0xBF) && in(b[5], 0x80, 0xBF);
}

/* C0 80, Java's NUL. ftfy's expression for it also matches C0 before a line break at the very end.
 */
static bool is_java_nul(const uint8_t *b, size_t len) {
    return len >= 2 && b[0] == 0xC0 && (b[1] == 0x80 || (len == 2 && b[1] == '\n'));
}

/* False when the bytes are not UTF-8; CESU-8 and Java's NUL are let through. */
static bool decode(const uint8_t *bytes, size_t len, struct tokenizer_chars *out) {
    struct wit_str view = wit_str_of(bytes, len);
    out->len = 0;
    for (size_t at = 0; at < len;) {
        const uint8_t *b = bytes + at;
        uint32_t c;
        if (is_java_nul(b, len - at)) {
            c = 0;
            at += 2;
        } else if (is_cesu8(b, len - at)) {
            c = 0x10000u + ((b[1] & 0x0Fu) << 16 | (b[2] & 0x3Fu) << 10 | (b[4] & 0x0Fu) << 6 |
                            (b[5] & 0x3Fu));
            at += 6;
        } else {
            c = wit_utf8_next(view, &at);
            bool written = bytes + at == b + 3 && memcmp(b, "\xEF\xBF\xBD", 3) == 0;
            if (c == WIT_UTF8_REPLACEMENT && !written)
                return false;
        }
        out->data[out->len++] = c;
    }
    return true;
}

/* ---- one text ----------------------------------------------------------------------------------
 */

static bool has_lost_a0(const uint8_t *b, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (match_lost_a0(b + i, len - i))
            return true;
    return false;
}

static void swap_bytes(struct wit_loader_tokenizer_scratch *s) {
    uint8_t *t = s->bytes;
    s->bytes = s->changed;
    s->changed = t;
}

static uint32_t encodings_of(const struct tokenizer_unicode *u,
                             const struct tokenizer_chars *text) {
    uint32_t all = (1u << TOKENIZER_ENCODINGS) - 1;
    for (size_t i = 0; i < text->len && all; i++) {
        const struct tokenizer_suspect *c = tokenizer_suspect_find(u, text->data[i]);
        all &= c ? c->encodings : 0;
    }
    return all;
}

/* The whole text through encoding e. 1: *fixed is it; 0: not UTF-8. */
static bool through(struct wit_loader_tokenizer_scratch *s, const struct tokenizer_chars *text,
                    int e, struct tokenizer_chars *fixed) {
    size_t n = text->len;
    for (size_t i = 0; i < n; i++)
        s->bytes[i] = tokenizer_suspect_find(&s->tok->unicode, text->data[i])->bytes[e];
    /* In MacRoman the beginnings are dashes and other marks before a space. */
    if (e != TOKENIZER_MACROMAN && has_lost_a0(s->bytes, n)) {
        n = restore_a0(s->bytes, n, s->changed);
        swap_bytes(s);
    }
    if (e >= TOKENIZER_FIRST_SLOPPY && e <= TOKENIZER_LAST_SLOPPY) {
        n = replace_lossy(s->bytes, n, s->changed);
        swap_bytes(s);
    }
    return decode(s->bytes, n, fixed);
}

static uint8_t roles_at(const struct tokenizer_unicode *u, const struct tokenizer_chars *text,
                        size_t at) {
    const struct tokenizer_suspect *c =
        at < text->len ? tokenizer_suspect_find(u, text->data[at]) : NULL;
    return c ? c->roles : 0;
}

/* Characters from `at` on that look like one character of UTF-8; 0: none. */
static size_t match_sequence(const struct tokenizer_unicode *u, const struct tokenizer_chars *text,
                             size_t at) {
    static const uint8_t begins[] = { TOKENIZER_BEGINS_2, TOKENIZER_BEGINS_3, TOKENIZER_BEGINS_4 };
    uint8_t roles = roles_at(u, text, at);
    for (size_t more = 1; more <= WIT_COUNT_OF(begins); more++) {
        size_t i = 1;
        if (!(roles & begins[more - 1]))
            continue;
        while (i <= more && (roles_at(u, text, at + i) & TOKENIZER_CONTINUES))
            i++;
        if (i > more)
            return i;
    }
    return 0;
}

static int repair_text(struct wit_loader_tokenizer_scratch *s, size_t depth);

/* Runs that look like UTF-8, each repaired as a text of its own. 1: something changed. */
static int repair_runs(struct wit_loader_tokenizer_scratch *s, size_t depth) {
    const struct tokenizer_unicode *u = &s->tok->unicode;
    struct tokenizer_chars *text = &s->levels[depth].text, *fixed = &s->levels[depth].fixed;
    int changed = 0;
    if (depth + 1 == TOKENIZER_REPAIR_DEPTH)
        return 0;
    int st = tokenizer_chars_reserve(fixed, text->len); /* a repair never lengthens */
    if (st < 0)
        return st;
    fixed->len = 0;
    for (size_t at = 0; at < text->len;) {
        size_t end = at;
        if (at == 0 || !(roles_at(u, text, at - 1) & TOKENIZER_CONTINUES_STRICT))
            for (size_t n; (n = match_sequence(u, text, end)) != 0;)
                end += n;
        const uint32_t *run = text->data + at;
        size_t len = end > at ? end - at : 1;
        if (end > at && len < text->len) {
            struct tokenizer_chars *inner = &s->levels[depth + 1].text;
            st = is_bad(s, run, len);
            if (st > 0)
                st = tokenizer_chars_copy(inner, run, len);
            else if (st == 0)
                inner = NULL;
            if (st == 0 && inner)
                st = repair_text(s, depth + 1);
            if (st < 0)
                return st;
            if (inner && (inner->len != len || memcmp(inner->data, run, len * sizeof(*run)) != 0)) {
                changed = 1;
                run = inner->data;
                len = inner->len;
            }
        }
        memcpy(fixed->data + fixed->len, run, len * sizeof(*run));
        fixed->len += len;
        at = end > at ? end : at + 1;
    }
    return changed;
}

/* Latin-1 that was meant as windows-1252; false when it has a byte that windows-1252 lacks. */
static bool read_as_windows_1252(struct tokenizer_chars *text, bool *changed) {
    for (size_t i = 0; i < text->len; i++) {
        uint32_t c = text->data[i];
        if (c >= 0x80 && c <= 0x9F && tokenizer_windows_1252(c) == c)
            return false;
    }
    for (size_t i = 0; i < text->len; i++) {
        uint32_t *c = &text->data[i];
        if (*c >= 0x80 && *c <= 0x9F) {
            *c = tokenizer_windows_1252(*c);
            *changed = true;
        }
    }
    return true;
}

/* One step. 1: the text changed, 0: it is done. */
static int repair_step(struct wit_loader_tokenizer_scratch *s, size_t depth) {
    struct tokenizer_chars *text = &s->levels[depth].text, *fixed = &s->levels[depth].fixed;
    int st = is_bad(s, text->data, text->len);
    if (st <= 0)
        return st;
    uint32_t encodings = encodings_of(&s->tok->unicode, text);
    st = bytes_reserve(s, text->len);
    if (st == 0)
        st = tokenizer_chars_reserve(fixed, 3 * text->len + 8);
    if (st < 0)
        return st;
    for (int e = 0; e < TOKENIZER_ENCODINGS; e++) {
        if (!(encodings & 1u << e) || !through(s, text, e, fixed))
            continue;
        bool same = fixed->len == text->len &&
                    memcmp(fixed->data, text->data, text->len * sizeof(uint32_t)) == 0;
        struct tokenizer_chars t = *text;
        *text = *fixed;
        *fixed = t;
        return !same;
    }
    st = repair_runs(s, depth);
    if (st < 0)
        return st;
    if (st > 0) {
        struct tokenizer_chars t = *text;
        *text = *fixed;
        *fixed = t;
        return 1;
    }
    bool changed = false;
    if ((encodings & 1) && read_as_windows_1252(text, &changed))
        return changed;
    for (size_t i = 0; i < text->len; i++) {
        uint32_t c = text->data[i];
        if (c >= 0x80 && c <= 0x9F && tokenizer_windows_1252(c) != c) {
            text->data[i] = tokenizer_windows_1252(c);
            changed = true;
        }
    }
    return changed;
}

static int repair_text(struct wit_loader_tokenizer_scratch *s, size_t depth) {
    int st;
    while ((st = repair_step(s, depth)) > 0) {
    }
    return st;
}

int tokenizer_repair(struct wit_loader_tokenizer_scratch *s) {
    struct tokenizer_chars *text = &s->levels[0].text;
    bool suspicious = false;
    for (size_t i = 0; i < s->text.len && !suspicious; i++)
        suspicious = tokenizer_flags(&s->tok->unicode, s->text.data[i]) & TOKENIZER_MOJIBAKE;
    if (!suspicious)
        return 0;
    int st = is_bad(s, s->text.data, s->text.len);
    if (st <= 0)
        return st;
    st = tokenizer_chars_copy(text, s->text.data, s->text.len);
    if (st == 0)
        st = repair_text(s, 0);
    if (st == 0)
        st = tokenizer_chars_copy(&s->text, text->data, text->len);
    return st;
}
