/* test_selection.c: rules, balancing and the seal's callback, joined as `wit build` joins them. */
#include "selection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { PAIRS = 600, LOG = 3 * PAIRS };

static struct wit_error err;

static struct wit_shards_candidate candidate(char (*strings)[64], unsigned i) {
    static const char *const texts[] = { "a black cat", "DSC_0042.JPG",     "cats &amp; dogs",
                                         "a red car",   "jane@example.com", "cat" };
    snprintf(strings[0], sizeof strings[0], "http://a/%u.jpg", i);
    return (struct wit_shards_candidate){ .url = wit_str_from(strings[0]),
                                          .text = wit_str_from(texts[i % WIT_COUNT_OF(texts)]),
                                          .source = WIT_SHARDS_ALT };
}

/* Judges every pair three times, in an order of its own. */
static void log_judge(struct selection *s, uint64_t seed) {
    struct wit_random rng;
    char strings[1][64];
    unsigned order[LOG];
    for (unsigned i = 0; i < LOG; i++)
        order[i] = i % PAIRS;
    wit_random_init(&rng, seed, 0, 0);
    for (unsigned i = LOG - 1; i > 0; i--) {
        unsigned j = (unsigned)wit_random_below(&rng, i + 1), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (unsigned i = 0; i < LOG; i++) {
        struct wit_shards_candidate c = candidate(strings, order[i]);
        bool want;
        assert_int_equal(selection_judge(s, &c, &want, &err), 0);
    }
}

static unsigned kept_count(struct selection *s, uint64_t *sum) {
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    char strings[1][64];
    unsigned kept = 0;
    selection_seal(s, &cfg);
    assert_non_null(cfg.keep);
    for (unsigned i = 0; i < PAIRS; i++) {
        struct wit_shards_candidate c = candidate(strings, i);
        bool keep = false;
        assert_int_equal(cfg.keep(cfg.user, &c, &keep, &err), 0);
        kept += keep;
        *sum += keep ? i * i : 0;
    }
    return kept;
}

static void put(const char *path, const char *text) {
    assert_int_equal(wit_file_write_atomic(path, wit_str_from(text), &err), 0);
}

static void pairs_are_refused_once_in_any_order(void **state) {
    struct selection_config cfg = selection_config_default();
    uint64_t first_sum = 0;
    unsigned first = 0;
    put("selection-list.txt", "cat\nred car\n");
    cfg.allowlist = "selection-list.txt";
    cfg.per_query = 50;
    cfg.has_hygiene = true;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct selection s;
        struct wit_filter_balancer_stat stat;
        uint64_t sum = 0;
        assert_int_equal(selection_open(&s, &cfg, &err), 0);
        log_judge(&s, seed);
        assert_int_equal(s.distinct, PAIRS);
        assert_int_equal(s.two_words, PAIRS / 2); /* refused ones too */
        assert_int_equal(s.refused[WIT_FILTER_RULE_FILE_NAME], PAIRS / 6);
        assert_int_equal(s.refused[WIT_FILTER_RULE_MARKUP], PAIRS / 6);
        assert_int_equal(s.refused[WIT_FILTER_RULE_EMAIL], PAIRS / 6);
        wit_filter_balancer_stat(s.balancer, &stat);
        assert_int_equal(stat.distinct, PAIRS / 2);
        unsigned kept = kept_count(&s, &sum);
        assert_true(kept > 50 && kept < PAIRS / 2);
        if (seed == 0) {
            first = kept;
            first_sum = sum;
        }
        assert_int_equal(kept, first);
        assert_true(sum == first_sum);
        selection_close(&s);
    }
    remove("selection-list.txt");
}

static void rules_alone_keep_the_rest(void **state) {
    struct selection_config cfg = selection_config_default();
    struct selection s;
    uint64_t sum = 0;
    cfg.has_hygiene = true;
    cfg.hygiene.off = 1u << WIT_FILTER_RULE_MARKUP;
    assert_int_equal(selection_open(&s, &cfg, &err), 0);
    log_judge(&s, 1);
    assert_int_equal(kept_count(&s, &sum), 4 * PAIRS / 6);
    const struct wit_shards_candidate bare = { .url = WIT_STR("http://a/b"),
                                               .source = WIT_SHARDS_LIST };
    bool want = false;
    assert_int_equal(selection_judge(&s, &bare, &want, &err), 0);
    assert_true(want); /* a list that names images alone */
    selection_close(&s);
}

static void recipe_of(const struct selection_config *cfg, struct wit_buf *out) {
    struct selection s;
    assert_int_equal(selection_open(&s, cfg, &err), 0);
    wit_buf_reset(out);
    assert_int_equal(wit_buf_append_str(out, wit_buf_view(&s.recipe)), 0);
    selection_close(&s);
}

/* Whatever changes what is kept changes the recipe; the same settings give the same bytes. */
static void the_recipe_names_the_rules(void **state) {
    struct wit_buf recipes[10];
    struct selection_config cfg = selection_config_default();
    for (size_t i = 0; i < WIT_COUNT_OF(recipes); i++)
        recipes[i] = (struct wit_buf)WIT_BUF_INIT(1 << 16);
    recipe_of(&cfg, &recipes[0]);
    assert_int_equal(recipes[0].len, 0);
    cfg.has_hygiene = true;
    recipe_of(&cfg, &recipes[1]);
    cfg.hygiene.min_letters = 4;
    recipe_of(&cfg, &recipes[2]);
    cfg.hygiene.max_bytes = 400;
    recipe_of(&cfg, &recipes[3]);
    cfg.hygiene.off = 1;
    recipe_of(&cfg, &recipes[4]);
    put("selection-blocked.txt", "cat\n");
    cfg.blocklist = "selection-blocked.txt";
    recipe_of(&cfg, &recipes[5]);
    put("selection-blocked.txt", "cat\ndog\n");
    recipe_of(&cfg, &recipes[6]);
    cfg.boilerplate.pages = 9;
    recipe_of(&cfg, &recipes[7]);
    cfg.boilerplate.share = 0.2;
    recipe_of(&cfg, &recipes[8]);
    cfg.hygiene.off |= 1u << WIT_FILTER_RULE_BOILERPLATE;
    recipe_of(&cfg, &recipes[9]);
    for (size_t i = 0; i < WIT_COUNT_OF(recipes); i++)
        for (size_t k = 0; k < i; k++)
            assert_false(wit_str_eq(wit_buf_view(&recipes[i]), wit_buf_view(&recipes[k])));
    recipe_of(&cfg, &recipes[0]);
    assert_true(wit_str_eq(wit_buf_view(&recipes[0]), wit_buf_view(&recipes[9])));
    for (size_t i = 0; i < WIT_COUNT_OF(recipes); i++)
        wit_buf_finish(&recipes[i]);
    cfg.blocklist = "selection-absent.txt";
    struct selection s;
    assert_int_equal(selection_open(&s, &cfg, &err), WIT_ENOTFOUND);
    remove("selection-blocked.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_refused_once_in_any_order),
        cmocka_unit_test(rules_alone_keep_the_rest),
        cmocka_unit_test(the_recipe_names_the_rules),
    };
    return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
