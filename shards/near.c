/* near.c: bands, buckets, pairs, clusters. */
#include "near.h"
#include "shard_workers.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    BITS = WIT_IMAGE_PHASH_BITS,
    WIDTH_MOST = 20, /* of a band, in bits: a directory of 4 MiB */
    BANDS_LEAST = 13,
    BANDS_MOST = 32, /* of 8 bits */
    RADIUS_MOST = 2,
    STEP = 101, /* odd, so that multiples of it visit every bit; far from those of 16 */
    PAIRS_HELD = 1024,
    CHUNK_BUCKETS = 256
};

struct band {
    unsigned first, width; /* bits first * STEP, (first + 1) * STEP ... mod BITS */
    int radius;            /* -1: the other bands suffice */
};

struct search {
    const struct near_search *in;
    struct band bands[BANDS_MOST];
    unsigned bands_count, band; /* all of them; the one that is searched */
    /* Of the current band: sorted by its value, equal ones by index. */
    struct wit_image_phash *hashes;
    uint32_t *indices;
    uint32_t *begins; /* bucket v is [begins[v], begins[v + 1]) */
    atomic_size_t next_chunk;
    atomic_int status;
    pthread_mutex_t lock; /* one thread at a time in found() */
};

/* ---- bands ---------------------------------------------------------------------------------- */

/* How many values of so many bits differ from one in at most `radius` of them. */
static double neighbours(unsigned width, int radius) {
    double sum = 0;
    for (int r = 0; r <= radius; r++)
        sum += r == 0 ? 1 : r == 1 ? width : width * (width - 1) / 2.0;
    return sum;
}

/* `count` bands whose radii + 1 add up to what is needed; what they cost, in comparisons. A bucket
 * that is looked into costs as much as a few. Negative: radii would be larger than 2. */
static double bands_try(struct search *s, unsigned count) {
    const unsigned needed = s->in->distance + 1;
    const double hashes = s->in->count;
    double cost = 0;
    for (unsigned i = 0; i < count; i++) {
        struct band *b = &s->bands[i];
        b->first = i * BITS / count;
        b->width = (i + 1) * BITS / count - b->first;
        b->radius = (int)(needed / count + (i < needed % count)) - 1;
        if (b->radius > RADIUS_MOST)
            return -1;
        const double buckets = ldexp(1, (int)b->width);
        cost += neighbours(b->width, b->radius) *
                (4 * fmin(hashes, buckets) + hashes * hashes / buckets);
        cost += b->radius < 0 ? 0 : buckets + 20 * hashes;
    }
    s->bands_count = count;
    return cost;
}

static void bands_plan(struct search *s) {
    unsigned best = 0;
    double least = 0;
    for (unsigned count = BANDS_LEAST; count <= BANDS_MOST; count++) {
        const double cost = bands_try(s, count);
        if (cost >= 0 && (best == 0 || cost < least)) {
            best = count;
            least = cost;
        }
    }
    (void)bands_try(s, best);
}

static uint32_t band_value(const struct band *b, const struct wit_image_phash *h) {
    uint32_t v = 0;
    for (unsigned i = 0; i < b->width; i++) {
        const unsigned bit = (b->first + i) * STEP % BITS;
        v |= (uint32_t)(h->words[bit / 64] >> (bit % 64) & 1) << i;
    }
    return v;
}

/* Did an earlier band find this pair? */
static bool was_found(const struct search *s, const struct wit_image_phash *a,
                      const struct wit_image_phash *b) {
    struct wit_image_phash x;
    for (int i = 0; i < 4; i++)
        x.words[i] = a->words[i] ^ b->words[i];
    for (unsigned i = 0; i < s->band; i++)
        if (__builtin_popcount(band_value(&s->bands[i], &x)) <= s->bands[i].radius)
            return true;
    return false;
}

/* Counting sort, so equal values keep the order of their indices. */
static void buckets_fill(struct search *s) {
    const struct band *b = &s->bands[s->band];
    const struct near_search *in = s->in;
    const size_t buckets = (size_t)1 << b->width;
    memset(s->begins, 0, (buckets + 1) * sizeof *s->begins);
    for (uint32_t i = 0; i < in->count; i++)
        s->begins[band_value(b, &in->hashes[i]) + 1]++;
    for (size_t v = 0; v < buckets; v++)
        s->begins[v + 1] += s->begins[v];
    for (uint32_t i = 0; i < in->count; i++) {
        uint32_t to = s->begins[band_value(b, &in->hashes[i])]++;
        s->hashes[to] = in->hashes[i];
        s->indices[to] = i;
    }
    memmove(s->begins + 1, s->begins, buckets * sizeof *s->begins); /* each had moved to its end */
    s->begins[0] = 0;
}

/* ---- comparing ------------------------------------------------------------------------------ */

struct pair {
    uint32_t a, b, distance;
};

struct worker {
    struct search *s;
    struct pair pairs[PAIRS_HELD];
    unsigned held;
};

