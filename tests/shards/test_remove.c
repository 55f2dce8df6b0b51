/*
 * test_remove.c: what was removed leaves the dataset as if it had never been collected, and stays
 * out: of seals, merges, parts, and of what a collector takes.
 */
#include "collection.h"
#include "manifest.h"
#include "wit_shards_merge.h"
#include "wit_shards_removed.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NAMES_MOST = 8, NAME_BYTES = 64 };

static struct wit_error err;
static const struct collection content = {
    .seed = 11, .urls = 160, .images = 90, .candidates = 900
};

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

/* ---- requests at random ---------------------------------------------------------------------- */

struct asked {
    struct wit_shards_removal what;
    struct wit_hash128 keys[NAMES_MOST];
    struct wit_str urls[NAMES_MOST], domains[1];
    struct wit_shards_removal_caption captions[2];
    char names[NAMES_MOST][NAME_BYTES];
};

static struct wit_hash128 key_of(const char *dir, uint64_t index) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_hash128 key = { 0, 0 };
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++) {
        uint64_t n = wit_shards_shard_samples(ds, s);
        if (index < n) {
            must(wit_shards_key(ds, s, index, &key, &err));
            break;
        }
        index -= n;
    }
    wit_shards_dataset_close(ds);
    return key;
}

/* The keys are those of a dataset that nothing was removed from. */
static void ask(struct asked *a, const char *whole, uint64_t seed) {
    static const char *const patterns[] = { "KATZE", "kite", " again", "IMG", "night", "boats" };
    struct wit_random rng;
    wit_random_init(&rng, seed, 7, 0);
    *a = (struct asked){ .what = { .reason = WIT_STR("test") } };
    a->what.key_count = (size_t)wit_random_below(&rng, 4);
    for (size_t i = 0; i < a->what.key_count; i++)
        a->keys[i] = key_of(whole, wit_random_below(&rng, 60));
    a->what.url_count = (size_t)wit_random_below(&rng, NAMES_MOST);
    for (size_t i = 0; i < a->what.url_count; i++) {
        /* as they were found, or as redirects led there */
        const char *host = wit_random_below(&rng, 2) ? "x" : "cdn";
        snprintf(a->names[i], NAME_BYTES, "http://%s.test/%u.jpg", host,
                 (unsigned)wit_random_below(&rng, content.urls));
        a->urls[i] = wit_str_from(a->names[i]);
    }
    a->what.caption_count = (size_t)wit_random_below(&rng, 3);
    for (size_t i = 0; i < a->what.caption_count; i++) {
        a->captions[i].text =
            wit_str_from(patterns[wit_random_below(&rng, WIT_COUNT_OF(patterns))]);
        a->captions[i].fold_case = wit_random_below(&rng, 2);
    }
    if (a->what.key_count + a->what.url_count + a->what.caption_count == 0) {
        a->captions[0] = (struct wit_shards_removal_caption){ WIT_STR("menu"), false };
        a->what.caption_count = 1;
    }
    a->what.keys = a->keys;
    a->what.urls = a->urls;
    a->what.captions = a->captions;
}

/* ---- collections without it ------------------------------------------------------------------ */

/* Everything of the logs of `dir` that no request names, as another collection. The slow clear
 * version: linear searches over what was asked for. */
struct without {
    const struct asked *asked;
    size_t count;
    struct wit_shards_collector *to;
};

static bool holds(struct wit_str text, const struct wit_shards_removal_caption *c) {
    for (size_t i = 0; i + c->text.len <= text.len; i++) {
        struct wit_str part = wit_str_slice(text, i, i + c->text.len);
        if (c->fold_case ? wit_str_eq_nocase(part, c->text) : wit_str_eq(part, c->text))
            return true;
    }
    return false;
}

static bool names_url(const struct without *w, struct wit_str url) {
    for (size_t k = 0; k < w->count; k++)
        for (size_t i = 0; i < w->asked[k].what.url_count; i++)
            if (wit_str_eq(w->asked[k].what.urls[i], url))
                return true;
    return false;
}

