/*
 * url_traps.h: links that lead into spaces without end, told by their spelling alone. Pure rules;
 * what no spelling tells (calendars, generated names) is bounded by the frontier's limits of a
 * domain instead.
 */
#ifndef CRAWLER_URL_TRAPS_H
#define CRAWLER_URL_TRAPS_H

#include "text/wit_text.h"

enum {
    URL_TRAP_BYTES_MOST = 2048,  /* the sitemap protocol allows shorter ones only */
    URL_TRAP_SEGMENTS_MOST = 20, /* of the path; Heritrix's default */
    URL_TRAP_SAME_MOST = 3,      /* times the same segment, or the same parameter, may stand */
    URL_TRAP_CYCLE_LEAST = 3,    /* times in a row that a group of segments makes a cycle */
    URL_TRAP_PARAMETERS_MOST = 30
};

/**
 * The rule that a link breaks, as a static name, or NULL. In this order:
 *   trap_length      the URL has more than URL_TRAP_BYTES_MOST bytes
 *   trap_depth       its path has more than URL_TRAP_SEGMENTS_MOST segments
 *   trap_repeats     a segment, or a "name=value" of the query, stands more than
 *                    URL_TRAP_SAME_MOST times: /a/x/a/y/a/z/a
 *   trap_cycle       two or more segments stand URL_TRAP_CYCLE_LEAST times in a row: /a/b/a/b/a/b
 *   trap_parameters  the query has more than URL_TRAP_PARAMETERS_MOST parameters
 * A single segment three times in a row is fine: /2011/11/11/11 is a date. Any thread.
 */
const char *url_trap(const struct wit_url *url);

/**
 * Take session ids out: parameters of the query and of path segments (";jsessionid=...") with the
 * name of one, or with a name such as sid and a value that looks like one, and ASP.NET's path
 * segment "(S(...))". A server without them starts a session, which a crawler has no use for;
 * with them each visit makes the whole site look new.
 * @param scratch  its content is lost
 * @return 1: taken out; 0: there was none; WIT_ENOMEM, WIT_ELIMIT (scratch's ceiling): `url` is as
 *         it was
 */
int url_session_remove(struct wit_url *url, struct wit_buf *scratch);

#endif
