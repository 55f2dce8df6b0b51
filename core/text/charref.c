/*
 * charref.c: HTML character references. Source: WHATWG HTML, 13.2.5.72 (character reference state)
 * to 13.2.5.80 (numeric character reference end state).
 */
#include "charref_table.h"
#include "text/wit_text.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int hex_value(char c) {
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Numbers 0x80 to 0x9F mean what windows-1252 has there; 0 leaves the number alone. */
static const uint16_t c1_replacements[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

static uint32_t number_meaning(uint32_t n) {
    if (n == 0 || n > 0x10FFFF || (n >= 0xD800 && n <= 0xDFFF))
        return WIT_UTF8_REPLACEMENT;
    if (n >= 0x80 && n <= 0x9F && c1_replacements[n - 0x80])
        return c1_replacements[n - 0x80];
    return n;
}

static bool parse_number(struct wit_str s, struct wit_charref *out) {
    size_t at = 2; /* behind "&#" */
    bool hex = at < s.len && (s.data[at] == 'x' || s.data[at] == 'X');
    if (hex)
        at++;
    size_t digits_start = at;
    uint32_t n = 0;
    for (; at < s.len; at++) {
        int digit = hex_value(s.data[at]);
        if (digit < 0 || (!hex && digit > 9))
            break;
        n = n * (hex ? 16 : 10) + (uint32_t)digit;
        if (n > 0x10FFFF)
            n = 0x110000; /* stays out of range, and out of overflow */
    }
    if (at == digits_start)
        return false;
    if (at < s.len && s.data[at] == ';')
        at++;
    *out = (struct wit_charref){ { number_meaning(n), 0 }, 1, at };
    return true;
}

/* The first entry of the sorted range [low, high) whose byte i is at least `want`, else high. */
static size_t entries_until(size_t low, size_t high, size_t i, uint8_t want) {
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint8_t)charref_entries[middle].name[i] < want)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest name that s (behind the ampersand) begins with, or NULL. Entries are sorted, so the
 * entries that share the first i bytes with s are a range that shrinks as i grows. */
static const struct charref_entry *longest_name(struct wit_str s) {
    if (s.len == 0 || !is_alpha(s.data[0]))
        return NULL;
    size_t letter = s.data[0] <= 'Z' ? (size_t)(s.data[0] - 'A') : (size_t)(s.data[0] - 'a') + 26;
    size_t low = charref_first[letter], high = charref_first[letter + 1];
    const struct charref_entry *best = NULL;
    for (size_t i = 1; low < high; i++) {
        if (charref_entries[low].len == i)
            best =
                &charref_entries[low++]; /* a name that is a prefix sorts before the longer ones */
        if (i == s.len)
            break;
        uint8_t want = (uint8_t)s.data[i];
        low = entries_until(low, high, i, want);
        high = want == 0xFF ? high : entries_until(low, high, i, (uint8_t)(want + 1));
    }
    return best;
}

bool wit_charref_parse(struct wit_str s, bool in_attribute, struct wit_charref *out) {
    if (s.len < 2 || s.data[0] != '&')
        return false;
    if (s.data[1] == '#')
        return parse_number(s, out);
    const struct charref_entry *entry = longest_name(wit_str_slice(s, 1, s.len));
    if (!entry)
        return false;
    size_t end = 1 + (size_t)entry->len;
    if (in_attribute && entry->name[entry->len - 1] != ';' && end < s.len) {
        char next = s.data[end];
        if (next == '=' || is_digit(next) || is_alpha(next))
            return false; /* "?a=b&copy=c" was written before there were entities to fear */
    }
    *out = (struct wit_charref){ { entry->code_points[0], entry->code_points[1] },
                                 entry->code_points[1] ? 2u : 1u,
                                 end };
    return true;
}

int wit_charref_decode(struct wit_str s, bool in_attribute, struct wit_buf *out) {
    size_t plain = 0; /* everything before it has been written */
    int st = 0;
    for (ptrdiff_t amp = wit_str_find_byte(s, '&', 0); amp >= 0 && st == 0;) {
        struct wit_charref ref;
        size_t at = (size_t)amp, next = at + 1;
        if (wit_charref_parse(wit_str_slice(s, at, s.len), in_attribute, &ref)) {
            st = wit_buf_append_str(out, wit_str_slice(s, plain, at));
            for (unsigned i = 0; i < ref.count && st == 0; i++) {
                char bytes[4];
                st = wit_buf_append(out, bytes, wit_utf8_encode(ref.code_points[i], bytes));
            }
            plain = next = at + ref.consumed;
        }
        amp = wit_str_find_byte(s, '&', next);
    }
    if (st == 0)
        st = wit_buf_append_str(out, wit_str_slice(s, plain, s.len));
    return st;
}
