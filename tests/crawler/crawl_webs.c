/* crawl_webs.c: sites that several tests crawl. */
#include "crawl_site.h"

const struct answer site_pages[SITE_PAGES] = {
    { "/robots.txt", .type = "text/plain", .body = "User-agent: *\nDisallow: /private\n" },
    { "/start", .type = HTML,
      .body = "<a href=two>2</a> <a href=/private/x>p</a> <a href=gone>g</a> <a href=moved>m</a>"
              "<a href=text>t</a><a href=noai>n</a><a rel=nofollow href=shy>s</a>"
              "<a href='{C}/out'>out of scope</a><a href=busy>b</a><a href=header>h</a>"
              "<a href=leave>l</a><a href=round>r</a><a href=flaky>f</a>"
              "<img src='{I}/one.png' alt='one picture'><img src='{I}/one.png' alt='again one'>"
              "<img src='{I}/lost.png' alt='lost picture'>" },
    { "/two", .type = HTML,
      .body = "<a href=start>back</a><img src='{I}/moved.png' alt='moved picture'>"
              "<img src='{I}/loop.png' alt='loop'><img src='{I}/broken.png' alt='broken'>"
              "<img src='{I}/html.png' alt='a page'><img src='{I}/webp.png' alt='webp'>"
              "<img src='{I}/gif.png' alt='moving picture'>"
              "<img src='{I}/flaky.png' alt='flaky picture'>"
              "<img src='{I}/tagged.png' alt='tagged'><img src='{I}/reserved.png' alt='reserved'>"
              "<img src='{C}/canary.png' alt='forbidden address'>"
              "<img src='{I}/to-canary.png' alt='forbidden by redirect'>"
              "<img src='{I}/closed/x.png' alt='closed by robots'>"
              "<img src='http://169.254.169.254/latest' alt='metadata'>"
              "<img src='http://2130706433/x.png' alt='spelled otherwise'>" },
    { "/private/x", .type = HTML, .body = "<img src='{I}/private.png' alt='never seen'>" },
    { "/moved", .status = 301, .headers = "Location: /target\r\n" },
    { "/target", .type = HTML, .body = "<img src='{I}/target.png' alt='behind a redirect'>" },
    { "/text", .type = "text/plain", .body = "<img src='{I}/text.png' alt='not html'>" },
    { "/noai", .type = HTML,
      .body = "<meta name=robots content='noai'><a href=three>3</a>"
              "<img src='{I}/noai.png' alt='not for training'>" },
    { "/three", .type = HTML, .body = "<img src='{I}/three.png' alt='third picture'>" },
    { "/shy", .type = HTML, .body = "<img src='{I}/shy.png' alt='shy'>" },
    { "/busy", .type = HTML, .busy = 1, .body = "<img src='{I}/busy.png' alt='busy picture'>" },
    { "/header", .type = HTML, .headers = "X-Robots-Tag: noimageai\r\n",
      .body = "<img src='{I}/header.png' alt='header says no'>" },
    { "/leave", .status = 302, .headers = "Location: {C}/there\r\n" },
    { "/round", .status = 302, .headers = "Location: /round\r\n" },
    { "/flaky", .type = HTML, .fails = 2, .body = "flaky" },
};

const struct answer site_images[SITE_IMAGES] = {
    { "/robots.txt", .type = "text/plain", .body = "User-agent: witbot\nDisallow: /closed/\n" },
    { "/one.png", .type = "image/png", .body = "png:1" },
    { "/moved.png", .status = 302, .headers = "Location: /real.png\r\n" },
    { "/real.png", .type = "image/png", .headers = "ETag: \"e\"\r\n", .body = "png:2" },
    { "/loop.png", .status = 302, .headers = "Location: /loop.png\r\n" },
    { "/broken.png", .type = "image/png", .body = "\x89PNG\r\n\x1a\nnothing else" },
    { "/html.png", .type = "image/png", .body = "<html>an error page</html>" },
    { "/webp.png", .type = "image/png", .body = "golden:webp-lossy.webp" },
    { "/gif.png", .type = "image/png", .body = "golden:gif-animated.gif" },
    { "/flaky.png", .type = "image/png", .fails = 2, .body = "png:3" },
    { "/tagged.png", .type = "image/png", .headers = "X-Robots-Tag: otherbot: x, noai\r\n",
      .body = "png:4" },
    { "/reserved.png", .type = "image/png", .headers = "TDM-Reservation: 1\r\n", .body = "png:5" },
    { "/to-canary.png", .status = 302, .headers = "Location: {C}/secret\r\n" },
    { "/target.png", .type = "image/png", .body = "png:6" },
    { "/three.png", .type = "image/png", .body = "png:7" },
    { "/busy.png", .type = "image/png", .body = "png:8" },
    { "/closed/x.png", .type = "image/png", .body = "png:9" },
    { "/private.png", .type = "image/png", .body = "png:10" },
    { "/noai.png", .type = "image/png", .body = "png:11" },
    { "/shy.png", .type = "image/png", .body = "png:12" },
    { "/header.png", .type = "image/png", .body = "png:13" },
};

struct answer chain_pages[CHAIN + 1], chain_images[CHAIN];
char chain_text[3 * CHAIN][CHAIN_TEXT_BYTES];

void chain_make(void) {
    chain_pages[CHAIN] = (struct answer){ "/start", .type = HTML, .body = "<a href=p0>first</a>" };
    for (int i = 0; i < CHAIN; i++) {
        char *path = chain_text[3 * i], *body = chain_text[3 * i + 1],
             *image = chain_text[3 * i + 2];
        snprintf(path, sizeof chain_text[0], "/p%d", i);
        snprintf(body, sizeof chain_text[0],
                 "<a href=p%d>next</a><img src='{I}/i%d.png' alt='no %d'>", i + 1, i, i);
        snprintf(image, sizeof chain_text[0], "/i%d.png", i);
        chain_pages[i] = (struct answer){ path, .type = HTML, .body = body };
        chain_images[i] = (struct answer){ image, .type = "image/png", .body = "png:same" };
    }
}

int judge_fails(void *user, const struct wit_shards_candidate *cand, bool *want,
                       struct wit_error *e) {
    return wit_error_set(e, WIT_ENOMEM, "the judge is tired");
}
