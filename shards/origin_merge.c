/* origin_merge.c: origin lines are read as JSON, sorted by URL and written as the seal does. */
#include "origin_merge.h"

#include <stdlib.h>

#define LINE_MAX_BYTES ((size_t)1 << 30)

/* "caption":null, a place without words of an image that has some from elsewhere. */
#define NO_WORDS ((int64_t)-1)

struct entry {
    struct wit_json *json; /* owned */
    struct wit_str url, final_url, headers, rights;
    int64_t fetched_at_s;
    uint64_t seen_total;
    const struct origin_input *input;
};

struct place {
    int64_t caption; /* in the union, or NO_WORDS */
    struct wit_str page, extra, rights;
};

struct merge {
    struct entry *entries;
    size_t count, cap;
    uint64_t left_out;
    struct place *places; /* of the URL at hand */
    size_t place_count, place_cap;
    struct wit_arena *arena; /* their extras */
    uint32_t caption_count;
};

bool origin_line_next(struct wit_str *lines, struct wit_str *line) {
    if (lines->len == 0)
        return false;
    ptrdiff_t end = wit_str_find_byte(*lines, '\n', 0);
    size_t to = end < 0 ? lines->len : (size_t)end;
    *line = wit_str_slice(*lines, 0, to);
    *lines = wit_str_slice(*lines, end < 0 ? to : to + 1, lines->len);
    return true;
}

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the origins of a sample");
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

static bool is_left_out(const struct wit_json *json, uint64_t *urls) {
    int64_t n;
    if (wit_json_int(wit_json_get(json, "urls_left_out"), &n) < 0 || n < 0)
        return false;
    *urls = (uint64_t)n;
    return true;
}

static int bad_line(struct wit_error *err) {
    return wit_error_set(err, WIT_ECORRUPT, "an origin is not what a seal writes");
}

/* ---- reading -------------------------------------------------------------------------------- */

static int entry_take(struct merge *m, struct wit_json *json, const struct origin_input *input,
                      struct wit_error *err) {
    struct entry e = { .json = json, .input = input };
    const struct wit_json *seen = wit_json_get(json, "seen");
    int64_t total;
    if (wit_json_string(wit_json_get(json, "url"), &e.url) < 0 ||
        wit_json_int(wit_json_get(json, "fetched_at_s"), &e.fetched_at_s) < 0 ||
        wit_json_int(wit_json_get(json, "seen_total"), &total) < 0 || total < 0 || !seen ||
        wit_json_type_of(seen) != WIT_JSON_ARRAY || wit_json_size(seen) > (uint64_t)total)
        return bad_line(err);
    (void)wit_json_string(wit_json_get(json, "final_url"), &e.final_url);
    (void)wit_json_string(wit_json_get(json, "headers"), &e.headers);
    (void)wit_json_string(wit_json_get(json, "rights"), &e.rights);
    e.seen_total = (uint64_t)total;
    int st = room((void **)&m->entries, m->count, &m->cap, sizeof *m->entries, err);
    if (st >= 0)
        m->entries[m->count++] = e;
    return st;
}

static int input_read(struct merge *m, const struct origin_input *input, struct wit_error *err) {
    struct wit_str lines = input->lines, line;
    while (origin_line_next(&lines, &line)) {
        struct wit_json *json = NULL;
        uint64_t left_out = 0;
        int st = wit_json_parse(line, "origin", &json, err);
        if (st < 0)
            return st == WIT_EFORMAT ? bad_line(err) : st;
        if (is_left_out(json, &left_out)) {
            m->left_out += left_out;
            wit_json_destroy(json);
            continue;
        }
        st = entry_take(m, json, input, err);
        if (st < 0) {
            wit_json_destroy(json);
            return st;
        }
    }
    return 0;
}

int origin_count(struct wit_str lines, struct origin_counts *counts, struct wit_error *err) {
    struct origin_counts c = { .urls = 0 };
    static const char mark[] = "{\"urls_left_out\":";
    struct wit_str line;
    while (origin_line_next(&lines, &line)) {
        uint64_t left_out = 0;
        if (wit_str_starts_with(line, WIT_STR(mark))) {
            if (!wit_str_ends_with(line, WIT_STR("}")) ||
                wit_str_to_u64(wit_str_slice(line, sizeof mark - 1, line.len - 1), &left_out) < 0 ||
                left_out > INT64_MAX)
                return bad_line(err);
            c.urls += left_out;
        } else {
            c.urls++;
        }
    }
    *counts = c;
    return 0;
}

