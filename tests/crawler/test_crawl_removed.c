/* test_crawl_removed.c: a crawl asks for nothing that was removed and keeps none of its bytes. */
#include "crawl_site.h"
#include "wit_shards_removed.h"

#include <stdlib.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void remove_from(const struct world *w, const struct wit_shards_removal *what) {
    const struct wit_shards_remove_config cfg = wit_shards_remove_config_default();
    struct wit_shards_removal_report report;
    must(wit_shards_remove(w->dir, what, &cfg, &report, &err));
    assert_true(report.entry > 0);
}

static void urls_and_bytes_stay_out(void **state) {
    struct world w;
    struct wit_buf bytes = WIT_BUF_INIT(1 << 16);
    char url[128];
    chain_make();
    chain_images[5].body = "png:removed";
    world_start(&w, CHAIN_SITE);
    snprintf(url, sizeof url, "%s/i3.png", w.images.images);
    must(wit_buf_append_str(&bytes, site_png()));
    must(wit_buf_append_cstr(&bytes, "removed"));
    const struct wit_hash128 key = wit_hash128_of(bytes.data, bytes.len);
    const struct wit_str named = wit_str_from(url);
    const struct wit_shards_removal what = {
        .keys = &key, .key_count = 1, .urls = &named, .url_count = 1, .reason = WIT_STR("test")
    };
    remove_from(&w, &what);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(asked(&w.images, "/i3.png"), 0);
    assert_int_equal(asked(&w.images, "/i5.png"), 1);
    assert_int_equal(asked(&w.images, "/i4.png"), 1);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "removed"), 2);
    assert_int_equal(w.report.images, CHAIN - 2);
    /* nor later, whatever is asked for again */
    w.cfg.retry_failed = "all";
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(asked(&w.images, "/i3.png"), 0);
    assert_int_equal(w.report.images, CHAIN - 2);
    wit_buf_finish(&bytes);
    world_stop(&w);
}

/* Neither its images nor its pages, nor what others redirect to it. */
static void a_domain_stays_out(void **state) {
    struct world w;
    const struct wit_str images = WIT_STR("127.0.0.2"), pages = WIT_STR("127.0.0.1");
    struct wit_shards_removal what = { .domains = &images,
                                       .domain_count = 1,
                                       .reason = WIT_STR("test") };
    chain_make();
    world_start(&w, CHAIN_SITE);
    remove_from(&w, &what);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    for (int i = 0; i < CHAIN; i++)
        assert_int_equal(asked(&w.images, chain_images[i].path), 0);
    assert_int_equal(asked(&w.images, "/robots.txt"), 0);
    assert_int_equal(asked(&w.pages, "/p0"), 1);
    assert_int_equal(w.report.images, 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "removed"), CHAIN);
    world_stop(&w);

    chain_make();
    world_start(&w, CHAIN_SITE);
    what.domains = &pages;
    remove_from(&w, &what);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(asked(&w.pages, "/start"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_PAGE, "removed"), 1);
    world_stop(&w);
}

static void a_redirect_to_it_ends(void **state) {
    static const struct answer pages[] = {
        { "/start", .type = HTML, .body = "<img src='{I}/a.png' alt='one'>" },
        { "/there.png", .type = "image/png", .body = "png:x" },
    };
    static const struct answer images[] = { { "/a.png", .status = 302,
                                              .headers = "Location: {P}/there.png\r\n" } };
    struct world w;
    char url[128];
    world_start(&w, pages, WIT_COUNT_OF(pages), images, WIT_COUNT_OF(images));
    snprintf(url, sizeof url, "%s/there.png", w.pages.pages);
    const struct wit_str named = wit_str_from(url);
    const struct wit_shards_removal what = { .urls = &named,
                                             .url_count = 1,
                                             .reason = WIT_STR("test") };
    remove_from(&w, &what);
    must(wit_crawler_run(&w.cfg, &w.report, &err));
    assert_int_equal(asked(&w.images, "/a.png"), 1);
    assert_int_equal(asked(&w.pages, "/there.png"), 0);
    assert_int_equal(refused(&w, WIT_CRAWLER_IMAGE, "removed"), 1);
    world_stop(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_and_bytes_stay_out),
        cmocka_unit_test(a_domain_stays_out),
        cmocka_unit_test(a_redirect_to_it_ends),
    };
    return cmocka_run_group_tests_name("crawl_removed", tests, NULL, NULL);
}
