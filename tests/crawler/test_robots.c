/* test_robots.c: robots.txt: RFC 9309, and google/robotstxt's ways where it is silent. */
#include "path_pattern.h"
#include "robots.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <malloc.h>

static struct wit_crawler_robots *robots_of(struct wit_str text) {
    struct wit_crawler_robots *r = NULL;
    assert_int_equal(wit_crawler_robots_parse(text.data, text.len, &r, NULL), 0);
    assert_non_null(r);
    return r;
}

struct robots_case {
    const char *text, *agent, *path;
    bool allowed;
};

static void check_all(const struct robots_case *cases, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct robots_case *c = &cases[i];
        struct wit_crawler_robots *r = robots_of(wit_str_from(c->text));
        if (wit_crawler_robots_allows(r, wit_str_from(c->agent), wit_str_from(c->path)) !=
            c->allowed)
            fail_msg("'%s' is %s for %s by\n%s", c->path, c->allowed ? "refused" : "allowed",
                     c->agent, c->text);
        wit_crawler_robots_destroy(r);
    }
}

static void what_says_nothing_allows_everything(void **state) {
    static const struct robots_case table[] = {
        { "", "bot", "/a", true },
        { "\n\r\n\r", "bot", "/a", true },
        { "user-agent: *\n", "bot", "/a", true },
        { "user-agent: *\ndisallow:\n", "bot", "/a", true },
        { "user-agent: *\ndisallow: \t \n", "bot", "/a", true },
        { "disallow: /\n", "bot", "/a", true }, /* of no group */
        { "<html><body>disallow: /</body></html>", "bot", "/a", true },
        { "user-agent: *\n# disallow: /\n", "bot", "/a", true },
        { "user-agent: *\nnoindex: /\nhost: /\nrequest-rate: 1/5\n", "bot", "/a", true },
        { "\xff\xfe\x80 \x01", "bot", "/a", true },
    };
    check_all(table, WIT_COUNT_OF(table));
    struct wit_crawler_robots *r = robots_of(wit_str_of(NULL, 0));
    assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/")));
    assert_true(wit_crawler_robots_allows(r, wit_str_of(NULL, 0), wit_str_of(NULL, 0)));
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("bot")), -1);
    assert_int_equal(wit_crawler_robots_sitemap_count(r), 0);
    assert_int_equal(wit_crawler_robots_sitemap(r, 0).len, 0);
    wit_crawler_robots_destroy(r);
    wit_crawler_robots_destroy(NULL);
}

static void lines_are_read_forgivingly(void **state) {
    static const struct robots_case table[] = {
        { "User-Agent: *\nDisallow: /a", "bot", "/a", false }, /* no newline at the end */
        { "USER-AGENT: *\r\nDISALLOW: /a\r\n", "bot", "/a", false },
        { "user-agent: *\rdisallow: /a\r", "bot", "/a", false },
        { "user-agent: *\r\rdisallow: /a\n\n", "bot", "/a", false },
        { "user-agent: *\n\n\ndisallow: /a\n", "bot", "/a", false }, /* empty lines end nothing */
        { "\t user-agent \t:\t * \t\n  disallow  :  /a  \n", "bot", "/a", false },
        { "user-agent:*\ndisallow:/a\n", "bot", "/a", false },
        { "user-agent: * # all\ndisallow: /a # not this\n", "bot", "/a", false },
        { "user-agent: *\ndisallow: /a#b\n", "bot", "/a", false },
        { "user-agent *\ndisallow /a\n", "bot", "/a", false },   /* colons forgotten */
        { "user-agent: *\ndisallow /a b\n", "bot", "/a", true }, /* but not in prose */
        { "user-agent: *\ndisalow: /a\n", "bot", "/a", false },
        { "user-agent: *\ndissallow: /a\n", "bot", "/a", false },
        { "useragent: *\ndisallow: /a\n", "bot", "/a", false },
        { "user agent: *\ndisallow: /a\n", "bot", "/a", false },
        { "\xef\xbb\xbfuser-agent: *\ndisallow: /a\n", "bot", "/a", false },
        { "\n\xef\xbb\xbfuser-agent: *\ndisallow: /a\n", "bot", "/a", true }, /* no BOM there */
        { "user-agent: *\nhello\n: /b\ndisallow: /a\n", "bot", "/a", false },
        { "user-agent: *\ndisallow: /a b\n", "bot", "/a%20b", false },
    };
    check_all(table, WIT_COUNT_OF(table));
    struct wit_crawler_robots *r =
        robots_of(WIT_STR("user-agent: *\ndisallow: /\0a\ndisallow: /b\n"));
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/%00a")));
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/b")));
    assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/c")));
    wit_crawler_robots_destroy(r);
}

