/* test_crawl_verbs.c: `wit crawl url`, `robots` and `extract` as a user calls them. */
#include "command.h"
#include "table/wit_table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* `wit crawl <args>`: exit code, and both outputs as expected; of stderr `err` is a part, "" stands
 * for nothing at all. */
static void expect(const char *args, int code, const char *out, const char *err) {
    char line[WIT_PATH_MAX];
    struct wit_buf got = WIT_BUF_INIT(1 << 24);
    snprintf(line, sizeof line, "crawl %s", args);
    int exit_code = command_run(line);
    if (exit_code != code)
        fail_msg("%s: exit %d, wanted %d", args, exit_code, code);
    command_get("out", &got);
    if (out)
        assert_string_equal(got.data, out);
    command_get("err", &got);
    if (*err ? !strstr(got.data, err) : got.len > 0)
        fail_msg("%s: '%s' is not in: %s", args, err, got.data);
    wit_buf_finish(&got);
}

static void url_prints_the_parts(void **state) {
    expect("url 'HTTP://User@www.Example.co.uk:80/a/../b c?d=e#f'", 0,
           "{\"href\":\"http://User@www.example.co.uk/b%20c?d=e#f\",\"scheme\":\"http\","
           "\"host\":\"www.example.co.uk\",\"port\":null,\"path\":\"/b%20c\",\"query\":\"d=e\","
           "\"domain\":\"example.co.uk\"}\n",
           "");
    expect("url 'https://[::0:1]:8443'", 0,
           "{\"href\":\"https://[::1]:8443/\",\"scheme\":\"https\",\"host\":\"[::1]\","
           "\"port\":8443,\"path\":\"/\",\"query\":\"\",\"domain\":\"[::1]\"}\n",
           "");
    expect("url '../x?' --base http://b.example.com/a/b/c", 0,
           "{\"href\":\"http://b.example.com/a/x?\",\"scheme\":\"http\","
           "\"host\":\"b.example.com\",\"port\":null,\"path\":\"/a/x\",\"query\":\"\","
           "\"domain\":\"example.com\"}\n",
           "");
    expect("url 'http://b\xC3\xBC"
           "cher.example/'",
           0,
           "{\"href\":\"http://xn--bcher-kva.example/\",\"scheme\":\"http\","
           "\"host\":\"xn--bcher-kva.example\",\"port\":null,\"path\":\"/\",\"query\":\"\","
           "\"domain\":\"xn--bcher-kva.example\"}\n",
           "");
    expect("url mailto:a@b", 0,
           "{\"href\":\"mailto:a@b\",\"scheme\":\"mailto\",\"host\":\"\",\"port\":null,"
           "\"path\":\"a@b\",\"query\":\"\",\"domain\":\"\"}\n",
           "");
}

static void url_refuses_what_is_none(void **state) {
    expect("url 'http://a b/'", 1, "", "wit crawl url: ");
    expect("url 'http://a b/'", 1, "", "a b");
    expect("url /x", 1, "", "wit crawl url: ");
    expect("url http://1.2.3.256/", 1, "", "wit crawl url: ");
    expect("url x --base y", 1, "", "--base: ");
    expect("url", 2, "", "wit crawl: ");
    expect("url a b", 2, "", "wit crawl: ");
    expect("url --bass x y", 2, "", "wit crawl: ");
    expect("url --help", 0, NULL, "");
}

static void robots_says_allow_or_deny(void **state) {
    command_put("robots.txt",
                WIT_STR("User-agent: *\nDisallow: /private\nAllow: /private/open$\n\n"
                        "User-agent: WitBot\nuser-agent: other\nDisallow: /*.gif$\n"));
    expect("robots --file robots.txt --agent x http://a/ http://a/private/1 /private/open "
           "'https://b:1/private/open?q' '/a.gif'",
           0,
           "allow\thttp://a/\ndeny\thttp://a/private/1\nallow\t/private/open\n"
           "deny\thttps://b:1/private/open?q\nallow\t/a.gif\n",
           "");
    expect("robots --file robots.txt --agent witbot/1.0 /private '/x.GIF' /x.gif /x.gif?y", 0,
           "allow\t/private\nallow\t/x.GIF\ndeny\t/x.gif\nallow\t/x.gif?y\n", "");
    command_put("empty", WIT_STR(""));
    expect("robots --file empty --agent x /a", 0, "allow\t/a\n", "");
    command_put("all", WIT_STR("\xEF\xBB\xBFUSER-AGENT:*\rDISALLOW: /"));
    expect("robots --file all --agent x /a /robots.txt", 0, "deny\t/a\nallow\t/robots.txt\n", "");
}

