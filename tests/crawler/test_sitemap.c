/*
 * test_sitemap.c: what is taken from sitemaps and feeds, and what hostile ones cannot do. Every
 * document of these tests goes through the extractor whole, byte by byte and cut at random, and
 * must give the same. Replay with WIT_TEST_SEED=<printed seed>.
 */
#include "extract_testing.h"

#include <zlib.h>

#define SITE "http://example.com/"
#define URLSET "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"

static int read_as(const char *charset, struct wit_str text, size_t (*next)(void *),
                   struct wit_crawler_page *page) {
    const struct wit_crawler_page_source from = {
        .url = WIT_STR(SITE "sitemap.xml"),
        .charset = wit_str_from(charset),
        .document = WIT_CRAWLER_SITEMAP,
    };
    return html_pages_extract(x, &from, text, next, NULL, page, NULL);
}

/* The status and the page, of three cuttings that agree. */
static int read_in(const char *charset, struct wit_str text, struct wit_crawler_page *page) {
    size_t (*const cuttings[])(void *) = { one_byte, some_bytes, NULL };
    struct wit_buf first = WIT_BUF_INIT(HTML_PAGES_MAX_BYTES), next = first;
    int st = read_as(charset, text, NULL, page);
    if (st == 0)
        html_pages_put_all(page, &first);
    for (size_t i = text.len > 100000; i < WIT_COUNT_OF(cuttings); i++) {
        assert_int_equal(read_as(charset, text, cuttings[i], page), st);
        wit_buf_reset(&next);
        if (st == 0)
            html_pages_put_all(page, &next);
        if (!wit_str_eq(wit_buf_view(&first), wit_buf_view(&next)))
            fail_msg("the cut matters in '%.*s':\n%.*s\nand\n%.*s", WIT_STR_FMT(text),
                     WIT_STR_FMT(wit_buf_view(&first)), WIT_STR_FMT(wit_buf_view(&next)));
    }
    wit_buf_finish(&first);
    wit_buf_finish(&next);
    return st;
}

/* Views live until the next call. */
static struct wit_crawler_page must_read(struct wit_str text) {
    struct wit_crawler_page page;
    assert_int_equal(read_in("", text, &page), 0);
    return page;
}

static void expect_none(struct wit_str text) {
    struct wit_crawler_page page;
    assert_int_equal(read_in("", text, &page), WIT_EFORMAT);
}

static void expect_in(const char *charset, struct wit_str text, bool truncated, const char *want) {
    struct wit_crawler_page page;
    assert_int_equal(read_in(charset, text, &page), 0);
    wit_buf_reset(&got);
    html_pages_put_links(&page, &got);
    html_pages_put_pairs(&page, &got);
    for (size_t i = 0; i < page.license_count; i++)
        assert_int_equal(wit_buf_printf(&got, "license %.*s\n", WIT_STR_FMT(page.licenses[i])), 0);
    expect_got(text, want);
    assert_int_equal(page.truncated, truncated);
}

static void expect(const char *text, const char *want) {
    expect_in("", wit_str_from(text), false, want);
}

static void expect_cut(const char *text, const char *want) {
    expect_in("", wit_str_from(text), true, want);
}

/* ---- pages and sitemaps --------------------------------------------------------------------- */

