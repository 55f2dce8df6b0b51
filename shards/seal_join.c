/*
 * seal_join.c: joins candidates with images by URL.
 *
 * Images and candidates are sorted by the hash of their URL and merged; each image that has words
 * is then sorted by its key, with its words behind it. All integers are big-endian, so that memcmp
 * over a record is the order wanted:
 *   image      URL 16, key 16, offset 8, bytes 4
 *   candidate  URL 16, offset 8
 *   entry      key 16, URL 16, offset of the image 8, then 8: the image's bytes, or the candidate's
 *              offset with the top bit set, which comes behind
 */
#include "seal_join.h"

#include "manifest.h"

enum { IMAGE_BYTES = 44, CANDIDATE_BYTES = 24, ENTRY_BYTES = 48, URL_BYTES = 16 };
#define WORD_BIT ((uint64_t)1 << 63)
/* Images, candidates and entries each take a share; the rest is for the plans of the prefixes. */
enum { SHARES = 4 };
enum { SAMPLE_OVERHEAD_BYTES = 4096 }; /* captions, page remainders */

struct joining {
    struct join *join;
    struct spill *images, *candidates;
    const volatile int *interrupt;
};

static int interrupted(const struct joining *j, struct wit_error *err) {
    if (j->interrupt && *j->interrupt)
        return wit_error_set(err, WIT_ECANCELED, "interrupted while reading the logs");
    return 0;
}

/* ---- reading the logs ------------------------------------------------------------------------ */

static int image_add(struct joining *j, const struct segment_frame *frame, struct wit_error *err) {
    struct collect_image image;
    uint8_t record[IMAGE_BYTES];
    int st = collect_image_decode(frame->head, &image, err);
    if (st < 0)
        return st;
    wit_hash128_to_bytes(wit_hash128_of(image.fetched.url.data, image.fetched.url.len), record);
    wit_hash128_to_bytes(image.key, record + 16);
    wit_store_be64(record + 32, frame->offset);
    wit_store_be32(record + 40, (uint32_t)frame->body_bytes);
    return spill_add(j->images, record, err);
}

static int candidate_add(struct joining *j, const struct segment_frame *frame,
                         struct wit_error *err) {
    struct wit_shards_candidate cand;
    uint8_t record[CANDIDATE_BYTES];
    int st = collect_candidate_decode(frame->head, &cand, err);
    if (st < 0)
        return st;
    wit_hash128_to_bytes(wit_hash128_of(cand.url.data, cand.url.len), record);
    wit_store_be64(record + 16, frame->offset);
    return spill_add(j->candidates, record, err);
}

static int log_read(struct joining *j, const char *path, enum segment_kind kind, uint64_t committed,
                    struct wit_error *err) {
    struct segment_reader reader;
    struct segment_frame frame;
    int st = segment_reader_open(&reader, path, kind, committed, err);
    if (st < 0)
        return st;
    while ((st = segment_reader_next(&reader, &frame, err)) > 0) {
        st = interrupted(j, err);
        if (st >= 0)
            st = kind == SEGMENT_IMAGES ? image_add(j, &frame, err) : candidate_add(j, &frame, err);
        if (st == WIT_ECORRUPT)
            wit_error_wrap(err, "%s: byte %llu", path, (unsigned long long)frame.offset);
        if (st < 0)
            break;
    }
    segment_reader_close(&reader);
    return st;
}

static int logs_read(struct joining *j, struct wit_error *err) {
    const struct join *to = j->join;
    char path[WIT_PATH_MAX];
    int st = 0;
    for (unsigned g = 0; g < COLLECT_GROUPS && st >= 0; g++) {
        st = collect_images_path(path, to->dir, g, err);
        if (st >= 0)
            st = log_read(j, path, SEGMENT_IMAGES, to->commit.images[g], err);
    }
    if (st >= 0)
        st = spill_settle(j->images, err);
    if (st >= 0)
        st = collect_path(path, to->dir, "candidates.log", err);
    if (st >= 0)
        st = log_read(j, path, SEGMENT_CANDIDATES, to->commit.candidates, err);
    return st < 0 ? st : spill_settle(j->candidates, err);
}

/* ---- merging --------------------------------------------------------------------------------- */

static int entry_add(struct joining *j, const uint8_t *image, uint64_t tail,
                     struct wit_error *err) {
    uint8_t record[ENTRY_BYTES];
    memcpy(record, image + 16, 16);
    memcpy(record + 16, image, 16);
    memcpy(record + 32, image + 32, 8);
    wit_store_be64(record + 40, tail);
    return spill_add(j->join->entries, record, err);
}

/* Both sequences, each at a record or at its end. Images of one URL are nearly always one: the
 * candidates of a URL are passed again for each further one. */
struct merging {
    struct spill_cursor images, candidates;
    const uint8_t *image, *candidate; /* NULL: no more */
    uint64_t candidate_at;            /* place of `candidate` */
};

static int step(struct spill_cursor *c, const uint8_t **record, struct wit_error *err) {
    int st = spill_cursor_next(c, record, err);
    if (st == 0)
        *record = NULL;
    return st;
}

static int candidates_step(struct merging *m, struct wit_error *err) {
    m->candidate_at++;
    return step(&m->candidates, &m->candidate, err);
}

/* The candidates from `from` on that have the URL of the image, again. */
static int words_again(struct joining *j, const uint8_t *image, uint64_t from, uint64_t to,
                       struct wit_error *err) {
    struct spill_cursor c;
    const uint8_t *candidate;
    int st = spill_cursor_begin(&c, j->candidates, from, to, err);
    while (st >= 0 && (st = spill_cursor_next(&c, &candidate, err)) > 0)
        st = entry_add(j, image, WORD_BIT | wit_load_be64(candidate + URL_BYTES), err);
    spill_cursor_finish(&c);
    return st;
}

