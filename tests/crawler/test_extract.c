/*
 * test_extract.c: what the extractor takes from a page. Every page of these tests goes through it
 * whole, byte by byte and cut at random, and must give the same. Replay with
 * WIT_TEST_SEED=<printed seed>.
 */
#include "extract_testing.h"
#include "html_extract.h"

#define PAGE "http://example.com/dir/page.html?q"
#define DIR "http://example.com/dir/"

/* The page in three cuttings, by the machine alone and by every fast path, which all agree; views
 * live until the next call. */
static struct wit_crawler_page extract_from(const struct wit_crawler_page_source *from,
                                            struct wit_str html) {
    size_t (*const cuttings[])(void *) = { one_byte, some_bytes, NULL };
    struct wit_buf first = WIT_BUF_INIT(HTML_PAGES_MAX_BYTES), next = first;
    struct wit_crawler_page page = { 0 };
    struct wit_error err = WIT_ERROR_INIT;
    for (size_t i = html.len > 100000; i < WIT_COUNT_OF(cuttings); i++)
        for (size_t k = 0; html_skims_all[k]; k++) {
            if (!html_skims_all[k]->usable())
                continue;
            html_extract_use(x, html_skims_all[k]);
            if (html_pages_extract(x, from, html, cuttings[i], NULL, &page, &err) < 0)
                fail_msg("%s", err.text);
            wit_buf_reset(&next);
            html_pages_put_all(&page, first.len ? &next : &first);
            if (next.len && !wit_str_eq(wit_buf_view(&first), wit_buf_view(&next)))
                fail_msg("cut or fast path (%s) matters in '%.*s':\n%.*s\nand\n%.*s",
                         html_skims_all[k]->name, WIT_STR_FMT(html),
                         WIT_STR_FMT(wit_buf_view(&first)), WIT_STR_FMT(wit_buf_view(&next)));
        }
    wit_buf_finish(&first);
    wit_buf_finish(&next);
    return page;
}

static struct wit_crawler_page extract(struct wit_str html) {
    return extract_from(&(struct wit_crawler_page_source){ .url = WIT_STR(PAGE),
                                                           .charset = WIT_STR("utf-8"),
                                                           .agent = WIT_STR("witbot") },
                        html);
}

static void expect_pairs(const char *html, const char *want) {
    struct wit_crawler_page page = extract(wit_str_from(html));
    wit_buf_reset(&got);
    html_pages_put_pairs(&page, &got);
    expect_got(wit_str_from(html), want);
    assert_false(page.truncated);
}

static void expect_links(const char *html, const char *want) {
    struct wit_crawler_page page = extract(wit_str_from(html));
    wit_buf_reset(&got);
    html_pages_put_links(&page, &got);
    expect_got(wit_str_from(html), want);
}

static void expect_rights(const char *html, const char *want) {
    struct wit_crawler_page page = extract(wit_str_from(html));
    wit_buf_reset(&got);
    html_pages_put_rights(&page, &got);
    expect_got(wit_str_from(html), want);
}

/* ---- images ---------------------------------------------------------------------------------- */

static void an_image_pairs_with_alt_and_title(void **state) {
    expect_pairs("<img src=a.jpg alt='a cat' title=\"A title\">",
                 "alt|" DIR "a.jpg|a cat\ntitle|" DIR "a.jpg|A title\n");
    expect_pairs("<IMG ALT=b SRC='/b.png'/>", "alt|http://example.com/b.png|b\n");
    expect_pairs("<image src=c.jpg alt=c>", "alt|" DIR "c.jpg|c\n");
    expect_pairs("<img src=a.jpg><img src=a.jpg alt=''><img alt=x><img src='' alt=x>", "");
    expect_pairs("<img src=a.jpg alt=x><img src=a.jpg alt=x><img src=a.jpg alt=y>",
                 "alt|" DIR "a.jpg|x\nalt|" DIR "a.jpg|y\n");
    expect_pairs("<img src=a.jpg title=t data-image-title='a &amp;  b'><img src=b.jpg title=c "
                 "data-image-title=c>",
                 "title|" DIR "a.jpg|t\ntitle|" DIR "a.jpg|a & b\ntitle|" DIR "b.jpg|c\n");
    expect_pairs("<img src=a.jpg alt=x alt=y src=b.jpg>", "alt|" DIR "a.jpg|x\n");
    expect_pairs("<img src=a.jpg aria-label=x><input type=image src=b.jpg alt=Search>"
                 "<video poster=c.jpg title=y></video><object data=d.jpg>z</object>"
                 "<script type=application/ld+json>{\"@type\":\"ImageObject\",\"contentUrl\":"
                 "\"/e.jpg\",\"caption\":\"w\"}</script>",
                 "");
    expect_pairs("<noscript><img src=a.jpg alt=x></noscript><template><img src=b.jpg alt=y>",
                 "alt|" DIR "a.jpg|x\nalt|" DIR "b.jpg|y\n");
    struct wit_crawler_page page =
        extract(WIT_STR("<img><img src=a alt=b><svg><image></svg><image>"));
    assert_int_equal(page.images, 3);
    assert_int_equal(page.pair_count, 1);
}

static void what_is_no_markup_holds_no_image(void **state) {
    expect_pairs("<script>'<img src=a alt=b>'</script><style><img src=a alt=b></style>"
                 "<!-- <img src=a alt=b> --><textarea><img src=a alt=b></textarea>"
                 "<title><img src=a alt=b></title><xmp><img src=a alt=b></xmp>"
                 "<iframe><img src=a alt=b></iframe><p title='<img src=a alt=b>'>"
                 "<svg><![CDATA[<img src=a alt=b>]]></svg><plaintext><img src=a alt=b>",
                 "");
    expect_pairs("<img src=a alt=b", "");
    expect_pairs("<img src=a alt='b>", "");
}

