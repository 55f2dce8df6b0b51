/* filter_report.h: what came of a list of queries: counts of its entries and shares of captions. */
#ifndef WIT_FILTER_REPORT_H
#define WIT_FILTER_REPORT_H

#include "wit_filter.h"
#include "wit_filter_hygiene.h"
#include "wit_shards.h"

enum { REPORT_TOP = 20, REPORT_BUCKETS = 21, REPORT_SOURCES = WIT_SHARDS_SITEMAP + 1 };

/* Distinct pairs: found, and what came of them. */
struct filter_report_pairs {
    uint64_t found, refused, unmatched, over_share, kept;
};

struct filter_report {
    const struct wit_filter_allowlist *list;
    size_t n;               /* entries */
    uint64_t t;             /* pairs wanted for each */
    const uint64_t *before; /* n counts, of pairs that no rule refuses */
    const uint64_t *after;  /* of kept pairs; without pairs: min(count, t), each entry alone */
    bool has_pairs;         /* the rest is known: it came from a folder */
    struct filter_report_pairs all;
    struct filter_report_pairs sources[REPORT_SOURCES]; /* a pair of two sources is in both */
    uint64_t refused[WIT_FILTER_RULES];
};

/* Lines for the eyes, or one JSON object and a newline. 0, WIT_ENOMEM. */
int filter_report_print(const struct filter_report *r, struct wit_buf *out);
int filter_report_put(const struct filter_report *r, struct wit_buf *out);
/* Counts by rank before and after. 0, WIT_ENOMEM. */
int filter_report_svg(const struct filter_report *r, struct wit_buf *out);

#endif
