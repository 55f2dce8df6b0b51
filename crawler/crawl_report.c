/* crawl_report.c: what a crawl came to, from the frontier and the collector. */
#include "crawl_report.h"

#include "refusal_table.h"

#include <stdlib.h>

const char *wit_crawler_subject_name(enum wit_crawler_subject s) {
    static const char *const names[] = { "page", "image", "candidate", "row", "link", "domain" };
    return (size_t)s < WIT_COUNT_OF(names) ? names[s] : "unknown";
}

static int refusal_note(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                        uint64_t count) {
    return refusal_table_add(user, subject, reason, count);
}

struct image_reasons {
    struct refusal_table *table;
    int status;
};

static void image_refusal_note(void *user, struct wit_str reason, uint64_t urls) {
    struct image_reasons *r = user;
    if (r->status >= 0)
        r->status = refusal_table_add(r->table, WIT_CRAWLER_IMAGE, reason, urls);
}

int crawl_report_fill(struct wit_crawler_report *report, struct frontier *frontier,
                      struct wit_shards_collector *collector, struct wit_error *err) {
    struct frontier_totals f = frontier_totals(frontier);
    struct wit_shards_collected s = wit_shards_collector_totals(collector);
    struct wit_crawler_report filled = {
        .pages = f.read,
        .sitemaps = f.sitemaps,
        .pages_left = f.waiting + f.taken,
        .pages_refused = f.refused,
        .candidates = s.candidates,
        .images = s.images,
        .image_bytes = s.image_bytes,
        .images_refused = s.refusals,
        .scope_changed = frontier_scope_changed(frontier),
    };
    struct refusal_table refusals = { .rows = NULL };
    struct image_reasons images = { .table = &refusals };
    int st = frontier_reasons(frontier, refusal_note, &refusals, err);
    if (st >= 0)
        st = wit_shards_collector_reasons(collector, image_refusal_note, &images, err);
    if (st >= 0)
        st = images.status;
    if (st < 0) {
        if (st == WIT_ENOMEM)
            wit_error_set(err, st, "no memory for the report of a crawl");
        refusal_table_finish(&refusals);
        return st;
    }
    refusal_table_sort_by_name(&refusals);
    filled.refusals = refusals.rows; /* the report's now */
    filled.refusal_count = refusals.count;
    wit_crawler_report_finish(report);
    *report = filled;
    return 0;
}

void wit_crawler_report_finish(struct wit_crawler_report *report) {
    free(report->refusals);
    *report = (struct wit_crawler_report)WIT_CRAWLER_REPORT_INIT;
}
