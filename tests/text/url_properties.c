/* url_properties.c: see url_properties.h. Reads the parts' places too, to know "?" from nothing. */
#include "url_properties.h"

static bool is_clean(const struct wit_url *url) {
    struct wit_str href = wit_url_href(url);
    for (size_t i = 0; i < href.len; i++) {
        uint8_t c = (uint8_t)href.data[i];
        /* "data:a b" keeps its space: the standard leaves opaque paths nearly alone. */
        bool may_be_space = url->parts.opaque_path && i < url->parts.path_end;
        if (c < 0x20 || c >= 0x7F || (c == ' ' && !may_be_space))
            return false;
    }
    return true;
}

static void put_together(const struct wit_url *url, struct wit_buf *out) {
    struct wit_str user = wit_url_username(url), password = wit_url_password(url);
    bool has_host = wit_url_host_type(url) != WIT_URL_HOST_NONE;
    wit_buf_append_str(out, wit_url_scheme(url));
    wit_buf_append_cstr(out, has_host ? "://" : ":");
    wit_buf_append_str(out, user);
    if (password.len) {
        wit_buf_append_byte(out, ':');
        wit_buf_append_str(out, password);
    }
    if (user.len || password.len)
        wit_buf_append_byte(out, '@');
    wit_buf_append_str(out, wit_url_host(url));
    if (wit_url_port(url) >= 0)
        wit_buf_printf(out, ":%d", wit_url_port(url));
    if (!has_host && wit_str_starts_with(wit_url_path(url), WIT_STR("//")))
        wit_buf_append_cstr(out, "/.");
    wit_buf_append_str(out, wit_url_path(url));
    if (url->parts.query_end > url->parts.path_end)
        wit_buf_append_byte(out, '?');
    wit_buf_append_str(out, wit_url_query(url));
    if (url->href.len > url->parts.query_end)
        wit_buf_append_byte(out, '#');
    wit_buf_append_str(out, wit_url_fragment(url));
}

static bool parts_are_the_same(const struct wit_url *a, const struct wit_url *b) {
    const struct wit_url_parts *p = &a->parts, *q = &b->parts;
    return p->scheme_end == q->scheme_end && p->username_end == q->username_end &&
           p->password_end == q->password_end && p->host_start == q->host_start &&
           p->host_end == q->host_end && p->path_start == q->path_start &&
           p->path_end == q->path_end && p->query_end == q->query_end && p->port == q->port &&
           p->host_type == q->host_type && p->scheme_type == q->scheme_type &&
           p->opaque_path == q->opaque_path;
}

static bool domain_is_of_host(const struct wit_url *url) {
    struct wit_str host = wit_url_host(url), domain = wit_domain_registrable(host);
    if (!wit_str_eq(wit_domain_registrable(domain), domain))
        return false;
    while (host.len && host.data[host.len - 1] == '.')
        host.len--;
    return wit_str_ends_with(host, domain);
}

const char *url_fault(const struct wit_url *url) {
    struct wit_url again = WIT_URL_INIT;
    struct wit_buf whole = WIT_BUF_INIT(WIT_URL_MAX_BYTES);
    struct wit_str href = wit_url_href(url);
    const char *fault = NULL;
    put_together(url, &whole);
    if (!is_clean(url))
        fault = "it holds a space or a control character";
    else if (wit_url_parse(&again, href, NULL, NULL) < 0)
        fault = "it does not parse again";
    else if (!wit_str_eq(wit_url_href(&again), href))
        fault = "it does not parse to itself";
    else if (!parts_are_the_same(&again, url))
        fault = "its parts are others when it is parsed again";
    else if (!wit_str_eq(wit_buf_view(&whole), href))
        fault = "its parts do not make it";
    else if (wit_url_is_http(url) && (!wit_url_host(url).len || wit_url_effective_port(url) < 0))
        fault = "it has no host or no port";
    else if (!domain_is_of_host(url))
        fault = "its registrable domain is not of its host";
    wit_buf_finish(&whole);
    wit_url_finish(&again);
    return fault;
}
