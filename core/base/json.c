/* json.c: jansson behind wit's own names. Strings keep embedded NULs. */
#include "wit_base.h"

#include <jansson.h>
#include <stdlib.h>

static const json_t *to_jansson(const struct wit_json *v) {
    return (const json_t *)v;
}

static const struct wit_json *from_jansson(const json_t *v) {
    return (const struct wit_json *)v;
}

int wit_json_parse(struct wit_str text, const char *name, struct wit_json **out,
                   struct wit_error *err) {
    json_error_t why;
    json_t *root = json_loadb(text.data ? text.data : "", text.len,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        /* A fault in the text always has words; jansson has none where it found no memory. */
        if (json_error_code(&why) == json_error_out_of_memory || why.text[0] == '\0')
            return wit_error_set(err, WIT_ENOMEM, "no memory to read %s", name);
        return wit_error_set(err, WIT_EFORMAT, "%s:%d:%d: %s", name, why.line, why.column,
                             why.text);
    }
    *out = (struct wit_json *)root;
    return 0;
}

int wit_json_load(const char *path, size_t max_bytes, struct wit_json **out,
                  struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(max_bytes);
    int st = wit_file_read(path, &text, err);
    if (st >= 0)
        st = wit_json_parse(wit_buf_view(&text), path, out, err);
    wit_buf_finish(&text);
    return st;
}

void wit_json_destroy(struct wit_json *root) {
    json_decref((json_t *)root);
}

enum wit_json_type wit_json_type_of(const struct wit_json *v) {
    switch (v ? json_typeof(to_jansson(v)) : JSON_NULL) {
    case JSON_OBJECT:
        return WIT_JSON_OBJECT;
    case JSON_ARRAY:
        return WIT_JSON_ARRAY;
    case JSON_STRING:
        return WIT_JSON_STRING;
    case JSON_INTEGER:
        return WIT_JSON_INT;
    case JSON_REAL:
        return WIT_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return WIT_JSON_BOOL;
    default:
        return WIT_JSON_NULL;
    }
}

size_t wit_json_size(const struct wit_json *v) {
    const json_t *j = to_jansson(v);
    return json_is_array(j) ? json_array_size(j) : json_object_size(j);
}

const struct wit_json *wit_json_at(const struct wit_json *array, size_t index) {
    return from_jansson(json_array_get(to_jansson(array), index));
}

const struct wit_json *wit_json_get(const struct wit_json *object, const char *key) {
    return from_jansson(json_object_get(to_jansson(object), key));
}

/* jansson's iteration takes a mutable object and does not change it. */
void *wit_json_first(const struct wit_json *object) {
    return json_object_iter((json_t *)(uintptr_t)object);
}

void *wit_json_next(const struct wit_json *object, void *iter) {
    return json_object_iter_next((json_t *)(uintptr_t)object, iter);
}

const char *wit_json_iter_key(void *iter) {
    return json_object_iter_key(iter);
}

const struct wit_json *wit_json_iter_value(void *iter) {
    return from_jansson(json_object_iter_value(iter));
}

int wit_json_string(const struct wit_json *v, struct wit_str *out) {
    const json_t *j = to_jansson(v);
    if (!json_is_string(j))
        return WIT_EFORMAT;
    *out = wit_str_of(json_string_value(j), json_string_length(j));
    return 0;
}

int wit_json_int(const struct wit_json *v, int64_t *out) {
    const json_t *j = to_jansson(v);
    if (!json_is_integer(j))
        return WIT_EFORMAT;
    *out = json_integer_value(j);
    return 0;
}

int wit_json_number(const struct wit_json *v, double *out) {
    const json_t *j = to_jansson(v);
    if (!json_is_number(j))
        return WIT_EFORMAT;
    *out = json_number_value(j);
    return 0;
}

int wit_json_bool(const struct wit_json *v, bool *out) {
    const json_t *j = to_jansson(v);
    if (!json_is_boolean(j))
        return WIT_EFORMAT;
    *out = json_is_true(j);
    return 0;
}
