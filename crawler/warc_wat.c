/*
 * warc_wat.c: the JSON of WAT records. Source: what commoncrawl/ia-web-commons writes:
 *
 *   Envelope.WARC-Header-Metadata        WARC-Type, WARC-Target-URI of the record described
 *   Envelope.Payload-Metadata.HTTP-Response-Metadata
 *     .Response-Message.Status           "200"
 *     .Headers                           name: value, or a list of values
 *     .HTML-Metadata.Head.Base           href of base
 *     .HTML-Metadata.Head.Metas          [{name, property, content...}]
 *     .HTML-Metadata.Head.Link           [{path: "LINK@/href", url, rel}]
 *     .HTML-Metadata.Links               [{path: "IMG@/src", url, alt, title}, {path:
 * "A@/href"...}]
 *
 * References are decoded there and addresses as written. Of images it has src, alt and title alone.
 */
#include "warc_wat.h"

#include "wit_crawler_warc.h"

enum { URL_MOST_BYTES = 1 << 20 };

void warc_wat_init(struct warc_wat *w) {
    *w = (struct warc_wat){ .url = WIT_BUF_INIT(URL_MOST_BYTES),
                            .headers = WIT_BUF_INIT(2 * WIT_CRAWLER_WARC_MAX_HEADER_BYTES),
                            /* an ampersand or a quote becomes six bytes at most */
                            .html = WIT_BUF_INIT((size_t)6 * WIT_CRAWLER_WARC_MAX_JSON_BYTES) };
}

void warc_wat_finish(struct warc_wat *w) {
    wit_buf_finish(&w->url);
    wit_buf_finish(&w->headers);
    wit_buf_finish(&w->html);
}

