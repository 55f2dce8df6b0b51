/*
 * wit_crawler_page.h: what a page holds for us, and what its host allows.
 *
 * Extraction: bytes of an HTML page go in as they arrive; out come image-text candidates, links,
 * licence links and rights signals, addresses resolved, text decoded. robots.txt: parse, ask.
 *
 *     struct wit_crawler_extractor *x = wit_crawler_extractor_create();
 *     struct wit_crawler_page page;
 *     struct wit_crawler_page_source from = { .url = WIT_STR("http://example.com/") };
 *     if (wit_crawler_page_extract(x, &from, html, &page, &err) == 0)
 *         for (size_t i = 0; i < page.pair_count; i++)
 *             printf("%.*s: %.*s\n", WIT_STR_FMT(page.pairs[i].url),
 * WIT_STR_FMT(page.pairs[i].text)); wit_crawler_extractor_destroy(x);
 *
 * docs/extraction.md says what is taken from where. One thread at a time per object; objects do not
 * know of each other.
 */
#ifndef WIT_CRAWLER_PAGE_H
#define WIT_CRAWLER_PAGE_H

#include "base/wit_base.h"
#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- extraction ----------------------------------------------------------------------------- */

/* Ceilings. What does not fit is left out and the page says so (`truncated`); nothing fails. */
#define WIT_CRAWLER_PAGE_MAX_MEMORY (16u << 20)     /* everything kept of one page */
#define WIT_CRAWLER_PAGE_MAX_PAIR_BYTES (64u << 20) /* its pairs written out, shared texts too */
#define WIT_CRAWLER_PAGE_MAX_TOKEN_BYTES (1u << 20) /* a longer tag loses its attributes */
#define WIT_CRAWLER_PAGE_MAX_ATTRIBUTES 256u        /* of one tag; later ones are ignored */
#define WIT_CRAWLER_PAGE_MAX_TEXT_BYTES 65536u      /* of one alt, title, caption; cut there */
#define WIT_CRAWLER_PAGE_MAX_FIGURES 32u            /* figures inside figures */
/* sitemaps.org: of one sitemap, unpacked. */
#define WIT_CRAWLER_SITEMAP_MAX_BYTES (50u << 20)
#define WIT_CRAWLER_SITEMAP_MAX_URLS 50000u

/* An image and words that stood together. */
struct wit_crawler_pair {
    struct wit_str url;  /* absolute http or https URL, WHATWG serialisation, no fragment */
    struct wit_str text; /* UTF-8, not empty, one line */
    enum wit_shards_source source;
    struct wit_str page; /* where a sitemap says that the image stands; empty: on the page itself */
    struct wit_str license; /* URL of this image's licence, where a sitemap has it; or empty */
};

struct wit_crawler_link {
    struct wit_str url; /* as above */
    bool nofollow;      /* every link to this URL on this page said rel=nofollow */
};

/* What robots meta elements, headers, robots.txt and tdmrep.json can say of the use of bytes. */
enum wit_crawler_directive {
    WIT_CRAWLER_NOINDEX = 1 << 0,
    WIT_CRAWLER_NOFOLLOW = 1 << 1,
    WIT_CRAWLER_NONE = 1 << 2, /* sets NOINDEX and NOFOLLOW too */
    WIT_CRAWLER_NOIMAGEINDEX = 1 << 3,
    WIT_CRAWLER_NOAI = 1 << 4,
    WIT_CRAWLER_NOIMAGEAI = 1 << 5,
    WIT_CRAWLER_NOML = 1 << 6,
    WIT_CRAWLER_NOARCHIVE = 1 << 7,
    WIT_CRAWLER_TDM_RESERVED = 1 << 8,    /* tdm-reservation 1 (TDMRep) */
    WIT_CRAWLER_TDM_OPEN = 1 << 9,        /* tdm-reservation 0 */
    WIT_CRAWLER_USAGE_RESERVED = 1 << 10, /* Content-Usage (AIPREF): no training */
    WIT_CRAWLER_SIGNAL_RESERVED = 1 << 11 /* Content-Signal: ai-train=no */
};

/* A rights signal as it was seen: {"robots", "noai, noimageai"}. */
struct wit_crawler_signal {
    struct wit_str name, content;
};

