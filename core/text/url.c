/*
 * url.c: the basic URL parser of the WHATWG URL Standard (section 4.4), without state override.
 * Each function is one or a few of its states and says which. The serialisation is written from
 * left to right into url->next while parsing and takes the place of url->href at success.
 */
#include "charset_encode.h"
#include "url_encode.h"

enum scheme_type {
    SCHEME_OTHER,
    SCHEME_HTTP,
    SCHEME_HTTPS,
    SCHEME_WS,
    SCHEME_WSS,
    SCHEME_FTP,
    SCHEME_FILE
};

/* The special schemes and their default ports. */
static const struct {
    const char *name;
    int port;
} schemes[] = {
    [SCHEME_OTHER] = { "", -1 },       [SCHEME_HTTP] = { "http", 80 },
    [SCHEME_HTTPS] = { "https", 443 }, [SCHEME_WS] = { "ws", 80 },
    [SCHEME_WSS] = { "wss", 443 },     [SCHEME_FTP] = { "ftp", 21 },
    [SCHEME_FILE] = { "file", -1 },
};

struct parser {
    struct wit_url *url;
    const struct wit_url *base; /* NULL: none */
    const struct wit_charset *charset;
    struct wit_url_parts parts;
    struct wit_str in; /* trimmed, without tabs and newlines */
    size_t at;
    bool special;
    struct wit_error *err;
};

static int fail(struct parser *p, const char *reason) {
    return wit_error_set(p->err, WIT_EFORMAT, "'%.*s' is no URL: %s", WIT_STR_FMT(p->in), reason);
}

/* Byte at p->at + ahead, or -1 at the end. */
static int peek(const struct parser *p, size_t ahead) {
    size_t i = p->at + ahead;
    return i < p->in.len ? (uint8_t)p->in.data[i] : -1;
}

static bool is_slash(const struct parser *p, int c) {
    return c == '/' || (c == '\\' && p->special);
}

static struct wit_buf *out_of(struct parser *p) {
    return &p->url->next;
}

static uint32_t out_len(struct parser *p) {
    return (uint32_t)p->url->next.len; /* the buffer's ceiling is far below 2^32 */
}

static int put(struct parser *p, struct wit_str s) {
    return wit_buf_append_str(out_of(p), s);
}

/* Up to the first '?' or '#' (for a query: '#'), starting at p->at. */
static size_t find_end(const struct parser *p, const char *stops) {
    for (size_t end = p->at; end < p->in.len; end++)
        for (const char *stop = stops; *stop; stop++)
            if (p->in.data[end] == *stop)
                return end;
    return p->in.len;
}

/* ---- query and fragment states -------------------------------------------------------------- */

static int parse_fragment(struct parser *p) {
    if (peek(p, 0) != '#')
        return 0;
    struct wit_str fragment = wit_str_slice(p->in, p->at + 1, p->in.len);
    int st = wit_buf_append_byte(out_of(p), '#');
    return st < 0 ? st : url_encode_append(out_of(p), fragment, URL_SET_FRAGMENT);
}

static int encode_query(struct parser *p, struct wit_str query) {
    enum url_encode_set set = p->special ? URL_SET_SPECIAL_QUERY : URL_SET_QUERY;
    bool web_socket = p->parts.scheme_type == SCHEME_WS || p->parts.scheme_type == SCHEME_WSS;
    if (!p->special || web_socket || charset_query_is_utf8(p->charset))
        return url_encode_append(out_of(p), query, set);
    struct wit_buf *bytes = &p->url->scratch;
    wit_buf_reset(bytes);
    int st = charset_encode_query(p->charset, query, bytes);
    for (size_t i = 0; i < bytes->len && st == 0; i++) {
        uint8_t b = (uint8_t)bytes->data[i];
        st = url_set_has(set, b) ? wit_buf_printf(out_of(p), "%%%02X", b)
                                 : wit_buf_append_byte(out_of(p), (char)b);
    }
    return st;
}