static void a_group_is_chosen_by_product_token(void **state) {
    static const char text[] = "user-agent: FooBot\n"
                               "disallow: /foo\n"
                               "user-agent: *\n"
                               "disallow: /star\n"
                               "user-agent: bar-bot/2.0 (x)\n"
                               "user-agent: baz_bot\n"
                               "disallow: /bar\n"
                               "user-agent: empty\n";
    static const struct robots_case table[] = {
        { text, "foobot", "/foo", false },
        { text, "FOOBOT/1.2", "/foo", false },
        { text, "FooBot", "/star", true }, /* its own group instead of everybody's */
        { text, "FooBotNews", "/foo", true },
        { text, "Foo", "/foo", true },
        { text, "other", "/star", false },
        { text, "other", "/foo", true },
        { text, "Bar-Bot", "/bar", false },
        { text, "baz_bot (y)", "/bar", false },
        { text, "bar", "/star", false },
        { text, "empty", "/star", true }, /* a group without rules is a group */
        { text, "", "/star", false },
        { text, "*", "/star", false },
        { "user-agent: *\ndisallow: /\nuser-agent: bot\nallow: /\n", "bot", "/a", true },
        { "user-agent: *bot\ndisallow: /\n", "bot", "/a", true }, /* names nobody */
        { "user-agent: * x\ndisallow: /\n", "bot", "/a", false },
        { "user-agent: foo bot\ndisallow: /\n", "foo", "/a", false },
    };
    check_all(table, WIT_COUNT_OF(table));
}

static void groups_of_one_agent_are_merged(void **state) {
    static const char text[] = "user-agent: a\n"
                               "user-agent: b\n"
                               "disallow: /1\n"
                               "crawl-delay: 1\n"
                               "disallow: /2\n"
                               "user-agent: *\n"
                               "disallow: /3\n"
                               "user-agent: A\n"
                               "sitemap: http://h/s\n"
                               "user-agent: c\n"
                               "disallow: /4\n"
                               "crawl-delay: 2.5\n"
                               "user-agent: *\n"
                               "disallow: /5\n";
    static const char *const agents[] = { "a", "b", "c", "d" };
    static const char refused[][6] = { "11010", "11000", "00010", "00101" };
    struct wit_crawler_robots *r = robots_of(wit_str_from(text));
    for (size_t i = 0; i < WIT_COUNT_OF(agents); i++)
        for (int n = 0; n < 5; n++) {
            const char path[] = { '/', (char)('1' + n), '\0' };
            bool allowed =
                wit_crawler_robots_allows(r, wit_str_from(agents[i]), wit_str_from(path));
            if (allowed != (refused[i][n] == '0'))
                fail_msg("%s for %s", path, agents[i]);
        }
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("a")), 2500);
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("b")), 1000);
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("c")), 2500);
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("d")), -1);
    wit_crawler_robots_destroy(r);
}

static void the_longest_match_wins_and_allow_on_ties(void **state) {
    static const struct robots_case table[] = {
        { "user-agent: *\ndisallow: /\nallow: /p\n", "bot", "/page", true },
        { "user-agent: *\nallow: /p\ndisallow: /\n", "bot", "/page", true },
        { "user-agent: *\nallow: /p\ndisallow: /page\n", "bot", "/page", false },
        { "user-agent: *\nallow: /page\ndisallow: /page\n", "bot", "/page", true },
        { "user-agent: *\ndisallow: /page\nallow: /page\n", "bot", "/page", true },
        { "user-agent: *\nallow: /$\ndisallow: /\n", "bot", "/", true },
        { "user-agent: *\nallow: /$\ndisallow: /\n", "bot", "/page", false },
        { "user-agent: *\nallow: /folder\ndisallow: /folder\n", "bot", "/folder/page", true },
        { "user-agent: *\nallow: /page\ndisallow: /*.htm\n", "bot", "/page.htm", false },
        { "user-agent: *\nallow: /page\ndisallow: /*.ph\n", "bot", "/page.php5", true },
        { "user-agent: *\nallow: /x/page.\ndisallow: /*.html\n", "bot", "/x/page.html", true },
        { "user-agent: *\ndisallow: /a\n", "bot", "/A", true }, /* paths have case */
        { "user-agent: *\ndisallow: /a\n", "bot", "/b/a", true },
        { "user-agent: *\ndisallow: /a/\n", "bot", "/a", true },
        { "user-agent: *\ndisallow: /a\n", "bot", "/ab?c", false },
        { "user-agent: *\ndisallow: /a?b\n", "bot", "/a?bc", false },
        { "user-agent: *\ndisallow: /a?b\n", "bot", "/a", true },
        { "user-agent: *\ndisallow: a\n", "bot", "/a", true }, /* begins with no slash */
        { "user-agent: *\ndisallow: /\n", "bot", "", false },
        { "user-agent: *\ndisallow: /\n", "bot", "/robots.txt", true },
        { "user-agent: *\ndisallow: /robots.txt\n", "bot", "/robots.txt", true },
        { "user-agent: *\ndisallow: /\n", "bot", "/%72obots.txt#x", true },
        { "user-agent: *\ndisallow: /\n", "bot", "/robots.txt2", false },
        { "user-agent: *\nallow: /x/index.html\ndisallow: /\n", "bot", "/x/", true },
        { "user-agent: *\nallow: /x/index.html\ndisallow: /\n", "bot", "/x/index.html", true },
        { "user-agent: *\nallow: /x/index.html\ndisallow: /\n", "bot", "/x/y", false },
    };
    check_all(table, WIT_COUNT_OF(table));
}

