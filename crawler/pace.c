/* pace.c: from answers to a delay. */
#include "pace.h"

uint32_t pace_delay_ms(const struct pace *p, const struct pace_limits *limits) {
    uint32_t delay_ms = limits->floor_ms;
    if (limits->own)
        return delay_ms;
    uint64_t busy_ms = (uint64_t)PACE_ANSWER_FACTOR * p->answer_ms;
    if (busy_ms > PACE_ANSWER_MOST_MS)
        busy_ms = PACE_ANSWER_MOST_MS;
    if (busy_ms > delay_ms)
        delay_ms = (uint32_t)busy_ms;
    return delay_ms + p->extra_ms;
}

void pace_took(struct pace *p, uint32_t elapsed_ms) {
    p->answer_ms =
        p->answer_ms ? (uint32_t)((3 * (uint64_t)p->answer_ms + elapsed_ms) / 4) : elapsed_ms;
}

static void extra_raise(struct pace *p, const struct pace_limits *limits, uint64_t now_ms) {
    uint64_t extra_ms = 2 * (uint64_t)p->extra_ms;
    if (extra_ms < limits->floor_ms)
        extra_ms = limits->floor_ms;
    if (extra_ms < PACE_EXTRA_LEAST_MS)
        extra_ms = PACE_EXTRA_LEAST_MS;
    p->extra_ms = extra_ms < PACE_EXTRA_MOST_MS ? (uint32_t)extra_ms : PACE_EXTRA_MOST_MS;
    p->raised_ms = now_ms;
}

static uint64_t rest_length_ms(const struct pace *p, const struct pace_limits *limits,
                               uint64_t retry_after_ms) {
    uint64_t length_ms = (uint64_t)limits->rest_first_ms << (p->rests < 16 ? p->rests : 16);
    if (retry_after_ms)
        return retry_after_ms < PACE_ASKED_MOST_MS ? retry_after_ms : PACE_ASKED_MOST_MS;
    return length_ms < limits->rest_most_ms ? length_ms : limits->rest_most_ms;
}

static void rest(struct pace *p, const struct pace_limits *limits, uint64_t retry_after_ms,
                 uint64_t now_ms) {
    bool again = now_ms >= p->rest_end_ms; /* else it answers what left before the rest */
    uint64_t end_ms = now_ms + rest_length_ms(p, limits, retry_after_ms);
    if ((again || retry_after_ms) && end_ms > p->rest_end_ms)
        p->rest_end_ms = end_ms;
    if (again) {
        p->rests++;
        extra_raise(p, limits, now_ms);
    }
    p->troubles = 0;
}

static unsigned troubles_count(const struct pace *p) {
    unsigned n = 0;
    for (unsigned i = 0; i < PACE_WINDOW; i++)
        n += p->troubles >> i & 1;
    return n;
}

static void forgive(struct pace *p) {
    p->good = 0;
    p->rests /= 2;
    p->extra_ms = p->extra_ms > PACE_EXTRA_LEAST_MS / 4 ? p->extra_ms / 2 : 0;
}

void pace_answered(struct pace *p, const struct pace_limits *limits, enum pace_answer answer,
                   uint64_t retry_after_ms, uint64_t now_ms) {
    bool trouble = answer == PACE_FORBIDDEN || answer == PACE_FAILED;
    if (answer == PACE_SILENT || (limits->own && trouble))
        return;
    p->troubles = (uint16_t)((unsigned)p->troubles << 1 | trouble) & ((1u << PACE_WINDOW) - 1);
    p->good = answer == PACE_FINE ? p->good + 1 : 0;
    if (p->good >= PACE_GOOD)
        forgive(p);
    if (answer == PACE_OVERLOADED || troubles_count(p) >= PACE_TROUBLES)
        rest(p, limits, retry_after_ms, now_ms);
    else if (answer == PACE_FAILED && now_ms - p->raised_ms >= pace_delay_ms(p, limits))
        extra_raise(p, limits, now_ms);
}