/* From a '?', a '#' or the end; the path is complete. */
static int parse_query(struct parser *p) {
    int st = 0;
    p->parts.path_end = out_len(p);
    if (peek(p, 0) == '?') {
        p->at++;
        size_t end = find_end(p, "#");
        struct wit_str query = wit_str_slice(p->in, p->at, end);
        st = wit_buf_append_byte(out_of(p), '?');
        if (st == 0)
            st = encode_query(p, query);
        p->at = end;
    }
    p->parts.query_end = out_len(p);
    return st < 0 ? st : parse_fragment(p);
}

/* ---- path states ---------------------------------------------------------------------------- */

static bool is_drive_letter(struct wit_str s) {
    return s.len == 2 && url_is_alpha(s.data[0]) && (s.data[1] == ':' || s.data[1] == '|');
}

/* "starts with a Windows drive letter" */
static bool at_drive_letter(const struct parser *p) {
    struct wit_str rest = wit_str_slice(p->in, p->at, p->in.len);
    return rest.len >= 2 && is_drive_letter(wit_str_slice(rest, 0, 2)) &&
           (rest.len == 2 || (rest.data[2] != '\0' && strchr("/\\?#", rest.data[2])));
}

static struct wit_str path_so_far(struct parser *p) {
    return wit_str_slice(wit_buf_view(out_of(p)), p->parts.path_start, out_len(p));
}

/* "shorten a url's path" */
static void path_shorten(struct parser *p) {
    struct wit_str path = path_so_far(p);
    if (p->parts.scheme_type == SCHEME_FILE && path.len == 3 && url_is_alpha(path.data[1]) &&
        path.data[2] == ':')
        return;
    size_t len = path.len;
    while (len > 0 && path.data[len - 1] != '/')
        len--;
    out_of(p)->len = p->parts.path_start + (len ? len - 1 : 0);
}

/* How many dots the segment is: 1, 2, or 0 for any other; "%2e" counts as a dot. */
static int segment_dots(struct wit_str s) {
    int dots = 0;
    if (s.len > 6) /* "%2e%2e" */
        return 0;
    for (size_t i = 0; i < s.len; dots++) {
        if (s.data[i] == '.')
            i++;
        else if (s.len - i >= 3 && s.data[i] == '%' && s.data[i + 1] == '2' &&
                 (s.data[i + 2] | 0x20) == 'e')
            i += 3;
        else
            return 0;
        if (dots == 2)
            return 0;
    }
    return dots;
}

static int path_push(struct parser *p, struct wit_str segment) {
    bool first = path_so_far(p).len == 0;
    int st = wit_buf_append_byte(out_of(p), '/');
    if (st < 0)
        return st;
    if (p->parts.scheme_type == SCHEME_FILE && first && is_drive_letter(segment)) {
        const char drive[2] = { segment.data[0], ':' };
        return wit_buf_append(out_of(p), drive, 2);
    }
    return url_encode_append(out_of(p), segment, URL_SET_PATH);
}

/* Path state: segments from p->at (behind the slash that opens the first one). */
static int parse_path(struct parser *p) {
    for (;;) {
        size_t end = p->at;
        while (end < p->in.len && !is_slash(p, (uint8_t)p->in.data[end]) &&
               p->in.data[end] != '?' && p->in.data[end] != '#')
            end++;
        struct wit_str segment = wit_str_slice(p->in, p->at, end);
        p->at = end;
        bool more = is_slash(p, peek(p, 0));
        int dots = segment_dots(segment), st = 0;
        if (dots == 2)
            path_shorten(p);
        if (dots == 0)
            st = path_push(p, segment);
        else if (!more)
            st = wit_buf_append_byte(out_of(p), '/'); /* an empty last segment */
        if (st < 0)
            return st;
        if (!more)
            break;
        p->at++;
    }
    /* Without a host, "//" at the start of the path would read as one: URL serializing, step 3. */
    if (p->parts.host_type == WIT_URL_HOST_NONE &&
        wit_str_starts_with(path_so_far(p), WIT_STR("//"))) {
        struct wit_buf *out = out_of(p);
        int st = wit_buf_append(out, "/.", 2);
        if (st < 0)
            return st;
        char *path = out->data + p->parts.path_start;
        memmove(path + 2, path, out->len - 2 - p->parts.path_start);
        memcpy(path, "/.", 2);
        p->parts.path_start += 2;
    }
    return parse_query(p);
}

