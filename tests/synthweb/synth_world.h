/*
 * synth_world.h: a web that does not exist until somebody asks: what every name and every URL of it
 * answers is a function of a seed. Nothing is stored of a page, so 10 million of them take no room,
 * and what a crawl must come to can be computed without a crawl (synth_expect.h).
 *
 * Domains are d0.test, d1.test, ... (each a registrable domain of its own), the images of some are
 * at i.d0.test. A domain's pages are numbered; page 0 is "/". Page p links to its children 8p+1 ..
 * 8p+8, to others of its domain, and to pages of other domains. What can be wrong with a domain, a
 * page or an image is in the enums.
 */
#ifndef SYNTH_WORLD_H
#define SYNTH_WORLD_H

#include "base/wit_base.h"

/* Places of a page in the count of requests (synth_ledger.h): the page, the addresses that its
 * redirects lead to, its images, and where its images may have moved to. */
enum {
    SYNTH_HOPS_MOST = 5, /* that a crawler follows; its own limit too */
    SYNTH_IMAGES_MOST = 3,
    SYNTH_CELL_PAGE = 0,
    SYNTH_CELL_HOP = SYNTH_CELL_PAGE + 1, /* of hop 1 */
    SYNTH_CELL_IMAGE = SYNTH_CELL_HOP + SYNTH_HOPS_MOST,
    SYNTH_CELL_TARGET = SYNTH_CELL_IMAGE + SYNTH_IMAGES_MOST,
    SYNTH_CELLS = SYNTH_CELL_TARGET + SYNTH_IMAGES_MOST,
    SYNTH_CHILDREN = 8,
    SYNTH_NAME_MAX = 32,
    SYNTH_URL_MAX = 160
};

struct synth_world {
    uint64_t seed;
    uint32_t domains, mean_pages;
    uint32_t domains_per_address; /* on average */
    uint32_t dead_permille;
    uint32_t slow_ms; /* a slow host answers after up to so long */
    uint32_t delay_ms;
    uint32_t page_bytes, image_bytes; /* of text that fills a page, of a JPEG's comment */
    uint16_t port, refused_port;      /* nobody listens on the second one */
    uint64_t *first_page;             /* (domains + 1): pages of the domains before */
};

/* Fills first_page from the rest. WIT_ENOMEM, WIT_EINVAL (a number that makes no world). */
int synth_world_init(struct synth_world *w, struct wit_error *err);
void synth_world_finish(struct synth_world *w);

/* ---- domains -------------------------------------------------------------------------------- */

enum synth_life {
    SYNTH_ALIVE,
    SYNTH_NXDOMAIN,
    SYNTH_SERVFAIL,
    SYNTH_SILENT, /* its name server does not answer */
    SYNTH_REFUSED /* its server does not listen */
};
enum synth_robots {
    SYNTH_ROBOTS_ALL,     /* "Disallow:" */
    SYNTH_ROBOTS_MISSING, /* 404 */
    SYNTH_ROBOTS_SUBTREE, /* "Disallow: /private/" */
    SYNTH_ROBOTS_DELAY,   /* Crawl-delay: twice the usual delay */
    SYNTH_ROBOTS_NOTHING, /* "Disallow: /" */
    SYNTH_ROBOTS_FAILS,   /* 503 for ever */
    SYNTH_ROBOTS_BUSY,    /* 429, then "Disallow:" */
    SYNTH_ROBOTS_MOVED    /* a redirect to "Disallow: /private/" */
};
/* One domain in so many fails now and then: FAILS, HEALS, BUSY and CUT are there alone, since a
 * crawler slows down where answers fail, and a test has no hours. */
enum { SYNTH_FAULTY_ONE_IN = 16 };
struct synth_domain {
    enum synth_life life;
    enum synth_robots robots;
    uint32_t pages;
    uint32_t latency_ms; /* until each answer */
    bool image_host;     /* its own images are at i.dN.test, whose robots.txt is a 404 */
};
struct synth_domain synth_domain_of(const struct synth_world *w, uint32_t domain);
/* IPv4 addresses in host order, all in 127.1.0.0 and above; returns how many (1 or 2). */
unsigned synth_addresses(const struct synth_world *w, uint32_t domain, uint32_t out[2]);
uint32_t synth_address_count(const struct synth_world *w); /* of the whole world */
/* "d12.test", "i.d12.test", with or without ":port". False: no name of this world. */
bool synth_name_parse(const struct synth_world *w, struct wit_str name, uint32_t *domain,
                      bool *image_host);

/* ---- URLs ----------------------------------------------------------------------------------- */