static void only_http_addresses_count(void **state) {
    expect_pairs("<img src='data:image/gif;base64,R0lGODlh' alt=a><img src=javascript:1 alt=b>"
                 "<img src=blob:http://a/b alt=c><img src='ftp://a/b' alt=d>"
                 "<img src='file:///a' alt=e><img src='http://' alt=f><img src=about:blank alt=g>"
                 "<img src='HTTPS://Ex%61mple.org:443/a b?c d#e' alt=h>",
                 "alt|https://example.org/a%20b?c%20d|h\n");
    expect_pairs("<img src='../x.jpg' alt=a><img src='//h.org/x' alt=b><img src='?y' alt=c>"
                 "<img src='\n /a/./b/../c.jpg\t' alt=d><img src='\\a\\b.jpg' alt=e>"
                 "<img src='http:g.jpg' alt=f><img src='#z' alt=h>",
                 "alt|http://example.com/x.jpg|a\nalt|http://h.org/x|b\n"
                 "alt|" DIR "page.html?y|c\nalt|http://example.com/a/c.jpg|d\n"
                 "alt|http://example.com/a/b.jpg|e\nalt|" DIR "g.jpg|f\nalt|" PAGE "|h\n");
    expect_pairs("<img src='a.jpg?x=1&amp;y=2&copy=3&lt;=4' alt=a>",
                 "alt|" DIR "a.jpg?x=1&y=2&copy=3%3C=4|a\n");
}

static void a_lazy_attribute_beats_the_placeholder(void **state) {
    expect_pairs("<img src=p.gif data-src=a.jpg alt=a><img src=p.gif data-original=b.jpg alt=b>"
                 "<img src=p.gif data-lazy-src=c.jpg alt=c>"
                 "<img src=p.gif data-srcset='d.jpg 1x, e.jpg 2x' alt=d>"
                 "<img src=p.gif data-lazy-srcset='f.jpg 100w, g.jpg 200w' data-src=h.jpg alt=e>"
                 "<img src=i.jpg data-src='data:image/png,x' alt=f><img src=j.jpg data-src alt=g>",
                 "alt|" DIR "a.jpg|a\nalt|" DIR "b.jpg|b\nalt|" DIR "c.jpg|c\nalt|" DIR
                 "e.jpg|d\nalt|" DIR "g.jpg|e\nalt|" DIR "i.jpg|f\nalt|" DIR "j.jpg|g\n");
}

static void the_largest_of_a_srcset_is_taken(void **state) {
    static const struct {
        const char *srcset, *want;
    } cases[] = { { "a.jpg 1x, b.jpg 2x", "b.jpg" },
                  { "a.jpg 800w,b.jpg 400w", "a.jpg" },
                  { "a.jpg 100w, b.jpg 9x", "a.jpg" },
                  { "a.jpg,b.jpg", "a.jpg,b.jpg" },
                  { "a.jpg, b.jpg", "a.jpg" },
                  { "a.jpg, b.jpg 1.5x", "b.jpg" },
                  { " ,, a.jpg 5w , ", "a.jpg" },
                  { "a.jpg 1x 2x 3x", "a.jpg" },
                  { "a.jpg wide, b.jpg", "b.jpg" },
                  { "a.jpg (1,2x), b.jpg .5x", "s.jpg" },
                  { "a.jpg 0w, b.jpg -1x, c.jpg 10h", "c.jpg" },
                  { "a.jpg 300w 200h, b.jpg 200w", "a.jpg" },
                  { "a.jpg 1e1x, b.jpg 9x", "a.jpg" },
                  { "data:image/gif;base64,R0lG 3x, b.jpg 2x", "b.jpg" },
                  { "", "s.jpg" },
                  { ",", "s.jpg" } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        char html[400], want[400];
        snprintf(html, sizeof html, "<img src=s.jpg srcset='%s' alt=a>", cases[i].srcset);
        snprintf(want, sizeof want, "alt|" DIR "%s|a\n", cases[i].want);
        expect_pairs(html, want);
    }
}

static void a_picture_gives_its_sources_too(void **state) {
    expect_pairs("<picture><source srcset='a.webp 1x, b.webp 2x' type=image/webp>"
                 "<source srcset=c.avif type=image/avif><source data-srcset=d.jpg srcset=p.gif>"
                 "<source src=e.jpg type='IMAGE/JPEG; q=1'><img src=f.jpg alt=x></picture>"
                 "<source srcset=g.jpg><img src=h.jpg alt=y>",
                 "alt|" DIR "b.webp|x\nalt|" DIR "d.jpg|x\nalt|" DIR "f.jpg|x\nalt|" DIR
                 "h.jpg|y\n");
    expect_pairs("<picture><source srcset=a.jpg></picture><picture><img src=b.jpg alt=x></picture>",
                 "alt|" DIR "b.jpg|x\n");
}

