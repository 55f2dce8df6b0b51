/* test_image_shares.c: how many images of each domain go out, under random arrivals. A failure
 * names the seed. */
#include "image_shares.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>

static struct image_shares *shares_of(size_t room, size_t parked_bytes) {
    struct image_shares *s = NULL;
    assert_int_equal(image_shares_create(room, parked_bytes, &s, NULL), 0);
    return s;
}

static void nobody_gets_all(void **state) {
    enum { ROOM = 900 };
    struct image_shares *s = shares_of(ROOM, 1 << 20);
    size_t alone = 0, last = ROOM;
    for (; image_shares_may_go(s, 1); alone++)
        image_shares_went(s, 1);
    assert_in_range(alone, ROOM / 3, ROOM / 3 + 2);
    for (uint64_t domain = 2; domain <= 12; domain++) { /* as greedy as the first */
        size_t went = 0;
        for (; image_shares_may_go(s, domain); went++)
            image_shares_went(s, domain);
        assert_in_range(went, 1, last);
        last = went;
    }
    for (uint64_t domain = 100; image_shares_out(s) < ROOM; domain++) { /* one is for everybody */
        assert_true(image_shares_may_go(s, domain));
        image_shares_went(s, domain);
    }
    assert_true(image_shares_is_full(s));
    assert_false(image_shares_may_go(s, 7777));
    image_shares_back(s, 1);
    assert_true(image_shares_may_go(s, 7777));
    image_shares_destroy(s);
}

/* ---- random arrivals ------------------------------------------------------------------------ */

enum { DOMAINS = 6, ITEMS = 3000, ROOM = 60, PARKED_BYTES = 100000 };

struct model {
    struct image_shares *s;
    unsigned out[DOMAINS], came[DOMAINS], went[DOMAINS]; /* numbers of the next to come and to go */
    unsigned out_sum, seed;
};

static void goes(struct model *m, unsigned domain, unsigned number) {
    if (number != m->went[domain])
        fail_msg("seed %u: %u of domain %u went in place of %u", m->seed, number, domain,
                 m->went[domain]);
    m->went[domain]++;
    m->out[domain]++;
    m->out_sum++;
    image_shares_went(m->s, domain);
    if (m->out_sum > ROOM || image_shares_out(m->s) != m->out_sum)
        fail_msg("seed %u: %u are out", m->seed, m->out_sum);
}

static bool comes(struct model *m, unsigned domain) {
    char url[64];
    if (image_shares_is_full(m->s))
        return false;
    snprintf(url, sizeof url, "http://d%u.test/%u", domain, m->came[domain]);
    if (image_shares_may_go(m->s, domain))
        goes(m, domain, m->came[domain]);
    else
        assert_int_equal(image_shares_park(m->s, domain, wit_str_from(url), WIT_STR("sha256:00")),
                         0);
    m->came[domain]++;
    return true;
}

static void is_back(struct model *m, unsigned domain) {
    m->out[domain]--;
    m->out_sum--;
    image_shares_back(m->s, domain);
    for (struct parked_image *p; (p = image_shares_unpark(m->s, domain));) {
        unsigned of, number;
        char text[96];
        snprintf(text, sizeof text, "%.*s", (int)(p->url_len + p->digest_len), p->text);
        assert_int_equal(sscanf(text, "http://d%u.test/%usha256:00", &of, &number), 2);
        assert_int_equal(of, domain);
        goes(m, domain, number);
        free(p);
    }
}

static void run(unsigned seed) {
    struct model m = { .s = shares_of(ROOM, PARKED_BYTES), .seed = seed };
    struct wit_random random;
    wit_random_init(&random, seed, 0, 0);
    for (unsigned came = 0, step = 0; came < ITEMS || m.out_sum; step++) {
        unsigned domain = (unsigned)wit_random_below(&random, DOMAINS);
        bool arrives = came < ITEMS && wit_random_below(&random, 3) > 0;
        if (domain && wit_random_below(&random, 4) == 0)
            domain = 0; /* which has many, and is slow */
        if (arrives)
            came += comes(&m, domain);
        else if (m.out[domain] && (domain || wit_random_below(&random, 8) == 0 || came == ITEMS))
            is_back(&m, domain);
        if (step > 100 * ITEMS)
            fail_msg("seed %u: it does not end", seed);
    }
    for (unsigned d = 0; d < DOMAINS; d++)
        if (m.went[d] != m.came[d])
            fail_msg("seed %u: %u of domain %u came and %u went", seed, m.came[d], d, m.went[d]);
    assert_true(image_shares_is_half_empty(m.s));
    image_shares_destroy(m.s);
}

static void all_that_come_go_in_order(void **state) {
    for (unsigned seed = 1; seed <= 50; seed++)
        run(seed);
}

/* Its last image out led to another domain, which took the place: what is parked goes all the same,
 * since nothing would send it later. */
static void the_last_one_back_sends_the_next(void **state) {
    struct image_shares *s = shares_of(4, 1 << 20);
    image_shares_went(s, 1);
    assert_int_equal(image_shares_park(s, 1, WIT_STR("http://a.test/2"), WIT_STR("")), 0);
    for (uint64_t other = 2; other < 5; other++)
        image_shares_went(s, other);
    image_shares_back(s, 1);
    image_shares_went(s, 5); /* where it led */
    struct parked_image *p = image_shares_unpark(s, 1);
    assert_non_null(p);
    free(p);
    image_shares_went(s, 1);
    assert_int_equal(image_shares_out(s), 5);
    image_shares_destroy(s);
}

static void what_is_parked_is_bounded(void **state) {
    enum { BYTES = 1 << 20 };
    static char url[60000];
    struct image_shares *s = shares_of(1000, BYTES);
    memset(url, 'a', sizeof url);
    image_shares_went(s, 5);
    size_t parked = 0;
    for (; !image_shares_is_full(s); parked++)
        assert_int_equal(image_shares_park(s, 5, wit_str_of(url, sizeof url), WIT_STR("")), 0);
    assert_in_range(parked, 10, BYTES / sizeof url);
    while (image_shares_park(s, 5, wit_str_of(url, sizeof url), WIT_STR("")) == 0)
        parked++;
    assert_true(parked * sizeof url < BYTES);
    assert_false(image_shares_is_half_empty(s));
    image_shares_destroy(s); /* with what is parked */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gets_all),
        cmocka_unit_test(all_that_come_go_in_order),
        cmocka_unit_test(the_last_one_back_sends_the_next),
        cmocka_unit_test(what_is_parked_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
