/*
 * wit_crawler.h: collect image-text pairs from the web, politely and resumably.
 *
 * From seed pages the crawler follows links within a scope, obeys each host's robots.txt, takes
 * pairs of image and words out of the pages, asks a judge which of them are wanted, fetches those
 * images from wherever they are, and hands everything to the collector of a directory
 * (wit_shards.h). Killed at any instant, the same call goes on from the last commit.
 *
 *     static int judge(void *user, const struct wit_shards_candidate *c, bool *want,
 *                      struct wit_error *err) {
 *         *want = c->text.len >= 5;
 *         return 0;
 *     }
 *     struct wit_str seed = WIT_STR("https://example.org/");
 *     struct wit_crawler_config cfg = wit_crawler_config_default();
 *     struct wit_crawler_report report = WIT_CRAWLER_REPORT_INIT;
 *     cfg.dir = "data";
 *     cfg.seeds = &seed;
 *     cfg.seed_count = 1;
 *     cfg.contact = "https://example.org/bot";
 *     cfg.judge = judge;
 *     if (wit_crawler_run(&cfg, &report, &err) == 0)
 *         printf("%llu images\n", (unsigned long long)report.images);
 *     wit_crawler_report_finish(&report);
 *
 * docs/crawler.md tells how it works and what it promises a site. Extraction and robots.txt by
 * themselves are in wit_crawler_page.h.
 */
#ifndef WIT_CRAWLER_H
#define WIT_CRAWLER_H

#include "image/wit_image_reencode.h"
#include "net/wit_net.h"
#include "wit_crawler_blocklist.h"
#include "wit_crawler_page.h"
#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- other inputs --------------------------------------------------------------------------- */

/* One thing out of a feed: a candidate, or the reason why it is none. Borrowed until the next call.
 */
struct wit_crawler_feed_item {
    struct wit_shards_candidate candidate; /* its URL canonical, as there */
    const char *reason;   /* not NULL: no candidate; counted, a string that lives on */
    struct wit_str where; /* of a refusal, for refused.jsonl: "urls.csv:12"; empty: not listed */
};

/* How far a feed was read. */
struct wit_crawler_feed_position {
    uint64_t rows; /* read so far: what people count in this input */
    size_t len;
    uint8_t bytes[1024]; /* whatever the feed needs to go on */
};

/* Candidates that come from elsewhere than pages, such as lists (wit_crawler_list.h). The crawl
 * pulls while it has room for their images, in its own thread. */
struct wit_crawler_feed {
    /* 1 with an item, 0 at the end; a failure ends the crawl. */
    int (*next)(void *user, struct wit_crawler_feed_item *item, struct wit_error *err);
    /* A position from which everything comes that next has not given; what it gave may come again.
     */
    void (*tell)(void *user, struct wit_crawler_feed_position *out);
    /* Go on there; called before the first next, or never. */
    int (*seek)(void *user, const struct wit_crawler_feed_position *to, struct wit_error *err);
    /* Of what is read: a feed with another one is begun at its first item. */
    struct wit_hash128 identity;
    void *user;
};

/* ---- settings ------------------------------------------------------------------------------- */

/* Limits for one host that the user knows: a registrable domain, or an IP literal as URLs spell it
 * ("127.0.0.1", "[::1]"). They replace the defaults and the host's own Crawl-delay. */
struct wit_crawler_host {
    const char *name;
    uint32_t delay_ms;    /* between two requests, as the server sees them */
    uint32_t concurrency; /* requests at one time; at least 1 */
};

/* Signals that a user may decide to ignore, who then answers for it. Bits. */
enum wit_crawler_ignore {
    WIT_CRAWLER_IGNORE_ROBOTS = 1 << 0, /* what robots.txt disallows; it is read all the same */
    WIT_CRAWLER_IGNORE_X_ROBOTS_TAG = 1 << 1,  /* noai and its kin, in headers */
    WIT_CRAWLER_IGNORE_META = 1 << 2,          /* the same in robots meta elements */
    WIT_CRAWLER_IGNORE_TDM = 1 << 3,           /* tdmrep.json, tdm-reservation in header and meta */
    WIT_CRAWLER_IGNORE_AIPREF = 1 << 4,        /* Content-Usage, in header and robots.txt */
    WIT_CRAWLER_IGNORE_CONTENT_SIGNAL = 1 << 5 /* Content-Signal, likewise */
};
/* "robots", "x-robots-tag", "meta", "tdm", "aipref", "content-signal"; NULL: no such bit. */
const char *wit_crawler_ignore_name(unsigned bit);
/* "robots,tdm": adds their bits to *ignore. WIT_EINVAL names what there is. */
int wit_crawler_ignore_parse(struct wit_str names, unsigned *ignore, struct wit_error *err);

