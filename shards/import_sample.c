/*
 * import_sample.c: img2dataset's facts, webdataset's bare pairs, and what wit itself exports.
 *
 * Facts that wit wrote (they have a wit_key) say every caption with its source and every origin:
 * those are taken over. Of all others the words are those of the .txt, else the facts' caption; the
 * URL is the facts' url; columns are kept as those of a list are, and what img2dataset adds itself
 * stands in "imported". Nothing here is believed but the bytes of the image.
 */
#include "import_sample.h"

#include "image/wit_image_reencode.h"
#include "text/wit_text.h"

#include <stdlib.h>

#define SCRATCH_MAX_BYTES ((size_t)1 << 30)

struct import_maker {
    const struct wit_shards_import_config *cfg;
    struct wit_image_reencoder *decoder; /* NULL: structure is enough */
    struct wit_arena *arena;             /* of the sample at hand, like facts */
    struct wit_json *facts;              /* NULL: none */
    struct wit_url url;
    struct wit_buf text, extra, finite;
    struct import_place *places;
    size_t place_count, place_cap;
    struct import_words *words;
    size_t word_count, word_cap;
};

int import_maker_create(const struct wit_shards_import_config *cfg, struct import_maker **out,
                        struct wit_error *err) {
    struct import_maker *m = calloc(1, sizeof *m);
    if (!m)
        return wit_error_set(err, WIT_ENOMEM, "no memory for an import");
    m->cfg = cfg;
    m->url = (struct wit_url)WIT_URL_INIT;
    m->text = (struct wit_buf)WIT_BUF_INIT(4 * WIT_SHARDS_MAX_FIELD_BYTES);
    m->extra = (struct wit_buf)WIT_BUF_INIT(WIT_SHARDS_MAX_FIELD_BYTES);
    m->finite = (struct wit_buf)WIT_BUF_INIT(IMPORT_FACTS_MAX_BYTES);
    m->arena = wit_arena_create(SCRATCH_MAX_BYTES);
    m->decoder = cfg->verify_decode ? wit_image_reencoder_create() : NULL;
    if (!m->arena || (cfg->verify_decode && !m->decoder)) {
        import_maker_destroy(m);
        return wit_error_set(err, WIT_ENOMEM, "no memory for an import");
    }
    *out = m;
    return 0;
}

void import_maker_destroy(struct import_maker *m) {
    if (!m)
        return;
    wit_image_reencoder_destroy(m->decoder);
    wit_arena_destroy(m->arena);
    wit_json_destroy(m->facts);
    wit_url_finish(&m->url);
    wit_buf_finish(&m->text);
    wit_buf_finish(&m->extra);
    wit_buf_finish(&m->finite);
    free(m->places);
    free(m->words);
    free(m);
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for a sample");
}

