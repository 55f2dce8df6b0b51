/* cli_line.c: JSON lines of commands. */
#include "cli_line.h"

enum { LINE_MOST_BYTES = 1 << 20 };

void cli_line_begin(struct cli_line *l, const char *schema) {
    l->buf = (struct wit_buf)WIT_BUF_INIT(LINE_MOST_BYTES);
    wit_json_writer_init(&l->json, &l->buf);
    wit_json_object_begin(&l->json);
    cli_line_text(l, "schema", schema);
}

void cli_line_text(struct cli_line *l, const char *name, const char *text) {
    wit_json_key(&l->json, name);
    wit_json_put_cstr(&l->json, text);
}

void cli_line_count(struct cli_line *l, const char *name, uint64_t v) {
    wit_json_key(&l->json, name);
    wit_json_put_u64(&l->json, v);
}

void cli_line_bool(struct cli_line *l, const char *name, bool v) {
    wit_json_key(&l->json, name);
    wit_json_put_bool(&l->json, v);
}

void cli_line_hash(struct cli_line *l, const char *name, struct wit_hash128 h) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(h, hex);
    cli_line_text(l, name, hex);
}

void cli_line_print(struct cli_line *l) {
    wit_json_object_end(&l->json);
    if (wit_json_writer_finish(&l->json) == 0 && wit_buf_append_byte(&l->buf, '\n') == 0)
        fwrite(l->buf.data, 1, l->buf.len, stdout);
    wit_buf_finish(&l->buf);
}
