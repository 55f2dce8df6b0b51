/*
 * path_pattern.h: patterns of paths as robots.txt writes them: a prefix, with '*' for any octets
 * and a last '$' for the end (RFC 9309, 2.2.3). tdmrep.json and Content-Usage lines use the same.
 *
 * Both sides are compared in one form (2.2.2): octets outside ASCII, spaces and reserved ones that
 * were escaped stand as "%XX", unreserved ones as themselves.
 *
 * Patterns come from outside and there may be tens of thousands for one path, so matching counts
 * its work, in units of about a nanosecond, and ends when there was enough for one path.
 */
#ifndef CRAWLER_PATH_PATTERN_H
#define CRAWLER_PATH_PATTERN_H

#include "base/wit_base.h"

/* For one path against the rules of one robots.txt, for all agents together: a millisecond. */
#define PATH_PATTERN_WORK_MOST (UINT64_C(1) << 20)

/* The comparable form of a pattern, at most 3 * value.len bytes; a '$' that is not the last octet
 * is literal. `length` counts the octets that decide which match is the most specific. */
size_t path_pattern_normalise(struct wit_str value, char *out, size_t *length);
/* The same of a path and query; empty is "/", a fragment is left out. At most 3 * path.len + 1
 * bytes. */
size_t path_normalise(struct wit_str path, char *out);

/* Both in comparable form. Adds to *work; above PATH_PATTERN_WORK_MOST it ends with false, which is
 * no answer then. */
bool path_pattern_matches(struct wit_str pattern, struct wit_str path, uint64_t *work);

/* Is the pattern a prefix of what it matches, or with `*whole` all of it? Its literal octets then;
 * false: it has a star inside. */
bool path_pattern_literal(struct wit_str pattern, struct wit_str *literal, bool *whole);

#endif