static void robots_names_what_is_wrong(void **state) {
    command_put("robots.txt", WIT_STR("User-agent: *\nDisallow: /b\n"));
    expect("robots --file robots.txt --agent x nothing /b", 3, "deny\t/b\n", "nothing");
    expect("robots --file absent --agent x /a", 1, "", "absent");
    expect("robots --file robots.txt /a", 2, "", "--agent");
    expect("robots --agent x /a", 2, "", "--file");
    expect("robots --file robots.txt --agent x", 2, "", "URL");
    expect("robots --help", 0, NULL, "");
}

static void extract_prints_a_line_a_pair(void **state) {
    command_put("page.html",
                WIT_STR("<base href=img/><img src=a.jpg alt='a \"cat\"\\' title=T>"
                        "<figure><img src=b.jpg><figcaption>b<br>c</figcaption></figure>"
                        "<meta property=og:image content=/o.png>"
                        "<meta property=og:description content=D><img src=c.jpg alt=''>"));
    expect("extract page.html --base http://h.org/d/p.html", 0,
           "{\"url\":\"http://h.org/d/img/a.jpg\",\"text\":\"a \\\"cat\\\"\\\\\","
           "\"source\":\"alt\"}\n"
           "{\"url\":\"http://h.org/d/img/a.jpg\",\"text\":\"T\",\"source\":\"title\"}\n"
           "{\"url\":\"http://h.org/d/img/b.jpg\",\"text\":\"b c\",\"source\":\"figcaption\"}\n"
           "{\"url\":\"http://h.org/o.png\",\"text\":\"D\",\"source\":\"og_description\"}\n",
           "");
    command_put("latin.html", WIT_STR("<img src=a alt='\xE9 \xC3\xA9'>"));
    expect("extract latin.html --base http://h/", 0,
           "{\"url\":\"http://h/a\",\"text\":\"\xC3\xA9 \xC3\x83\xC2\xA9\",\"source\":\"alt\"}\n",
           "");
    expect("extract --charset UTF8 latin.html --base http://h/", 0,
           "{\"url\":\"http://h/a\",\"text\":\"\xEF\xBF\xBD \xC3\xA9\",\"source\":\"alt\"}\n", "");
    command_put("empty.html", WIT_STR(""));
    expect("extract empty.html --base http://h/", 0, "", "");
}

static void extract_shows_a_sitemap(void **state) {
    command_put("s.xml", WIT_STR("<urlset><url><loc>/a</loc><image:image><image:loc>/1.jpg"
                                 "</image:loc><image:title>T</image:title></image:image></url>"
                                 "<url><loc>http://i.org/b</loc></url></urlset>"));
    expect("extract --sitemap s.xml --base http://h.org/s.xml", 0,
           "{\"link\":\"http://h.org/a\"}\n{\"link\":\"http://i.org/b\"}\n"
           "{\"url\":\"http://h.org/1.jpg\",\"text\":\"T\",\"source\":\"sitemap\","
           "\"page\":\"http://h.org/a\"}\n",
           "");
    command_put("index.xml", WIT_STR("<sitemapindex><sitemap><loc>/s.xml</loc></sitemap>"));
    expect("extract --sitemap index.xml --base http://h.org/", 0,
           "{\"sitemap\":\"http://h.org/s.xml\"}\n", "'index.xml' passed a ceiling");
    expect("extract s.xml --base http://h.org/s.xml", 0, "", "");
    command_put("page.html", WIT_STR("<html><a href=x>x</a></html>"));
    expect("extract --sitemap page.html --base http://h.org/", 1, "", "cannot read page");
}

