/* fuzz_removed.c: a log of what was removed from a stranger. */
#include "removed_set.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The chain of a line that was made up is wrong: put the right one in, so that the rest is looked
 * at too. The other half of the inputs is left as it is. */
static int parse(struct removed_log *log, struct wit_str text) {
    int st = 0;
    if (text.len == 0 || text.data[0] != '!')
        return removed_log_parse(log, text, NULL);
    struct wit_hash128 chain = { 0, 0 };
    struct wit_buf whole = WIT_BUF_INIT((size_t)1 << 22);
    for (size_t at = 1; at < text.len && st >= 0;) {
        ptrdiff_t end = wit_str_find_byte(text, '\n', at);
        size_t to = end < 0 ? text.len : (size_t)end;
        uint8_t both[32];
        char hex[WIT_HASH128_HEX];
        wit_hash128_to_bytes(chain, both);
        wit_hash128_to_bytes(wit_hash128_of(text.data + at, to - at), both + 16);
        chain = wit_hash128_of(both, sizeof both);
        wit_hash128_to_hex(chain, hex);
        st = wit_buf_append(&whole, text.data + at, to - at);
        if (st >= 0)
            st = wit_buf_printf(&whole, ",\"chain\":\"%s\"}\n", hex);
        at = to + 1;
    }
    if (st >= 0)
        st = removed_log_parse(log, wit_buf_view(&whole), NULL);
    wit_buf_finish(&whole);
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct removed_log log;
    struct removed_set set;
    const struct wit_shards_removed_entry more = { .kind = WIT_SHARDS_REMOVED_REQUEST,
                                                   .what = { .reason = WIT_STR("r") } };
    if (removed_log_init(&log, NULL) < 0)
        return 0;
    if (parse(&log, wit_str_of(data, size)) == 0) {
        size_t count = log.count;
        struct removed_log again;
        if (removed_set_make(&log, NULL, &set, NULL) == 0) {
            (void)removed_set_has_url(&set, wit_str_of(data, size));
            (void)removed_set_has_caption(&set, wit_str_of(data, size));
            removed_set_finish(&set);
        }
        /* What was read can be gone on with, and read again. */
        if (removed_log_add(&log, &more, NULL) < 0 || removed_log_init(&again, NULL) < 0)
            abort();
        if (removed_log_parse(&again, wit_buf_view(&log.text), NULL) < 0 ||
            again.count != count + 1)
            abort();
        removed_log_finish(&again);
    }
    removed_log_finish(&log);
    return 0;
}
