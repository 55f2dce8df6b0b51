/* selection.c: the filter as callbacks of crawler and shards. */
#include "selection.h"

struct selection_config selection_config_default(void) {
    return (struct selection_config){ .per_query = 1,
                                      .hygiene = wit_filter_hygiene_config_default(),
                                      .boilerplate = wit_filter_boilerplate_config_default() };
}

/* ---- the recipe: all that the kept pairs depend on, beside the candidates -------------------- */

static void key_put(struct wit_json_writer *w, const char *key, uint64_t n) {
    wit_json_key(w, key);
    wit_json_put_u64(w, n);
}

/* A list by the hash of its file. */
static int list_put(struct wit_json_writer *w, const char *key, const char *path,
                    struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(WIT_FILTER_LIST_MAX_BYTES);
    char hex[WIT_HASH128_HEX];
    int st = wit_file_read(path, &bytes, err);
    if (st >= 0) {
        wit_hash128_to_hex(wit_hash128_of(bytes.data, bytes.len), hex);
        wit_json_key(w, key);
        wit_json_put_cstr(w, hex);
    }
    wit_buf_finish(&bytes);
    return st < 0 ? st : 0;
}

static bool boilerplate_is_asked(const struct selection_config *cfg) {
    return cfg->has_hygiene && !(cfg->hygiene.off >> WIT_FILTER_RULE_BOILERPLATE & 1);
}

static int hygiene_put(struct wit_json_writer *w, const struct selection_config *cfg,
                       struct wit_error *err) {
    int st = 0;
    wit_json_key(w, "hygiene");
    wit_json_object_begin(w);
    wit_json_key(w, "rules"); /* those that are asked: another version may have more */
    wit_json_array_begin(w);
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        if (!(cfg->hygiene.off >> i & 1))
            wit_json_put_cstr(w, wit_filter_rule_name((enum wit_filter_rule)i));
    wit_json_array_end(w);
    key_put(w, "min_letters", cfg->hygiene.min_letters);
    key_put(w, "max_bytes", cfg->hygiene.max_bytes);
    if (cfg->hygiene.langs) {
        wit_json_key(w, "langs");
        wit_json_put_cstr(w, cfg->hygiene.langs);
        key_put(w, "lang_letters", cfg->hygiene.lang_letters);
    }
    if (boilerplate_is_asked(cfg)) {
        key_put(w, "boilerplate_pages", cfg->boilerplate.pages);
        wit_json_key(w, "boilerplate_share");
        wit_json_put_double(w, cfg->boilerplate.share);
    }
    if (cfg->blocklist)
        st = list_put(w, "blocklist", cfg->blocklist, err);
    wit_json_object_end(w);
    return st;
}

