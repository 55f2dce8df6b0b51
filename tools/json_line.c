/* json_line.c: a buffer, a writer, and what they print. */
#include "json_line.h"

#include <errno.h>

void json_line_init(struct json_line *l, size_t most_bytes) {
    *l = (struct json_line){ .buf = WIT_BUF_INIT(most_bytes) };
}

void json_line_finish(struct json_line *l) {
    wit_buf_finish(&l->buf);
}

void json_line_begin(struct json_line *l, const char *schema) {
    wit_buf_reset(&l->buf);
    wit_json_writer_init(&l->json, &l->buf);
    wit_json_object_begin(&l->json);
    json_line_text(l, "schema", schema);
}

void json_line_text(struct json_line *l, const char *name, const char *text) {
    wit_json_key(&l->json, name);
    wit_json_put_cstr(&l->json, text);
}

void json_line_str(struct json_line *l, const char *name, struct wit_str text) {
    wit_json_key(&l->json, name);
    wit_json_put_str(&l->json, text);
}

void json_line_count(struct json_line *l, const char *name, uint64_t v) {
    wit_json_key(&l->json, name);
    wit_json_put_u64(&l->json, v);
}

void json_line_double(struct json_line *l, const char *name, double v) {
    wit_json_key(&l->json, name);
    wit_json_put_double(&l->json, v);
}

void json_line_bool(struct json_line *l, const char *name, bool v) {
    wit_json_key(&l->json, name);
    wit_json_put_bool(&l->json, v);
}

void json_line_key(struct json_line *l, const char *name, struct wit_hash128 key) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(key, hex);
    json_line_text(l, name, hex);
}

int json_line_end(struct json_line *l, struct wit_error *err) {
    wit_json_object_end(&l->json);
    int st = wit_json_writer_finish(&l->json);
    if (st >= 0)
        st = wit_buf_append_byte(&l->buf, '\n');
    if (st < 0)
        return wit_error_set(err, st, "a line is too long: %s", wit_status_meaning(st));
    if (fwrite(l->buf.data, 1, l->buf.len, stdout) != l->buf.len)
        return wit_error_errno(err, errno, "cannot write to standard output");
    return 0;
}

void json_line_print_plain(struct wit_str s, size_t most) {
    size_t len = s.len < most ? s.len : most;
    while (len < s.len && len > 0 && ((uint8_t)s.data[len] & 0xC0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        putchar((uint8_t)s.data[i] < 0x20 || s.data[i] == 0x7F ? ' ' : s.data[i]);
    if (len < s.len)
        fputs("...", stdout);
}
