/* looks.c: the looks of a dataset: those that are kept are read, the others computed and kept. */
#include "look_file.h"
#include "shard_workers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ORIGINS_MAX_BYTES ((size_t)1 << 30)

/* ---- one image ------------------------------------------------------------------------------ */

struct wit_shards_looker {
    struct wit_image_decoder *decoder;
    struct wit_image_phasher *phasher;
    struct wit_image_pixels pixels;
};

struct wit_shards_looker *wit_shards_looker_create(void) {
    struct wit_shards_looker *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->decoder = wit_image_decoder_create();
    l->phasher = wit_image_phasher_create();
    if (!l->decoder || !l->phasher) {
        wit_shards_looker_destroy(l);
        return NULL;
    }
    return l;
}

void wit_shards_looker_destroy(struct wit_shards_looker *l) {
    if (!l)
        return;
    wit_image_decoder_destroy(l->decoder);
    wit_image_phasher_destroy(l->phasher);
    wit_image_pixels_finish(&l->pixels);
    free(l);
}

/* hashes, decodes, width, height, image_bytes of out. */
static int pixels_look(struct wit_shards_looker *l, struct wit_str bytes,
                       struct wit_shards_look *out, struct wit_error *err) {
    static const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    int st = wit_image_decode_rgb(l->decoder, bytes, &limits, &l->pixels, err);
    out->decodes = st >= 0;
    out->hashes = (struct wit_image_phashes){ .quality = 0 };
    out->image_bytes = bytes.len < UINT32_MAX ? (uint32_t)bytes.len : UINT32_MAX;
    if (st < 0)
        return st == WIT_ENOMEM ? st : 0;
    out->width = l->pixels.width;
    out->height = l->pixels.height;
    const struct wit_image_view whole = wit_image_view_of(&l->pixels);
    return wit_image_phash_compute(l->phasher, &whole, &out->hashes, err);
}

int wit_shards_looker_look(struct wit_shards_looker *l, struct wit_str bytes,
                           struct wit_shards_look *out, struct wit_error *err) {
    struct wit_shards_look look = { .key = wit_hash128_of(bytes.data, bytes.len) };
    int st = pixels_look(l, bytes, &look, err);
    if (st >= 0)
        *out = look;
    return st < 0 ? st : 0;
}

/* ---- one shard ------------------------------------------------------------------------------ */

struct shard_looks {
    const struct wit_shards_looks_options *options;
    struct wit_shards_dataset *ds;
    size_t shard;
    struct wit_shards_look *looks; /* of every sample; the known ones are filled in */
    uint32_t *missing;             /* indices of the others */
    uint64_t missing_count;
    atomic_uchar *computed; /* of missing[i] */
    atomic_uint_fast64_t next;
    uint64_t done_before, total; /* for progress */
    pthread_mutex_t lock;        /* guards done, status, err, progress() */
    uint64_t done;
    int status;
    struct wit_error err;
};

/* How many URLs the lines of an origin stand for: one each, and what a last line leaves out. */
static uint32_t urls_count(struct wit_str origins) {
    static const struct wit_str left_out = { "{\"urls_left_out\":", 17 };
    struct wit_str line;
    uint64_t urls = 0, more = 0;
    for (size_t at = 0; wit_str_line_next(origins, &at, &line);) {
        if (wit_str_starts_with(line, left_out) && wit_str_ends_with(line, WIT_STR("}")))
            (void)wit_str_to_u64(wit_str_slice(line, left_out.len, line.len - 1), &more);
        else
            urls += line.len > 0;
    }
    urls = urls + more < urls ? UINT64_MAX : urls + more;
    return urls < UINT32_MAX ? (uint32_t)urls : UINT32_MAX;
}

struct look_worker {
    struct wit_shards_looker *looker;
    struct wit_buf record, origins;
};