static int recipe_make(struct selection *s, const struct selection_config *cfg,
                       struct wit_error *err) {
    struct wit_json_writer w;
    int st = 0;
    wit_json_writer_init(&w, &s->recipe);
    wit_json_object_begin(&w);
    if (cfg->allowlist) {
        st = list_put(&w, "allowlist", cfg->allowlist, err);
        key_put(&w, "per_query", s->per_query);
        key_put(&w, "seed", s->seed);
    }
    if (st >= 0 && cfg->has_hygiene)
        st = hygiene_put(&w, cfg, err);
    wit_json_object_end(&w);
    if (st >= 0 && (st = wit_json_writer_finish(&w)) < 0)
        wit_error_set(err, st, "no memory for the recipe");
    return st;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int hygiene_open(struct selection *s, const struct selection_config *cfg,
                        struct wit_error *err) {
    struct wit_filter_hygiene_config rules = cfg->hygiene;
    int st = cfg->blocklist ? wit_filter_allowlist_load(cfg->blocklist, &s->blocklist, err) : 0;
    if (st < 0)
        return st;
    rules.blocklist = s->blocklist;
    s->has_boilerplate = boilerplate_is_asked(cfg);
    s->boilerplate = cfg->boilerplate;
    s->refused_pairs = wit_filter_pairs_create();
    s->boilerplate_pairs = wit_filter_pairs_create();
    if (!s->refused_pairs || !s->boilerplate_pairs)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the pairs that rules refuse");
    return wit_filter_hygiene_create(&rules, &s->hygiene, err);
}

int selection_open(struct selection *s, const struct selection_config *cfg, struct wit_error *err) {
    *s = (struct selection){ .all = !cfg->allowlist,
                             .per_query = cfg->per_query,
                             .seed = cfg->seed,
                             .recipe = WIT_BUF_INIT(16 << 10) };
    int st = cfg->allowlist ? wit_filter_allowlist_load(cfg->allowlist, &s->list, err)
                            : wit_filter_allowlist_create(NULL, 0, &s->list, err);
    if (st >= 0)
        st = wit_filter_balancer_create(s->list, s->per_query, s->seed, &s->balancer, err);
    if (st >= 0 && s->all && !cfg->has_hygiene && cfg->folder)
        st = pair_counter_create(cfg->folder, 0, &s->counter, err);
    if (st >= 0 && cfg->has_hygiene)
        st = hygiene_open(s, cfg, err);
    if (st >= 0 && (cfg->allowlist || cfg->has_hygiene))
        st = recipe_make(s, cfg, err);
    if (st < 0)
        selection_close(s);
    return st < 0 ? st : 0;
}

void selection_close(struct selection *s) {
    pair_counter_destroy(s->counter);
    wit_filter_balancer_destroy(s->balancer);
    wit_filter_allowlist_destroy(s->list);
    wit_filter_hygiene_destroy(s->hygiene);
    wit_filter_allowlist_destroy(s->blocklist);
    wit_filter_pairs_destroy(s->refused_pairs);
    wit_filter_pairs_destroy(s->boilerplate_pairs);
    wit_buf_finish(&s->recipe);
    s->counter = NULL;
    s->balancer = NULL;
    s->list = s->blocklist = NULL;
    s->hygiene = NULL;
    s->refused_pairs = s->boilerplate_pairs = NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

int selection_refuses(struct selection *s, struct wit_str text, enum wit_filter_rule *rule,
                      struct wit_error *err) {
    if (!s->hygiene || text.len == 0)
        return 0;
    int st = wit_filter_hygiene_check(s->hygiene, text, rule);
    return st < 0 ? wit_error_set(err, st, "no memory to check a caption") : st;
}

/* Caption text has single spaces and none at its ends. */
static bool has_two_words(struct wit_str text) {
    return wit_str_find_byte(text, ' ', 0) >= 0;
}

static void distinct_count(struct selection *s, struct wit_str text) {
    s->distinct++;
    s->two_words += has_two_words(text);
}

int selection_count(struct selection *s, struct wit_error *err) {
    return s->counter ? pair_counter_count(s->counter, &s->distinct, &s->two_words, err) : 0;
}

/* A pair that a rule refuses, counted once. */
static int refused_count(struct selection *s, const struct wit_shards_candidate *cand,
                         enum wit_filter_rule rule, struct wit_error *err) {
    struct wit_hash128 key;
    int st = wit_filter_pair_key(cand->url, cand->text, &key, err);
    if (st < 0)
        return st;
    st = wit_filter_pairs_add(s->refused_pairs, key);
    if (st < 0)
        return wit_error_set(err, st, "no memory for the pairs that rules refuse");
    s->refused[rule] += (uint64_t)st;
    if (st)
        distinct_count(s, cand->text);
    return 0;
}

int selection_judge(struct selection *s, const struct wit_shards_candidate *cand, bool *want,
                    struct wit_error *err) {
    struct wit_filter_balancer_stat stat;
    enum wit_filter_rule rule;
    bool wanted = false;
    if (s->counter) {
        *want = true;
        return pair_counter_add(s->counter, cand->url, cand->text, has_two_words(cand->text), err);
    }
    int st = selection_refuses(s, cand->text, &rule, err);
    if (st > 0) {
        *want = false;
        return refused_count(s, cand, rule, err);
    }
    if (st >= 0)
        st = wit_filter_balancer_offer(s->balancer, cand->url, cand->text, &wanted, err);
    if (st < 0)
        return st;
    wit_filter_balancer_stat(s->balancer, &stat);
    const uint64_t refused = s->refused_pairs ? wit_filter_pairs_count(s->refused_pairs) : 0;
    if (stat.distinct + refused > s->distinct)
        distinct_count(s, cand->text);
    *want = wanted || s->all;
    return 0;
}

/* ---- boilerplate ----------------------------------------------------------------------------- */

struct review {
    struct selection *s;
    struct wit_filter_boilerplate *places;
    const volatile int *interrupt;
};

/* A candidate of a list has no page, and one that is no URL no domain. */
static bool has_place(const struct wit_shards_candidate *cand) {
    return cand->page.len && cand->text.len;
}

static int review_ends(const struct review *r, int st, struct wit_error *err) {
    if (r->interrupt && *r->interrupt)
        return wit_error_set(err, WIT_ECANCELED, "interrupted while boilerplate was counted");
    return st == WIT_EFORMAT || st == WIT_EINVAL ? 0 : st;
}

static int place_offer(void *user, const struct wit_shards_candidate *cand, struct wit_error *err) {
    struct review *r = user;
    int st =
        has_place(cand) ? wit_filter_boilerplate_offer(r->places, cand->page, cand->text, err) : 0;
    return review_ends(r, st, err);
}

static int place_check(void *user, const struct wit_shards_candidate *cand, struct wit_error *err) {
    struct review *r = user;
    enum wit_filter_rule rule;
    struct wit_hash128 key;
    int st =
        has_place(cand) ? wit_filter_boilerplate_check(r->places, cand->page, cand->text, err) : 0;
    if (st <= 0)
        return review_ends(r, st, err);
    st = selection_refuses(r->s, cand->text, &rule, err);
    if (st != 0) /* by a rule that comes before: counted there */
        return st < 0 ? st : 0;
    st = wit_filter_pair_key(cand->url, cand->text, &key, err);
    if (st < 0)
        return st;
    st = wit_filter_pairs_add(r->s->boilerplate_pairs, key);
    if (st < 0)
        return wit_error_set(err, st, "no memory for the pairs that rules refuse");
    r->s->refused[WIT_FILTER_RULE_BOILERPLATE] += (uint64_t)st;
    return review_ends(r, 0, err);
}

int selection_review(struct selection *s, const char *dir, const volatile int *interrupt,
                     struct wit_error *err) {
    struct review r = { .s = s, .interrupt = interrupt };
    if (!s->has_boilerplate)
        return 0;
    int st = wit_filter_boilerplate_create(&s->boilerplate, &r.places, err);
    if (st >= 0)
        st = wit_shards_candidates_each(dir, place_offer, &r, err);
    if (st >= 0)
        st = wit_shards_candidates_each(dir, place_check, &r, err);
    wit_filter_boilerplate_destroy(r.places);
    return st < 0 ? st : 0;
}

/* ---- the seal -------------------------------------------------------------------------------- */

/* 1: boilerplate. */
static int was_found(const struct selection *s, const struct wit_shards_candidate *cand,
                     struct wit_error *err) {
    struct wit_hash128 key;
    if (!s->has_boilerplate)
        return 0;
    int st = wit_filter_pair_key(cand->url, cand->text, &key, err);
    return st < 0 ? st : wit_filter_pairs_has(s->boilerplate_pairs, key);
}

int selection_rule_of(struct selection *s, const struct wit_shards_candidate *cand,
                      enum wit_filter_rule *rule, struct wit_error *err) {
    int st = selection_refuses(s, cand->text, rule, err);
    if (st != 0)
        return st;
    *rule = WIT_FILTER_RULE_BOILERPLATE;
    return was_found(s, cand, err);
}

static int pair_keep(void *selection, const struct wit_shards_candidate *cand, bool *keep,
                     struct wit_error *err) {
    struct selection *s = selection;
    enum wit_filter_rule rule;
    int st = selection_rule_of(s, cand, &rule, err);
    *keep = st == 0;
    if (st != 0 || s->all)
        return st < 0 ? st : 0;
    return wit_filter_balancer_keep(s->balancer, cand->url, cand->text, keep, err);
}

void selection_seal(struct selection *s, struct wit_shards_seal_config *cfg) {
    if (s->all && !s->hygiene)
        return;
    cfg->keep = pair_keep;
    cfg->user = s;
    cfg->recipe = wit_buf_view(&s->recipe);
}
