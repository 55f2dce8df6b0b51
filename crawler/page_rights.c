/* page_rights.c: see page_rights.h. */
#include "page_rights.h"

#include <assert.h>
#include <inttypes.h>

enum {
    PAIR_MOST_BYTES = 2048,    /* so much a candidate carries, */
    PAIR_LEAST_BYTES = 256,    /* and so much in any case */
    PAGE_MOST_BYTES = 4 << 20, /* all candidates of a page, where that leaves them enough */
    LINES_MOST = 64,           /* looked at, of each kind */
    LEFT_OUT_BYTES = 32        /* of the line that says how many found no room */
};

static_assert(PAIR_MOST_BYTES <= WIT_SHARDS_MAX_RIGHTS_BYTES, "what the collector takes");

void page_rights_init(struct page_rights *r) {
    *r = (struct page_rights){ .page = WIT_BUF_INIT(PAIR_MOST_BYTES),
                               .pair = WIT_BUF_INIT(PAIR_MOST_BYTES) };
}

void page_rights_finish(struct page_rights *r) {
    wit_buf_finish(&r->page);
    wit_buf_finish(&r->pair);
}

/* Is "name: value" a line of text already? */
static bool has_line(struct wit_str text, struct wit_str name, struct wit_str value) {
    struct wit_str line;
    for (size_t at = 0; wit_str_line_next(text, &at, &line);)
        if (line.len == name.len + 2 + value.len && wit_str_starts_with(line, name) &&
            wit_str_eq(wit_str_slice(line, name.len + 2, line.len), value))
            return true;
    return false;
}

/* A line more, if it is new and has room. */
static int line_put(struct page_rights *r, struct wit_buf *out, struct wit_str name,
                    struct wit_str value, uint64_t *left_out) {
    if (has_line(wit_buf_view(out), name, value))
        return 0;
    if (name.len + value.len + 3 + out->len + LEFT_OUT_BYTES > r->most_bytes) {
        ++*left_out;
        return 0;
    }
    return wit_buf_printf(out, "%.*s: %.*s\n", WIT_STR_FMT(name), WIT_STR_FMT(value));
}

/* Lines that are some already. */
static int lines_put(struct page_rights *r, struct wit_buf *out, struct wit_str lines,
                     uint64_t *left_out) {
    struct wit_str line;
    unsigned count = 0;
    int st = 0;
    for (size_t at = 0; st >= 0 && wit_str_line_next(lines, &at, &line);) {
        ptrdiff_t colon = wit_str_find(line, WIT_STR(": "), 0);
        if (colon < 0)
            continue;
        if (++count > LINES_MOST)
            ++*left_out;
        else
            st = line_put(r, out, wit_str_slice(line, 0, (size_t)colon),
                          wit_str_slice(line, (size_t)colon + 2, line.len), left_out);
    }
    return st;
}

static int signals_put(struct page_rights *r, const struct wit_crawler_page *page) {
    struct wit_buf name = WIT_BUF_INIT(PAIR_MOST_BYTES);
    size_t count = page->signal_count < LINES_MOST ? page->signal_count : LINES_MOST;
    int st = 0;
    for (size_t i = 0; i < count && st >= 0; i++) {
        wit_buf_reset(&name);
        st = wit_buf_printf(&name, "meta.%.*s", WIT_STR_FMT(page->signals[i].name));
        for (size_t k = 0; st >= 0 && k < name.len; k++)
            if (name.data[k] >= 'A' && name.data[k] <= 'Z')
                name.data[k] |= 0x20;
        if (st >= 0)
            st = line_put(r, &r->page, wit_buf_view(&name), page->signals[i].content, &r->left_out);
    }
    r->left_out += page->signal_count - count;
    wit_buf_finish(&name);
    return st;
}

static int licenses_put(struct page_rights *r, const struct wit_crawler_page *page) {
    size_t count = page->license_count < LINES_MOST ? page->license_count : LINES_MOST;
    int st = 0;
    for (size_t i = 0; i < count && st >= 0; i++)
        st = line_put(r, &r->page, WIT_STR("page.license"), page->licenses[i], &r->left_out);
    r->left_out += page->license_count - count;
    return st;
}

int page_rights_begin(struct page_rights *r, struct wit_str seen,
                      enum wit_crawler_document document, const struct wit_crawler_page *page) {
    size_t share = page->pair_count ? PAGE_MOST_BYTES / page->pair_count : PAIR_MOST_BYTES;
    r->most_bytes = share > PAIR_MOST_BYTES    ? PAIR_MOST_BYTES
                    : share < PAIR_LEAST_BYTES ? PAIR_LEAST_BYTES
                                               : share;
    r->left_out = 0;
    wit_buf_reset(&r->page);
    int st = lines_put(r, &r->page, seen, &r->left_out);
    if (st >= 0)
        st = signals_put(r, page);
    if (st >= 0 && document == WIT_CRAWLER_HTML)
        st = licenses_put(r, page);
    return st < 0 ? WIT_ENOMEM : 0;
}

int page_rights_of(struct page_rights *r, const struct wit_crawler_pair *pair,
                   struct wit_str *out) {
    uint64_t left_out = r->left_out;
    int st = 0;
    wit_buf_reset(&r->pair);
    /* The image's own first: what is said of it is worth more than what holds for its page. */
    if (pair->license.len)
        st = line_put(r, &r->pair, WIT_STR("image.license"), pair->license, &left_out);
    if (st >= 0)
        st = lines_put(r, &r->pair, wit_buf_view(&r->page), &left_out);
    if (st >= 0 && left_out)
        st = wit_buf_printf(&r->pair, "left-out: %" PRIu64 "\n", left_out);
    if (st < 0)
        return WIT_ENOMEM;
    *out = wit_buf_view(&r->pair);
    return 0;
}
