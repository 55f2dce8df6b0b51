/* origin.c: one JSON object and a line feed. */
#include "origin.h"

static void put_str(struct wit_json_writer *w, const char *name, struct wit_str s) {
    wit_json_key(w, name);
    wit_json_put_str(w, s);
}

void origin_begin(struct origin_writer *o, const struct wit_shards_fetched *f,
                  struct wit_buf *out) {
    struct wit_json_writer *w = &o->json;
    o->listed = o->total = 0;
    wit_json_writer_init(w, out);
    wit_json_object_begin(w);
    put_str(w, "url", f->url);
    put_str(w, "final_url", f->final_url);
    wit_json_key(w, "fetched_at_s");
    wit_json_put_int(w, f->fetched_at_s);
    put_str(w, "headers", f->headers);
    put_str(w, "rights", f->rights);
    if (f->changed) {
        wit_json_key(w, "fetched");
        wit_json_object_begin(w);
        wit_json_key(w, "width");
        wit_json_put_u64(w, f->fetched_width);
        wit_json_key(w, "height");
        wit_json_put_u64(w, f->fetched_height);
        wit_json_object_end(w);
    }
    wit_json_key(w, "seen");
    wit_json_array_begin(w);
}

void origin_seen(struct origin_writer *o, int64_t caption, struct wit_str page,
                 struct wit_str extra, struct wit_str rights) {
    struct wit_json_writer *w = &o->json;
    o->total++;
    if (caption < -1 || o->listed == ORIGIN_SEEN_MOST)
        return;
    o->listed++;
    wit_json_object_begin(w);
    wit_json_key(w, "caption");
    if (caption >= 0)
        wit_json_put_int(w, caption);
    else
        wit_json_put_null(w);
    put_str(w, "page", page);
    if (extra.len) {
        wit_json_key(w, "extra");
        wit_json_put_raw(w, extra);
    }
    if (rights.len)
        put_str(w, "rights", rights);
    wit_json_object_end(w);
}

int origin_end(struct origin_writer *o) {
    struct wit_json_writer *w = &o->json;
    wit_json_array_end(w);
    wit_json_key(w, "seen_total");
    wit_json_put_u64(w, o->total);
    wit_json_object_end(w);
    int st = wit_json_writer_finish(w);
    return st < 0 ? st : wit_buf_append_byte(w->out, '\n');
}