static void figures_lend_their_captions(void **state) {
    expect_pairs("<figure><img src=a.jpg alt=x><img src=b.jpg><figcaption>The <b>best</b>\n cat"
                 "</figcaption></figure><img src=c.jpg>",
                 "alt|" DIR "a.jpg|x\nfigcaption|" DIR "a.jpg|The best cat\nfigcaption|" DIR
                 "b.jpg|The best cat\n");
    expect_pairs("<figure><figcaption> </figcaption><figcaption>one</figcaption>"
                 "<figcaption>two</figcaption><img src=a.jpg></figure>",
                 "figcaption|" DIR "a.jpg|one\n");
    /* The inner figure's images are the outer's where it has no words of its own. */
    expect_pairs("<figure><figure><img src=a.jpg></figure><figure><img src=b.jpg><figcaption>in"
                 "</figcaption></figure><figcaption>out</figcaption></figure>",
                 "figcaption|" DIR "a.jpg|out\nfigcaption|" DIR "b.jpg|in\n");
    expect_pairs("<figure><img src=a.jpg><figcaption>a &amp; b&#x20;&eacute;&nbsp;c"
                 "<script>x</script><style>y</style><!-- z --><img src=i.jpg alt=no> d",
                 "figcaption|" DIR "a.jpg|a & b \xC3\xA9\xC2\xA0"
                 "c d\nalt|" DIR "i.jpg|no\nfigcaption|" DIR "i.jpg|a & b \xC3\xA9\xC2\xA0"
                 "c d\n");
    expect_pairs("<figcaption>x</figcaption><img src=a.jpg></figure>", "");
    expect_pairs("<figure><img src=a.jpg></figure><figcaption>x</figcaption>", "");
}

static void words_of_a_caption_keep_apart(void **state) {
    expect_pairs("<figure><img src=a.jpg><figcaption><h3>One</h3><p>two</p>three<br>fo<i>ur</i><ul>"
                 "<li>five<li>six</ul><table><tr><td>7<td>8</table>9<div>10</div></figcaption>",
                 "figcaption|" DIR "a.jpg|One two three four five six 7 8 9 10\n");
    expect_pairs("<figure><img src=a.jpg><figcaption>a<sup>2</sup>+b<wbr>c &am<!-- -->p; d"
                 "</figcaption>",
                 "figcaption|" DIR "a.jpg|a2+bc &amp; d\n");
    expect_pairs("<figure><img src=a.jpg><figcaption>&am</>p; \xC3</>\xA9 &am<!x>p;</figcaption>",
                 "figcaption|" DIR "a.jpg|&amp; \xEF\xBF\xBD\xEF\xBF\xBD &amp;\n");
}

