/* removed_set.c: sorted hashes, suffixes of hosts, bytes in captions. */
#include "removed_set.h"

#include "text/wit_text.h"

#include <stdlib.h>

struct wit_shards_removed {
    struct removed_log log;
    struct removed_set set;
};

static const struct removed_set nothing;

static struct wit_hash128 text_hash(struct wit_str s) {
    return wit_hash128_of(s.data, s.len);
}

/* ---- making ---------------------------------------------------------------------------------- */

static int hash_order(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

static int caption_order(const void *x, const void *y) {
    const struct wit_shards_removal_caption *a = x, *b = y;
    int order = wit_str_cmp(a->text, b->text);
    return order ? order : (int)a->fold_case - (int)b->fold_case;
}

/* Sort and drop repeats; how many are left. */
static size_t hashes_settle(struct wit_hash128 *h, size_t count) {
    size_t kept = 0;
    if (count)
        qsort(h, count, sizeof *h, hash_order);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !wit_hash128_eq(h[kept - 1], h[i]))
            h[kept++] = h[i];
    return kept;
}

static bool holds(const struct wit_shards_removed_entry *e, const bool *wanted) {
    return e->kind == WIT_SHARDS_REMOVED_REQUEST && e->lifted_by == 0 &&
           (!wanted || wanted[e->number - 1]);
}

static int room_make(const struct removed_log *log, const bool *wanted, struct removed_set *s,
                     struct wit_error *err) {
    size_t keys = 0, urls = 0, domains = 0, captions = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct wit_shards_removed_entry *e = &log->entries[i];
        if (!holds(e, wanted))
            continue;
        keys += e->what.key_count;
        urls += e->what.url_count;
        domains += e->what.domain_count;
        captions += e->what.caption_count;
    }
    if (captions > WIT_SHARDS_REMOVAL_MAX_CAPTIONS)
        return wit_error_set(err, WIT_ELIMIT, "%zu patterns of captions are more than %u", captions,
                             WIT_SHARDS_REMOVAL_MAX_CAPTIONS);
    s->keys = wit_alloc_array(keys + 1, sizeof *s->keys);
    s->urls = wit_alloc_array(urls + 1, sizeof *s->urls);
    s->domains = wit_alloc_array(domains + 1, sizeof *s->domains);
    s->captions = wit_alloc_array(captions + 1, sizeof *s->captions);
    if (!s->keys || !s->urls || !s->domains || !s->captions)
        return wit_error_set(err, WIT_ENOMEM, "no memory for what was removed");
    return 0;
}

static void request_take(struct removed_set *s, const struct wit_shards_removal *r) {
    for (size_t i = 0; i < r->key_count; i++)
        s->keys[s->key_count++] = r->keys[i];
    for (size_t i = 0; i < r->url_count; i++)
        s->urls[s->url_count++] = text_hash(r->urls[i]);
    for (size_t i = 0; i < r->domain_count; i++)
        s->domains[s->domain_count++] = text_hash(r->domains[i]);
    for (size_t i = 0; i < r->caption_count; i++)
        s->captions[s->caption_count++] = r->captions[i];
}

int removed_set_make(const struct removed_log *log, const bool *wanted, struct removed_set *out,
                     struct wit_error *err) {
    struct removed_set s = { .keys = NULL };
    int st = room_make(log, wanted, &s, err);
    if (st < 0) {
        removed_set_finish(&s);
        return st;
    }
    for (size_t i = 0; i < log->count; i++)
        if (holds(&log->entries[i], wanted))
            request_take(&s, &log->entries[i].what);
    s.key_count = hashes_settle(s.keys, s.key_count);
    s.url_count = hashes_settle(s.urls, s.url_count);
    s.domain_count = hashes_settle(s.domains, s.domain_count);
    if (s.caption_count)
        qsort(s.captions, s.caption_count, sizeof *s.captions, caption_order);
    size_t kept = 0;
    for (size_t i = 0; i < s.caption_count; i++)
        if (kept == 0 || caption_order(&s.captions[kept - 1], &s.captions[i]) != 0)
            s.captions[kept++] = s.captions[i];
    s.caption_count = kept;
    *out = s;
    return 0;
}

void removed_set_finish(struct removed_set *s) {
    free(s->keys);
    free(s->urls);
    free(s->domains);
    free(s->captions);
    *s = (struct removed_set){ .keys = NULL };
}

/* ---- asking ---------------------------------------------------------------------------------- */

bool removed_set_is_empty(const struct removed_set *s) {
    return s->key_count + s->url_count + s->domain_count + s->caption_count == 0;
}

static bool has(const struct wit_hash128 *sorted, size_t count, struct wit_hash128 h) {
    return count && bsearch(&h, sorted, count, sizeof h, hash_order) != NULL;
}

bool removed_set_has_key(const struct removed_set *s, struct wit_hash128 key) {
    return has(s->keys, s->key_count, key);
}

bool removed_set_has_prefix(const struct removed_set *s, int bits, uint32_t prefix) {
    size_t low = 0, high = s->key_count;
    if (bits <= 0) /* one prefix, or no prefixes: samples that lie in tars */
        return s->key_count != 0;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->keys[mid].hi >> (64 - bits) < prefix)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->key_count && s->keys[low].hi >> (64 - bits) == prefix;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Captions are short: the plain search. */
