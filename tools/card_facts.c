/* card_facts.c: one pass over records and origins. */
#include "card.h"

#include "text/wit_text.h"
#include "wit_crawler.h"

#include <stdlib.h>

#define NAMES_MAX_BYTES ((size_t)1 << 30)
#define MANIFEST_MOST_BYTES ((size_t)256 << 20)
#define ORIGIN_MOST_BYTES ((size_t)1 << 30)

const char *const card_side_names[CARD_SIDES] = { "under 64",     "64 to 127",  "128 to 223",
                                                  "224 to 335",   "336 to 511", "512 to 1023",
                                                  "1024 and more" };
static const uint32_t side_ends[CARD_SIDES - 1] = { 64, 128, 224, 336, 512, 1024 };

/* ---- tallies -------------------------------------------------------------------------------- */

static struct card_count *slot_of(const struct card_tally *t, struct wit_str name) {
    size_t i = (size_t)wit_hash64_of(name.data, name.len, 0) & (t->cap - 1);
    while (t->slots[i].n && !wit_str_eq(t->slots[i].name, name))
        i = (i + 1) & (t->cap - 1);
    return &t->slots[i];
}

static int tally_grow(struct card_tally *t) {
    struct card_tally bigger = *t;
    bigger.cap = t->cap ? 2 * t->cap : 1024;
    bigger.slots = wit_alloc_array(bigger.cap, sizeof *bigger.slots);
    if (!t->names)
        bigger.names = wit_arena_create(NAMES_MAX_BYTES);
    if (!bigger.slots || !bigger.names) {
        free(bigger.slots);
        if (!t->names)
            wit_arena_destroy(bigger.names);
        return WIT_ENOMEM;
    }
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].n)
            *slot_of(&bigger, t->slots[i].name) = t->slots[i];
    free(t->slots);
    *t = bigger;
    return 0;
}

static int tally_add(struct card_tally *t, struct wit_str name, struct wit_error *err) {
    if (2 * t->count >= t->cap && tally_grow(t) < 0)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a card");
    struct card_count *slot = slot_of(t, name);
    const char *copy = NULL;
    if (slot->n == 0 && t->count < CARD_NAMES_MOST)
        copy = wit_arena_copy(t->names, name.data ? name.data : "", name.len);
    if (slot->n == 0 && !copy) {
        t->others++;
        return 0;
    }
    if (slot->n == 0) {
        slot->name = wit_str_of(copy, name.len);
        t->count++;
    }
    slot->n++;
    return 0;
}

static int count_order(const void *x, const void *y) {
    const struct card_count *a = x, *b = y;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    return wit_str_cmp(a->name, b->name);
}

int card_tally_top(const struct card_tally *t, size_t most, struct card_count *out) {
    struct card_count *all = wit_alloc_array(t->count + 1, sizeof *all);
    size_t n = 0;
    if (!all)
        return WIT_ENOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].n)
            all[n++] = t->slots[i];
    qsort(all, n, sizeof *all, count_order);
    n = n < most ? n : most;
    memcpy(out, all, n * sizeof *all);
    free(all);
    return (int)n;
}

static void tally_finish(struct card_tally *t) {
    wit_arena_destroy(t->names);
    free(t->slots);
}

/* ---- origins -------------------------------------------------------------------------------- */

/* Lines of "name: value": each name once for an origin. */
static int rights_take(struct card_facts *f, struct wit_str lines, struct wit_error *err) {
    int st = 0;
    for (size_t at = 0; at < lines.len && st >= 0;) {
        ptrdiff_t end = wit_str_find_byte(lines, '\n', at);
        size_t to = end < 0 ? lines.len : (size_t)end;
        struct wit_str line = wit_str_slice(lines, at, to);
        ptrdiff_t colon = wit_str_find_byte(line, ':', 0);
        if (colon > 0)
            st = tally_add(&f->rights, wit_str_slice(line, 0, (size_t)colon), err);
        at = to + 1;
    }
    return st;
}

static int url_take(struct card_facts *f, struct wit_url *url, struct wit_str text,
                    struct wit_error *err) {
    int st = wit_url_parse(url, text, NULL, NULL);
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "no memory for a card");
    if (st < 0)
        return tally_add(&f->domains, WIT_STR("(no URL)"), err);
    if (!wit_url_is_http(url)) /* "tar": a tar gave no URL */
        return tally_add(&f->domains, wit_url_scheme(url), err);
    return tally_add(&f->domains, wit_domain_registrable(wit_url_host(url)), err);
}

static int origin_take(struct card_facts *f, struct wit_url *url, struct wit_str line,
                       struct wit_error *err) {
    struct wit_json *json = NULL;
    struct wit_str text = { NULL, 0 }, rights = { NULL, 0 };
    int64_t at = 0;
    int st = wit_json_parse(line, "an origin", &json, err);
    if (st < 0 || wit_json_string(wit_json_get(json, "url"), &text) < 0)
        goto out; /* the line that counts those left out */
    f->origins++;
    st = url_take(f, url, text, err);
    (void)wit_json_int(wit_json_get(json, "fetched_at_s"), &at);
    if (at > 0 && (f->first_fetched_s == 0 || at < f->first_fetched_s))
        f->first_fetched_s = at;
    if (at > f->last_fetched_s)
        f->last_fetched_s = at;
    (void)wit_json_string(wit_json_get(json, "rights"), &rights);
    f->with_rights += rights.len > 0;
    if (st >= 0)
        st = rights_take(f, rights, err);
out:
    wit_json_destroy(json);
    return st;
}