static int candidate_take(void *user, const struct wit_shards_candidate *c, struct wit_error *e) {
    const struct without *w = user;
    bool named = names_url(w, c->url);
    for (size_t k = 0; k < w->count && !named; k++)
        for (size_t i = 0; i < w->asked[k].what.caption_count; i++)
            named |= holds(c->text, &w->asked[k].what.captions[i]);
    return named ? 0 : wit_shards_collector_add_candidate(w->to, c, e);
}

/* Images as the collection made them: it tells which it would add by adding to a collector that
 * nothing is kept of. */
static void images_take(const struct without *w, const char *from) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(WIT_SHARDS_MAX_RECORD_BYTES);
    struct wit_buf origin = WIT_BUF_INIT((size_t)1 << 24);
    struct wit_shards_sample s;
    must(wit_shards_dataset_open(from, NULL, &ds, &err));
    for (size_t shard = 0; shard < wit_shards_dataset_shards(ds); shard++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, shard); i++) {
            must(wit_shards_read(ds, shard, i, &buf, &s, &err));
            bool named = false;
            for (size_t k = 0; k < w->count; k++)
                for (size_t j = 0; j < w->asked[k].what.key_count; j++)
                    named |= wit_hash128_eq(w->asked[k].what.keys[j], s.key);
            wit_buf_reset(&origin);
            must(wit_shards_origin(ds, s.key, &origin, &err));
            struct wit_str rest = wit_buf_view(&origin);
            while (!named && rest.len) {
                struct wit_json *json = NULL;
                struct wit_shards_fetched f = { .bytes = s.image, .info = s.info };
                size_t end = (size_t)wit_str_find_byte(rest, '\n', 0);
                must(wit_json_parse(wit_str_slice(rest, 0, end), "origin", &json, &err));
                must(wit_json_string(wit_json_get(json, "url"), &f.url));
                must(wit_json_string(wit_json_get(json, "final_url"), &f.final_url));
                must(wit_json_string(wit_json_get(json, "headers"), &f.headers));
                must(wit_json_string(wit_json_get(json, "rights"), &f.rights));
                must(wit_json_int(wit_json_get(json, "fetched_at_s"), &f.fetched_at_s));
                if (!names_url(w, f.url) && !names_url(w, f.final_url))
                    must(wit_shards_collector_add_image(w->to, &f, &err));
                wit_json_destroy(json);
                rest = wit_str_slice(rest, end + 1, rest.len);
            }
        }
    wit_buf_finish(&buf);
    wit_buf_finish(&origin);
    wit_shards_dataset_close(ds);
}

/* Seal into a new folder what `whole` was sealed from, without what was asked for. */
static void seal_without(char out[WIT_PATH_MAX], const char *whole, const struct asked *asked,
                         size_t count, int bits) {
    struct without w = { .asked = asked, .count = count };
    struct wit_shards_seal_report report;
    scratch_make(out);
    must(wit_shards_collector_open(out, &w.to, &err));
    must(wit_shards_candidates_each(whole, candidate_take, &w, &err));
    images_take(&w, whole);
    must(wit_shards_collector_commit(w.to, &err));
    wit_shards_collector_close(w.to);
    must(seal_simple(out, 1, bits, &report, &err));
}

static void seal_whole(char out[WIT_PATH_MAX], int bits) {
    struct wit_shards_seal_report report;
    scratch_make(out);
    must(collection_run(&content, 0, collection_steps(&content), 3, out, &err));
    must(seal_simple(out, 2, bits, &report, &err));
}

static int remove_asked(const char *dir, const struct wit_shards_removal *what,
                        struct wit_shards_removal_report *report) {
    struct wit_shards_remove_config cfg = wit_shards_remove_config_default();
    cfg.threads = 2;
    return wit_shards_remove(dir, what, &cfg, report, &err);
}

static struct manifest load(const char *dir) {
    struct manifest m;
    must(manifest_load(dir, &m, &err));
    return m;
}

