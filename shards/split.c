/* split.c: one dataset into several, none of whose samples are in two. */
#include "dataset.h"
#include "origin_merge.h"
#include "remake.h"
#include "removed_carry.h"
#include "text/wit_text.h"
#include "workplace.h"

#include <math.h>
#include <stdlib.h>

#define MADE_BY_MAX_BYTES ((size_t)16 << 20)
#define SHARES_OFF_MOST 1e-6 /* how far from 1 shares may add up */

enum way { BY_SHARE, BY_KEY, BY_DOMAIN };
static const char *const way_names[] = { "share", "keys", "domain" };

struct splitter;

/* One of the datasets that are made. */
struct part {
    struct splitter *split;
    size_t index;
    char dir[WIT_PATH_MAX];
    struct workplace place;
    struct manifest manifest;
    struct wit_buf made_by;
    struct remade remade;
    bool there; /* already */
};

struct splitter {
    const struct wit_shards_split_config *cfg;
    struct wit_shards_dataset *ds;
    struct wit_hash128 identity;
    enum way way;
    uint64_t *ends; /* of shares: a sample below the first that is above it; but for the last */
    struct wit_hash128 *keys; /* sorted */
    struct wit_hash128 keys_hash;
    struct wit_url *domains; /* "http://<domain>/" */
    struct part *parts;
    size_t count;
    struct wit_buf parents;
};

struct wit_shards_split_config wit_shards_split_config_default(void) {
    return (struct wit_shards_split_config){ .make = wit_shards_remake_config_default() };
}

/* ---- which part ------------------------------------------------------------------------------ */

static size_t share_of(const struct splitter *s, struct wit_hash128 key) {
    uint8_t bytes[16];
    size_t part = 0;
    wit_hash128_to_bytes(key, bytes);
    uint64_t at = wit_hash64_of(bytes, sizeof bytes, s->cfg->seed);
    while (part + 1 < s->count && at >= s->ends[part])
        part++;
    return part;
}

