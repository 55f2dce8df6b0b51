/* url_parts.c: what can be asked of a parsed URL. */
#include "text/wit_text.h"

static struct wit_str part(const struct wit_url *url, size_t from, size_t to) {
    return from < to ? wit_str_of(url->href.data + from, to - from) : wit_str_of(NULL, 0);
}

void wit_url_finish(struct wit_url *url) {
    wit_buf_finish(&url->href);
    wit_buf_finish(&url->next);
    wit_buf_finish(&url->scratch);
    url->parts = (struct wit_url_parts){ .port = -1 };
}

int wit_url_copy(struct wit_url *to, const struct wit_url *from) {
    if (to == from)
        return 0;
    to->href.max = to->next.max = to->scratch.max = WIT_URL_MAX_BYTES;
    wit_buf_reset(&to->next);
    int st = wit_buf_append_str(&to->next, wit_buf_view(&from->href));
    if (st < 0)
        return st;
    struct wit_buf old = to->href;
    to->href = to->next;
    to->next = old;
    to->parts = from->parts;
    return 0;
}

int wit_url_remove_fragment(struct wit_url *url) {
    url->href.len = url->parts.query_end;
    return 0;
}

struct wit_str wit_url_href(const struct wit_url *url) {
    return wit_buf_view(&url->href);
}

struct wit_str wit_url_scheme(const struct wit_url *url) {
    return part(url, 0, url->parts.scheme_end);
}

struct wit_str wit_url_username(const struct wit_url *url) {
    return part(url, (size_t)url->parts.scheme_end + 3, url->parts.username_end);
}

struct wit_str wit_url_password(const struct wit_url *url) {
    return part(url, (size_t)url->parts.username_end + 1, url->parts.password_end);
}

struct wit_str wit_url_host(const struct wit_url *url) {
    return part(url, url->parts.host_start, url->parts.host_end);
}

struct wit_str wit_url_path(const struct wit_url *url) {
    return part(url, url->parts.path_start, url->parts.path_end);
}

struct wit_str wit_url_query(const struct wit_url *url) {
    return part(url, (size_t)url->parts.path_end + 1, url->parts.query_end);
}

struct wit_str wit_url_fragment(const struct wit_url *url) {
    return part(url, (size_t)url->parts.query_end + 1, url->href.len);
}

struct wit_str wit_url_target(const struct wit_url *url) {
    return part(url, url->parts.path_start, url->parts.query_end);
}

int wit_url_port(const struct wit_url *url) {
    return url->parts.port;
}

int wit_url_effective_port(const struct wit_url *url) {
    static const struct {
        const char *scheme;
        int port;
    } defaults[] = {
        { "http", 80 }, { "https", 443 }, { "ws", 80 }, { "wss", 443 }, { "ftp", 21 }
    };
    if (url->parts.port >= 0)
        return url->parts.port;
    for (size_t i = 0; i < WIT_COUNT_OF(defaults); i++)
        if (wit_str_eq(wit_url_scheme(url), wit_str_from(defaults[i].scheme)))
            return defaults[i].port;
    return -1;
}

enum wit_url_host_type wit_url_host_type(const struct wit_url *url) {
    return (enum wit_url_host_type)url->parts.host_type;
}

bool wit_url_is_http(const struct wit_url *url) {
    struct wit_str scheme = wit_url_scheme(url);
    return wit_str_eq(scheme, WIT_STR("http")) || wit_str_eq(scheme, WIT_STR("https"));
}

int wit_url_origin(const struct wit_url *url, struct wit_buf *out) {
    static const char *const tuple_schemes[] = { "http", "https", "ws", "wss", "ftp" };
    struct wit_str scheme = wit_url_scheme(url), host = wit_url_host(url);
    bool is_tuple = false;
    for (size_t i = 0; i < WIT_COUNT_OF(tuple_schemes); i++)
        is_tuple = is_tuple || wit_str_eq(scheme, wit_str_from(tuple_schemes[i]));
    if (!is_tuple)
        return wit_buf_append_cstr(out, "null");
    int st = wit_buf_printf(out, "%.*s://%.*s", WIT_STR_FMT(scheme), WIT_STR_FMT(host));
    if (st == 0 && url->parts.port >= 0)
        st = wit_buf_printf(out, ":%d", (int)url->parts.port);
    return st;
}