static int sample_look(struct shard_looks *s, struct look_worker *w, uint32_t index,
                       struct wit_error *err) {
    struct wit_shards_sample sample;
    struct wit_shards_look *look = &s->looks[index];
    int st = wit_shards_read(s->ds, s->shard, index, &w->record, &sample, err);
    if (st < 0)
        return st;
    wit_buf_reset(&w->origins);
    st = wit_shards_origin(s->ds, sample.key, &w->origins, err);
    if (st < 0)
        return st;
    look->width = sample.info.width;
    look->height = sample.info.height;
    look->captions = sample.caption_count;
    look->urls = urls_count(wit_buf_view(&w->origins));
    return pixels_look(w->looker, sample.image, look, err);
}

static void shard_note(struct shard_looks *s, int st, const struct wit_error *err) {
    const struct wit_shards_looks_options *o = s->options;
    pthread_mutex_lock(&s->lock);
    if (st < 0 && s->status == 0) {
        s->status = st;
        s->err = *err;
    } else if (st >= 0) {
        s->done++;
        if (o->progress)
            o->progress(o->user, s->done_before + s->done, s->total);
    }
    pthread_mutex_unlock(&s->lock);
}

static bool shard_is_over(struct shard_looks *s) {
    const struct wit_shards_looks_options *o = s->options;
    pthread_mutex_lock(&s->lock);
    if (o->interrupt && *o->interrupt && s->status == 0)
        s->status = wit_error_set(&s->err, WIT_ECANCELED,
                                  "interrupted; what was hashed is kept, the same command goes on");
    bool over = s->status < 0;
    pthread_mutex_unlock(&s->lock);
    return over;
}

static void *shard_work(void *arg) {
    struct shard_looks *s = arg;
    struct wit_error err = WIT_ERROR_INIT;
    struct look_worker w = { .looker = wit_shards_looker_create(),
                             .record = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES),
                             .origins = WIT_BUF_INIT(ORIGINS_MAX_BYTES) };
    if (!w.looker)
        shard_note(s, wit_error_set(&err, WIT_ENOMEM, "no memory to hash images"), &err);
    while (!shard_is_over(s)) {
        const uint64_t i = atomic_fetch_add(&s->next, 1);
        if (i >= s->missing_count)
            break;
        int st = sample_look(s, &w, s->missing[i], &err);
        if (st >= 0)
            atomic_store(&s->computed[i], 1);
        shard_note(s, st, &err);
    }
    wit_shards_looker_destroy(w.looker);
    wit_buf_finish(&w.record);
    wit_buf_finish(&w.origins);
    return NULL;
}

/* Fill in what is kept, and list what is not. */
static int known_fill(struct shard_looks *s, const struct looks *known, uint64_t samples,
                      struct wit_error *err) {
    int st = 0;
    for (uint64_t i = 0; i < samples && st >= 0; i++) {
        struct wit_hash128 key;
        st = wit_shards_key(s->ds, s->shard, i, &key, err);
        const struct wit_shards_look *look = st < 0 ? NULL : looks_find(known, key);
        if (look)
            s->looks[i] = *look;
        else if (st >= 0) {
            s->looks[i] = (struct wit_shards_look){ .key = key };
            s->missing[s->missing_count++] = (uint32_t)i;
        }
    }
    return st;
}

static int order_look(const void *x, const void *y) {
    const struct wit_shards_look *a = x, *b = y;
    return wit_hash128_cmp(a->key, b->key);
}

/* Keep what is known now; samples that are not computed have no entry. */
static void shard_keep(const struct shard_looks *s, const char *dir, const char *file,
                       uint64_t samples) {
    struct wit_error why = WIT_ERROR_INIT;
    struct looks keep = { wit_alloc_array((size_t)samples + 1, sizeof *keep.items), 0 };
    uint64_t m = 0;
    for (uint64_t i = 0; keep.items && i < samples; i++) {
        bool known = true;
        if (m < s->missing_count && s->missing[m] == i)
            known = atomic_load(&s->computed[m++]);
        if (known)
            keep.items[keep.count++] = s->looks[i];
    }
    if (keep.count) /* samples in a tar have its order */
        qsort(keep.items, (size_t)keep.count, sizeof *keep.items, order_look);
    int st = keep.items ? look_file_write(dir, file, &keep, &why)
                        : wit_error_set(&why, WIT_ENOMEM, "no memory");
    if (st < 0)
        wit_log_warn("shards",
                     "perceptual hashes of %s are not kept, and are made anew next time: %s", file,
                     why.text);
    looks_finish(&keep);
}