static void pairs_flush(struct worker *w) {
    struct search *s = w->s;
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < w->held && atomic_load(&s->status) == 0; i++) {
        int st = s->in->found(s->in->user, w->pairs[i].a, w->pairs[i].b, w->pairs[i].distance);
        if (st != 0)
            atomic_store(&s->status, st);
    }
    pthread_mutex_unlock(&s->lock);
    w->held = 0;
}

static void pair_note(struct worker *w, uint32_t i, uint32_t j, unsigned distance) {
    const struct search *s = w->s;
    if (was_found(s, &s->hashes[i], &s->hashes[j]))
        return;
    uint32_t a = s->indices[i], b = s->indices[j];
    w->pairs[w->held++] = a < b ? (struct pair){ a, b, distance } : (struct pair){ b, a, distance };
    if (w->held == PAIRS_HELD)
        pairs_flush(w);
}

/* One with those in [from, to). Most differ too much in half of their bits already. */
static inline __attribute__((always_inline)) void compare(struct worker *w, uint32_t i,
                                                          uint32_t from, uint32_t to) {
    const struct wit_image_phash h = w->s->hashes[i];
    const unsigned most = w->s->in->distance;
    for (uint32_t j = from; j < to; j++) {
        const uint64_t *o = w->s->hashes[j].words;
        unsigned bits = (unsigned)__builtin_popcountll(h.words[0] ^ o[0]) +
                        (unsigned)__builtin_popcountll(h.words[1] ^ o[1]);
        if (bits > most)
            continue;
        bits += (unsigned)__builtin_popcountll(h.words[2] ^ o[2]) +
                (unsigned)__builtin_popcountll(h.words[3] ^ o[3]);
        if (bits <= most)
            pair_note(w, i, j, bits);
    }
}

