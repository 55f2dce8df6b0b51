/* url_encode.c: percent-encoding as the WHATWG URL Standard, 1.3, has it. */
#include "url_encode.h"

/* Bit c is set when ASCII byte c must be encoded; each row is C0 controls and DEL and the
 * characters in its comment. Bytes from 0x80 are always encoded. */
static const uint64_t encode_sets[][2] = {
    [URL_SET_C0_CONTROL] = { 0x00000000FFFFFFFFu, 0x8000000000000000u },
    [URL_SET_FRAGMENT] = { 0x50000005FFFFFFFFu, 0x8000000100000000u },      /*  "<>`            */
    [URL_SET_QUERY] = { 0x5000000DFFFFFFFFu, 0x8000000000000000u },         /*  "#<>            */
    [URL_SET_SPECIAL_QUERY] = { 0x5000008DFFFFFFFFu, 0x8000000000000000u }, /*  "#<>'           */
    [URL_SET_PATH] = { 0xD000000DFFFFFFFFu, 0xA800000140000000u },          /*  "#<>?^`{}       */
    [URL_SET_USERINFO] = { 0xFC00800DFFFFFFFFu, 0xB800000178000001u },      /* path, /:;=@[\]|  */
};

static inline bool set_has(enum url_encode_set set, uint8_t byte) {
    return byte >= 0x80 || (encode_sets[set][byte >> 6] >> (byte & 63) & 1);
}

bool url_set_has(enum url_encode_set set, uint8_t byte) {
    return set_has(set, byte);
}

static int append_encoded(struct wit_buf *out, const char *bytes, size_t len) {
    static const char digits[] = "0123456789ABCDEF";
    int st = 0;
    for (size_t i = 0; i < len && st == 0; i++) {
        uint8_t b = (uint8_t)bytes[i];
        const char text[3] = { '%', digits[b >> 4], digits[b & 15] };
        st = wit_buf_append(out, text, sizeof text);
    }
    return st;
}

int url_encode_append(struct wit_buf *out, struct wit_str s, enum url_encode_set set) {
    int st = 0;
    size_t plain = 0;
    for (size_t at = 0; at < s.len && st == 0;) {
        if (!set_has(set, (uint8_t)s.data[at])) {
            at++;
            continue;
        }
        st = wit_buf_append_str(out, wit_str_slice(s, plain, at));
        if (st < 0)
            break;
        char bytes[4];
        size_t len = wit_utf8_encode(wit_utf8_next(s, &at), bytes);
        st = append_encoded(out, bytes, len);
        plain = at;
    }
    if (st == 0)
        st = wit_buf_append_str(out, wit_str_slice(s, plain, s.len));
    return st;
}

int url_percent_decode(struct wit_buf *out, struct wit_str s) {
    int st = 0;
    for (size_t i = 0; i < s.len && st == 0; i++) {
        char c = s.data[i];
        if (c == '%' && i + 2 < s.len && url_hex_value(s.data[i + 1]) >= 0 &&
            url_hex_value(s.data[i + 2]) >= 0) {
            c = (char)(url_hex_value(s.data[i + 1]) << 4 | url_hex_value(s.data[i + 2]));
            i += 2;
        }
        st = wit_buf_append_byte(out, c);
    }
    return st;
}