/* The member at the end of a path of names; NULL: there is none. */
static const struct wit_json *member(const struct wit_json *v, const char *const *path,
                                     size_t count) {
    for (size_t i = 0; i < count && v; i++)
        v = wit_json_get(v, path[i]);
    return v;
}
#define MEMBER(v, ...)                                                                             \
    member(v, (const char *const[]){ __VA_ARGS__ },                                                \
           sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static struct wit_str string_of(const struct wit_json *v) {
    struct wit_str s = { NULL, 0 };
    wit_json_string(v, &s);
    return s;
}

/* ---- headers -------------------------------------------------------------------------------- */

static int header_put(struct warc_wat *w, const char *name, struct wit_str value) {
    size_t at = w->headers.len;
    int st = wit_buf_printf(&w->headers, "%s: %.*s", name, WIT_STR_FMT(value));
    for (size_t i = at; st >= 0 && i < w->headers.len; i++)
        if (w->headers.data[i] == '\n')
            w->headers.data[i] = ' ';
    for (size_t i = at; st >= 0 && w->headers.data[i] != ':'; i++)
        if (w->headers.data[i] >= 'A' && w->headers.data[i] <= 'Z')
            w->headers.data[i] |= 0x20;
    return st < 0 ? st : wit_buf_append_byte(&w->headers, '\n');
}

static int headers_put(struct warc_wat *w, const struct wit_json *headers) {
    int st = 0;
    if (!headers || wit_json_type_of(headers) != WIT_JSON_OBJECT)
        return 0;
    for (void *i = wit_json_first(headers); i && st >= 0; i = wit_json_next(headers, i)) {
        const struct wit_json *v = wit_json_iter_value(i);
        if (wit_json_type_of(v) == WIT_JSON_ARRAY)
            for (size_t n = 0; n < wit_json_size(v) && st >= 0; n++)
                st = header_put(w, wit_json_iter_key(i), string_of(wit_json_at(v, n)));
        else
            st = header_put(w, wit_json_iter_key(i), string_of(v));
    }
    return st;
}

/* ---- tags ----------------------------------------------------------------------------------- */

/* ` name="value"`, with what would end the value or begin a reference escaped. */
static int attribute_put(struct wit_buf *html, const char *name, struct wit_str value) {
    int st = wit_buf_printf(html, " %s=\"", name);
    size_t plain = 0;
    for (size_t i = 0; i < value.len && st >= 0; i++) {
        if (value.data[i] != '&' && value.data[i] != '"')
            continue;
        st = wit_buf_append_str(html, wit_str_slice(value, plain, i));
        if (st >= 0)
            st = wit_buf_append_cstr(html, value.data[i] == '&' ? "&amp;" : "&quot;");
        plain = i + 1;
    }
    if (st >= 0)
        st = wit_buf_append_str(html, wit_str_slice(value, plain, value.len));
    return st < 0 ? st : wit_buf_append_byte(html, '"');
}

/* A tag with those members of `from` that are strings; names in pairs: member, attribute. */
static int tag_put(struct wit_buf *html, const char *tag, const struct wit_json *from,
                   const char *const (*names)[2], size_t count) {
    int st = wit_buf_printf(html, "<%s", tag);
    for (size_t i = 0; i < count && st >= 0; i++) {
        const struct wit_json *v = MEMBER(from, names[i][0]);
        if (v && wit_json_type_of(v) == WIT_JSON_STRING)
            st = attribute_put(html, names[i][1], string_of(v));
    }
    return st < 0 ? st : wit_buf_append_cstr(html, ">\n");
}

static int metas_put(struct wit_buf *html, const struct wit_json *metas) {
    static const char *const names[][2] = { { "name", "name" },
                                            { "property", "property" },
                                            { "content", "content" } };
    int st = 0;
    for (size_t i = 0; metas && i < wit_json_size(metas) && st >= 0; i++)
        st = tag_put(html, "meta", wit_json_at(metas, i), names, WIT_COUNT_OF(names));
    return st;
}

static bool has_words(const struct wit_json *link) {
    return string_of(MEMBER(link, "alt")).len || string_of(MEMBER(link, "title")).len;
}

static int images_put(struct wit_buf *html, const struct wit_json *links) {
    static const char *const names[][2] = { { "url", "src" },
                                            { "alt", "alt" },
                                            { "title", "title" } };
    int st = 0;
    for (size_t i = 0; links && i < wit_json_size(links) && st >= 0; i++) {
        const struct wit_json *link = wit_json_at(links, i);
        if (wit_str_eq(string_of(MEMBER(link, "path")), WIT_STR("IMG@/src")) && has_words(link))
            st = tag_put(html, "img", link, names, WIT_COUNT_OF(names));
    }
    return st;
}

/* Licence links, of the head and of the body. As a link element, which leads nowhere else. */
static int licenses_put(struct wit_buf *html, const struct wit_json *links) {
    static const char *const names[][2] = { { "url", "href" }, { "rel", "rel" } };
    int st = 0;
    for (size_t i = 0; links && i < wit_json_size(links) && st >= 0; i++) {
        const struct wit_json *link = wit_json_at(links, i);
        if (wit_str_find(string_of(MEMBER(link, "rel")), WIT_STR("license"), 0) >= 0)
            st = tag_put(html, "link", link, names, WIT_COUNT_OF(names));
    }
    return st;
}

/* The base first: it holds for all of the page in a browser too, as it stands in the head. */
static int page_put(struct wit_buf *html, const struct wit_json *page) {
    static const char *const base[][2] = { { "Base", "href" } };
    const struct wit_json *head = MEMBER(page, "Head"), *links = MEMBER(page, "Links");
    const struct wit_json *metas = MEMBER(head, "Metas");
    int st = 0;
    if (string_of(MEMBER(head, "Base")).len)
        st = tag_put(html, "base", head, base, WIT_COUNT_OF(base));
    if (st >= 0)
        st = metas_put(html, metas);
    if (st >= 0)
        st = licenses_put(html, MEMBER(head, "Link"));
    if (st >= 0)
        st = licenses_put(html, links);
    return st < 0 ? st : images_put(html, links);
}

/* ---- the record ----------------------------------------------------------------------------- */

/* "200", or 200. */
static int status_of(const struct wit_json *response) {
    const struct wit_json *v = MEMBER(response, "Response-Message", "Status");
    struct wit_str text = string_of(v);
    uint64_t from_text = 0;
    int64_t number = 0;
    if (text.len && wit_str_to_u64(text, &from_text) == 0 && from_text < 1000)
        number = (int64_t)from_text;
    else
        wit_json_int(v, &number);
    return number >= 100 && number < 1000 ? (int)number : 0;
}

static int response_read(struct warc_wat *w, const struct wit_json *response) {
    const struct wit_json *page = MEMBER(response, "HTML-Metadata");
    int status = status_of(response);
    if (status != 200) {
        snprintf(w->status_reason, sizeof w->status_reason, "http_%d", status);
        w->reason = status ? w->status_reason : "bad_response";
        return 0;
    }
    if (!page) {
        w->reason = "not_html";
        return 0;
    }
    int st = headers_put(w, MEMBER(response, "Headers"));
    return st < 0 ? st : page_put(&w->html, page);
}

static int envelope_read(struct warc_wat *w, const struct wit_json *envelope) {
    const struct wit_json *about = MEMBER(envelope, "WARC-Header-Metadata");
    struct wit_str type = string_of(MEMBER(about, "WARC-Type"));
    bool revisit = wit_str_eq(type, WIT_STR("revisit"));
    if (!revisit && !wit_str_eq(type, WIT_STR("response")))
        return 0;
    int st = wit_buf_append_str(&w->url, string_of(MEMBER(about, "WARC-Target-URI")));
    if (revisit)
        w->reason = "revisit";
    else if (st >= 0)
        st = response_read(w, MEMBER(envelope, "Payload-Metadata", "HTTP-Response-Metadata"));
    return st < 0 ? st : 1;
}

int warc_wat_read(struct warc_wat *w, struct wit_str json, struct wit_error *err) {
    struct wit_json *root = NULL;
    wit_buf_reset(&w->url);
    wit_buf_reset(&w->headers);
    wit_buf_reset(&w->html);
    w->reason = NULL;
    /* The parser's own sentence would quote the record, onto whatever terminal reads it. */
    int st = wit_json_parse(json, "WAT record", &root, NULL);
    const char *what = st == WIT_EFORMAT ? "is no JSON" : "is too large for memory";
    if (st >= 0) {
        const struct wit_json *envelope = MEMBER(root, "Envelope");
        st = envelope ? envelope_read(w, envelope) : WIT_EFORMAT;
        what = st == WIT_EFORMAT ? "has no Envelope" : "is too large";
    }
    wit_json_destroy(root);
    return st < 0 ? wit_error_set(err, st, "the WAT record %s", what) : st;
}