static void a_urlset_lists_pages(void **state) {
    expect("<?xml version='1.0' encoding='UTF-8'?>" URLSET
           "<url><loc>http://example.com/a?b=1&amp;c=2#d</loc><lastmod>2026-01-01</lastmod></url>\n"
           "<url><loc>\n  http://EXAMPLE.com/../b c \n</loc></url>"
           "<url><loc><![CDATA[http://example.com/c?x&y]]></loc></url>"
           "<url><loc>ftp://example.com/</loc></url><url><loc>http://[</loc></url>"
           "<url><loc></loc></url><url><loc>/rel</loc></url><url><loc>/rel</loc></url>"
           "<loc>http://example.com/nowhere</loc></urlset>",
           SITE "a?b=1&c=2\n" SITE "b%20c\n" SITE "c?x&y\n" SITE "rel\n");
    assert_false(must_read(WIT_STR(URLSET "</urlset>")).is_index);
    /* prefixes do not matter, declared or not; other elements are passed over */
    expect("<s:urlset><s:url><s:loc>http://example.com/p</s:loc><news:news><news:loc>/n</news:loc>"
           "</news:news><x><loc>/no</loc></x></s:url></s:urlset>",
           SITE "p\n");
    expect(URLSET "<url><loc>/a</loc><xhtml:link rel='alternate' hreflang='de' href='/de/a'/>"
                  "</url></urlset>",
           SITE "a\n"); /* the other language has a url of its own */
}

static void an_index_lists_sitemaps(void **state) {
    struct wit_str text = WIT_STR("<sitemapindex><sitemap><loc>http://example.com/1.xml.gz</loc>"
                                  "</sitemap><sitemap><loc>/2.xml</loc></sitemap></sitemapindex>");
    expect(text.data, SITE "1.xml.gz\n" SITE "2.xml\n");
    assert_true(must_read(text).is_index);
}

static void a_feed_lists_its_entries(void **state) {
    expect("<rss version='2.0'><channel><link>http://example.com/home</link>"
           "<atom:link rel='self' href='/feed'/><item><title>t</title><link>/1</link>"
           "<description>&lt;img src=a alt=b&gt;</description></item>"
           "<item><link> /2 </link></item></channel></rss>",
           SITE "1\n" SITE "2\n");
    expect("<feed xmlns='http://www.w3.org/2005/Atom'><link href='/home'/>"
           "<entry><link href='/1'/><link rel='edit' href='/e'/></entry>"
           "<entry><link rel='alternate' href='/2'/><link/></entry></feed>",
           SITE "1\n" SITE "2\n");
    expect("<!DOCTYPE rss PUBLIC '-//Netscape//DTD RSS 0.91//EN' 'http://x/rss.dtd'>"
           "<rss><channel><item><link>/a&nbsp;b</link></item></channel></rss>",
           SITE "ab\n");
}

static void lines_are_urls(void **state) {
    expect("http://example.com/a\nHTTPS://example.com/b\r\n\n  http://example.com/c  \rwords\n/d\n"
           "http://[\nhttp://example.com/last",
           SITE "a\nhttps://example.com/b\n" SITE "c\n" SITE "last\n");
    expect("\xEF\xBB\xBF\r\nhttp://example.com/bom", SITE "bom\n");
    expect_none(WIT_STR("words\nhttp://example.com/a"));
    expect_none(WIT_STR("example.com/a"));
    struct wit_buf text = WIT_BUF_INIT(1 << 20);
    assert_int_equal(wit_buf_append_cstr(&text, "http://example.com/a\nhttp://example.com/"), 0);
    for (int i = 0; i < 70000; i++)
        assert_int_equal(wit_buf_append_byte(&text, 'a'), 0);
    assert_int_equal(wit_buf_append_cstr(&text, "\nhttp://example.com/b\n"), 0);
    expect_in("", wit_buf_view(&text), true, SITE "a\n" SITE "b\n");
    wit_buf_finish(&text);
}

static void what_is_no_sitemap_says_so(void **state) {
    expect_none(WIT_STR(""));
    expect_none(WIT_STR("h"));
    expect_none(WIT_STR(" \n \n"));
    expect_none(WIT_STR("<!DOCTYPE html><html><a href=x>x</a>"));
    expect_none(WIT_STR("<svg><image href='a'/></svg>"));
    expect_none(WIT_STR("<sitemap><loc>http://example.com/</loc></sitemap>"));
    expect_none(WIT_STR("<?xml version='1.0'?>"));
    expect_none(WIT_STR("<"));
    expect_none(WIT_STR("%PDF-1.4"));
}

