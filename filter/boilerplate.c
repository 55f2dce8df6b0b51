/*
 * boilerplate.c: counts on how many pages of a registrable domain a text stood. A place is one
 * (domain, text, page); places are a set, so repeats and order change nothing. Everything is kept
 * by 64-bit hashes: of n places about n^2 / 2^65 are taken for another.
 */
#include "text/wit_text.h"
#include "wit_filter_hygiene.h"

#include <stdlib.h>

enum { TABLE_BITS_LEAST = 10 };

/* Hashes, each with a number where it `counts`. Open addressing, linear probing, at most 3/4 full;
 * 0 means "free". */
struct table {
    uint64_t *hashes; /* 1 << bits; NULL: empty */
    uint32_t *numbers;
    unsigned bits;
    uint64_t used;
    bool counts;
};

struct wit_filter_boilerplate {
    struct wit_filter_boilerplate_config cfg;
    struct table places;  /* (domain, text, page) */
    struct table pages;   /* (domain, page) */
    struct table texts;   /* (domain, text): its pages */
    struct table domains; /* domain: its pages */
    /* Candidates of a page come one after another: its hashes are worked out once. */
    struct wit_buf last_page;
    uint64_t last_domain_hash, last_page_hash;
};

static size_t table_at(const uint64_t *hashes, unsigned bits, uint64_t hash) {
    size_t mask = ((size_t)1 << bits) - 1, at = hash & mask;
    while (hashes[at] && hashes[at] != hash)
        at = (at + 1) & mask;
    return at;
}

static int table_grow(struct table *t) {
    struct table bigger = { .bits = t->hashes ? t->bits + 1 : TABLE_BITS_LEAST };
    bigger.hashes = wit_alloc_array((size_t)1 << bigger.bits, sizeof *bigger.hashes);
    if (bigger.hashes && t->counts)
        bigger.numbers = wit_alloc_array((size_t)1 << bigger.bits, sizeof *bigger.numbers);
    if (!bigger.hashes || (t->counts && !bigger.numbers)) {
        free(bigger.hashes);
        return WIT_ENOMEM;
    }
    for (size_t i = 0; t->hashes && i < (size_t)1 << t->bits; i++) {
        if (!t->hashes[i])
            continue;
        size_t at = table_at(bigger.hashes, bigger.bits, t->hashes[i]);
        bigger.hashes[at] = t->hashes[i];
        if (t->counts)
            bigger.numbers[at] = t->numbers[i];
    }
    free(t->hashes);
    free(t->numbers);
    t->hashes = bigger.hashes;
    t->numbers = bigger.numbers;
    t->bits = bigger.bits;
    return 0;
}

/* 1: the hash is new; 0: it was there; WIT_ENOMEM. Its number, where there are any, grows by one.
 */
static int table_add(struct table *t, uint64_t hash) {
    hash += hash == 0;
    if ((!t->hashes || t->used + 1 > ((uint64_t)3 << t->bits) / 4) && table_grow(t) < 0)
        return WIT_ENOMEM;
    size_t at = table_at(t->hashes, t->bits, hash);
    int is_new = t->hashes[at] == 0;
    t->hashes[at] = hash;
    t->used += (uint64_t)is_new;
    if (t->counts && t->numbers[at] < UINT32_MAX)
        t->numbers[at]++;
    return is_new;
}

static uint32_t table_number(const struct table *t, uint64_t hash) {
    hash += hash == 0;
    return t->hashes ? t->numbers[table_at(t->hashes, t->bits, hash)] : 0;
}

static uint64_t table_bytes(const struct table *t) {
    uint64_t each = sizeof *t->hashes + (t->counts ? sizeof *t->numbers : 0);
    return t->hashes ? each << t->bits : 0;
}

