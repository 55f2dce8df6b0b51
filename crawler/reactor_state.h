/*
 * reactor_state.h: what the files of a reactor share; nobody else includes it. All of it runs in
 * the reactor's thread.
 *
 *   reactor.c          the loop: what starts when; requests for pages and images
 *   reactor_answers.c  what becomes of a page or an image, and of what came in its place
 *   reactor_files.c    robots.txt and tdmrep.json
 */
#ifndef CRAWLER_REACTOR_STATE_H
#define CRAWLER_REACTOR_STATE_H

#include "politeness.h"
#include "reactor.h"
#include "text/wit_text.h"

#include <stdatomic.h>

enum {
    REACTOR_HOPS_MOST = 5,          /* redirects in a row; RFC 9309, 2.3.1.2 asks for five */
    REACTOR_NO_MEMORY_WAIT_MS = 100 /* until what had no room in memory is asked for again */
};

struct reactor {
    struct reactor_config cfg;
    struct wit_net *net;
    struct polite *polite;
    struct due_heap later;     /* tasks that wait for their next try */
    struct due_heap hops;      /* such files that are elsewhere, and wait for their turn */
    struct address_queue held; /* requests whose address is busy; not `active` */
    struct crawl_list unread;  /* pages that arrived; the first may be half taken apart */
    struct crawl_mailbox inbox;
    struct wit_url url, base; /* scratch */
    uint32_t active;          /* requests at the client */
    atomic_uint at_pool;      /* images at the pool; with `active` at most max_in_flight */
    atomic_bool stopping, paused;
    atomic_size_t hosts; /* for reactor_hosts */
    struct file_counts {
        atomic_size_t read, absent, unreachable;
    } robots, tdmrep; /* for reactor_files */
    pthread_t thread;
    bool running; /* the thread is there */
};

/* A request for robots.txt or tdmrep.json. */
struct robots_fetch {
    struct reactor *reactor;
    struct polite_origin *origin;
    bool tdmrep;
    unsigned hops;
    struct wit_buf url;
    struct due_item due;
    struct address_turn turn;
};

/* ---- reactor.c ---- */

/* Start what may start, and set the alarm to when more may. */
void reactor_pump(struct reactor *r);
bool reactor_is_overload(int status);
/* Milliseconds by Retry-After, 0 without one. */
uint64_t reactor_retry_after_of(const struct wit_net_response *response);
/* What the answer says of the server's mood. */
enum pace_answer reactor_pace_of(const struct wit_net_response *response);
void reactor_limits_settle(struct reactor *r, const struct wit_net_response *response);
void reactor_request_over(struct reactor *r, struct address_turn *turn,
                          const struct wit_net_response *response);
/* The first line of an answer came, of a task or (NULL) of a file. */
void reactor_answer_begins(struct reactor *r, struct polite_origin *o, struct crawl_task *t,
                           struct address_turn *turn);
/* The address is known: its turn there, and the delay of the domain counts from it. */
enum wit_net_turn reactor_address_take(struct reactor *r, struct polite_origin *o,
                                       struct address_turn *turn,
                                       const struct wit_net_address *address,
                                       struct wit_net_transfer *transfer);

/* ---- reactor_answers.c ---- */

void reactor_task_return(struct reactor *r, struct crawl_task *t, enum crawl_outcome outcome,
                         const char *reason);
void reactor_task_refuse(struct reactor *r, struct crawl_task *t, const char *reason);
void reactor_task_queue(struct reactor *r, struct crawl_task *t);
/* How long to wait after what is no fault of the other side and no try; 0: it is one. */
uint64_t reactor_own_wait_ms(const char *reason);
uint64_t reactor_retry_wait_ms(const struct reactor *r, unsigned tries);
bool reactor_is_redirect(int status);
/* Where the answer to `from` leads, appended to out. */
int reactor_location_of(struct reactor *r, struct wit_str from,
                        const struct wit_net_response *response, struct wit_buf *out);
/* Asked for again, later, where that may heal and tries are left; else refused. */
void reactor_task_failed(struct reactor *r, struct crawl_task *t, const char *reason,
                         uint64_t retry_after_ms);
const char *reactor_on_image_headers(void *user, struct wit_str headers);
void reactor_task_redirect(struct reactor *r, struct crawl_task *t,
                           const struct wit_net_response *response);
void reactor_image_arrived(struct reactor *r, struct crawl_task *t,
                           struct wit_net_response *response);
size_t reactor_max_page_bytes(void *user, struct wit_str headers);
/* Take apart pages that arrived, for one turn. */
void reactor_unread_extract(struct reactor *r);
/* Is a page half taken apart? */
bool reactor_is_extracting(const struct reactor *r);
void reactor_page_arrived(struct reactor *r, struct crawl_task *t,
                          struct wit_net_response *response);

/* ---- reactor_files.c ---- */

void reactor_file_destroy(struct robots_fetch *f);
/* 0, or the request could not be made. */
int reactor_file_ask(struct robots_fetch *f);
/* Asks for the file, or again in a moment. */
void reactor_file_start(struct reactor *r, struct polite_origin *o, bool tdmrep);

#endif