/* ---- images --------------------------------------------------------------------------------- */

static void images_stand_on_the_page_of_their_url(void **state) {
    expect(URLSET "<url><image:image><image:loc>http://cdn.example.net/1.jpg</image:loc>"
                  "<image:caption>A  cat\non a &quot;mat&quot;</image:caption>"
                  "<image:title>Cat</image:title>"
                  "<image:license>http://example.com/terms</image:license></image:image>"
                  "<loc>/a</loc><image:image><image:loc>/2.jpg</image:loc></image:image>"
                  "<image:image><image:caption>no image</image:caption></image:image></url>"
                  "<url><loc>/b</loc><image:image><image:title>Cat</image:title>"
                  "<image:loc>http://cdn.example.net/1.jpg</image:loc></image:image></url>"
                  "<image:image><image:loc>/3</image:loc><image:title>t</image:title>"
                  "</image:image></urlset>",
           SITE "a\n" SITE "b\n"
                "sitemap|http://cdn.example.net/1.jpg|A cat on a \"mat\"|" SITE "a|http://example.com/terms\n"
                "sitemap|http://cdn.example.net/1.jpg|Cat|" SITE "a|http://example.com/terms\n"
                "sitemap|http://cdn.example.net/1.jpg|Cat|" SITE "b\n"
                "license http://example.com/terms\n");
    struct wit_crawler_page page =
        must_read(WIT_STR(URLSET "<url><loc>/a</loc><image><loc>/1</loc></image><image/></url>"
                                 "<url><image><loc>/2</loc></image></url></urlset>"));
    assert_int_equal(page.images, 2);
    /* the same pair twice for one page is one */
    expect(URLSET
           "<url><loc>/a</loc><image><loc>/1</loc><caption>c</caption><title>c</title></image>"
           "<image><loc>/1</loc><caption>c</caption></image></url></urlset>",
           SITE "a\nsitemap|" SITE "1|c|" SITE "a\n");
}

static void a_long_caption_is_cut(void **state) {
    struct wit_buf text = WIT_BUF_INIT(2 << 20);
    assert_int_equal(wit_buf_append_cstr(&text,
                                         URLSET "<url><loc>/a</loc><image><loc>/1</loc><caption>"),
                     0);
    for (int i = 0; i < 300000; i++)
        assert_int_equal(wit_buf_append_cstr(&text, i ? "ab" : "\xC3\xA4"), 0);
    assert_int_equal(wit_buf_append_cstr(&text, "</caption></image></url></urlset>"), 0);
    struct wit_crawler_page page = must_read(wit_buf_view(&text));
    assert_int_equal(page.pair_count, 1);
    assert_int_equal(page.pairs[0].text.len, WIT_CRAWLER_PAGE_MAX_TEXT_BYTES);
    assert_true(page.truncated);
    wit_buf_finish(&text);
}

/* ---- encodings ------------------------------------------------------------------------------ */

#define CAPTION(s)                                                                                 \
    URLSET "<url><loc>/a</loc><image><loc>/1</loc><title>" s "</title></image></url></urlset>"
#define CAPTIONED(s) SITE "a\nsitemap|" SITE "1|" s "|" SITE "a\n"