static void stars_and_dollars_are_wild(void **state) {
    static const struct {
        const char *pattern, *path;
        bool matches;
    } table[] = {
        { "*", "/a", true },
        { "/*", "/", true },
        { "/**", "/", true },
        { "*/a", "/x/a", true },
        { "/a*", "/a", true },
        { "/a*b", "/ab", true },
        { "/a*b", "/axxbyy", true },
        { "/a*b", "/b", false },
        { "/a**b", "/a1b", true },
        { "/*a*b*c", "/xaxbxcx", true },
        { "/*a*b*c", "/xaxcxbx", false },
        { "/*.gif$", "/x/y.gif", true },
        { "/*.gif$", "/y.gif?z", false },
        { "/*.gif$", "/y.gif.gif", true }, /* the last place, not the first */
        { "/*.gif", "/y.gif?z", true },
        { "/a$", "/a", true },
        { "/a$", "/a/", false },
        { "/a*$", "/abc", true },
        { "/a*a$", "/a", false }, /* one a is not two */
        { "/a*a$", "/aa", true },
        { "$", "/", false },
        { "/$", "/", true },
        { "*$", "/a", true },
        { "/a$b", "/a$b", true }, /* only the last one anchors */
        { "/a$b", "/ab", false },
        { "/a$$", "/a$", true },
        { "/a%24", "/a$", true },
        { "/a%24", "/a", false },
        { "/a%2A", "/a*", true },
        { "/a%2a", "/ab", false },
        { "/a*b", "/a%2Ab", true },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        char text[128];
        snprintf(text, sizeof text, "user-agent: *\ndisallow: %s\n", table[i].pattern);
        check_all(&(struct robots_case){ text, "bot", table[i].path, !table[i].matches }, 1);
    }
}

/* RFC 9309, 2.2.2: octets outside ASCII and reserved ones are compared percent-encoded, unreserved
 * ones decoded. */
static void percent_encoding_does_not_hide(void **state) {
    static const struct {
        const char *pattern, *path;
        bool matches;
    } table[] = {
        { "/foo/bar?baz=quz", "/foo/bar?baz=quz", true },
        { "/foo/bar/\xe3\x83\x84", "/foo/bar/%E3%83%84", true },
        { "/foo/bar/%e3%83%84", "/foo/bar/\xe3\x83\x84", true },
        { "/foo/bar/%62%61%7A", "/foo/bar/baz", true },
        { "/foo/bar/baz", "/foo/bar/%62%61%7a", true },
        { "/%7euser", "/~user", true },
        { "/a%2fb", "/a/b", false },
        { "/a/b", "/a%2Fb", false },
        { "/a%2fb", "/a%2Fb", true },
        { "/a%3fb", "/a?b", false },
        { "/a%", "/a%", true },
        { "/a%4", "/a%4", true },
        { "/a%zz", "/a%zz", true },
        { "/a%2525", "/a%25", false },
        { "/%41", "/A", true },
        { "/%41", "/a", false },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        char text[128];
        snprintf(text, sizeof text, "user-agent: *\ndisallow: %s\n", table[i].pattern);
        check_all(&(struct robots_case){ text, "bot", table[i].path, !table[i].matches }, 1);
    }
}

static void crawl_delays_are_milliseconds(void **state) {
    static const struct {
        const char *value;
        int64_t ms;
    } table[] = {
        { "10", 10000 },
        { "0.5", 500 },
        { "0", 0 },
        { "1.0005", 1001 },
        { "", -1 },
        { "-1", -1 },
        { "x", -1 },
        { "10 s", -1 },
        { "nan", -1 },
        { "1e300", 86400000 },
        { "1e2", 100000 },
        { "86401", 86400000 },
        { "5 # seconds", 5000 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        char text[128];
        snprintf(text, sizeof text, "user-agent: *\nCrawl-Delay: %s\n", table[i].value);
        struct wit_crawler_robots *r = robots_of(wit_str_from(text));
        int64_t ms = wit_crawler_robots_crawl_delay_ms(r, WIT_STR("bot"));
        if (ms != table[i].ms)
            fail_msg("'%s' is %lld ms", table[i].value, (long long)ms);
        wit_crawler_robots_destroy(r);
    }
    struct wit_crawler_robots *r = robots_of(WIT_STR("crawl-delay: 3\nuser-agent: a\n"
                                                     "crawl-delay: 7\ncrawl-delay: 2\n"));
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("A/1")), 7000);
    assert_int_equal(wit_crawler_robots_crawl_delay_ms(r, WIT_STR("b")), -1);
    wit_crawler_robots_destroy(r);
}

