/*
 * polite_state.h: what the files of politeness share; nobody else includes it.
 *
 *   polite_domains.c  domains and their origins: found, made, kept and forgotten
 *   polite_notes.c    what is remembered of forgotten ones
 *   politeness.c      the heap of those that are due, and what moves them in it
 */
#ifndef CRAWLER_POLITE_STATE_H
#define CRAWLER_POLITE_STATE_H

#include "polite_notes.h"
#include "politeness.h"
#include "text/wit_text.h"

enum { POLITE_BUCKETS = 131072 }; /* of the table of domains, by hash */

enum origin_state {
    /* UNKNOWN -> FETCHING -> ALLOWED or DENIED -> (life over) -> UNKNOWN; FETCHING -> UNKNOWN to
     * try again */
    ORIGIN_UNKNOWN,
    ORIGIN_FETCHING,
    ORIGIN_ALLOWED,
    ORIGIN_DENIED
};

/* What is known of its tdmrep.json, while it is ALLOWED. */
enum tdm_state {
    /* UNKNOWN -> FETCHING -> KNOWN -> (life over) -> UNKNOWN; FETCHING -> UNKNOWN to try again */
    TDM_UNKNOWN,
    TDM_FETCHING,
    TDM_KNOWN
};

struct polite_origin {
    struct polite_origin *next; /* of the domain */
    struct polite_domain *domain;
    enum origin_state state;
    struct wit_crawler_robots *robots; /* of ALLOWED; NULL allows all */
    size_t robots_bytes;
    const char *reason; /* of DENIED */
    uint64_t expires_ms;
    enum tdm_state tdm_state;
    struct wit_crawler_tdmrep *tdmrep; /* of KNOWN; NULL says nothing */
    size_t tdmrep_bytes;
    uint64_t tdm_expires_ms;
    unsigned tries;            /* for the file that is asked for now */
    bool unheard;              /* the request for that file: see polite_heard */
    size_t refs;               /* tasks that point here */
    struct crawl_list waiting; /* for the rules */
    size_t name_len;
    char name[];
};

struct polite_domain {
    struct due_item due; /* first: the heap's item is the domain */
    struct polite_domain *next_in_bucket;
    struct polite_domain *newer, *older; /* idle ones, by the time they became idle */
    bool idle;
    uint64_t hash;
    struct crawl_list queue;
    unsigned active;           /* requests on their way */
    unsigned unheard;          /* of them, those that may not have arrived: see polite_heard */
    uint64_t last_ms, next_ms; /* start of the last request; not before this */
    uint64_t heard_ms;         /* the last one had arrived then, at the latest */
    struct pace pace;
    uint32_t delay_ms, concurrency, crawl_delay_ms;
    bool fixed; /* the user knows the host: what robots.txt says of delays does not count */
    bool gave_up;
    struct polite_origin *origins;
    size_t origin_count;
    size_t bytes; /* of memory, with its origins and their rules */
    size_t name_len;
    char name[];
};

struct polite {
    const struct wit_crawler_config *cfg;
    struct wit_str agent;
    struct due_heap due; /* domains with a task queued and a slot free */
    struct polite_domain *buckets[POLITE_BUCKETS];
    struct polite_domain *idle_oldest, *idle_newest;
    size_t idle_count, idle_bytes;
    size_t idle_most_bytes, rules_most_bytes;
    struct polite_notes notes; /* of those that were forgotten */
    size_t hand;               /* of rules_trim */
    struct polite_totals totals;
    struct lateness lateness;
    uint64_t now_ms;     /* the latest time that was told */
    uint64_t went_on_ms; /* of polite_go_on; 0: nobody asked before us */
    struct wit_url url;  /* scratch */
    struct wit_buf origin_name;
};

/* ---- polite_domains.c ---- */

/* The ceilings are those of all reactors of the crawl, shared among them. WIT_ENOMEM. */
int polite_domains_init(struct polite *p);
/* Made when there is none; NULL: out of memory. */
struct polite_domain *polite_domain_find(struct polite *p, struct wit_str name, uint64_t now_ms);
struct polite_origin *polite_origin_find(struct polite *p, struct polite_domain *d,
                                         struct wit_str name);
/* What came for it, or NULL: the origin's from now on. */
void polite_origin_set_rules(struct polite *p, struct polite_origin *o,
                             struct wit_crawler_robots *robots);
void polite_origin_set_tdmrep(struct polite *p, struct polite_origin *o,
                              struct wit_crawler_tdmrep *tdmrep);
void polite_origin_forget_rules(struct polite *p, struct polite_origin *o);
void polite_origin_forget_tdmrep(struct polite *p, struct polite_origin *o);
/* A domain with nothing to do, the newest of them, or one that has: fine when it is known. */
void polite_idle_enter(struct polite *p, struct polite_domain *d);
void polite_idle_leave(struct polite *p, struct polite_domain *d);
/* Rules go until there is room, but not those of `keep`. */
void polite_rules_trim(struct polite *p, const struct polite_origin *keep);
void polite_domains_finish(struct polite *p);

#endif
