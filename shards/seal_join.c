/* seal_join.c: joins candidates with images by URL, in sorted arrays. */
#include "seal_join.h"

#include <stdlib.h>

static int image_order(const void *x, const void *y) {
    const struct join_image *a = x, *b = y;
    int order = wit_hash128_cmp(a->url, b->url);
    if (order == 0)
        order = wit_hash128_cmp(a->key, b->key);
    return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static int candidate_order(const void *x, const void *y) {
    const struct join_candidate *a = x, *b = y;
    if (a->image != b->image)
        return a->image < b->image ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int key_order(const void *x, const void *y, void *images) {
    const uint64_t *a = x, *b = y;
    const struct join_image *all = images;
    int order = wit_hash128_cmp(all[*a].key, all[*b].key);
    return order ? order : (*a > *b) - (*a < *b); /* images are by URL already */
}

/* Room for one more item of an array that doubles. */
static int grow(void **items, uint64_t count, uint64_t *cap, size_t size, struct wit_error *err) {
    if (count < *cap)
        return 0;
    uint64_t more = *cap ? 2 * *cap : 1024;
    void *bigger = wit_realloc_array(*items, (size_t)more, size);
    if (!bigger)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %llu records while sealing",
                             (unsigned long long)more);
    *items = bigger;
    *cap = more;
    return 0;
}

static int interrupted(const volatile int *interrupt, struct wit_error *err) {
    if (interrupt && *interrupt)
        return wit_error_set(err, WIT_ECANCELED, "interrupted while reading the logs");
    return 0;
}

static int group_read(struct join *j, unsigned group, uint64_t *cap, const volatile int *interrupt,
                      struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct segment_reader reader;
    struct segment_frame frame;
    struct collect_image image;
    int st = collect_images_path(path, j->dir, group, err);
    if (st >= 0)
        st = segment_reader_open(&reader, path, SEGMENT_IMAGES, j->commit.images[group], err);
    if (st < 0)
        return st;
    while ((st = segment_reader_next(&reader, &frame, err)) > 0) {
        st = interrupted(interrupt, err);
        if (st >= 0)
            st = collect_image_decode(frame.head, &image, err);
        if (st == WIT_ECORRUPT)
            wit_error_wrap(err, "%s: byte %llu", path, (unsigned long long)frame.offset);
        if (st >= 0)
            st = grow((void **)&j->images, j->image_count, cap, sizeof *j->images, err);
        if (st < 0)
            break;
        j->images[j->image_count++] = (struct join_image){
            .url = wit_hash128_of(image.fetched.url.data, image.fetched.url.len),
            .key = image.key,
            .offset = frame.offset,
            .bytes = frame.body_bytes,
        };
    }
    segment_reader_close(&reader);
    return st;
}

/* Index of the first image with this URL hash, or image_count. */
static uint64_t url_find(const struct join *j, struct wit_hash128 url) {
    uint64_t from = 0, to = j->image_count;
    while (from < to) {
        uint64_t mid = from + (to - from) / 2;
        if (wit_hash128_cmp(j->images[mid].url, url) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from < j->image_count && wit_hash128_eq(j->images[from].url, url) ? from
                                                                             : j->image_count;
}

static int candidates_read(struct join *j, const volatile int *interrupt, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    uint64_t cap = 0;
    struct segment_reader reader;
    struct segment_frame frame;
    struct wit_shards_candidate cand;
    int st = collect_path(path, j->dir, "candidates.log", err);
    if (st >= 0)
        st = segment_reader_open(&reader, path, SEGMENT_CANDIDATES, j->commit.candidates, err);
    if (st < 0)
        return st;
    while ((st = segment_reader_next(&reader, &frame, err)) > 0) {
        st = interrupted(interrupt, err);
        if (st >= 0)
            st = collect_candidate_decode(frame.head, &cand, err);
        if (st == WIT_ECORRUPT)
            wit_error_wrap(err, "%s: byte %llu", path, (unsigned long long)frame.offset);
        if (st < 0)
            break;
        uint64_t image = url_find(j, wit_hash128_of(cand.url.data, cand.url.len));
        if (image == j->image_count)
            continue;
        st = grow((void **)&j->candidates, j->candidate_count, &cap, sizeof *j->candidates, err);
        if (st < 0)
            break;
        j->candidates[j->candidate_count++] =
            (struct join_candidate){ .image = image, .offset = frame.offset };
    }
    segment_reader_close(&reader);
    return st;
}

int join_make(const char *dir, const volatile int *interrupt, struct join *out,
              struct wit_error *err) {
    struct join *j = out;
    uint64_t cap = 0;
    int st = 0;
    if (snprintf(j->dir, sizeof j->dir, "%s", dir) >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    for (unsigned g = 0; g < COLLECT_GROUPS && st >= 0; g++)
        st = group_read(j, g, &cap, interrupt, err);
    if (st < 0)
        return st;
    if (j->image_count)
        qsort(j->images, (size_t)j->image_count, sizeof *j->images, image_order);
    st = candidates_read(j, interrupt, err);
    if (st < 0)
        return st;
    if (j->candidate_count)
        qsort(j->candidates, (size_t)j->candidate_count, sizeof *j->candidates, candidate_order);
    j->by_key = wit_alloc_array((size_t)j->image_count + 1, sizeof *j->by_key);
    if (!j->by_key)
        return wit_error_set(err, WIT_ENOMEM, "no memory to sort %llu images",
                             (unsigned long long)j->image_count);
    for (uint64_t i = 0; i < j->image_count; i++)
        j->by_key[i] = i;
    qsort_r(j->by_key, (size_t)j->image_count, sizeof *j->by_key, key_order, j->images);
    return 0;
}

void join_finish(struct join *j) {
    free(j->images);
    free(j->candidates);
    free(j->by_key);
    j->images = NULL;
    j->candidates = NULL;
    j->by_key = NULL;
    j->image_count = j->candidate_count = 0;
}

uint64_t join_url_first(const struct join *j, uint64_t i) {
    while (i > 0 && wit_hash128_eq(j->images[i - 1].url, j->images[i].url))
        i--;
    return i;
}

void join_candidates_of(const struct join *j, uint64_t first, uint64_t *from, uint64_t *to) {
    uint64_t low = 0, high = j->candidate_count;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (j->candidates[mid].image < first)
            low = mid + 1;
        else
            high = mid;
    }
    *from = low;
    while (low < j->candidate_count && j->candidates[low].image == first)
        low++;
    *to = low;
}

uint64_t join_prefix_begin(const struct join *j, int bits, uint64_t prefix) {
    uint64_t low = 0, high = j->image_count;
    if (bits == 0)
        return prefix ? high : 0;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (j->images[j->by_key[mid]].key.hi >> (64 - bits) < prefix)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}