/* Product tokens of crawlers that collect for training, and of none ("Google-Extended"): whom sites
 * name that mind what we do too. Constant. */
const char *const *wit_crawler_ai_agents(size_t *count);

/* What may be refused. Links count as often as pages have them. */
enum wit_crawler_subject {
    WIT_CRAWLER_PAGE,
    WIT_CRAWLER_IMAGE,
    WIT_CRAWLER_CANDIDATE,
    WIT_CRAWLER_ROW, /* of the feed that was read last */
    WIT_CRAWLER_LINK,
    WIT_CRAWLER_DOMAIN
};
const char *wit_crawler_subject_name(enum wit_crawler_subject s); /* "page", "image"... */

/* How many were refused for one reason. */
struct wit_crawler_refusal {
    enum wit_crawler_subject subject;
    char reason[64];
    uint64_t count;
};

struct wit_crawler_progress {
    /* Over all runs. */
    uint64_t pages, images; /* stored */
    uint64_t pages_refused, images_refused;
    uint64_t candidates; /* in the log */
    uint64_t rows;       /* of the feed */
    uint64_t image_bytes;
    /* Now. */
    uint64_t queued_pages; /* known and not begun */
    uint64_t in_flight;    /* pages and images at the reactors, those that wait their turn too */
    uint64_t hosts;        /* registrable domains that these belong to */
    bool paused;
    /* Of this run. */
    uint64_t run_pages, run_images, run_refused;
    uint64_t fetched_bytes;
    const struct wit_crawler_refusal *refusals; /* most frequent first; lent for the call */
    size_t refusal_count;
};

#define WIT_CRAWLER_IP_DELAY_DEFAULT UINT32_MAX

struct wit_crawler_config {
    const char *dir; /* holds collect/ and crawl/, with crawl/refused.jsonl; made if absent */

    /* Where to begin, and where pages may lie: prefixes of URLs as
     * wit_url_href writes them, up to a '/', or with none the registrable domains
     * of the seeds. Images may come from anywhere. A seed that an earlier run read changes nothing,
     * one that was refused is asked for again. Without seeds no page is asked for. */
    const struct wit_str *seeds;
    size_t seed_count;
    const struct wit_str *scope;
    size_t scope_count;

    /* Ask again for what earlier runs refused: "may-heal" (timeouts, lost connections, 408, 429,
     * 5xx, robots.txt that could not be had, domains that were given up), "all", or reasons by
     * name, several parted by commas. What is none of these is WIT_EINVAL. NULL: refusals are
     * final. */
    const char *retry_failed;

    /* Who we are: "<user_agent>/<version> (+<contact>)" is sent, and robots.txt is asked for
     * user_agent, a product token (letters, '-' and '_'). */
    const char *user_agent, *version;
    const char *contact; /* a URL or an address; NULL: none, which a real crawl should not do */

    const struct wit_crawler_feed *feed; /* candidates beside those of pages; may be NULL */

    /* Politeness of a registrable domain, unless `hosts` names it or its robots.txt asks for more
     * (Crawl-delay, up to 5 minutes). */
    uint32_t delay_ms, concurrency;
    const struct wit_crawler_host *hosts;
    size_t host_count;
    /* Between two requests to one address (of IPv6: one network of 64 bits), whatever their
     * domains; those of `hosts` don't count. WIT_CRAWLER_IP_DELAY_DEFAULT: 100 ms, and none for
     * addresses that only allow_net lets through. */
    uint32_t ip_delay_ms;
    uint32_t max_rate; /* requests a second, all together; 0: no limit */
    uint64_t
        max_bandwidth; /* bytes a second on average: above it nothing new starts; 0: no limit */

    /* Rights. What groups of robots.txt disallow to one of these product tokens, by name, is not
     * asked for either. */
    const char *const *obey_agents;
    size_t obey_agent_count;
    unsigned ignore; /* enum wit_crawler_ignore; 0: everything is obeyed */

