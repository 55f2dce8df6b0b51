/*
 * url_host.c: hosts: domains by UTS 46, IPv4 in all its spellings, IPv6, opaque hosts.
 * Source: WHATWG URL, 3.1 to 3.6; numbers in comments are its sections.
 */
#include "url_encode.h"

#include <stdlib.h>
#include <unicode/uidna.h>

enum {
    /* No name longer than 253 bytes resolves; Punycode's effort grows with the square of a label.
     */
    IDNA_INPUT_MAX = 2048,
    IDNA_OUTPUT_MAX = 4 * IDNA_INPUT_MAX
};

/* 3.2, forbidden host code points: NUL TAB LF CR space # / : < > ? @ [ \ ] ^ | */
static bool forbidden_in_host(uint8_t c) {
    static const uint64_t set[2] = { 0xD400800900002601u, 0x1000000078000001u };
    return c < 0x80 && (set[c >> 6] >> (c & 63) & 1);
}

/* 3.2, forbidden domain code points: those, the C0 controls, % and DEL. */
static bool forbidden_in_domain(uint8_t c) {
    return forbidden_in_host(c) || c < 0x20 || c == '%' || c == 0x7F;
}

/* ---- IPv4 (3.5) --------------------------------------------------------------------------- */

/* One number: decimal, 0octal or 0xhex; "0x" is zero. Large values stay above 2^32. */
static bool ipv4_number(struct wit_str part, uint64_t *out) {
    int base = 10;
    size_t at = 0;
    if (part.len == 0)
        return false;
    if (part.len >= 2 && part.data[0] == '0' && (part.data[1] == 'x' || part.data[1] == 'X')) {
        base = 16;
        at = 2;
    } else if (part.len >= 2 && part.data[0] == '0') {
        base = 8;
        at = 1;
    }
    uint64_t value = 0;
    for (; at < part.len; at++) {
        int digit = url_hex_value(part.data[at]);
        if (digit < 0 || digit >= base)
            return false;
        value = value * (uint64_t)base + (uint64_t)digit;
        if (value > UINT32_MAX)
            value = (uint64_t)UINT32_MAX + 1;
    }
    *out = value;
    return true;
}

/* The last part of a dotted name, an empty one at the end left out. False when that is all. */
static bool last_part(struct wit_str host, struct wit_str *part) {
    if (host.len && host.data[host.len - 1] == '.') {
        host.len--;
        if (host.len == 0)
            return false;
    }
    size_t start = host.len;
    while (start > 0 && host.data[start - 1] != '.')
        start--;
    *part = wit_str_slice(host, start, host.len);
    return part->len > 0;
}

static bool ends_in_number(struct wit_str host) {
    struct wit_str part;
    if (!last_part(host, &part))
        return false;
    size_t digits = 0;
    while (digits < part.len && url_is_digit(part.data[digits]))
        digits++;
    uint64_t value;
    return digits == part.len || ipv4_number(part, &value);
}

static bool ipv4_parse(struct wit_str host, uint32_t *address) {
    uint64_t numbers[4];
    size_t count = 0;
    if (host.len > 1 && host.data[host.len - 1] == '.')
        host.len--;
    for (size_t from = 0; from <= host.len;) {
        ptrdiff_t dot = wit_str_find_byte(host, '.', from);
        size_t to = dot < 0 ? host.len : (size_t)dot;
        if (count == 4 || !ipv4_number(wit_str_slice(host, from, to), &numbers[count]))
            return false;
        count++;
        from = to + 1;
    }
    uint64_t value = numbers[count - 1];
    if (value >= (uint64_t)1 << (8 * (5 - count)))
        return false;
    for (size_t i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return false;
        value += numbers[i] << (8 * (3 - i));
    }
    *address = (uint32_t)value;
    return true;
}

/* ---- IPv6 (3.5, 3.6) ----------------------------------------------------------------------- */

/* "1.2.3.4" at the end of an IPv6 address, into two pieces: plain decimal, no leading zeros. */
static bool ipv6_tail(struct wit_str in, uint16_t pieces[2]) {
    size_t at = 0;
    for (int n = 0; n < 4; n++) {
        if (n > 0 && (at >= in.len || in.data[at++] != '.'))
            return false;
        size_t start = at;
        unsigned value = 0;
        while (at < in.len && url_is_digit(in.data[at])) {
            if (at > start && value == 0)
                return false;
            value = value * 10 + (unsigned)(in.data[at++] - '0');
            if (value > 255)
                return false;
        }
        if (at == start)
            return false;
        pieces[n / 2] = (uint16_t)(pieces[n / 2] << 8 | value);
    }
    return at == in.len;
}