enum synth_what {
    SYNTH_NOTHING, /* 404; nobody links there, unless to lead astray */
    SYNTH_ROBOTS_TXT,
    SYNTH_ROBOTS_TARGET, /* of SYNTH_ROBOTS_MOVED */
    SYNTH_WELL_KNOWN,    /* 404, but a crawler may ask without a link: /.well-known/, sitemaps */
    SYNTH_PAGE,
    SYNTH_HOP,    /* number 1 .. of a page's redirects */
    SYNTH_IMAGE,  /* number 0 .. of a page */
    SYNTH_TARGET, /* where that image has moved to */
    SYNTH_LOGO    /* of a domain, on all its pages */
};
struct synth_url {
    uint32_t host; /* the domain whose server answers */
    bool image_host;
    enum synth_what what;
    uint32_t owner, page; /* the page that it belongs to: of another domain, perhaps */
    uint32_t number;
};
/* A host and a path as a request has them; only the very spelling that synth_url_write uses is
 * something else than NOTHING. */
struct synth_url synth_url_parse(const struct synth_world *w, uint32_t host, bool image_host,
                                 struct wit_str path);
/* The URL, canonical; `out` has SYNTH_URL_MAX bytes. Returns its length. */
size_t synth_url_write(const struct synth_world *w, const struct synth_url *url, char *out);
bool synth_url_is_private(const struct synth_world *w, const struct synth_url *url);
/* Does the robots.txt of its host deny it to a crawler? */
bool synth_url_is_denied(const struct synth_world *w, const struct synth_url *url);
/* Its place in the count: SYNTH_CELLS for each page, then one for each domain's logo. SIZE_MAX:
 * none. */
size_t synth_url_cell(const struct synth_world *w, const struct synth_url *url);
size_t synth_cell_count(const struct synth_world *w);

struct synth_url synth_page_url(uint32_t domain, uint32_t page);
struct synth_url synth_logo_url(const struct synth_world *w, uint32_t domain);

/* ---- pages and images ----------------------------------------------------------------------- */

enum synth_page_kind {
    SYNTH_PAGE_PLAIN,
    SYNTH_PAGE_GONE,    /* 404 */
    SYNTH_PAGE_FAILS,   /* 500 for ever */
    SYNTH_PAGE_HEALS,   /* 500, then plain */
    SYNTH_PAGE_BUSY,    /* 429 with Retry-After: 1, then plain */
    SYNTH_PAGE_CUT,     /* the connection ends within the body, then plain */
    SYNTH_PAGE_CHAIN,   /* 1 to 7 redirects to a page without links */
    SYNTH_PAGE_AWAY,    /* a redirect to a page without links, at another domain */
    SYNTH_PAGE_LOOP,    /* a redirect to a redirect back */
    SYNTH_PAGE_TEXT,    /* text/plain */
    SYNTH_PAGE_NOAI,    /* X-Robots-Tag: noai */
    SYNTH_PAGE_NOFOLLOW /* by a meta element */
};
enum synth_image_kind {
    SYNTH_IMAGE_JPEG,
    SYNTH_IMAGE_PNG,
    SYNTH_IMAGE_GONE,   /* 404 */
    SYNTH_IMAGE_BROKEN, /* a JPEG without its end */
    SYNTH_IMAGE_SVG,
    SYNTH_IMAGE_HEALS, /* 500, then a JPEG */
    SYNTH_IMAGE_NOAI,  /* X-Robots-Tag: noai */
    SYNTH_IMAGE_MOVED, /* a redirect to a JPEG */
    SYNTH_IMAGE_TEXT,  /* an error page with status 200 */
    SYNTH_IMAGE_AWAY   /* a JPEG, at another domain */
};
enum synth_page_kind synth_page_kind_of(const struct synth_world *w, uint32_t domain,
                                        uint32_t page);
/* Redirects of a chain, an away or a loop; the last one leads to a page, of a loop back. */
uint32_t synth_page_hops(const struct synth_world *w, uint32_t domain, uint32_t page);
struct synth_url synth_hop_url(const struct synth_world *w, uint32_t domain, uint32_t page,
                               uint32_t number);
uint32_t synth_page_images(const struct synth_world *w, uint32_t domain, uint32_t page);
enum synth_image_kind synth_image_kind_of(const struct synth_world *w, uint32_t domain,
                                          uint32_t page, uint32_t number);
struct synth_url synth_image_url(const struct synth_world *w, uint32_t domain, uint32_t page,
                                 uint32_t number);
/* Links of a page that has some, besides its children: to any page of its domain, and away. */
enum { SYNTH_LINKS_WITHIN = 2, SYNTH_LINKS_AWAY = 2 };
uint32_t synth_link_within(const struct synth_world *w, uint32_t domain, uint32_t page, unsigned i);
void synth_link_away(const struct synth_world *w, uint32_t domain, uint32_t page, unsigned i,
                     uint32_t *to_domain, uint32_t *to_page);

#endif