static bool holds_folded(struct wit_str text, struct wit_str needle) {
    const char first = lower(needle.data[0]);
    for (size_t i = 0; i + needle.len <= text.len; i++)
        if (lower(text.data[i]) == first &&
            wit_str_eq_nocase(wit_str_slice(text, i, i + needle.len), needle))
            return true;
    return false;
}

bool removed_set_has_caption(const struct removed_set *s, struct wit_str text) {
    for (size_t i = 0; i < s->caption_count; i++) {
        const struct wit_shards_removal_caption *c = &s->captions[i];
        if (c->fold_case ? holds_folded(text, c->text) : wit_str_find(text, c->text, 0) >= 0)
            return true;
    }
    return false;
}

/* The host itself, and what is left of it behind each dot. */
static bool host_has(const struct removed_set *s, struct wit_str host) {
    while (host.len && host.data[host.len - 1] == '.') /* a name's root: the same host */
        host.len--;
    for (size_t from = 0; from < host.len;) {
        struct wit_str rest = wit_str_slice(host, from, host.len);
        if (has(s->domains, s->domain_count, text_hash(rest)))
            return true;
        ptrdiff_t dot = wit_str_find_byte(host, '.', from);
        if (dot < 0)
            return false;
        from = (size_t)dot + 1;
    }
    return false;
}

int removed_set_has_url(const struct removed_set *s, struct wit_str url) {
    if (has(s->urls, s->url_count, text_hash(url)))
        return 1;
    if (s->domain_count == 0)
        return 0;
    struct wit_url parsed = WIT_URL_INIT;
    int st = wit_url_parse(&parsed, url, NULL, NULL);
    bool found = st >= 0 && host_has(s, wit_url_host(&parsed));
    wit_url_finish(&parsed);
    return st == WIT_ENOMEM ? st : found;
}

bool removed_set_names_url(const struct removed_set *s, struct wit_str url) {
    return has(s->urls, s->url_count, text_hash(url));
}

bool removed_set_names_domain(const struct removed_set *s, struct wit_str domain) {
    return has(s->domains, s->domain_count, text_hash(domain));
}

bool removed_set_names_caption(const struct removed_set *s,
                               const struct wit_shards_removal_caption *caption) {
    return s->caption_count &&
           bsearch(caption, s->captions, s->caption_count, sizeof *caption, caption_order) != NULL;
}

int removed_set_digest(const struct removed_set *s, struct wit_hash128 *out) {
    const struct {
        const struct wit_hash128 *h;
        size_t count;
    } lists[] = { { s->keys, s->key_count },
                  { s->urls, s->url_count },
                  { s->domains, s->domain_count } };
    uint8_t bytes[16];
    *out = (struct wit_hash128){ 0, 0 };
    if (removed_set_is_empty(s))
        return 0;
    struct wit_hasher *h = wit_hasher_create();
    if (!h)
        return WIT_ENOMEM;
    for (size_t i = 0; i < WIT_COUNT_OF(lists); i++) {
        wit_store_be64(bytes, lists[i].count);
        wit_hasher_update(h, bytes, 8);
        for (size_t k = 0; k < lists[i].count; k++) {
            wit_hash128_to_bytes(lists[i].h[k], bytes);
            wit_hasher_update(h, bytes, sizeof bytes);
        }
    }
    for (size_t i = 0; i < s->caption_count; i++) {
        wit_store_be64(bytes, s->captions[i].text.len);
        bytes[8] = s->captions[i].fold_case;
        wit_hasher_update(h, bytes, 9);
        wit_hasher_update(h, s->captions[i].text.data, s->captions[i].text.len);
    }
    *out = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return 0;
}

/* ---- the open log ---------------------------------------------------------------------------- */

int wit_shards_removed_open(const char *dir, struct wit_shards_removed **out,
                            struct wit_error *err) {
    struct wit_shards_removed *r = calloc(1, sizeof *r);
    if (!r)
        return wit_error_set(err, WIT_ENOMEM, "no memory for what was removed");
    int st = removed_log_load(dir, &r->log, err);
    if (st >= 0)
        st = removed_set_make(&r->log, NULL, &r->set, err);
    if (st < 0)
        wit_shards_removed_close(r);
    else
        *out = r;
    return st;
}

void wit_shards_removed_close(struct wit_shards_removed *r) {
    if (!r)
        return;
    removed_set_finish(&r->set);
    removed_log_finish(&r->log);
    free(r);
}

const struct removed_set *removed_set_of(const struct wit_shards_removed *r) {
    return r ? &r->set : &nothing;
}

size_t wit_shards_removed_entries(const struct wit_shards_removed *r) {
    return r->log.count;
}

const struct wit_shards_removed_entry *wit_shards_removed_entry(const struct wit_shards_removed *r,
                                                                size_t index) {
    return &r->log.entries[index];
}

bool wit_shards_removed_is_empty(const struct wit_shards_removed *r) {
    return removed_set_is_empty(removed_set_of(r));
}

bool wit_shards_removed_key(const struct wit_shards_removed *r, struct wit_hash128 key) {
    return removed_set_has_key(removed_set_of(r), key);
}

bool wit_shards_removed_caption(const struct wit_shards_removed *r, struct wit_str text) {
    return removed_set_has_caption(removed_set_of(r), text);
}

int wit_shards_removed_url(const struct wit_shards_removed *r, struct wit_str url) {
    return removed_set_has_url(removed_set_of(r), url);
}
