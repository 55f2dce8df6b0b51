/*
 * tokenizer_testing.h: vocabularies for the tests of the tokenizer.
 *
 * The real one is not in the tree: the tests look for WIT_VOCAB, the checkout's .cache (tools/setup
 * puts it there) and WIT_SHARED, and skip what needs it when it is nowhere. Everything else runs on
 * a made-up one of the same size.
 */
#ifndef TOKENIZER_TESTING_H
#define TOKENIZER_TESTING_H

#include "base/wit_base.h"
#include "wit_loader_tokenizer.h"

#include <stdlib.h>

#define VOCAB_NAME "bpe_simple_vocab_16e6.txt.gz"

/* Path of CLIP's vocabulary into `path`; false when there is none. */
static inline bool find_vocab(char path[WIT_PATH_MAX]) {
    const char *named = getenv("WIT_VOCAB"), *root = getenv("WIT_SOURCE_ROOT");
    const char *shared = getenv("WIT_SHARED");
    if (named) {
        snprintf(path, WIT_PATH_MAX, "%s", named);
        return wit_file_exists(path);
    }
    if (root) {
        snprintf(path, WIT_PATH_MAX, "%s/.cache/" VOCAB_NAME, root);
        if (wit_file_exists(path))
            return true;
    }
    if (shared) {
        snprintf(path, WIT_PATH_MAX, "%s/golden/tokenizer/" VOCAB_NAME, shared);
        if (wit_file_exists(path))
            return true;
    }
    return false;
}

/* The text of a vocabulary of `merges` lines: all pairs of printable ASCII characters, within a
 * word and at its end, then triples. */
static inline int made_up_vocab(struct wit_buf *out, int merges) {
    int st = wit_buf_append_cstr(out, "#version: made up\n");
    for (int i = 0; i < merges && st == 0; i++) {
        enum { FIRST = '!', LETTERS = 94, PAIRS = LETTERS * LETTERS };
        int pair = i % PAIRS, left = FIRST + pair / LETTERS, right = FIRST + pair % LETTERS;
        if (i < PAIRS)
            st = wit_buf_printf(out, "%c %c\n", left, right);
        else if (i < 2 * PAIRS)
            st = wit_buf_printf(out, "%c %c</w>\n", left, right);
        else
            st = wit_buf_printf(out, "%c%c %c\n", left, right, FIRST + (i / PAIRS) * 7 % LETTERS);
    }
    return st;
}

static inline struct wit_loader_tokenizer *made_up_tokenizer(void) {
    struct wit_loader_tokenizer *tok = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(4 << 20);
    if (made_up_vocab(&text, 48894) < 0 ||
        wit_loader_tokenizer_parse(wit_buf_view(&text), "made up", &tok, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    wit_buf_finish(&text);
    return tok;
}

#endif