/* Path start state */
static int parse_path_start(struct parser *p) {
    p->parts.path_start = out_len(p);
    int c = peek(p, 0);
    if (p->special || (c >= 0 && c != '?' && c != '#')) {
        if (is_slash(p, c))
            p->at++;
        return parse_path(p);
    }
    return parse_query(p);
}

/* Opaque path state */
static int parse_opaque_path(struct parser *p) {
    p->parts.path_start = out_len(p);
    p->parts.opaque_path = true;
    size_t end = find_end(p, "?#");
    struct wit_str path = wit_str_slice(p->in, p->at, end);
    bool last_space = end < p->in.len && path.len && path.data[path.len - 1] == ' ';
    if (last_space)
        path.len--;
    int st = url_encode_append(out_of(p), path, URL_SET_C0_CONTROL);
    if (st == 0 && last_space)
        st = put(p, WIT_STR("%20")); /* so that the space survives when the query is dropped */
    p->at = end;
    return st < 0 ? st : parse_query(p);
}

/* ---- authority ------------------------------------------------------------------------------ */

static void no_authority(struct parser *p) {
    struct wit_url_parts *parts = &p->parts;
    parts->username_end = parts->password_end = parts->host_start = parts->host_end = out_len(p);
    parts->host_type = WIT_URL_HOST_NONE;
}

static int parse_userinfo(struct parser *p, struct wit_str userinfo) {
    ptrdiff_t colon = wit_str_find_byte(userinfo, ':', 0);
    size_t name_len = colon < 0 ? userinfo.len : (size_t)colon;
    struct wit_str password =
        wit_str_slice(userinfo, colon < 0 ? name_len : name_len + 1, userinfo.len);
    int st = url_encode_append(out_of(p), wit_str_slice(userinfo, 0, name_len), URL_SET_USERINFO);
    p->parts.username_end = p->parts.password_end = out_len(p);
    if (st == 0 && password.len) {
        st = wit_buf_append_byte(out_of(p), ':');
        if (st == 0)
            st = url_encode_append(out_of(p), password, URL_SET_USERINFO);
        p->parts.password_end = out_len(p);
    }
    if (st == 0 && (name_len || password.len))
        st = wit_buf_append_byte(out_of(p), '@');
    return st;
}

static int parse_port(struct parser *p, struct wit_str digits) {
    uint32_t port = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!url_is_digit(digits.data[i]))
            return fail(p, "its port is not a number");
        port = port * 10 + (uint32_t)(digits.data[i] - '0');
        if (port > 65535)
            return fail(p, "its port is above 65535");
    }
    if (digits.len == 0 || (int)port == schemes[p->parts.scheme_type].port)
        return 0;
    p->parts.port = (int32_t)port;
    return wit_buf_printf(out_of(p), ":%u", (unsigned)port);
}

/* Where the host ends: at a ':' outside brackets. */
static size_t host_length(struct wit_str s) {
    bool in_brackets = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == ':' && !in_brackets)
            return i;
        if (s.data[i] == '[')
            in_brackets = true;
        else if (s.data[i] == ']')
            in_brackets = false;
    }
    return s.len;
}

