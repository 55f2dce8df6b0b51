/* parked_run.c: files of waiting pages. */
#include "parked_run.h"

#include "run_files.h"

enum {
    INDEX_AT = 24,
    SUM_AT = INDEX_AT + (PARKED_BUCKETS + 1) * 8,
    HEADER_BYTES = SUM_AT + 8,
    RECORD_HEAD_BYTES = 8
};

#define FILE_MOST_BYTES ((size_t)1 << 31)

static const char magic[8] = { 'w', 'i', 't', 'p', 'a', 'r', 'k', '1' };

unsigned parked_bucket(uint64_t domain) {
    return (unsigned)(domain >> 54);
}

/* ---- writing -------------------------------------------------------------------------------- */

static uint32_t record_sum(const uint8_t *length, size_t page_bytes) {
    return (uint32_t)wit_hash64_of(length, 4 + FRONTIER_ID_BYTES + page_bytes, 0);
}

static int record_append(struct wit_buf *out, const struct parked_page *p) {
    uint8_t head[RECORD_HEAD_BYTES] = { 0 };
    size_t at = out->len;
    wit_store_le32(head + 4, (uint32_t)p->page.len);
    int st = wit_buf_append(out, head, sizeof head);
    if (st >= 0)
        st = wit_buf_append(out, p->id, FRONTIER_ID_BYTES);
    if (st >= 0)
        st = wit_buf_append_str(out, p->page);
    if (st >= 0)
        wit_store_le32(out->data + at,
                       record_sum((const uint8_t *)out->data + at + 4, p->page.len));
    return st;
}

static int header_reserve(struct wit_buf *out) {
    static const uint8_t zeros[HEADER_BYTES];
    return wit_buf_append(out, zeros, sizeof zeros);
}

static int records_append(struct wit_buf *out, const struct parked_page *pages, size_t count) {
    unsigned bucket = 0;
    int st = 0;
    for (size_t i = 0; i < count && st >= 0; i++) {
        unsigned own = parked_bucket(wit_load_be64(pages[i].id));
        for (; bucket <= own; bucket++)
            wit_store_le64(out->data + INDEX_AT + 8 * (size_t)bucket, out->len);
        st = record_append(out, &pages[i]);
    }
    for (; st >= 0 && bucket <= PARKED_BUCKETS; bucket++)
        wit_store_le64(out->data + INDEX_AT + 8 * (size_t)bucket, out->len);
    return st;
}

int parked_run_write(const char *folder, uint64_t number, const struct parked_page *pages,
                     size_t count, struct wit_error *err) {
    struct wit_buf out = WIT_BUF_INIT(FILE_MOST_BYTES);
    char path[WIT_PATH_MAX];
    int st = run_file_path(path, folder, PARKED_RUN_NAME, number, err);
    if (st < 0)
        return st;
    st = header_reserve(&out);
    if (st >= 0)
        st = records_append(&out, pages, count);
    if (st < 0) {
        st = wit_error_set(err, st, "no room in memory for %zu pages of %s", count, path);
    } else {
        memcpy(out.data, magic, sizeof magic);
        wit_store_le64(out.data + 8, count);
        wit_store_le64(out.data + 16, out.len);
        wit_store_le64(out.data + SUM_AT, wit_hash64_of(out.data, SUM_AT, 0));
        st = wit_file_write_atomic(path, wit_buf_view(&out), err);
    }
    wit_buf_finish(&out);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

uint64_t parked_run_begin(const struct parked_run *run, unsigned bucket) {
    return wit_load_le64(run->map + INDEX_AT + 8 * (size_t)bucket);
}

static bool header_is_right(const struct parked_run *run) {
    if (memcmp(run->map, magic, sizeof magic) != 0 || wit_load_le64(run->map + 16) != run->bytes ||
        wit_load_le64(run->map + SUM_AT) != wit_hash64_of(run->map, SUM_AT, 0))
        return false;
    uint64_t before = HEADER_BYTES;
    for (unsigned b = 0; b <= PARKED_BUCKETS; b++) {
        if (parked_run_begin(run, b) < before)
            return false;
        before = parked_run_begin(run, b);
    }
    return before == run->bytes;
}

int parked_run_open(struct parked_run *run, const char *folder, struct wit_error *err) {
    int st = run_file_path(run->path, folder, PARKED_RUN_NAME, run->number, err);
    if (st >= 0)
        st = run_file_map(run->path, HEADER_BYTES, &run->map, &run->bytes, err);
    if (st < 0)
        return st;
    if (!header_is_right(run)) {
        parked_run_close(run);
        return wit_error_set(err, WIT_ECORRUPT, "%s is not the file of waiting pages that it was",
                             run->path);
    }
    run->count = wit_load_le64(run->map + 8);
    return 0;
}

void parked_run_close(struct parked_run *run) {
    run_file_unmap(&run->map, run->bytes);
}

int parked_run_read(const struct parked_run *run, uint64_t *at, struct parked_page *out,
                    struct wit_error *err) {
    const uint8_t *p = run->map + *at;
    uint64_t left = run->bytes - *at, least = RECORD_HEAD_BYTES + FRONTIER_ID_BYTES + 2;
    uint32_t len = left < least ? 0 : wit_load_le32(p + 4);
    if (len < 2 || len > PARKED_PAGE_MOST_BYTES ||
        len > left - RECORD_HEAD_BYTES - FRONTIER_ID_BYTES ||
        wit_load_le32(p) != record_sum(p + 4, len))
        return wit_error_set(err, WIT_ECORRUPT, "%s is damaged at byte %llu", run->path,
                             (unsigned long long)*at);
    out->id = p + RECORD_HEAD_BYTES;
    out->page = wit_str_of(p + RECORD_HEAD_BYTES + FRONTIER_ID_BYTES, len);
    *at += RECORD_HEAD_BYTES + FRONTIER_ID_BYTES + len;
    return 0;
}