static void open_graph_images_take_alt_and_description(void **state) {
    expect_pairs(
        "<meta property=og:image content=/a.jpg><meta property=og:image:alt content='An alt'>"
        "<meta property='og:description' content=' The \n page '>"
        "<meta property=og:description content=second>",
        "og_description|http://example.com/a.jpg|An alt\n"
        "og_description|http://example.com/a.jpg|The page\n");
    expect_pairs("<meta name=og:description content=d><meta name=og:image content=a.jpg>"
                 "<meta property=og:image:secure_url content=b.jpg>"
                 "<meta property=og:image:url content=c.jpg><img src=i.jpg alt=i>",
                 "og_description|" DIR "a.jpg|d\nog_description|" DIR "c.jpg|d\nalt|" DIR
                 "i.jpg|i\n");
    expect_pairs("<meta property=og:image:secure_url content=b.jpg><meta property=og:image content>"
                 "<meta property=og:description content=d>",
                 "og_description|" DIR "b.jpg|d\n");
    expect_pairs("<meta property=og:image content=a.jpg>", "");
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void white_space_runs_become_one_space(void **state) {
    expect_pairs("<img src=a alt=' \t a \n\r\n b\fc\t'>", "alt|" DIR "a|a b c\n");
    expect_pairs("<img src=a alt='\n \t'><img src=b alt=' \xC2\xA0 '>",
                 "alt|" DIR "b|\xC2\xA0\n"); /* HTML's five only */
    expect_pairs("<img src=a alt='x&#10;&#13;&Tab;y&#32;'>", "alt|" DIR "a|x y\n");
}

static void references_are_replaced(void **state) {
    expect_pairs("<img src=a alt='&lt;b&gt; &amp;amp; &quot;&#39;&apos; &eacute;&NotEqualTilde;"
                 "&#8217;&#x1F600;&#150;&#0;&#xD800;&notit;&not;it &copy &copy= &bogus; & &;'>",
                 "alt|" DIR "a|<b> &amp; \"'' \xC3\xA9\xE2\x89\x82\xCC\xB8\xE2\x80\x99\xF0\x9F\x98"
                 "\x80\xE2\x80\x93\xEF\xBF\xBD\xEF\xBF\xBD&notit;\xC2\xACit \xC2\xA9 &copy= "
                 "&bogus; & &;\n");
}

static void broken_bytes_become_replacement_characters(void **state) {
    expect_pairs("<img src=a alt='\xC3\xA9 \xC3 \xE2\x82 \xF0\x9F\x98 \xED\xA0\x80 \xC0\x80 \xFF'>",
                 "alt|" DIR "a|\xC3\xA9 \xEF\xBF\xBD \xEF\xBF\xBD \xEF\xBF\xBD "
                 "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\xEF\xBF\xBD \xEF\xBF\xBD\n");
    expect_pairs("<img src=a alt='x\xE2'><img src=b alt=y\xE2\x82>",
                 "alt|" DIR "a|x\xEF\xBF\xBD\nalt|" DIR "b|y\xEF\xBF\xBD\n");
    struct wit_crawler_page page = extract(WIT_STR("<img src=a alt='a\0b'><figure><img src=b>"
                                                   "<figcaption>c\0 d\0"));
    wit_buf_reset(&got);
    html_pages_put_pairs(&page, &got);
    expect_got(WIT_STR("NULs"), "alt|" DIR "a|a\xEF\xBF\xBD"
                                "b\nfigcaption|" DIR "b|c d\n");
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void the_first_base_counts_from_there_on(void **state) {
    expect_pairs("<img src=a alt=a><base target=x><base href='http://b.org/x/'><img src=a alt=b>"
                 "<base href='http://c.org/'><img src=a alt=c>",
                 "alt|" DIR "a|a\nalt|http://b.org/x/a|b\nalt|http://b.org/x/a|c\n");
    expect_pairs("<base href='../up/'><img src=a alt=a>", "alt|http://example.com/up/a|a\n");
    expect_pairs("<base href='data:x,y'><base href='http://c.org/'><img src=a alt=a>",
                 "alt|" DIR "a|a\n");
    expect_pairs("<base href='http://['><img src=a alt=a>", "alt|" DIR "a|a\n");
    expect_pairs("<base href='ftp://f.org/'><img src=a alt=a><img src='http://h/' alt=b>",
                 "alt|http://h/|b\n");
    expect_pairs("<svg><base href='http://c.org/'></svg><img src=a alt=a>", "alt|" DIR "a|a\n");
    struct wit_crawler_page page = extract(WIT_STR("<base href='http://B.org/x/'>"));
    assert_true(wit_str_eq(page.base, WIT_STR("http://b.org/x/")));
}

static void links_are_resolved_and_unique(void **state) {
    expect_links("<a href=a#x>1</a><a href='a#y'>2</a><area href='/b'><a href>3</a><a>4</a>"
                 "<a href='mailto:x@y'>5</a><a href='javascript:x'>6</a><link rel=next href=c>",
                 DIR "a\nhttp://example.com/b\n" PAGE "\n");
    expect_links("<a rel='noopener NoFollow' href=a>1</a><a href=b rel=nofollow>2</a>"
                 "<a href=b>3</a><a href=c>4</a><a href=c rel=nofollow>5</a>"
                 "<a href=d rel=nofollows>6</a>",
                 DIR "a|nofollow\n" DIR "b\n" DIR "c\n" DIR "d\n");
    expect_links("<svg><a href=a>x</a></svg><svg><a xlink:href=b>y</a></svg>", DIR "a\n");
}

static void page_addresses_are_checked(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_crawler_page_source from = { .url = WIT_STR("not a url") };
    assert_int_equal(wit_crawler_extractor_begin(x, &from, &err), WIT_EFORMAT);
    from.url = WIT_STR("ftp://a/b");
    assert_int_equal(wit_crawler_extractor_begin(x, &from, &err), WIT_EINVAL);
    assert_non_null(strstr(err.text, "ftp://a/b"));
}

/* ---- rights ---------------------------------------------------------------------------------- */

static void licenses_are_collected(void **state) {
    expect_rights(
        "<link rel=license href=/l><a rel='license noopener' href='http://l.org/by#x'>y</a>"
        "<a rel=license href=/l>z</a><a rel=copyright href=/c>",
        "license|http://example.com/l\nlicense|http://l.org/by\ndirectives 0\n");
}

static void robots_elements_speak_to_us_or_all(void **state) {
    char want[200];
    snprintf(want, sizeof want, "ROBOTS|NoIndex , noimageai\nWitBot|noai\ndirectives %x\n",
             WIT_CRAWLER_NOINDEX | WIT_CRAWLER_NOIMAGEAI | WIT_CRAWLER_NOAI);
    expect_rights(
        "<meta name=ROBOTS content='NoIndex , noimageai'><meta name=otherbot content=noml>"
        "<meta name=WitBot content=noai><meta name=witbots content=noarchive>",
        want);
    snprintf(want, sizeof want, "robots|none\nrobots|\ndirectives %x\n",
             WIT_CRAWLER_NONE | WIT_CRAWLER_NOINDEX | WIT_CRAWLER_NOFOLLOW);
    expect_rights("<meta name=robots content=none><meta name=robots>", want);
    /* Without a name of our own only "robots" counts. */
    struct wit_crawler_page_source from = { .url = WIT_STR(PAGE) };
    struct wit_crawler_page page = extract_from(&from, WIT_STR("<meta name='' content=noai>"));
    assert_int_equal(page.directives, 0);
    assert_int_equal(page.signal_count, 0);
}

static void a_tdm_reservation_is_seen(void **state) {
    char want[200];
    snprintf(want, sizeof want, "tdm-reservation|1\ntdm-policy|http://p.org/\ndirectives %x\n",
             WIT_CRAWLER_TDM_RESERVED);
    expect_rights("<meta name=tdm-reservation content=' 1 '>"
                  "<meta name='tdm-policy' content='http://p.org/'>",
                  want);
    expect_rights("<meta name=tdm-reservation content=0>", "tdm-reservation|0\ndirectives 200\n");
    expect_rights("<meta name=tdm-reservation content=2>", "tdm-reservation|2\ndirectives 0\n");
}

static void header_values_bind_to_product_tokens(void **state) {
    static const struct {
        const char *value;
        unsigned want;
    } cases[] = {
        { "noindex", WIT_CRAWLER_NOINDEX },
        { " NOAI ,noImageAI", WIT_CRAWLER_NOAI | WIT_CRAWLER_NOIMAGEAI },
        { "none", WIT_CRAWLER_NONE | WIT_CRAWLER_NOINDEX | WIT_CRAWLER_NOFOLLOW },
        { "witbot: noai, noml", WIT_CRAWLER_NOAI | WIT_CRAWLER_NOML },
        { "WitBot : noai", WIT_CRAWLER_NOAI },
        { "otherbot: noai, noml", 0 },
        { "noarchive, otherbot: noai, witbot: noml, noindex",
          WIT_CRAWLER_NOARCHIVE | WIT_CRAWLER_NOML | WIT_CRAWLER_NOINDEX },
        { "max-snippet: 5, noai", WIT_CRAWLER_NOAI },
        { "max-image-preview:large, noimageindex", WIT_CRAWLER_NOIMAGEINDEX },
        { "unavailable_after: 25 Jun 2010 15:00:00 PST, noai", WIT_CRAWLER_NOAI },
        { "unavailable_after: Wed, 25 Jun 2010 15:00:00 PST, noai", WIT_CRAWLER_NOAI },
        { "otherbot: unavailable_after: Wed, 25 Jun 2010 15:00:00 PST, noai", 0 },
        { "nofollowing, index, all", 0 },
        { "", 0 },
        { ",,:,", 0 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        unsigned bits =
            wit_crawler_directives_parse(wit_str_from(cases[i].value), WIT_STR("witbot"));
        if (bits != cases[i].want)
            fail_msg("'%s' is %x, wanted %x", cases[i].value, bits, cases[i].want);
    }
    assert_int_equal(wit_crawler_directives_parse(WIT_STR(": noai"), WIT_STR("")), 0);
}

/* ---- encodings ------------------------------------------------------------------------------- */

static void expect_text(struct wit_str html, const char *header, const char *charset,
                        const char *text) {
    struct wit_crawler_page_source from = { .url = WIT_STR(PAGE), .charset = wit_str_from(header) };
    struct wit_crawler_page page = extract_from(&from, html);
    assert_string_equal(page.charset, charset);
    assert_int_equal(page.pair_count, 1);
    if (!wit_str_eq(page.pairs[0].text, wit_str_from(text)))
        fail_msg("%s: '%.*s', wanted '%s'", charset, WIT_STR_FMT(page.pairs[0].text), text);
}

static void the_header_names_the_encoding(void **state) {
    expect_text(WIT_STR("<img src=a alt='\xC3\xA9'>"), "utf-8", "utf-8", "\xC3\xA9");
    expect_text(WIT_STR("<meta charset=utf-8><img src=a alt='\xE9'>"), " Latin1 ", "windows-1252",
                "\xC3\xA9");
    expect_text(WIT_STR("<img src=a alt='\x82\xA0\x83\\'>"), "shift_jis", "shift_jis",
                "\xE3\x81\x82\xE3\x82\xBD");
    expect_text(WIT_STR("<img src=a alt='\xA4\xA4'>"), "big5", "big5", "\xE4\xB8\xAD");
    expect_text(WIT_STR("<img src=a alt='\xD6\xD0\xFE'>"), "gb2312", "gbk",
                "\xE4\xB8\xAD\xEF\xBF\xBD");
    expect_text(WIT_STR("<img src=a alt='\x1B$B$\"\x1B(B'>"), "iso-2022-jp", "iso-2022-jp",
                "\xE3\x81\x82");
    expect_text(WIT_STR("<img src=a alt='\xE9'>"), "no-such", "windows-1252", "\xC3\xA9");
}

static void a_byte_order_mark_beats_the_header(void **state) {
    expect_text(WIT_STR("\xEF\xBB\xBF<img src=a alt='\xC3\xA9'>"), "latin1", "utf-8", "\xC3\xA9");
    expect_text(WIT_STR("\xFE\xFF\0<\0i\0m\0g\0 \0s\0r\0c\0=\0a\0 \0a\0l\0t\0=\x26\x3A\0>"),
                "utf-8", "utf-16be", "\xE2\x98\xBA");
}

static void put_utf16le(struct wit_buf *out, const char *ascii) {
    for (; *ascii; ascii++)
        assert_int_equal(wit_buf_append(out, (char[]){ *ascii, 0 }, 2), 0);
}

static void a_utf16_page_is_read(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 20);
    put_utf16le(&page, "<img src=a alt='");
    assert_int_equal(wit_buf_append(&page, "\x3D\xD8\0\xDE\xE9\0\0\xD8", 8), 0);
    put_utf16le(&page, "x'><!--");
    for (int i = 0; i < 40000; i++) /* over several pieces of the decoder */
        put_utf16le(&page, "y");
    put_utf16le(&page, "-->");
    expect_text(wit_buf_view(&page), "utf-16", "utf-16le", "\xF0\x9F\x98\x80\xC3\xA9\xEF\xBF\xBDx");
    wit_buf_finish(&page);
}

static void a_page_may_name_its_encoding(void **state) {
    expect_text(WIT_STR("<meta charset=koi8-r><img src=a alt='\xC1'>"), "", "koi8-r", "\xD0\xB0");
    expect_text(WIT_STR("<meta content='text/html; charset=koi8-r' http-equiv=Content-Type>"
                        "<img src=a alt='\xC1'>"),
                "", "koi8-r", "\xD0\xB0");
    expect_text(WIT_STR("<!-- <meta charset=koi8-r> --><img src=a alt='\xC1'>"), "", "windows-1252",
                "\xC3\x81");
    expect_text(WIT_STR("<?xml version='1.0' encoding='koi8-r'?><img src=a alt='\xC1'>"), "",
                "koi8-r", "\xD0\xB0");
    expect_text(WIT_STR("<meta charset=utf-16><img src=a alt='\xC3\xA9'>"), "", "utf-8",
                "\xC3\xA9");
    expect_text(WIT_STR("<img src=a alt='\x80'>"), "", "windows-1252", "\xE2\x82\xAC");
}

/* Behind the prescan's 1,024 bytes a meta element replaces the default, and only that. */
static void a_late_meta_replaces_the_default(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 16);
    assert_int_equal(wit_buf_printf(&page,
                                    "<!--%1100s--><meta charset=koi8-r>"
                                    "<meta charset=utf-8><img src=a alt='\xC1'>",
                                    ""),
                     0);
    expect_text(wit_buf_view(&page), "", "koi8-r", "\xD0\xB0");
    expect_text(wit_buf_view(&page), "latin1", "windows-1252", "\xC3\x81");
    wit_buf_finish(&page);
}

/* Nobody names the encoding: the first words beyond ASCII are UTF-8 or they are not. */
static void words_without_a_label_are_guessed(void **state) {
    expect_text(WIT_STR("<img src=a alt='\xC3\xA9'>"), "", "utf-8", "\xC3\xA9");
    expect_text(WIT_STR("<p title='\xE9'><a href='b'><img src=a alt='\xE2\x98\xBA'>"), "", "utf-8",
                "\xE2\x98\xBA");
    expect_text(WIT_STR("<a href='\xE9'><img src=b alt='\xC3\xA9'>"), "", "windows-1252",
                "\xC3\x83\xC2\xA9");
    expect_text(WIT_STR("<img src=a alt='\xC3\xA9'>"), "latin1", "windows-1252",
                "\xC3\x83\xC2\xA9");
    static const struct {
        const char *url, *charset, *text;
    } cases[] = { { "http://a.ru/", "windows-1251", "\xD0\xB9" },
                  { "http://a.com.ru./x", "windows-1251", "\xD0\xB9" },
                  { "http://xn--80a.xn--p1ai/", "windows-1251", "\xD0\xB9" },
                  { "http://a.gr:80/", "iso-8859-7", "\xCE\xB9" },
                  { "http://ru/", "windows-1252", "\xC3\xA9" },
                  { "http://1.2.3.4/", "windows-1252", "\xC3\xA9" },
                  { "http://a.example/", "windows-1252", "\xC3\xA9" } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_crawler_page_source from = { .url = wit_str_from(cases[i].url) };
        struct wit_crawler_page page = extract_from(&from, WIT_STR("<img src=a alt='\xE9'>"));
        assert_string_equal(page.charset, cases[i].charset);
        assert_true(wit_str_eq(page.pairs[0].text, wit_str_from(cases[i].text)));
    }
}

static void queries_are_encoded_as_the_page_is(void **state) {
    struct wit_crawler_page_source from = { .url = WIT_STR(PAGE), .charset = WIT_STR("koi8-r") };
    struct wit_crawler_page page =
        extract_from(&from, WIT_STR("<img src='\xC1?\xC1' alt=a><a href='?&#1072;'>"));
    assert_true(wit_str_eq(page.pairs[0].url, WIT_STR(DIR "%D0%B0?%C1")));
    assert_true(wit_str_eq(page.links[0].url, WIT_STR(DIR "page.html?%C1")));
}

static void content_types_give_their_charset(void **state) {
    static const struct {
        const char *value, *want;
    } cases[] = { { "text/html; charset=utf-8", "utf-8" },
                  { "text/html;CHARSET=\"x y\"", "x y" },
                  { "text/html; a=b; charset = x; charset=c ;d", "c" },
                  { "text/html; xcharset=a", "" },
                  { "text/html; charset=", "" },
                  { "charset=utf-8", "" },
                  { "", "" } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_str charset = wit_crawler_content_type_charset(wit_str_from(cases[i].value));
        if (!wit_str_eq(charset, wit_str_from(cases[i].want)))
            fail_msg("'%s': '%.*s'", cases[i].value, WIT_STR_FMT(charset));
    }
}

/* html5lib's cases: "#data", lines of the page, "#encoding", a label. */
static size_t run_encoding_file(const char *name) {
    char path[WIT_PATH_MAX];
    struct wit_buf file = WIT_BUF_INIT(1 << 20);
    struct wit_error err = WIT_ERROR_INIT;
    size_t cases = 0;
    snprintf(path, sizeof path, "%s/tests/golden/html/encoding/%s", getenv("WIT_SOURCE_ROOT"),
             name);
    if (wit_file_read(path, &file, &err) < 0)
        fail_msg("%s", err.text);
    struct wit_str text = wit_buf_view(&file);
    for (ptrdiff_t at = wit_str_find(text, WIT_STR("#data\n"), 0); at >= 0; cases++) {
        ptrdiff_t mark = wit_str_find(text, WIT_STR("\n#encoding\n"), (size_t)at);
        assert_true(mark > 0);
        ptrdiff_t end = wit_str_find_byte(text, '\n', (size_t)mark + 11);
        struct wit_str label =
            wit_str_slice(text, (size_t)mark + 11, end < 0 ? text.len : (size_t)end);
        struct wit_str html = wit_str_slice(text, (size_t)at + 6, (size_t)mark);
        struct wit_crawler_page_source from = { .url = WIT_STR(PAGE) };
        struct wit_crawler_page page = extract_from(&from, html);
        const struct wit_charset *want = wit_charset_find(label);
        assert_non_null(want);
        if (wit_str_find(html, WIT_STR("' + '"), 0) >= 0)
            want = wit_charset_windows_1252(); /* the label is what a script would write */
        if (strcmp(page.charset, wit_charset_name(want)) != 0)
            fail_msg("%s, case %zu: %s, wanted %s: '%.*s'", name, cases, page.charset,
                     wit_charset_name(want), WIT_STR_FMT(html));
        at = wit_str_find(text, WIT_STR("#data\n"), (size_t)mark);
    }
    wit_buf_finish(&file);
    return cases;
}

static void html5lib_pages_have_their_encodings(void **state) {
    size_t cases = run_encoding_file("tests1.dat") + run_encoding_file("tests2.dat") +
                   run_encoding_file("test-yahoo-jp.dat");
    print_message("%zu cases\n", cases);
    assert_true(cases > 60);
}

/* ---- ceilings -------------------------------------------------------------------------------- */

static void a_long_text_is_cut_at_a_character(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 20);
    assert_int_equal(wit_buf_printf(&page, "<img src=a alt='x"), 0);
    for (unsigned i = 0; i < WIT_CRAWLER_PAGE_MAX_TEXT_BYTES / 2; i++)
        assert_int_equal(wit_buf_append(&page, "\xC3\xA9", 2), 0);
    assert_int_equal(wit_buf_printf(&page, "'><img src=b alt=y>"), 0);
    struct wit_crawler_page out = extract(wit_buf_view(&page));
    assert_true(out.truncated);
    assert_int_equal(out.pair_count, 2);
    assert_int_equal(out.pairs[0].text.len, WIT_CRAWLER_PAGE_MAX_TEXT_BYTES - 1);
    assert_true(wit_utf8_valid(out.pairs[0].text));
    wit_buf_finish(&page);
}

