/* index_tar.c: gather what the samples of a tar are, then one front and one origin for each image.
 */
#include "index_tar.h"
#include "origin.h"

#include <stdlib.h>

#define TEXTS_MAX_BYTES ((size_t)16 << 30)
enum { NONE = -1 };

struct held_place {
    struct import_place place;
    size_t words_from, words_to;
};

struct held_words {
    struct record_caption caption;
    struct wit_str page, extra, rights;
};

struct held {
    struct tar_entry entry;
    struct wit_image_info info;
    size_t places_from, places_to;
    int64_t next; /* with the same image; NONE */
    bool repeats; /* an earlier one has it */
};

/* An array that grows. */
struct list {
    void *items;
    size_t count, cap, size;
};

struct tar_indexer {
    const struct wit_shards_import_config *cfg;
    struct import_maker *maker;
    struct import_parts parts;
    struct wit_arena *arena;         /* texts of the tar at hand */
    struct list held, places, words; /* struct held, held_place, held_words: of the tar */
    struct list captions, at_place;  /* record_caption, held_words: of a sample */
    struct list order, same;         /* size_t: of the tar, of a sample's places */
    struct list entries;
    struct wit_buf texts;
};

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for the index of a tar");
}

static void *list_add(struct list *l, struct wit_error *err) {
    if (l->count == l->cap) {
        size_t more = l->cap ? 2 * l->cap : 64;
        void *bigger = wit_realloc_array(l->items, more, l->size);
        if (!bigger) {
            no_memory(err);
            return NULL;
        }
        l->items = bigger;
        l->cap = more;
    }
    return (char *)l->items + l->size * l->count++;
}

int tar_indexer_create(const struct wit_shards_import_config *cfg, struct tar_indexer **out,
                       struct wit_error *err) {
    struct tar_indexer *x = calloc(1, sizeof *x);
    if (!x)
        return no_memory(err);
    x->cfg = cfg;
    import_parts_init(&x->parts);
    x->held.size = sizeof(struct held);
    x->places.size = sizeof(struct held_place);
    x->words.size = x->at_place.size = sizeof(struct held_words);
    x->captions.size = sizeof(struct record_caption);
    x->order.size = x->same.size = sizeof(size_t);
    x->entries.size = sizeof(struct tar_entry);
    x->texts = (struct wit_buf)WIT_BUF_INIT(TEXTS_MAX_BYTES);
    x->arena = wit_arena_create(TEXTS_MAX_BYTES);
    int st = x->arena ? import_maker_create(cfg, &x->maker, err) : no_memory(err);
    if (st < 0)
        tar_indexer_destroy(x);
    else
        *out = x;
    return st;
}

void tar_indexer_destroy(struct tar_indexer *x) {
    if (!x)
        return;
    import_maker_destroy(x->maker);
    import_parts_finish(&x->parts);
    wit_arena_destroy(x->arena);
    wit_buf_finish(&x->texts);
    struct list *const lists[] = { &x->held,     &x->places, &x->words, &x->captions,
                                   &x->at_place, &x->order,  &x->same,  &x->entries };
    for (size_t i = 0; i < WIT_COUNT_OF(lists); i++)
        free(lists[i]->items);
    free(x);
}

/* ---- gathering ------------------------------------------------------------------------------ */

static bool keep(struct tar_indexer *x, struct wit_str *s) {
    if (s->len == 0)
        return true;
    s->data = wit_arena_copy(x->arena, s->data, s->len);
    return s->data != NULL;
}

static int words_hold(struct tar_indexer *x, const struct import_sample *s, size_t place,
                      struct wit_error *err) {
    for (size_t i = 0; i < s->word_count; i++) {
        if (s->words[i].place != place)
            continue;
        struct held_words *w = list_add(&x->words, err);
        if (!w)
            return WIT_ENOMEM;
        *w = (struct held_words){ .caption = { .text = s->words[i].text,
                                               .source = (uint16_t)s->words[i].source },
                                  .page = s->words[i].page,
                                  .extra = s->words[i].extra,
                                  .rights = s->words[i].rights };
        if (!keep(x, &w->caption.text) || !keep(x, &w->page) || !keep(x, &w->extra) ||
            !keep(x, &w->rights))
            return no_memory(err);
    }
    return 0;
}

static int sample_hold(struct tar_indexer *x, const struct import_sample *s,
                       struct wit_error *err) {
    struct held *h = list_add(&x->held, err);
    if (!h)
        return WIT_ENOMEM;
    *h = (struct held){
        .entry = { .key = s->key, .image_at = x->parts.image.offset, .image_bytes = s->image.len },
        .info = s->info,
        .places_from = x->places.count,
        .next = NONE
    };
    int st = 0;
    for (size_t i = 0; i < s->place_count && st >= 0; i++) {
        struct held_place *p = list_add(&x->places, err);
        if (!p)
            return WIT_ENOMEM;
        *p = (struct held_place){ .place = s->places[i], .words_from = x->words.count };
        st = words_hold(x, s, i, err);
        p->words_to = x->words.count;
        if (st >= 0 && (!keep(x, &p->place.url) || !keep(x, &p->place.final_url) ||
                        !keep(x, &p->place.headers) || !keep(x, &p->place.rights)))
            st = no_memory(err);
    }
    h->places_to = x->places.count;
    return st;
}

