/* filter_counts.c: counts files, "entry_id<TAB>count<TAB>prob(t=T)". */
#include "filter_private.h"

#include <stdlib.h>

/* The next of `rest` up to `end` (which is taken off too) or to its end. */
static struct wit_str cut_at(struct wit_str *rest, char end) {
    ptrdiff_t at = wit_str_find_byte(*rest, end, 0);
    struct wit_str piece = wit_str_slice(*rest, 0, at < 0 ? rest->len : (size_t)at);
    *rest = wit_str_slice(*rest, at < 0 ? rest->len : (size_t)at + 1, rest->len);
    return piece;
}

static int parse_line(struct wit_str line, const char *name, uint64_t number, uint64_t *counts,
                      uint8_t *seen, size_t n, struct wit_error *err) {
    uint64_t id, count;
    struct wit_str id_text = cut_at(&line, '\t'), count_text = cut_at(&line, '\t');
    if (wit_str_to_u64(id_text, &id) < 0 || wit_str_to_u64(count_text, &count) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s:%llu: not an entry id, a tab and a count", name,
                             (unsigned long long)number);
    if (id >= n)
        return wit_error_set(err, WIT_EFORMAT, "%s:%llu: entry %llu, but the allowlist has %zu",
                             name, (unsigned long long)number, (unsigned long long)id, n);
    if (seen[id])
        return wit_error_set(err, WIT_EFORMAT, "%s:%llu: entry %llu stands here a second time",
                             name, (unsigned long long)number, (unsigned long long)id);
    seen[id] = 1;
    counts[id] = count;
    return 0;
}

int wit_filter_counts_parse(struct wit_str bytes, const char *name, uint64_t *counts, size_t n,
                            struct wit_error *err) {
    uint64_t *read = wit_alloc_array(n ? n : 1, sizeof *read);
    uint8_t *seen = wit_alloc_array(n ? n : 1, 1);
    struct wit_str rest = bytes;
    int st = 0;
    if (!read || !seen) {
        st = wit_error_set(err, WIT_ENOMEM, "%s: no memory for %zu counts", name, n);
        goto out;
    }
    struct wit_str header = cut_at(&rest, '\n');
    if (!wit_str_starts_with(header, WIT_STR("entry_id\tcount"))) {
        st = wit_error_set(err, WIT_EFORMAT, "%s:1: a counts file begins 'entry_id<TAB>count'",
                           name);
        goto out;
    }
    for (uint64_t number = 2; rest.len; number++) {
        struct wit_str line = cut_at(&rest, '\n');
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0)
            continue;
        st = parse_line(line, name, number, read, seen, n, err);
        if (st < 0)
            goto out;
    }
    if (n)
        memcpy(counts, read, n * sizeof *counts);
out:
    free(read);
    free(seen);
    return st;
}

/* 1 + the largest id of a counts file; what is wrong with it is found when it is read. */
static size_t ids_end(struct wit_str rest) {
    size_t end = 1;
    for (cut_at(&rest, '\n'); rest.len;) {
        struct wit_str line = cut_at(&rest, '\n');
        uint64_t id;
        if (wit_str_to_u64(cut_at(&line, '\t'), &id) >= 0 && id < WIT_FILTER_ENTRIES_MAX &&
            id >= end)
            end = (size_t)id + 1;
    }
    return end;
}

int wit_filter_counts_load_any(const char *path, uint64_t **counts, size_t *n,
                               struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(WIT_FILTER_COUNTS_MAX_BYTES);
    uint64_t *read = NULL;
    size_t end = 0;
    int st = wit_file_read(path, &bytes, err);
    if (st >= 0) {
        end = ids_end(wit_buf_view(&bytes));
        read = wit_alloc_array(end, sizeof *read);
        st = read ? wit_filter_counts_parse(wit_buf_view(&bytes), path, read, end, err)
                  : wit_error_set(err, WIT_ENOMEM, "%s: no memory for %zu counts", path, end);
    }
    wit_buf_finish(&bytes);
    if (st < 0) {
        free(read);
        return st;
    }
    *counts = read;
    *n = end;
    return 0;
}