static int key_order(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

static bool is_below(struct wit_str host, struct wit_str domain) {
    if (!wit_str_ends_with(host, domain))
        return false;
    return host.len == domain.len || host.data[host.len - domain.len - 1] == '.';
}

static bool host_matches(const struct splitter *s, struct wit_str host) {
    for (size_t i = 0; i < s->cfg->domain_count; i++)
        if (is_below(host, wit_url_host(&s->domains[i])))
            return true;
    return false;
}

/* Does the host of one of the URLs of an image match? A URL that is none does not. */
static int origins_match(const struct splitter *s, struct wit_str lines, bool *matches,
                         struct wit_error *err) {
    struct wit_url url = WIT_URL_INIT;
    struct wit_str line, text;
    int st = 0;
    *matches = false;
    while (st >= 0 && !*matches && origin_line_next(&lines, &line)) {
        struct wit_json *json = NULL;
        st = wit_json_parse(line, "origin", &json, err);
        if (st >= 0 && wit_json_string(wit_json_get(json, "url"), &text) >= 0 &&
            wit_url_parse(&url, text, NULL, NULL) >= 0)
            *matches = host_matches(s, wit_url_host(&url));
        wit_json_destroy(json);
    }
    wit_url_finish(&url);
    return st < 0 ? st : 0;
}

static int part_select(void *user, struct wit_hash128 key, struct wit_str origins, bool *take,
                       struct wit_error *err) {
    const struct part *p = user;
    const struct splitter *s = p->split;
    bool matches = false;
    if (s->way == BY_SHARE) {
        *take = share_of(s, key) == p->index;
        return 0;
    }
    int st = 0;
    if (s->way == BY_KEY)
        matches = s->cfg->key_count &&
                  bsearch(&key, s->keys, s->cfg->key_count, sizeof key, key_order) != NULL;
    else
        st = origins_match(s, origins, &matches, err);
    *take = matches == (p->index == 0);
    return st;
}

/* ---- the ways -------------------------------------------------------------------------------- */

static int shares_take(struct splitter *s, struct wit_error *err) {
    const struct wit_shards_split_config *c = s->cfg;
    double sum = 0;
    s->count = c->share_count;
    s->ends = wit_alloc_array(s->count, sizeof *s->ends);
    if (!s->ends)
        return wit_error_set(err, WIT_ENOMEM, "no memory to split a dataset");
    for (size_t i = 0; i < s->count; i++) {
        if (!(c->shares[i] > 0 && c->shares[i] <= 1))
            return wit_error_set(err, WIT_EINVAL, "a share of %g can't be", c->shares[i]);
        sum += c->shares[i];
        s->ends[i] = sum < 1 ? (uint64_t)ldexp(sum, 64) : UINT64_MAX;
    }
    if (fabs(sum - 1) > SHARES_OFF_MOST)
        return wit_error_set(err, WIT_EINVAL, "the shares add up to %g, not to 1", sum);
    return 0;
}

static int keys_take(struct splitter *s, struct wit_error *err) {
    s->keys = wit_alloc_array(s->cfg->key_count + 1, sizeof *s->keys);
    if (!s->keys)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu keys", s->cfg->key_count);
    for (size_t i = 0; i < s->cfg->key_count; i++)
        s->keys[i] = s->cfg->keys[i];
    qsort(s->keys, s->cfg->key_count, sizeof *s->keys, key_order);
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu keys", s->cfg->key_count);
    for (size_t i = 0; i < s->cfg->key_count; i++) {
        uint8_t bytes[16];
        wit_hash128_to_bytes(s->keys[i], bytes);
        wit_hasher_update(h, bytes, sizeof bytes);
    }
    s->keys_hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

static int domains_take(struct splitter *s, struct wit_error *err) {
    s->domains = wit_alloc_array(s->cfg->domain_count, sizeof *s->domains);
    if (!s->domains)
        return wit_error_set(err, WIT_ENOMEM, "no memory for %zu domains", s->cfg->domain_count);
    for (size_t i = 0; i < s->cfg->domain_count; i++) {
        struct wit_buf text = WIT_BUF_INIT(4096);
        struct wit_str domain = s->cfg->domains[i];
        struct wit_error why = WIT_ERROR_INIT;
        int st = wit_buf_printf(&text, "http://%.*s/", WIT_STR_FMT(domain));
        if (st >= 0)
            st = wit_url_parse(&s->domains[i], wit_buf_view(&text), NULL, &why);
        wit_buf_finish(&text);
        if (st == WIT_ENOMEM)
            return wit_error_set(err, st, "no memory for %zu domains", s->cfg->domain_count);
        if (st < 0 || !wit_str_eq(wit_url_target(&s->domains[i]), WIT_STR("/")) ||
            wit_url_port(&s->domains[i]) >= 0)
            return wit_error_set(err, WIT_EINVAL, "'%.*s' is no domain", WIT_STR_FMT(domain));
    }
    return 0;
}

static int way_take(struct splitter *s, struct wit_error *err) {
    const struct wit_shards_split_config *c = s->cfg;
    if ((c->shares != NULL) + (c->keys != NULL) + (c->domains != NULL) != 1 ||
        (c->shares && (c->share_count == 0 || c->share_count > WIT_SHARDS_SPLIT_MOST)) ||
        (c->domains && c->domain_count == 0))
        return wit_error_set(err, WIT_EINVAL,
                             "a split is by at most %d shares, by keys or by domains: one of them",
                             WIT_SHARDS_SPLIT_MOST);
    s->count = 2;
    s->way = c->shares ? BY_SHARE : c->keys ? BY_KEY : BY_DOMAIN;
    switch (s->way) {
    case BY_SHARE:
        return shares_take(s, err);
    case BY_KEY:
        return keys_take(s, err);
    default:
        return domains_take(s, err);
    }
}

/* ---- what a part is ---------------------------------------------------------------------------
 */

static void part_name(const struct part *p, char out[32]) {
    if (p->split->way == BY_SHARE)
        snprintf(out, 32, "part-%zu", p->index);
    else
        snprintf(out, 32, "%s", p->index == 0 ? "match" : "rest");
}

static void put_way(const struct splitter *s, struct wit_json_writer *w) {
    char hex[WIT_HASH128_HEX];
    switch (s->way) {
    case BY_SHARE:
        wit_json_key(w, "seed");
        wit_json_put_u64(w, s->cfg->seed);
        wit_json_key(w, "shares");
        wit_json_array_begin(w);
        for (size_t i = 0; i < s->count; i++)
            wit_json_put_double(w, s->cfg->shares[i]);
        wit_json_array_end(w);
        return;
    case BY_KEY: /* their list is not kept, but whether it is the same can be seen */
        wit_json_key(w, "keys");
        wit_json_put_u64(w, s->cfg->key_count);
        wit_hash128_to_hex(s->keys_hash, hex);
        wit_json_key(w, "keys_hash");
        wit_json_put_cstr(w, hex);
        return;
    default:
        wit_json_key(w, "domains");
        wit_json_array_begin(w);
        for (size_t i = 0; i < s->cfg->domain_count; i++)
            wit_json_put_str(w, wit_url_host(&s->domains[i]));
        wit_json_array_end(w);
    }
}

static int made_by_write(struct part *p, struct wit_error *err) {
    struct wit_json_writer w;
    char name[32];
    part_name(p, name);
    wit_json_writer_init(&w, &p->made_by);
    wit_json_object_begin(&w);
    wit_json_key(&w, "verb");
    wit_json_put_cstr(&w, "split");
    wit_json_key(&w, "by");
    wit_json_put_cstr(&w, way_names[p->split->way]);
    wit_json_key(&w, "part");
    wit_json_put_cstr(&w, name);
    wit_json_key(&w, "of");
    wit_json_put_u64(&w, p->split->count);
    put_way(p->split, &w);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    return st < 0 ? wit_error_set(err, st, "no room for the lineage of a split") : 0;
}

static int inputs_hash(const struct part *p, struct wit_hash128 *out, struct wit_error *err) {
    struct wit_hasher *h = wit_hasher_create();
    uint8_t bytes[24];
    if (!h)
        return wit_error_set(err, WIT_ENOMEM, "no memory to split a dataset");
    wit_hash128_to_bytes(p->split->identity, bytes);
    wit_store_be32(bytes + 16, WIT_SHARDS_FORMAT_MAJOR << 16 | WIT_SHARDS_FORMAT_MINOR);
    wit_store_be32(bytes + 20, (uint32_t)p->manifest.shard_bits);
    wit_hasher_update(h, bytes, sizeof bytes);
    wit_hasher_update(h, p->made_by.data, p->made_by.len);
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

/* How many prefixes a part gets: by its share; of keys by their number, of domains as if all. */
static int bits_choose(const struct part *p) {
    const struct wit_shards_split_config *c = p->split->cfg;
    const struct manifest *all = dataset_manifest(p->split->ds);
    double share = 1;
    if (c->make.shard_bits >= 0)
        return c->make.shard_bits;
    if (p->split->way == BY_SHARE)
        share = c->shares[p->index];
    else if (p->split->way == BY_KEY && p->index == 0 && c->key_count < all->samples)
        share = (double)c->key_count / (double)all->samples;
    return remake_bits((uint64_t)(share * (double)all->image_bytes),
                       (uint64_t)(share * (double)all->samples), c->make.shard_bytes);
}

static int part_open(struct splitter *s, size_t index, const char *out, struct wit_error *err) {
    struct part *p = &s->parts[index];
    struct manifest there = { .shard_bits = 0 };
    char name[32];
    *p = (struct part){ .split = s,
                        .index = index,
                        .place = WORKPLACE_INIT,
                        .made_by = WIT_BUF_INIT(MADE_BY_MAX_BYTES) };
    part_name(p, name);
    if (wit_path_join(p->dir, out, name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", out);
    p->manifest.shard_bits = bits_choose(p);
    int st = made_by_write(p, err);
    if (st >= 0)
        st = inputs_hash(p, &p->manifest.inputs, err);
    if (st >= 0)
        st = workplace_open(&p->place, p->dir, p->manifest.inputs, &there, err);
    if (st > 0) {
        p->there = true;
        p->manifest = there;
    }
    return st;
}

/* ---- making them ------------------------------------------------------------------------------
 */

static int part_make(struct part *p, struct wit_error *err) {
    const struct splitter *s = p->split;
    const struct wit_shards_remake_config *make = &s->cfg->make;
    struct manifest *m = &p->manifest;
    const struct remake job = {
        .inputs = &s->ds,
        .input_count = 1,
        .out = p->dir,
        .shard_bits = m->shard_bits,
        .threads = make->threads,
        .select = part_select,
        .select_by_origin = s->way == BY_DOMAIN,
        .user = p,
        .progress = make->progress,
        .progress_user = make->user,
        .progress_total = wit_shards_dataset_samples(s->ds),
        .interrupt = make->interrupt,
    };
    if (p->there)
        return 0;
    int st = remake_run(&job, &p->remade, err);
    if (st < 0)
        return st;
    m->shards = p->remade.shards;
    m->count = p->remade.count;
    m->duplicate_images = p->remade.counts.duplicate_images;
    m->parents = wit_buf_view(&s->parents);
    m->made_by = wit_buf_view(&p->made_by);
    m->tool = make->tool;
    m->next_run = 1;
    m->sealed_at_s = wit_clock_wall_s();
    manifest_total(m);
    return 0;
}

/* Every sample is in one part, as it was. */
static int sums_check(const struct splitter *s, struct wit_error *err) {
    const struct manifest *all = dataset_manifest(s->ds);
    struct wit_hash128 sum = { 0, 0 };
    uint64_t samples = 0, pairs = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum = wit_hash128_add(sum, s->parts[i].manifest.sum);
        samples += s->parts[i].manifest.samples;
        pairs += s->parts[i].manifest.pairs;
    }
    if (wit_hash128_eq(sum, all->sum) && samples == all->samples && pairs == all->pairs)
        return 0;
    return wit_error_set(err, WIT_ECORRUPT,
                         "the parts of %s hold %llu samples and %llu pairs instead of %llu and "
                         "%llu, or others: none was published",
                         dataset_dir(s->ds), (unsigned long long)samples, (unsigned long long)pairs,
                         (unsigned long long)all->samples, (unsigned long long)all->pairs);
}

/* What was removed from the whole stays out of its parts. */
static int part_removed(struct part *p, struct wit_error *err) {
    struct removed_log log;
    int st = removed_log_init(&log, err);
    if (st >= 0)
        st = removed_carry(&log, dataset_dir(p->split->ds), wit_shards_dataset_hash(p->split->ds),
                           err);
    if (st >= 0 && log.count)
        st = removed_log_save(p->dir, &log, err);
    removed_log_finish(&log);
    return st;
}

static int part_publish(struct part *p, struct wit_error *err) {
    const struct wit_shards_split_config *cfg = p->split->cfg;
    struct wit_shards_remade made;
    int st = p->there ? 0 : part_removed(p, err);
    if (st >= 0 && !p->there)
        st = workplace_publish(&p->place, &p->manifest, err);
    if (st < 0)
        return st;
    remade_report(&p->manifest, p->there ? NULL : &p->remade.counts, &made);
    if (cfg->part)
        cfg->part(cfg->user, p->dir, &made);
    return 0;
}

static int parts_make(struct splitter *s, const char *out, struct wit_error *err) {
    size_t opened = 0;
    int st = 0;
    s->parts = wit_alloc_array(s->count, sizeof *s->parts);
    if (!s->parts)
        return wit_error_set(err, WIT_ENOMEM, "no memory to split a dataset");
    for (size_t i = 0; i < s->count && st >= 0; i++, opened++)
        st = part_open(s, i, out, err);
    for (size_t i = 0; i < s->count && st >= 0; i++)
        st = part_make(&s->parts[i], err);
    if (st >= 0)
        st = sums_check(s, err);
    for (size_t i = 0; i < s->count && st >= 0; i++)
        st = part_publish(&s->parts[i], err);
    for (size_t i = 0; i < opened; i++) {
        struct part *p = &s->parts[i];
        if (p->there)
            manifest_finish(&p->manifest);
        remade_finish(&p->remade);
        workplace_close(&p->place);
        wit_buf_finish(&p->made_by);
    }
    free(s->parts);
    return st;
}

static int parents_write(struct splitter *s, struct wit_error *err) {
    int st = wit_buf_append_byte(&s->parents, '[');
    if (st >= 0)
        st = manifest_parent_encode(dataset_manifest(s->ds), &s->parents, err);
    if (st >= 0)
        st = wit_buf_append_byte(&s->parents, ']');
    return st < 0 ? wit_error_set(err, st, "no room for the lineage of a split") : 0;
}

int wit_shards_split(const char *dir, const char *out, const struct wit_shards_split_config *cfg,
                     struct wit_error *err) {
    struct splitter s = { .cfg = cfg, .parents = WIT_BUF_INIT(MANIFEST_MAX_BYTES) };
    int st = remake_config_check(&cfg->make, err);
    if (st >= 0)
        st = way_take(&s, err);
    if (st >= 0)
        st = dataset_sealed_open(dir, &s.ds, err);
    if (st >= 0)
        st = dataset_identity(dataset_manifest(s.ds), &s.identity, err);
    if (st >= 0)
        st = parents_write(&s, err);
    if (st >= 0)
        st = parts_make(&s, out, err);
    wit_shards_dataset_close(s.ds);
    for (size_t i = 0; s.domains && i < cfg->domain_count; i++)
        wit_url_finish(&s.domains[i]);
    free(s.domains);
    free(s.ends);
    free(s.keys);
    wit_buf_finish(&s.parents);
    return st < 0 ? st : 0;
}
