/* fuzz_wordnet.c: any bytes give names or a sentence that names a line; names are lower case and
 * hold neither "." nor "_" nor a line's end. */
#include "wit_filter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check_lemma(void *user, struct wit_str lemma) {
    size_t *names = user;
    for (size_t i = 0; i < lemma.len; i++) {
        char c = lemma.data[i];
        if (c == '.' || c == '_' || c == '\n' || (c >= 'A' && c <= 'Z'))
            abort();
    }
    return ++*names > 100000 ? WIT_ELIMIT : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_error err = WIT_ERROR_INIT;
    size_t names = 0;
    int st = wit_filter_wordnet_names(wit_str_of(data, size), "data.x", check_lemma, &names, &err);
    if (st == WIT_EFORMAT && strncmp(err.text, "data.x:", 7) != 0)
        abort();
    return 0;
}
