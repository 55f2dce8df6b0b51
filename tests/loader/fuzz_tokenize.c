/* fuzz_tokenize.c: any bytes become ids in range that end with the end id; both ways to merge a
 * word agree. The first byte chooses the context. */
#include "text/wit_text.h"
#include "tokenizer.h"
#include "tokenizer_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        abort();
}

static void check_ids(const int32_t *ids, size_t context, size_t n) {
    size_t used = n < context ? n : context;
    check(n >= 2);
    check(ids[used - 1] == WIT_TOKENIZER_END_ID);
    check(context == 1 || ids[0] == WIT_TOKENIZER_START_ID);
    for (size_t i = 0; i < context; i++)
        check(i < used ? ids[i] >= 0 && ids[i] < WIT_TOKENIZER_IDS : ids[i] == 0);
}

static void check_word(struct wit_loader_tokenizer_scratch *s, const uint8_t *word, size_t len) {
    static uint16_t want[4096];
    if (len == 0 || len > WIT_COUNT_OF(want))
        return;
    int n = tokenizer_bpe_ref(s, word, len);
    check(n > 0);
    memcpy(want, s->symbols, (size_t)n * sizeof(want[0]));
    check(tokenizer_bpe(s, word, len) == n);
    check(memcmp(want, s->symbols, (size_t)n * sizeof(want[0])) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct wit_loader_tokenizer *tok;
    static struct wit_loader_tokenizer_scratch *scratch;
    int32_t ids[256];
    size_t n, context = size ? (size_t)data[0] + 1 : WIT_TOKENIZER_CONTEXT;
    struct wit_str text = size ? wit_str_of(data + 1, size - 1) : WIT_STR("");
    struct wit_str clean;
    if (!tok) {
        tok = made_up_tokenizer();
        check(wit_loader_tokenizer_scratch_create(tok, &scratch, NULL) == 0);
    }
    check(wit_loader_tokenizer_encode(scratch, text, context, ids, &n, NULL) == 0);
    check_ids(ids, context, n);
    check(wit_loader_tokenizer_clean(scratch, text, &clean, NULL) == 0);
    check(wit_utf8_valid(clean));
    check_word(scratch, (const uint8_t *)text.data, text.len);
    return 0;
}