static void same_content(const char *a, const char *b) {
    struct manifest x = load(a), y = load(b);
    assert_int_equal(x.samples, y.samples);
    assert_int_equal(x.pairs, y.pairs);
    assert_int_equal(x.image_bytes, y.image_bytes);
    assert_true(wit_hash128_eq(x.hash, y.hash));
    manifest_finish(&x);
    manifest_finish(&y);
}

static void verify_clean(const char *dir) {
    struct wit_shards_verify_report report;
    must(wit_shards_verify(dir, NULL, &report, &err));
}

/* Origins are in no hash: those of both, text by text. */
static void same_origins(const char *a, const char *b) {
    struct wit_shards_dataset *x = NULL, *y = NULL;
    struct wit_buf p = WIT_BUF_INIT((size_t)1 << 24), q = WIT_BUF_INIT((size_t)1 << 24);
    must(wit_shards_dataset_open(a, NULL, &x, &err));
    must(wit_shards_dataset_open(b, NULL, &y, &err));
    for (size_t s = 0; s < wit_shards_dataset_shards(x); s++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(x, s); i++) {
            struct wit_hash128 key;
            must(wit_shards_key(x, s, i, &key, &err));
            wit_buf_reset(&p);
            wit_buf_reset(&q);
            must(wit_shards_origin(x, key, &p, &err));
            must(wit_shards_origin(y, key, &q, &err));
            if (!wit_str_eq(wit_buf_view(&p), wit_buf_view(&q)))
                print_error("%.*s\n---\n%.*s\n", (int)p.len, p.data, (int)q.len, q.data);
            assert_true(wit_str_eq(wit_buf_view(&p), wit_buf_view(&q)));
        }
    wit_buf_finish(&p);
    wit_buf_finish(&q);
    wit_shards_dataset_close(x);
    wit_shards_dataset_close(y);
}

static void equals_a_seal_without_it(void **state) {
    enum { ROUNDS = 12, REQUESTS = 2 };
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct asked asked[REQUESTS];
        struct wit_shards_removal_report first, second, again;
        struct wit_shards_seal_report sealed;
        char whole[WIT_PATH_MAX], dir[WIT_PATH_MAX], want[WIT_PATH_MAX];
        const int bits = (int)(round % 4);
        seal_whole(whole, bits);
        seal_whole(dir, bits);
        for (uint64_t i = 0; i < REQUESTS; i++)
            ask(&asked[i], whole, 100 * round + i);
        seal_without(want, whole, asked, REQUESTS, bits);
        /* in either order */
        must(remove_asked(dir, &asked[round % 2].what, &first));
        verify_clean(dir);
        must(remove_asked(dir, &asked[(round + 1) % 2].what, &second));
        verify_clean(dir);
        same_content(dir, want);
        same_origins(dir, want);
        assert_int_equal(second.unsure_pairs, 0);
        /* again, and all of it */
        must(remove_asked(dir, &asked[0].what, &again));
        assert_int_equal(again.entry, 0);
        assert_false(again.changed);
        must(remove_asked(dir, NULL, &again));
        assert_false(again.changed);
        same_content(dir, want);
        /* the logs still have it, and a seal leaves it out; so does one of logs without it */
        must(seal_simple(dir, 2, bits, &sealed, &err));
        same_content(dir, want);
        same_origins(dir, want);
        verify_clean(dir);
        scratch_remove(whole);
        scratch_remove(dir);
        scratch_remove(want);
    }
}

/* ---- who else must keep it out --------------------------------------------------------------- */

static void a_dry_run_says_the_same_and_does_nothing(void **state) {
    struct asked asked;
    struct wit_shards_remove_config cfg = wit_shards_remove_config_default();
    struct wit_shards_removal_report dry, real;
    char dir[WIT_PATH_MAX], log[WIT_PATH_MAX];
    seal_whole(dir, 2);
    ask(&asked, dir, 5);
    struct manifest before = load(dir);
    cfg.dry_run = true;
    must(wit_shards_remove(dir, &asked.what, &cfg, &dry, &err));
    struct manifest after = load(dir);
    must(wit_path_join(log, dir, "removed.log"));
    assert_false(wit_file_exists(log));
    assert_true(wit_hash128_eq(before.hash, after.hash));
    must(remove_asked(dir, &asked.what, &real));
    assert_true(real.samples + real.changed_samples > 0);
    assert_int_equal(dry.samples, real.samples);
    assert_int_equal(dry.pairs, real.pairs);
    assert_int_equal(dry.changed_samples, real.changed_samples);
    assert_int_equal(dry.items, real.items);
    assert_int_equal(dry.samples_left, real.samples_left);
    assert_true(wit_hash128_eq(real.before, before.hash));
    manifest_finish(&before);
    manifest_finish(&after);
    scratch_remove(dir);
}

