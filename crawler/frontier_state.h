/*
 * frontier_state.h: what the files of the frontier share; nobody else includes it.
 *
 *   frontier.c          opening, committing, counts by reason, the feed's position
 *   frontier_domains.c  what is known of a domain; whose turn is next
 *   frontier_waiting.c  pages: added, taken, done; which of them are parked
 *   frontier_journal.c  pages that are parked: where they lie
 *   frontier_parked.c   and how they come back
 *   frontier_rounds.c   the limits of a round
 *
 * A waiting page is in the tree, from which pages are taken, or parked. A domain is active while it
 * has pages in the tree, or taken ones; there is a most of them, the window. Functions return 0 or
 * a count, or a negative status.
 */
#ifndef CRAWLER_FRONTIER_STATE_H
#define CRAWLER_FRONTIER_STATE_H

#include "frontier.h"
#include "parked_run.h"
#include "seen_set.h"
#include "text/wit_text.h"

enum {
    FRONTIER_SITEMAP_ONLY = 0x80,  /* in the first byte of a page */
    FRONTIER_TICKS = 16,           /* of the wheel of turns; a power of two above all strides */
    FRONTIER_CLASSES = 4,          /* of novelty */
    FRONTIER_NOVELTY_FIRST = 32768 /* of what has not shown anything yet: half of 65,536 */
};

/* A domain that is active, or was touched since the last commit. */
struct domain {
    uint64_t hash; /* XXH3-64 of its name; a collision makes two domains share their turns */
    uint64_t known;
    uint32_t waiting; /* in the tree */
    uint32_t taken;
    uint32_t barren;  /* pages in a row without a new pair */
    uint32_t stay;    /* pages taken since it became active */
    uint16_t novelty; /* share of pages with a new pair, decayed; 65,535: all */
    bool active;      /* counts for the window */
    bool queued;      /* a turn comes */
    bool stopped;     /* barren long enough, and counted for it */
    bool changed;     /* what the database holds of it is not this */
    bool surplus;     /* pages of it were parked because it has its share in the tree */
    struct domain *next_changed, *next_turn;
};

struct turns {
    struct {
        struct domain *first, *last;
    } ticks[FRONTIER_TICKS];
    uint32_t now;
    size_t count;
};

struct bucket {
    bool in_files, in_journal; /* something there may come in, were there room */
    uint16_t novelty;          /* of the pages of its domains */
    uint64_t due;              /* buckets come by this; see bucket_choose in frontier_parked.c */
};

/* A file of parked pages, and which of its buckets have come back. */
struct parked_file {
    struct parked_run run;
    uint32_t depth_least; /* of its pages */
    uint32_t held_in;     /* epoch in which all of its domains had stopped; 0: they had not */
    uint8_t emptied[PARKED_BUCKETS / 8];
    uint32_t live; /* buckets that have pages and have not been emptied */
};

struct parked_cursor {
    const struct parked_file *file;
    uint64_t at, end;
    struct parked_page page; /* the one before `at` */
};

/* A bucket that comes back: the files that take part are those of then. */
struct parked_pass {
    bool on;
    uint32_t bucket;
    uint64_t newest; /* number of the last file */
    uint32_t depth_most, epoch;
    uint8_t next[FRONTIER_ID_BYTES]; /* ids before it have come in */
    struct parked_cursor *heap;
    size_t heap_count;
};

struct parked {
    MDB_dbi journal, list;
    uint64_t pages;      /* that wait, in all */
    uint64_t next_entry; /* of the journal */
    uint64_t journal_pages, journal_bytes;
    bool sealed_early;          /* since the last commit, the journal not being full */
    uint64_t next_file;         /* never again: a pass knows its files by their numbers */
    uint32_t barren_most;       /* the limit by which domains have stopped */
    uint32_t epoch;             /* how many such limits there have been */
    struct parked_file **files; /* by number */
    size_t file_count, file_cap;
    struct parked_file **retired; /* empty: they go after the commit */
    size_t retired_count, retired_cap;
    struct parked_pass pass;
    struct bucket buckets[PARKED_BUCKETS];
    bool may_wait; /* false: no bucket has anything that may come in */
    uint64_t due;  /* of the bucket that came last */
};

struct frontier {
    MDB_env *env;
    MDB_txn *txn; /* open from the first change to the commit */
    struct seen_set *seen, *pairs;
    MDB_dbi refused, waiting, taken, domains_db, reasons, meta;
    uint64_t next_number;
    struct frontier_totals totals;
    struct frontier_context context;
    bool scope_changed;
    struct frontier_limits limits;
    bool has_feed;
    struct wit_hash128 feed;
    struct wit_crawler_feed_position feed_position;
    /* Domains by hash: open addressing. Some 100 bytes each. */
    struct domain **domains;
    size_t domain_count, domain_cap;
    struct domain *changed; /* list */
    size_t changed_count;
    struct turns turns;
    size_t active; /* domains */
    bool filling;  /* the window has run low and is not full again yet */
    size_t flying; /* pages taken and neither done nor left */
    struct parked parked;
    struct wit_buf record; /* hops and URL of one page, on its way into or between databases */
    char folder[WIT_PATH_MAX], path[WIT_PATH_MAX];
};

