/* crawl_report.c: what a crawl came to, from the frontier and the collector. */
#include "crawl_report.h"

#include <stdlib.h>

const char *wit_crawler_subject_name(enum wit_crawler_subject s) {
    static const char *const names[] = { "page", "image", "candidate" };
    return (size_t)s < WIT_COUNT_OF(names) ? names[s] : "unknown";
}

static int refusal_note(void *user, enum wit_crawler_subject subject, struct wit_str reason,
                        uint64_t count) {
    struct wit_crawler_report *report = user;
    struct wit_crawler_refusal *grown =
        wit_realloc_array(report->refusals, report->refusal_count + 1, sizeof *grown);
    if (!grown)
        return WIT_ENOMEM;
    report->refusals = grown;
    struct wit_crawler_refusal *r = &grown[report->refusal_count++];
    *r = (struct wit_crawler_refusal){ .subject = subject, .count = count };
    snprintf(r->reason, sizeof r->reason, "%.*s", WIT_STR_FMT(reason));
    return 0;
}

struct image_reasons {
    struct wit_crawler_report *report;
    int status;
};

static void image_refusal_note(void *user, struct wit_str reason, uint64_t urls) {
    struct image_reasons *r = user;
    if (r->status >= 0)
        r->status = refusal_note(r->report, WIT_CRAWLER_IMAGE, reason, urls);
}

static int refusal_order(const void *x, const void *y) {
    const struct wit_crawler_refusal *a = x, *b = y;
    if (a->subject != b->subject)
        return a->subject < b->subject ? -1 : 1;
    return strcmp(a->reason, b->reason);
}

int crawl_report_fill(struct wit_crawler_report *report, struct frontier *frontier,
                      struct wit_shards_collector *collector, struct wit_error *err) {
    struct frontier_totals f = frontier_totals(frontier);
    struct wit_shards_collected s = wit_shards_collector_totals(collector);
    struct wit_crawler_report filled = {
        .pages = f.read,
        .pages_left = f.waiting + f.taken,
        .pages_refused = f.refused,
        .candidates = s.candidates,
        .images = s.images,
        .image_bytes = s.image_bytes,
        .images_refused = s.refusals,
        .scope_changed = frontier_scope_changed(frontier),
    };
    struct image_reasons images = { .report = &filled };
    int st = frontier_reasons(frontier, refusal_note, &filled, err);
    if (st >= 0)
        st = wit_shards_collector_reasons(collector, image_refusal_note, &images, err);
    if (st >= 0)
        st = images.status;
    if (st < 0) {
        if (st == WIT_ENOMEM)
            wit_error_set(err, st, "no memory for the report of a crawl");
        wit_crawler_report_finish(&filled);
        return st;
    }
    if (filled.refusal_count)
        qsort(filled.refusals, filled.refusal_count, sizeof *filled.refusals, refusal_order);
    wit_crawler_report_finish(report);
    *report = filled;
    return 0;
}

void wit_crawler_report_finish(struct wit_crawler_report *report) {
    free(report->refusals);
    *report = (struct wit_crawler_report)WIT_CRAWLER_REPORT_INIT;
}
