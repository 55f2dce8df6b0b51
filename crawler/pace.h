/*
 * pace.h: how fast one domain may be asked: it begins at the delay that it has by the settings and
 * its Crawl-delay, slows down when the domain complains or struggles, and forgives slowly. Knows
 * neither clock nor network.
 *
 * The delay between the starts of two requests is
 *     max(floor, PACE_ANSWER_FACTOR * smoothed time of an answer) + extra
 *
 * - 429 and 503 (OVERLOADED): the domain rests, and extra doubles.
 * - 403 (FORBIDDEN) and what never came whole (FAILED: timeouts, lost connections, other 5xx): when
 *   PACE_TROUBLES of the last PACE_WINDOW answers were such, the same. A failure doubles extra also
 *   by itself, once a delay.
 * - A rest is as long as Retry-After says, at most PACE_ASKED_MOST_MS, else rest_first_ms, doubled
 *   with each rest that is not forgiven, at most rest_most_ms.
 * - After PACE_GOOD answers in a row without complaint, extra and the count of rests halve.
 */
#ifndef CRAWLER_PACE_H
#define CRAWLER_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PACE_ANSWER_FACTOR = 2,
    PACE_ANSWER_MOST_MS = 30000, /* that the time of answers can make of the delay */
    PACE_ASKED_MOST_MS = 24 * 3600 * 1000,
    PACE_EXTRA_LEAST_MS = 1000,
    PACE_EXTRA_MOST_MS = 60000,
    PACE_WINDOW = 10,
    PACE_TROUBLES = 5,
    PACE_GOOD = 30
};

/* SILENT: the server was not reached, which says nothing of it. */
enum pace_answer { PACE_FINE, PACE_OVERLOADED, PACE_FORBIDDEN, PACE_FAILED, PACE_SILENT };

struct pace_limits {
    uint32_t floor_ms;
    bool own; /* the user knows the domain: the floor is the delay; it rests for OVERLOADED only */
    uint32_t rest_first_ms, rest_most_ms;
};

/* Zero bytes: a domain that was never asked. */
struct pace {
    uint32_t extra_ms;
    uint32_t answer_ms;   /* smoothed; 0: not known */
    uint16_t troubles;    /* bit i: the answer i before the last was one */
    uint16_t good;        /* since the last complaint, or since something was forgiven */
    uint32_t rests;       /* not forgiven */
    uint64_t rest_end_ms; /* nothing may start before */
    uint64_t raised_ms;   /* when extra grew */
};

uint32_t pace_delay_ms(const struct pace *p, const struct pace_limits *limits);
/* An answer took so long, from the start of its request. */
void pace_took(struct pace *p, uint32_t elapsed_ms);
/* An answer came; retry_after_ms of an OVERLOADED one, 0 without. */
void pace_answered(struct pace *p, const struct pace_limits *limits, enum pace_answer answer,
                   uint64_t retry_after_ms, uint64_t now_ms);

#endif