static void a_long_tag_loses_its_attributes(void **state) {
    struct wit_buf page = WIT_BUF_INIT(4 << 20);
    assert_int_equal(wit_buf_printf(&page, "<img src='data:%*s' alt=x><img src=b alt=y>",
                                    (int)WIT_CRAWLER_PAGE_MAX_TOKEN_BYTES, ""),
                     0);
    struct wit_crawler_page out = extract(wit_buf_view(&page));
    assert_true(out.truncated);
    assert_int_equal(out.images, 2);
    assert_int_equal(out.pair_count, 1);
    /* A comment of that size holds nothing that anybody wanted. */
    wit_buf_reset(&page);
    assert_int_equal(wit_buf_printf(&page, "<!--%*s--><img src=b alt=y>",
                                    (int)WIT_CRAWLER_PAGE_MAX_TOKEN_BYTES, ""),
                     0);
    out = extract(wit_buf_view(&page));
    assert_false(out.truncated);
    assert_int_equal(out.pair_count, 1);
    wit_buf_finish(&page);
}

static void attributes_beyond_the_ceiling_are_ignored(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 20);
    assert_int_equal(wit_buf_printf(&page, "<img src=a"), 0);
    for (unsigned i = 1; i < WIT_CRAWLER_PAGE_MAX_ATTRIBUTES; i++)
        assert_int_equal(wit_buf_printf(&page, " a%u", i), 0);
    assert_int_equal(wit_buf_printf(&page, " alt=x>"), 0);
    struct wit_crawler_page out = extract(wit_buf_view(&page));
    assert_true(out.truncated);
    assert_int_equal(out.pair_count, 0);
    wit_buf_finish(&page);
}

