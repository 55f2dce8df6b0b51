/* filter_report.c: see filter_report.h. */
#include "filter_report.h"

#include "rank_plot.h"

#include <inttypes.h>
#include <stdlib.h>

/* Entries that are named, and a hundred lines of numbers. */
#define LINES_MOST_BYTES (REPORT_TOP * (size_t)WIT_FILTER_ENTRY_MAX_BYTES + (64u << 10))

/* What is counted of the entries. Buckets: 0, 1, 2 to 10, 11 to 100, ... */
struct numbers {
    uint64_t matches, matches_after, with, tail_matches;
    uint64_t before[REPORT_BUCKETS], after[REPORT_BUCKETS];
    uint64_t top_entries, top_matches; /* the first hundredth of the list, at least one entry */
    uint32_t *ranked;                  /* ids by count, descending; then ascending ids */
    size_t bucket_count;               /* up to the last that is not empty */
};

struct ranked_id {
    uint64_t count;
    uint32_t id;
};

static int rank_order(const void *a, const void *b) {
    const struct ranked_id *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : (x->id > y->id) - (x->id < y->id);
}

static unsigned bucket_of(uint64_t count) {
    unsigned bucket = 1;
    if (count < 2)
        return (unsigned)count;
    for (count -= 1; count; count /= 10)
        bucket++;
    return bucket < REPORT_BUCKETS ? bucket : REPORT_BUCKETS - 1;
}

/* "0", "1", "2-10", "11-100" ... */
static void bucket_name(unsigned bucket, char out[48]) {
    uint64_t end = 1;
    for (unsigned i = 1; i < bucket; i++)
        end *= 10;
    if (bucket < 2)
        snprintf(out, 48, "%u", bucket);
    else
        snprintf(out, 48, "%" PRIu64 "-%" PRIu64, end / 10 + 1, end);
}

static int numbers_make(const struct filter_report *r, struct numbers *out) {
    struct ranked_id *ids = wit_alloc_array(r->n ? r->n : 1, sizeof *ids);
    *out = (struct numbers){ .top_entries = (r->n + 99) / 100 };
    out->ranked = wit_alloc_array(r->n ? r->n : 1, sizeof *out->ranked);
    if (!ids || !out->ranked) {
        free(ids);
        free(out->ranked);
        return WIT_ENOMEM;
    }
    for (size_t i = 0; i < r->n; i++) {
        ids[i] = (struct ranked_id){ r->before[i], (uint32_t)i };
        out->matches += r->before[i];
        out->matches_after += r->after[i];
        out->with += r->before[i] > 0;
        out->tail_matches += r->before[i] < r->t ? r->before[i] : 0;
        out->before[bucket_of(r->before[i])]++;
        out->after[bucket_of(r->after[i])]++;
    }
    qsort(ids, r->n, sizeof *ids, rank_order);
    for (size_t i = 0; i < r->n; i++) {
        out->ranked[i] = ids[i].id;
        out->top_matches += i < out->top_entries ? ids[i].count : 0;
    }
    for (unsigned i = 0; i < REPORT_BUCKETS; i++)
        if (out->before[i] || out->after[i])
            out->bucket_count = i + 1;
    free(ids);
    return 0;
}

static double share(uint64_t part, uint64_t whole) {
    return whole ? (double)part / (double)whole : 0;
}

