/*
 * wit_text.h: bytes from the web become text and addresses.
 *
 * UTF-8, HTML character references, character encodings, URLs after the WHATWG URL Standard and
 * registrable domains. Nothing here reads a page or a socket.
 *
 *     struct wit_error err = WIT_ERROR_INIT;
 *     struct wit_url page = WIT_URL_INIT, image = WIT_URL_INIT;
 *     if (wit_url_parse(&page, WIT_STR("HTTP://Example.COM/a/b?c"), NULL, &err) < 0 ||
 *         wit_url_parse(&image, WIT_STR("../cat.jpg"), &page, &err) < 0)
 *         wit_log_error("demo", "%s", err.text);
 *     printf("%.*s\n", WIT_STR_FMT(wit_url_href(&image)));   // http://example.com/cat.jpg
 *     printf("%.*s\n", WIT_STR_FMT(wit_domain_registrable(wit_url_host(&image))));
 *     wit_url_finish(&page);
 *     wit_url_finish(&image);
 *
 * Every function may be called from any thread on objects no other thread uses at that moment.
 * Text passed in may hold any byte; text that comes out is valid UTF-8 unless a comment says
 * otherwise.
 */
#ifndef WIT_TEXT_H
#define WIT_TEXT_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- UTF-8 --------------------------------------------------------------------------------- */

#define WIT_UTF8_REPLACEMENT 0xFFFDu

/* No surrogates, no overlong forms, nothing above U+10FFFF, nothing cut off. */
bool wit_utf8_valid(struct wit_str s);

/* The code point at s.data[*at] (*at < s.len), and *at moved behind it. What is invalid counts as
 * one U+FFFD per maximal subpart, as the WHATWG Encoding Standard's UTF-8 decoder has it. */
uint32_t wit_utf8_next(struct wit_str s, size_t *at);

/* Bytes written (1 to 4); a surrogate or a value above U+10FFFF is written as U+FFFD. */
size_t wit_utf8_encode(uint32_t code_point, char out[4]);

/* Append s with what is invalid replaced by U+FFFD. 0, WIT_ELIMIT, WIT_ENOMEM. */
int wit_utf8_sanitize(struct wit_str s, struct wit_buf *out);

/* Bytes at the end of s (0 to 3) that begin a character which further bytes could complete. */
size_t wit_utf8_tail(struct wit_str s);

/* ---- HTML character references -------------------------------------------------------------- */

/* What a reference stands for. */
struct wit_charref {
    uint32_t code_points[2];
    unsigned count;  /* 1 or 2 */
    size_t consumed; /* bytes of the input, the ampersand included */
};

/**
 * Read one character reference. Source: WHATWG HTML, 13.2.5.72 to 13.2.5.80 (all 2,231 names,
 * longest prefix; numbers with the C1 table and U+FFFD for what is no scalar value).
 * @param s             bytes that begin with '&'; must run to the end of the text or attribute
 * value, since a name is recognised by its longest prefix
 * @param in_attribute  true applies the rule for attribute values: a name without ';' before '=' or
 *                      an ASCII letter or digit is plain text
 * @return true and *out filled; false: the ampersand is plain text
 */
bool wit_charref_parse(struct wit_str s, bool in_attribute, struct wit_charref *out);

/* Append s with every reference replaced. Bytes between references pass unchanged: sanitise first
 * where they may be invalid UTF-8. 0, WIT_ELIMIT, WIT_ENOMEM. */
int wit_charref_decode(struct wit_str s, bool in_attribute, struct wit_buf *out);

/* ---- character encodings -------------------------------------------------------------------- */

/* An encoding of the WHATWG Encoding Standard. Constant data, lives for ever. */
struct wit_charset;

/* By label, as browsers map labels (iso-8859-1 and ascii are windows-1252, gb2312 is GBK...); ASCII
 * whitespace around it and case do not matter. NULL: no such label. */
const struct wit_charset *wit_charset_find(struct wit_str label);
const struct wit_charset *wit_charset_utf8(void);
const struct wit_charset *wit_charset_windows_1252(void);  /* HTML's default */
const char *wit_charset_name(const struct wit_charset *c); /* the standard's name: "windows-1252" */

/* By byte order mark; NULL when there is none, else *bom_bytes is its length (2 or 3). */
const struct wit_charset *wit_charset_from_bom(struct wit_str s, size_t *bom_bytes);

/* True when '<', '>', '"', '\'', '&', '=', '/' and white space can only be themselves, so that HTML
 * may be tokenized before it is decoded. False for UTF-16, ISO-2022-JP and replacement. */
bool wit_charset_keeps_markup(const struct wit_charset *c);

/* A decoder to UTF-8 for one stream of bytes. One thread at a time. */
struct wit_charset_decoder;

/* WIT_ENOMEM, or WIT_EUNSUPPORTED when ICU lacks the converter. *out stays NULL on failure. */
int wit_charset_decoder_create(const struct wit_charset *c, struct wit_charset_decoder **out,
                               struct wit_error *err);
void wit_charset_decoder_destroy(struct wit_charset_decoder *d);
void wit_charset_decoder_reset(struct wit_charset_decoder *d); /* a new stream begins */
/* Append what these bytes decode to; characters may be cut anywhere between calls. `last` ends the
 * stream (a cut-off character gives U+FFFD) and resets. A byte order mark is not looked for.
 * 0, WIT_ELIMIT, WIT_ENOMEM. */
