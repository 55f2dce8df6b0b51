/* fuzz_allowlist.c: any bytes are a text list, a JSON list or a sentence; every entry of a loaded
 * list has a text that it matches unless it is dead, empty or out of place. The first byte chooses
 * the file's name. */
#include "filter_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What somebody wrote to match the entry: its marks come with a space on both sides, so the text
 * has one less there ("a ," is in "a,"). */
static void text_for(struct wit_str entry, struct wit_buf *text) {
    wit_buf_reset(text);
    for (size_t i = 0; i < entry.len; i++) {
        bool before = i + 1 < entry.len && filter_is_mark((unsigned char)entry.data[i + 1]);
        bool behind = i && filter_is_mark((unsigned char)entry.data[i - 1]);
        bool brought = entry.data[i] == ' ' && (before || behind);
        if (!brought && wit_buf_append_byte(text, entry.data[i]) < 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_filter_allowlist *list = NULL;
    struct wit_filter_matcher *m = NULL;
    struct wit_filter_allowlist_stat stat;
    struct wit_error err = WIT_ERROR_INIT;
    if (size == 0)
        return 0;
    struct wit_str bytes = wit_str_of(data + 1, size - 1);
    if (wit_filter_allowlist_parse(bytes, data[0] & 1 ? "x.json" : "x", &list, &err) < 0) {
        if (!err.text[0])
            abort();
        return 0;
    }
    wit_filter_allowlist_stat(list, &stat);
    if (wit_filter_matcher_create(list, &m, NULL) < 0)
        abort();
    struct wit_buf text = WIT_BUF_INIT(WIT_FILTER_ENTRY_MAX_BYTES);
    uint64_t found = 0;
    for (uint32_t id = 0; id < stat.entries; id++) {
        const uint32_t *ids;
        size_t n;
        text_for(wit_filter_allowlist_entry(list, id), &text);
        if (wit_filter_match(m, wit_buf_view(&text), &ids, &n, NULL) < 0)
            abort();
        for (size_t i = 0; i < n; i++)
            found += ids[i] == id;
    }
    if (found + stat.empty + stat.dead != stat.entries)
        abort();
    wit_buf_finish(&text);
    wit_filter_matcher_destroy(m);
    wit_filter_allowlist_destroy(list);
    return 0;
}