static size_t top_count(const struct filter_report *r, const struct numbers *m) {
    return m->with < REPORT_TOP ? (size_t)m->with : REPORT_TOP;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void pairs_print(const char *name, const struct filter_report_pairs *p,
                        struct wit_buf *out) {
    wit_buf_printf(out,
                   "  %-16s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
                   "  %5.1f %%\n",
                   name, p->found, p->refused, p->unmatched, p->over_share, p->kept,
                   100 * share(p->kept, p->found));
}

static void captions_print(const struct filter_report *r, struct wit_buf *out) {
    wit_buf_printf(out,
                   "captions                found    refused no entry   over share       kept\n");
    pairs_print("all", &r->all, out);
    for (int i = 0; i < REPORT_SOURCES; i++)
        if (r->sources[i].found)
            pairs_print(wit_shards_source_name((enum wit_shards_source)i), &r->sources[i], out);
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        if (r->refused[i])
            wit_buf_printf(out, "  refused by %-12s %" PRIu64 ", %.2f %%\n",
                           wit_filter_rule_name((enum wit_filter_rule)i), r->refused[i],
                           100 * share(r->refused[i], r->all.found));
}

int filter_report_print(const struct filter_report *r, struct wit_buf *out) {
    struct numbers m;
    char name[48];
    if (wit_buf_reserve(out, LINES_MOST_BYTES) < 0 || numbers_make(r, &m) < 0)
        return WIT_ENOMEM;
    wit_buf_printf(out,
                   "entries      %zu in the list, %" PRIu64 " with a caption, %" PRIu64
                   " without\n",
                   r->n, m.with, r->n - m.with);
    wit_buf_printf(out, "matches      %" PRIu64 " before balancing, %" PRIu64 " after%s\n",
                   m.matches, m.matches_after, r->has_pairs ? "" : ", each entry taken alone");
    wit_buf_printf(out, "t            %" PRIu64 ": entries below it have %.2f %% of all matches\n",
                   r->t, 100 * share(m.tail_matches, m.matches));
    wit_buf_printf(out, "first 1 %%    %" PRIu64 " entries have %.2f %% of all matches\n",
                   m.top_entries, 100 * share(m.top_matches, m.matches));
    wit_buf_printf(out, "captions of an entry   entries before   after\n");
    for (unsigned i = 0; i < m.bucket_count; i++) {
        bucket_name(i, name);
        wit_buf_printf(out, "  %-24s %10" PRIu64 " %10" PRIu64 "\n", name, m.before[i], m.after[i]);
    }
    wit_buf_printf(out, "most frequent          before      after\n");
    for (size_t i = 0; i < top_count(r, &m); i++) {
        uint32_t id = m.ranked[i];
        wit_buf_printf(out, "  %-16" PRIu32 " %10" PRIu64 " %10" PRIu64 "  %.*s\n", id,
                       r->before[id], r->after[id],
                       WIT_STR_FMT(wit_filter_allowlist_entry(r->list, id)));
    }
    if (r->has_pairs)
        captions_print(r, out);
    free(m.ranked);
    return 0;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void count_put(struct wit_json_writer *w, const char *key, uint64_t n) {
    wit_json_key(w, key);
    wit_json_put_u64(w, n);
}

static void share_put(struct wit_json_writer *w, const char *key, uint64_t part, uint64_t whole) {
    wit_json_key(w, key);
    wit_json_put_double(w, share(part, whole));
}

static void pairs_put(struct wit_json_writer *w, const char *key,
                      const struct filter_report_pairs *p) {
    wit_json_key(w, key);
    wit_json_object_begin(w);
    count_put(w, "found", p->found);
    count_put(w, "refused", p->refused);
    count_put(w, "unmatched", p->unmatched);
    count_put(w, "over_share", p->over_share);
    count_put(w, "kept", p->kept);
    share_put(w, "kept_share", p->kept, p->found);
    wit_json_object_end(w);
}

static void captions_put(const struct filter_report *r, struct wit_json_writer *w) {
    pairs_put(w, "pairs", &r->all);
    wit_json_key(w, "sources");
    wit_json_object_begin(w);
    for (int i = 0; i < REPORT_SOURCES; i++)
        if (r->sources[i].found)
            pairs_put(w, wit_shards_source_name((enum wit_shards_source)i), &r->sources[i]);
    wit_json_object_end(w);
    wit_json_key(w, "rules");
    wit_json_object_begin(w);
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        if (r->refused[i])
            count_put(w, wit_filter_rule_name((enum wit_filter_rule)i), r->refused[i]);
    wit_json_object_end(w);
}

static void entries_put(const struct filter_report *r, const struct numbers *m,
                        struct wit_json_writer *w) {
    char name[48];
    wit_json_key(w, "captions_of_an_entry");
    wit_json_array_begin(w);
    for (unsigned i = 0; i < m->bucket_count; i++) {
        bucket_name(i, name);
        wit_json_object_begin(w);
        wit_json_key(w, "captions");
        wit_json_put_cstr(w, name);
        count_put(w, "entries", m->before[i]);
        count_put(w, "entries_after", m->after[i]);
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
    wit_json_key(w, "most_frequent");
    wit_json_array_begin(w);
    for (size_t i = 0; i < top_count(r, m); i++) {
        uint32_t id = m->ranked[i];
        wit_json_object_begin(w);
        count_put(w, "id", id);
        wit_json_key(w, "entry");
        wit_json_put_str(w, wit_filter_allowlist_entry(r->list, id));
        count_put(w, "count", r->before[id]);
        count_put(w, "after", r->after[id]);
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

int filter_report_put(const struct filter_report *r, struct wit_buf *out) {
    struct numbers m;
    struct wit_json_writer w;
    if (numbers_make(r, &m) < 0)
        return WIT_ENOMEM;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, "wit.filter.report/1");
    count_put(&w, "entries", r->n);
    count_put(&w, "entries_unmatched", r->n - m.with);
    count_put(&w, "matches", m.matches);
    count_put(&w, "matches_after", m.matches_after);
    count_put(&w, "t", r->t);
    share_put(&w, "tail_share", m.tail_matches, m.matches);
    count_put(&w, "first_percent_entries", m.top_entries);
    share_put(&w, "first_percent_share", m.top_matches, m.matches);
    entries_put(r, &m, &w);
    if (r->has_pairs)
        captions_put(r, &w);
    wit_json_object_end(&w);
    free(m.ranked);
    int st = wit_json_writer_finish(&w);
    return st < 0 ? st : wit_buf_append_byte(out, '\n');
}

/* ---- the plot -------------------------------------------------------------------------------- */

static int descending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static uint64_t *sorted_copy(const uint64_t *counts, size_t n) {
    uint64_t *copy = wit_alloc_array(n ? n : 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++)
        copy[i] = counts[i];
    if (copy)
        qsort(copy, n, sizeof *copy, descending);
    return copy;
}

int filter_report_svg(const struct filter_report *r, struct wit_buf *out) {
    uint64_t *before = sorted_copy(r->before, r->n), *after = sorted_copy(r->after, r->n);
    const struct rank_plot plot = {
        .title = "Captions of each entry, by rank",
        .x_label = "rank of the entry",
        .y_label = "captions that hold it",
        .series = { { "before balancing", before, r->n },
                    { r->has_pairs ? "after" : "after, each entry alone", after, r->n } },
        .series_count = 2,
        .line = r->t,
        .line_label = "t",
    };
    int st = before && after ? rank_plot_svg(&plot, out) : WIT_ENOMEM;
    free(before);
    free(after);
    return st;
}