/* A domain is every host below it; all of this collection is below x.test and cdn.test. */
static void a_domain_is_all_below_it(void **state) {
    static const struct {
        const char *domain;
        bool hits;
    } cases[] = { { "x.test", true },   { "*.test", true },  { "TEST.", true },
                  { "cdn.test", true }, { "y.test", false }, { "est", false },
                  { "a.x.test", false } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        const struct wit_str domain = wit_str_from(cases[i].domain);
        const struct wit_shards_removal what = { .domains = &domain,
                                                 .domain_count = 1,
                                                 .reason = WIT_STR("test") };
        struct wit_shards_removal_report report;
        char dir[WIT_PATH_MAX];
        seal_whole(dir, 1);
        must(remove_asked(dir, &what, &report));
        assert_int_equal(report.samples > 0, cases[i].hits);
        assert_int_equal(report.samples_left == 0, cases[i].hits);
        verify_clean(dir);
        scratch_remove(dir);
    }
}

static void a_collector_takes_none_of_it(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_removal_report report;
    char dir[WIT_PATH_MAX];
    const struct wit_str domain = WIT_STR("gone.test");
    const struct wit_shards_fetched images[] = {
        { .url = WIT_STR("http://a.test/1"),
          .final_url = WIT_STR("http://a.test/1"),
          .bytes = WIT_STR("removed bytes") },
        { .url = WIT_STR("http://a.gone.test/2"),
          .final_url = WIT_STR("http://a.gone.test/2"),
          .bytes = WIT_STR("others") },
        { .url = WIT_STR("http://a.test/3"),
          .final_url = WIT_STR("http://gone.test/3"),
          .bytes = WIT_STR("others") },
        { .url = WIT_STR("http://a.test/4"),
          .final_url = WIT_STR("http://a.test/4"),
          .bytes = WIT_STR("others") },
    };
    const struct wit_hash128 key = wit_hash128_of("removed bytes", 13);
    const struct wit_shards_removal what = { .keys = &key,
                                             .key_count = 1,
                                             .domains = &domain,
                                             .domain_count = 1,
                                             .reason = WIT_STR("test") };
    scratch_make(dir);
    must(remove_asked(dir, &what, &report)); /* before there is a dataset */
    assert_int_equal(report.entry, 1);
    assert_true(report.after.hi == 0 && report.after.lo == 0);
    must(wit_shards_collector_open(dir, &c, &err));
    for (size_t i = 0; i < WIT_COUNT_OF(images); i++)
        must(wit_shards_collector_add_image(c, &images[i], &err));
    assert_int_equal(wit_shards_collector_totals(c).images, 1);
    assert_int_equal(wit_shards_collector_totals(c).refusals, 3);
    assert_int_equal(wit_shards_collector_find(c, images[0].url), 2);
    assert_int_equal(wit_shards_collector_find(c, images[3].url), 1);
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    scratch_remove(dir);
}

