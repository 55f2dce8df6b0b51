/* test_remove_cli.c: wit shards remove, removed, restore and purge as a person meets them. */
#include "../command.h"
#include "collection.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;
static struct wit_buf out = WIT_BUF_INIT(1 << 24), second = WIT_BUF_INIT(1 << 24);

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static int run(const char *args) {
    int code = command_run(args);
    command_get("out", &out);
    command_get("err", &second);
    return code;
}

static void says(const char *words) {
    if (!strstr(out.data, words))
        print_error("no '%s' in: %s%s\n", words, out.data, second.data);
    assert_non_null(strstr(out.data, words));
}

static void complains(const char *words) {
    if (!strstr(second.data, words))
        print_error("no '%s' in: %s\n", words, second.data);
    assert_non_null(strstr(second.data, words));
}

/* d/: ten images on ten hosts, two captions each. */
static void make(void) {
    struct wit_shards_collector *c = NULL;
    struct wit_shards_seal_report report;
    char dir[WIT_PATH_MAX];
    must(wit_path_join(dir, command_folder(), "d"));
    must(wit_dir_remove(dir, &err));
    must(wit_shards_collector_open(dir, &c, &err));
    for (unsigned i = 0; i < 10; i++) {
        char url[64], bytes[64], text[64];
        snprintf(url, sizeof url, "http://h%u.example.org/i.jpg", i);
        snprintf(bytes, sizeof bytes, "the bytes of image %u", i);
        const struct wit_shards_fetched f = { .url = wit_str_from(url),
                                              .final_url = wit_str_from(url),
                                              .bytes = wit_str_from(bytes) };
        must(wit_shards_collector_add_image(c, &f, &err));
        for (unsigned k = 0; k < 2; k++) {
            snprintf(text, sizeof text, k ? "picture %u of Ann Example" : "picture %u", i);
            const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                                       .text = wit_str_from(text),
                                                       .source = WIT_SHARDS_ALT };
            must(wit_shards_collector_add_candidate(c, &cand, &err));
        }
    }
    must(wit_shards_collector_commit(c, &err));
    wit_shards_collector_close(c);
    must(seal_simple(dir, 1, 1, &report, &err));
    assert_int_equal(report.samples, 10);
}

static void what_is_asked_for_goes(void **state) {
    make();
    assert_int_equal(run("shards remove d --domain h1.example.org --url "
                         "'http://h2.example.org/i.jpg#x' --reason 'letter of 2026-11-20' --note "
                         "T-17 --dry-run"),
                     0);
    says("2 samples and 4 pairs would go");
    assert_int_equal(run("shards remove d --domain h1.example.org --url "
                         "'http://h2.example.org/i.jpg#x' --reason 'letter of 2026-11-20' --note "
                         "T-17"),
                     0);
    says("noted as entry 1: 2 named");
    says("2 samples and 4 pairs went");
    says("8 samples, 16 pairs are left");
    says("wit shards purge");
    assert_int_equal(run("shards stat d --json"), 0);
    says("\"samples\":8");
    assert_int_equal(run("shards verify d"), 0);
    assert_int_equal(run("shards remove d --caption-fold 'ann EXAMPLE' --reason name --json"), 0);
    says("\"schema\":\"wit.shards.remove/1\"");
    says("\"samples\":0,\"pairs\":8,\"changed_samples\":8");
    assert_int_equal(run("shards remove d --caption-fold 'ann EXAMPLE' --reason name"), 0);
    says("0 named, 1 named before");
    says("nothing changed");
    assert_int_equal(run("shards removed d"), 0);
    says("request: 0 keys, 1 URLs, 1 domains, 0 patterns; done; \"letter of 2026-11-20\" (T-17)");
    says("2 samples, 4 pairs;");
    assert_int_equal(run("shards removed d --json"), 0);
    says("\"urls\":[\"http://h2.example.org/i.jpg\"]");
    says("\"captions\":[{\"text\":\"ann EXAMPLE\",\"fold_case\":true}]");
}

static void export_loader_and_seal_see_nothing_of_it(void **state) {
    char hex[WIT_HASH128_HEX];
    make();
    wit_hash128_to_hex(wit_hash128_of("the bytes of image 3", 20), hex);
    assert_int_equal(run("load d --plan --batch 3"), 0);
    says(hex);
    assert_int_equal(run("shards remove d --domain h3.example.org --reason r"), 0);
    assert_int_equal(run("load d --plan --batch 3"), 0);
    assert_null(strstr(out.data, hex));
    wit_hash128_to_hex(wit_hash128_of("the bytes of image 4", 20), hex);
    says(hex);
    assert_int_equal(run("shards export d --to files --out e"), 0);
    char command[2 * WIT_PATH_MAX];
    snprintf(command, sizeof command, "cd '%s' && grep -rqs 'bytes of image 3' e",
             command_folder());
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "cd '%s' && grep -rqs 'bytes of image 4' e",
             command_folder());
    assert_int_equal(system(command), 0);
    assert_int_equal(run("shards seal d --bits 1 --json"), 0);
    says("\"samples\":9");
    says("\"removed_images\":1");
}

