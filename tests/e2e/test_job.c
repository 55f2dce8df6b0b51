/* test_job.c: the job file of `wit build`. */
#include "job.h"

#include <setjmp.h>

#include <cmocka.h>

static const char good[] = "out: data\n"
                           "crawl:\n"
                           "  seeds: [\"http://127.0.0.1/a\", \"http://127.0.0.1/b\"]\n"
                           "  allow_net: [127.0.0.0/8]\n"
                           "  hosts:\n"
                           "    - {host: 127.0.0.1, delay_ms: 0, concurrency: 16}\n"
                           "  reactors: 2\n"
                           "filter:\n"
                           "  words: [w.txt]\n"
                           "  per_query: 40\n"
                           "train:\n"
                           "  lr: 1.0e-3\n"
                           "  steps: 10\n";

static void a_whole_job_is_read(void **state) {
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(job_parse(wit_str_from(good), "job.yaml", &job, &err), 0);
    assert_string_equal(job->out, "data");
    assert_int_equal(job->crawl->seeds_count, 2);
    assert_string_equal(job->crawl->seeds[1], "http://127.0.0.1/b");
    assert_string_equal(job->crawl->hosts[0].host, "127.0.0.1");
    assert_int_equal(job_uint(job->crawl->hosts[0].delay_ms, 9), 0);
    assert_int_equal(job_uint(job->crawl->delay_ms, 1234), 1234);
    assert_int_equal(job_uint(job->filter->per_query, 0), 40);
    assert_true(job_real(job->train->lr, 0) == 1e-3);
    assert_null(job->shards);
    job_destroy(job);
    job_destroy(NULL);
}

static void a_job_may_ask_for_smaller_images(void **state) {
    static const char text[] = "out: x\n"
                               "crawl:\n"
                               "  seeds: [http://a/]\n"
                               "  images: {resize: 256, encode: webp, skip_reencode: true,\n"
                               "           max_aspect_ratio: 2.5, block_hashes: [h1, h2]}\n";
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(job_parse(WIT_STR(text), "job.yaml", &job, &err), 0);
    const struct job_images *images = job->crawl->images;
    assert_string_equal(images->resize, "256");
    assert_string_equal(images->encode, "webp");
    assert_string_equal(images->max_aspect_ratio, "2.5");
    assert_true(*images->skip_reencode);
    assert_null(images->resize_only_if_bigger);
    assert_int_equal(images->block_hashes_count, 2);
    assert_string_equal(images->block_hashes[1], "h2");
    job_destroy(job);
}

static void a_job_may_have_a_list_alone(void **state) {
    static const char yaml[] = "crawl:\n"
                               "  list:\n"
                               "    files: [a.csv, more]\n"
                               "    url_col: URL\n"
                               "    caption_cols: [TEXT]\n"
                               "    keep_cols: [a, b]\n"
                               "    need_caption: true\n"
                               "    verify_hash: h:md5\n";
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(job_parse(wit_str_from(yaml), "job.yaml", &job, &err), 0);
    const struct job_list *list = job->crawl->list;
    assert_int_equal(list->files_count, 2);
    assert_string_equal(list->files[1], "more");
    assert_string_equal(list->url_col, "URL");
    assert_string_equal(list->caption_cols[0], "TEXT");
    assert_int_equal(list->keep_cols_count, 2);
    assert_true(*list->need_caption);
    assert_string_equal(list->verify_hash, "h:md5");
    assert_null(list->format);
    job_destroy(job);
}

static void a_job_may_say_how_fast(void **state) {
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    static const char text[] = "crawl: {seeds: [a], ip_delay_ms: 0, max_rate: 50, max_rests: 2,\n"
                               "        max_bandwidth: 12500000000, retries: 0, rounds: true}\n";
    assert_int_equal(job_parse(WIT_STR(text), "j", &job, &err), 0);
    assert_int_equal(*job->crawl->ip_delay_ms, 0);
    assert_int_equal(*job->crawl->max_rate, 50);
    assert_int_equal(*job->crawl->max_bandwidth, UINT64_C(12500000000));
    assert_int_equal(*job->crawl->max_rests, 2);
    assert_int_equal(*job->crawl->retries, 0);
    assert_true(*job->crawl->rounds);
    job_destroy(job);
    job = NULL;
    assert_int_equal(job_parse(WIT_STR("crawl: {seeds: [a], max_rate: 1000001}\n"), "j", &job,
                               &err),
                     WIT_EFORMAT);
    assert_non_null(strstr(err.text, "max_rate"));
}