/* What was removed from one input is in another: the union has neither. */
static void a_merge_keeps_it_out(void **state) {
    struct asked asked;
    struct wit_shards_removal_report report, later;
    struct wit_shards_remade made;
    struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
    char a[WIT_PATH_MAX], b[WIT_PATH_MAX], out[WIT_PATH_MAX], want[WIT_PATH_MAX];
    struct wit_shards_removed *carried = NULL;
    seal_whole(a, 1);
    seal_whole(b, 2);
    for (uint64_t seed = 0; seed < 3; seed++) {
        scratch_make(out);
        ask(&asked, b, 40 + seed);
        seal_without(want, b, &asked, 1, 1);
        if (seed == 0)
            must(remove_asked(a, &asked.what, &report));
        else { /* and what was asked for earlier */
            must(remove_asked(a, NULL, &report));
            scratch_remove(want);
            scratch_remove(out);
            break;
        }
        const char *const inputs[] = { b, a };
        cfg.shard_bits = 2;
        must(wit_shards_merge(inputs, 2, out, &cfg, &made, &err));
        same_content(out, want);
        same_origins(out, want);
        verify_clean(out);
        must(wit_shards_removed_open(out, &carried, &err));
        assert_int_equal(wit_shards_removed_entries(carried), 3);
        assert_int_equal(wit_shards_removed_entry(carried, 0)->done_by, 2);
        assert_true(wit_shards_removed_entry(carried, 1)->samples +
                        wit_shards_removed_entry(carried, 1)->pairs >
                    0);
        wit_shards_removed_close(carried);
        must(remove_asked(out, &asked.what, &later));
        assert_int_equal(later.entry, 0);
        assert_false(later.changed);
        scratch_remove(want);
        scratch_remove(out);
    }
    scratch_remove(a);
    scratch_remove(b);
}

static void parts_take_it_over(void **state) {
    struct asked asked;
    struct wit_shards_removal_report report;
    struct wit_shards_split_config cfg = wit_shards_split_config_default();
    struct wit_shards_removed *removed = NULL;
    char dir[WIT_PATH_MAX], out[WIT_PATH_MAX], part[WIT_PATH_MAX];
    const double shares[] = { 0.5, 0.5 };
    seal_whole(dir, 1);
    scratch_make(out);
    ask(&asked, dir, 9);
    must(remove_asked(dir, &asked.what, &report));
    cfg.shares = shares;
    cfg.share_count = 2;
    must(wit_shards_split(dir, out, &cfg, &err));
    must(wit_path_join(part, out, "part-1"));
    must(wit_shards_removed_open(part, &removed, &err));
    assert_int_equal(wit_shards_removed_entries(removed), 1);
    assert_false(wit_shards_removed_is_empty(removed));
    verify_clean(part);
    wit_shards_removed_close(removed);
    scratch_remove(dir);
    scratch_remove(out);
}

static void what_is_lifted_comes_back_with_a_seal(void **state) {
    struct asked asked;
    struct wit_shards_removal_report report;
    struct wit_shards_seal_report sealed;
    struct wit_shards_removed *removed = NULL;
    char dir[WIT_PATH_MAX], whole[WIT_PATH_MAX];
    seal_whole(dir, 2);
    seal_whole(whole, 2);
    ask(&asked, whole, 3);
    must(remove_asked(dir, &asked.what, &report));
    assert_true(report.changed);
    must(wit_shards_removed_lift(dir, 1, WIT_STR("a mistake"), WIT_STR(""), &err));
    assert_int_equal(wit_shards_removed_lift(dir, 1, WIT_STR("x"), WIT_STR(""), &err), WIT_EEXIST);
    assert_int_equal(wit_shards_removed_lift(dir, 2, WIT_STR("x"), WIT_STR(""), &err),
                     WIT_ENOTFOUND);
    assert_int_equal(wit_shards_removed_lift(dir, 1, WIT_STR(""), WIT_STR(""), &err), WIT_EINVAL);
    must(wit_shards_removed_open(dir, &removed, &err));
    assert_true(wit_shards_removed_is_empty(removed));
    assert_int_equal(wit_shards_removed_entry(removed, 0)->lifted_by, 4);
    wit_shards_removed_close(removed);
    must(seal_simple(dir, 2, 2, &sealed, &err));
    same_content(dir, whole);
    /* asked for anew, it is a new entry */
    must(remove_asked(dir, &asked.what, &report));
    assert_int_equal(report.entry, 5);
    assert_true(report.changed);
    scratch_remove(dir);
    scratch_remove(whole);
}