    const struct wit_net_cidr *allow_net; /* addresses that are ours, though special */
    size_t allow_net_count;
    const char *dns_servers; /* as wit_net_config; NULL: the system's */

    /* Ask for the sitemaps that a robots.txt names, wherever they are, if pages of its origin may
     * be asked for, and read sitemaps and feeds among the pages: their links count as those of
     * pages, and the images of their image extension as standing on the pages that they name. */
    bool sitemaps;

    unsigned reactors; /* event loops, a thread each; what is collected does not depend on it */
    uint32_t max_in_flight; /* requests at one time, all reactors together */
    uint64_t max_pages;     /* pages asked for, over all runs; 0: no limit */
    uint32_t max_depth;     /* links from a seed */
    /* All pages of one depth before the first of the next; where max_pages cuts, those whose URLs
     * have the lowest hashes are asked for. So depth is the shortest distance (a redirect counts as
     * a link), and a limited crawl of the same web finds the same. Slower at the end of each round.
     */
    bool rounds;
    uint64_t max_domain_pages; /* known of a registrable domain, over all runs; 0: no limit */
    /* Pages of a registrable domain in a row that have no pair which is new: it is stopped there.
     * 0: never. */
    uint32_t max_barren_pages;
    size_t max_page_bytes;  /* a longer page is cut there, a sitemap at the protocol's 50 MiB */
    size_t max_image_bytes; /* a longer image is refused */
    size_t max_held_bytes;  /* bodies held at one time, all reactors together (wit_net.h) */
    uint32_t deadline_ms;   /* of one request */
    uint32_t retries;       /* further tries of what may heal: timeouts, resets, 408, 429, 5xx */
    uint32_t retry_ms;      /* wait before the first of them; four times as long for each next */
    uint32_t max_rests;     /* a domain that had to rest more often is given up; 0: never */
    uint32_t max_wait_ms;   /* a longer rest by Retry-After is kept and not waited for */
    uint32_t commit_ms;     /* at most so much work is lost by a kill */

    /* What is done with images before they are stored, by threads of their own. */
    struct wit_image_reencode_config images; /* what it refuses counts in any case */
    bool reencode;                           /* encode anew by `images`; false: as fetched */
    bool verify_decode;     /* refuse what does not decode to its end, not only what is cut */
    unsigned image_threads; /* 0: one for each core */
    /* Images with these hashes are neither stored nor named: reason "blocked_hash", and a line of
     * crawl/blocked.jsonl. Borrowed; NULL: none. */
    const struct wit_crawler_blocklist *blocklist;

    /* Is this image wanted for this text? Called for each candidate found, for those of earlier
     * runs too, and again for those whose images had to wait; in one thread. NULL wants all. A
     * failure ends the crawl. */
    int (*judge)(void *user, const struct wit_shards_candidate *candidate, bool *want,
                 struct wit_error *err);
    /* Now and then, in the caller's thread; may be NULL. */
    void (*progress)(void *user, const struct wit_crawler_progress *p);
    void *user;
    const volatile int *interrupt; /* not 0: commit and stop with WIT_ECANCELED; may be NULL */
};

/* witbot, 1 request a second and domain, sitemaps, 256 in flight, 1 reactor, no page limit, depth
 * 1000, 1,000,000 pages of a domain, 1,000 barren ones, 4 MiB pages, 32 MiB images, 128 MiB held,
 * 30 s, 2 retries after 2 s, 6 rests, 5 minutes, commits every 2 s. */
struct wit_crawler_config wit_crawler_config_default(void);
/* What is wrong with the settings that can be said before anything is begun: WIT_EINVAL with a
 * sentence. wit_crawler_run asks too. */
int wit_crawler_config_check(const struct wit_crawler_config *cfg, struct wit_error *err);

/* ---- running -------------------------------------------------------------------------------- */

/* How origins answered when they were asked for a file. */
struct wit_crawler_files {
    uint64_t read;        /* it is there, and says something or not */
    uint64_t absent;      /* there is none, or nothing that could be one */
    uint64_t unreachable; /* no answer, after the retries */
};

/* What the directory holds after the run; earlier runs included, except where it says so.
 */
