/*
 * politeness.h: whose turn it is. Tasks queue by registrable domain; a domain is due when its delay
 * is over and it has a free slot; before an origin (scheme, host, port) is asked for anything its
 * robots.txt is, and then its tdmrep.json. Knows no network and no clock: both are the reactor's,
 * times are arguments.
 *
 *     waiting tasks -> polite_next -> FETCH   -> polite_done
 *                                  -> ROBOTS  -> polite_robots_{allow,deny,retry}
 *                                  -> TDMREP  -> polite_tdmrep, polite_robots_retry
 *                                  -> REFUSED
 *
 * Domains with nothing to do are kept with their rules while there is room, and then forgotten but
 * for a note of when they may be asked again: docs/crawler.md, Bounds.
 *
 * Belongs to one reactor, and all tasks of a domain go to the same one.
 */
#ifndef CRAWLER_POLITENESS_H
#define CRAWLER_POLITENESS_H

#include "crawl_task.h"
#include "lateness.h"
#include "pace.h"

#define POLITE_TDMREP_PATH "/.well-known/tdmrep.json"

struct polite;

/* Takes from cfg: user_agent, obey_agents, ignore, delay_ms, concurrency, hosts, retry_ms,
 * max_wait_ms, max_rests. Borrows it. */
int polite_create(const struct wit_crawler_config *cfg, struct polite **out, struct wit_error *err);
void polite_destroy(struct polite *p); /* with the tasks that queue */
/* A crawl that ended, perhaps a moment before this time, may have asked any domain until then: its
 * delay runs from here. Before the first push. */
void polite_go_on(struct polite *p, uint64_t now_ms);

/* Queue by the task's address. WIT_EFORMAT (no http URL), WIT_ELIMIT (over
 * WIT_NET_URL_MAX_BYTES), WIT_ENOMEM: the task stays the caller's.
 */
int polite_push(struct polite *p, struct crawl_task *t, uint64_t now_ms);

enum polite_step {
    POLITE_NOTHING, /* before polite_due_ms */
    /* Ask for `task`; its domain's slot is taken until polite_done. Its `directives` are what the
     * files of its origin say, its `rights` their words. */
    POLITE_FETCH,
    POLITE_ROBOTS, /* ask for the robots.txt of `origin`; likewise */
    POLITE_TDMREP, /* ask for the tdmrep.json of `origin`; likewise */
    POLITE_REFUSED /* `task` may not be asked for, `reason` says why; it is the caller's */
};
struct polite_turn {
    struct crawl_task *task;
    struct polite_origin *origin;
    const char *reason;
};
enum polite_step polite_next(struct polite *p, uint64_t now_ms, struct polite_turn *turn);
uint64_t polite_due_ms(const struct polite *p); /* UINT64_MAX: not by the passing of time */

/* A request to the origin that was begun leaves at this time, or has left then, later than its turn
 * was: the delay counts from then. An earlier time changes nothing. */
void polite_leaves(struct polite *p, struct polite_origin *o, uint64_t at_ms);
/**
 * The server has had the request at this time, if it ever had it: the first byte of its answer
 * came, or there will be none. `task` is NULL for that of a file of the origin. When it arrived
 * there nobody can know but that it was between its start and now; so the delay that a site may
 * rely on counts from now, and nothing of the domain starts before this is known. (At a domain of
 * the user's own with more than one request at a time it counts from when requests leave.)
 * at_ms is the time rounded up; 0: it was never sent. What ends a request says it, with its
 * own now_ms, where this was not called.
 */
void polite_heard(struct polite *p, struct polite_origin *o, struct crawl_task *task,
                  uint64_t at_ms);
/* How long an answer of the origin took: pace.h. Before what ends the request. */
void polite_took(struct polite *p, struct polite_origin *o, uint32_t elapsed_ms);
/**
 * A fetch ended; the task is the caller's. The answer sets the pace of the whole domain (pace.h),
 * to its files too. After max_rests rests that it did nothing to make forgiven the domain is given
 * up: what queues there, and comes, is refused as "host_gave_up". While it has asked for a rest of
 * which more than max_wait_ms are left that is refused as "host_rests".
 */
void polite_done(struct polite *p, struct crawl_task *t, enum pace_answer answer,
                 uint64_t retry_after_ms, uint64_t now_ms);

/* ---- an origin, its robots.txt and tdmrep.json ---- */

struct wit_str polite_origin_name(const struct polite_origin *o); /* "http://example.com:8080" */
bool polite_origin_is_own(const struct polite_origin *o);    /* of a domain that the user named */
unsigned polite_origin_tries(const struct polite_origin *o); /* so far, this time round */

/* The rules: ours from now on, for 24 hours (RFC 9309, 2.4); NULL allows all. */
void polite_robots_allow(struct polite *p, struct polite_origin *o,
                         struct wit_crawler_robots *robots, uint64_t now_ms);
/* Nothing may be asked of it for an hour; `reason` is static. */
void polite_robots_deny(struct polite *p, struct polite_origin *o, const char *reason,
                        uint64_t now_ms);
/* The tdmrep.json: ours from now on, for 24 hours; NULL says nothing. Without an answer nothing is
 * said for an hour: unlike robots.txt it is no permission to ask. */
void polite_tdmrep(struct polite *p, struct polite_origin *o, struct wit_crawler_tdmrep *tdmrep,
                   bool answered, uint64_t now_ms);

/* What follows is for either file. Ask again, not before so long. */
void polite_robots_retry(struct polite *p, struct polite_origin *o, uint64_t wait_ms,
                         uint64_t now_ms);

/* What its server answered to the request for the file sets the pace as polite_done has it. Before
 * allow, deny or retry. */
void polite_robots_answered(struct polite *p, struct polite_origin *o, enum pace_answer answer,
                            uint64_t retry_after_ms, uint64_t now_ms);
/* The file is elsewhere: when the next request for it may start. It keeps the slot, and other
 * requests to the domain wait their delay behind it. */
uint64_t polite_robots_hop(struct polite *p, struct polite_origin *o, uint64_t now_ms);

/* Ask again, and this one did not count as a try. */
void polite_robots_again(struct polite *p, struct polite_origin *o, uint64_t wait_ms,
                         uint64_t now_ms);

struct polite_totals {
    size_t domains, origins;
    size_t robots_bytes; /* of memory: rules, and what tdmrep.json says */
    size_t idle_bytes;   /* of memory: domains with nothing queued or on its way */
    size_t busy;         /* the others */
};
struct polite_totals polite_totals(const struct polite *p);
/* Of the turns to ask for something: how long each came after it might have. */
const struct lateness *polite_lateness(const struct polite *p);

#endif
