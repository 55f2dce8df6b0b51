/* progress.c: the line that says how far a long job is. */
#include "wit_base.h"

#include <unistd.h>

enum { TTY_INTERVAL_MS = 200, JSON_INTERVAL_MS = 1000 };

static uint64_t interval_of(const struct wit_progress *p) {
    return p->json ? JSON_INTERVAL_MS : p->tty ? TTY_INTERVAL_MS : WIT_PROGRESS_LINE_MS;
}

void wit_progress_start(struct wit_progress *p, const char *what, const char *unit, uint64_t total,
                        bool json) {
    *p = (struct wit_progress){ .what = what,
                                .unit = unit,
                                .total = total,
                                .json = json,
                                .tty = !json && isatty(STDERR_FILENO) == 1,
                                .start_ms = wit_clock_ms() };
    if (!p->tty && !json) /* short jobs say nothing */
        p->last_ms = p->start_ms;
}

static double rate_of(const struct wit_progress *p, uint64_t now_ms) {
    uint64_t elapsed_ms = now_ms - p->start_ms;
    return elapsed_ms ? (double)p->done * 1000.0 / (double)elapsed_ms : 0.0;
}

static void print_json(const struct wit_progress *p, uint64_t now_ms, const char *note) {
    struct wit_buf line = WIT_BUF_INIT(4096);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &line);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, "wit.progress/1");
    wit_json_key(&w, "job");
    wit_json_put_cstr(&w, p->what);
    wit_json_key(&w, "unit");
    wit_json_put_cstr(&w, p->unit);
    wit_json_key(&w, "done");
    wit_json_put_u64(&w, p->done);
    wit_json_key(&w, "failed");
    wit_json_put_u64(&w, p->failed);
    if (p->total) {
        wit_json_key(&w, "total");
        wit_json_put_u64(&w, p->total);
    }
    wit_json_key(&w, "per_second");
    wit_json_put_double(&w, rate_of(p, now_ms));
    if (note && *note) {
        wit_json_key(&w, "note");
        wit_json_put_cstr(&w, note);
    }
    wit_json_object_end(&w);
    if (wit_json_writer_finish(&w) == 0 && wit_buf_append_byte(&line, '\n') == 0)
        fwrite(line.data, 1, line.len, stderr);
    wit_buf_finish(&line);
}

static void print_line(struct wit_progress *p, uint64_t now_ms, const char *note) {
    char line[768];
    double rate = rate_of(p, now_ms);
    int n = snprintf(line, sizeof line, "%s: %llu", p->what, (unsigned long long)p->done);
    if (p->total)
        n += snprintf(line + n, sizeof line - (size_t)n, "/%llu", (unsigned long long)p->total);
    n += snprintf(line + n, sizeof line - (size_t)n, " %s, %.1f/s", p->unit, rate);
    if (p->done)
        n += snprintf(line + n, sizeof line - (size_t)n, ", %.1f %% ok",
                      100.0 * (double)(p->done - (p->failed < p->done ? p->failed : p->done)) /
                          (double)p->done);
    if (p->total > p->done && rate > 0)
        n += snprintf(line + n, sizeof line - (size_t)n, ", %.0f s left",
                      (double)(p->total - p->done) / rate);
    if (note && *note)
        snprintf(line + n, sizeof line - (size_t)n, ", %s", note);
    if (p->tty)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
    fflush(stderr);
    p->shown = true;
}

void wit_progress_update(struct wit_progress *p, uint64_t done, uint64_t failed, const char *note) {
    uint64_t now_ms = wit_clock_ms();
    p->done = done;
    p->failed = failed;
    if (now_ms - p->last_ms < interval_of(p))
        return;
    p->last_ms = now_ms;
    if (p->json)
        print_json(p, now_ms, note);
    else
        print_line(p, now_ms, note);
}

void wit_progress_finish(struct wit_progress *p, const char *note) {
    uint64_t now_ms = wit_clock_ms();
    if (p->json)
        print_json(p, now_ms, note);
    else if (p->shown) {
        print_line(p, now_ms, note);
        if (p->tty)
            fputc('\n', stderr);
    }
}
