/* json_writer.c: JSON text straight into a buffer, no tree. jansson would build one per line. */
#include "wit_base.h"

#include <math.h>
#include <stdlib.h>

void wit_json_writer_init(struct wit_json_writer *w, struct wit_buf *out) {
    *w = (struct wit_json_writer){ .out = out };
}

int wit_json_writer_finish(struct wit_json_writer *w) {
    return w->status;
}

static void emit(struct wit_json_writer *w, const char *text, size_t len) {
    if (w->status == 0)
        w->status = wit_buf_append(w->out, text, len);
}

static void before_value(struct wit_json_writer *w) {
    if (w->need_comma)
        emit(w, ",", 1);
    w->need_comma = true;
}

static void begin(struct wit_json_writer *w, const char *bracket) {
    before_value(w);
    emit(w, bracket, 1);
    w->depth++;
    w->need_comma = false;
}

static void end(struct wit_json_writer *w, const char *bracket) {
    emit(w, bracket, 1);
    w->depth--;
    w->need_comma = true;
}

void wit_json_object_begin(struct wit_json_writer *w) {
    begin(w, "{");
}

void wit_json_object_end(struct wit_json_writer *w) {
    end(w, "}");
}

void wit_json_array_begin(struct wit_json_writer *w) {
    begin(w, "[");
}

void wit_json_array_end(struct wit_json_writer *w) {
    end(w, "]");
}

/* Length of the well-formed UTF-8 sequence at s (Unicode table 3-7), or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t left) {
    static const struct {
        unsigned char first_least, first_most, second_least, second_most, length;
    } rows[] = {
        { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
        { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
        { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };
    for (size_t r = 0; r < WIT_COUNT_OF(rows); r++) {
        if (s[0] < rows[r].first_least || s[0] > rows[r].first_most)
            continue;
        if (left < rows[r].length || s[1] < rows[r].second_least || s[1] > rows[r].second_most)
            return 0;
        for (size_t i = 2; i < rows[r].length; i++)
            if ((s[i] & 0xC0) != 0x80)
                return 0;
        return rows[r].length;
    }
    return 0;
}

static void emit_escaped(struct wit_json_writer *w, unsigned char c) {
    char text[8];
    switch (c) {
    case '"':
        emit(w, "\\\"", 2);
        return;
    case '\\':
        emit(w, "\\\\", 2);
        return;
    case '\n':
        emit(w, "\\n", 2);
        return;
    case '\r':
        emit(w, "\\r", 2);
        return;
    case '\t':
        emit(w, "\\t", 2);
        return;
    default:
        snprintf(text, sizeof text, "\\u%04x", c);
        emit(w, text, 6);
    }
}

static void emit_string(struct wit_json_writer *w, struct wit_str s) {
    const unsigned char *p = (const unsigned char *)s.data;
    size_t from = 0, i = 0;
    emit(w, "\"", 1);
    while (i < s.len) {
        if (p[i] >= 0x80) {
            size_t len = utf8_sequence(p + i, s.len - i);
            if (len) {
                i += len;
                continue;
            }
            emit(w, s.data + from, i - from);
            emit(w, "\xEF\xBF\xBD", 3);
        } else if (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7F) {
            emit(w, s.data + from, i - from);
            emit_escaped(w, p[i]);
        } else {
            i++;
            continue;
        }
        from = ++i;
    }
    if (s.len > from)
        emit(w, s.data + from, s.len - from);
    emit(w, "\"", 1);
}

void wit_json_key(struct wit_json_writer *w, const char *key) {
    before_value(w);
    emit_string(w, wit_str_from(key));
    emit(w, ":", 1);
    w->need_comma = false;
}

void wit_json_put_raw(struct wit_json_writer *w, struct wit_str json) {
    before_value(w);
    emit(w, json.data, json.len);
}

void wit_json_put_str(struct wit_json_writer *w, struct wit_str s) {
    before_value(w);
    emit_string(w, s);
}

void wit_json_put_cstr(struct wit_json_writer *w, const char *s) {
    if (s)
        wit_json_put_str(w, wit_str_from(s));
    else
        wit_json_put_null(w);
}

static void put_text(struct wit_json_writer *w, const char *text) {
    before_value(w);
    emit(w, text, strlen(text));
}

void wit_json_put_int(struct wit_json_writer *w, int64_t v) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)v);
    put_text(w, text);
}

void wit_json_put_u64(struct wit_json_writer *w, uint64_t v) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    put_text(w, text);
}

void wit_json_put_double(struct wit_json_writer *w, double v) {
    char text[40];
    if (!isfinite(v)) {
        wit_json_put_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    if (!strpbrk(text, ".eE"))
        strcat(text, ".0"); /* stays a real for readers that tell the two apart */
    put_text(w, text);
}

void wit_json_put_bool(struct wit_json_writer *w, bool v) {
    put_text(w, v ? "true" : "false");
}

void wit_json_put_null(struct wit_json_writer *w) {
    put_text(w, "null");
}

void wit_json_put_value(struct wit_json_writer *w, const struct wit_json *v) {
    struct wit_str text;
    int64_t whole;
    double number;
    bool yes;
    switch (wit_json_type_of(v)) {
    case WIT_JSON_STRING:
        (void)wit_json_string(v, &text);
        wit_json_put_str(w, text);
        return;
    case WIT_JSON_INT:
        (void)wit_json_int(v, &whole);
        wit_json_put_int(w, whole);
        return;
    case WIT_JSON_REAL:
        (void)wit_json_number(v, &number);
        wit_json_put_double(w, number);
        return;
    case WIT_JSON_BOOL:
        (void)wit_json_bool(v, &yes);
        wit_json_put_bool(w, yes);
        return;
    case WIT_JSON_ARRAY:
        wit_json_array_begin(w);
        for (size_t i = 0; i < wit_json_size(v); i++)
            wit_json_put_value(w, wit_json_at(v, i));
        wit_json_array_end(w);
        return;
    case WIT_JSON_OBJECT:
        wit_json_object_begin(w);
        for (void *it = wit_json_first(v); it; it = wit_json_next(v, it)) {
            wit_json_key(w, wit_json_iter_key(it));
            wit_json_put_value(w, wit_json_iter_value(it));
        }
        wit_json_object_end(w);
        return;
    case WIT_JSON_NULL:
        break;
    }
    wit_json_put_null(w);
}
