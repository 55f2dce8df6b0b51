/* fuzz_usage.c: any bytes are a Content-Usage and a Content-Signal value. A dictionary that parses
 * says the same with spaces around its commas, and what is added behind it can't undo its n unless
 * it repeats the key. */
#include "wit_crawler_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MOST = 4096 };

static void must(bool holds) {
    if (!holds)
        abort();
}

static unsigned with(struct wit_str value, const char *before, const char *behind) {
    struct wit_buf b = WIT_BUF_INIT(SIZE_MOST + 64);
    must(wit_buf_append_cstr(&b, before) == 0 && wit_buf_append_str(&b, value) == 0 &&
         wit_buf_append_cstr(&b, behind) == 0);
    unsigned directives = wit_crawler_content_usage_parse(wit_buf_view(&b));
    wit_buf_finish(&b);
    return directives;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > SIZE_MOST)
        return 0;
    struct wit_str value = wit_str_of(data, size);
    unsigned usage = wit_crawler_content_usage_parse(value);
    must(usage == 0 || usage == WIT_CRAWLER_USAGE_RESERVED);
    if (usage) {
        must(with(value, " ", " ") == usage);
        must(with(value, "search=y,", "") == usage);
        must(with(value, "", " , search=y;a") == usage);
        must(with(value, "", ",") == 0);
        must(with(value, "X", "") == 0);
    }
    unsigned signal = wit_crawler_content_signal_parse(value);
    must(signal == 0 || signal == WIT_CRAWLER_SIGNAL_RESERVED);
    return 0;
}
