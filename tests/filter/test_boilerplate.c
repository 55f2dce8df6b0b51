/* test_boilerplate.c: texts that stand on many pages of a site, in any order. */
#include "wit_filter_hygiene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct place {
    char page[64], text[32];
};

enum { PLACES_MOST = 2000 };

struct places {
    struct place items[PLACES_MOST];
    size_t count;
};

static void add(struct places *p, const char *host, unsigned page, const char *text) {
    assert_true(p->count < PLACES_MOST);
    struct place *place = &p->items[p->count++];
    snprintf(place->page, sizeof place->page, "http://%s/%u", host, page);
    snprintf(place->text, sizeof place->text, "%s", text);
}

/* Every page of a.example has a logo, 8 of its 100 a tip; b.example has 10 pages with 7 logos. */
static void places_fill(struct places *p) {
    char own[32];
    p->count = 0;
    for (unsigned i = 0; i < 100; i++) {
        const char *host = i % 2 ? "www.a.example.org" : "img.a.example.org";
        snprintf(own, sizeof own, "cat %u", i);
        add(p, host, i, own);
        add(p, host, i, "Our logo");
        add(p, host, i, i % 3 ? "Our logo" : " Our logo ");
        if (i < 8)
            add(p, host, i, "Tip");
        if (i < 11)
            add(p, host, i, "Note");
        if (i < 10)
            add(p, "b.example.com", i, i < 7 ? "Our logo" : own);
    }
}

static void shuffle(struct places *p, uint64_t seed) {
    struct wit_random rng;
    wit_random_init(&rng, seed, 0, 0);
    for (size_t i = p->count - 1; i > 0; i--) {
        size_t k = (size_t)wit_random_below(&rng, i + 1);
        struct place swap = p->items[i];
        p->items[i] = p->items[k];
        p->items[k] = swap;
    }
}

static struct wit_error err;

static int check(struct wit_filter_boilerplate *b, const char *page, const char *text) {
    return wit_filter_boilerplate_check(b, wit_str_from(page), wit_str_from(text), &err);
}

static struct wit_filter_boilerplate *
counted(const struct places *p, const struct wit_filter_boilerplate_config *cfg, int times) {
    struct wit_filter_boilerplate *b = NULL;
    assert_int_equal(wit_filter_boilerplate_create(cfg, &b, &err), 0);
    for (int k = 0; k < times; k++)
        for (size_t i = 0; i < p->count; i++)
            assert_int_equal(wit_filter_boilerplate_offer(b, wit_str_from(p->items[i].page),
                                                          wit_str_from(p->items[i].text), &err),
                             0);
    return b;
}

static void a_logo_is_boilerplate_in_any_order(void **state) {
    struct wit_filter_boilerplate_config cfg = wit_filter_boilerplate_config_default();
    struct places *p = malloc(sizeof *p);
    assert_non_null(p);
    places_fill(p);
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct wit_filter_boilerplate_stat stat;
        shuffle(p, seed);
        struct wit_filter_boilerplate *b = counted(p, &cfg, 1 + (int)(seed % 3));
        wit_filter_boilerplate_stat(b, &stat);
        assert_int_equal(stat.domains, 2);
        assert_int_equal(stat.pages, 110);
        assert_int_equal(stat.places, 100 + 100 + 8 + 11 + 10);
        assert_int_equal(stat.texts, 100 + 3 + 1 + 3);
        assert_true(stat.memory_bytes > 0);
        assert_int_equal(check(b, "http://www.a.example.org/1", "Our logo"), 1);
        assert_int_equal(check(b, "https://a.example.org/new", "Our logo"), 1);
        assert_int_equal(check(b, "http://b.example.com/1", "Our logo"), 0); /* 7 pages */
        assert_int_equal(check(b, "http://a.example.org/1", "Tip"), 0);      /* 8 of 100 */
        assert_int_equal(check(b, "http://a.example.org/1", "Note"), 1);     /* 11 of 100 */
        assert_int_equal(check(b, "http://a.example.org/1", "cat 1"), 0);
        assert_int_equal(check(b, "http://c.example.net/1", "Our logo"), 0);
        wit_filter_boilerplate_destroy(b);
    }
    free(p);
}

static void both_numbers_are_settings(void **state) {
    struct places *p = malloc(sizeof *p);
    assert_non_null(p);
    places_fill(p);
    struct wit_filter_boilerplate *b =
        counted(p, &(struct wit_filter_boilerplate_config){ .pages = 7, .share = 0.07 }, 1);
    assert_int_equal(check(b, "http://b.example.com/1", "Our logo"), 1);
    assert_int_equal(check(b, "http://a.example.org/1", "Tip"), 1);
    wit_filter_boilerplate_destroy(b);
    b = counted(p, &(struct wit_filter_boilerplate_config){ .pages = 7, .share = 0.08 }, 1);
    assert_int_equal(check(b, "http://a.example.org/1", "Tip"), 0); /* no more than the share */
    wit_filter_boilerplate_destroy(b);
    b = NULL;
    static const struct wit_filter_boilerplate_config wrong[] = { { .pages = 1, .share = 0.1 },
                                                                  { .pages = 8, .share = 1 },
                                                                  { .pages = 8, .share = -0.1 } };
    for (size_t i = 0; i < WIT_COUNT_OF(wrong); i++)
        assert_int_equal(wit_filter_boilerplate_create(&wrong[i], &b, &err), WIT_EINVAL);
    free(p);
}

static void a_fragment_is_no_page_and_no_url_no_place(void **state) {
    struct wit_filter_boilerplate_config cfg = wit_filter_boilerplate_config_default();
    struct wit_filter_boilerplate *b = NULL;
    struct wit_filter_boilerplate_stat stat;
    char page[64];
    assert_int_equal(wit_filter_boilerplate_create(&cfg, &b, &err), 0);
    for (int i = 0; i < 20; i++) {
        snprintf(page, sizeof page, "http://a.example.org/#%d", i);
        assert_int_equal(wit_filter_boilerplate_offer(b, wit_str_from(page), WIT_STR("x"), &err),
                         0);
    }
    assert_true(wit_filter_boilerplate_offer(b, WIT_STR("no url"), WIT_STR("x"), &err) < 0);
    assert_true(check(b, "no url", "x") < 0);
    wit_filter_boilerplate_stat(b, &stat);
    assert_int_equal(stat.pages, 1);
    assert_int_equal(stat.places, 1);
    assert_int_equal(check(b, "http://a.example.org/", "x"), 0);
    wit_filter_boilerplate_destroy(b);
    wit_filter_boilerplate_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logo_is_boilerplate_in_any_order),
        cmocka_unit_test(both_numbers_are_settings),
        cmocka_unit_test(a_fragment_is_no_page_and_no_url_no_place),
    };
    return cmocka_run_group_tests_name("boilerplate", tests, NULL, NULL);
}