static void figures_nest_to_their_ceiling(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 20);
    for (unsigned over = 0; over < 3; over++) {
        wit_buf_reset(&page);
        for (unsigned i = 0; i < WIT_CRAWLER_PAGE_MAX_FIGURES + over; i++)
            assert_int_equal(wit_buf_printf(&page, "<figure>"), 0);
        assert_int_equal(wit_buf_printf(&page, "<img src=a>"), 0);
        for (unsigned i = 0; i < WIT_CRAWLER_PAGE_MAX_FIGURES + over; i++)
            assert_int_equal(wit_buf_printf(&page, "<figcaption>%u</figcaption></figure>",
                                            WIT_CRAWLER_PAGE_MAX_FIGURES + over - i),
                             0);
        struct wit_crawler_page out = extract(wit_buf_view(&page));
        assert_int_equal(out.truncated, over > 0);
        assert_int_equal(out.pair_count, 1);
        assert_true(wit_str_eq(out.pairs[0].text, WIT_STR("32")));
    }
    wit_buf_finish(&page);
}

/* More than the page's memory holds: what fits comes out, in order. */
static void a_full_page_keeps_what_fits(void **state) {
    struct wit_buf page = WIT_BUF_INIT(128 << 20);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(wit_buf_printf(&page, "<img src=%u alt=x>", i), 0);
    for (unsigned i = 0; i < 700000; i++)
        assert_int_equal(wit_buf_printf(&page, "<a href=%u>", i), 0);
    struct wit_crawler_page out = extract(wit_buf_view(&page));
    assert_true(out.truncated);
    assert_int_equal(out.pair_count, 1000);
    assert_true(out.link_count > 100000 && out.link_count < 700000);
    wit_buf_finish(&page);
}

