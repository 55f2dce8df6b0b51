/* export_sample.c: from a sample and its origins to a caption and an object of facts. */
#include "export_sample.h"

const char *export_suffix(enum wit_image_format format) {
    switch (format) {
    case WIT_IMAGE_JPEG:
        return "jpg";
    case WIT_IMAGE_PNG:
        return "png";
    case WIT_IMAGE_WEBP:
        return "webp";
    case WIT_IMAGE_GIF:
        return "gif";
    case WIT_IMAGE_UNKNOWN:
        break;
    }
    return "bin";
}

/* ---- words ---------------------------------------------------------------------------------- */

static int line_append(struct wit_buf *out, struct wit_str text) {
    size_t at = out->len;
    int st = wit_buf_append_str(out, text);
    for (; st >= 0 && at < out->len; at++)
        if (out->data[at] == '\n' || out->data[at] == '\r')
            out->data[at] = ' ';
    return st;
}

int export_caption(const struct wit_shards_sample *sample, enum wit_shards_export_captions which,
                   struct wit_buf *out) {
    struct wit_shards_caption_iter it = wit_shards_captions(sample);
    struct wit_shards_caption c;
    bool first = true;
    int st = 0;
    if (which == WIT_SHARDS_EXPORT_FIRST)
        return wit_buf_append_str(out, wit_shards_sample_caption(sample, 0).text);
    for (; st >= 0 && wit_shards_caption_next(&it, &c); first = false) {
        if (!first)
            st = wit_buf_append_byte(out, which == WIT_SHARDS_EXPORT_ALL ? '\n' : ' ');
        if (st >= 0)
            st = line_append(out, c.text);
    }
    return st;
}

/* ---- origins -------------------------------------------------------------------------------- */

/* Where the first caption stood; views into `line`. */
struct place {
    struct wit_json *line; /* one origin */
    struct wit_str url, page;
    const struct wit_json *extra; /* columns that a list gave, or NULL */
};

static bool next_line(struct wit_str lines, size_t *at, struct wit_str *line) {
    if (*at >= lines.len)
        return false;
    ptrdiff_t end = wit_str_find_byte(lines, '\n', *at);
    size_t to = end < 0 ? lines.len : (size_t)end;
    *line = wit_str_slice(lines, *at, to);
    *at = to + 1;
    return true;
}

/* The entry of the first caption in "seen", or NULL. */
static const struct wit_json *first_caption_in(const struct wit_json *line) {
    const struct wit_json *seen = wit_json_get(line, "seen");
    for (size_t i = 0; i < wit_json_size(seen); i++) {
        const struct wit_json *entry = wit_json_at(seen, i);
        int64_t caption;
        if (wit_json_int(wit_json_get(entry, "caption"), &caption) == 0 && caption == 0)
            return entry;
    }
    return NULL;
}

/* The first origin that has the first caption, or the first of all where none lists it (of very
 * many places not every one is kept). */
static int place_find(struct wit_str origins, struct place *p, struct wit_error *err) {
    struct wit_str text;
    const struct wit_json *entry = NULL;
    *p = (struct place){ .line = NULL };
    for (size_t at = 0; !entry && next_line(origins, &at, &text);) {
        struct wit_json *line = NULL;
        int st = wit_json_parse(text, "an origin", &line, err);
        if (st < 0)
            return st;
        entry = first_caption_in(line);
        if (entry || !p->line) {
            wit_json_destroy(p->line);
            p->line = line;
        } else {
            wit_json_destroy(line);
        }
    }
    (void)wit_json_string(wit_json_get(p->line, "url"), &p->url);
    (void)wit_json_string(wit_json_get(entry, "page"), &p->page);
    p->extra = wit_json_get(entry, "extra");
    return 0;
}

/* ---- facts ---------------------------------------------------------------------------------- */

static void put_text(struct wit_json_writer *w, const char *name, struct wit_str text) {
    wit_json_key(w, name);
    if (text.data)
        wit_json_put_str(w, text);
    else
        wit_json_put_null(w);
}

static void put_size(struct wit_json_writer *w, const char *name, uint64_t px) {
    wit_json_key(w, name);
    wit_json_put_u64(w, px);
}

/* Kept columns stand among the facts, as img2dataset has them; under a name that a fact of ours has
 * they stay where they are, in the origin. */