static void sitemaps_belong_to_no_group(void **state) {
    struct wit_crawler_robots *r = robots_of(WIT_STR("Sitemap: http://h/1.xml\n"
                                                     "user-agent: a\n"
                                                     "SITEMAP:http://h/2.xml#x\n"
                                                     "disallow: /\n"
                                                     "site-map:  /3.xml \r"
                                                     "sitemap:\n"
                                                     "sitemap: http://h/a b\n"));
    static const char *const want[] = { "http://h/1.xml", "http://h/2.xml", "/3.xml", "",
                                        "http://h/a b" };
    assert_int_equal(wit_crawler_robots_sitemap_count(r), WIT_COUNT_OF(want));
    for (size_t i = 0; i < WIT_COUNT_OF(want); i++)
        assert_true(wit_str_eq(wit_crawler_robots_sitemap(r, i), wit_str_from(want[i])));
    assert_int_equal(wit_crawler_robots_sitemap(r, WIT_COUNT_OF(want)).len, 0);
    assert_false(wit_crawler_robots_allows(r, WIT_STR("a"), WIT_STR("/x")));
    wit_crawler_robots_destroy(r);
}

/* `text`, comments up to `size` bytes, then `tail`. */
static struct wit_crawler_robots *padded(const char *text, size_t size, const char *tail) {
    struct wit_buf b = WIT_BUF_INIT(2 * WIT_CRAWLER_ROBOTS_MAX_BYTES);
    assert_int_equal(wit_buf_append_cstr(&b, text), 0);
    while (b.len < size)
        assert_int_equal(wit_buf_append_byte(&b, b.len % 80 && b.len + 1 < size ? '#' : '\n'), 0);
    assert_int_equal(wit_buf_append_cstr(&b, tail), 0);
    struct wit_crawler_robots *r = robots_of(wit_buf_view(&b));
    wit_buf_finish(&b);
    return r;
}

static void what_lies_behind_the_limit_is_not_read(void **state) {
    static const char rule[] = "disallow: /abc\n";
    size_t len = sizeof rule - 1, limit = WIT_CRAWLER_ROBOTS_MAX_BYTES;
    const struct {
        size_t at; /* where the rule begins */
        bool counts;
    } table[] = {
        { limit - len - 1, true },  { limit - len, true }, /* ends with the limit */
        { limit - len + 2, false },                        /* cut: "/ab" would say more */
        { limit - 1, false },       { limit, false },      { limit + 5000, false },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        struct wit_crawler_robots *r =
            padded("user-agent: *\ndisallow: /x\n", table[i].at, "disallow: /abc\nallow: /x\n");
        assert_int_equal(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/abc")),
                         !table[i].counts);
        assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/ab")));
        assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/x")));
        wit_crawler_robots_destroy(r);
    }
}

static void long_lines_are_cut(void **state) {
    struct wit_buf b = WIT_BUF_INIT(1 << 20);
    assert_int_equal(wit_buf_append_cstr(&b, "user-agent: *\ndisallow: /"), 0);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(wit_buf_append_byte(&b, 'a'), 0);
    assert_int_equal(wit_buf_append_cstr(&b, "b\ndisallow: /c\n"), 0);
    struct wit_crawler_robots *r = robots_of(wit_buf_view(&b));
    struct wit_str path = wit_str_slice(wit_buf_view(&b), 24, 24 + 20000);
    assert_true(path.data[0] == '/');
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), path)); /* its first 16,664 bytes */
    path.len = 10000;
    assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), path));
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/c")));
    wit_crawler_robots_destroy(r);
    wit_buf_finish(&b);
}

/* The arena holds whatever fits in the limit. */
static void the_densest_files_fit(void **state) {
    static const char *const lines[] = {
        "allow:/\n",        "allow:/index.htm\n",     "useragent:a\n",
        "sitemap:\n",       "allow:a\nuseragent:b\n", "content-usage:ai=n\n",
        "content-signal:\n"
    };
    for (size_t i = 0; i < WIT_COUNT_OF(lines); i++) {
        struct wit_buf b = WIT_BUF_INIT(2 * WIT_CRAWLER_ROBOTS_MAX_BYTES);
        assert_int_equal(wit_buf_append_cstr(&b, "user-agent: *\n"), 0);
        while (b.len < WIT_CRAWLER_ROBOTS_MAX_BYTES)
            assert_int_equal(wit_buf_append_cstr(&b, lines[i]), 0);
        struct wit_crawler_robots *r = robots_of(wit_buf_view(&b));
        assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/")));
        wit_crawler_robots_destroy(r);
        wit_buf_finish(&b);
    }
}

