/* fuzz_tdmrep.c: any bytes are a tdmrep.json or none. The first line is a path, the rest the file.
 */
#include "wit_crawler_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_str text = wit_str_of(data, size), path;
    ptrdiff_t end = wit_str_find_byte(text, '\n', 0);
    struct wit_crawler_tdmrep *t = NULL;
    if (end < 0 || size > 65536)
        return 0;
    path = wit_str_slice(text, 0, (size_t)end);
    text = wit_str_slice(text, (size_t)end + 1, size);
    int st = wit_crawler_tdmrep_parse(text.data, text.len, &t, NULL);
    must((st == 0) == (t != NULL) && (st == 0 || st == WIT_EFORMAT));
    if (st < 0)
        return 0;
    struct wit_buf raw = WIT_BUF_INIT(65536);
    unsigned said = wit_crawler_tdmrep_of(t, path, &raw);
    must(said == 0 || said == WIT_CRAWLER_TDM_RESERVED || said == WIT_CRAWLER_TDM_OPEN);
    must(said == wit_crawler_tdmrep_of(t, path, NULL));
    size_t lines = 0;
    for (size_t i = 0; i < raw.len; i++)
        lines += raw.data[i] == '\n';
    must(lines <= 2); /* what is kept stays a line each */
    wit_buf_finish(&raw);
    wit_crawler_tdmrep_destroy(t);
    return 0;
}
