/*
 * utf8.c: validation, iteration and repair of UTF-8. Source: WHATWG Encoding Standard, 8.1.1 (UTF-8
 * decoder), whose replacement rule is Unicode's "maximal subpart" (Unicode 15, chapter 3.9).
 */
#include "text/wit_text.h"

/* What a lead byte promises: how many bytes follow, and between which values the first of them lies
 * (the narrow ranges exclude overlong forms, surrogates and values above U+10FFFF). */
struct lead {
    unsigned more;
    uint8_t low, high;
    uint32_t bits;
};

static struct lead lead_of(uint8_t b) {
    if (b >= 0xC2 && b <= 0xDF)
        return (struct lead){ 1, 0x80, 0xBF, b & 0x1Fu };
    if (b >= 0xE0 && b <= 0xEF)
        return (struct lead){ 2, b == 0xE0 ? 0xA0 : 0x80, b == 0xED ? 0x9F : 0xBF, b & 0x0Fu };
    if (b >= 0xF0 && b <= 0xF4)
        return (struct lead){ 3, b == 0xF0 ? 0x90 : 0x80, b == 0xF4 ? 0x8F : 0xBF, b & 0x07u };
    return (struct lead){ 0, 0, 0, 0 };
}

/* Length of the run of ASCII at `at`, eight bytes at a time. */
static size_t ascii_run(struct wit_str s, size_t at) {
    size_t i = at;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t word;
        memcpy(&word, s.data + i, sizeof word);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < s.len && (uint8_t)s.data[i] < 0x80)
        i++;
    return i - at;
}

/* One character or one maximal subpart. False: invalid, and *at stands behind the bad part. `cut`
 * is set when the text ended where a character could still have been completed. */
static bool next_or_bad(struct wit_str s, size_t *at, uint32_t *code_point, bool *cut) {
    uint8_t first = (uint8_t)s.data[(*at)++];
    *cut = false;
    if (first < 0x80) {
        *code_point = first;
        return true;
    }
    struct lead lead = lead_of(first);
    if (lead.more == 0)
        return false;
    uint32_t value = lead.bits;
    for (unsigned i = 0; i < lead.more; i++) {
        if (*at == s.len) {
            *cut = true;
            return false;
        }
        uint8_t b = (uint8_t)s.data[*at];
        if (b < lead.low || b > lead.high)
            return false;
        lead.low = 0x80;
        lead.high = 0xBF;
        value = value << 6 | (b & 0x3Fu);
        (*at)++;
    }
    *code_point = value;
    return true;
}

bool wit_utf8_valid(struct wit_str s) {
    for (size_t at = ascii_run(s, 0); at < s.len; at += ascii_run(s, at)) {
        uint32_t code_point;
        bool cut;
        if (!next_or_bad(s, &at, &code_point, &cut))
            return false;
    }
    return true;
}

uint32_t wit_utf8_next(struct wit_str s, size_t *at) {
    uint32_t code_point;
    bool cut;
    return next_or_bad(s, at, &code_point, &cut) ? code_point : WIT_UTF8_REPLACEMENT;
}

size_t wit_utf8_encode(uint32_t c, char out[4]) {
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = WIT_UTF8_REPLACEMENT;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

int wit_utf8_sanitize(struct wit_str s, struct wit_buf *out) {
    int st = 0;
    size_t good = 0; /* everything before it has been written */
    for (size_t at = ascii_run(s, 0); at < s.len && st == 0; at += ascii_run(s, at)) {
        uint32_t code_point;
        bool cut;
        size_t from = at;
        if (next_or_bad(s, &at, &code_point, &cut))
            continue;
        st = wit_buf_append_str(out, wit_str_slice(s, good, from));
        if (st == 0)
            st = wit_buf_append(out, "\xEF\xBF\xBD", 3);
        good = at;
    }
    if (st == 0)
        st = wit_buf_append_str(out, wit_str_slice(s, good, s.len));
    return st;
}

size_t wit_utf8_tail(struct wit_str s) {
    for (size_t back = 1; back <= 3 && back <= s.len; back++) {
        size_t at = s.len - back;
        if (((uint8_t)s.data[at] & 0xC0) == 0x80)
            continue; /* a continuation byte: its lead is further left */
        uint32_t code_point;
        bool cut;
        next_or_bad(s, &at, &code_point, &cut);
        return cut ? back : 0;
    }
    return 0;
}
