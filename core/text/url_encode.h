/* url_encode.h: percent-encode sets and host parsing, shared by the URL sources. */
#ifndef URL_ENCODE_H
#define URL_ENCODE_H

#include "text/wit_text.h"

/* Source: WHATWG URL, 1.3. */
enum url_encode_set {
    URL_SET_C0_CONTROL,
    URL_SET_FRAGMENT,
    URL_SET_QUERY,
    URL_SET_SPECIAL_QUERY,
    URL_SET_PATH,
    URL_SET_USERINFO
};

bool url_set_has(enum url_encode_set set, uint8_t byte);

/* Append s, bytes in the set as %XX. Invalid UTF-8 becomes %EF%BF%BD. 0, WIT_ELIMIT, WIT_ENOMEM. */
int url_encode_append(struct wit_buf *out, struct wit_str s, enum url_encode_set set);
/* Append s with every valid %XX replaced by its byte. */
int url_percent_decode(struct wit_buf *out, struct wit_str s);

/* Parse a host and append its serialisation. `scratch` is overwritten. Returns an enum
 * wit_url_host_type, or WIT_EFORMAT with the reason, WIT_ELIMIT, WIT_ENOMEM. Source: WHATWG
 * URL, 3.5 */
int url_host_append(struct wit_buf *out, struct wit_str host, bool special, struct wit_buf *scratch,
                    struct wit_error *err);

static inline bool url_is_alpha(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool url_is_digit(int c) {
    return c >= '0' && c <= '9';
}
static inline int url_hex_value(int c) {
    if (url_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

#endif