/* A caption is kept once, but every image's pair says it again wherever pairs are written. */
static void a_caption_under_many_images_has_its_ceiling(void **state) {
    struct wit_buf page = WIT_BUF_INIT(1 << 20);
    uint64_t bytes = 0;
    assert_int_equal(wit_buf_printf(&page, "<figure>"), 0);
    for (int i = 0; i < 4000; i++)
        assert_int_equal(wit_buf_printf(&page, "<img src=%d>", i % 2000), 0);
    assert_int_equal(wit_buf_printf(&page, "<figcaption>%060000d", 0), 0);
    struct wit_crawler_page out = extract(wit_buf_view(&page));
    assert_true(out.truncated);
    for (size_t i = 0; i < out.pair_count; i++)
        bytes += out.pairs[i].url.len + out.pairs[i].text.len;
    assert_true(bytes <= WIT_CRAWLER_PAGE_MAX_PAIR_BYTES);
    assert_true(bytes > WIT_CRAWLER_PAGE_MAX_PAIR_BYTES - 61000);
    wit_buf_finish(&page);
}

static void many_pairs_stay_in_order_without_repeats(void **state) {
    enum { N = 20000 };
    struct wit_buf page = WIT_BUF_INIT(16 << 20);
    for (int i = 0; i < 2 * N; i++)
        assert_int_equal(wit_buf_printf(&page, "<img src=%d alt=%d>", i % N, i % N), 0);
    struct wit_crawler_page out = extract(wit_buf_view(&page));
    assert_false(out.truncated);
    assert_int_equal(out.pair_count, N);
    for (int i = 0; i < N; i++) {
        char want[16];
        snprintf(want, sizeof want, "%d", i);
        assert_true(wit_str_eq(out.pairs[i].text, wit_str_from(want)));
    }
    wit_buf_finish(&page);
}