static void encodings_are_understood(void **state) {
    expect(CAPTION("\xC3\xA4 &#228; \xFF"), CAPTIONED("ä ä \xEF\xBF\xBD"));
    expect("<?xml version='1.0' encoding='windows-1251'?>" CAPTION("\xCA\xEE\xF2"),
           CAPTIONED("Кот"));
    expect("<?xml version='1.0' encoding='Shift_JIS'?>" CAPTION("\x94\x4C"), CAPTIONED("猫"));
    expect("<?xml version='1.0' encoding='martian'?>" CAPTION("\xC3\xA4"), CAPTIONED("ä"));
    expect_in("iso-8859-1", WIT_STR("<?xml version='1.0' encoding='utf-8'?>" CAPTION("\xE4")),
              false, CAPTIONED("ä"));
    expect_in("iso-8859-1", WIT_STR("\xEF\xBB\xBF" CAPTION("\xC3\xA4")), false, CAPTIONED("ä"));
    struct wit_buf wide = WIT_BUF_INIT(1 << 16);
    const char text[] = "<?xml version='1.0' encoding='UTF-16'?>" CAPTION("x");
    assert_int_equal(wit_buf_append_cstr(&wide, "\xFF\xFE"), 0);
    for (const char *c = text; *c; c++)
        assert_int_equal(wit_buf_append(&wide, (const char[]){ *c, 0 }, 2), 0);
    expect_in("", wit_buf_view(&wide), false, CAPTIONED("x"));
    wit_buf_finish(&wide);
    expect(" \n\n<?xml version='1.0'?>" CAPTION("x"), CAPTIONED("x"));
}

/* ---- broken and hostile --------------------------------------------------------------------- */

static void broken_xml_keeps_what_came_before(void **state) {
    expect_cut(URLSET "<url><loc>/a</loc></url><url><loc>/b</loc><image><loc>/1</loc>"
                      "<title>t</title></image><url></wrong><loc>/c</loc>",
               SITE "a\n" SITE "b\nsitemap|" SITE "1|t|" SITE "b\n");
    expect_cut(URLSET "<url><loc>/a</loc></url><url><loc>/b", SITE "a\n");
    expect_cut(URLSET "<url><loc>/a</loc></url>&undefined;<url><loc>/b</loc></url></urlset>",
               SITE "a\n");
    expect_cut(URLSET "<url><loc>/a</loc></url></urlset><urlset><url><loc>/b</loc></url></urlset>",
               SITE "a\n");
}

static void a_document_type_defines_nothing(void **state) {
    expect_none(WIT_STR("<?xml version='1.0'?><!DOCTYPE lolz [<!ENTITY a 'lol'>"
                        "<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                        "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>" URLSET
                        "<url><loc>/&c;</loc></url></urlset>"));
    expect_none(WIT_STR("<!DOCTYPE urlset [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" URLSET
                        "<url><loc>/&x;</loc></url></urlset>"));
    expect_none(WIT_STR("<!DOCTYPE urlset [<!ENTITY % x SYSTEM 'http://example.com/x'> %x;]>" URLSET
                        "<url><loc>/a</loc></url></urlset>"));
    expect_none(WIT_STR("<!DOCTYPE urlset []>" URLSET "<url><loc>/a</loc></url></urlset>"));
    expect("<!DOCTYPE urlset SYSTEM 'file:///etc/passwd'>" URLSET
           "<url><loc>/&x;a</loc></url></urlset>",
           SITE "a\n");
}

