/*
 * synth_ledger.h: what a crawler asked for, and whether it was polite: every rule that
 * docs/crawler.md promises a site is checked at each request, from the server's side. Times are
 * arguments.
 */
#ifndef SYNTH_LEDGER_H
#define SYNTH_LEDGER_H

#include "synth_expect.h"

/* Breaches of a promise; all 0 of a polite crawler. */
#define SYNTH_BREACHES(X)                                                                          \
    X(too_soon)              /* less than the delay since the domain's last request */             \
    X(parallel)              /* while another request to the domain is being answered */           \
    X(rest_broken)           /* within the Retry-After of a 429 or 503 */                          \
    X(robots_not_asked)      /* before the robots.txt of its origin was asked for, in this run */  \
    X(robots_denied)         /* of what the robots.txt denies */                                   \
    X(astray)                /* of what no link that may be followed leads to */                   \
    X(wrong_address)         /* at an address that is not the domain's */                          \
    X(address_too_soon)      /* less than address_delay_ms since the address's last request */     \
    X(too_soon_after_a_kill) /* less than the delay, but the runs differ */

struct synth_ledger {
    const struct synth_world *w;
    uint32_t tolerance_ms;     /* an interval may be shorter by so much; 0: by nothing */
    uint32_t address_delay_ms; /* 0: addresses are not checked */
    uint32_t run;              /* of the crawler: a killed one forgets what it asked */
    uint8_t *asked;            /* by cell; 255: 255 times and more */
    struct synth_host *hosts;  /* by domain */
    uint64_t *addresses;       /* time of the last request in ms, by address */
    uint64_t requests, robots, bytes, names;
    int64_t least_margin_ms; /* of an interval to its delay; negative where one was too short */
    struct {
#define X(name) uint64_t name;
        SYNTH_BREACHES(X)
#undef X
    } breaches;
};

/* tolerance_ms and address_delay_ms are the caller's to set. WIT_ENOMEM. */
int synth_ledger_init(struct synth_ledger *l, const struct synth_world *w, struct wit_error *err);
void synth_ledger_finish(struct synth_ledger *l);

/* A request begins: how often its URL was asked for before. `address` in host order. */
unsigned synth_ledger_begin(struct synth_ledger *l, const struct synth_url *u, uint32_t address,
                            uint64_t now_ms);
/* It was answered, or its connection ended (status 0). `run` is what l->run was at its begin. */
void synth_ledger_end(struct synth_ledger *l, const struct synth_url *u, uint32_t run, int status,
                      uint64_t now_ms);
/* The crawler was killed: what was on its way is void, and it will ask for robots.txt again. */
void synth_ledger_restart(struct synth_ledger *l);

/* As members of the JSON object that is open: counts, breaches, and beside what is expected:
 * "missing" and "unexpected" URLs, "repeated" requests beyond it and the most of one URL. */
void synth_ledger_put(const struct synth_ledger *l, const struct synth_expect *x,
                      struct wit_json_writer *json);

#endif
