/* fuzz_captions.c: lines of captions, as JSON and as columns: what is read of a column lies in its
 * line and holds no tab. */
#include "caption_lines.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void column_check(const struct caption *c, struct wit_str s) {
    if (s.data < c->line.data || s.data + s.len > c->line.data + c->line.len ||
        wit_str_find_byte(s, '\t', 0) >= 0)
        abort();
}

static int on_caption(void *user, const struct caption *c, struct wit_error *err) {
    const struct captions *in = user;
    volatile char sum = 0;
    for (size_t i = 0; i < c->text.len; i++)
        sum = (char)(sum + c->text.data[i]);
    if (!in->format.tsv)
        return 0;
    column_check(c, c->text);
    if (c->has_url)
        column_check(c, c->url);
    if (c->has_page)
        column_check(c, c->page);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_error err = WIT_ERROR_INIT;
    if (size < 2)
        return 0;
    const bool tsv = data[0] & 1;
    struct captions in = { .command = "fuzz",
                           .name = "in",
                           .format = { .tsv = tsv,
                                       .text_column = tsv ? 1 + (data[0] >> 1) % 4 : 0,
                                       .url_column = tsv ? (data[0] >> 3) % 4 : 0,
                                       .page_column = tsv ? (data[0] >> 5) % 4 : 0 },
                           .bad = 1000 /* no sentences */ };
    FILE *f = fmemopen((void *)(data + 1), size - 1, "r");
    if (!f)
        return 0;
    if (captions_each(&in, f, on_caption, NULL, &in, &err) > 0)
        abort();
    fclose(f);
    return 0;
}