/* ---- frontier.c ---- */

int frontier_fail(const struct frontier *f, int rc, const char *what, struct wit_error *err);
int frontier_no_memory(struct wit_error *err);
int frontier_begin(struct frontier *f, struct wit_error *err); /* a transaction is open */
/* n more (or fewer) that ended for this reason. */
int frontier_reason_count(struct frontier *f, enum wit_crawler_subject subject, const char *reason,
                          int64_t n, struct wit_error *err);

static inline void frontier_id_make(uint8_t id[FRONTIER_ID_BYTES], uint64_t domain, uint32_t depth,
                                    uint64_t number) {
    wit_store_be64(id, domain);
    id[8] = (uint8_t)(depth >> 8);
    id[9] = (uint8_t)depth;
    wit_store_be64(id + 10, number);
}
static inline uint64_t frontier_id_domain(const uint8_t *id) {
    return wit_load_be64(id);
}
static inline uint32_t frontier_id_depth(const uint8_t *id) {
    return wit_load_be16(id + 8);
}
static inline uint64_t frontier_id_number(const uint8_t *id) {
    return wit_load_be64(id + 10);
}
static inline bool frontier_is_within(const struct frontier *f, const uint8_t *id) {
    return frontier_id_depth(id) <= f->limits.depth_most &&
           frontier_id_number(id) <= f->limits.number_most;
}

/* ---- frontier_domains.c ---- */

int domains_init(struct frontier *f, struct wit_error *err);
void domains_finish(struct frontier *f);
struct domain *domain_find(const struct frontier *f, uint64_t hash); /* NULL: not in memory */
int domain_of(struct frontier *f, uint64_t hash, struct domain **out, struct wit_error *err);
int domain_is_stopped(struct frontier *f, uint64_t hash, bool *out, struct wit_error *err);
void domain_change(struct frontier *f, struct domain *d);
/* Forget it if nothing of it is here: what there is to know of it is in the database. */
void domain_let_go(struct frontier *f, struct domain *d);
int domains_store(struct frontier *f, struct wit_error *err); /* what changed, and let it go */
/* Every domain's stop as the limit has it now. */
int domains_judge_all(struct frontier *f, struct wit_error *err);
void domain_enter(struct frontier *f, struct domain *d); /* active from here on */
void domain_leave(struct frontier *f, struct domain *d);
void turn_push(struct frontier *f, struct domain *d); /* if it has pages in the tree and no turn */
struct domain *turn_pop(struct frontier *f);          /* NULL: nobody's turn comes */
unsigned novelty_class(uint16_t novelty);             /* 0: gives nothing, to 3 */
uint32_t novelty_stride(uint16_t novelty);            /* ticks to the next turn: 8, 4, 2, 1 */

/* ---- frontier_waiting.c ---- */

/* What is in the tree waits, and so does what an earlier run had taken. */
int tree_open(struct frontier *f, struct wit_error *err);
/* Into the tree; `page` is not of f's databases. */
int tree_put(struct frontier *f, struct domain *d, const uint8_t id[FRONTIER_ID_BYTES],
             struct wit_str page, struct wit_error *err);
uint32_t frontier_share(const struct frontier *f); /* pages of a domain in the tree */

/* ---- frontier_journal.c ---- */

int parked_files_open(struct frontier *f, struct wit_error *err);
void parked_files_close(struct frontier *f);
/* `fresh`: it may come in as soon as there is room. */
int parked_append(struct frontier *f, const uint8_t id[FRONTIER_ID_BYTES], struct wit_str page,
                  bool held, bool fresh, struct wit_error *err);
int parked_seal(struct frontier *f, struct wit_error *err); /* the journal becomes files */
/* fn returns 0 or a negative status. */
int parked_journal_each(struct frontier *f,
                        int (*fn)(struct frontier *f, void *user, const struct parked_page *page,
                                  bool held, struct wit_error *err),
                        void *user, struct wit_error *err);
/* What the list says of a file. */
int parked_list_put(struct frontier *f, const struct parked_file *file, struct wit_error *err);
/* files[which] is empty: it leaves the list. */
int parked_file_retire(struct frontier *f, size_t which, struct wit_error *err);
void parked_commit_end(struct frontier *f);

/* ---- frontier_parked.c ---- */

int parked_open(struct frontier *f, struct wit_error *err);
void parked_close(struct frontier *f);
/* Has the bucket pages there that have not come back? */
bool parked_file_has(const struct parked_file *file, unsigned bucket);
/* Pages of the domain may come in again. */
void parked_call(struct frontier *f, uint64_t domain);
bool parked_waits(struct frontier *f); /* would something come in if there were room? */
/* Look again at what may come in: the limits are others. */
int parked_review(struct frontier *f, struct wit_error *err);
/* Let up to `most` pages come in if the window has room: 1: something was done; 0: nothing may. */
int parked_admit(struct frontier *f, unsigned most, struct wit_error *err);
int parked_commit_begin(struct frontier *f, struct wit_error *err);
/* The ids of parked pages up to that depth whose domains have not stopped. */
int parked_each(struct frontier *f, uint32_t depth_most, void (*fn)(void *user, const uint8_t *id),
                void *user, struct wit_error *err);

#endif
