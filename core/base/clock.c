/* clock.c: monotonic and wall time. */
#include "wit_base.h"

#include <time.h>

uint64_t wit_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t wit_clock_ms(void) {
    return wit_clock_ns() / 1000000u;
}

int64_t wit_clock_wall_s(void) {
    return (int64_t)time(NULL);
}