/* Authority, host and port states; p->at stands behind "//". */
static int parse_authority(struct parser *p) {
    size_t end = find_end(p, p->special ? "/\\?#" : "/?#");
    struct wit_str authority = wit_str_slice(p->in, p->at, end);
    p->at = end;
    int st = put(p, WIT_STR("//"));
    p->parts.username_end = p->parts.password_end = out_len(p);
    size_t host_from = authority.len;
    while (host_from > 0 && authority.data[host_from - 1] != '@')
        host_from--;
    if (st == 0 && host_from > 0) {
        if (host_from == authority.len)
            return fail(p, "it names a user but no host");
        st = parse_userinfo(p, wit_str_slice(authority, 0, host_from - 1));
    }
    if (st < 0)
        return st;
    struct wit_str rest = wit_str_slice(authority, host_from, authority.len);
    struct wit_str host = wit_str_slice(rest, 0, host_length(rest));
    bool has_port = host.len < rest.len;
    if (host.len == 0 && (has_port || p->special))
        return fail(p, "it has no host");
    p->parts.host_start = out_len(p);
    st = url_host_append(out_of(p), host, p->special, &p->url->scratch, p->err);
    if (st < 0)
        return st;
    p->parts.host_type = (uint8_t)st;
    p->parts.host_end = out_len(p);
    if (has_port)
        st = parse_port(p, wit_str_slice(rest, host.len + 1, rest.len));
    return st < 0 ? st : parse_path_start(p);
}

/* Special authority ignore slashes state */
static int parse_special_authority(struct parser *p) {
    while (peek(p, 0) == '/' || peek(p, 0) == '\\')
        p->at++;
    return parse_authority(p);
}

/* ---- relative states ------------------------------------------------------------------------ */

/* Take over the base's parts and its serialisation up to `end`, one of its part borders. The scheme
 * is written already and is the base's. */
static int copy_base(struct parser *p, uint32_t end) {
    p->parts = p->base->parts;
    return put(p, wit_str_slice(wit_url_href(p->base), p->parts.scheme_end + 1, end));
}

/* The same up to the path, which is then empty. The "/." that may stand before a path without a
 * host is no part of it. */
static int copy_base_authority(struct parser *p) {
    const struct wit_url_parts *base = &p->base->parts;
    bool no_host = base->host_type == WIT_URL_HOST_NONE;
    int st = copy_base(p, no_host ? base->scheme_end + 1 : base->path_start);
    p->parts.path_start = out_len(p);
    return st;
}

/* Relative slash state: p->at stands on the slash. */
static int parse_relative_slash(struct parser *p) {
    int next = peek(p, 1);
    if (p->special && (next == '/' || next == '\\')) {
        p->at += 2;
        return parse_special_authority(p);
    }
    if (next == '/') {
        p->at += 2;
        return parse_authority(p);
    }
    p->at++;
    int st = copy_base_authority(p);
    return st < 0 ? st : parse_path(p);
}

/* Relative state; the scheme is written. */
static int parse_relative(struct parser *p) {
    const struct wit_url_parts *base = &p->base->parts;
    int c = peek(p, 0), st;
    if (is_slash(p, c))
        return parse_relative_slash(p);
    if (c == '?') {
        st = copy_base(p, base->path_end);
        return st < 0 ? st : parse_query(p);
    }
    if (c == '#' || c < 0) {
        st = copy_base(p, base->query_end);
        return st < 0 ? st : parse_fragment(p);
    }
    st = copy_base_authority(p);
    if (st == 0)
        st = put(p, wit_url_path(p->base));
    if (st < 0)
        return st;
    path_shorten(p);
    return parse_path(p);
}

/* ---- file states ---------------------------------------------------------------------------- */

static int file_empty_host(struct parser *p) {
    int st = put(p, WIT_STR("//"));
    no_authority(p);
    p->parts.host_type = WIT_URL_HOST_EMPTY;
    p->parts.path_start = out_len(p);
    return st;
}

