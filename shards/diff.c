/* diff.c: two datasets side by side, key by key. */
#include "dataset.h"
#include "key_walk.h"
#include "wit_shards_merge.h"

#define FRONT_MAX_BYTES (2 * WIT_SHARDS_MAX_CAPTION_BYTES)

struct diff {
    struct wit_shards_dataset *ds[2];
    struct wit_buf fronts[2];
    wit_shards_difference_fn fn;
    void *user;
    struct wit_shards_diff_report report;
};

/* Equal hashes and lengths are equal bytes here: they are not read. */
static bool images_differ(const struct record_front *a, const struct record_front *b) {
    enum { FACTS_AT = 1, FACTS_END = 16 }; /* of the header: flags to height */
    return !wit_hash128_eq(a->image.hash, b->image.hash) || a->image.bytes != b->image.bytes ||
           memcmp(a->sample.value.data + FACTS_AT, b->sample.value.data + FACTS_AT,
                  FACTS_END - FACTS_AT) != 0;
}

static bool captions_differ(const struct record_front *a, const struct record_front *b) {
    struct wit_str x = a->sample.value, y = b->sample.value;
    return a->sample.caption_count != b->sample.caption_count ||
           !wit_str_eq(wit_str_slice(x, RECORD_HEADER_BYTES, x.len),
                       wit_str_slice(y, RECORD_HEADER_BYTES, y.len));
}

static int both_compare(struct diff *d, const struct key_record *records,
                        struct wit_shards_difference *out, struct wit_error *err) {
    struct record_front fronts[2];
    for (size_t i = 0; i < 2; i++) {
        int st =
            shard_file_front(records[i].file, records[i].index, &d->fronts[i], &fronts[i], err);
        if (st < 0)
            return st;
    }
    out->captions = captions_differ(&fronts[0], &fronts[1]);
    out->image = images_differ(&fronts[0], &fronts[1]);
    return 0;
}

static int key_compare(struct diff *d, struct wit_hash128 key, const struct key_record *records,
                       size_t count, struct wit_error *err) {
    struct wit_shards_diff_report *r = &d->report;
    struct wit_shards_difference one = { .key = key };
    one.in_a = records[0].input == 0;
    one.in_b = records[count - 1].input == 1;
    int st = count == 2 ? both_compare(d, records, &one, err) : 0;
    if (st < 0)
        return st;
    r->only_a += !one.in_b;
    r->only_b += !one.in_a;
    r->captions += one.captions;
    r->image += one.image;
    if (count == 2 && !one.captions && !one.image) {
        r->same++;
        return 0;
    }
    r->differ += count == 2;
    return d->fn ? d->fn(d->user, &one, err) : 0;
}

static int walk(struct diff *d, const volatile int *interrupt, struct wit_error *err) {
    const struct key_record *records;
    struct key_walk *w = NULL;
    struct wit_hash128 key;
    size_t count;
    int st = key_walk_create(d->ds, 2, 0, 0, &w, err);
    while (st >= 0 && (st = key_walk_next(w, &key, &records, &count, err)) > 0) {
        st = key_compare(d, key, records, count, err);
        if (st == 0 && interrupt && *interrupt)
            st = wit_error_set(err, WIT_ECANCELED, "interrupted");
        if (st != 0)
            break;
    }
    key_walk_destroy(w);
    return st;
}

int wit_shards_diff(const char *a, const char *b, wit_shards_difference_fn fn, void *user,
                    const volatile int *interrupt, struct wit_shards_diff_report *report,
                    struct wit_error *err) {
    struct diff d = { .fronts = { WIT_BUF_INIT(FRONT_MAX_BYTES), WIT_BUF_INIT(FRONT_MAX_BYTES) },
                      .fn = fn,
                      .user = user };
    int st = dataset_sealed_open(a, &d.ds[0], err);
    if (st >= 0)
        st = dataset_sealed_open(b, &d.ds[1], err);
    if (st >= 0 &&
        wit_hash128_eq(wit_shards_dataset_hash(d.ds[0]), wit_shards_dataset_hash(d.ds[1])))
        d.report.same = wit_shards_dataset_samples(d.ds[0]);
    else if (st >= 0)
        st = walk(&d, interrupt, err);
    if (st == 0)
        *report = d.report;
    for (size_t i = 0; i < 2; i++) {
        wit_shards_dataset_close(d.ds[i]);
        wit_buf_finish(&d.fronts[i]);
    }
    return st;
}
