/* synth_answer.c: see synth_answer.h. */
#include "synth_answer.h"

#include <stdlib.h>

/* ---- responses ------------------------------------------------------------------------------ */

/* What differs between responses; zero: an empty 200. */
struct response {
    int status; /* 0: 200 */
    const char *type;
    const char *location;
    bool retry_after, noai;
};

/* Head, then what is in `body`. */
static int response_put(const struct response *r, struct wit_str body, struct wit_buf *out) {
    wit_buf_reset(out);
    wit_buf_printf(out, "HTTP/1.1 %d Synthetic\r\nContent-Length: %zu\r\n",
                   r->status ? r->status : 200, body.len);
    if (r->type)
        wit_buf_printf(out, "Content-Type: %s\r\n", r->type);
    if (r->location)
        wit_buf_printf(out, "Location: %s\r\n", r->location);
    if (r->retry_after)
        wit_buf_append_cstr(out, "Retry-After: 1\r\n");
    if (r->noai)
        wit_buf_append_cstr(out, "X-Robots-Tag: noai\r\n");
    int st = wit_buf_append_cstr(out, "\r\n");
    return st < 0 ? st : wit_buf_append_str(out, body);
}

int synth_answer_plain(int status, const char *type, struct wit_str body, struct wit_buf *out) {
    return response_put(&(struct response){ .status = status, .type = type }, body, out);
}

/* ---- images --------------------------------------------------------------------------------- */

enum { COMMENT_MOST = 65533 };

/* 8x8 grey, one block that is the mean grey: the least that is a baseline JPEG (ITU-T T.81, B). */
static const uint8_t jpeg_tail[] = {
    0xff, 0xdb, 0x00, 0x43, 0x00, 1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,
    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,
    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,
    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,    1,
    1,    1,    1,    1,    1,    0xff, 0xc0, 0x00, 0x0b, 0x08, 0x00, 0x08, 0x00, 0x08, 0x01, 0x01,
    0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01, 0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0x00, 0xff, 0xc4, 0x00, 0x14, 0x10, 0x01, 0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x00, 0xff, 0xda,
    0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00, 0x3f, 0xff, 0xd9,
};

/* A comment that no other image has, then the picture. `whole` false leaves out its end. */
static void jpeg_put(const struct synth_world *w, const char *comment, bool whole,
                     struct wit_buf *out) {
    static const char space[COMMENT_MOST] = { 0 };
    size_t len = strlen(comment);
    size_t fill = w->image_bytes < COMMENT_MOST - len ? w->image_bytes : COMMENT_MOST - len;
    uint8_t head[6] = { 0xff, 0xd8, 0xff, 0xfe };
    head[4] = (uint8_t)((2 + len + fill) >> 8);
    head[5] = (uint8_t)(2 + len + fill);
    wit_buf_append(out, head, sizeof head);
    wit_buf_append(out, comment, len);
    wit_buf_append(out, space, fill);
    wit_buf_append(out, jpeg_tail, sizeof jpeg_tail - (whole ? 0 : 2));
}

