/* fuzz_wiki_text.c: any bytes as wikitext give text of at most twice their length, which is cut
 * into words that lie in it. The first line names namespaces. */
#include "wiki_text.h"
#include "words.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_str in = wit_str_of(data, size);
    struct wit_buf out = WIT_BUF_INIT((size_t)1 << 28);
    struct wiki_names names = { 0 };
    struct words_list words = { 0 };
    struct words_cutter *c = words_cutter_create();
    ptrdiff_t line = wit_str_find_byte(in, '\n', 0);
    if (c && wiki_names_read(&names, wit_str_slice(in, 0, line < 0 ? 0 : (size_t)line)) >= 0 &&
        wiki_text_append(in, &names, &out) >= 0) {
        if (out.len > 2 * size + 16)
            abort();
        size_t end = 0;
        if (words_cut(c, wit_buf_view(&out), &words) >= 0) {
            for (size_t i = 0; i < words.count; i++) {
                if (words.items[i].at < end || !words.items[i].len ||
                    words.items[i].at + words.items[i].len > out.len)
                    abort();
                end = words.items[i].at + words.items[i].len;
            }
        }
    }
    words_list_finish(&words);
    words_cutter_destroy(c);
    wiki_names_finish(&names);
    wit_buf_finish(&out);
    return 0;
}
