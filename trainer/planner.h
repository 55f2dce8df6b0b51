/*
 * planner.h: places in one arena for things that live at different times.
 */
#ifndef TRAINER_PLANNER_H
#define TRAINER_PLANNER_H

#include "base/wit_base.h"

struct plan_item {
    size_t size;     /* any unit; 0 is placed nowhere in particular */
    int first, last; /* first and last moment at which the place must be its own, both included */
    size_t place;    /* out */
};

/* Greedy, largest first, each at the lowest place where it meets no other of its time. *total: size
 * of the arena. Deterministic. WIT_ENOMEM, WIT_ELIMIT (the sum overflows). */
int planner_place(struct plan_item *items, size_t count, size_t *total, struct wit_error *err);

#endif