/* PNG, annex D. */
static uint32_t crc_of(const char *p, size_t len) {
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        c ^= (uint8_t)p[i];
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void chunk_put(struct wit_buf *out, const char *type, struct wit_str data) {
    uint8_t word[4];
    wit_store_be32(word, (uint32_t)data.len);
    wit_buf_append(out, word, 4);
    size_t from = out->len;
    wit_buf_append(out, type, 4);
    wit_buf_append_str(out, data);
    wit_store_be32(word, crc_of(out->data + from, out->len - from));
    wit_buf_append(out, word, 4);
}

/* One grey pixel; the IDAT is a stored block of zlib. */
static void png_put(const char *comment, struct wit_buf *out) {
    char text[SYNTH_URL_MAX + 8] = "Comment";
    size_t len = strlen(comment);
    memcpy(text + 8, comment, len);
    wit_buf_append_str(out, WIT_STR("\x89PNG\r\n\x1a\n"));
    chunk_put(out, "IHDR", WIT_STR("\0\0\0\1\0\0\0\1\x08\0\0\0\0"));
    chunk_put(out, "tEXt", wit_str_of(text, 8 + len));
    chunk_put(out, "IDAT", WIT_STR("\x78\x01\x01\x02\x00\xfd\xff\x00\x80\x00\x82\x00\x81"));
    chunk_put(out, "IEND", WIT_STR(""));
}

/* Body and type of an image as it is in the end. */
static const char *image_put(const struct synth_world *w, const struct synth_url *u,
                             enum synth_image_kind kind, struct wit_buf *body) {
    char comment[SYNTH_URL_MAX];
    snprintf(comment, sizeof comment, "seed %llu: image %u of page %u of d%u",
             (unsigned long long)w->seed, u->number, u->page, u->owner);
    switch (kind) {
    case SYNTH_IMAGE_PNG:
        png_put(comment, body);
        return "image/png";
    case SYNTH_IMAGE_SVG:
        wit_buf_append_cstr(body, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
        return "image/svg+xml";
    case SYNTH_IMAGE_TEXT:
        wit_buf_append_cstr(body, "<html><p>This image is not there.");
        return "text/html";
    default:
        jpeg_put(w, comment, kind != SYNTH_IMAGE_BROKEN, body);
        return "image/jpeg";
    }
}

static int image_write(const struct synth_world *w, const struct synth_url *u,
                       unsigned asked_before, struct wit_buf *body, struct wit_buf *out) {
    enum synth_image_kind kind = synth_image_kind_of(w, u->owner, u->page, u->number);
    char location[SYNTH_URL_MAX];
    if (kind == SYNTH_IMAGE_GONE)
        return synth_answer_plain(404, "text/plain", WIT_STR("gone\n"), out);
    if (kind == SYNTH_IMAGE_HEALS && asked_before == 0)
        return synth_answer_plain(500, "text/plain", WIT_STR("later\n"), out);
    if (kind == SYNTH_IMAGE_MOVED && u->what == SYNTH_IMAGE) {
        struct synth_url to = *u;
        to.what = SYNTH_TARGET;
        synth_url_write(w, &to, location);
        return response_put(&(struct response){ .status = 302, .location = location }, WIT_STR(""),
                            out);
    }
    const char *type = image_put(w, u, kind, body);
    return response_put(&(struct response){ .type = type, .noai = kind == SYNTH_IMAGE_NOAI },
                        wit_buf_view(body), out);
}

static int logo_write(const struct synth_url *u, struct wit_buf *body, struct wit_buf *out) {
    char comment[SYNTH_URL_MAX];
    snprintf(comment, sizeof comment, "logo of d%u", u->host);
    png_put(comment, body);
    return response_put(&(struct response){ .type = "image/png" }, wit_buf_view(body), out);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void href_put(const struct synth_world *w, const struct synth_url *u, const char *suffix,
                     struct wit_buf *body) {
    char url[SYNTH_URL_MAX];
    synth_url_write(w, u, url);
    wit_buf_printf(body, "<li><a href=\"%s%s\">more</a>\n", url, suffix);
}

/* The same page in other spellings: only the canonical one may be asked for, and once. */
static void links_put(const struct synth_world *w, uint32_t domain, uint32_t page,
                      struct wit_buf *body) {
    static const char *const suffixes[] = { "", "#top", "#a%20b", "" };
    uint32_t pages = synth_domain_of(w, domain).pages, to_domain, to_page;
    for (uint64_t i = 1; i <= SYNTH_CHILDREN && (uint64_t)page * SYNTH_CHILDREN + i < pages; i++) {
        struct synth_url u = synth_page_url(domain, (uint32_t)(page * SYNTH_CHILDREN + i));
        wit_buf_printf(body, "<li><a href=\"/x/.././%s/%u%s\">child</a>\n",
                       synth_url_is_private(w, &u) ? "private" : "p", u.page,
                       suffixes[(page + i) % WIT_COUNT_OF(suffixes)]);
    }
    for (unsigned i = 0; i < SYNTH_LINKS_WITHIN; i++) {
        struct synth_url u = synth_page_url(domain, synth_link_within(w, domain, page, i));
        href_put(w, &u, i ? "#again" : "", body);
    }
    for (unsigned i = 0; i < SYNTH_LINKS_AWAY; i++) {
        synth_link_away(w, domain, page, i, &to_domain, &to_page);
        struct synth_url u = synth_page_url(to_domain, to_page);
        href_put(w, &u, "", body);
    }
    wit_buf_printf(body,
                   "<li><a rel=\"nofollow\" href=\"/astray/%u\">no</a>\n"
                   "<!-- <a href=\"/astray/%u\">no</a> -->\n"
                   "<li><a href=\"mailto:d%u@example.org\">post</a>\n"
                   "<script>'<a href=\"/astray/%u\">no</a>'</script>\n",
                   page, page, domain, page);
}

static void images_put(const struct synth_world *w, uint32_t domain, uint32_t page,
                       struct wit_buf *body) {
    static const char *const things[] = { "house", "river",  "bicycle", "mountain",
                                          "cat",   "bridge", "market",  "old tree" };
    char url[SYNTH_URL_MAX];
    uint32_t images = synth_page_images(w, domain, page);
    for (uint32_t i = 0; i < images; i++) {
        struct synth_url u = synth_image_url(w, domain, page, i);
        synth_url_write(w, &u, url);
        wit_buf_printf(body,
                       "<p><img src=\"%s\" alt=\"photo of a %s, number %u of d%u&#39;s %u\">\n",
                       url, things[(page + i) % WIT_COUNT_OF(things)], i, domain, page);
    }
    wit_buf_printf(body, "<img src=\"/astray/%u\"><img src=\"/astray/%u\" alt=\"\">\n", page, page);
}

static void page_put(const struct synth_world *w, const struct synth_url *u, bool leaf,
                     bool nofollow, struct wit_buf *body) {
    static const char filler[] =
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt "
        "ut labore et dolore magna aliqua.<br>\n";
    char url[SYNTH_URL_MAX];
    wit_buf_printf(body, "<!doctype html>\n<title>Page %u of d%u</title>\n%s", u->page, u->owner,
                   nofollow ? "<meta name=\"robots\" content=\"nofollow\">\n" : "");
    images_put(w, u->owner, u->page, body);
    if (!leaf) {
        struct synth_url logo = synth_logo_url(w, u->owner);
        synth_url_write(w, &logo, url);
        wit_buf_printf(body, "<img src=\"%s\" alt=\"logo of d%u\">\n<ul>\n", url, u->owner);
        links_put(w, u->owner, u->page, body);
        wit_buf_append_cstr(body, "</ul>\n");
    }
    for (uint32_t i = 0; i < w->page_bytes; i += sizeof filler - 1)
        wit_buf_append(body, filler, sizeof filler - 1);
}

static int redirect_write(const struct synth_world *w, const struct synth_url *to,
                          struct wit_buf *out) {
    char location[SYNTH_URL_MAX];
    synth_url_write(w, to, location);
    return response_put(&(struct response){ .status = 301, .location = location }, WIT_STR(""),
                        out);
}

static int html_write(const struct synth_world *w, const struct synth_url *u, bool leaf,
                      struct wit_buf *body, struct wit_buf *out) {
    enum synth_page_kind kind = synth_page_kind_of(w, u->owner, u->page);
    page_put(w, u, leaf, kind == SYNTH_PAGE_NOFOLLOW, body);
    return response_put(&(struct response){ .type = "text/html; charset=utf-8",
                                            .noai = kind == SYNTH_PAGE_NOAI },
                        wit_buf_view(body), out);
}

static int page_write(const struct synth_world *w, const struct synth_url *u, unsigned asked_before,
                      struct wit_buf *body, struct wit_buf *out, bool *cut) {
    enum synth_page_kind kind = synth_page_kind_of(w, u->owner, u->page);
    struct synth_url hop;
    switch (kind) {
    case SYNTH_PAGE_GONE:
        return synth_answer_plain(404, "text/html", WIT_STR("<p>gone"), out);
    case SYNTH_PAGE_TEXT:
        return synth_answer_plain(200, "text/plain", WIT_STR("<a href=/astray/0>no</a>"), out);
    case SYNTH_PAGE_CHAIN:
    case SYNTH_PAGE_AWAY:
    case SYNTH_PAGE_LOOP:
        hop = synth_hop_url(w, u->owner, u->page, 1);
        return redirect_write(w, &hop, out);
    case SYNTH_PAGE_FAILS:
        return synth_answer_plain(500, "text/html", WIT_STR("<p>always"), out);
    case SYNTH_PAGE_HEALS:
        if (asked_before == 0)
            return synth_answer_plain(500, "text/html", WIT_STR("<p>later"), out);
        break;
    case SYNTH_PAGE_BUSY:
        if (asked_before == 0)
            return response_put(&(struct response){ .status = 429, .retry_after = true },
                                WIT_STR("busy"), out);
        break;
    case SYNTH_PAGE_CUT:
        *cut = asked_before == 0;
        break;
    default:
        break;
    }
    return html_write(w, u, false, body, out);
}

static int hop_write(const struct synth_world *w, const struct synth_url *u, struct wit_buf *body,
                     struct wit_buf *out) {
    struct synth_url next = synth_page_url(u->owner, u->page);
    if (synth_page_kind_of(w, u->owner, u->page) == SYNTH_PAGE_LOOP)
        return redirect_write(w, &next, out);
    if (u->number == synth_page_hops(w, u->owner, u->page))
        return html_write(w, u, true, body, out);
    next = synth_hop_url(w, u->owner, u->page, u->number + 1);
    return redirect_write(w, &next, out);
}

static int robots_write(const struct synth_world *w, const struct synth_url *u,
                        unsigned asked_before, struct wit_buf *body, struct wit_buf *out) {
    struct synth_url target = { .host = u->host, .owner = u->host, .what = SYNTH_ROBOTS_TARGET };
    enum synth_robots robots = synth_domain_of(w, u->host).robots;
    bool missing = u->image_host || robots == SYNTH_ROBOTS_MISSING;
    bool busy = robots == SYNTH_ROBOTS_BUSY && asked_before == 0;
    if (missing)
        return synth_answer_plain(404, "text/plain", WIT_STR("none\n"), out);
    if (robots == SYNTH_ROBOTS_FAILS || busy)
        return response_put(&(struct response){ .status = busy ? 429 : 503, .retry_after = true },
                            WIT_STR("later\n"), out);
    if (robots == SYNTH_ROBOTS_MOVED && u->what == SYNTH_ROBOTS_TXT)
        return redirect_write(w, &target, out);
    wit_buf_append_cstr(body, "# of a web that is not there\nUser-agent: otherbot\nDisallow: /\n\n"
                              "User-agent: *\n");
    if (robots == SYNTH_ROBOTS_DELAY)
        wit_buf_printf(body, "Crawl-delay: %u.%03u\n", 2 * w->delay_ms / 1000,
                       2 * w->delay_ms % 1000);
    wit_buf_append_cstr(body, robots == SYNTH_ROBOTS_NOTHING ? "Disallow: /\n"
                              : robots == SYNTH_ROBOTS_SUBTREE || robots == SYNTH_ROBOTS_MOVED
                                  ? "Disallow: /private/\nAllow: /p/\n"
                                  : "Disallow:\n");
    return synth_answer_plain(200, "text/plain", wit_buf_view(body), out);
}

int synth_answer_write(const struct synth_world *w, const struct synth_url *u,
                       unsigned asked_before, struct wit_buf *out, struct synth_answer *answer) {
    struct wit_buf body = WIT_BUF_INIT(1 << 20);
    bool cut = false;
    int st;
    switch (u->what) {
    case SYNTH_ROBOTS_TXT:
    case SYNTH_ROBOTS_TARGET:
        st = robots_write(w, u, asked_before, &body, out);
        break;
    case SYNTH_PAGE:
        st = page_write(w, u, asked_before, &body, out, &cut);
        break;
    case SYNTH_HOP:
        st = hop_write(w, u, &body, out);
        break;
    case SYNTH_IMAGE:
    case SYNTH_TARGET:
        st = image_write(w, u, asked_before, &body, out);
        break;
    case SYNTH_LOGO:
        st = logo_write(u, &body, out);
        break;
    default:
        st = synth_answer_plain(404, "text/plain", WIT_STR("astray\n"), out);
        break;
    }
    wit_buf_finish(&body);
    if (st < 0)
        return st;
    if (cut)
        out->len -= 20;
    *answer = (struct synth_answer){ .status = atoi(out->data + sizeof "HTTP/1.1"), .cut = cut };
    return 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The question's name in dots, lower case; its length in the message, 0: malformed. */
static size_t name_read(const uint8_t *p, size_t len, struct wit_buf *name) {
    size_t at = 0;
    wit_buf_reset(name);
    while (at < len && p[at]) {
        size_t n = p[at++];
        if (n > 63 || at + n > len || (name->len && wit_buf_append_byte(name, '.') < 0))
            return 0;
        for (size_t i = 0; i < n; i++) {
            char c = (char)p[at + i];
            if (wit_buf_append_byte(name, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c) < 0)
                return 0;
        }
        at += n;
    }
    return at < len ? at + 1 : 0;
}

enum { TYPE_A = 1, HEADER_BYTES = 12, RECORD_BYTES = 16, TTL_S = 300 };
enum { RCODE_NONE = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

size_t synth_answer_name(const struct synth_world *w, uint8_t *m, size_t len, size_t size) {
    struct wit_buf name = WIT_BUF_INIT(256);
    uint32_t domain, addresses[2];
    bool image_host;
    size_t name_len =
        len > HEADER_BYTES ? name_read(m + HEADER_BYTES, len - HEADER_BYTES, &name) : 0;
    size_t end = HEADER_BYTES + name_len + 4;
    bool known = synth_name_parse(w, wit_buf_view(&name), &domain, &image_host);
    enum synth_life life = known ? synth_domain_of(w, domain).life : SYNTH_NXDOMAIN;
    wit_buf_finish(&name);
    if (name_len == 0 || end > len || life == SYNTH_SILENT)
        return 0;
    unsigned count = 0;
    if (wit_load_be16(m + HEADER_BYTES + name_len) == TYPE_A && life != SYNTH_NXDOMAIN &&
        life != SYNTH_SERVFAIL)
        count = synth_addresses(w, domain, addresses);
    for (unsigned i = 0; i < count && end + RECORD_BYTES <= size; i++, end += RECORD_BYTES) {
        static const uint8_t head[] = { 0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1 };
        memcpy(m + end, head, sizeof head);
        wit_store_be32(m + end + 6, TTL_S);
        m[end + 10] = 0, m[end + 11] = 4;
        wit_store_be32(m + end + 12, addresses[i]);
    }
    m[2] = 0x84 | (m[2] & 1); /* an answer with authority; recursion as it was wished */
    m[3] = life == SYNTH_NXDOMAIN   ? 0x80 | RCODE_NXDOMAIN
           : life == SYNTH_SERVFAIL ? 0x80 | RCODE_SERVFAIL
                                    : 0x80 | RCODE_NONE;
    m[6] = 0, m[7] = (uint8_t)count;
    memset(m + 8, 0, 4); /* no authority, nothing additional: an OPT of the query is dropped */
    return end;
}
