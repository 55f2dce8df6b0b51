/* fuzz_json.c: what parses is written and parsed again to the same text. */
#include "base/wit_base.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(struct wit_json_writer *w, const struct wit_json *v) {
    struct wit_str text;
    int64_t i;
    double d;
    bool b;
    switch (wit_json_type_of(v)) {
    case WIT_JSON_OBJECT:
        wit_json_object_begin(w);
        for (void *it = wit_json_first(v); it; it = wit_json_next(v, it)) {
            wit_json_key(w, wit_json_iter_key(it));
            rewrite(w, wit_json_iter_value(it));
        }
        wit_json_object_end(w);
        break;
    case WIT_JSON_ARRAY:
        wit_json_array_begin(w);
        for (size_t n = 0; n < wit_json_size(v); n++)
            rewrite(w, wit_json_at(v, n));
        wit_json_array_end(w);
        break;
    case WIT_JSON_STRING:
        wit_json_string(v, &text);
        wit_json_put_str(w, text);
        break;
    case WIT_JSON_INT:
        wit_json_int(v, &i);
        wit_json_put_int(w, i);
        break;
    case WIT_JSON_REAL:
        wit_json_number(v, &d);
        wit_json_put_double(w, d);
        break;
    case WIT_JSON_BOOL:
        wit_json_bool(v, &b);
        wit_json_put_bool(w, b);
        break;
    default:
        wit_json_put_null(w);
    }
}

static void write_out(const struct wit_json *root, struct wit_buf *out) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    rewrite(&w, root);
    if (wit_json_writer_finish(&w) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_json *first = NULL, *second = NULL;
    struct wit_buf once = WIT_BUF_INIT(64 << 20), twice = WIT_BUF_INIT(64 << 20);
    if (wit_json_parse(wit_str_of(data, size), "fuzz", &first, NULL) == 0) {
        write_out(first, &once);
        if (wit_json_parse(wit_buf_view(&once), "again", &second, NULL) < 0)
            abort();
        write_out(second, &twice);
        if (!wit_str_eq(wit_buf_view(&once), wit_buf_view(&twice)))
            abort();
    }
    wit_json_destroy(first);
    wit_json_destroy(second);
    wit_buf_finish(&once);
    wit_buf_finish(&twice);
    return 0;
}
