/*
 * fuzz_html.c: a page cut into pieces gives the same tokens and the same pairs, links and rights as
 * the whole page, and by every fast path the same as by the machine alone. The first byte of the
 * input chooses encoding and ceiling, the second the pieces, the third the tokenizer's first state;
 * the page follows.
 */
#include "html_extract.h"
#include "html_pages.h"
#include "html_tokens.h"

#include <stdlib.h>

enum { HEAD_BYTES = 3, SIZE_MOST = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sizes of pieces: all of one length, or mixed. */
struct cuts {
    uint8_t choice;
    uint32_t n;
};

static size_t next_piece(void *user) {
    struct cuts *c = user;
    c->n = c->n * 1664525u + 1013904223u;
    return c->choice < 128 ? 1u + c->choice : c->n >> 27;
}

static void tokens_of(const uint8_t *head, struct wit_str html, const struct html_skim *skim,
                      bool cut, struct html_tokens *out) {
    struct cuts cuts = { head[1], 0 };
    html_tokens_init(out);
    size_t ceiling = head[0] & 1 ? HTML_TOKEN_LEAST_BYTES : 1 << 20;
    struct html_tokenizer *t = html_tokenizer_create(ceiling, html_tokens_take, out);
    if (!t)
        abort();
    html_tokenizer_use(t, skim);
    html_tokenizer_set_text(t, (enum html_text_mode)(head[2] % (HTML_MODE_CDATA + 1)),
                            WIT_STR("script"));
    html_tokens_feed(t, html, cut ? next_piece : NULL, &cuts);
    html_tokens_end(out);
    html_tokenizer_destroy(t);
}

static void check_tokens(const uint8_t *head, struct wit_str html) {
    struct html_tokens want, got;
    tokens_of(head, html, &html_skim_none, false, &want);
    for (size_t k = 0; html_skims_all[k]; k++)
        for (int cut = 0; cut < 2 && html_skims_all[k]->usable(); cut++) {
            tokens_of(head, html, html_skims_all[k], cut, &got);
            if (!wit_str_eq(wit_buf_view(&want.lines), wit_buf_view(&got.lines)))
                abort();
            html_tokens_finish(&got);
        }
    html_tokens_finish(&want);
}

static void check_page(const uint8_t *head, struct wit_str html) {
    static const char *const labels[] = { "",     "utf-8", "windows-1252", "utf-16le",
                                          "big5", "gbk",   "iso-2022-jp",  "shift_jis" };
    const struct wit_crawler_page_source from = {
        .url = WIT_STR("http://example.com/dir/page.html"),
        .charset = wit_str_from(labels[(head[0] >> 1) % WIT_COUNT_OF(labels)]),
        .agent = WIT_STR("witbot"),
    };
    struct wit_crawler_page page;
    struct wit_buf want = WIT_BUF_INIT(HTML_PAGES_MAX_BYTES), got = want;
    struct wit_crawler_extractor *x = wit_crawler_extractor_create();
    if (!x)
        abort();
    html_extract_use(x, &html_skim_none);
    if (html_pages_extract(x, &from, html, NULL, NULL, &page, NULL) < 0)
        abort();
    html_pages_put_all(&page, &want);
    for (size_t k = 0; html_skims_all[k]; k++)
        for (int cut = 0; cut < 2 && html_skims_all[k]->usable(); cut++) {
            struct cuts cuts = { head[1], 0 };
            html_extract_use(x, html_skims_all[k]);
            if (html_pages_extract(x, &from, html, cut ? next_piece : NULL, &cuts, &page, NULL) < 0)
                abort();
            wit_buf_reset(&got);
            html_pages_put_all(&page, &got);
            if (!wit_str_eq(wit_buf_view(&want), wit_buf_view(&got)))
                abort();
        }
    wit_crawler_extractor_destroy(x);
    wit_buf_finish(&want);
    wit_buf_finish(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD_BYTES || size > SIZE_MOST)
        return 0;
    struct wit_str html = wit_str_of(data + HEAD_BYTES, size - HEAD_BYTES);
    check_tokens(data, html);
    check_page(data, html);
    return 0;
}