int wit_charset_decode(struct wit_charset_decoder *d, struct wit_str bytes, bool last,
                       struct wit_buf *out);

/* ---- URLs ----------------------------------------------------------------------------------- */

/* Longest input and longest serialisation. Servers refuse far shorter ones (RFC 9110 asks them for
 * 8,000); the ceiling is there for what pages contain. */
#define WIT_URL_MAX_BYTES 65536u

enum wit_url_host_type {
    WIT_URL_HOST_NONE,   /* no host: "mailto:x", "data:..." */
    WIT_URL_HOST_EMPTY,  /* "file:///x" */
    WIT_URL_HOST_DOMAIN, /* of a special scheme: lower case, A-labels */
    WIT_URL_HOST_IPV4,   /* dotted decimal, whatever the spelling was */
    WIT_URL_HOST_IPV6,   /* in brackets, compressed */
    WIT_URL_HOST_OPAQUE  /* of any other scheme */
};

/* A parsed URL: its serialisation and where its parts are. Fields are private; use the functions.
 * WIT_URL_INIT or zero bytes make an empty one, wit_url_finish frees. */
struct wit_url {
    struct wit_buf href, next, scratch; /* next: the one being built */
    struct wit_url_parts {
        uint32_t scheme_end;   /* without ':' */
        uint32_t username_end; /* behind "//" or "//user" */
        uint32_t password_end; /* behind ":password" */
        uint32_t host_start, host_end;
        uint32_t path_start, path_end;
        uint32_t query_end; /* path_end: no query */
        int32_t port;       /* -1: none, or the scheme's default */
        uint8_t host_type;  /* enum wit_url_host_type */
        uint8_t scheme_type;
        bool opaque_path;
    } parts;
};

#define WIT_URL_INIT                                                                               \
    {                                                                                              \
        { NULL, 0, 0, WIT_URL_MAX_BYTES }, { NULL, 0, 0, WIT_URL_MAX_BYTES },                      \
            { NULL, 0, 0, WIT_URL_MAX_BYTES }, {                                                   \
            0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 0, false                                                \
        }                                                                                          \
    }

/**
 * The basic URL parser of the WHATWG URL Standard, without state override; hosts by UTS 46.
 * Validation errors that do not fail are silent. Memory of `url` is reused between calls.
 * @param input  any bytes; invalid UTF-8 counts as U+FFFD
 * @param base   NULL, or what a relative `input` refers to; may be `url` itself
 * @return 0; WIT_EFORMAT with the reason; WIT_ELIMIT (too long), WIT_ENOMEM. `url` keeps its former
 *         value on failure
 */
int wit_url_parse(struct wit_url *url, struct wit_str input, const struct wit_url *base,
                  struct wit_error *err);

/* The same for a link found in a document in another encoding: its query is percent-encoded from
 * the document's bytes, as browsers do (HTML, "encoding-parse a URL"). `input` is UTF-8 all the
 * same. charset NULL means UTF-8. */
int wit_url_parse_from(struct wit_url *url, struct wit_str input, const struct wit_url *base,
                       const struct wit_charset *charset, struct wit_error *err);
void wit_url_finish(struct wit_url *url);
int wit_url_copy(struct wit_url *to, const struct wit_url *from); /* 0, WIT_ENOMEM */
int wit_url_remove_fragment(struct wit_url *url);                 /* always 0 */

/* Views into the serialisation: valid until the next change of `url`. Empty when absent. */
struct wit_str wit_url_href(const struct wit_url *url);
struct wit_str wit_url_scheme(const struct wit_url *url);   /* "http" */
struct wit_str wit_url_username(const struct wit_url *url); /* percent-encoded */
struct wit_str wit_url_password(const struct wit_url *url);
struct wit_str wit_url_host(const struct wit_url *url);     /* "example.com", "[::1]" */
struct wit_str wit_url_path(const struct wit_url *url);     /* "/a/b" */
struct wit_str wit_url_query(const struct wit_url *url);    /* without '?' */
struct wit_str wit_url_fragment(const struct wit_url *url); /* without '#' */
struct wit_str
wit_url_target(const struct wit_url *url);             /* path and "?query": what HTTP asks for */
int wit_url_port(const struct wit_url *url);           /* -1: none or the scheme's default */
int wit_url_effective_port(const struct wit_url *url); /* with the default; -1: unknown */
enum wit_url_host_type wit_url_host_type(const struct wit_url *url);
bool wit_url_is_http(const struct wit_url *url); /* http or https, which always have a host */
/* Scheme, host and port as "https://example.com:8080"; "null" for opaque origins. 0, or as appends.
 */
int wit_url_origin(const struct wit_url *url, struct wit_buf *out);

/* ---- domains -------------------------------------------------------------------------------- */

/**
 * The registrable domain of a host as wit_url_host gives it: the public suffix (Public Suffix List,
 * ICANN and private sections) and one label more. A public suffix, a single label, an IP literal
 * own themselves. A view into `host`; dots at its end are left out.
 */
struct wit_str wit_domain_registrable(struct wit_str host);

#ifdef __cplusplus
}
#endif
#endif