static void a_job_may_name_servers_and_ask_again(void **state) {
    struct job *job = NULL;
    assert_int_equal(job_parse(WIT_STR("crawl: {seeds: [a], dns: '127.0.0.1:53', metrics: "
                                       "'127.0.0.1:9100', retry_failed: may-heal}\n"),
                               "j", &job, NULL),
                     0);
    assert_string_equal(job->crawl->dns, "127.0.0.1:53");
    assert_string_equal(job->crawl->metrics, "127.0.0.1:9100");
    assert_string_equal(job->crawl->retry_failed, "may-heal");
    job_destroy(job);
}

static void a_job_may_have_rules_alone(void **state) {
    static const char yaml[] = "crawl: {seeds: [a]}\n"
                               "filter:\n"
                               "  hygiene: {off: [phone, markup], min_letters: 5, max_bytes: 300,\n"
                               "            blocklist: names.txt}\n";
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(job_parse(WIT_STR(yaml), "j", &job, &err), 0);
    assert_false(job_has_list(job));
    const struct job_hygiene *h = job->filter->hygiene;
    assert_int_equal(h->off_count, 2);
    assert_string_equal(h->off[1], "markup");
    assert_int_equal(*h->min_letters, 5);
    assert_int_equal(*h->max_bytes, 300);
    assert_string_equal(h->blocklist, "names.txt");
    job_destroy(job);
    assert_int_equal(job_parse(WIT_STR("crawl: {seeds: [a]}\nfilter: {words: [w], hygiene: {}}"),
                               "j", &job, &err),
                     0);
    assert_true(job_has_list(job));
    assert_non_null(job->filter->hygiene);
    assert_null(job->filter->hygiene->min_letters);
    job_destroy(job);
}

static void sitemaps_can_be_turned_off(void **state) {
    static const struct {
        const char *yaml;
        bool said, on;
    } rows[] = {
        { "crawl: {seeds: [a]}", false, false },
        { "crawl: {seeds: [a], sitemaps: false}", true, false },
        { "crawl: {seeds: [a], sitemaps: yes}", true, true },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        struct job *job = NULL;
        assert_int_equal(job_parse(wit_str_from(rows[i].yaml), "job.yaml", &job, NULL), 0);
        assert_int_equal(job->crawl->sitemaps != NULL, rows[i].said);
        if (rows[i].said)
            assert_int_equal(*job->crawl->sitemaps, rows[i].on);
        job_destroy(job);
    }
}