static int room(void **items, size_t count, size_t *cap, size_t size, struct wit_error *err) {
    if (count < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 16;
    void *bigger = wit_realloc_array(*items, more, size);
    if (!bigger)
        return no_memory(err);
    *items = bigger;
    *cap = more;
    return 0;
}

static int place_add(struct import_maker *m, struct import_place place, struct wit_error *err) {
    int st = room((void **)&m->places, m->place_count, &m->place_cap, sizeof *m->places, err);
    if (st >= 0)
        m->places[m->place_count++] = place;
    return st;
}

static int words_add(struct import_maker *m, struct import_words words, struct wit_error *err) {
    int st = room((void **)&m->words, m->word_count, &m->word_cap, sizeof *m->words, err);
    if (st >= 0)
        m->words[m->word_count++] = words;
    return st;
}

static int copy_of(struct import_maker *m, struct wit_str s, struct wit_str *out,
                   struct wit_error *err) {
    const char *copy = wit_arena_copy(m->arena, s.data ? s.data : "", s.len);
    if (!copy)
        return no_memory(err);
    *out = wit_str_of(copy, s.len);
    return 0;
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* Python writes NaN and Infinity, which JSON has not: null in their place, outside strings. */
static int make_finite(struct import_maker *m, struct wit_str text) {
    static const char *const names[] = { "NaN", "-Infinity", "Infinity" };
    bool in_string = false;
    int st = 0;
    wit_buf_reset(&m->finite);
    for (size_t at = 0; at < text.len && st >= 0;) {
        size_t len = 1;
        bool number = false;
        for (size_t i = 0; !in_string && !number && i < WIT_COUNT_OF(names); i++) {
            number = wit_str_starts_with(wit_str_slice(text, at, text.len), wit_str_from(names[i]));
            len = number ? strlen(names[i]) : 1;
        }
        if (in_string && text.data[at] == '\\' && at + 1 < text.len)
            len = 2;
        else if (text.data[at] == '"')
            in_string = !in_string;
        st = number ? wit_buf_append_cstr(&m->finite, "null")
                    : wit_buf_append(&m->finite, text.data + at, len);
        at += len;
    }
    return st;
}

static int facts_read(struct import_maker *m, const struct import_part *part,
                      struct import_sample *out, struct wit_error *err) {
    struct wit_str text = wit_buf_view(&part->bytes);
    wit_json_destroy(m->facts);
    m->facts = NULL;
    if (!part->is_there)
        return 0;
    int st = part->is_too_large ? WIT_ELIMIT : wit_json_parse(text, "facts", &m->facts, NULL);
    if (st == WIT_EFORMAT && make_finite(m, text) >= 0)
        st = wit_json_parse(wit_buf_view(&m->finite), "facts", &m->facts, NULL);
    if (st == WIT_ENOMEM)
        return no_memory(err);
    if (st >= 0 && wit_json_type_of(m->facts) != WIT_JSON_OBJECT) {
        wit_json_destroy(m->facts);
        m->facts = NULL;
    }
    out->facts_broken = !m->facts;
    return 0;
}

static struct wit_str text_of(const struct wit_json *object, const char *name) {
    struct wit_str text = { NULL, 0 };
    (void)wit_json_string(wit_json_get(object, name), &text);
    return text;
}

/* Did wit write them? */
static bool facts_are_ours(const struct wit_json *facts) {
    struct wit_hash128 key;
    return facts && wit_hash128_from_hex(text_of(facts, "wit_key"), &key) == 0 &&
           wit_json_size(wit_json_get(facts, "captions")) > 0;
}

/* ---- URLs ----------------------------------------------------------------------------------- */

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~/", c);
}

static struct wit_str last_part(const char *path) {
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/'; begin--)
        continue;
    return wit_str_of(path + begin, end - begin);
}

static int escape(struct wit_buf *out, struct wit_str s) {
    int st = 0;
    for (size_t i = 0; i < s.len && st >= 0; i++)
        st = s.data[i] && is_plain(s.data[i])
                 ? wit_buf_append_byte(out, s.data[i])
                 : wit_buf_printf(out, "%%%02X", (unsigned)(unsigned char)s.data[i]);
    return st;
}

/* "tar:00000.tar/000000012?xxh128=<key>": with the image's hash in it, since words of one URL
 * belong to all images of that URL, and tars of two sets have the same names. */
static int url_invent(struct import_maker *m, const char *source, const struct import_parts *parts,
                      const struct import_sample *sample, struct wit_str *out,
                      struct wit_error *err) {
    bool tar = m->cfg->from == WIT_SHARDS_IMPORT_WEBDATASET;
    char hex[WIT_HASH128_HEX];
    wit_buf_reset(&m->text);
    int st = wit_buf_append_cstr(&m->text, tar ? "tar:" : "files:");
    if (st >= 0)
        st = escape(&m->text, last_part(source));
    if (st >= 0)
        st = wit_buf_append_byte(&m->text, '/');
    if (st >= 0)
        st = escape(&m->text, wit_str_from(parts->key));
    wit_hash128_to_hex(sample->key, hex);
    if (st >= 0 && sample->image.len)
        st = wit_buf_printf(&m->text, "?xxh128=%s", hex);
    return st < 0 ? no_memory(err) : copy_of(m, wit_buf_view(&m->text), out, err);
}

/* The facts' URL as a crawl would write it, where it is one of the web. */
static int url_find(struct import_maker *m, const char *source, const struct import_parts *parts,
                    const struct import_sample *sample, struct wit_str *out,
                    struct wit_error *err) {
    struct wit_str url = wit_str_trim(text_of(m->facts, "url"));
    int st = url.len ? wit_url_parse(&m->url, url, NULL, NULL) : WIT_EFORMAT;
    if (st == WIT_ENOMEM)
        return no_memory(err);
    if (st < 0 || !wit_url_is_http(&m->url))
        return url_invent(m, source, parts, sample, out, err);
    (void)wit_url_remove_fragment(&m->url);
    return copy_of(m, wit_url_href(&m->url), out, err);
}

/* ---- columns -------------------------------------------------------------------------------- */

/* Names that img2dataset gives to what it finds out itself. What the dataset knows anyway is left
 * out; the rest goes into "imported". */
static const struct {
    const char *name;
    bool is_known;
} facts_names[] = {
    { "url", true },
    { "caption", true },
    { "key", true },
    { "status", true },
    { "error_message", true },
    { "width", true },
    { "height", true },
    { "original_width", false },
    { "original_height", false },
    { "exif", false },
    { "md5", false },
    { "sha1", false },
    { "sha256", false },
    { "sha512", false },
};

/* 0 a column of the user's, 1 for "imported", 2 known. */
static int column_kind(const char *name) {
    for (size_t i = 0; i < WIT_COUNT_OF(facts_names); i++)
        if (strcmp(facts_names[i].name, name) == 0)
            return facts_names[i].is_known ? 2 : 1;
    return strcmp(name, "imported") == 0 ? 2 : 0;
}

static void columns_put(struct wit_json_writer *w, const struct wit_json *facts, int kind) {
    if (!facts)
        return;
    for (void *it = wit_json_first(facts); it; it = wit_json_next(facts, it)) {
        const struct wit_json *value = wit_json_iter_value(it);
        if (column_kind(wit_json_iter_key(it)) != kind ||
            (kind == 1 && wit_json_type_of(value) == WIT_JSON_NULL))
            continue;
        wit_json_key(w, wit_json_iter_key(it));
        wit_json_put_value(w, value);
    }
}

static int extra_make(struct import_maker *m, const char *source, const struct import_parts *parts,
                      struct wit_str *out, struct import_sample *sample, struct wit_error *err) {
    struct wit_json_writer w;
    wit_buf_reset(&m->extra);
    wit_json_writer_init(&w, &m->extra);
    wit_json_object_begin(&w);
    columns_put(&w, m->facts, 0);
    wit_json_key(&w, "imported");
    wit_json_object_begin(&w);
    wit_json_key(&w, "from");
    wit_json_put_str(&w, last_part(source));
    wit_json_key(&w, "key");
    wit_json_put_cstr(&w, parts->key);
    columns_put(&w, m->facts, 1);
    wit_json_object_end(&w);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st == WIT_ELIMIT) {
        sample->facts_left_out = true;
        *out = wit_str_of(NULL, 0);
        return 0;
    }
    return st < 0 ? no_memory(err) : copy_of(m, wit_buf_view(&m->extra), out, err);
}

