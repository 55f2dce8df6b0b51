/*
 * metrics.h: one page of numbers for Prometheus, served from a thread of its own while a job runs.
 * The text is whatever the job set last (exposition format 0.0.4).
 */
#ifndef WIT_METRICS_H
#define WIT_METRICS_H

#include "base/wit_base.h"

struct metrics;

/* Is it "127.0.0.1:9100" or "[::1]:9100"? WIT_EINVAL. */
int metrics_check(const char *address, struct wit_error *err);
/* Serve http://<address>/metrics; port 0 takes a free one. WIT_EINVAL, WIT_EIO (cannot listen
 * there), WIT_ENOMEM. */
int metrics_start(const char *address, struct metrics **out, struct wit_error *err);
uint16_t metrics_port(const struct metrics *m);
void metrics_set(struct metrics *m, struct wit_str text); /* copied; any thread */
void metrics_stop(struct metrics *m);                     /* NULL is fine */

/* "wit_<name>{<labels>} value" with its type line in front where `type` is not NULL. labels is
 * empty or 'a="b"'; values of labels come from us and need no escaping. */
void metrics_put(struct wit_buf *out, const char *name, const char *type, const char *labels,
                 uint64_t value);

#endif