static int origins_take(struct card_facts *f, struct wit_url *url, struct wit_str lines,
                        struct wit_error *err) {
    int st = 0;
    for (size_t at = 0; at < lines.len && st >= 0;) {
        ptrdiff_t end = wit_str_find_byte(lines, '\n', at);
        size_t to = end < 0 ? lines.len : (size_t)end;
        st = origin_take(f, url, wit_str_slice(lines, at, to), err);
        at = to + 1;
    }
    return st;
}

/* ---- records -------------------------------------------------------------------------------- */

static void sample_take(struct card_facts *f, const struct wit_shards_sample *s) {
    struct wit_shards_caption_iter it = wit_shards_captions(s);
    struct wit_shards_caption c;
    uint32_t side = s->info.width < s->info.height ? s->info.width : s->info.height;
    size_t bucket = 0;
    while (bucket < CARD_SIDES - 1 && side >= side_ends[bucket])
        bucket++;
    f->sides[bucket]++;
    f->formats[(unsigned)s->info.format < CARD_FORMATS ? s->info.format : WIT_IMAGE_UNKNOWN]++;
    f->transcoded += (s->changed & WIT_SHARDS_TRANSCODED) != 0;
    f->resized += (s->changed & WIT_SHARDS_RESIZED) != 0;
    f->image_bytes += s->image.len;
    while (wit_shards_caption_next(&it, &c)) {
        f->sources[(unsigned)c.source < CARD_SOURCES ? c.source : 0]++;
        f->caption_bytes += c.text.len;
    }
}

static int shard_take(struct card_facts *f, struct wit_shards_dataset *ds, size_t shard,
                      struct wit_url *url, struct wit_buf *record, struct wit_buf *origins,
                      const volatile int *interrupt, struct wit_error *err) {
    struct wit_shards_shard_info info;
    int st = 0;
    wit_shards_shard_info(ds, shard, &info);
    f->file_bytes += info.file_bytes;
    for (uint64_t i = 0; i < info.samples && st >= 0; i++) {
        struct wit_shards_sample sample;
        wit_buf_reset(origins);
        st = wit_shards_read(ds, shard, i, record, &sample, err);
        if (st >= 0)
            st = wit_shards_origin(ds, sample.key, origins, err);
        if (st < 0)
            break;
        sample_take(f, &sample);
        st = origins_take(f, url, wit_buf_view(origins), err);
        if (st >= 0 && interrupt && *interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted");
    }
    wit_shards_shard_release(ds, shard);
    return st;
}

/* Was it a crawl's folder, and which signals were switched off in it? */
static int crawl_take(struct card_facts *f, const char *dir, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(4096);
    char folder[WIT_PATH_MAX], path[WIT_PATH_MAX];
    if (wit_path_join(folder, dir, "crawl") < 0 || wit_path_join(path, folder, "ignored") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    f->was_crawled = wit_file_exists(folder);
    int st = wit_file_exists(path) ? wit_file_read(path, &text, err) : 0;
    struct wit_str names = wit_str_trim(wit_buf_view(&text));
    if (st >= 0 && names.len)
        st = wit_crawler_ignore_parse(names, &f->ignored, err);
    wit_buf_finish(&text);
    return st;
}

int card_facts_gather(const char *dir, const volatile int *interrupt, struct wit_progress *progress,
                      struct card_facts *out, struct wit_error *err) {
    struct wit_buf record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf origins = WIT_BUF_INIT(ORIGIN_MOST_BYTES);
    struct wit_url url = WIT_URL_INIT;
    struct wit_shards_dataset *ds = NULL;
    char path[WIT_PATH_MAX];
    *out = (struct card_facts){ .samples = 0 };
    int st = wit_shards_dataset_open(dir, NULL, &ds, err);
    if (st >= 0 && wit_path_join(path, dir, "dataset.json") < 0)
        st = wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    if (st >= 0)
        st = wit_json_load(path, MANIFEST_MOST_BYTES, &out->manifest, err);
    if (st >= 0)
        st = crawl_take(out, dir, err);
    if (st < 0)
        goto out;
    out->hash = wit_shards_dataset_hash(ds);
    out->samples = wit_shards_dataset_samples(ds);
    out->pairs = wit_shards_dataset_pairs(ds);
    out->shards = wit_shards_dataset_shards(ds);
    for (size_t s = 0; s < wit_shards_dataset_shards(ds) && st >= 0; s++) {
        st = shard_take(out, ds, s, &url, &record, &origins, interrupt, err);
        wit_progress_update(progress, s + 1, 0, NULL);
    }
out:
    wit_shards_dataset_close(ds);
    wit_url_finish(&url);
    wit_buf_finish(&record);
    wit_buf_finish(&origins);
    return st < 0 ? st : 0;
}

void card_facts_finish(struct card_facts *f) {
    tally_finish(&f->domains);
    tally_finish(&f->rights);
    wit_json_destroy(f->manifest);
}