/* File host state; p->at stands behind "//". */
static int parse_file_host(struct parser *p) {
    size_t end = find_end(p, "/\\?#");
    struct wit_str host = wit_str_slice(p->in, p->at, end);
    int st;
    if (is_drive_letter(host)) {
        st = file_empty_host(p);
        return st < 0 ? st : parse_path(p); /* "file://c:/x": the letter is the first segment */
    }
    p->at = end;
    st = file_empty_host(p);
    if (st == 0 && host.len) {
        st = url_host_append(out_of(p), host, true, &p->url->scratch, p->err);
        if (st < 0)
            return st;
        p->parts.host_type = (uint8_t)st;
        p->parts.host_end = out_len(p);
        if (wit_str_eq(wit_str_slice(wit_buf_view(out_of(p)), p->parts.host_start, out_len(p)),
                       WIT_STR("localhost"))) {
            out_of(p)->len = p->parts.host_end = p->parts.host_start;
            p->parts.host_type = WIT_URL_HOST_EMPTY;
        }
        st = 0;
    }
    return st < 0 ? st : parse_path_start(p);
}

/* File and file slash states; "file:" is written. */
static int parse_file(struct parser *p) {
    const struct wit_url *base = p->base;
    if (base && base->parts.scheme_type != SCHEME_FILE)
        base = NULL;
    int c = peek(p, 0), st;
    if (c == '/' || c == '\\') {
        int next = peek(p, 1);
        if (next == '/' || next == '\\') {
            p->at += 2;
            return parse_file_host(p);
        }
        p->at++;
        if (!base) {
            st = file_empty_host(p);
            return st < 0 ? st : parse_path(p);
        }
        st = copy_base_authority(p);
        struct wit_str path = wit_url_path(base);
        bool has_drive = path.len >= 3 && url_is_alpha(path.data[1]) && path.data[2] == ':' &&
                         (path.len == 3 || path.data[3] == '/');
        if (st == 0 && has_drive && !at_drive_letter(p))
            st = put(p, wit_str_slice(path, 0, 3));
        return st < 0 ? st : parse_path(p);
    }
    if (!base) {
        st = file_empty_host(p);
        return st < 0 ? st : parse_path(p);
    }
    if (c >= 0 && c != '?' && c != '#' && at_drive_letter(p)) {
        st = copy_base_authority(p);
        return st < 0 ? st : parse_path(p);
    }
    return parse_relative(p);
}

/* ---- scheme states -------------------------------------------------------------------------- */

/* Length of the scheme at the start, 0 when there is none. */
static size_t scheme_length(struct wit_str in) {
    if (in.len == 0 || !url_is_alpha(in.data[0]))
        return 0;
    for (size_t i = 1; i < in.len; i++) {
        int c = in.data[i];
        if (c == ':')
            return i;
        if (!url_is_alpha(c) && !url_is_digit(c) && c != '+' && c != '-' && c != '.')
            return 0;
    }
    return 0;
}

static int put_scheme(struct parser *p, struct wit_str scheme) {
    int st = put(p, scheme);
    if (st < 0)
        return st;
    char *text = out_of(p)->data;
    for (size_t i = 0; i < scheme.len; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] + 32);
    p->parts.scheme_end = (uint32_t)scheme.len;
    p->parts.scheme_type = SCHEME_OTHER;
    for (size_t i = SCHEME_HTTP; i < WIT_COUNT_OF(schemes); i++)
        if (wit_str_eq(wit_str_of(text, scheme.len), wit_str_from(schemes[i].name)))
            p->parts.scheme_type = (uint8_t)i;
    p->special = p->parts.scheme_type != SCHEME_OTHER;
    return wit_buf_append_byte(out_of(p), ':');
}

/* No scheme state: everything before the path comes from the base. */
static int parse_without_scheme(struct parser *p) {
    if (!p->base)
        return fail(p, "it is relative and there is nothing it could be relative to");
    if (p->base->parts.opaque_path && peek(p, 0) != '#')
        return fail(p, "it is relative to a URL without a hierarchical path");
    int st = put(p, wit_str_slice(wit_url_href(p->base), 0, p->base->parts.scheme_end + 1));
    if (st < 0)
        return st;
    p->parts.scheme_end = p->base->parts.scheme_end;
    p->parts.scheme_type = p->base->parts.scheme_type;
    p->special = p->parts.scheme_type != SCHEME_OTHER;
    if (p->base->parts.opaque_path) {
        st = copy_base(p, p->base->parts.query_end);
        return st < 0 ? st : parse_fragment(p);
    }
    return p->parts.scheme_type == SCHEME_FILE ? parse_file(p) : parse_relative(p);
}

