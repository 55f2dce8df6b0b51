/* fuzz_compiled.c: a compiled list from a stranger. Its hashes would stop every mutation at the
 * door, so they are made right first. What is then believed has to match texts without harm. */
#include "filter_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match(const struct wit_filter_allowlist *list, struct wit_str text) {
    struct wit_filter_matcher *m = NULL;
    const uint32_t *ids;
    size_t n;
    if (wit_filter_matcher_create(list, &m, NULL) < 0 ||
        wit_filter_match(m, text, &ids, &n, NULL) < 0)
        abort();
    for (size_t i = 0; i < n; i++)
        if (wit_filter_allowlist_entry(list, ids[i]).len > WIT_FILTER_ENTRY_MAX_BYTES)
            abort();
    wit_filter_matcher_destroy(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_filter_allowlist *list = NULL;
    struct wit_filter_allowlist_stat stat;
    struct wit_error err = WIT_ERROR_INIT;
    uint8_t *file = malloc(size + 1);
    if (!file)
        return 0;
    if (size)
        memcpy(file, data, size);
    if (size >= 128) {
        wit_hash128_to_bytes(wit_hash128_of(file + 128, size - 128), file + 64);
        wit_store_le64(file + 56, size);
        wit_store_le64(file + 120, wit_hash64_of(file, 120, 0));
    }
    if (filter_compiled_parse(wit_str_of(file, size), "x", &list, &err) < 0) {
        if (!err.text[0])
            abort();
    } else {
        wit_filter_allowlist_stat(list, &stat);
        match(list, WIT_STR("a black cat, New York; internationalisation of  the cat"));
        match(list, wit_str_of(file, size));
        for (uint32_t id = 0; id < stat.entries; id++)
            match(list, wit_filter_allowlist_entry(list, id));
        wit_filter_allowlist_destroy(list);
    }
    free(file);
    return 0;
}