/* All images of the URL at hand, each with all its candidates. */
static int url_merge(struct joining *j, struct merging *m, struct wit_error *err) {
    uint8_t first[IMAGE_BYTES];
    uint64_t from = m->candidate_at;
    memcpy(first, m->image, sizeof first);
    int st = entry_add(j, first, wit_load_be32(first + 40), err);
    while (st >= 0 && m->candidate && memcmp(m->candidate, first, URL_BYTES) == 0) {
        st = entry_add(j, first, WORD_BIT | wit_load_be64(m->candidate + URL_BYTES), err);
        if (st >= 0)
            st = candidates_step(m, err);
    }
    if (st >= 0)
        st = step(&m->images, &m->image, err);
    while (st >= 0 && m->image && memcmp(m->image, first, URL_BYTES) == 0) {
        st = entry_add(j, m->image, wit_load_be32(m->image + 40), err);
        if (st >= 0)
            st = words_again(j, m->image, from, m->candidate_at, err);
        if (st >= 0)
            st = step(&m->images, &m->image, err);
    }
    return st;
}

static int merge(struct joining *j, struct wit_error *err) {
    struct merging m = { .image = NULL };
    int st = spill_cursor_begin(&m.images, j->images, 0, spill_count(j->images), err);
    if (st >= 0)
        st = spill_cursor_begin(&m.candidates, j->candidates, 0, spill_count(j->candidates), err);
    if (st >= 0)
        st = step(&m.images, &m.image, err);
    if (st >= 0)
        st = step(&m.candidates, &m.candidate, err);
    while (st >= 0 && m.image && m.candidate) {
        int order = memcmp(m.image, m.candidate, URL_BYTES);
        if (order < 0)
            st = step(&m.images, &m.image, err);
        else if (order > 0)
            st = candidates_step(&m, err);
        else
            st = url_merge(j, &m, err);
        if (st >= 0)
            st = interrupted(j, err);
    }
    spill_cursor_finish(&m.images);
    spill_cursor_finish(&m.candidates);
    return st < 0 ? st : spill_settle(j->join->entries, err);
}

int join_make(const char *dir, uint64_t memory_bytes, const volatile int *interrupt,
              struct join *out, struct wit_error *err) {
    struct joining j = { .join = out, .interrupt = interrupt };
    const size_t share = (size_t)(memory_bytes / SHARES);
    char folder[WIT_PATH_MAX];
    if (snprintf(out->dir, sizeof out->dir, "%s", dir) >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    int st = manifest_shard_path(folder, dir, "", err);
    if (st >= 0)
        st = spill_create(folder, IMAGE_BYTES, share, interrupt, &j.images, err);
    if (st >= 0)
        st = spill_create(folder, CANDIDATE_BYTES, share, interrupt, &j.candidates, err);
    if (st >= 0)
        st = spill_create(folder, ENTRY_BYTES, share, interrupt, &out->entries, err);
    if (st >= 0)
        st = logs_read(&j, err);
    if (st >= 0)
        st = merge(&j, err);
    if (st >= 0)
        out->spilled_bytes = spill_file_bytes(j.images) + spill_file_bytes(j.candidates) +
                             spill_file_bytes(out->entries);
    spill_destroy(j.images);
    spill_destroy(j.candidates);
    return st;
}

void join_finish(struct join *j) {
    wit_shards_removed_close(j->removed);
    j->removed = NULL;
    spill_destroy(j->entries);
    j->entries = NULL;
}

/* ---- what came of it --------------------------------------------------------------------------
 */

struct join_entry join_entry_get(const uint8_t *record) {
    uint64_t tail = wit_load_be64(record + 40);
    struct join_entry e = { .key = wit_hash128_from_bytes(record),
                            .url = wit_hash128_from_bytes(record + 16),
                            .image = wit_load_be64(record + 32),
                            .is_word = tail & WORD_BIT };
    if (e.is_word)
        e.candidate = tail & ~WORD_BIT;
    else
        e.bytes = tail;
    return e;
}

int join_image_bytes(const struct join *j, uint64_t *out, struct wit_error *err) {
    struct spill_cursor c;
    const uint8_t *record;
    struct wit_hash128 last = { 0, 0 };
    uint64_t bytes = 0;
    int st = spill_cursor_begin(&c, j->entries, 0, spill_count(j->entries), err);
    while (st >= 0 && (st = spill_cursor_next(&c, &record, err)) > 0) {
        const struct join_entry e = join_entry_get(record);
        if (e.is_word || (bytes && wit_hash128_eq(e.key, last)))
            continue;
        bytes += e.bytes + SAMPLE_OVERHEAD_BYTES;
        last = e.key;
    }
    spill_cursor_finish(&c);
    if (st >= 0)
        *out = bytes;
    return st;
}

int join_prefix_begin(const struct join *j, int bits, uint64_t prefix, uint64_t *out,
                      struct wit_error *err) {
    uint64_t low = 0, high = spill_count(j->entries);
    uint8_t record[ENTRY_BYTES];
    int st = 0;
    if (bits == 0)
        low = prefix ? high : 0;
    while (bits && low < high && st >= 0) {
        uint64_t mid = low + (high - low) / 2;
        st = spill_read(j->entries, mid, 1, record, err);
        if (st >= 0 && wit_load_be64(record) >> (64 - bits) < prefix)
            low = mid + 1;
        else
            high = mid;
    }
    if (st >= 0)
        *out = low;
    return st;
}