static void everything_may_go(void **state) {
    struct wit_shards_removal_report report;
    struct wit_shards_seal_report sealed;
    const struct wit_str domain = WIT_STR("test");
    const struct wit_shards_removal what = { .domains = &domain,
                                             .domain_count = 1,
                                             .reason = WIT_STR("test") };
    char dir[WIT_PATH_MAX];
    seal_whole(dir, 2);
    must(remove_asked(dir, &what, &report));
    assert_int_equal(report.samples_left, 0);
    verify_clean(dir);
    must(seal_simple(dir, 1, 2, &sealed, &err));
    assert_int_equal(sealed.samples, 0);
    assert_true(sealed.removed_images > 0);
    scratch_remove(dir);
}

/* A list names an image without words: it is a sample again once the words of others are gone. */
static void words_that_go_may_leave_none(void **state) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_removal_report report;
    struct wit_shards_seal_report sealed;
    const struct wit_shards_removal_caption pattern = { WIT_STR("secret"), false };
    const struct wit_shards_removal what = { .captions = &pattern,
                                             .caption_count = 1,
                                             .reason = WIT_STR("test") };
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    for (unsigned i = 0; i < 2; i++) {
        const struct wit_str url = i ? WIT_STR("http://a.test/1") : WIT_STR("http://a.test/0");
        const struct wit_shards_fetched f = { .url = url, .bytes = WIT_STR("same bytes") };
        const struct wit_shards_candidate cand = {
            .url = url,
            .text = i ? WIT_STR("a secret name") : WIT_STR(""),
            .source = i ? WIT_SHARDS_ALT : WIT_SHARDS_LIST,
        };
        must(wit_shards_collector_add_image(c, &f, &err));
        must(wit_shards_collector_add_candidate(c, &cand, &err));
    }
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 0, &sealed, &err));
    must(remove_asked(dir, &what, &report));
    assert_int_equal(report.samples, 0);
    assert_int_equal(report.changed_samples, 1);
    assert_int_equal(report.samples_left, 1);
    verify_clean(dir);
    struct manifest removed = load(dir);
    must(seal_simple(dir, 1, 0, &sealed, &err));
    assert_true(wit_hash128_eq(removed.hash, sealed.hash));
    manifest_finish(&removed);
    scratch_remove(dir);
}

/* ---- what can't be asked for, and what is damaged -------------------------------------------- */

static void what_is_wrong_is_not_noted(void **state) {
    struct wit_shards_removal_report report;
    char dir[WIT_PATH_MAX], log[WIT_PATH_MAX];
    const struct wit_str bad_url = WIT_STR("no url"), ftp = WIT_STR("ftp://a/b");
    const struct wit_str bad_domains[] = { WIT_STR(""),     WIT_STR("a b"), WIT_STR("a/b"),
                                           WIT_STR("a:80"), WIT_STR("u@a"), WIT_STR("a.*.b") };
    const struct wit_shards_removal_caption empty = { WIT_STR(""), false };
    const struct wit_shards_removal_caption no_text = { WIT_STR("\xff"), false };
    const struct wit_hash128 key = { 1, 2 };
    const struct wit_shards_removal wrong[] = {
        { .reason = WIT_STR("nothing named") },
        { .keys = &key, .key_count = 1 },
        { .urls = &bad_url, .url_count = 1, .reason = WIT_STR("r") },
        { .urls = &ftp, .url_count = 1, .reason = WIT_STR("r") },
        { .captions = &empty, .caption_count = 1, .reason = WIT_STR("r") },
        { .captions = &no_text, .caption_count = 1, .reason = WIT_STR("r") },
    };
    scratch_make(dir);
    must(wit_path_join(log, dir, "removed.log"));
    for (size_t i = 0; i < WIT_COUNT_OF(wrong); i++)
        assert_int_equal(remove_asked(dir, &wrong[i], &report), WIT_EINVAL);
    for (size_t i = 0; i < WIT_COUNT_OF(bad_domains); i++) {
        const struct wit_shards_removal what = { .domains = &bad_domains[i],
                                                 .domain_count = 1,
                                                 .reason = WIT_STR("r") };
        assert_int_equal(remove_asked(dir, &what, &report), WIT_EINVAL);
    }
    assert_false(wit_file_exists(log));
    scratch_remove(dir);
}

