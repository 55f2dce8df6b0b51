/* look_clusters.c: which looks are the same: the search over those that have something to compare,
 * and equal keys whatever they look like. */
#include "near.h"
#include "wit_shards_near.h"

#include <stdlib.h>

struct wit_shards_near_config wit_shards_near_config_default(void) {
    return (struct wit_shards_near_config){ .distance = WIT_SHARDS_NEAR_DISTANCE,
                                            .quality = WIT_SHARDS_NEAR_QUALITY };
}

bool wit_shards_look_is_better(const struct wit_shards_look *a, const struct wit_shards_look *b) {
    const uint64_t a_px = (uint64_t)a->width * a->height, b_px = (uint64_t)b->width * b->height;
    if (a_px != b_px)
        return a_px > b_px;
    if (a->image_bytes != b->image_bytes)
        return a->image_bytes > b->image_bytes;
    return wit_hash128_cmp(a->key, b->key) < 0;
}

static bool is_comparable(const struct wit_shards_look *l,
                          const struct wit_shards_near_config *cfg) {
    return l->decodes && l->hashes.quality >= cfg->quality;
}

/* Append the area hashes of those that can be compared, and their indices. */
static uint32_t comparable_take(const struct wit_shards_look *looks, uint32_t count,
                                const struct wit_shards_near_config *cfg,
                                struct wit_image_phash *hashes, uint32_t *indices) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_comparable(&looks[i], cfg)) {
            hashes[n] = looks[i].hashes.area;
            indices[n++] = i;
        }
    return n;
}

static int order_key(const void *a, const void *b, void *user) {
    const struct wit_shards_look *looks = user;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    int order = wit_hash128_cmp(looks[i].key, looks[j].key);
    return order ? order : i < j ? -1 : i > j;
}

/* ---- clusters ------------------------------------------------------------------------------- */

/* Equal keys are one image: of two datasets, say. */
static void same_keys_join(const struct wit_shards_look *looks, uint32_t count, uint32_t *order,
                           uint32_t *parent) {
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, order_key, (void *)looks);
    for (uint32_t i = 1; i < count; i++)
        if (wit_hash128_eq(looks[order[i - 1]].key, looks[order[i]].key))
            near_join(parent, order[i - 1], order[i]);
}

int wit_shards_near_clusters(const struct wit_shards_look *looks, uint32_t count,
                             const struct wit_shards_near_config *cfg, uint32_t *cluster,
                             struct wit_error *err) {
    struct wit_image_phash *hashes = wit_alloc_array((size_t)count + 1, sizeof *hashes);
    uint32_t *indices = wit_alloc_array((size_t)count + 1, sizeof *indices);
    uint32_t *groups = wit_alloc_array((size_t)count + 1, sizeof *groups);
    int st = hashes && indices && groups
                 ? 0
                 : wit_error_set(err, WIT_ENOMEM, "no memory for clusters of %u images", count);
    if (st < 0)
        goto out;
    const uint32_t n = comparable_take(looks, count, cfg, hashes, indices);
    st = near_groups(hashes, n, cfg->distance, cfg->threads, cfg->interrupt, groups, err);
    if (st < 0)
        goto out;
    for (uint32_t i = 0; i < count; i++)
        cluster[i] = i;
    for (uint32_t i = 0; i < n; i++)
        near_join(cluster, indices[groups[i]], indices[i]);
    same_keys_join(looks, count, groups, cluster);
    for (uint32_t i = 0; i < count; i++)
        cluster[i] = near_root(cluster, i);
out:
    free(hashes);
    free(indices);
    free(groups);
    return st;
}

/* ---- matches -------------------------------------------------------------------------------- */

struct matching {
    const uint32_t *indices; /* of a, then of b */
    uint32_t split;
    uint32_t *nearest, *distance;
};

/* The nearest; of several the one with the least index, so that threads do not decide. */
static int on_match(void *user, uint32_t a, uint32_t b, unsigned distance) {
    struct matching *m = user;
    const uint32_t i = m->indices[a], j = m->indices[b];
    if (m->nearest[i] == UINT32_MAX || distance < m->distance[i] ||
        (distance == m->distance[i] && j < m->nearest[i])) {
        m->nearest[i] = j;
        m->distance[i] = distance;
    }
    return 0;
}

/* Same bytes are a match whatever they look like. order: room for b_count. */
static void same_keys_match(const struct wit_shards_look *a, uint32_t a_count,
                            const struct wit_shards_look *b, uint32_t b_count, uint32_t *order,
                            struct matching *m) {
    for (uint32_t i = 0; i < b_count; i++)
        order[i] = i;
    qsort_r(order, b_count, sizeof *order, order_key, (void *)b);
    for (uint32_t i = 0; i < a_count; i++) {
        uint32_t from = 0, to = b_count;
        while (from < to) {
            uint32_t mid = from + (to - from) / 2;
            if (wit_hash128_cmp(b[order[mid]].key, a[i].key) < 0)
                from = mid + 1;
            else
                to = mid;
        }
        if (from < b_count && wit_hash128_eq(b[order[from]].key, a[i].key)) {
            m->nearest[i] = order[from];
            m->distance[i] = 0;
        }
    }
}

int wit_shards_near_match(const struct wit_shards_look *a, uint32_t a_count,
                          const struct wit_shards_look *b, uint32_t b_count,
                          const struct wit_shards_near_config *cfg, uint32_t *nearest,
                          uint32_t *distance, struct wit_error *err) {
    const size_t all = (size_t)a_count + b_count;
    struct wit_image_phash *hashes = wit_alloc_array(all + 1, sizeof *hashes);
    uint32_t *indices = wit_alloc_array(all + 1, sizeof *indices);
    int st = 0;
    if (all >= UINT32_MAX)
        st = wit_error_set(err, WIT_ELIMIT, "%zu images are more than can be compared", all);
    else if (!hashes || !indices)
        st = wit_error_set(err, WIT_ENOMEM, "no memory to compare %zu images", all);
    if (st < 0)
        goto out;
    for (uint32_t i = 0; i < a_count; i++)
        nearest[i] = UINT32_MAX;
    struct matching m = { .indices = indices, .nearest = nearest, .distance = distance };
    m.split = comparable_take(a, a_count, cfg, hashes, indices);
    const struct near_search search = {
        .hashes = hashes,
        .count = m.split + comparable_take(b, b_count, cfg, hashes + m.split, indices + m.split),
        .split = m.split,
        .distance = cfg->distance,
        .threads = cfg->threads,
        .found = on_match,
        .user = &m,
        .interrupt = cfg->interrupt,
    };
    /* A split of 0 would mean all pairs. */
    if (m.split > 0 && m.split < search.count)
        st = near_pairs(&search, err);
    if (st >= 0)
        same_keys_match(a, a_count, b, b_count, indices, &m);
out:
    free(hashes);
    free(indices);
    return st;
}