static int known_read(const char *dir, const char *file, struct looks *known,
                      struct wit_error *err) {
    struct wit_error why = WIT_ERROR_INIT;
    int st = look_file_read(dir, file, known, &why);
    if (st == WIT_ENOMEM)
        return wit_error_set(err, st, "%s", why.text);
    if (st < 0 && st != WIT_ENOTFOUND)
        wit_log_warn("shards", "%s; it is made anew", why.text);
    return 0;
}

/* looks: room for the samples of the shard. */
static int shard_looks_make(struct shard_looks *s, const char *dir, struct wit_error *err) {
    struct wit_shards_shard_info info;
    struct looks known = { NULL, 0 };
    wit_shards_shard_info(s->ds, s->shard, &info);
    int st = known_read(dir, info.file, &known, err);
    s->missing = wit_alloc_array((size_t)info.samples + 1, sizeof *s->missing);
    if (st >= 0 && !s->missing)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for %" PRIu64 " samples", info.samples);
    if (st >= 0)
        st = known_fill(s, &known, info.samples, err);
    if (st >= 0 && (s->missing_count > 0 || known.count != info.samples)) {
        s->computed = wit_alloc_array((size_t)s->missing_count + 1, sizeof *s->computed);
        if (!s->computed) {
            st = wit_error_set(err, WIT_ENOMEM, "no memory for %" PRIu64 " samples", info.samples);
        } else {
            s->done_before += info.samples - s->missing_count;
            shard_workers_run(s->options->threads, (size_t)s->missing_count, shard_work, s);
            shard_keep(s, dir, info.file, info.samples);
            st = s->status;
            if (st < 0 && err)
                *err = s->err;
        }
    }
    looks_finish(&known);
    free(s->missing);
    free(s->computed);
    return st;
}

/* ---- the dataset ---------------------------------------------------------------------------- */

int wit_shards_looks(const char *dir, const struct wit_shards_looks_options *options,
                     struct wit_shards_look **looks, uint64_t *count, struct wit_error *err) {
    static const struct wit_shards_looks_options none;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_look *all = NULL;
    uint64_t at = 0;
    int st = wit_shards_dataset_open(dir, NULL, &ds, err);
    if (st < 0)
        return st;
    const uint64_t total = wit_shards_dataset_samples(ds);
    if (total >= UINT32_MAX)
        st = wit_error_set(err, WIT_ELIMIT, "%s has %" PRIu64 " samples, more than can be compared",
                           dir, total);
    else if (!(all = wit_alloc_array((size_t)total + 1, sizeof *all)))
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the hashes of %s", dir);
    for (size_t i = 0; i < wit_shards_dataset_shards(ds) && st >= 0; i++) {
        struct shard_looks s = { .options = options ? options : &none,
                                 .ds = ds,
                                 .shard = i,
                                 .looks = all + at,
                                 .done_before = at,
                                 .total = total };
        if (pthread_mutex_init(&s.lock, NULL) != 0) {
            st = wit_error_set(err, WIT_ENOMEM, "no memory for a lock");
            break;
        }
        st = shard_looks_make(&s, dir, err);
        pthread_mutex_destroy(&s.lock);
        at += wit_shards_shard_samples(ds, i);
        wit_shards_shard_release(ds, i);
    }
    if (st >= 0) {
        struct wit_error why = WIT_ERROR_INIT;
        if (look_file_strays_remove(dir, &why) < 0)
            wit_log_warn("shards", "%s; it is of no use any more", why.text);
        *looks = all;
        *count = at;
        all = NULL;
    }
    free(all);
    wit_shards_dataset_close(ds);
    return st;
}
