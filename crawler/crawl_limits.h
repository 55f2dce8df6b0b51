/*
 * crawl_limits.h: what all reactors share: when an address of the net may be asked again, and when
 * anything may. Thousands of domains share one address of a delivery network, so delays by domain
 * alone would let all of them through at once.
 *
 * Times are arguments (wit_clock_ms). Any thread; atomics, no lock. Addresses are hashed into a
 * table of fixed size: two that meet in one slot are slowed as one, and nothing grows.
 */
#ifndef CRAWLER_CRAWL_LIMITS_H
#define CRAWLER_CRAWL_LIMITS_H

#include "wit_crawler.h"

/* An address whose queue is longer than this takes no more: its requests come again later. */
#define CRAWL_LIMITS_WAIT_MOST_MS 5000u

struct crawl_limits;

/* Takes from cfg: ip_delay_ms, max_rate, max_bandwidth. WIT_ENOMEM. */
int crawl_limits_create(const struct wit_crawler_config *cfg, struct crawl_limits **out,
                        struct wit_error *err);
void crawl_limits_destroy(struct crawl_limits *l); /* NULL is fine */

/* After so long without an answer the next request goes to an address all the same: one silent
 * domain must not hold up the thousands that live there too. */
#define CRAWL_LIMITS_SILENT_MS 2000u

/* A request to this address takes its turn there: how long it has to wait until then. UINT64_MAX:
 * the queue is too long, and it took none. */
uint64_t crawl_limits_address(struct crawl_limits *l, const struct wit_net_address *address,
                              uint64_t now_ms);
/* Its turn has come: 0 if it may go now, and it goes then. Else the last request has not been heard
 * (as polite_heard has it) for the delay: after so many milliseconds it may ask again. */
uint64_t crawl_limits_address_go(struct crawl_limits *l, const struct wit_net_address *address,
                                 uint64_t now_ms);
/* One that went at started_ms was heard, by a clock rounded up; 0: it was never sent. */
void crawl_limits_address_heard(struct crawl_limits *l, const struct wit_net_address *address,
                                uint64_t started_ms, uint64_t heard_ms);

/* May a request start now? Counts it if so. */
bool crawl_limits_start(struct crawl_limits *l, uint64_t now_ms);
/* It did not start after all. */
void crawl_limits_unstart(struct crawl_limits *l);
/* When crawl_limits_start may say yes; 0: now. */
uint64_t crawl_limits_due_ms(const struct crawl_limits *l);
/* So many bytes came: they are paid for with time. */
void crawl_limits_received(struct crawl_limits *l, uint64_t bytes, uint64_t now_ms);

#endif