/* `piece` again and again, `end` behind it; `lead` before. */
static void repeat(struct wit_buf *out, const char *lead, const char *piece, size_t count,
                   const char *end) {
    wit_buf_reset(out);
    assert_int_equal(wit_buf_append_cstr(out, lead), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(wit_buf_printf(out, piece, i), 0);
    assert_int_equal(wit_buf_append_cstr(out, end), 0);
}

static void ceilings_hold(void **state) {
    struct wit_buf text = WIT_BUF_INIT(64 << 20);
    const char *lead = URLSET "<url><loc>/a</loc></url>",
               *end = "<url><loc>/b</loc></url></urlset>";
    repeat(&text, lead, "<deep>", 100000, "");
    expect_in("", wit_buf_view(&text), true, SITE "a\n");
    repeat(&text, lead, "<n%zu/>", 100000, end);
    expect_in("", wit_buf_view(&text), true, SITE "a\n");
    repeat(&text, URLSET "<url><loc>/a</loc></url><x ", "a%zu='' ", 2000, "/><url><loc>/b</loc>");
    expect_in("", wit_buf_view(&text), true, SITE "a\n");
    repeat(&text, URLSET "<url><loc>/a</loc></url><!-- ", "long comment %zu ", 100000, "-->");
    assert_int_equal(wit_buf_append_cstr(&text, end), 0);
    expect_in("", wit_buf_view(&text), true, SITE "a\n");
    repeat(&text, URLSET "<url><loc>/a</loc></url><x y='", "long value %zu ", 200000, "'/>");
    assert_int_equal(wit_buf_append_cstr(&text, end), 0);
    expect_in("", wit_buf_view(&text), true, SITE "a\n");
    /* what is long without being one token is no trouble */
    repeat(&text, URLSET "<url><loc>/a</loc></url><x>", "long text %zu ", 200000, "</x>");
    assert_int_equal(wit_buf_append_cstr(&text, end), 0);
    expect_in("", wit_buf_view(&text), false, SITE "a\n" SITE "b\n");
    repeat(&text, lead, "<a/>", 2000000, end);
    expect_in("", wit_buf_view(&text), true, SITE "a\n");
    repeat(&text, URLSET, "<url><loc>/a</loc></url>", WIT_CRAWLER_SITEMAP_MAX_URLS, end);
    expect_in("", wit_buf_view(&text), true, SITE "a\n"); /* again is one more, too */
    repeat(&text, URLSET, "<url><loc>/%zu</loc></url>", WIT_CRAWLER_SITEMAP_MAX_URLS, "</urlset>");
    struct wit_crawler_page page = must_read(wit_buf_view(&text));
    assert_int_equal(page.link_count, WIT_CRAWLER_SITEMAP_MAX_URLS);
    assert_false(page.truncated);
    repeat(&text, URLSET, "<url><loc>/%zu</loc></url>", WIT_CRAWLER_SITEMAP_MAX_URLS + 5, "");
    page = must_read(wit_buf_view(&text));
    assert_int_equal(page.link_count, WIT_CRAWLER_SITEMAP_MAX_URLS);
    assert_true(page.truncated);
    repeat(&text, "", "http://example.com/%zu\n", WIT_CRAWLER_SITEMAP_MAX_URLS + 5, "");
    page = must_read(wit_buf_view(&text));
    assert_int_equal(page.link_count, WIT_CRAWLER_SITEMAP_MAX_URLS);
    assert_true(page.truncated);
    wit_buf_finish(&text);
}

/* ---- gzip ----------------------------------------------------------------------------------- */

static void gzip(struct wit_buf *out, struct wit_str text) {
    z_stream z = { .next_in = (Bytef *)(uintptr_t)text.data, .avail_in = (uInt)text.len };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(wit_buf_reserve(out, deflateBound(&z, text.len)), 0);
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)(out->cap - out->len);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

static void gzip_is_unpacked(void **state) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20), packed = text;
    repeat(&text, URLSET "<url><loc>/a</loc></url>", "<x/><!-- %zu -->", 5000, "");
    gzip(&packed, wit_buf_view(&text));
    size_t first = packed.len;
    gzip(&packed, WIT_STR("<url><loc>/b</loc></url></urlset>"));
    expect_in("", wit_buf_view(&packed), false, SITE "a\n" SITE "b\n");
    expect_in("", wit_str_of(packed.data, packed.len - 1), true, SITE "a\n" SITE "b\n");
    expect_in("", wit_str_of(packed.data, first), true, SITE "a\n");
    expect_in("", wit_str_of(packed.data, first - 2000), true, SITE "a\n");
    assert_int_equal(wit_buf_append_cstr(&packed, "garbage"), 0);
    expect_in("", wit_buf_view(&packed), true, SITE "a\n" SITE "b\n");
    packed.data[first / 2] ^= 0x55;
    expect_in("", wit_buf_view(&packed), true, SITE "a\n");
    wit_buf_reset(&packed);
    gzip(&packed, WIT_STR("http://example.com/line"));
    expect_in("", wit_buf_view(&packed), false, SITE "line\n");
    wit_buf_reset(&text);
    gzip(&text, wit_buf_view(&packed)); /* once, not twice */
    expect_none(wit_buf_view(&text));
    expect_none(WIT_STR("\x1F\x8B"));
    expect_none(WIT_STR("\x1F\x8B\x08 and no more of it"));
    wit_buf_finish(&text);
    wit_buf_finish(&packed);
}

