/* log.c: one line to stderr, written by one call so that lines of threads do not mix. */
#include "wit_base.h"

#include <stdatomic.h>
#include <time.h>

enum { LINE_BYTES = 4096, MESSAGE_BYTES = 2048 };

static atomic_int least_level = WIT_LOG_INFO;
static atomic_bool json_lines;

void wit_log_set_level(enum wit_log_level least) {
    atomic_store(&least_level, (int)least);
}

void wit_log_set_json(bool on) {
    atomic_store(&json_lines, on);
}

static const char *level_name(enum wit_log_level level) {
    switch (level) {
    case WIT_LOG_DEBUG:
        return "debug";
    case WIT_LOG_INFO:
        return "info";
    case WIT_LOG_WARN:
        return "warn";
    default:
        return "error";
    }
}

/* Outside text may hold escape sequences: none of them reaches a terminal. */
static void escape_controls(const char *in, char *out, size_t out_bytes) {
    size_t n = 0;
    for (; *in && n + 5 < out_bytes; in++) {
        unsigned char c = (unsigned char)*in;
        if (c < 0x20 || c == 0x7F)
            n += (size_t)snprintf(out + n, out_bytes - n, "\\x%02x", c);
        else
            out[n++] = *in;
    }
    out[n] = '\0';
}

void wit_log(enum wit_log_level level, const char *area, const char *fmt, ...) {
    if ((int)level < atomic_load(&least_level))
        return;
    char message[MESSAGE_BYTES], when[32];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (!atomic_load(&json_lines)) {
        char clean[MESSAGE_BYTES], line[LINE_BYTES];
        escape_controls(message, clean, sizeof clean);
        int len =
            snprintf(line, sizeof line, "%s %s %s: %s\n", when, level_name(level), area, clean);
        fwrite(line, 1, (size_t)len, stderr);
        return;
    }
    struct wit_buf line = WIT_BUF_INIT(8 * LINE_BYTES);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &line);
    wit_json_object_begin(&w);
    wit_json_key(&w, "time");
    wit_json_put_cstr(&w, when);
    wit_json_key(&w, "level");
    wit_json_put_cstr(&w, level_name(level));
    wit_json_key(&w, "area");
    wit_json_put_cstr(&w, area);
    wit_json_key(&w, "message");
    wit_json_put_cstr(&w, message);
    wit_json_object_end(&w);
    if (wit_json_writer_finish(&w) == 0 && wit_buf_append_byte(&line, '\n') == 0)
        fwrite(line.data, 1, line.len, stderr);
    wit_buf_finish(&line);
}