/* ---- words ---------------------------------------------------------------------------------- */

static struct wit_str without_line_end(struct wit_str text) {
    if (text.len && text.data[text.len - 1] == '\n')
        text.len -= text.len > 1 && text.data[text.len - 2] == '\r' ? 2 : 1;
    return text;
}

/* The text of the .txt, else of the facts; valid UTF-8. Empty: there are no words. */
static int caption_find(struct import_maker *m, const struct import_parts *parts,
                        struct wit_str *out, struct wit_error *err) {
    struct wit_str text = parts->words.is_there
                              ? without_line_end(wit_buf_view(&parts->words.bytes))
                              : text_of(m->facts, "caption");
    if (wit_str_trim(text).len == 0)
        text = wit_str_of(NULL, 0);
    *out = text;
    if (wit_utf8_valid(text))
        return 0;
    wit_buf_reset(&m->text);
    int st = wit_utf8_sanitize(text, &m->text);
    return st < 0 ? no_memory(err) : copy_of(m, wit_buf_view(&m->text), out, err);
}

static int pair_make(struct import_maker *m, const char *source, const struct import_parts *parts,
                     struct import_sample *out, struct wit_error *err) {
    struct import_words words = { .source = WIT_SHARDS_LIST };
    struct import_place place = { .fetched_at_s = parts->image.mtime_s };
    int st = url_find(m, source, parts, out, &place.url, err);
    place.final_url = place.url;
    if (st >= 0)
        st = caption_find(m, parts, &words.text, err);
    if (st >= 0)
        st = extra_make(m, source, parts, &words.extra, out, err);
    if (st >= 0)
        st = place_add(m, place, err);
    if (st < 0)
        return st;
    if (words.text.len == 0 && !m->cfg->keep_without_words && !out->reason)
        out->reason = "no_caption";
    if (parts->words.is_too_large || words.text.len > WIT_SHARDS_MAX_FIELD_BYTES) {
        out->reason = out->reason ? out->reason : "caption_too_long";
        words.text = wit_str_of(NULL, 0);
    }
    return words_add(m, words, err);
}