/* A log that is not as it was written stops whoever depends on it. */
static void a_damaged_log_stops_everything(void **state) {
    struct asked asked;
    struct wit_shards_removal_report report;
    struct wit_shards_seal_report sealed;
    struct wit_shards_verify_report verified;
    struct wit_shards_collector *c = NULL;
    struct wit_shards_removed *removed = NULL;
    struct wit_buf text = WIT_BUF_INIT((size_t)1 << 20), bad = WIT_BUF_INIT((size_t)1 << 20);
    char dir[WIT_PATH_MAX], log[WIT_PATH_MAX];
    seal_whole(dir, 1);
    ask(&asked, dir, 8);
    must(remove_asked(dir, &asked.what, &report));
    must(wit_path_join(log, dir, "removed.log"));
    must(wit_file_read(log, &text, &err));
    for (size_t at = 0; at < text.len; at += 7) {
        wit_buf_reset(&bad);
        must(wit_buf_append(&bad, text.data, text.len));
        bad.data[at] ^= 1;
        must(wit_file_write_atomic(log, wit_buf_view(&bad), &err));
        assert_int_equal(wit_shards_removed_open(dir, &removed, &err), WIT_ECORRUPT);
    }
    assert_non_null(strstr(err.text, "removed.log:"));
    assert_int_equal(seal_simple(dir, 1, 1, &sealed, &err), WIT_ECORRUPT);
    assert_int_equal(remove_asked(dir, &asked.what, &report), WIT_ECORRUPT);
    assert_int_equal(wit_shards_collector_open(dir, &c, &err), WIT_ECORRUPT);
    assert_int_equal(wit_shards_verify(dir, NULL, &verified, &err), WIT_ECORRUPT);
    must(wit_file_write_atomic(log, wit_str_of(text.data, text.len - 1), &err));
    assert_int_equal(wit_shards_removed_open(dir, &removed, &err), WIT_ECORRUPT);
    wit_buf_finish(&text);
    wit_buf_finish(&bad);
    scratch_remove(dir);
}

/* What was asked for and not carried out is a fault of the dataset. */
static void verify_sees_what_should_not_be_there(void **state) {
    struct wit_shards_removal_report report;
    struct wit_shards_verify_report verified;
    struct wit_buf text = WIT_BUF_INIT((size_t)1 << 24);
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    seal_whole(dir, 1);
    const struct wit_hash128 key = key_of(dir, 4);
    const struct wit_shards_removal what = { .keys = &key,
                                             .key_count = 1,
                                             .reason = WIT_STR("test") };
    must(wit_path_join(path, dir, "dataset.json"));
    must(wit_file_read(path, &text, &err));
    must(remove_asked(dir, &what, &report));
    verify_clean(dir);
    must(wit_file_write_atomic(path, wit_buf_view(&text), &err)); /* from a copy of yesterday */
    assert_int_equal(wit_shards_verify(dir, NULL, &verified, &err), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "was to be removed"));
    must(remove_asked(dir, NULL, &report));
    assert_int_equal(report.samples, 1);
    verify_clean(dir);
    wit_buf_finish(&text);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_seal_without_it),
        cmocka_unit_test(a_dry_run_says_the_same_and_does_nothing),
        cmocka_unit_test(a_domain_is_all_below_it),
        cmocka_unit_test(a_collector_takes_none_of_it),
        cmocka_unit_test(a_merge_keeps_it_out),
        cmocka_unit_test(parts_take_it_over),
        cmocka_unit_test(what_is_lifted_comes_back_with_a_seal),
        cmocka_unit_test(everything_may_go),
        cmocka_unit_test(words_that_go_may_leave_none),
        cmocka_unit_test(what_is_wrong_is_not_noted),
        cmocka_unit_test(a_damaged_log_stops_everything),
        cmocka_unit_test(verify_sees_what_should_not_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
