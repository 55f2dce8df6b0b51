/* fuzz_vocab.c: any bytes as a vocabulary file are read or refused with a sentence. */
#include "wit_loader_tokenizer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_loader_tokenizer *tok = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    int st = wit_loader_tokenizer_parse(wit_str_of(data, size), "fuzz", &tok, &err);
    if (st < 0 ? tok != NULL || err.text[0] == '\0' : tok == NULL)
        abort();
    wit_loader_tokenizer_destroy(tok);
    return 0;
}