/* All views live until the extractor begins another page, is trimmed or destroyed. */
struct wit_crawler_page {
    const struct wit_crawler_pair *pairs; /* document order of the images; no repeats */
    size_t pair_count;
    const struct wit_crawler_link *links; /* document order; no repeats */
    size_t link_count;
    const struct wit_str *licenses; /* absolute URLs of rel=license links; no repeats */
    size_t license_count;
    const struct wit_crawler_signal *signals; /* robots and tdm-* meta elements */
    size_t signal_count;
    unsigned directives; /* enum wit_crawler_directive, of "robots" and of the agent's own name */
    struct wit_str base; /* what relative URLs referred to at the end */
    const char *charset; /* wit_charset_name of the encoding that was used */
    uint64_t images;     /* img elements (of a sitemap: images) seen, with or without text */
    bool is_index;       /* of sitemaps: its links are sitemaps themselves */
    bool truncated;      /* a ceiling cut something off */
};

/* What the bytes are. A sitemap is one of sitemaps.org (a list of pages or of sitemaps, in XML or a
 * URL a line), with Google's image extension, or a feed (RSS 2.0, Atom); gzip is unpacked. */
enum wit_crawler_document { WIT_CRAWLER_HTML, WIT_CRAWLER_SITEMAP };

/* Where a page came from. Borrowed until the page has begun. */
struct wit_crawler_page_source {
    struct wit_str url;     /* after redirects; must parse as http or https */
    struct wit_str charset; /* label from the Content-Type header, or empty */
    struct wit_str agent;   /* our product token, for meta elements addressed to us; may be empty */
    enum wit_crawler_document document;
};

struct wit_crawler_extractor;

struct wit_crawler_extractor *wit_crawler_extractor_create(void); /* NULL: out of memory */
void wit_crawler_extractor_destroy(struct wit_crawler_extractor *x);
/* Forget the page, and give back what large pages took; what usual ones need is kept. */
void wit_crawler_extractor_trim(struct wit_crawler_extractor *x);

/* A page, piece by piece: begin, feed any number of times, end. Pieces may be cut anywhere and the
 * result is the same. begin forgets the page before. WIT_EFORMAT: the page's URL does not parse, or
 * (end) a sitemap is none; WIT_EINVAL: the URL is not http or https; WIT_ENOMEM. */
int wit_crawler_extractor_begin(struct wit_crawler_extractor *x,
                                const struct wit_crawler_page_source *from, struct wit_error *err);
int wit_crawler_extractor_feed(struct wit_crawler_extractor *x, struct wit_str bytes,
                               struct wit_error *err);
int wit_crawler_extractor_end(struct wit_crawler_extractor *x, struct wit_crawler_page *out,
                              struct wit_error *err);

/* The three in one. */
int wit_crawler_page_extract(struct wit_crawler_extractor *x,
                             const struct wit_crawler_page_source *from, struct wit_str html,
                             struct wit_crawler_page *out, struct wit_error *err);

/* ---- rights in headers ---------------------------------------------------------------------- */

/**
 * Directives of one X-Robots-Tag value, or of the content of a robots meta element. "token: a, b"
 * binds the rest of the value to that product token; what is addressed to others does not count.
 * Words and tokens are compared without case; unknown ones are ignored.
 */
unsigned wit_crawler_directives_parse(struct wit_str value, struct wit_str agent);

/**
 * Does a Content-Usage value (AIPREF) say n to training, under any name the drafts have had for it:
 * train-ai, train-genai, ai, genai, tdm, ai-use, all, bots? A header's lines are one value, joined
 * by commas. What does not parse says nothing. Source: RFC 9651; draft-ietf-aipref-vocab.
 * @return WIT_CRAWLER_USAGE_RESERVED or 0
 */
unsigned wit_crawler_content_usage_parse(struct wit_str value);

/* Does a Content-Signal value ("search=yes, ai-train=no") say no to training?
 * WIT_CRAWLER_SIGNAL_RESERVED or 0. */
unsigned wit_crawler_content_signal_parse(struct wit_str value);

/* Both together. A TDM statement of `stronger` replaces that of `weaker` (TDMRep: file, then
 * header, then document); of everything else any word counts. */
unsigned wit_crawler_directives_combine(unsigned weaker, unsigned stronger);

/* Why pictures under these directives may not be taken: a counter name such as "noai"; NULL: they
 * may. All but NOFOLLOW, NOARCHIVE and TDM_OPEN refuse. */
