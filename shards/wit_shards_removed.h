/*
 * wit_shards_removed.h: what was asked to be removed, and that it stays removed.
 *
 * DIR/removed.log keeps every request: keys, URLs, domains, words in captions, with a reason. What
 * it names is a *tombstone*: it leaves the sealed dataset at once, and neither a crawl, a seal nor
 * a merge brings it back. The log is its own audit: each change of the dataset stands in it too,
 * with the dataset's hash before and after. Nothing in it is ever changed; an entry may lift an
 * earlier one. docs/formats/removed.md has every byte, docs/takedown.md says how to work with it.
 *
 *     const struct wit_str domain = WIT_STR("example.org");
 *     const struct wit_shards_removal what = { .domains = &domain, .domain_count = 1,
 *                                              .reason = WIT_STR("opt-out by mail") };
 *     struct wit_shards_remove_config cfg = wit_shards_remove_config_default();
 *     struct wit_shards_removal_report report;
 *     if (wit_shards_remove("data", &what, &cfg, &report, &err) < 0)
 *         puts(err.text);
 */
#ifndef WIT_SHARDS_REMOVED_H
#define WIT_SHARDS_REMOVED_H

#include "wit_shards.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WIT_SHARDS_REMOVED_MAX_BYTES ((size_t)1 << 30)       /* the log; 30 million keys */
#define WIT_SHARDS_REMOVAL_MAX_ITEMS ((size_t)4 << 20)       /* of each kind in one request */
#define WIT_SHARDS_REMOVAL_MAX_CAPTIONS 65536u               /* patterns, all requests together */
#define WIT_SHARDS_REMOVAL_MAX_TEXT_BYTES ((size_t)64 << 10) /* reason, note, pattern, URL */

/* Why an image was not collected or is not in a dataset: the counted reason. */
#define WIT_SHARDS_REMOVED_REASON "removed"

/* A caption matches that holds these bytes anywhere; with fold_case the letters A to Z are those of
 * a to z. There is no other pattern: any number of captions costs the same for every text. */
struct wit_shards_removal_caption {
    struct wit_str text; /* UTF-8, not empty */
    bool fold_case;
};

/* What is to be removed. Everything is borrowed. */
struct wit_shards_removal {
    const struct wit_hash128 *keys; /* of samples */
    size_t key_count;
    const struct wit_str *urls; /* of images, as they were found or as redirects led there */
    size_t url_count;
    const struct wit_str *domains; /* images at these hosts and below them; "*." may stand before */
    size_t domain_count;
    const struct wit_shards_removal_caption *captions;
    size_t caption_count;
    struct wit_str reason; /* not empty */
    struct wit_str note;   /* who asked, a ticket; may be empty */
};

/* ---- the log --------------------------------------------------------------------------------- */

enum wit_shards_removed_kind {
    WIT_SHARDS_REMOVED_REQUEST = 1, /* tombstones */
    WIT_SHARDS_REMOVED_LIFT,        /* those of an earlier entry hold no longer */
    WIT_SHARDS_REMOVED_CHANGE,      /* the dataset is about to change so */
    WIT_SHARDS_REMOVED_DONE         /* and it has */
};

struct wit_shards_removed_entry {
    uint64_t number; /* from 1 */
    int64_t at_s;    /* seconds since 1970 */
    enum wit_shards_removed_kind kind;
    struct wit_shards_removal what; /* REQUEST; of LIFT reason and note */
    struct wit_hash128 from;        /* REQUEST: the dataset it was taken over from; or zero */
    uint64_t refers;                /* LIFT: the request; DONE: the change; else 0 */
    /* REQUEST, derived: the entries that lifted it and that carried it out; 0: none */
    uint64_t lifted_by, done_by;
    /* CHANGE: */
    const uint64_t *requests; /* entries that it carries out */
    size_t request_count;
    uint64_t samples, pairs;          /* that leave */
    struct wit_hash128 before, after; /* dataset hash */
    struct wit_hash128 state;         /* digest of hash, files and hidden records afterwards */
};

/* The log with the tombstones that hold. Immutable: any thread may ask. */
struct wit_shards_removed;
/* Without DIR/removed.log there are none. WIT_ECORRUPT (names the line), WIT_EIO, WIT_ENOMEM,
 * WIT_ELIMIT. */
int wit_shards_removed_open(const char *dir, struct wit_shards_removed **out,
                            struct wit_error *err);
void wit_shards_removed_close(struct wit_shards_removed *r); /* NULL is allowed */
size_t wit_shards_removed_entries(const struct wit_shards_removed *r);
const struct wit_shards_removed_entry *wit_shards_removed_entry(const struct wit_shards_removed *r,
                                                                size_t index);