static void files_name_it_too(void **state) {
    make();
    command_put("urls", WIT_STR("# asked by mail\n\nhttp://h1.example.org/i.jpg\r\n"));
    /* sha256 and md5 of "the bytes of image 5" and "... 6"; filled in below */
    char list[512], hex[2 * WIT_DIGEST_MAX_BYTES + 1];
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    struct wit_buf text = WIT_BUF_INIT(4096);
    must(wit_digest_of(WIT_DIGEST_SHA256, WIT_STR("the bytes of image 5"), digest, &err));
    wit_digest_to_hex(wit_str_of(digest, 32), hex);
    must(wit_buf_printf(&text, "*.h0.example.org\nsha256:%s\n", hex));
    must(wit_digest_of(WIT_DIGEST_MD5, WIT_STR("the bytes of image 6"), digest, &err));
    wit_digest_to_hex(wit_str_of(digest, 16), hex);
    must(wit_buf_printf(&text, "md5:%s\nmd5:%032d\n", hex, 0));
    command_put("opt-out", wit_buf_view(&text));
    assert_int_equal(run("shards remove d --urls urls --opt-out opt-out --reason lists"), 0);
    says("2 of 3 digests are images of the dataset; keep the others out with "
         "'wit crawl --block-hashes'");
    says("4 samples and 8 pairs went");
    snprintf(list, sizeof list, "%s", "md5:00000000000000000000000000000001\n");
    command_put("opt-out", wit_str_from(list));
    assert_int_equal(run("shards remove d --opt-out opt-out --reason lists"), 0);
    says("0 of 1 digests");
    wit_buf_finish(&text);
}

static void what_is_wrong_is_said(void **state) {
    make();
    assert_int_equal(run("shards remove d --domain example.org"), 2);
    complains("--reason");
    assert_int_equal(run("shards remove d --reason r"), 2);
    complains("names nothing");
    assert_int_equal(run("shards remove d --reason r --key 12"), 2);
    complains("no key of 32 hex digits");
    assert_int_equal(run("shards remove d --reason r --url nonsense"), 2);
    complains("'nonsense' is no URL");
    assert_int_equal(run("shards remove d --reason r --urls missing"), 3);
    complains("missing");
    command_put("bad", WIT_STR("ok.example\npdq:00\n"));
    assert_int_equal(run("shards remove d --reason r --opt-out bad"), 1);
    complains("bad:2:");
    assert_int_equal(run("shards remove nowhere --reason r --domain a.example"), 1);
    complains("nowhere");
    assert_int_equal(run("shards removed nowhere"), 1);
    assert_int_equal(run("shards restore d --entry 1 --reason r"), 1);
    complains("is no request");
    assert_int_equal(run("shards restore d"), 2);
    assert_int_equal(run("shards removed d"), 0);
    assert_int_equal(out.len, 0); /* nothing of all this was noted */
}

static void bytes_leave_the_disk(void **state) {
    char command[2 * WIT_PATH_MAX];
    make();
    snprintf(command, sizeof command, "cd '%s' && grep -rqs -e 'bytes of image 7' -e 'picture 7' d",
             command_folder());
    assert_int_equal(run("shards remove d --domain h7.example.org --reason r"), 0);
    assert_int_equal(system(command), 0);
    assert_int_equal(run("shards purge d"), 0);
    says("1 records left the shards; 1 images of 20 bytes and 2 places left d/collect");
    assert_int_not_equal(system(command), 0);
    assert_int_equal(run("shards verify d"), 0);
    assert_int_equal(run("shards seal d --bits 1 --json"), 0);
    says("\"samples\":9");
    assert_int_equal(run("shards purge d --json"), 0);
    says("\"records\":0,\"images\":0,\"image_bytes\":0,\"candidates\":0");
}

static void a_request_may_be_lifted(void **state) {
    make();
    assert_int_equal(run("shards remove d --domain h7.example.org --reason r"), 0);
    assert_int_equal(run("shards restore d --entry 1 --reason 'wrong domain'"), 0);
    assert_int_equal(run("shards seal d --bits 1 --json"), 0);
    says("\"samples\":10");
    assert_int_equal(run("shards removed d"), 0);
    says("done, lifted");
    says("entry 1 lifted; \"wrong domain\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_goes),
        cmocka_unit_test(export_loader_and_seal_see_nothing_of_it),
        cmocka_unit_test(files_name_it_too),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(bytes_leave_the_disk),
        cmocka_unit_test(a_request_may_be_lifted),
    };
    return cmocka_run_group_tests(tests, command_setup, command_teardown);
}