/* ---- UTF-16 --------------------------------------------------------------------------------- */

static struct wit_crawler_robots *utf16(const char *mark, const char *text, bool big_endian) {
    struct wit_buf b = WIT_BUF_INIT(4096);
    assert_int_equal(wit_buf_append_cstr(&b, mark), 0);
    for (; *text; text++) {
        const char unit[2] = { big_endian ? 0 : *text, big_endian ? *text : 0 };
        assert_int_equal(wit_buf_append(&b, unit, 2), 0);
    }
    struct wit_crawler_robots *r = robots_of(wit_buf_view(&b));
    wit_buf_finish(&b);
    return r;
}

static void utf16_is_read_with_a_mark_and_without(void **state) {
    static const struct {
        const char *mark;
        bool big_endian;
    } table[] = { { "\xff\xfe", false }, { "\xfe\xff", true }, { "", false }, { "", true } };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        struct wit_crawler_robots *r =
            utf16(table[i].mark, "User-agent: *\r\nDisallow: /a\r\n", table[i].big_endian);
        assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/a")));
        assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/b")));
        wit_crawler_robots_destroy(r);
    }
    /* a lone surrogate, and a cut in the middle of a letter, are no reason to read nothing */
    static const char odd[] = "\xff\xfe\x00\xd8\n\0u\0s\0e\0r\0-\0a\0g\0e\0n\0t\0:\0*\0\n\0"
                              "d\0i\0s\0a\0l\0l\0o\0w\0:\0/\0\n\0x";
    struct wit_crawler_robots *r = robots_of(wit_str_of(odd, sizeof odd - 1));
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/a")));
    wit_crawler_robots_destroy(r);
    static const char stray[] = "\0\nUser-agent: *\nDisallow: /\n"; /* no UTF-16: it denies */
    r = robots_of(wit_str_of(stray, sizeof stray - 1));
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/")));
    wit_crawler_robots_destroy(r);
}

/* ---- the work of asking --------------------------------------------------------------------- */

/* As many of the lines that `next` writes as the limit holds, then `tail`. */
static struct wit_crawler_robots *filled(void (*next)(struct wit_buf *b, unsigned i),
                                         const char *tail) {
    struct wit_buf b = WIT_BUF_INIT(2 * WIT_CRAWLER_ROBOTS_MAX_BYTES);
    assert_int_equal(wit_buf_append_cstr(&b, "user-agent: *\n"), 0);
    for (unsigned i = 0; b.len + strlen(tail) + 200 < WIT_CRAWLER_ROBOTS_MAX_BYTES; i++)
        next(&b, i);
    assert_int_equal(wit_buf_append_cstr(&b, tail), 0);
    struct wit_crawler_robots *r = robots_of(wit_buf_view(&b));
    wit_buf_finish(&b);
    return r;
}

static void star_line(struct wit_buf *b, unsigned i) {
    assert_int_equal(wit_buf_printf(b, "allow:/*b%u\n", i % 10), 0);
}

static void prefix_line(struct wit_buf *b, unsigned i) {
    assert_int_equal(wit_buf_printf(b, "disallow: /articles/%u/private\n", i), 0);
}

static void groups_line(struct wit_buf *b, unsigned i) {
    assert_int_equal(wit_buf_printf(b, "user-agent: bot\ndisallow: /%u*x\n", i), 0);
}

static struct wit_str long_path(struct wit_buf *b) {
    assert_int_equal(wit_buf_append_cstr(b, "/"), 0);
    while (b->len < 8192)
        assert_int_equal(wit_buf_append_byte(b, 'a'), 0);
    return wit_buf_view(b);
}

/* Tens of thousands of patterns that each look through a whole long path would take most of a
 * second. Enough is enough, and what was not looked at to the end is not allowed. */
static void a_file_that_costs_too_much_denies(void **state) {
    struct wit_buf b = WIT_BUF_INIT(16384);
    struct wit_str path = long_path(&b);
    struct wit_crawler_robots *r = filled(star_line, "");
    uint64_t work = 0;
    assert_false(robots_decide(r, WIT_STR("bot"), path, &work));
    assert_true(work > PATH_PATTERN_WORK_MOST);
    assert_true(work <= PATH_PATTERN_WORK_MOST + path.len); /* one look more */
    work = 0; /* the same file costs little for addresses as they are */
    assert_true(robots_decide(r, WIT_STR("bot"), WIT_STR("/2024/10/photo.jpg"), &work));
    assert_true(work < PATH_PATTERN_WORK_MOST);
    wit_crawler_robots_destroy(r);
    wit_buf_finish(&b);
}