/* Lengths stand before the texts in a log, little-endian; a seal compares those bytes. */
static int length_cmp(size_t a, size_t b) {
    uint8_t x[4], y[4];
    wit_store_le32(x, (uint32_t)a);
    wit_store_le32(y, (uint32_t)b);
    return memcmp(x, y, sizeof x);
}

static int entry_order(const void *x, const void *y) {
    const struct entry *a = x, *b = y;
    int order = wit_str_cmp(a->url, b->url);
    if (order == 0 && a->fetched_at_s != b->fetched_at_s)
        order = a->fetched_at_s < b->fetched_at_s ? -1 : 1;
    if (order == 0)
        order = length_cmp(a->final_url.len, b->final_url.len);
    if (order == 0)
        order = length_cmp(a->headers.len, b->headers.len);
    if (order == 0)
        order = length_cmp(a->rights.len, b->rights.len);
    if (order == 0)
        order = wit_str_cmp(a->final_url, b->final_url);
    if (order == 0)
        order = wit_str_cmp(a->headers, b->headers);
    return order ? order : wit_str_cmp(a->rights, b->rights);
}

/* ---- places --------------------------------------------------------------------------------- */

static int place_order(const void *x, const void *y) {
    const struct place *a = x, *b = y;
    if (a->caption != b->caption)
        return a->caption < b->caption ? -1 : 1;
    int order = wit_str_cmp(a->page, b->page);
    if (order == 0)
        order = wit_str_cmp(a->extra, b->extra);
    return order ? order : wit_str_cmp(a->rights, b->rights);
}

static int extra_keep(struct merge *m, const struct wit_json *extra, struct wit_str *out,
                      struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(LINE_MAX_BYTES);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_put_value(&w, extra);
    int st = wit_json_writer_finish(&w);
    const char *copy = st < 0 ? NULL : wit_arena_copy(m->arena, text.data, text.len);
    if (copy)
        *out = wit_str_of(copy, text.len);
    wit_buf_finish(&text);
    return copy ? 0 : no_memory(err);
}

static int place_take(struct merge *m, const struct wit_json *seen,
                      const struct origin_input *input, struct wit_error *err) {
    struct place p = { .caption = NO_WORDS };
    const struct wit_json *caption = wit_json_get(seen, "caption");
    const struct wit_json *extra = wit_json_get(seen, "extra");
    const struct wit_json *rights = wit_json_get(seen, "rights");
    int64_t index;
    if (!caption || wit_json_string(wit_json_get(seen, "page"), &p.page) < 0 ||
        (rights && wit_json_string(rights, &p.rights) < 0))
        return bad_line(err);
    if (wit_json_type_of(caption) != WIT_JSON_NULL) {
        if (wit_json_int(caption, &index) < 0 || index < 0 || index >= input->caption_count)
            return bad_line(err);
        if (input->captions[index] == ORIGIN_CAPTION_GONE)
            return 0;
        p.caption = input->captions[index] == UINT32_MAX ? NO_WORDS : input->captions[index];
    } else if (input->no_words_is_first) {
        p.caption = 0;
    }
    int st = extra ? extra_keep(m, extra, &p.extra, err) : 0;
    if (st >= 0)
        st = room((void **)&m->places, m->place_count, &m->place_cap, sizeof *m->places, err);
    if (st >= 0)
        m->places[m->place_count++] = p;
    return st;
}

/* The places of all entries [from, to) of one URL, sorted, none twice; how many there were. */
static int places_gather(struct merge *m, size_t from, size_t to, uint64_t *total,
                         struct wit_error *err) {
    size_t kept = 0;
    m->place_count = 0;
    wit_arena_reset(m->arena);
    *total = 0;
    for (size_t i = from; i < to; i++) {
        const struct wit_json *seen = wit_json_get(m->entries[i].json, "seen");
        *total += m->entries[i].seen_total - wit_json_size(seen);
        for (size_t k = 0; k < wit_json_size(seen); k++) {
            int st = place_take(m, wit_json_at(seen, k), m->entries[i].input, err);
            if (st < 0)
                return st;
        }
    }
    if (m->place_count)
        qsort(m->places, m->place_count, sizeof *m->places, place_order);
    for (size_t i = 0; i < m->place_count; i++)
        if (kept == 0 || place_order(&m->places[kept - 1], &m->places[i]) != 0)
            m->places[kept++] = m->places[i];
    m->place_count = kept;
    *total += kept;
    return 0;
}

