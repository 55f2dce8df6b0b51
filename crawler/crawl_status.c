/* crawl_status.c: the status of a run in files. */
#include "crawl_status.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define STATUS_MOST_BYTES ((size_t)256 << 10)

enum { LOOK_MS = 500, REASONS_MOST = 200 };

static const char state_running[] = "running";

static int path_of(char out[WIT_PATH_MAX], const char *dir, const char *name,
                   struct wit_error *err) {
    char folder[WIT_PATH_MAX];
    if (wit_path_join(folder, dir, "crawl") < 0 || wit_path_join(out, folder, name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void counts_put(struct wit_json_writer *w, const struct wit_crawler_progress *p) {
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        { "rows", p->rows },
        { "pages", p->pages },
        { "pages_refused", p->pages_refused },
        { "pages_queued", p->queued_pages },
        { "candidates", p->candidates },
        { "images", p->images },
        { "images_refused", p->images_refused },
        { "image_bytes", p->image_bytes },
        { "hosts", p->hosts },
        { "in_flight", p->in_flight },
        { "run_pages", p->run_pages },
        { "run_images", p->run_images },
        { "run_refused", p->run_refused },
        { "run_fetched_bytes", p->fetched_bytes },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(counts); i++) {
        wit_json_key(w, counts[i].key);
        wit_json_put_u64(w, counts[i].value);
    }
}

static void reasons_put(struct wit_json_writer *w, const struct wit_crawler_progress *p) {
    wit_json_key(w, "run_refusals");
    wit_json_array_begin(w);
    for (size_t i = 0; i < p->refusal_count && i < REASONS_MOST; i++) {
        wit_json_object_begin(w);
        wit_json_key(w, "subject");
        wit_json_put_cstr(w, wit_crawler_subject_name(p->refusals[i].subject));
        wit_json_key(w, "reason");
        wit_json_put_cstr(w, p->refusals[i].reason);
        wit_json_key(w, "count");
        wit_json_put_u64(w, p->refusals[i].count);
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

static int status_put(const struct crawl_status *s, const char *state,
                      const struct wit_crawler_progress *p, struct wit_buf *out) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, "wit.crawl.status/1");
    wit_json_key(&w, "state"); /* second: state_mend looks for it there */
    wit_json_put_cstr(&w, state);
    wit_json_key(&w, "pid");
    wit_json_put_int(&w, getpid());
    wit_json_key(&w, "start_time");
    wit_json_put_int(&w, s->started_s);
    wit_json_key(&w, "end_time");
    wit_json_put_int(&w, wit_clock_wall_s());
    wit_json_key(&w, "duration");
    wit_json_put_double(&w, (double)(wit_clock_ms() - s->started_ms) / 1000);
    counts_put(&w, p);
    reasons_put(&w, p);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    return st < 0 ? st : wit_buf_append_byte(out, '\n');
}

/* One line more in runs.jsonl. */
static int run_note(const struct crawl_status *s, struct wit_str line, struct wit_error *err) {
    int fd = open(s->runs_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", s->runs_path);
    int st = wit_fd_write_all(fd, line.data, line.len, s->runs_path, err);
    close(fd);
    return st;
}

int crawl_status_write(struct crawl_status *s, const char *state,
                       const struct wit_crawler_progress *p, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(STATUS_MOST_BYTES);
    bool running = strcmp(state, state_running) == 0;
    int st = status_put(s, running && p->paused ? "paused" : state, p, &text);
    if (st < 0)
        wit_error_set(err, st, "no memory for the status of a crawl");
    else
        st = wit_file_write_atomic(s->path, wit_buf_view(&text), err);
    if (st >= 0 && !running)
        st = run_note(s, wit_buf_view(&text), err);
    wit_buf_finish(&text);
    return st;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A run that says it is running, and is not, was killed. */
static int state_mend(struct wit_str text, struct wit_buf *out) {
    static const char *const states[] = { "\"state\":\"running\"", "\"state\":\"paused\"" };
    for (size_t i = 0; i < WIT_COUNT_OF(states); i++) {
        struct wit_str state = wit_str_from(states[i]);
        ptrdiff_t at = wit_str_find(text, state, 0);
        if (at < 0)
            continue;
        size_t end = (size_t)at + state.len;
        int st = wit_buf_append(out, text.data, (size_t)at);
        if (st >= 0)
            st = wit_buf_append_cstr(out, "\"state\":\"killed\"");
        return st < 0 ? st : wit_buf_append_str(out, wit_str_slice(text, end, text.len));
    }
    return wit_buf_append_str(out, text);
}

int wit_crawler_status(const char *dir, struct wit_buf *out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(STATUS_MOST_BYTES);
    int st = path_of(path, dir, "status.json", err);
    if (st >= 0)
        st = wit_file_read(path, &text, err);
    if (st >= 0)
        st = wit_shards_collector_is_open(dir) ? wit_buf_append_str(out, wit_buf_view(&text))
                                               : state_mend(wit_buf_view(&text), out);
    wit_buf_finish(&text);
    return st;
}

/* What a killed run left is a run like others; one that ended is in runs.jsonl already. */
static int killed_note(const struct crawl_status *s, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(STATUS_MOST_BYTES), mended = WIT_BUF_INIT(STATUS_MOST_BYTES);
    int st = wit_file_exists(s->path) ? wit_file_read(s->path, &text, err) : 0;
    if (st >= 0)
        st = state_mend(wit_buf_view(&text), &mended);
    if (st >= 0 && !wit_str_eq(wit_buf_view(&text), wit_buf_view(&mended)))
        st = run_note(s, wit_buf_view(&mended), err);
    wit_buf_finish(&text);
    wit_buf_finish(&mended);
    return st;
}

int crawl_status_open(struct crawl_status *s, const char *dir, struct wit_error *err) {
    *s = (struct crawl_status){ .started_s = wit_clock_wall_s(), .started_ms = wit_clock_ms() };
    int st = path_of(s->path, dir, "status.json", err);
    if (st >= 0)
        st = path_of(s->runs_path, dir, "runs.jsonl", err);
    if (st >= 0)
        st = path_of(s->pause_path, dir, "pause", err);
    return st < 0 ? st : killed_note(s, err);
}

/* ---- holding -------------------------------------------------------------------------------- */

bool crawl_status_is_paused(struct crawl_status *s, uint64_t now_ms) {
    if (now_ms - s->looked_ms >= LOOK_MS) {
        s->looked_ms = now_ms;
        s->paused = wit_file_exists(s->pause_path);
    }
    return s->paused;
}

int wit_crawler_pause(const char *dir, bool paused, struct wit_error *err) {
    char status[WIT_PATH_MAX], pause[WIT_PATH_MAX];
    int st = path_of(status, dir, "status.json", err);
    if (st >= 0)
        st = path_of(pause, dir, "pause", err);
    if (st < 0)
        return st;
    if (!wit_file_exists(status))
        return wit_error_set(err, WIT_ENOTFOUND, "there is no crawl in %s", dir);
    if (paused)
        return wit_file_write_atomic(pause, wit_str_of(NULL, 0), err);
    if (unlink(pause) < 0 && errno != ENOENT)
        return wit_error_errno(err, errno, "cannot remove %s", pause);
    return 0;
}