static bool ipv6_parse(struct wit_str in, uint16_t pieces[8]) {
    int piece = 0, compress = -1;
    size_t at = 0;
    memset(pieces, 0, 8 * sizeof pieces[0]);
    if (in.len && in.data[0] == ':') {
        if (in.len < 2 || in.data[1] != ':')
            return false;
        at = 2;
        compress = ++piece;
    }
    while (at < in.len) {
        if (piece == 8)
            return false;
        if (in.data[at] == ':') {
            if (compress >= 0)
                return false;
            at++;
            compress = ++piece;
            continue;
        }
        size_t start = at;
        unsigned value = 0;
        while (at < in.len && at - start < 4 && url_hex_value(in.data[at]) >= 0)
            value = value << 4 | (unsigned)url_hex_value(in.data[at++]);
        if (at < in.len && in.data[at] == '.') {
            if (at == start || piece > 6 ||
                !ipv6_tail(wit_str_slice(in, start, in.len), pieces + piece))
                return false;
            piece += 2;
            at = in.len;
            break;
        }
        if (at < in.len) {
            if (in.data[at] != ':' || ++at == in.len)
                return false;
        }
        pieces[piece++] = (uint16_t)value;
    }
    if (compress >= 0) {
        /* Move what follows "::" to the end. */
        for (int from = piece - 1, to = 7; from >= compress && to > from; from--, to--) {
            pieces[to] = pieces[from];
            pieces[from] = 0;
        }
        return true;
    }
    return piece == 8;
}

static int ipv6_append(struct wit_buf *out, const uint16_t pieces[8]) {
    /* The first longest run of at least two zero pieces is written as "::". */
    int best = -1, best_len = 1;
    for (int i = 0; i < 8; i++) {
        int len = 0;
        while (i + len < 8 && pieces[i + len] == 0)
            len++;
        if (len > best_len) {
            best = i;
            best_len = len;
        }
        i += len;
    }
    int st = wit_buf_append_byte(out, '[');
    for (int i = 0; i < 8 && st == 0; i++) {
        if (i == best) {
            st = wit_buf_append_cstr(out, i == 0 ? "::" : ":");
            i += best_len - 1;
            continue;
        }
        st = wit_buf_printf(out, i < 7 ? "%x:" : "%x", (unsigned)pieces[i]);
    }
    return st < 0 ? st : wit_buf_append_byte(out, ']');
}

/* ---- domains (3.3) ------------------------------------------------------------------------- */

static bool label_is_ace(struct wit_str name, size_t at) {
    return name.len - at >= 4 &&
           wit_str_eq_nocase(wit_str_slice(name, at, at + 4), WIT_STR("xn--"));
}

static bool is_ascii(struct wit_str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((uint8_t)s.data[i] >= 0x80)
            return false;
    return true;
}

/* UTS 46 (revision 33) 4.1: an A-label must stand for something that is not ASCII. ICU 72 lets
 * "xn--" and "xn--ascii-" pass. */
static bool has_empty_ace(struct wit_str name) {
    for (size_t at = 0; at < name.len;) {
        ptrdiff_t dot = wit_str_find_byte(name, '.', at);
        size_t end = dot < 0 ? name.len : (size_t)dot;
        struct wit_str label = wit_str_slice(name, at, end);
        if (label_is_ace(label, 0) && (label.len == 4 || label.data[label.len - 1] == '-'))
            return true;
        at = end + 1;
    }
    return false;
}

