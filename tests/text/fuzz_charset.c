/* fuzz_charset.c: a stream decodes to the same text however it is cut, the text is valid UTF-8, and
 * markup stays what it was where an encoding keeps it; labels, byte order marks and character
 * references of any bytes. The first byte chooses the encoding, the second the cuts. */
#include "text/charset_table.h"
#include "text/wit_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MOST = 16 * 1024 };

static void must(bool holds) {
    if (!holds)
        abort();
}

static size_t count_of(struct wit_str s, char c) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.data[i] == c;
    return n;
}

static void check_markup(const struct wit_charset *c, struct wit_str in, struct wit_str text) {
    static const char marks[] = "<>\"'&=/ \t\n\f\r";
    for (size_t i = 0; i < sizeof marks - 1 && wit_charset_keeps_markup(c); i++)
        must(count_of(in, marks[i]) == count_of(text, marks[i]));
}

/* What is decoded fits in three bytes for each byte of input and a last U+FFFD. */
static void check_decoding(const struct wit_charset *c, struct wit_str in, uint64_t cuts) {
    struct wit_charset_decoder *d = NULL;
    struct wit_buf whole = WIT_BUF_INIT(4 * SIZE_MOST), pieces = WIT_BUF_INIT(4 * SIZE_MOST);
    struct wit_random rng;
    wit_random_init(&rng, cuts, 0, 0);
    must(wit_charset_decoder_create(c, &d, NULL) == 0);
    must(wit_charset_decode(d, in, true, &whole) == 0);
    for (size_t at = 0, end; at < in.len; at = end) {
        end = at + (size_t)wit_random_below(&rng, 8);
        end = end < in.len ? end : in.len;
        must(wit_charset_decode(d, wit_str_slice(in, at, end), end == in.len, &pieces) == 0);
    }
    must(wit_str_eq(wit_buf_view(&whole), wit_buf_view(&pieces)));
    must(wit_utf8_valid(wit_buf_view(&whole)));
    check_markup(c, in, wit_buf_view(&whole));
    wit_charset_decoder_destroy(d);
    wit_buf_finish(&whole);
    wit_buf_finish(&pieces);
}

/* Bytes between references pass, and a name is read the same with all that follows or alone. */
static void check_references(struct wit_str in) {
    struct wit_buf out = WIT_BUF_INIT(4 * SIZE_MOST);
    for (int in_attribute = 0; in_attribute < 2; in_attribute++) {
        wit_buf_reset(&out);
        must(wit_charref_decode(in, in_attribute, &out) == 0);
        must(wit_str_find_byte(in, '&', 0) >= 0 || wit_str_eq(wit_buf_view(&out), in));
        must(!wit_utf8_valid(in) || wit_utf8_valid(wit_buf_view(&out)));
    }
    wit_buf_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > SIZE_MOST)
        return 0;
    struct wit_str in = wit_str_of(data + 2, size - 2);
    size_t bom_bytes = 0;
    const struct wit_charset *marked = wit_charset_from_bom(in, &bom_bytes);
    must(!marked == (bom_bytes == 0) && bom_bytes <= in.len);
    (void)wit_charset_find(in);
    check_decoding(&charset_all[data[0] % CHARSET_COUNT], in, data[1]);
    check_references(in);
    return 0;
}