int wit_filter_counts_add(uint64_t *sum, const uint64_t *part, size_t n, struct wit_error *err) {
    for (size_t i = 0; i < n; i++)
        if (part[i] > UINT64_MAX - sum[i])
            return wit_error_set(err, WIT_ELIMIT, "the counts of entry %zu add up to too much", i);
    for (size_t i = 0; i < n; i++)
        sum[i] += part[i];
    return 0;
}

/* ---- t of a language --------------------------------------------------------------------------
 */

double wit_filter_tail_share(const uint64_t *counts, size_t n, uint64_t t) {
    double tail = 0, all = 0;
    for (size_t i = 0; i < n; i++) {
        all += (double)counts[i];
        tail += counts[i] < t ? (double)counts[i] : 0;
    }
    return all > 0 ? tail / all : 0;
}

static int count_order(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

int wit_filter_t_of_share(const uint64_t *counts, size_t n, double share, uint64_t *t,
                          struct wit_error *err) {
    if (!(share >= 0 && share <= 1))
        return wit_error_set(err, WIT_EINVAL, "a share of matches is 0 to 1, not %g", share);
    uint64_t *sorted = wit_alloc_array(n ? n : 1, sizeof *sorted);
    if (!sorted)
        return wit_error_set(err, WIT_ENOMEM, "no memory to sort %zu counts", n);
    double all = 0, sum = 0, nearest = 2;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = counts[i];
        all += (double)counts[i];
    }
    qsort(sorted, n, sizeof *sorted, count_order);
    for (size_t i = 0; i < n; i++) {
        if (sorted[i] == 0)
            continue;
        sum += (double)sorted[i];
        double distance = sum / all > share ? sum / all - share : share - sum / all;
        if (distance < nearest) {
            nearest = distance;
            *t = sorted[i];
        }
    }
    free(sorted);
    return all > 0 ? 0 : wit_error_set(err, WIT_EINVAL, "no entry has a count: there is no t");
}

int wit_filter_counts_load(const char *path, uint64_t *counts, size_t n, struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(WIT_FILTER_COUNTS_MAX_BYTES);
    int st = wit_file_read(path, &bytes, err);
    if (st >= 0)
        st = wit_filter_counts_parse(wit_buf_view(&bytes), path, counts, n, err);
    wit_buf_finish(&bytes);
    return st;
}

int wit_filter_counts_format(const uint64_t *counts, size_t n, uint64_t t, struct wit_buf *out,
                             struct wit_error *err) {
    int st = t ? wit_buf_printf(out, "entry_id\tcount\tprob(t=%llu)\n", (unsigned long long)t)
               : wit_buf_append_cstr(out, "entry_id\tcount\n");
    for (size_t id = 0; id < n && st >= 0; id++) {
        if (!counts[id])
            continue;
        st = wit_buf_printf(out, "%zu\t%llu", id, (unsigned long long)counts[id]);
        if (st >= 0 && t)
            st = wit_buf_printf(out, "\t%.17g", wit_filter_probability(counts[id], t));
        if (st >= 0)
            st = wit_buf_append_byte(out, '\n');
    }
    return st < 0 ? wit_error_set(err, st, "cannot write down the counts of %zu entries", n) : 0;
}

int wit_filter_counts_save(const char *path, const uint64_t *counts, size_t n, uint64_t t,
                           struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(WIT_FILTER_COUNTS_MAX_BYTES);
    int st = wit_filter_counts_format(counts, n, t, &bytes, err);
    if (st >= 0)
        st = wit_file_write_atomic(path, wit_buf_view(&bytes), err);
    wit_buf_finish(&bytes);
    return st;
}