static const char *too_long(const struct import_sample *s) {
    for (size_t i = 0; i < s->word_count; i++)
        if (s->words[i].text.len > WIT_SHARDS_MAX_FIELD_BYTES)
            return "field_too_long"; /* as a collector has it */
    return NULL;
}

static int tar_read(struct tar_indexer *x, struct import_source *source, const char *path,
                    index_refuse_fn refuse, void *user, struct index_counts *c,
                    struct wit_error *fault, struct wit_error *err) {
    int st;
    while ((st = import_source_next(source, &x->parts, fault)) > 0) {
        struct import_sample s;
        c->ignored += x->parts.ignored;
        c->samples++;
        if (x->cfg->interrupt && *x->cfg->interrupt)
            return wit_error_set(err, WIT_ECANCELED, "interrupted in %s", path);
        st = import_sample_make(x->maker, path, &x->parts, &s, err);
        if (st < 0)
            return st;
        c->facts_broken += s.facts_broken;
        c->facts_left_out += s.facts_left_out;
        const char *reason = s.reason ? s.reason : too_long(&s);
        c->refused += reason != NULL;
        c->stored += !reason;
        if (reason && refuse)
            refuse(user, path, x->parts.key, reason);
        st = reason ? 0 : sample_hold(x, &s, err);
        if (st < 0)
            return st;
    }
    c->ignored += x->parts.ignored;
    if (st == WIT_ENOMEM)
        return no_memory(err);
    if (st == 0 && !import_source_was_ended(source))
        wit_error_set(fault, WIT_ECORRUPT,
                      "%s has no end: whoever wrote it was stopped, or it was cut", path);
    return 0;
}

/* ---- one image, several times ---------------------------------------------------------------- */

static int held_order(const void *a, const void *b, void *user) {
    const struct held *held = user;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    int order = wit_hash128_cmp(held[i].entry.key, held[k].entry.key);
    return order ? order : (i > k) - (i < k);
}

/* Chain those that have one image; the first of the tar is where it is read. */
static int repeats_find(struct tar_indexer *x, struct index_counts *c, struct wit_error *err) {
    struct held *held = x->held.items;
    x->order.count = 0;
    for (size_t i = 0; i < x->held.count; i++) {
        size_t *place = list_add(&x->order, err);
        if (!place)
            return WIT_ENOMEM;
        *place = i;
    }
    size_t *order = x->order.items;
    if (x->order.count)
        qsort_r(order, x->order.count, sizeof *order, held_order, held);
    for (size_t i = 1; i < x->order.count; i++)
        if (wit_hash128_eq(held[order[i - 1]].entry.key, held[order[i]].entry.key)) {
            held[order[i - 1]].next = (int64_t)order[i];
            held[order[i]].repeats = true;
            c->merged++;
        }
    return 0;
}

/* ---- texts ---------------------------------------------------------------------------------- */

static int words_order(const void *a, const void *b) {
    const struct held_words *x = a, *y = b;
    int order = record_caption_cmp(&x->caption, &y->caption);
    if (order == 0)
        order = wit_str_cmp(x->page, y->page);
    if (order == 0)
        order = wit_str_cmp(x->extra, y->extra);
    return order ? order : wit_str_cmp(x->rights, y->rights);
}

static int place_order(const void *a, const void *b, void *user) {
    const struct held_place *places = user;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    int order = wit_str_cmp(places[i].place.url, places[k].place.url);
    return order ? order : (i > k) - (i < k);
}

/* Captions and places of a sample and of those that have its image. */
static int sample_gather(struct tar_indexer *x, size_t first, struct wit_error *err) {
    const struct held *held = x->held.items;
    const struct held_place *places = x->places.items;
    const struct held_words *words = x->words.items;
    x->captions.count = x->same.count = 0;
    for (int64_t i = (int64_t)first; i != NONE; i = held[i].next)
        for (size_t p = held[i].places_from; p < held[i].places_to; p++) {
            size_t *place = list_add(&x->same, err);
            if (!place)
                return WIT_ENOMEM;
            *place = p;
            for (size_t w = places[p].words_from; w < places[p].words_to; w++) {
                struct record_caption *c = list_add(&x->captions, err);
                if (!c)
                    return WIT_ENOMEM;
                *c = words[w].caption;
            }
        }
    qsort_r(x->same.items, x->same.count, sizeof(size_t), place_order, x->places.items);
    return 0;
}

