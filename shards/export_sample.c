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
static int place_find(struct export_facts *f, struct wit_error *err) {
    struct wit_str text;
    const struct wit_json *entry = NULL;
    for (size_t at = 0; !entry && wit_str_line_next(f->origins, &at, &text);) {
        struct wit_json *line = NULL;
        int st = wit_json_parse(text, "an origin", &line, err);
        if (st < 0)
            return st;
        entry = first_caption_in(line);
        if (entry || !f->origin) {
            wit_json_destroy(f->origin);
            f->origin = line;
        } else {
            wit_json_destroy(line);
        }
    }
    (void)wit_json_string(wit_json_get(f->origin, "url"), &f->url);
    (void)wit_json_string(wit_json_get(entry, "page"), &f->page);
    f->extra = wit_json_get(entry, "extra");
    return 0;
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* Sizes as fetched, where the image is not stored so; else those of the image. */
static void sizes_find(struct export_facts *f) {
    const struct wit_json *fetched = wit_json_get(f->origin, "fetched");
    f->original_width = f->sample->info.width;
    f->original_height = f->sample->info.height;
    (void)wit_json_int(wit_json_get(fetched, "width"), &f->original_width);
    (void)wit_json_int(wit_json_get(fetched, "height"), &f->original_height);
}

/* img2dataset's is of the bytes as fetched, which are known where they are stored as they came. */
static int sha256_make(struct export_facts *f, struct wit_error *err) {
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    if (f->sample->changed)
        return 0;
    int bytes = wit_digest_of(WIT_DIGEST_SHA256, f->sample->image, digest, err);
    if (bytes < 0)
        return bytes;
    wit_digest_to_hex(wit_str_of(digest, (size_t)bytes), f->sha256);
    return 0;
}

int export_facts_make(const struct wit_shards_sample *sample, const char *key,
                      struct wit_str caption, struct wit_str origins, struct export_facts *out,
                      struct wit_error *err) {
    struct export_facts f = { .sample = sample,
                              .key = key,
                              .caption = caption.data ? caption : WIT_STR(""),
                              .origins = origins };
    int st = place_find(&f, err);
    if (st >= 0)
        st = sha256_make(&f, err);
    if (st < 0) {
        export_facts_finish(&f);
        return st;
    }
    sizes_find(&f);
    wit_hash128_to_hex(sample->key, f.wit_key);
    wit_hash128_to_hex(sample->hash, f.wit_hash);
    f.source = wit_shards_source_name(wit_shards_sample_caption(sample, 0).source);
    *out = f;
    return 0;
}

void export_facts_finish(struct export_facts *f) {
    wit_json_destroy(f->origin);
    f->origin = NULL;
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static void put_text(struct wit_json_writer *w, const char *name, struct wit_str text) {
    wit_json_key(w, name);
    if (text.data)
        wit_json_put_str(w, text);
    else
        wit_json_put_null(w);
}

static void put_size(struct wit_json_writer *w, const char *name, int64_t px) {
    wit_json_key(w, name);
    wit_json_put_int(w, px);
}

/* Kept columns stand among the facts, as img2dataset has them; under a name that a fact of ours has
 * they stay where they are, in the origin. */
static void put_columns(struct wit_json_writer *w, const struct wit_json *extra) {
    static const char *const ours[] = { "wit_key", "wit_hash", "page",
                                        "source",  "captions", "origin" };
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
    for (size_t at = 0; wit_str_line_next(origins, &at, &line);)
        wit_json_put_raw(w, line);
    wit_json_array_end(w);
}

static struct wit_str text_or_null(const char *text) {
    return *text ? wit_str_from(text) : wit_str_of(NULL, 0);
}

int export_facts_json(const struct export_facts *f, struct wit_buf *out, struct wit_error *err) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    put_text(&w, "url", f->url);
    put_text(&w, "caption", f->caption);
    put_columns(&w, f->extra); /* where img2dataset has the columns of its input */
    put_text(&w, "key", wit_str_from(f->key));
    put_text(&w, "status", WIT_STR("success"));
    put_text(&w, "error_message", wit_str_of(NULL, 0));
    put_size(&w, "width", f->sample->info.width);
    put_size(&w, "height", f->sample->info.height);
    put_size(&w, "original_width", f->original_width);
    put_size(&w, "original_height", f->original_height);
    put_text(&w, "sha256", text_or_null(f->sha256));
    put_text(&w, "wit_key", wit_str_from(f->wit_key));
    put_text(&w, "wit_hash", wit_str_from(f->wit_hash));
    put_text(&w, "page", f->page);
    put_text(&w, "source", wit_str_from(f->source));
    put_captions(&w, f->sample);
    put_origins(&w, f->origins);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    return st < 0 ? wit_error_set(err, st, "cannot write the facts of a sample: %s",
                                  wit_status_meaning(st))
                  : 0;
}

/* ---- as a row ------------------------------------------------------------------------------- */

const struct wit_table_column export_columns[EXPORT_COLUMNS] = {
    { "url", WIT_TABLE_TEXT },
    { "caption", WIT_TABLE_TEXT },
    { "key", WIT_TABLE_TEXT },
    { "status", WIT_TABLE_TEXT },
    { "error_message", WIT_TABLE_TEXT },
    { "width", WIT_TABLE_INT },
    { "height", WIT_TABLE_INT },
    { "original_width", WIT_TABLE_INT },
    { "original_height", WIT_TABLE_INT },
    { "sha256", WIT_TABLE_TEXT },
    { "extra", WIT_TABLE_TEXT },
    { "wit_key", WIT_TABLE_TEXT },
    { "wit_hash", WIT_TABLE_TEXT },
    { "page", WIT_TABLE_TEXT },
    { "source", WIT_TABLE_TEXT },
};

int export_facts_row(const struct export_facts *f, struct wit_table_writer *table,
                     struct wit_buf *extra, struct wit_error *err) {
    struct wit_json_writer w;
    wit_buf_reset(extra);
    if (f->extra) {
        wit_json_writer_init(&w, extra);
        wit_json_put_value(&w, f->extra);
        int st = wit_json_writer_finish(&w);
        if (st < 0)
            return wit_error_set(err, st, "cannot write the kept columns of a sample: %s",
                                 wit_status_meaning(st));
    }
    wit_table_put_text(table, f->url);
    wit_table_put_text(table, f->caption);
    wit_table_put_text(table, wit_str_from(f->key));
    wit_table_put_text(table, WIT_STR("success"));
    wit_table_put_null(table);
    wit_table_put_int(table, (int32_t)f->sample->info.width);
    wit_table_put_int(table, (int32_t)f->sample->info.height);
    wit_table_put_int(table, (int32_t)f->original_width);
    wit_table_put_int(table, (int32_t)f->original_height);
    wit_table_put_text(table, text_or_null(f->sha256));
    wit_table_put_text(table, f->extra ? wit_buf_view(extra) : wit_str_of(NULL, 0));
    wit_table_put_text(table, wit_str_from(f->wit_key));
    wit_table_put_text(table, wit_str_from(f->wit_hash));
    wit_table_put_text(table, f->page);
    wit_table_put_text(table, wit_str_from(f->source));
    return wit_table_row_end(table, err);
}
