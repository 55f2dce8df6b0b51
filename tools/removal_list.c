/* removal_list.c: lines to keys, URLs, domains, patterns and digests. */
#include "removal_list.h"

#include <errno.h>
#include <stdlib.h>

#define TEXTS_MAX_BYTES ((size_t)4 << 30)
enum { KINDS = 3 };

static const enum wit_digest_kind kinds[KINDS] = { WIT_DIGEST_SHA256, WIT_DIGEST_SHA1,
                                                   WIT_DIGEST_MD5 };

struct digest {
    uint8_t bytes[WIT_DIGEST_MAX_BYTES]; /* behind its own length zeros */
    enum wit_digest_kind kind;
    bool found;
};

struct removal_list {
    struct wit_arena *arena;
    struct wit_hash128 *keys;
    struct wit_str *urls, *domains;
    struct wit_shards_removal_caption *captions;
    struct digest *digests;
    size_t key_count, key_cap, url_count, url_cap, domain_count, domain_cap, caption_count,
        caption_cap, digest_count, digest_cap;
};

static int no_memory(struct wit_error *err) {
    return wit_error_set(err, WIT_ENOMEM, "no memory for what is to be removed");
}

int removal_list_create(struct removal_list **out, struct wit_error *err) {
    struct removal_list *l = calloc(1, sizeof *l);
    if (l)
        l->arena = wit_arena_create(TEXTS_MAX_BYTES);
    if (!l || !l->arena) {
        removal_list_destroy(l);
        return no_memory(err);
    }
    *out = l;
    return 0;
}

void removal_list_destroy(struct removal_list *l) {
    if (!l)
        return;
    wit_arena_destroy(l->arena);
    free(l->keys);
    free(l->urls);
    free(l->domains);
    free(l->captions);
    free(l->digests);
    free(l);
}

/* ---- adding ---------------------------------------------------------------------------------- */

static int room(void **items, size_t count, size_t *cap, size_t size, struct wit_error *err) {
    if (count >= WIT_SHARDS_REMOVAL_MAX_ITEMS)
        return wit_error_set(err, WIT_ELIMIT, "more than %zu things in one request",
                             WIT_SHARDS_REMOVAL_MAX_ITEMS);
    if (count < *cap)
        return 0;
    size_t more = *cap ? 2 * *cap : 64;
    void *bigger = wit_realloc_array(*items, more, size);
    if (!bigger)
        return no_memory(err);
    *items = bigger;
    *cap = more;
    return 0;
}

static int text_add(struct removal_list *l, struct wit_str **list, size_t *count, size_t *cap,
                    struct wit_str text, struct wit_error *err) {
    int st = room((void **)list, *count, cap, sizeof **list, err);
    const char *copy = st < 0 ? NULL : wit_arena_copy(l->arena, text.data, text.len);
    if (st >= 0 && !copy)
        st = no_memory(err);
    if (st >= 0)
        (*list)[(*count)++] = wit_str_of(copy, text.len);
    return st;
}

static int key_keep(struct removal_list *l, struct wit_hash128 key, struct wit_error *err) {
    int st = room((void **)&l->keys, l->key_count, &l->key_cap, sizeof *l->keys, err);
    if (st >= 0)
        l->keys[l->key_count++] = key;
    return st;
}

int removal_list_add_key(struct removal_list *l, struct wit_str key, struct wit_error *err) {
    struct wit_hash128 h;
    if (wit_hash128_from_hex(key, &h) < 0)
        return wit_error_set(err, WIT_EINVAL, "'%.*s' is no key of 32 hex digits",
                             key.len > 100 ? 100 : (int)key.len, key.data ? key.data : "");
    return key_keep(l, h, err);
}

int removal_list_add_url(struct removal_list *l, struct wit_str url, struct wit_error *err) {
    return text_add(l, &l->urls, &l->url_count, &l->url_cap, url, err);
}

int removal_list_add_domain(struct removal_list *l, struct wit_str domain, struct wit_error *err) {
    return text_add(l, &l->domains, &l->domain_count, &l->domain_cap, domain, err);
}

