/* selection.c: the filter as callbacks of crawler and shards. */
#include "selection.h"

static int recipe_make(struct selection *s, const char *allowlist, struct wit_error *err) {
    struct wit_buf list = WIT_BUF_INIT(WIT_FILTER_LIST_MAX_BYTES);
    struct wit_json_writer w;
    char hex[WIT_HASH128_HEX];
    int st = wit_file_read(allowlist, &list, err);
    if (st >= 0) {
        wit_hash128_to_hex(wit_hash128_of(list.data, list.len), hex);
        wit_json_writer_init(&w, &s->recipe);
        wit_json_object_begin(&w);
        wit_json_key(&w, "allowlist");
        wit_json_put_cstr(&w, hex);
        wit_json_key(&w, "per_query");
        wit_json_put_u64(&w, s->per_query);
        wit_json_key(&w, "seed");
        wit_json_put_u64(&w, s->seed);
        wit_json_object_end(&w);
        st = wit_json_writer_finish(&w);
        if (st < 0)
            wit_error_set(err, st, "no memory for the recipe");
    }
    wit_buf_finish(&list);
    return st;
}

int selection_open(struct selection *s, const char *allowlist, uint64_t per_query, uint64_t seed,
                   struct wit_error *err) {
    *s = (struct selection){
        .all = !allowlist, .per_query = per_query, .seed = seed, .recipe = WIT_BUF_INIT(4096)
    };
    int st = allowlist ? wit_filter_allowlist_load(allowlist, &s->list, err)
                       : wit_filter_allowlist_create(NULL, 0, &s->list, err);
    if (st >= 0)
        st = wit_filter_balancer_create(s->list, per_query, seed, &s->balancer, err);
    if (st >= 0 && allowlist)
        st = recipe_make(s, allowlist, err);
    if (st < 0)
        selection_close(s);
    return st < 0 ? st : 0;
}

void selection_close(struct selection *s) {
    wit_filter_balancer_destroy(s->balancer);
    wit_filter_allowlist_destroy(s->list);
    wit_buf_finish(&s->recipe);
    s->balancer = NULL;
    s->list = NULL;
}

int selection_judge(struct selection *s, const struct wit_shards_candidate *cand, bool *want,
                    struct wit_error *err) {
    struct wit_filter_balancer_stat stat;
    bool wanted = false;
    int st = wit_filter_balancer_offer(s->balancer, cand->url, cand->text, &wanted, err);
    if (st < 0)
        return st;
    wit_filter_balancer_stat(s->balancer, &stat);
    /* Caption text has single spaces and none at its ends. */
    if (stat.distinct > s->distinct && wit_str_find_byte(cand->text, ' ', 0) >= 0)
        s->two_words++;
    s->distinct = stat.distinct;
    *want = wanted || s->all;
    return 0;
}

static int pair_keep(void *selection, const struct wit_shards_candidate *cand, bool *keep,
                     struct wit_error *err) {
    struct selection *s = selection;
    return wit_filter_balancer_keep(s->balancer, cand->url, cand->text, keep, err);
}

void selection_seal(struct selection *s, struct wit_shards_seal_config *cfg) {
    if (s->all)
        return;
    cfg->keep = pair_keep;
    cfg->user = s;
    cfg->recipe = wit_buf_view(&s->recipe);
}
