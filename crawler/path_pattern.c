/* path_pattern.c: the comparable form, and matching in one pass. */
#include "path_pattern.h"

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_unreserved(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static size_t put_escape(char *out, uint8_t byte) {
    static const char digits[] = "0123456789ABCDEF";
    out[0] = '%';
    out[1] = digits[byte >> 4];
    out[2] = digits[byte & 15];
    return 3;
}

/* One octet of a path or pattern in comparable form, up to three bytes; *at moves behind it. */
static size_t put_normal(struct wit_str s, size_t *at, char *out) {
    char c = s.data[*at];
    if (c == '%' && *at + 2 < s.len && hex_digit(s.data[*at + 1]) >= 0 &&
        hex_digit(s.data[*at + 2]) >= 0) {
        int byte = hex_digit(s.data[*at + 1]) << 4 | hex_digit(s.data[*at + 2]);
        *at += 3;
        if (is_unreserved(byte)) {
            out[0] = (char)byte;
            return 1;
        }
        return put_escape(out, (uint8_t)byte);
    }
    *at += 1;
    if ((uint8_t)c >= 0x80 || (uint8_t)c <= 0x20 || c == 0x7F)
        return put_escape(out, (uint8_t)c);
    out[0] = c;
    return 1;
}

size_t path_pattern_normalise(struct wit_str value, char *out, size_t *length) {
    size_t len = 0;
    *length = 0;
    for (size_t at = 0; at < value.len;) {
        size_t from = len;
        if (value.data[at] == '$' && at + 1 < value.len) {
            len += put_escape(out + len, '$');
            at++;
            *length += 1;
        } else {
            len += put_normal(value, &at, out + len);
            *length += len - from;
        }
    }
    return len;
}

size_t path_normalise(struct wit_str path, char *out) {
    ptrdiff_t hash = wit_str_find_byte(path, '#', 0);
    size_t len = 0;
    if (hash >= 0)
        path.len = (size_t)hash;
    if (path.len == 0)
        path = WIT_STR("/");
    for (size_t at = 0; at < path.len;) {
        char c = path.data[at];
        if (c == '*' || c == '$') { /* what a pattern says with %2A and %24 */
            len += put_escape(out + len, (uint8_t)c);
            at++;
        } else {
            len += put_normal(path, &at, out + len);
        }
    }
    return len;
}

bool path_pattern_literal(struct wit_str pattern, struct wit_str *literal, bool *whole) {
    *whole = pattern.len && pattern.data[pattern.len - 1] == '$';
    pattern.len -= *whole;
    while (pattern.len && pattern.data[pattern.len - 1] == '*') {
        pattern.len--;
        *whole = false; /* "a*$" is "a" */
    }
    *literal = pattern;
    return wit_str_find_byte(pattern, '*', 0) < 0;
}

/* What things cost, as measured: a pattern that is looked at; a place where a piece might be;
 * octets passed over and octets compared, so many for a unit. */
enum { PATTERN_WORK = 12, PLACE_WORK = 8, PASSED_LOG2 = 6, COMPARED_LOG2 = 5 };

/* wit_str_find that tells what it costs: looking for an octet costs little, and each one found is a
 * place where a piece of many equal octets may be compared almost to its end. */
static ptrdiff_t piece_find(struct wit_str path, struct wit_str piece, size_t at, uint64_t *work) {
    if (piece.len == 0)
        return (ptrdiff_t)at;
    if (path.len < piece.len)
        return -1;
    const size_t end = path.len - piece.len + 1; /* of the places */
    while (at < end && *work <= PATH_PATTERN_WORK_MOST) {
        const char *found = memchr(path.data + at, piece.data[0], end - at);
        size_t place = found ? (size_t)(found - path.data) : end;
        *work += PLACE_WORK + ((place - at) >> PASSED_LOG2);
        if (!found)
            return -1;
        if (path.data[place + piece.len - 1] == piece.data[piece.len - 1]) {
            *work += piece.len >> COMPARED_LOG2;
            if (memcmp(found, piece.data, piece.len) == 0)
                return (ptrdiff_t)place;
        }
        at = place + 1;
    }
    return -1;
}

/* Pieces between stars are literal: the first stands at the start, each other one at its first
 * place behind the one before, an anchored last one at the end. */
bool path_pattern_matches(struct wit_str pattern, struct wit_str path, uint64_t *work) {
    bool anchored = pattern.len && pattern.data[pattern.len - 1] == '$';
    if (anchored)
        pattern.len--;
    *work += PATTERN_WORK + (pattern.len >> COMPARED_LOG2);
    size_t at = 0; /* the path is matched up to here */
    for (size_t from = 0;;) {
        ptrdiff_t star = wit_str_find_byte(pattern, '*', from);
        size_t to = star < 0 ? pattern.len : (size_t)star;
        struct wit_str piece = wit_str_slice(pattern, from, to);
        if (from == 0) {
            if (!wit_str_starts_with(path, piece))
                return false;
            at = piece.len;
            if (star < 0)
                return !anchored || at == path.len;
        } else if (star < 0 && anchored) {
            return path.len - at >= piece.len && wit_str_ends_with(path, piece);
        } else {
            ptrdiff_t found = piece_find(path, piece, at, work);
            if (found < 0)
                return false;
            at = (size_t)found + piece.len;
            if (star < 0)
                return true;
        }
        from = to + 1;
    }
}
