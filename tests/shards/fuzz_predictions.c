/* fuzz_predictions.c: CSV and JSON lines with any bytes in them. */
#include "predictions.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct predictions p = { NULL, 0 };
    struct wit_error err = WIT_ERROR_INIT;
    FILE *f = size ? fmemopen((void *)data, size, "r") : NULL;
    if (!f)
        return 0;
    int st = predictions_read(f, "fuzz", &p, &err);
    if ((st < 0 && (!err.text[0] || p.count)) || (st == 0 && p.count == 0))
        abort();
    for (size_t i = 0; i < p.count; i++)
        if (!p.items[i].name[0] || p.items[i].line == 0)
            abort();
    predictions_finish(&p);
    fclose(f);
    return 0;
}