struct wit_crawler_report {
    uint64_t pages;      /* read */
    uint64_t sitemaps;   /* of these: sitemaps and feeds */
    uint64_t pages_left; /* known and not asked for: too deep, over max_pages, or interrupted */
    uint64_t pages_refused;
    uint64_t rows;       /* of the feed, over all runs with it */
    uint64_t candidates; /* logged; a page read twice after a kill logs its own twice */
    uint64_t images, image_bytes, images_refused;
    uint64_t fetched_bytes; /* by this run */
    /* Of this run: how long a domain that might be asked waited until it was; half of the turns,
     * 99 of 100, and the longest. High when there is more to do than this machine can, or
     * after a pause. */
    uint64_t late_p50_ms, late_p99_ms, late_most_ms;
    struct wit_crawler_files robots, tdmrep; /* by this run */
    unsigned ignored;                        /* enum wit_crawler_ignore: by any run */
    bool interrupted;   /* by the flag, or the feed was: the same call goes on */
    bool scope_changed; /* since the last run: links that were left out then are not known */
    bool feed_changed;  /* it is another one than before, and was begun at its first row */
    struct wit_crawler_refusal *refusals; /* over all runs; by subject, then reason */
    size_t refusal_count;
};
#define WIT_CRAWLER_REPORT_INIT                                                                    \
    { .refusals = NULL }
void wit_crawler_report_finish(struct wit_crawler_report *report);

/**
 * Crawl until nothing is left to do, a limit is reached or the flag is raised. Starts its reactors
 * and ends them.
 * @param report  filled on success and on WIT_ECANCELED; *report must be initialised or finished
 * @return 0; WIT_ECANCELED (interrupted: the same call goes on); WIT_EINVAL (a setting, a seed
 *         that is no http URL, or crawl/ without its collect/: err names it); WIT_EEXIST (another
 * process collects there); what the judge said; WIT_ENOSPC, WIT_EIO, WIT_ENOMEM... All leave the
 * state of the last commit.
 */
int wit_crawler_run(const struct wit_crawler_config *cfg, struct wit_crawler_report *report,
                    struct wit_error *err);

/**
 * Images stay as an earlier run stored them, whatever the settings are now: how these settings
 * store them, in words ("at most 256 px (keep_ratio), jpeg of quality 95"), appended to `ours`, and
 * the other ways of earlier runs on cfg->dir, parted by "; ", to `others`.
 * @return how many others; WIT_EIO, WIT_ENOMEM ...
 */
int wit_crawler_stored(const struct wit_crawler_config *cfg, struct wit_buf *ours,
                       struct wit_buf *others, struct wit_error *err);

/* ---- looking at a crawl, and holding it ------------------------------------------------------ */

/**
 * How far a crawl is, as one JSON object appended to out: what DIR/crawl/status.json says, with
 * "state" set right: "running" or "paused", "done", "interrupted", "failed", or "killed" when it
 * ended without a word. Any process, also while the crawl runs. docs/crawler.md has the members.
 * @return 0; WIT_ENOTFOUND (no crawl there), WIT_EFORMAT, WIT_EIO, WIT_ENOMEM
 */
int wit_crawler_status(const char *dir, struct wit_buf *out, struct wit_error *err);

/* What is refused and named in DIR/crawl/refused.jsonl. */
struct wit_crawler_refused {
    enum wit_crawler_subject subject;
    struct wit_str url, reason; /* url: of a row "urls.csv:12", of a candidate or domain its page */
};
/* Each refusal that stands, in the order in which they came: of one URL the last; those that are
 * asked for again, and what came of them is no refusal, are left out. Also while a crawl runs
 * there. Takes 24 to 48 bytes of memory for each URL. fn returns 0 to go on; another value stops
 * and is returned. WIT_ENOTFOUND (no crawl there), WIT_EIO, WIT_ENOMEM. */
int wit_crawler_refused_each(const char *dir,
                             int (*fn)(void *user, const struct wit_crawler_refused *refused,
                                       struct wit_error *err),
                             void *user, struct wit_error *err);

/* Hold the crawl on DIR, a running one or the next: it starts no request until it is let go on.
 * What is on its way arrives. WIT_ENOTFOUND (no crawl there), WIT_EIO. */
int wit_crawler_pause(const char *dir, bool paused, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