static int domain_to_ascii(struct wit_buf *out, struct wit_str name, struct wit_error *err) {
    if (name.len > IDNA_INPUT_MAX)
        return wit_error_set(err, WIT_EFORMAT, "a host name of %zu bytes is too long", name.len);
    /* CheckHyphens and VerifyDnsLength are false in the standard, so their faults do not count. */
    const uint32_t tolerated = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                               UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                               UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;
    char ascii[IDNA_OUTPUT_MAX];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode status = U_ZERO_ERROR;
    UIDNA *idna =
        uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_NONTRANSITIONAL_TO_ASCII |
                            UIDNA_NONTRANSITIONAL_TO_UNICODE,
                        &status);
    int32_t len = 0;
    if (U_SUCCESS(status)) {
        len = uidna_nameToASCII_UTF8(idna, name.data, (int32_t)name.len, ascii, sizeof ascii, &info,
                                     &status);
        uidna_close(idna);
    }
    if (U_FAILURE(status))
        return wit_error_set(err, status == U_MEMORY_ALLOCATION_ERROR ? WIT_ENOMEM : WIT_EFORMAT,
                             "host '%.*s' cannot be made ASCII: %s", WIT_STR_FMT(name),
                             u_errorName(status));
    struct wit_str result = wit_str_of(ascii, (size_t)len);
    if ((info.errors & ~tolerated) || has_empty_ace(result))
        return wit_error_set(err, WIT_EFORMAT,
                             "host '%.*s' is not a valid internationalised name (UTS 46, 0x%x)",
                             WIT_STR_FMT(name), (unsigned)info.errors);
    return wit_buf_append_str(out, result);
}

static int domain_append(struct wit_buf *out, struct wit_str host, struct wit_buf *scratch,
                         struct wit_error *err) {
    size_t start = out->len;
    int st = 0;
    if (wit_str_find_byte(host, '%', 0) >= 0) {
        wit_buf_reset(scratch);
        st = url_percent_decode(scratch, host);
        host = wit_buf_view(scratch);
    }
    if (st < 0)
        return st;
    if (!is_ascii(host)) {
        st = domain_to_ascii(out, host, err);
    } else {
        /* Only lowered, faulty A-labels too: the standard's 3.3 gave in to the web there (2026). */
        st = wit_buf_append_str(out, host);
        for (size_t i = start; i < out->len; i++)
            if (out->data[i] >= 'A' && out->data[i] <= 'Z')
                out->data[i] = (char)(out->data[i] + 32);
    }
    if (st < 0)
        return st;
    struct wit_str ascii = wit_str_slice(wit_buf_view(out), start, out->len);
    if (ascii.len == 0)
        return wit_error_set(err, WIT_EFORMAT, "the host is empty");
    for (size_t i = 0; i < ascii.len; i++)
        if (forbidden_in_domain((uint8_t)ascii.data[i]))
            return wit_error_set(err, WIT_EFORMAT, "host '%.*s' holds the forbidden byte 0x%02x",
                                 WIT_STR_FMT(ascii), (unsigned)(uint8_t)ascii.data[i]);
    if (!ends_in_number(ascii))
        return WIT_URL_HOST_DOMAIN;
    uint32_t address;
    if (!ipv4_parse(ascii, &address))
        return wit_error_set(err, WIT_EFORMAT,
                             "host '%.*s' ends in a number but is no IPv4 address",
                             WIT_STR_FMT(ascii));
    out->len = start;
    st = wit_buf_printf(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
                        address & 255);
    return st < 0 ? st : WIT_URL_HOST_IPV4;
}

int url_host_append(struct wit_buf *out, struct wit_str host, bool special, struct wit_buf *scratch,
                    struct wit_error *err) {
    if (host.len && host.data[0] == '[') {
        uint16_t pieces[8];
        if (host.data[host.len - 1] != ']' ||
            !ipv6_parse(wit_str_slice(host, 1, host.len - 1), pieces))
            return wit_error_set(err, WIT_EFORMAT, "host '%.*s' is no IPv6 address",
                                 WIT_STR_FMT(host));
        int st = ipv6_append(out, pieces);
        return st < 0 ? st : WIT_URL_HOST_IPV6;
    }
    if (special)
        return domain_append(out, host, scratch, err);
    for (size_t i = 0; i < host.len; i++)
        if (forbidden_in_host((uint8_t)host.data[i]))
            return wit_error_set(err, WIT_EFORMAT, "host '%.*s' holds the forbidden byte 0x%02x",
                                 WIT_STR_FMT(host), (unsigned)(uint8_t)host.data[i]);
    int st = url_encode_append(out, host, URL_SET_C0_CONTROL);
    return st < 0 ? st : host.len ? WIT_URL_HOST_OPAQUE : WIT_URL_HOST_EMPTY;
}