static void put_columns(struct wit_json_writer *w, const struct wit_json *extra) {
    static const char *const ours[] = { "wit_key", "page", "source", "captions", "origin" };
    if (!extra || wit_json_type_of(extra) != WIT_JSON_OBJECT)
        return;
    for (void *it = wit_json_first(extra); it; it = wit_json_next(extra, it)) {
        const char *name = wit_json_iter_key(it);
        bool taken = false;
        for (size_t i = 0; i < WIT_COUNT_OF(ours); i++)
            taken |= strcmp(name, ours[i]) == 0;
        if (taken)
            continue;
        wit_json_key(w, name);
        wit_json_put_value(w, wit_json_iter_value(it));
    }
}

/* Sizes as fetched, where the image is not stored so; else those of the image. */
static void put_sizes(struct wit_json_writer *w, const struct wit_shards_sample *s,
                      const struct wit_json *origin) {
    const struct wit_json *fetched = wit_json_get(origin, "fetched");
    int64_t width = s->info.width, height = s->info.height;
    (void)wit_json_int(wit_json_get(fetched, "width"), &width);
    (void)wit_json_int(wit_json_get(fetched, "height"), &height);
    put_size(w, "width", s->info.width);
    put_size(w, "height", s->info.height);
    put_size(w, "original_width", (uint64_t)width);
    put_size(w, "original_height", (uint64_t)height);
}

/* img2dataset's is of the bytes as fetched, which are known where they are stored as they came. */
static int put_sha256(struct wit_json_writer *w, const struct wit_shards_sample *s,
                      struct wit_error *err) {
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    char hex[2 * WIT_DIGEST_MAX_BYTES + 1];
    wit_json_key(w, "sha256");
    if (!wit_hash128_eq(wit_hash128_of(s->image.data, s->image.len), s->key)) {
        wit_json_put_null(w);
        return 0;
    }
    int bytes = wit_digest_of(WIT_DIGEST_SHA256, s->image, digest, err);
    if (bytes < 0)
        return bytes;
    wit_digest_to_hex(wit_str_of(digest, (size_t)bytes), hex);
    wit_json_put_cstr(w, hex);
    return 0;
}

static void put_captions(struct wit_json_writer *w, const struct wit_shards_sample *s) {
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption c;
    wit_json_key(w, "captions");
    wit_json_array_begin(w);
    while (wit_shards_caption_next(&it, &c)) {
        wit_json_object_begin(w);
        wit_json_key(w, "text");
        wit_json_put_str(w, c.text);
        wit_json_key(w, "source");
        wit_json_put_cstr(w, wit_shards_source_name(c.source));
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

static void put_origins(struct wit_json_writer *w, struct wit_str origins) {
    struct wit_str line;
    wit_json_key(w, "origin");
    wit_json_array_begin(w);
    for (size_t at = 0; next_line(origins, &at, &line);)
        wit_json_put_raw(w, line);
    wit_json_array_end(w);
}

int export_facts(const struct wit_shards_sample *s, const char *key, struct wit_str caption,
                 struct wit_str origins, struct wit_buf *out, struct wit_error *err) {
    struct place place;
    struct wit_json_writer w;
    char content[WIT_HASH128_HEX];
    int st = place_find(origins, &place, err);
    if (st < 0)
        goto out;
    wit_hash128_to_hex(s->key, content);
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    put_text(&w, "url", place.url);
    put_text(&w, "caption", caption.data ? caption : WIT_STR(""));
    put_text(&w, "key", wit_str_from(key));
    put_text(&w, "status", WIT_STR("success"));
    put_text(&w, "error_message", wit_str_of(NULL, 0));
    put_sizes(&w, s, place.line);
    st = put_sha256(&w, s, err);
    if (st < 0)
        goto out;
    put_columns(&w, place.extra);
    put_text(&w, "wit_key", wit_str_from(content));
    put_text(&w, "page", place.page);
    put_text(&w, "source",
             wit_str_from(wit_shards_source_name(wit_shards_sample_caption(s, 0).source)));
    put_captions(&w, s);
    put_origins(&w, origins);
    wit_json_object_end(&w);
    st = wit_json_writer_finish(&w);
    if (st < 0)
        wit_error_set(err, st, "cannot write the facts of a sample: %s", wit_status_meaning(st));
out:
    wit_json_destroy(place.line);
    return st < 0 ? st : 0;
}