static void extract_names_what_is_wrong(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 20);
    command_put("page.html", WIT_STR("<img src=a alt=b>"));
    expect("extract page.html", 2, "", "--base");
    expect("extract --base http://h/", 2, "", "file");
    expect("extract page.html --base http://h/ --charset klingon", 2, "", "klingon");
    expect("extract page.html --base h", 1, "", "wit crawl extract: ");
    expect("extract page.html --base ftp://h/", 1, "", "ftp://h/");
    expect("extract absent.html --base http://h/", 1, "", "absent.html");
    expect("extract --help", 0, NULL, "");
    assert_int_equal(wit_buf_printf(&page, "<img src=a alt='%070000d'>", 0), 0);
    command_put("long.html", wit_buf_view(&page));
    expect("extract long.html --base http://h/", 0, NULL, "'long.html' passed a ceiling");
    wit_buf_finish(&page);
}

#define LIST_RUN " --delay-ms 0 --retries 0 --allow-net 127.0.0.0/8 --contact x "

/* Lists as options; nothing is asked for: the port that the rows name is closed. */
static void lists_are_named_by_options(void **state) {
    command_put("a.csv", WIT_STR("URL,TEXT,id\nhttp://127.0.0.1:1/a,some words,7\nnot\x1b,x,8\n"
                                 "http://127.0.0.1:1/b,,9,10\n"));
    expect("--list a.csv --url-col URL --caption-col TEXT --keep-cols id --out d1" LIST_RUN, 3,
           "rows         3 read\n"
           "pages        0 read, 0 refused, 0 left\n"
           "candidates   1 in the log, 1 distinct pairs, 1 of two words or more\n"
           "images       0 stored (0.0 MB), 1 refused\n"
           "robots.txt   0 read, 0 absent, 1 unreachable, of origins that this run asked\n"
           "tdmrep.json  0 read, 0 absent, 0 unreachable, of origins that this run asked\n"
           "  refused    image connect_refused 1\n"
           "  refused    row bad_row 1\n"
           "  refused    row bad_url 1\n"
           "collected    d1/collect\n",
           "a.csv:4: the row is left out: it has more fields than the first row's 3\n");
    expect("--list a.csv --url-col URL --caption-col TEXT --out d0" LIST_RUN, 3, NULL,
           "a.csv:3: the row is left out: 'not?' is no http or https URL\n");
    expect("--list a.csv --url-col URL --caption-col TEXT --out d5" LIST_RUN, 3, NULL,
           "no image could be had; d5/crawl/refused.jsonl says why\n");
    command_put("b.txt", WIT_STR("http://127.0.0.1:1/b\n"));
    expect("--list absent.txt --list b.txt --out d2" LIST_RUN, 3, NULL,
           "wit crawl: list absent.txt is left out");
    expect("--list a.csv --out d3" LIST_RUN, 1, NULL,
           "its first row names no column 'url', but URL, TEXT, id");
    expect("--list b.txt --list-format jsonl --out d4" LIST_RUN, 3, NULL, "b.txt:1: the row");
    /* what can't be meant */
    if (!wit_table_is_supported())
        expect("--list a.parquet --out d", 1, NULL, "parquet is not read");
    expect("--list a --out d", 2, NULL, "tells no format");
    expect("--list a.csv", 2, NULL, "--out and --seeds, --list, --warc or --wat are wanted");
    expect("--list a.csv --list-format xml --out d", 2, NULL, "--list-format: ");
    expect("--list a.csv --keep-cols url --out d", 2, NULL, "reserved name 'url'");
    expect("--list a.csv --keep-cols a,,b --out d", 2, NULL, "--keep-cols: a name is missing");
    expect("--list a.csv --verify-hash md5 --out d", 2, NULL, "is not COLUMN:TYPE");
    expect("--list a.csv --verify-hash a:crc --out d", 2, NULL, "is not COLUMN:TYPE");
    expect("--list a.csv --lang en --out d", 2, NULL, "only the wit format");
    expect("--seeds b.txt --caption-col x --out d", 2, NULL, "but no list");
}