/* Nothing of one page shows in the next. */
static void an_extractor_forgets(void **state) {
    (void)extract(WIT_STR("<base href=http://b.org/><meta name=robots content=noai><figure>"
                          "<figcaption>x<picture><source srcset=s.jpg><svg><script><a href=l "
                          "rel=license>"));
    expect_pairs("<![CDATA[<img src=a alt=b>", "");
    expect_pairs("<img src=a>y</figcaption>", "");
    expect_pairs("<img src=a alt=b>", "alt|" DIR "a|b\n");
    expect_rights("<img src=a>", "directives 0\n");
    expect_links("", "");
}

/* ---- made-up pages ----------------------------------------------------------------------------
 */

/* What the extractor looks at, in and out of order; extract_from compares cuttings and fast paths.
 */
static const char *const page_pieces[] = {
    "<img src=a.jpg alt='a &amp; b'>",
    "<img data-src=\"b c.jpg\" title=t\xC3\xA9 data-image-title=u>",
    "<img srcset='d.jpg 2x, e.jpg' alt=\xE9>",
    "<img alt=x src=",
    "<a href=p1>",
    "<a href='?q=\xC3\xA9' rel='nofollow license'>",
    "</a>",
    "<figure>",
    "</figure>",
    "<figcaption>",
    "</figcaption>",
    "<picture>",
    "<source srcset=f.jpg>",
    "</picture>",
    "<base href=/dir2/>",
    "<meta charset=koi8-r>",
    "<meta name=robots content=noai>",
    "<meta property=og:image content=o.jpg>",
    "<meta property=og:description content='o d'>",
    "<svg>",
    "</svg>",
    "<svg><title>",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "<p class=\"y z\">",
    "</p>",
    "<br>",
    "words &l",
    "t; more",
    "\xC3",
    "\xA9",
    "\"",
    "'",
    ">",
    " ",
    "<b",
    "<![CDATA[",
    "]]>",
    "<template>",
    "                                                                      ",
};

static void no_cut_and_no_fast_path_matters(void **state) {
    enum { PAGES = 600, PIECES_MAX = 40 };
    static const char *const labels[] = { "", "utf-8", "windows-1252", "utf-16le", "gbk" };
    struct wit_buf html = WIT_BUF_INIT(1 << 16);
    for (int i = 0; i < PAGES; i++) {
        const struct wit_crawler_page_source from = {
            .url = WIT_STR(PAGE), .charset = wit_str_from(labels[i % WIT_COUNT_OF(labels)])
        };
        wit_buf_reset(&html);
        for (uint64_t n = 1 + wit_random_below(&rng, PIECES_MAX); n; n--) {
            size_t piece = (size_t)wit_random_below(&rng, WIT_COUNT_OF(page_pieces));
            assert_int_equal(wit_buf_append_str(&html, wit_str_from(page_pieces[piece])), 0);
        }
        (void)extract_from(&from, wit_buf_view(&html));
    }
    wit_buf_finish(&html);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_pairs_with_alt_and_title),
        cmocka_unit_test(what_is_no_markup_holds_no_image),
        cmocka_unit_test(only_http_addresses_count),
        cmocka_unit_test(a_lazy_attribute_beats_the_placeholder),
        cmocka_unit_test(the_largest_of_a_srcset_is_taken),
        cmocka_unit_test(a_picture_gives_its_sources_too),
        cmocka_unit_test(figures_lend_their_captions),
        cmocka_unit_test(words_of_a_caption_keep_apart),
        cmocka_unit_test(open_graph_images_take_alt_and_description),
        cmocka_unit_test(white_space_runs_become_one_space),
        cmocka_unit_test(references_are_replaced),
        cmocka_unit_test(broken_bytes_become_replacement_characters),
        cmocka_unit_test(the_first_base_counts_from_there_on),
        cmocka_unit_test(links_are_resolved_and_unique),
        cmocka_unit_test(page_addresses_are_checked),
        cmocka_unit_test(licenses_are_collected),
        cmocka_unit_test(robots_elements_speak_to_us_or_all),
        cmocka_unit_test(a_tdm_reservation_is_seen),
        cmocka_unit_test(header_values_bind_to_product_tokens),
        cmocka_unit_test(the_header_names_the_encoding),
        cmocka_unit_test(a_byte_order_mark_beats_the_header),
        cmocka_unit_test(a_utf16_page_is_read),
        cmocka_unit_test(a_page_may_name_its_encoding),
        cmocka_unit_test(a_late_meta_replaces_the_default),
        cmocka_unit_test(queries_are_encoded_as_the_page_is),
        cmocka_unit_test(words_without_a_label_are_guessed),
        cmocka_unit_test(content_types_give_their_charset),
        cmocka_unit_test(html5lib_pages_have_their_encodings),
        cmocka_unit_test(a_long_text_is_cut_at_a_character),
        cmocka_unit_test(a_long_tag_loses_its_attributes),
        cmocka_unit_test(attributes_beyond_the_ceiling_are_ignored),
        cmocka_unit_test(figures_nest_to_their_ceiling),
        cmocka_unit_test(a_full_page_keeps_what_fits),
        cmocka_unit_test(a_caption_under_many_images_has_its_ceiling),
        cmocka_unit_test(many_pairs_stay_in_order_without_repeats),
        cmocka_unit_test(an_extractor_forgets),
        cmocka_unit_test(no_cut_and_no_fast_path_matters),
    };
    return cmocka_run_group_tests_name("extract", tests, setup, teardown);
}