/* ---- what wit exported ---------------------------------------------------------------------- */

static enum wit_shards_source source_find(struct wit_str name) {
    for (unsigned s = WIT_SHARDS_ALT; s <= WIT_SHARDS_SITEMAP; s++)
        if (wit_str_eq(name, wit_str_from(wit_shards_source_name((enum wit_shards_source)s))))
            return (enum wit_shards_source)s;
    return WIT_SHARDS_LIST;
}

static int value_text(struct import_maker *m, const struct wit_json *v, struct wit_str *out,
                      struct wit_error *err) {
    struct wit_json_writer w;
    *out = wit_str_of(NULL, 0);
    if (!v || wit_json_type_of(v) != WIT_JSON_OBJECT)
        return 0;
    wit_buf_reset(&m->extra);
    wit_json_writer_init(&w, &m->extra);
    wit_json_put_value(&w, v);
    int st = wit_json_writer_finish(&w);
    if (st == WIT_ELIMIT)
        return 0;
    return st < 0 ? no_memory(err) : copy_of(m, wit_buf_view(&m->extra), out, err);
}

/* Words of an entry of "seen"; which captions were placed is noted in `placed`. */
static int seen_take(struct import_maker *m, const struct wit_json *entry,
                     const struct wit_json *captions, bool *placed, struct wit_error *err) {
    struct import_words words = { .source = WIT_SHARDS_LIST,
                                  .page = text_of(entry, "page"),
                                  .rights = text_of(entry, "rights"),
                                  .place = m->place_count - 1 };
    int64_t index = -1;
    (void)wit_json_int(wit_json_get(entry, "caption"), &index);
    if (index >= 0 && (uint64_t)index < wit_json_size(captions)) {
        const struct wit_json *caption = wit_json_at(captions, (size_t)index);
        words.text = text_of(caption, "text");
        words.source = source_find(text_of(caption, "source"));
        placed[index] = true;
    }
    if (words.text.len == 0)
        words.source = WIT_SHARDS_LIST; /* the only one that may have none */
    int st = value_text(m, wit_json_get(entry, "extra"), &words.extra, err);
    return st < 0 ? st : words_add(m, words, err);
}

