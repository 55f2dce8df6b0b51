/* crawl_metrics.c: the progress of a crawl in the exposition format. */
#include "crawl_metrics.h"

void crawl_metrics_set(struct metrics *m, const struct wit_crawler_progress *p) {
    struct wit_buf out = WIT_BUF_INIT(1 << 20);
    const struct {
        const char *name, *type;
        uint64_t value;
    } rows[] = {
        { "crawl_pages", "gauge", p->pages },
        { "crawl_rows", "gauge", p->rows },
        { "crawl_pages_refused", "gauge", p->pages_refused },
        { "crawl_pages_queued", "gauge", p->queued_pages },
        { "crawl_candidates", "gauge", p->candidates },
        { "crawl_images", "gauge", p->images },
        { "crawl_images_refused", "gauge", p->images_refused },
        { "crawl_image_bytes", "gauge", p->image_bytes },
        { "crawl_hosts", "gauge", p->hosts },
        { "crawl_in_flight", "gauge", p->in_flight },
        { "crawl_paused", "gauge", p->paused },
        { "crawl_run_pages_total", "counter", p->run_pages },
        { "crawl_run_images_total", "counter", p->run_images },
        { "crawl_run_fetched_bytes_total", "counter", p->fetched_bytes },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++)
        metrics_put(&out, rows[i].name, rows[i].type, "", rows[i].value);
    for (size_t i = 0; i < p->refusal_count; i++) {
        char labels[128];
        snprintf(labels, sizeof labels, "subject=\"%s\",reason=\"%s\"",
                 wit_crawler_subject_name(p->refusals[i].subject), p->refusals[i].reason);
        metrics_put(&out, "crawl_run_refused_total", i == 0 ? "counter" : NULL, labels,
                    p->refusals[i].count);
    }
    metrics_set(m, wit_buf_view(&out));
    wit_buf_finish(&out);
}
