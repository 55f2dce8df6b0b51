/* lateness.c: see lateness.h. Steps of LATENESS_STEP_MS up to LINEAR_MS, then eight to a doubling.
 */
#include "lateness.h"

enum {
    LINEAR_LOG2 = 10,
    LINEAR_MS = 1 << LINEAR_LOG2,
    LINEAR_STEPS = LINEAR_MS / LATENESS_STEP_MS
};

static size_t step_of(uint64_t late_ms) {
    if (late_ms < LINEAR_MS)
        return late_ms / LATENESS_STEP_MS;
    unsigned log2 = 63 - (unsigned)__builtin_clzll(late_ms);
    size_t step = LINEAR_STEPS + 8 * (log2 - LINEAR_LOG2) + (late_ms >> (log2 - 3) & 7);
    return step < LATENESS_STEPS ? step : LATENESS_STEPS - 1;
}

/* What is in the step is shorter. */
static uint64_t bound_ms(size_t step) {
    if (step < LINEAR_STEPS)
        return (step + 1) * LATENESS_STEP_MS;
    size_t beyond = step - LINEAR_STEPS;
    return (uint64_t)(8 + beyond % 8 + 1) << (LINEAR_LOG2 + beyond / 8 - 3);
}

void lateness_note(struct lateness *l, uint64_t late_ms) {
    l->counts[step_of(late_ms)]++;
    l->total++;
    l->most_ms = late_ms > l->most_ms ? late_ms : l->most_ms;
}

void lateness_add(struct lateness *to, const struct lateness *from) {
    for (size_t i = 0; i < LATENESS_STEPS; i++)
        to->counts[i] += from->counts[i];
    to->total += from->total;
    to->most_ms = from->most_ms > to->most_ms ? from->most_ms : to->most_ms;
}

uint64_t lateness_quantile_ms(const struct lateness *l, double share) {
    uint64_t below = 0;
    for (size_t i = 0; i + 1 < LATENESS_STEPS; i++) {
        below += l->counts[i];
        if ((double)below >= share * (double)l->total)
            return bound_ms(i) < l->most_ms ? bound_ms(i) : l->most_ms;
    }
    return l->most_ms;
}
