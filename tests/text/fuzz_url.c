/* fuzz_url.c: whatever parses keeps what holds of URLs; a failure changes nothing; a URL may be its
 * own base. The first byte chooses the document's encoding, a line follows that is the base, then
 * the reference. */
#include "url_properties.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const charsets[] = { "",        "windows-1252", "shift_jis", "gbk",
                                        "gb18030", "iso-2022-jp",  "euc-kr",    "big5",
                                        "euc-jp",  "utf-16le",     "koi8-u",    "x-user-defined" };

static void must(bool holds) {
    if (!holds)
        abort();
}

/* The reference against the base, in a URL of its own and in place. */
static void check_reference(const struct wit_url *base, struct wit_str reference,
                            const struct wit_charset *charset) {
    struct wit_url url = WIT_URL_INIT, place = WIT_URL_INIT;
    struct wit_error err = WIT_ERROR_INIT;
    must(wit_url_copy(&place, base) == 0);
    int st = wit_url_parse_from(&url, reference, base, charset, &err);
    must(st == 0 || (st == err.status && err.text[0] && !wit_url_href(&url).len));
    must(wit_url_parse_from(&place, reference, &place, charset, NULL) == st);
    must(wit_str_eq(wit_url_href(&place), wit_url_href(st == 0 ? &url : base)));
    if (st == 0) {
        must(!url_fault(&url));
        must(wit_url_remove_fragment(&url) == 0 && !url_fault(&url));
    }
    wit_url_finish(&url);
    wit_url_finish(&place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_url base = WIT_URL_INIT;
    if (size == 0)
        return 0;
    struct wit_str all = wit_str_of(data, size);
    ptrdiff_t line = wit_str_find_byte(all, '\n', 1);
    size_t base_end = line < 0 ? size : (size_t)line;
    const struct wit_charset *charset =
        wit_charset_find(wit_str_from(charsets[data[0] % WIT_COUNT_OF(charsets)]));
    if (wit_url_parse(&base, wit_str_slice(all, 1, base_end), NULL, NULL) == 0)
        must(!url_fault(&base));
    check_reference(&base, wit_str_slice(all, line < 0 ? size : base_end + 1, size), charset);
    wit_url_finish(&base);
    return 0;
}