static int origin_take(struct import_maker *m, const struct wit_json *origin,
                       const struct wit_json *captions, bool *placed, struct wit_error *err) {
    const struct wit_json *seen = wit_json_get(origin, "seen");
    struct import_place place = { .url = text_of(origin, "url"),
                                  .final_url = text_of(origin, "final_url"),
                                  .headers = text_of(origin, "headers"),
                                  .rights = text_of(origin, "rights") };
    (void)wit_json_int(wit_json_get(origin, "fetched_at_s"), &place.fetched_at_s);
    if (place.url.len == 0)
        return 0; /* the line that counts those left out */
    int st = place_add(m, place, err);
    for (size_t i = 0; i < wit_json_size(seen) && st >= 0; i++)
        st = seen_take(m, wit_json_at(seen, i), captions, placed, err);
    return st;
}

/* Captions that no origin lists (of very many places not every one is kept) get a place of their
 * own: under the URL of one of the others they would belong to all images of that. */
static int rest_take(struct import_maker *m, const char *source, const struct import_parts *parts,
                     const struct wit_json *captions, const bool *placed,
                     const struct import_sample *sample, struct wit_error *err) {
    struct import_place place = { .fetched_at_s = parts->image.mtime_s };
    bool begun = false;
    int st = 0;
    for (size_t i = 0; i < wit_json_size(captions) && st >= 0; i++) {
        const struct wit_json *caption = wit_json_at(captions, i);
        struct import_words words = { .text = text_of(caption, "text"),
                                      .source = source_find(text_of(caption, "source")) };
        if (placed[i])
            continue;
        if (!begun) {
            st = url_invent(m, source, parts, sample, &place.url, err);
            place.final_url = place.url;
            st = st < 0 ? st : place_add(m, place, err);
            begun = true;
        }
        words.place = m->place_count - 1;
        if (words.text.len == 0)
            words.source = WIT_SHARDS_LIST;
        st = st < 0 ? st : words_add(m, words, err);
    }
    return st;
}

static int ours_restore(struct import_maker *m, const char *source,
                        const struct import_parts *parts, const struct import_sample *sample,
                        struct wit_error *err) {
    const struct wit_json *captions = wit_json_get(m->facts, "captions");
    const struct wit_json *origins = wit_json_get(m->facts, "origin");
    size_t count = wit_json_size(captions);
    bool *placed = wit_arena_alloc(m->arena, count, 1);
    if (!placed)
        return no_memory(err);
    memset(placed, 0, count);
    int st = 0;
    for (size_t i = 0; i < wit_json_size(origins) && st >= 0; i++)
        st = origin_take(m, wit_json_at(origins, i), captions, placed, err);
    return st < 0 ? st : rest_take(m, source, parts, captions, placed, sample, err);
}

/* ---- samples -------------------------------------------------------------------------------- */

static void image_judge(struct import_maker *m, const struct import_parts *parts,
                        struct import_sample *out) {
    static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    const struct import_part *part = &parts->image;
    out->image = wit_buf_view(&part->bytes);
    out->key = wit_hash128_of(out->image.data, out->image.len);
    if (!part->is_there) {
        out->reason = "no_image";
    } else if (part->is_too_large) {
        out->reason = "image_over_limits";
    } else {
        int st = wit_image_walk(out->image, &limits, &out->info, NULL);
        if (st < 0)
            out->reason = wit_image_walk_reason(st);
        else if (m->decoder && wit_image_reencoder_verify(m->decoder, out->image, NULL) < 0)
            out->reason = "image_undecodable";
    }
}

int import_sample_make(struct import_maker *m, const char *source, const struct import_parts *parts,
                       struct import_sample *out, struct wit_error *err) {
    struct import_sample sample = { .reason = NULL };
    wit_arena_reset(m->arena);
    m->place_count = m->word_count = 0;
    image_judge(m, parts, &sample);
    int st = facts_read(m, &parts->facts, &sample, err);
    if (st < 0)
        return st;
    st = facts_are_ours(m->facts) ? ours_restore(m, source, parts, &sample, err)
                                  : pair_make(m, source, parts, &sample, err);
    if (st < 0)
        return st;
    sample.places = m->places;
    sample.place_count = m->place_count;
    sample.words = m->words;
    sample.word_count = m->word_count;
    *out = sample;
    return 0;
}