/* More than the ceiling from little: what is inside the ceiling counts, and only that. */
static void broken_gzip_keeps_the_lines_before_it(void **state) {
    struct wit_buf text = WIT_BUF_INIT(1 << 20), packed = text;
    struct wit_crawler_page page;
    char last[64];
    for (int i = 0; i < 3000; i++) { /* several blocks */
        snprintf(last, sizeof last, SITE "%d/%08x\n", i,
                 (unsigned)wit_random_below(&rng, UINT32_MAX));
        assert_int_equal(wit_buf_append_cstr(&text, last), 0);
    }
    gzip(&packed, wit_buf_view(&text));
    const size_t whole = packed.len;
    page = must_read(wit_buf_view(&packed));
    assert_int_equal(page.link_count, 3000);

    packed.len = whole - 8; /* all of the text, and no checksum: the end is not known to be one */
    page = must_read(wit_buf_view(&packed));
    assert_int_equal(page.link_count, 3000);
    assert_true(page.truncated);

    packed.len = whole - 100;
    page = must_read(wit_buf_view(&packed));
    assert_true(page.truncated);
    assert_in_range(page.link_count, 2950, 2999);
    for (size_t i = 0; i < page.link_count; i++) { /* none is half a line */
        char line[64];
        snprintf(line, sizeof line, "%.*s\n", WIT_STR_FMT(page.links[i].url));
        assert_true(wit_str_find(wit_buf_view(&text), wit_str_from(line), 0) >= 0);
    }

    for (size_t i = whole - 100; i < whole - 60; i++)
        packed.data[i] = (char)0xFF;
    packed.len = whole;
    page = must_read(wit_buf_view(&packed));
    assert_true(page.truncated);
    assert_in_range(page.link_count, 2900, 3000);
    wit_buf_finish(&packed);

    gzip(&packed, WIT_STR(SITE "a"));
    assert_int_equal(wit_buf_append_cstr(&packed, "rubbish"), 0);
    expect_in("", wit_buf_view(&packed), true, SITE "a\n");
    wit_buf_finish(&packed);
    wit_buf_finish(&text);
}

static void a_gzip_bomb_ends_at_the_ceiling(void **state) {
    struct wit_buf text = WIT_BUF_INIT(2 * WIT_CRAWLER_SITEMAP_MAX_BYTES), packed = text;
    const char lead[] = URLSET "<url><loc>/a</loc></url>";
    const char inside[] = "<url><loc>/in</loc></url>", outside[] = "<url><loc>/out</loc></url>";
    size_t spaces = WIT_CRAWLER_SITEMAP_MAX_BYTES - (sizeof lead - 1) - (sizeof inside - 1);
    assert_int_equal(wit_buf_append_cstr(&text, lead), 0);
    assert_int_equal(wit_buf_reserve(&text, spaces), 0);
    memset(text.data + text.len, ' ', spaces);
    text.len += spaces;
    assert_int_equal(wit_buf_append_cstr(&text, inside), 0);
    assert_int_equal(wit_buf_append_cstr(&text, outside), 0);
    gzip(&packed, wit_buf_view(&text));
    assert_true(packed.len < 200000);
    struct wit_crawler_page page;
    assert_int_equal(read_as("", wit_buf_view(&packed), some_bytes, &page), 0);
    assert_int_equal(page.link_count, 2);
    assert_true(wit_str_eq(page.links[1].url, WIT_STR(SITE "in")));
    assert_true(page.truncated);
    assert_int_equal(read_as("", wit_buf_view(&text), NULL, &page), 0);
    assert_int_equal(page.link_count, 2);
    wit_buf_finish(&text);
    wit_buf_finish(&packed);
}