static void large_honest_files_are_decided(void **state) {
    struct wit_buf b = WIT_BUF_INIT(16384);
    struct wit_str path = long_path(&b);
    struct wit_crawler_robots *r =
        filled(prefix_line, "disallow: /x\nallow: /articles/7/private/x\n");
    uint64_t work = 0;
    assert_true(robots_decide(r, WIT_STR("bot"), path, &work));
    assert_true(work < PATH_PATTERN_WORK_MOST / 50); /* plain ones are found */
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/articles/77/private")));
    assert_true(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/articles/7/private/x")));
    assert_false(wit_crawler_robots_allows(r, WIT_STR("bot"), WIT_STR("/x")));
    wit_crawler_robots_destroy(r);
    r = filled(groups_line, "user-agent: other\nallow: /\n");
    work = 0;
    assert_true(robots_decide(r, WIT_STR("bot"), path, &work));
    assert_true(work < PATH_PATTERN_WORK_MOST / 2);
    work = 0; /* none of them is somebody else's business */
    assert_true(robots_decide(r, WIT_STR("other"), path, &work));
    assert_true(work < path.len + 64);
    wit_crawler_robots_destroy(r);
    wit_buf_finish(&b);
}

/* ---- against the plain way ------------------------------------------------------------------ */

enum { PATTERN_BYTES = 12, RULES_MOST = 12 };

/* Does the pattern, in comparable form, match all of the path (`whole`), or a prefix of it? */
static bool matches_plainly(const char *pattern, size_t len, const char *path, size_t path_len,
                            bool whole) {
    if (len == 0)
        return !whole || path_len == 0;
    if (*pattern == '*')
        return matches_plainly(pattern + 1, len - 1, path, path_len, whole) ||
               (path_len && matches_plainly(pattern, len, path + 1, path_len - 1, whole));
    return path_len && *pattern == *path &&
           matches_plainly(pattern + 1, len - 1, path + 1, path_len - 1, whole);
}

static size_t random_text(struct wit_random *random, const char *const *parts, size_t count,
                          char *out) {
    size_t len = 0;
    for (size_t n = (size_t)wit_random_below(random, PATTERN_BYTES); n; n--) {
        const char *part = parts[wit_random_below(random, count)];
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    out[len] = 0;
    return len;
}

struct plain_rule {
    char text[3 * PATTERN_BYTES + 2];
    bool allow;
};

/* Every rule is held against the path; the longest wins, allow on ties. */
static bool allows_plainly(const struct plain_rule *rules, size_t count, struct wit_str path) {
    char subject[16 * PATTERN_BYTES], pattern[16 * PATTERN_BYTES];
    size_t path_len = path_normalise(path, subject), best = 0;
    bool allow = true;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        size_t len = path_pattern_normalise(wit_str_from(rules[i].text), pattern, &length);
        bool whole = len && pattern[len - 1] == '$';
        if (len == 0 || !matches_plainly(pattern, len - whole, subject, path_len, whole))
            continue;
        allow = length > best ? rules[i].allow : length == best ? allow || rules[i].allow : allow;
        best = length > best ? length : best;
    }
    return allow;
}

/* Stars, ends, escapes, dollars that are letters, rules that repeat and that begin each other. */
static void the_index_says_what_the_rules_say(void **state) {
    static const char *const parts[] = { "a", "b", "a", "/", "*", "$", "%24", "%2a", "ab" };
    struct wit_buf text = WIT_BUF_INIT(1 << 16);
    for (unsigned seed = 1; seed <= 4000; seed++) {
        struct plain_rule rules[RULES_MOST];
        struct wit_random random;
        wit_random_init(&random, seed, 0, 0);
        size_t count = 1 + (size_t)wit_random_below(&random, RULES_MOST);
        wit_buf_reset(&text);
        assert_int_equal(wit_buf_append_cstr(&text, "user-agent: bot\n"), 0);
        for (size_t i = 0; i < count; i++) {
            size_t few = wit_random_below(&random, 2) ? WIT_COUNT_OF(parts) : 4; /* often plain */
            rules[i].text[0] = '/';
            random_text(&random, parts, few, rules[i].text + 1);
            rules[i].allow = wit_random_below(&random, 2);
            assert_int_equal(wit_buf_printf(&text, "%s: %s\n",
                                            rules[i].allow ? "allow" : "disallow", rules[i].text),
                             0);
        }
        struct wit_crawler_robots *r = robots_of(wit_buf_view(&text));
        for (int i = 0; i < 30; i++) {
            char path[3 * PATTERN_BYTES + 2] = "/";
            random_text(&random, parts, i % 2 ? WIT_COUNT_OF(parts) : 4, path + 1);
            if (wit_crawler_robots_allows(r, WIT_STR("bot"), wit_str_from(path)) !=
                allows_plainly(rules, count, wit_str_from(path)))
                fail_msg("seed %u: %s by\n%.*s", seed, path, WIT_STR_FMT(wit_buf_view(&text)));
        }
        wit_crawler_robots_destroy(r);
    }
    wit_buf_finish(&text);
}

/* ---- what a file says of use ---------------------------------------------------------------- */

static void groups_say_whom_they_name(void **state) {
    struct wit_crawler_robots *r = robots_of(
        WIT_STR("user-agent: *\ndisallow: /\nuser-agent: GPTBot\nuser-agent: img2dataset\n"
                "disallow: /a\n"));
    assert_true(wit_crawler_robots_names(r, WIT_STR("gptbot")));
    assert_true(wit_crawler_robots_names(r, WIT_STR("img2dataset")));
    assert_false(wit_crawler_robots_names(r, WIT_STR("witbot")));
    assert_false(wit_crawler_robots_names(r, WIT_STR("*")));
    assert_false(wit_crawler_robots_names(r, wit_str_of(NULL, 0)));
    wit_crawler_robots_destroy(r);
}

static void usage_lines_follow_groups_and_paths(void **state) {
    enum { U = WIT_CRAWLER_USAGE_RESERVED, S = WIT_CRAWLER_SIGNAL_RESERVED };
    static const struct {
        const char *text, *path;
        unsigned want;
    } table[] = {
        { "user-agent: *\nContent-Usage: train-ai=n\n", "/a", U },
        { "user-agent: *\nContent-Usage: train-ai=y\n", "/a", 0 },
        { "user-agent: *\ncontent-usage:/p train-ai=n # why\n", "/page", U },
        { "user-agent: *\nContent-Usage: /p\ttrain-ai=n\n", "/a", 0 },
        { "user-agent: *\nContent-Usage: /p\n", "/p", 0 }, /* says nothing */
        { "Content-Usage: train-ai=n\n", "/a", 0 },        /* nobody's */
        /* the longest path counts, and only it */
        { "user-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /a train-ai=y\n", "/a", 0 },
        { "user-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /a train-ai=y\n", "/b", U },
        { "user-agent: *\nContent-Usage: /a* search=y\nContent-Usage: / ai=n\n", "/ab", 0 },
        /* of equal ones any n; no path is the path "/" */
        { "user-agent: *\nContent-Usage: /a ai=n\nContent-Usage: /a train-ai=y\n", "/a", U },
        { "user-agent: *\nContent-Usage: /a ai=y\nContent-Usage: /a train-ai=n\n", "/a", U },
        { "user-agent: *\nContent-Usage: / ai=y\nContent-Usage: tdm=n\n", "/a", U },
        /* groups as for Disallow */
        { "user-agent: bot\nallow: /\nuser-agent: *\nContent-Usage: ai=n\n", "/a", 0 },
        { "user-agent: *\nallow: /\nuser-agent: bot\nContent-Usage: ai=n\n", "/a", U },
        { "user-agent: bot\nContent-Usage: ai=n\nuser-agent: x\nContent-Usage: ai=y\n", "/a", U },
        { "user-agent: *\nContent-Signal: search=yes, ai-train=no\nallow: /\n", "/a", S },
        { "user-agent: *\nContent-Signal: search=yes,ai-input=no\n", "/a", 0 },
        { "user-agent: *\ncontent-signal: AI-Train = No\n", "/a", S },
        { "user-agent: *\nContent-Signal: ai-train=no\nContent-Usage: ai=n\n", "/a", S | U },
        { "user-agent: *\nContent-Signals: ai-train=no\n", "/a", 0 }, /* another key */
        /* before any group it is said to everybody, also to whom a group names */
        { "Content-Signal: ai-train=no\nuser-agent: bot\nallow: /\n", "/a", S },
        { "Content-Signal: ai-train=no\n", "/a", S },
        { "user-agent: x\nContent-Signal: ai-train=no\n", "/a", 0 },
        { "License: https://h/l.xml\n", "/a", 0 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        struct wit_crawler_robots *r = robots_of(wit_str_from(table[i].text));
        unsigned got =
            wit_crawler_robots_usage(r, WIT_STR("bot"), wit_str_from(table[i].path), NULL);
        if (got != table[i].want)
            fail_msg("%u, not %u, for %s by\n%s", got, table[i].want, table[i].path, table[i].text);
        wit_crawler_robots_destroy(r);
    }
}

static void what_was_said_of_use_is_kept_as_written(void **state) {
    struct wit_buf raw = WIT_BUF_INIT(4096);
    struct wit_crawler_robots *r = robots_of(WIT_STR("license: https://h/l.xml\n"
                                                     "user-agent: *\n"
                                                     "content-usage: /a  train-ai=y;why=\"z\"\n"
                                                     "content-usage: /b train-ai=n\n"
                                                     "content-signal: search=yes, ai-train=yes\n"
                                                     "allow: /\n"));
    assert_int_equal(wit_crawler_robots_usage(r, WIT_STR("bot"), WIT_STR("/a"), &raw), 0);
    assert_int_equal(wit_buf_terminate(&raw), 0);
    assert_string_equal(raw.data, "robots.content-usage: /a  train-ai=y;why=\"z\"\n"
                                  "robots.content-signal: search=yes, ai-train=yes\n"
                                  "robots.license: https://h/l.xml\n");
    wit_buf_finish(&raw);
    wit_crawler_robots_destroy(r);
}

static void usage_line(struct wit_buf *b, unsigned i) {
    assert_int_equal(wit_buf_printf(b, "content-usage:/*b%u train-ai=y\n", i), 0);
}

static void statements_that_cost_too_much_reserve(void **state) {
    struct wit_buf b = WIT_BUF_INIT(16384);
    struct wit_str path = long_path(&b);
    struct wit_crawler_robots *r = filled(usage_line, "");
    assert_int_equal(wit_crawler_robots_usage(r, WIT_STR("bot"), path, NULL),
                     WIT_CRAWLER_USAGE_RESERVED);
    assert_int_equal(wit_crawler_robots_usage(r, WIT_STR("bot"), WIT_STR("/a"), NULL), 0);
    wit_crawler_robots_destroy(r);
    wit_buf_finish(&b);
}

/* What malloc has handed out; 0 where another one is in its place. */
static size_t bytes_in_use(void) {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void rules_know_their_memory(void **state) {
    enum { COPIES = 64, TEXT_MOST = 1 << 20 };
    static const struct {
        const char *head, *line;
        int lines;
    } texts[] = { { "User-agent: *\n", "Disallow:\n", 1 },
                  { "User-agent: *\n", "Disallow: /wp-admin/\nSitemap: https://a.test/s.xml\n", 1 },
                  { "User-agent: *\n", "Disallow: /a/\nAllow: /a/b*c\n", 20 },
                  { "", "User-agent: a\nAllow: /\n\n", 1000 },
                  { "", "Sitemap: http://a.test/s\n", 1000 } };
    struct wit_crawler_robots *copies[COPIES];
    for (size_t i = 0; i < WIT_COUNT_OF(texts); i++) {
        struct wit_buf text = WIT_BUF_INIT(TEXT_MOST);
        wit_buf_append_cstr(&text, texts[i].head);
        for (int k = 0; k < texts[i].lines; k++)
            wit_buf_append_cstr(&text, texts[i].line);
        size_t before = bytes_in_use();
        for (size_t k = 0; k < COPIES; k++)
            copies[k] = robots_of(wit_buf_view(&text));
        size_t taken = (bytes_in_use() - before) / COPIES;
        size_t told = wit_crawler_robots_bytes(copies[0]);
        assert_true(told > text.len / 2);
        if (before) /* within a tenth */
            assert_in_range(told, taken - taken / 10, taken + taken / 10);
        for (size_t k = 0; k < COPIES; k++)
            wit_crawler_robots_destroy(copies[k]);
        wit_buf_finish(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_says_nothing_allows_everything),
        cmocka_unit_test(lines_are_read_forgivingly),
        cmocka_unit_test(a_group_is_chosen_by_product_token),
        cmocka_unit_test(groups_of_one_agent_are_merged),
        cmocka_unit_test(the_longest_match_wins_and_allow_on_ties),
        cmocka_unit_test(stars_and_dollars_are_wild),
        cmocka_unit_test(percent_encoding_does_not_hide),
        cmocka_unit_test(crawl_delays_are_milliseconds),
        cmocka_unit_test(sitemaps_belong_to_no_group),
        cmocka_unit_test(what_lies_behind_the_limit_is_not_read),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(the_densest_files_fit),
        cmocka_unit_test(utf16_is_read_with_a_mark_and_without),
        cmocka_unit_test(a_file_that_costs_too_much_denies),
        cmocka_unit_test(large_honest_files_are_decided),
        cmocka_unit_test(the_index_says_what_the_rules_say),
        cmocka_unit_test(groups_say_whom_they_name),
        cmocka_unit_test(usage_lines_follow_groups_and_paths),
        cmocka_unit_test(what_was_said_of_use_is_kept_as_written),
        cmocka_unit_test(statements_that_cost_too_much_reserve),
        cmocka_unit_test(rules_know_their_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