/* Does no tombstone hold? */
bool wit_shards_removed_is_empty(const struct wit_shards_removed *r);
/* Is there a tombstone for this? r may be NULL: no. */
bool wit_shards_removed_key(const struct wit_shards_removed *r, struct wit_hash128 key);
bool wit_shards_removed_caption(const struct wit_shards_removed *r, struct wit_str text);
/* By URL or by its host: 1, 0, or WIT_ENOMEM. A text that is no URL has no host. */
int wit_shards_removed_url(const struct wit_shards_removed *r, struct wit_str url);

/* ---- removing -------------------------------------------------------------------------------- */

struct wit_shards_remove_config {
    unsigned threads;              /* 0: one per core */
    bool dry_run;                  /* say what would leave, change nothing */
    const volatile int *interrupt; /* not 0: stop with WIT_ECANCELED; may be NULL */
};
struct wit_shards_remove_config wit_shards_remove_config_default(void);

struct wit_shards_removal_report {
    uint64_t entry; /* of the request; 0: everything it asks for was asked for before, or dry_run */
    uint64_t items, known_items; /* of the request: new ones, those asked for before */
    uint64_t samples, pairs;     /* that left the dataset */
    uint64_t changed_samples;    /* that stay, with fewer captions */
    uint64_t unsure_pairs;       /* of pairs: see below */
    uint64_t samples_left, pairs_left;
    struct wit_hash128 before, after; /* dataset hash; zero: there is no dataset yet */
    bool changed;
};

/**
 * Note a request and take what it names, and what earlier ones name that was not carried out, out
 * of the dataset. A sample leaves whose key is named, or all of whose URLs are. A sample of several
 * URLs stays with the captions that one of the others is known to have; a caption that matches a
 * pattern leaves, a sample without captions does. The result has the hash of a dataset sealed from
 * a collection without these images and words, but for images of which a dataset does not know all
 * places: more than 64 of one URL are not listed, and a caption of which no listed place is left
 * leaves (`unsure_pairs`). The next seal, which has the logs, brings those back.
 *
 * Records are hidden, files stay as they are: bytes go with wit_shards_compact and its `purge`, and
 * those in DIR/collect with wit_shards_collect_purge. The request is durable before the dataset
 * changes; killed anywhere, the same call ends the work and changes nothing twice.
 * @param what  NULL: nothing new; everything that was ever asked for is carried out again
 * @return 0; WIT_EINVAL (no reason, no URL, no domain, an empty pattern: nothing was noted),
 *         WIT_EEXIST (another process collects, seals or makes the dataset), WIT_ENOTFOUND (no
 *         DIR), WIT_EUNSUPPORTED (samples that lie in tars), WIT_ELIMIT, WIT_ECORRUPT, WIT_EIO,
 *         WIT_ENOSPC, WIT_ECANCELED, WIT_ENOMEM
 */
int wit_shards_remove(const char *dir, const struct wit_shards_removal *what,
                      const struct wit_shards_remove_config *cfg,
                      struct wit_shards_removal_report *report, struct wit_error *err);

/**
 * Lift a request: what it names may be collected and sealed again. It does not come back by itself:
 * the next seal brings back what DIR/collect still has.
 * @param entry  its number
 * @return 0; WIT_ENOTFOUND (no such request), WIT_EINVAL (no reason), WIT_EEXIST (it was lifted
 *         already, or another process has the dataset) ...
 */
int wit_shards_removed_lift(const char *dir, uint64_t entry, struct wit_str reason,
                            struct wit_str note, struct wit_error *err);

/* ---- bytes ----------------------------------------------------------------------------------- */

struct wit_shards_purge_report {
    uint64_t images, image_bytes; /* that left the logs */
    uint64_t candidates;          /* places with their words */
};

/**
 * Write DIR/collect anew without what was removed: images, and the words and pages of their URLs.
 * It takes the place of the old one in one step, so that a kill leaves one or the other; the same
 * call again ends the work. Needs the room of what stays. Afterwards no file of DIR/collect has
 * those bytes, and lifting a request does not bring them back. With wit_shards_compact and its
 * `purge` no file of DIR has them.
 * @return 0 (also where there is no DIR/collect, or nothing in it was removed); WIT_EEXIST (another
 *         process has it), WIT_ECORRUPT, WIT_EIO (the file system can't exchange two folders),
 *         WIT_ENOSPC, WIT_ECANCELED, WIT_ENOMEM: the old collection is in place
 */
int wit_shards_collect_purge(const char *dir, const volatile int *interrupt,
                             struct wit_shards_purge_report *report, struct wit_error *err);

#ifdef __cplusplus
}
#endif
#endif
