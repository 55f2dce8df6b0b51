/* html_pages.c: see html_pages.h. */
#include "html_pages.h"

#include <stdlib.h>

int html_pages_extract(struct wit_crawler_extractor *x, const struct wit_crawler_page_source *from,
                       struct wit_str html, size_t (*next)(void *user), void *user,
                       struct wit_crawler_page *out, struct wit_error *err) {
    int st = wit_crawler_extractor_begin(x, from, err);
    for (size_t at = 0; at < html.len && st == 0;) {
        size_t piece = next ? next(user) : html.len;
        if (piece > html.len - at)
            piece = html.len - at;
        char *copy = malloc(piece ? piece : 1);
        if (!copy)
            abort();
        memcpy(copy, html.data + at, piece);
        st = wit_crawler_extractor_feed(x, wit_str_of(copy, piece), err);
        free(copy);
        at += piece;
    }
    return st == 0 ? wit_crawler_extractor_end(x, out, err) : st;
}

/* Words with '|' between them. */
static void put_line(struct wit_buf *out, const struct wit_str *words, size_t count) {
    int st = 0;
    for (size_t i = 0; i < count && st == 0; i++) {
        st = i ? wit_buf_append_byte(out, '|') : 0;
        if (st == 0)
            st = wit_buf_append_str(out, words[i]);
    }
    if (st < 0 || wit_buf_append_byte(out, '\n') < 0)
        abort();
}

void html_pages_put_pairs(const struct wit_crawler_page *page, struct wit_buf *out) {
    for (size_t i = 0; i < page->pair_count; i++) {
        const struct wit_crawler_pair *p = &page->pairs[i];
        put_line(out,
                 (struct wit_str[]){ wit_str_from(wit_shards_source_name(p->source)), p->url,
                                     p->text, p->page, p->license },
                 p->license.len ? 5 : p->page.len ? 4 : 3);
    }
}

void html_pages_put_links(const struct wit_crawler_page *page, struct wit_buf *out) {
    for (size_t i = 0; i < page->link_count; i++) {
        const struct wit_crawler_link *l = &page->links[i];
        put_line(out, (struct wit_str[]){ l->url, WIT_STR("nofollow") }, l->nofollow ? 2 : 1);
    }
}

void html_pages_put_rights(const struct wit_crawler_page *page, struct wit_buf *out) {
    for (size_t i = 0; i < page->license_count; i++)
        put_line(out, (struct wit_str[]){ WIT_STR("license"), page->licenses[i] }, 2);
    for (size_t i = 0; i < page->signal_count; i++)
        put_line(out, (struct wit_str[]){ page->signals[i].name, page->signals[i].content }, 2);
    if (wit_buf_printf(out, "directives %x\n", page->directives) < 0)
        abort();
}

void html_pages_put_all(const struct wit_crawler_page *page, struct wit_buf *out) {
    html_pages_put_pairs(page, out);
    html_pages_put_links(page, out);
    html_pages_put_rights(page, out);
    if (wit_buf_printf(out, "base %.*s\ncharset %s\nimages %llu\ntruncated %d\nindex %d\n",
                       WIT_STR_FMT(page->base), page->charset, (unsigned long long)page->images,
                       page->truncated, page->is_index) < 0)
        abort();
}