/* ---- properties ----------------------------------------------------------------------------- */

static void any_cut_gives_the_same(void **state) {
    static const char *const words[] = { "<urlset>",
                                         "</urlset>",
                                         "<url>",
                                         "</url>",
                                         "<loc>",
                                         "</loc>",
                                         "/a",
                                         "http://e/",
                                         "<image:image>",
                                         "<image:loc>",
                                         "</image:loc>",
                                         "</image:image>",
                                         "<image:title>",
                                         "</image:title>",
                                         "words ",
                                         "&amp;",
                                         "&x;",
                                         "<![CDATA[",
                                         "]]>",
                                         "<!--",
                                         "-->",
                                         "<x:y z='",
                                         "'/>",
                                         "\xC3\xA4",
                                         "\xFF",
                                         "\n",
                                         "<?pi ?>",
                                         "<!DOCTYPE a>",
                                         "<sitemapindex>",
                                         "<feed>" };
    struct wit_buf text = WIT_BUF_INIT(1 << 20), packed = text;
    for (int round = 0; round < 300; round++) {
        struct wit_crawler_page page;
        uint64_t length = wit_random_below(&rng, 60);
        wit_buf_reset(&text);
        assert_int_equal(wit_buf_append_cstr(&text, round % 4 ? "<urlset><url><loc>/" : ""), 0);
        for (uint64_t i = 0; i < length; i++)
            assert_int_equal(
                wit_buf_append_cstr(&text, words[wit_random_below(&rng, WIT_COUNT_OF(words))]), 0);
        wit_buf_reset(&packed);
        gzip(&packed, wit_buf_view(&text));
        int st = read_in("", wit_buf_view(&text), &page);
        assert_int_equal(read_in("", wit_buf_view(&packed), &page), st);
    }
    wit_buf_finish(&text);
    wit_buf_finish(&packed);
}

/* An extractor that read a sitemap reads a page as if it had not, and the other way round. */
static void pages_and_sitemaps_take_turns(void **state) {
    const struct wit_crawler_page_source from = { .url = WIT_STR(SITE) };
    struct wit_crawler_page page;
    must_read(WIT_STR("<sitemapindex><sitemap><loc>/1</loc></sitemap></sitemapindex>"));
    assert_int_equal(wit_crawler_page_extract(x, &from,
                                              WIT_STR("<a href=/x>x</a><img src=/i alt=words>"),
                                              &page, NULL),
                     0);
    assert_int_equal(page.link_count, 1);
    assert_int_equal(page.pair_count, 1);
    assert_int_equal(page.pairs[0].page.len, 0);
    assert_false(page.is_index);
    expect(CAPTION("x"), CAPTIONED("x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_urlset_lists_pages),
        cmocka_unit_test(an_index_lists_sitemaps),
        cmocka_unit_test(a_feed_lists_its_entries),
        cmocka_unit_test(lines_are_urls),
        cmocka_unit_test(what_is_no_sitemap_says_so),
        cmocka_unit_test(images_stand_on_the_page_of_their_url),
        cmocka_unit_test(a_long_caption_is_cut),
        cmocka_unit_test(encodings_are_understood),
        cmocka_unit_test(broken_xml_keeps_what_came_before),
        cmocka_unit_test(a_document_type_defines_nothing),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(gzip_is_unpacked),
        cmocka_unit_test(broken_gzip_keeps_the_lines_before_it),
        cmocka_unit_test(a_gzip_bomb_ends_at_the_ceiling),
        cmocka_unit_test(any_cut_gives_the_same),
        cmocka_unit_test(pages_and_sitemaps_take_turns),
    };
    return cmocka_run_group_tests_name("sitemap", tests, setup, teardown);
}