/* One line for the places [from, to) of x->same, which have one URL. */
static int origin_put(struct tar_indexer *x, size_t from, size_t to, uint32_t captions,
                      struct wit_error *err) {
    const struct held_place *places = x->places.items;
    const size_t *same = x->same.items;
    const struct import_place *place = &places[same[from]].place;
    const struct wit_shards_fetched f = { .url = place->url,
                                          .final_url = place->final_url,
                                          .headers = place->headers,
                                          .rights = place->rights,
                                          .fetched_at_s = place->fetched_at_s };
    struct origin_writer w;
    x->at_place.count = 0;
    for (size_t i = from; i < to; i++)
        for (size_t k = places[same[i]].words_from; k < places[same[i]].words_to; k++) {
            struct held_words *words = list_add(&x->at_place, err);
            if (!words)
                return WIT_ENOMEM;
            *words = ((struct held_words *)x->words.items)[k];
        }
    struct held_words *words = x->at_place.items;
    if (x->at_place.count)
        qsort(words, x->at_place.count, sizeof *words, words_order);
    origin_begin(&w, &f, &x->texts);
    for (size_t i = 0; i < x->at_place.count; i++)
        if (i == 0 || words_order(&words[i - 1], &words[i]) != 0)
            origin_seen(&w, record_caption_find(x->captions.items, captions, &words[i].caption),
                        words[i].page, words[i].extra, words[i].rights);
    return origin_end(&w) < 0 ? no_memory(err) : 0;
}

static int origins_put(struct tar_indexer *x, uint32_t captions, struct wit_error *err) {
    const struct held_place *places = x->places.items;
    const size_t *same = x->same.items;
    int st = 0;
    for (size_t from = 0, to; from < x->same.count && st >= 0; from = to) {
        for (to = from + 1; to < x->same.count &&
                            wit_str_eq(places[same[to]].place.url, places[same[from]].place.url);)
            to++;
        st = origin_put(x, from, to, captions, err);
    }
    return st;
}

static int sample_put(struct tar_indexer *x, size_t first, struct wit_error *err) {
    const struct held *h = &((const struct held *)x->held.items)[first];
    size_t start = x->texts.len, cut = 0;
    int st = sample_gather(x, first, err);
    if (st < 0)
        return st;
    uint32_t captions = record_captions_make(x->captions.items, x->captions.count, &cut);
    const struct record_image image = { .info = h->info,
                                        .bytes = (size_t)h->entry.image_bytes,
                                        .hash = h->entry.key };
    struct tar_entry *e = list_add(&x->entries, err);
    if (!e)
        return WIT_ENOMEM;
    *e = h->entry;
    e->front_at = start;
    if (record_front_encode(e->key, &image, x->captions.items, captions, &x->texts) < 0)
        return no_memory(err);
    e->front_bytes = (uint32_t)(x->texts.len - start);
    st = origins_put(x, captions, err);
    if (st < 0)
        return st;
    size_t origin = x->texts.len - start - e->front_bytes;
    if (origin > UINT32_MAX)
        return wit_error_set(err, WIT_ELIMIT, "a sample has origins of %zu bytes", origin);
    e->origin_bytes = (uint32_t)origin;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void forget(struct tar_indexer *x) {
    x->held.count = x->places.count = x->words.count = x->entries.count = 0;
    wit_buf_reset(&x->texts);
    wit_arena_reset(x->arena);
}

int tar_indexer_run(struct tar_indexer *x, const char *source, const char *stored,
                    const struct tar_facts *facts, index_refuse_fn refuse, void *user,
                    struct index_counts *counts, struct wit_buf *out, struct wit_error *fault,
                    struct wit_error *err) {
    struct import_source *s = NULL;
    *counts = (struct index_counts){ .samples = 0 };
    forget(x);
    int st = import_source_open(source, WIT_SHARDS_IMPORT_WEBDATASET, &s, fault);
    if (st < 0)
        return st == WIT_ENOMEM ? no_memory(err) : 0;
    if (import_source_is_packed(s))
        wit_error_set(fault, WIT_EUNSUPPORTED,
                      "%s is gzipped, so its samples can't be read in place: import it, or unpack "
                      "it",
                      source);
    else
        st = tar_read(x, s, source, refuse, user, counts, fault, err);
    import_source_close(s);
    if (st >= 0)
        st = repeats_find(x, counts, err);
    for (size_t i = 0; i < x->held.count && st >= 0; i++)
        if (!((const struct held *)x->held.items)[i].repeats)
            st = sample_put(x, i, err);
    if (st >= 0 && tar_index_encode(stored, facts, x->entries.items, x->entries.count,
                                    wit_buf_view(&x->texts), out) < 0)
        st = no_memory(err);
    return st < 0 ? st : 0;
}