static void put_seen(struct wit_json_writer *w, const struct merge *m) {
    size_t listed = 0;
    wit_json_array_begin(w);
    for (size_t i = 0; i < m->place_count && listed < ORIGIN_SEEN_MOST; i++) {
        const struct place *p = &m->places[i];
        if (p->caption >= (int64_t)m->caption_count) /* fell to a ceiling */
            continue;
        listed++;
        wit_json_object_begin(w);
        wit_json_key(w, "caption");
        if (p->caption == NO_WORDS)
            wit_json_put_null(w);
        else
            wit_json_put_int(w, p->caption);
        wit_json_key(w, "page");
        wit_json_put_str(w, p->page);
        if (p->extra.len) {
            wit_json_key(w, "extra");
            wit_json_put_raw(w, p->extra);
        }
        if (p->rights.len) {
            wit_json_key(w, "rights");
            wit_json_put_str(w, p->rights);
        }
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* The line of a URL: that of its first entry, with the places of all. */
static int url_write(struct merge *m, size_t from, size_t to, struct wit_buf *out,
                     struct wit_error *err) {
    struct wit_json_writer w;
    const struct wit_json *first = m->entries[from].json;
    uint64_t total;
    int st = places_gather(m, from, to, &total, err);
    if (st < 0)
        return st;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    for (void *it = wit_json_first(first); it; it = wit_json_next(first, it)) {
        const char *name = wit_json_iter_key(it);
        wit_json_key(&w, name);
        if (strcmp(name, "seen") == 0)
            put_seen(&w, m);
        else if (strcmp(name, "seen_total") == 0)
            wit_json_put_u64(&w, total);
        else
            wit_json_put_value(&w, wit_json_iter_value(it));
    }
    wit_json_object_end(&w);
    st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(out, '\n');
    return st < 0 ? wit_error_set(err, st, "no room for the origins of a sample") : 0;
}

static int urls_write(struct merge *m, struct wit_buf *out, struct origin_counts *counts,
                      struct wit_error *err) {
    size_t start = out->len;
    int st = 0;
    counts->urls = m->left_out;
    for (size_t from = 0, to; from < m->count && st >= 0; from = to) {
        for (to = from + 1; to < m->count && wit_str_eq(m->entries[to].url, m->entries[from].url);)
            to++;
        counts->urls++;
        if (out->len - start > ORIGIN_STOP_BYTES)
            m->left_out++;
        else
            st = url_write(m, from, to, out, err);
    }
    if (st < 0 || m->left_out == 0)
        return st;
    st = wit_buf_printf(out, "{\"urls_left_out\":%llu}\n", (unsigned long long)m->left_out);
    return st < 0 ? wit_error_set(err, st, "no room for the origins of a sample") : 0;
}

int origin_merge(const struct origin_input *inputs, size_t count, uint32_t caption_count,
                 struct wit_buf *out, struct origin_counts *counts, struct wit_error *err) {
    struct merge m = { .caption_count = caption_count, .arena = wit_arena_create(LINE_MAX_BYTES) };
    struct origin_counts c = { .urls = 0 };
    int st = m.arena ? 0 : no_memory(err);
    for (size_t i = 0; i < count && st >= 0; i++)
        st = input_read(&m, &inputs[i], err);
    if (st >= 0 && m.count)
        qsort(m.entries, m.count, sizeof *m.entries, entry_order);
    if (st >= 0)
        st = urls_write(&m, out, &c, err);
    for (size_t i = 0; i < m.count; i++)
        wit_json_destroy(m.entries[i].json);
    free(m.entries);
    free(m.places);
    wit_arena_destroy(m.arena);
    if (st >= 0)
        *counts = c;
    return st < 0 ? st : 0;
}