/* The side table: what came of each row, with the columns that were kept. */
static void outcomes_have_the_kept_columns(void **state) {
    command_put("a.csv", WIT_STR("url,caption,id\nhttp://127.0.0.1:1/a,\"a\tb\",7\n"));
    expect("--list a.csv --caption-col caption --keep-cols id --out side" LIST_RUN, 3, NULL,
           "no image could be had");
    expect("outcomes side", 0,
           "url\tcaption\tkey\tstatus\terror_message\twidth\theight\toriginal_width\t"
           "original_height\tpage\tsource\textra\n"
           "http://127.0.0.1:1/a\t\"a\tb\"\t\tfailed_to_download\tconnect_refused\t\t\t\t\t\tlist\t"
           "{\"id\":\"7\"}\n",
           "");
    expect("outcomes side --format jsonl", 0,
           "{\"url\":\"http://127.0.0.1:1/a\",\"caption\":\"a\\tb\",\"key\":null,"
           "\"status\":\"failed_to_download\",\"error_message\":\"connect_refused\","
           "\"width\":null,\"height\":null,\"original_width\":null,\"original_height\":null,"
           "\"page\":\"\",\"source\":\"list\",\"extra\":{\"id\":\"7\"}}\n",
           "");
}

/* The same in the job of `wit build`; paths are relative to the job. */
static void a_job_takes_lists(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    command_put("job.yaml", WIT_STR("out: built\n"
                                    "crawl:\n"
                                    "  list: {files: [a.csv], url_col: URL, caption_cols: [TEXT],\n"
                                    "         keep_cols: [id], need_caption: yes}\n"
                                    "  allow_net: [127.0.0.0/8]\n"
                                    "  contact: x\n"
                                    "  delay_ms: 0\n"));
    command_put("a.csv", WIT_STR("URL,TEXT,id\nhttp://127.0.0.1:1/a,words,7\n"
                                 "http://127.0.0.1:1/b,,8\n"));
    assert_int_equal(command_run("build job.yaml --stop-after crawl --json"), 3);
    command_get("out", &out);
    assert_non_null(strstr(out.data, "\"rows\":2,\"pages\":0,"));
    assert_non_null(strstr(out.data, "\"candidates\":1,"));
    assert_non_null(strstr(out.data, "\"reason\":\"no_caption\",\"count\":1}"));
    command_put("job.yaml", WIT_STR("crawl: {list: {files: [a.csv], keep_cols: [url]}}\n"));
    assert_int_equal(command_run("build job.yaml --out x"), 2);
    command_get("err", &out);
    assert_non_null(strstr(out.data, "job.yaml: crawl: a kept column can't have the reserved"));
    wit_buf_finish(&out);
}

static void options_of_images_are_checked(void **state) {
    static const struct {
        const char *args, *sentence;
    } cases[] = {
        { "--resize 0", "--resize '0' is not a number from 1 to 8192" },
        { "--resize-mode crop", "--resize-mode 'crop' is not" },
        { "--encode gif", "--encode 'gif' is not" },
        { "--encode-quality x", "--encode-quality 'x' is not" },
        { "--max-aspect-ratio 0.5", "--max-aspect-ratio '0.5' is not" },
        { "--verify all", "--verify 'all' is not" },
        { "--image-threads 0", "--image-threads '0' is not" },
        { "--resize-mode border", "--resize-mode needs --resize" },
        { "--resize 9 --resize-mode no", "has no use with --resize-mode no" },
        { "--skip-reencode", "no use without --resize or --encode" },
        { "--encode png --encode-quality 95", "the quality of a png is 0 to 9, not 95" },
        { "--encode jpg --encode-quality 0", "the quality of a jpeg is 1 to 100, not 0" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        char args[256];
        snprintf(args, sizeof args, "--seeds /dev/null --out nowhere %s", cases[i].args);
        expect(args, 2, "", cases[i].sentence);
    }
    expect("--seeds /dev/null --out nowhere --block-hashes absent.txt", 1, "", "absent.txt");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_prints_the_parts),
        cmocka_unit_test(url_refuses_what_is_none),
        cmocka_unit_test(robots_says_allow_or_deny),
        cmocka_unit_test(robots_names_what_is_wrong),
        cmocka_unit_test(extract_prints_a_line_a_pair),
        cmocka_unit_test(extract_shows_a_sitemap),
        cmocka_unit_test(extract_names_what_is_wrong),
        cmocka_unit_test(lists_are_named_by_options),
        cmocka_unit_test(outcomes_have_the_kept_columns),
        cmocka_unit_test(a_job_takes_lists),
        cmocka_unit_test(options_of_images_are_checked),
    };
    return cmocka_run_group_tests_name("crawl_verbs", tests, command_setup, command_teardown);
}