const char *wit_crawler_directives_refuse(unsigned directives);

/* The charset parameter of a Content-Type value, quotes removed; empty when absent. */
struct wit_str wit_crawler_content_type_charset(struct wit_str value);

/* ---- robots.txt ----------------------------------------------------------------------------- */

/* RFC 9309, 2.5: a crawler must read at least this much; we read no more, up to the last whole
 * line. */
#define WIT_CRAWLER_ROBOTS_MAX_BYTES (500u * 1024u)

/* Parsed rules; immutable, so any number of threads may ask. */
struct wit_crawler_robots;

/**
 * Parse a robots.txt body. Any bytes are accepted: lines that say nothing known are skipped.
 * Source: RFC 9309; where it is silent, what google/robotstxt does (docs/extraction.md lists it).
 * @return 0, WIT_ENOMEM
 */
int wit_crawler_robots_parse(const void *data, size_t size, struct wit_crawler_robots **out,
                             struct wit_error *err);
void wit_crawler_robots_destroy(struct wit_crawler_robots *r);
/* The memory that they take, which may be ten times their text. */
size_t wit_crawler_robots_bytes(const struct wit_crawler_robots *r);

/* May `agent` (a product token; a version behind it is ignored) fetch this path, as wit_url_target
 * gives it? Longest match wins, allow on ties, /robots.txt itself is always allowed. */
bool wit_crawler_robots_allows(const struct wit_crawler_robots *r, struct wit_str agent,
                               struct wit_str path_and_query);

/* Crawl-delay of the groups that apply to `agent`, milliseconds (the largest); -1: none given. */
int64_t wit_crawler_robots_crawl_delay_ms(const struct wit_crawler_robots *r, struct wit_str agent);

/* Does a group name this product token itself? The group of "*" is no such group. */
bool wit_crawler_robots_names(const struct wit_crawler_robots *r, struct wit_str agent);

/**
 * What the groups that apply to `agent` say of the use of this path: Content-Usage lines (AIPREF)
 * by the longest match, where equal ones reserve if any does, and Content-Signal lines.
 * @param raw  what was said is appended, "robots.content-usage: train-ai=n\n", with License lines
 *             (RSL) of the file; what finds no room is left out; NULL: not wanted
 * @return USAGE_RESERVED and SIGNAL_RESERVED of enum wit_crawler_directive
 */
unsigned wit_crawler_robots_usage(const struct wit_crawler_robots *r, struct wit_str agent,
                                  struct wit_str path_and_query, struct wit_buf *raw);

/* Sitemap lines as written, in order. Views live as long as r. */
size_t wit_crawler_robots_sitemap_count(const struct wit_crawler_robots *r);
struct wit_str wit_crawler_robots_sitemap(const struct wit_crawler_robots *r, size_t index);

/* ---- tdmrep.json ---------------------------------------------------------------------------- */

#define WIT_CRAWLER_TDMREP_MAX_BYTES (256u * 1024u)

/* An origin's /.well-known/tdmrep.json; immutable, so any number of threads may ask. */
struct wit_crawler_tdmrep;

/**
 * Source: TDM Reservation Protocol. Members that are no rules are passed over; of more than 4,096
 * rules the first count.
 * @return 0, WIT_EFORMAT (not a JSON array), WIT_ELIMIT (over the ceiling), WIT_ENOMEM
 */
int wit_crawler_tdmrep_parse(const void *data, size_t size, struct wit_crawler_tdmrep **out,
                             struct wit_error *err);
void wit_crawler_tdmrep_destroy(struct wit_crawler_tdmrep *t);
size_t wit_crawler_tdmrep_bytes(const struct wit_crawler_tdmrep *t); /* the memory that it takes */

/**
 * What it says of a path (as for robots.txt): by the first location that matches.
 * @param raw  as of wit_crawler_robots_usage: "tdmrep.tdm-reservation: 0\n", "tdmrep.tdm-policy:
 * ..."
 * @return WIT_CRAWLER_TDM_RESERVED, WIT_CRAWLER_TDM_OPEN, or 0: nothing
 */
unsigned wit_crawler_tdmrep_of(const struct wit_crawler_tdmrep *t, struct wit_str path_and_query,
                               struct wit_buf *raw);

#ifdef __cplusplus
}
#endif
#endif
