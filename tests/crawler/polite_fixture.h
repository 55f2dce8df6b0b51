/* polite_fixture.h: politeness of one reactor and its last turn, for tests of what it does step by
 * step. Times are milliseconds. Functions assert. */
#ifndef POLITE_FIXTURE_H
#define POLITE_FIXTURE_H

#include "politeness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct polite_fixture {
    bool tdmrep; /* tdmrep.json is asked for too; most of what follows is about other things */
    struct wit_crawler_config cfg;
    struct polite *p;
    struct polite_turn turn;
};

extern struct wit_error polite_err; /* of the last call that failed */

void polite_must(int st);
void fixture_begin(struct polite_fixture *f);
struct crawl_task *fixture_push(struct polite_fixture *f, const char *url, uint64_t now_ms);
void fixture_expect(struct polite_fixture *f, uint64_t now_ms, enum polite_step step);
void fixture_expect_fetch(struct polite_fixture *f, uint64_t now_ms, const struct crawl_task *t);
void fixture_expect_refused(struct polite_fixture *f, uint64_t now_ms, const char *reason);
void fixture_done(struct polite_fixture *f, struct crawl_task *t, uint64_t now_ms);
void fixture_rules(struct polite_fixture *f, const char *text, uint64_t now_ms);

#endif