static int parse_with_scheme(struct parser *p, size_t scheme_len) {
    int st = put_scheme(p, wit_str_slice(p->in, 0, scheme_len));
    if (st < 0)
        return st;
    p->at = scheme_len + 1;
    if (p->parts.scheme_type == SCHEME_FILE)
        return parse_file(p);
    bool slashes = peek(p, 0) == '/' && peek(p, 1) == '/';
    if (p->special) {
        bool same = p->base && p->base->parts.scheme_type == p->parts.scheme_type;
        return same && !slashes ? parse_relative(p) : parse_special_authority(p);
    }
    no_authority(p);
    if (slashes) {
        p->at += 2;
        return parse_authority(p);
    }
    if (peek(p, 0) != '/')
        return parse_opaque_path(p);
    p->parts.path_start = out_len(p);
    p->at++;
    return parse_path(p);
}

/* ---- the parser ----------------------------------------------------------------------------- */

static bool is_tab_or_newline(char c) {
    return c == '\t' || c == '\n' || c == '\r';
}

/* C0 controls and spaces off both ends; tabs and newlines out of the middle (then `copy` holds it).
 */
static int clean_input(struct wit_str *in, struct wit_buf *copy) {
    while (in->len && (uint8_t)in->data[in->len - 1] <= 0x20)
        in->len--;
    while (in->len && (uint8_t)in->data[0] <= 0x20)
        *in = wit_str_slice(*in, 1, in->len);
    bool found = false; /* looked for to the end: no branch for each byte */
    for (size_t i = 0; i < in->len; i++)
        found |= (uint8_t)in->data[i] < 0x20;
    if (!found)
        return 0;
    int st = 0;
    for (size_t i = 0; i < in->len && st == 0; i++)
        if (!is_tab_or_newline(in->data[i]))
            st = wit_buf_append_byte(copy, in->data[i]);
    *in = wit_buf_view(copy);
    return st;
}

int wit_url_parse_from(struct wit_url *url, struct wit_str input, const struct wit_url *base,
                       const struct wit_charset *charset, struct wit_error *err) {
    struct parser p = { .url = url, .base = base, .charset = charset, .in = input, .err = err };
    struct wit_buf cleaned = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    int st;
    url->href.max = url->next.max = url->scratch.max = WIT_URL_MAX_BYTES;
    p.parts.port = -1;
    wit_buf_reset(&url->next);
    if (base && base->href.len == 0)
        p.base = NULL; /* nothing was parsed into it */
    if (input.len > WIT_URL_MAX_BYTES) {
        st = wit_error_set(err, WIT_ELIMIT, "a URL of %zu bytes is longer than %u", input.len,
                           WIT_URL_MAX_BYTES);
        goto out;
    }
    st = clean_input(&p.in, &cleaned);
    if (st == 0) {
        size_t scheme_len = scheme_length(p.in);
        st = scheme_len ? parse_with_scheme(&p, scheme_len) : parse_without_scheme(&p);
    }
    if (st == WIT_ELIMIT && err && err->status != st)
        wit_error_set(err, st, "a URL grew longer than %u bytes", WIT_URL_MAX_BYTES);
    if (st == 0) {
        struct wit_buf old = url->href;
        url->href = url->next;
        url->next = old;
        url->parts = p.parts;
    }
out:
    wit_buf_finish(&cleaned);
    return st;
}

int wit_url_parse(struct wit_url *url, struct wit_str input, const struct wit_url *base,
                  struct wit_error *err) {
    return wit_url_parse_from(url, input, base, NULL, err);
}