static void mistakes_get_a_sentence(void **state) {
    static const struct {
        const char *yaml, *says;
    } rows[] = {
        { "", "1 to" },
        { "# nothing\n", "empty" },
        { "crawl: {seeds: [a], sedes: 1}", "sedes" },
        { "out: x\n", "crawl" },
        { "crawl: {}", "seed" },
        { "crawl: {seeds: [a], reactors: many}", "many" },
        { "crawl: {seeds: [a], reactors: -1}", "-1" },
        { "crawl: {seeds: [a]}\nfilter: {per_query: 3}", "allowlist" },
        { "crawl: {seeds: [a]}\nfilter: {allowlist: f, wordnet: d}", "no use" },
        { "crawl: {seeds: [a]}\nfilter: {hygiene: {}, per_query: 3}", "no use without a list" },
        { "crawl: {seeds: [a]}\nfilter: {hygiene: {max_bytes: 0}}",
          "key 'filter.hygiene.max_bytes': it must be a whole number from 1 to " },
        { "crawl: {seeds: [a]}\nfilter: {hygiene: {rules: [a]}}",
          "key 'filter.hygiene.rules': there is no such key" },
        { "crawl: {seeds: &x [a], scope: *x}", "lias" },
        { "crawl: [", "job.yaml" },
        { "crawl: {list: {}}", "files" },
        { "crawl: {list: {files: []}}", "files" },
        { "crawl: {seeds: [a], hosts: [{delay_ms: 1}]}", "host" },
        /* where it is and what, in our words */
        { "crawl:\n  seeds: [a]\n  sedes: 1\n",
          "job.yaml: line 3: key 'crawl.sedes': there is no such key" },
        { "out: x\n", "job.yaml: line 1: key 'crawl': it is missing" },
        { "crawl:\n  seeds: [a]\n  delay_ms: soon\n",
          "job.yaml: line 3: key 'crawl.delay_ms': 'soon' is no whole number" },
        { "crawl: {seeds: [a]}\ntrain:\n  lr: fast\n",
          "job.yaml: line 3: key 'train.lr': 'fast' is no number" },
        { "crawl: {seeds: a}", "key 'crawl.seeds': a sequence such as [a, b] is wanted, not a "
                               "single value" },
        { "crawl: {seeds: [a], contact: [b]}", "key 'crawl.contact': a text is wanted, not a "
                                               "sequence" },
        { "crawl: {seeds: [a], images: yes}",
          "key 'crawl.images': a mapping such as {key: value} is wanted" },
        { "[", "job.yaml: a mapping such as {key: value} is wanted, not a sequence" },
        { "crawl: {list: {}}", "key 'crawl.list.files': it is missing" },
        { "crawl: {list: {files: []}}", "key 'crawl.list.files': it has no entry" },
        { "crawl: {seeds: [a], hosts: [{delay_ms: 1}]}", "key 'crawl.hosts.host': it is missing" },
        { "crawl: {seeds: [a]}\ncrawl: {seeds: [b]}\n", "key 'crawl': it stands there twice" },
        { "crawl: {seeds: ['']}", "key 'crawl.seeds': it is empty" },
        { "crawl: {seeds: &x [a], scope: *x}", "anchors and aliases are not read" },
        { "crawl:\n  seeds: [a]\n\tb: 3\n", "it is no YAML from there on: " },
        { "crawl: {seeds: [a], max_pages: 99999999999999999999999}",
          "'99999999999999999999999' is no whole number" },
        { "crawl:\n  seeds: [a]\n  sitemaps: flase\n",
          "job.yaml: line 3: key 'crawl.sitemaps': 'flase' is neither true nor false" },
        { "crawl: {seeds: [a], images: {skip_reencode: 2}}",
          "key 'crawl.images.skip_reencode': '2' is neither true nor false" },
        { "crawl: {seeds: [a], rounds: ''}", "'' is neither true nor false" },
        { "crawl: {seeds: [a], reactors: -1}", "job.yaml: line 1: key 'crawl.reactors': it must be "
                                               "a whole number from 1 to 256, not -1" },
        { "# retries: 5\ncrawl:\n  hosts: [{host: a, concurrency: 3}]\n  seeds: [concurrency]\n"
          "  contact: 'concurrency: 3'\n  concurrency:\n    2000\n",
          "job.yaml: line 7: key 'crawl.concurrency': it must be a whole number from 1 to 1024" },
        { "crawl:\n  seeds: [a]\n  hosts:\n    - {host: a, concurrency: 3}\n    - host: b\n"
          "      concurrency: 0\n",
          "job.yaml: line 6: key 'crawl.hosts.concurrency': it must be" },
        { "filter:\n  allowlist: a\n  seed: 1\ncrawl: {seeds: [a]}\ntrain:\n  seed: -2\n",
          "job.yaml: line 6: key 'train.seed': it must be" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        struct job *job = NULL;
        struct wit_error err = WIT_ERROR_INIT;
        assert_int_equal(job_parse(wit_str_from(rows[i].yaml), "job.yaml", &job, &err),
                         WIT_EFORMAT);
        assert_null(job);
        if (!strstr(err.text, rows[i].says))
            fail_msg("row %zu: '%s' does not say '%s'", i, err.text, rows[i].says);
    }
}

static void the_name_of_a_missing_file_is_said(void **state) {
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(job_load("/nonexistent/job.yaml", &job, &err), WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nonexistent/job.yaml"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_job_is_read),
        cmocka_unit_test(a_job_may_have_a_list_alone),
        cmocka_unit_test(a_job_may_have_rules_alone),
        cmocka_unit_test(sitemaps_can_be_turned_off),
        cmocka_unit_test(a_job_may_say_how_fast),
        cmocka_unit_test(a_job_may_ask_for_smaller_images),
        cmocka_unit_test(a_job_may_name_servers_and_ask_again),
        cmocka_unit_test(mistakes_get_a_sentence),
        cmocka_unit_test(the_name_of_a_missing_file_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