int removal_list_add_caption(struct removal_list *l, struct wit_str text, bool fold_case,
                             struct wit_error *err) {
    int st =
        room((void **)&l->captions, l->caption_count, &l->caption_cap, sizeof *l->captions, err);
    const char *copy = st < 0 ? NULL : wit_arena_copy(l->arena, text.data, text.len);
    if (st >= 0 && !copy)
        st = no_memory(err);
    if (st >= 0)
        l->captions[l->caption_count++] =
            (struct wit_shards_removal_caption){ .text = wit_str_of(copy, text.len),
                                                 .fold_case = fold_case };
    return st;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int digest_add(struct removal_list *l, enum wit_digest_kind kind, struct wit_str hex,
                      struct wit_error *err) {
    struct digest d = { .kind = kind };
    bool good = hex.len == 2 * wit_digest_bytes(kind);
    for (size_t i = 0; good && i < hex.len; i++) {
        int digit = hex_digit(hex.data[i]);
        good = digit >= 0;
        d.bytes[i / 2] = (uint8_t)(d.bytes[i / 2] << 4 | (digit & 15));
    }
    if (!good)
        return wit_error_set(err, WIT_EINVAL, "'%.*s' is no %s of %zu hex digits",
                             hex.len > 100 ? 100 : (int)hex.len, hex.data ? hex.data : "",
                             wit_digest_name(kind), 2 * wit_digest_bytes(kind));
    int st = room((void **)&l->digests, l->digest_count, &l->digest_cap, sizeof *l->digests, err);
    if (st >= 0)
        l->digests[l->digest_count++] = d;
    return st;
}

int removal_list_add_any(struct removal_list *l, struct wit_str line, struct wit_error *err) {
    ptrdiff_t colon = wit_str_find_byte(line, ':', 0);
    if (wit_str_find(line, WIT_STR("://"), 0) >= 0)
        return removal_list_add_url(l, line, err);
    if (colon < 0)
        return removal_list_add_domain(l, line, err);
    const struct wit_str name = wit_str_slice(line, 0, (size_t)colon);
    const struct wit_str rest = wit_str_slice(line, (size_t)colon + 1, line.len);
    if (wit_str_eq(name, WIT_STR("key")))
        return removal_list_add_key(l, rest, err);
    for (size_t i = 0; i < KINDS; i++)
        if (wit_str_eq(name, wit_str_from(wit_digest_name(kinds[i]))))
            return digest_add(l, kinds[i], rest, err);
    return wit_error_set(err, WIT_EINVAL,
                         "'%.*s' is no URL, no domain, no key:, sha256:, sha1: or md5:",
                         line.len > 200 ? 200 : (int)line.len, line.data);
}

int removal_list_add_file(struct removal_list *l, const char *path,
                          int (*add)(struct removal_list *l, struct wit_str line,
                                     struct wit_error *err),
                          struct wit_error *err) {
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    struct wit_lines *lines = NULL;
    struct wit_str line;
    if (!in)
        return wit_error_errno(err, errno, "cannot open %s", path);
    int st = wit_lines_open(in, WIT_SHARDS_REMOVAL_MAX_TEXT_BYTES, &lines, err);
    while (st >= 0 && (st = wit_lines_next(lines, &line, err)) > 0) {
        line = wit_str_trim(line);
        if (line.len == 0 || line.data[0] == '#')
            continue;
        st = add(l, line, err);
        if (st < 0)
            wit_error_wrap(err, "%s:%llu", path, (unsigned long long)wit_lines_number(lines));
    }
    wit_lines_close(lines);
    if (!is_stdin)
        fclose(in);
    return st;
}

/* ---- digests --------------------------------------------------------------------------------- */

static int digest_order(const void *x, const void *y) {
    const struct digest *a = x, *b = y;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static bool wants(const struct removal_list *l, enum wit_digest_kind kind) {
    for (size_t i = 0; i < l->digest_count; i++)
        if (l->digests[i].kind == kind)
            return true;
    return false;
}

static int sample_resolve(struct removal_list *l, const bool wanted[KINDS],
                          const struct wit_shards_sample *s, struct removal_digests *out,
                          struct wit_error *err) {
    bool listed = false;
    if (s->changed) {
        out->not_as_fetched++;
        return 0;
    }
    for (size_t i = 0; i < KINDS; i++) {
        struct digest is = { .kind = kinds[i] };
        int st = wanted[i] ? wit_digest_of(kinds[i], s->image, is.bytes, err) : 0;
        if (st < 0)
            return st;
        struct digest *d =
            wanted[i] ? bsearch(&is, l->digests, l->digest_count, sizeof is, digest_order) : NULL;
        if (d) {
            listed = true;
            out->matched += !d->found;
            d->found = true;
        }
    }
    out->found_samples += listed;
    return listed ? key_keep(l, s->key, err) : 0;
}

static void digests_sort(struct removal_list *l) {
    size_t kept = 0;
    qsort(l->digests, l->digest_count, sizeof *l->digests, digest_order);
    for (size_t i = 0; i < l->digest_count; i++)
        if (kept == 0 || digest_order(&l->digests[kept - 1], &l->digests[i]) != 0)
            l->digests[kept++] = l->digests[i];
    l->digest_count = kept;
}

int removal_list_resolve(struct removal_list *l, const char *dir, const volatile int *interrupt,
                         struct removal_digests *out, struct wit_error *err) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_shards_sample sample;
    bool wanted[KINDS];
    *out = (struct removal_digests){ .asked = l->digest_count };
    if (l->digest_count == 0)
        return 0;
    digests_sort(l);
    out->asked = l->digest_count;
    for (size_t i = 0; i < KINDS; i++)
        wanted[i] = wants(l, kinds[i]);
    int st = wit_shards_dataset_open(dir, NULL, &ds, err);
    for (size_t s = 0; st >= 0 && s < wit_shards_dataset_shards(ds); s++) {
        for (uint64_t i = 0; st >= 0 && i < wit_shards_shard_samples(ds, s); i++) {
            st = wit_shards_read(ds, s, i, &buf, &sample, err);
            if (st >= 0)
                st = sample_resolve(l, wanted, &sample, out, err);
            if (st >= 0 && interrupt && *interrupt)
                st = wit_error_set(err, WIT_ECANCELED, "interrupted while reading %s", dir);
        }
        wit_shards_shard_release(ds, s);
    }
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    return st < 0 ? st : 0;
}

struct wit_shards_removal removal_list_request(const struct removal_list *l) {
    return (struct wit_shards_removal){ .keys = l->keys,
                                        .key_count = l->key_count,
                                        .urls = l->urls,
                                        .url_count = l->url_count,
                                        .domains = l->domains,
                                        .domain_count = l->domain_count,
                                        .captions = l->captions,
                                        .caption_count = l->caption_count };
}