static void compare_plain(struct worker *w, uint32_t i, uint32_t from, uint32_t to) {
    compare(w, i, from, to);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static void compare_popcnt(struct worker *w, uint32_t i,
                                                             uint32_t from, uint32_t to) {
    compare(w, i, from, to);
}
#endif

typedef void (*compare_fn)(struct worker *w, uint32_t i, uint32_t from, uint32_t to);

static compare_fn compare_choose(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt"))
        return compare_popcnt;
#endif
    return compare_plain;
}

/* Where in [from, to) of a bucket the indices from `split` on begin. */
static uint32_t split_find(const struct search *s, uint32_t from, uint32_t to) {
    while (from < to) {
        uint32_t mid = from + (to - from) / 2;
        if (s->indices[mid] < s->in->split)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static bool is_over(struct search *s) {
    if (s->in->interrupt && *s->in->interrupt)
        atomic_store(&s->status, WIT_ECANCELED);
    return atomic_load_explicit(&s->status, memory_order_relaxed) != 0;
}

/* Those of bucket v with those of bucket u, where v <= u. */
static void buckets_compare(struct worker *w, compare_fn fn, uint32_t v, uint32_t u) {
    struct search *s = w->s;
    const uint32_t v_from = s->begins[v], v_to = s->begins[v + 1];
    const uint32_t u_from = s->begins[u], u_to = s->begins[u + 1];
    if (v_from == v_to || u_from == u_to)
        return;
    if (s->in->split == 0) {
        for (uint32_t i = v_from; i < v_to && !is_over(s); i++)
            fn(w, i, v == u ? i + 1 : u_from, u_to);
        return;
    }
    const uint32_t v_mid = split_find(s, v_from, v_to), u_mid = split_find(s, u_from, u_to);
    for (uint32_t i = v_from; i < v_mid && !is_over(s); i++)
        fn(w, i, u_mid, u_to);
    for (uint32_t i = v_mid; u != v && i < v_to && !is_over(s); i++)
        fn(w, i, u_from, u_mid);
}

/* A bucket with itself and those of larger numbers within the band's radius. */
static void neighbours_compare(struct worker *w, compare_fn fn, uint32_t v, const struct band *b) {
    buckets_compare(w, fn, v, v);
    for (unsigned i = 0; i < b->width && b->radius >= 1; i++) {
        const uint32_t one = v ^ (uint32_t)1 << i;
        if (one > v)
            buckets_compare(w, fn, v, one);
        for (unsigned j = 0; j < i && b->radius >= 2; j++) {
            const uint32_t two = one ^ (uint32_t)1 << j;
            if (two > v)
                buckets_compare(w, fn, v, two);
        }
    }
}

static void *band_work(void *arg) {
    struct search *s = arg;
    const struct band *b = &s->bands[s->band];
    const compare_fn fn = compare_choose();
    const size_t buckets = (size_t)1 << b->width;
    struct worker w = { .s = s };
    while (!is_over(s)) {
        const size_t from = atomic_fetch_add(&s->next_chunk, 1) * CHUNK_BUCKETS;
        if (from >= buckets)
            break;
        for (size_t v = from; v < from + CHUNK_BUCKETS && v < buckets; v++)
            if (s->begins[v] < s->begins[v + 1])
                neighbours_compare(&w, fn, (uint32_t)v, b);
    }
    pairs_flush(&w);
    return NULL;
}

/* ---- the search ----------------------------------------------------------------------------- */

int near_pairs(const struct near_search *search, struct wit_error *err) {
    struct search s = { .in = search };
    if (search->distance > NEAR_DISTANCE_MOST || search->split > search->count ||
        search->count == UINT32_MAX)
        return wit_error_set(err, WIT_EINVAL, "no search of %u hashes within %u bits",
                             search->count, search->distance);
    if (search->count < 2)
        return 0;
    atomic_init(&s.status, 0);
    bands_plan(&s);
    s.hashes = wit_alloc_array(search->count, sizeof *s.hashes);
    s.indices = wit_alloc_array(search->count, sizeof *s.indices);
    s.begins = wit_alloc_array(((size_t)1 << WIDTH_MOST) + 1, sizeof *s.begins);
    bool locked = pthread_mutex_init(&s.lock, NULL) == 0;
    if (!s.hashes || !s.indices || !s.begins || !locked)
        atomic_store(&s.status, WIT_ENOMEM);
    for (s.band = 0; s.band < s.bands_count && atomic_load(&s.status) == 0; s.band++) {
        if (s.bands[s.band].radius < 0)
            continue;
        buckets_fill(&s);
        atomic_store(&s.next_chunk, 0);
        shard_workers_run(search->threads, SIZE_MAX, band_work, &s);
    }
    free(s.hashes);
    free(s.indices);
    free(s.begins);
    if (locked)
        pthread_mutex_destroy(&s.lock);
    int st = atomic_load(&s.status);
    if (st == WIT_ECANCELED)
        wit_error_set(err, st, "interrupted while near-duplicates were searched");
    else if (st == WIT_ENOMEM)
        wit_error_set(err, st, "no memory to search %u hashes", search->count);
    return st;
}

/* ---- clusters ------------------------------------------------------------------------------- */

static int order_hash(const void *a, const void *b, void *hashes) {
    const struct wit_image_phash *h = hashes;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    for (int k = 3; k >= 0; k--)
        if (h[i].words[k] != h[j].words[k])
            return h[i].words[k] < h[j].words[k] ? -1 : 1;
    return i < j ? -1 : i > j;
}

uint32_t near_root(uint32_t *parent, uint32_t i) {
    while (parent[i] != i) /* paths are halved on the way */
        i = parent[i] = parent[parent[i]];
    return i;
}

void near_join(uint32_t *parent, uint32_t a, uint32_t b) {
    a = near_root(parent, a);
    b = near_root(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

struct joining {
    uint32_t *parent;      /* of the hashes as they came */
    const uint32_t *first; /* index of each distinct hash */
};

static int join(void *user, uint32_t a, uint32_t b, unsigned distance) {
    struct joining *j = user;
    near_join(j->parent, j->first[a], j->first[b]);
    return 0;
}

/* Each hash once into `distinct`, its least index into order[i], all its others joined to that. */
static uint32_t distinct_make(const struct wit_image_phash *hashes, uint32_t count, uint32_t *order,
                              struct wit_image_phash *distinct, uint32_t *parent) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        parent[i] = order[i] = i;
    qsort_r(order, count, sizeof *order, order_hash, (void *)hashes);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = order[i];
        if (n > 0 && wit_image_phash_distance(&distinct[n - 1], &hashes[at]) == 0) {
            parent[at] = order[n - 1];
            continue;
        }
        order[n] = at;
        distinct[n++] = hashes[at];
    }
    return n;
}

int near_groups(const struct wit_image_phash *hashes, uint32_t count, unsigned distance,
                unsigned threads, const volatile int *interrupt, uint32_t *group,
                struct wit_error *err) {
    uint32_t *order = wit_alloc_array((size_t)count + 1, sizeof *order);
    uint32_t *parent = wit_alloc_array((size_t)count + 1, sizeof *parent);
    struct wit_image_phash *distinct = wit_alloc_array((size_t)count + 1, sizeof *distinct);
    int st = order && parent && distinct
                 ? 0
                 : wit_error_set(err, WIT_ENOMEM, "no memory for clusters of %u hashes", count);
    if (st < 0)
        goto out;
    uint32_t n = distinct_make(hashes, count, order, distinct, parent);
    struct joining joining = { .parent = parent, .first = order };
    const struct near_search search = { .hashes = distinct,
                                        .count = n,
                                        .distance = distance,
                                        .threads = threads,
                                        .found = join,
                                        .user = &joining,
                                        .interrupt = interrupt };
    st = near_pairs(&search, err);
    for (uint32_t i = 0; i < count && st >= 0; i++)
        group[i] = near_root(parent, i);
out:
    free(order);
    free(parent);
    free(distinct);
    return st;
}
