/* lateness.h: how long domains that were due waited for their turn: a histogram in steps of a few
 * milliseconds, of which quantiles are read. Zero bytes: nothing noted. */
#ifndef CRAWLER_LATENESS_H
#define CRAWLER_LATENESS_H

#include "base/wit_base.h"

enum { LATENESS_STEP_MS = 4, LATENESS_STEPS = 432 };

struct lateness {
    uint64_t counts[LATENESS_STEPS]; /* the last one has all that is longer */
    uint64_t total, most_ms;
};

void lateness_note(struct lateness *l, uint64_t late_ms);
void lateness_add(struct lateness *to, const struct lateness *from);
/* So many milliseconds or less, of this share of all (0 < share <= 1); up to LATENESS_STEP_MS too
 * many, or an eighth of it beyond a second. 0 of none. */
uint64_t lateness_quantile_ms(const struct lateness *l, double share);

#endif