static void table_finish(struct table *t) {
    free(t->hashes);
    free(t->numbers);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct wit_filter_boilerplate_config wit_filter_boilerplate_config_default(void) {
    return (struct wit_filter_boilerplate_config){ .pages = 8, .share = 0.1 };
}

int wit_filter_boilerplate_create(const struct wit_filter_boilerplate_config *cfg,
                                  struct wit_filter_boilerplate **out, struct wit_error *err) {
    if (cfg->pages < 2 || !(cfg->share >= 0 && cfg->share < 1))
        return wit_error_set(err, WIT_EINVAL,
                             "boilerplate stands on at least 2 pages and a share in [0, 1), not on "
                             "%u and %g",
                             cfg->pages, cfg->share);
    struct wit_filter_boilerplate *b = calloc(1, sizeof *b);
    if (!b)
        return wit_error_set(err, WIT_ENOMEM, "no memory to count boilerplate");
    b->cfg = *cfg;
    b->texts.counts = b->domains.counts = true;
    b->last_page = (struct wit_buf)WIT_BUF_INIT((size_t)1 << 20);
    *out = b;
    return 0;
}

void wit_filter_boilerplate_destroy(struct wit_filter_boilerplate *b) {
    if (!b)
        return;
    table_finish(&b->places);
    table_finish(&b->pages);
    table_finish(&b->texts);
    table_finish(&b->domains);
    wit_buf_finish(&b->last_page);
    free(b);
}

/* ---- counting -------------------------------------------------------------------------------- */

/* Domain and page as hashes, in b->last_*. A fragment is no other page. */
static int page_hash(struct wit_filter_boilerplate *b, struct wit_str page, struct wit_error *err) {
    struct wit_url url = WIT_URL_INIT;
    if (b->last_page.len && wit_str_eq(wit_buf_view(&b->last_page), page))
        return 0;
    wit_buf_reset(&b->last_page);
    int st = wit_url_parse(&url, page, NULL, err);
    if (st < 0)
        return st;
    wit_url_remove_fragment(&url);
    struct wit_str domain = wit_domain_registrable(wit_url_host(&url)), href = wit_url_href(&url);
    b->last_domain_hash = wit_hash64_of(domain.data, domain.len, 0);
    b->last_page_hash = wit_hash64_of(href.data, href.len, b->last_domain_hash);
    wit_url_finish(&url);
    /* Where it has no room the next call works it out again. */
    if (wit_buf_append_str(&b->last_page, page) < 0)
        wit_buf_reset(&b->last_page);
    return 0;
}

static uint64_t text_hash(const struct wit_filter_boilerplate *b, struct wit_str text) {
    text = wit_str_trim(text);
    return wit_hash64_of(text.len ? text.data : "", text.len, b->last_domain_hash);
}

int wit_filter_boilerplate_offer(struct wit_filter_boilerplate *b, struct wit_str page,
                                 struct wit_str text, struct wit_error *err) {
    int st = page_hash(b, page, err);
    if (st < 0)
        return st;
    const uint64_t words = text_hash(b, text);
    const uint64_t place[2] = { words, b->last_page_hash };
    st = table_add(&b->pages, b->last_page_hash);
    if (st > 0)
        st = table_add(&b->domains, b->last_domain_hash);
    if (st >= 0)
        st = table_add(&b->places, wit_hash64_of(place, sizeof place, 0));
    if (st > 0)
        st = table_add(&b->texts, words);
    return st < 0 ? wit_error_set(err, st, "no memory for place %llu of texts on pages",
                                  (unsigned long long)b->places.used + 1)
                  : 0;
}

int wit_filter_boilerplate_check(struct wit_filter_boilerplate *b, struct wit_str page,
                                 struct wit_str text, struct wit_error *err) {
    int st = page_hash(b, page, err);
    if (st < 0)
        return st;
    uint32_t on = table_number(&b->texts, text_hash(b, text));
    uint32_t of = table_number(&b->domains, b->last_domain_hash);
    return on >= b->cfg.pages && (double)on > b->cfg.share * (double)of;
}

void wit_filter_boilerplate_stat(const struct wit_filter_boilerplate *b,
                                 struct wit_filter_boilerplate_stat *out) {
    *out = (struct wit_filter_boilerplate_stat){
        .places = b->places.used,
        .pages = b->pages.used,
        .texts = b->texts.used,
        .domains = b->domains.used,
        .memory_bytes = table_bytes(&b->places) + table_bytes(&b->pages) + table_bytes(&b->texts) +
                        table_bytes(&b->domains),
    };
}
