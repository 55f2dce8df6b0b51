/* cmd_crawl_look.c: `wit crawl status`, `pause`, `resume` and `outcomes`: what a directory holds.
 */
#include "cmd_crawl_verbs.h"

#include "table/wit_table.h"
#include "wit_crawler.h"
#include "wit_shards.h"

#include <getopt.h>
#include <inttypes.h>

enum { STATUS_MOST_BYTES = 1 << 20, ROW_MOST_BYTES = 16 << 20, REASONS_SHOWN = 10 };

/* ---- status ---------------------------------------------------------------------------------- */

static const char status_help[] =
    "usage: wit crawl status DIR [--json]\n\n"
    "Say how far the crawl in DIR is, also while it runs: as of its last commit.\n\n"
    "  --json   the status as one JSON object\n"
    "  --help   this page\n\n"
    "exit: 0 done | 1 failed, or no crawl there | 2 bad usage\n";

static uint64_t count_of(const struct wit_json *status, const char *key) {
    int64_t value = 0;
    wit_json_int(wit_json_get(status, key), &value);
    return value > 0 ? (uint64_t)value : 0;
}

static void rate_print(const struct wit_json *status, struct wit_buf *out) {
    double seconds = 0;
    uint64_t ended = count_of(status, "run_pages") + count_of(status, "run_images") +
                     count_of(status, "run_refused");
    wit_json_number(wit_json_get(status, "duration"), &seconds);
    wit_buf_printf(out,
                   "this run   %.0f s, %" PRIu64 " urls, %.1f/s, %.1f %% ok, %.1f MB fetched\n",
                   seconds, ended, seconds > 0 ? (double)ended / seconds : 0,
                   ended ? 100.0 * (double)(ended - count_of(status, "run_refused")) / (double)ended
                         : 0,
                   (double)count_of(status, "run_fetched_bytes") / 1e6);
}

static void refusals_print(const struct wit_json *rows, struct wit_buf *out) {
    for (size_t i = 0; i < wit_json_size(rows) && i < REASONS_SHOWN; i++) {
        const struct wit_json *row = wit_json_at(rows, i);
        struct wit_str subject, reason;
        if (wit_json_string(wit_json_get(row, "subject"), &subject) == 0 &&
            wit_json_string(wit_json_get(row, "reason"), &reason) == 0)
            wit_buf_printf(out, "  refused  %.*s %.*s %" PRIu64 "\n", WIT_STR_FMT(subject),
                           WIT_STR_FMT(reason), count_of(row, "count"));
    }
}

static void status_print(const struct wit_json *status, struct wit_buf *out) {
    struct wit_str state = WIT_STR("unknown");
    wit_json_string(wit_json_get(status, "state"), &state);
    wit_buf_printf(out, "state      %.*s, process %" PRIu64 "\n", WIT_STR_FMT(state),
                   count_of(status, "pid"));
    wit_buf_printf(out, "pages      %" PRIu64 " read, %" PRIu64 " refused, %" PRIu64 " queued\n",
                   count_of(status, "pages"), count_of(status, "pages_refused"),
                   count_of(status, "pages_queued"));
    wit_buf_printf(out, "candidates %" PRIu64 " in the log\n", count_of(status, "candidates"));
    wit_buf_printf(out, "images     %" PRIu64 " stored (%.1f MB), %" PRIu64 " refused\n",
                   count_of(status, "images"), (double)count_of(status, "image_bytes") / 1e6,
                   count_of(status, "images_refused"));
    wit_buf_printf(out, "hosts      %" PRIu64 ", %" PRIu64 " in flight\n",
                   count_of(status, "hosts"), count_of(status, "in_flight"));
    rate_print(status, out);
    refusals_print(wit_json_get(status, "run_refusals"), out);
}

/* Options of a verb that takes a folder. */
struct look_options {
    const char *verb, *help;
    const char *dir;
    const char *format; /* --format; NULL before: the verb has none, and no --out */
    const char *out;
    bool has_json, json, helped;
};

static int look_parse(int argc, char **argv, struct look_options *o) {
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "format", required_argument, NULL, 'f' },
                                             { "out", required_argument, NULL, 'o' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'j' && o->has_json) {
            o->json = true;
        } else if (c == 'f' && o->format) {
            o->format = optarg;
        } else if (c == 'o' && o->format) {
            o->out = optarg;
        } else if (c == 'h') {
            o->helped = true;
            return cli_write_stdout("crawl", wit_str_from(o->help));
        } else {
            return cli_usage_error("crawl", "%s: bad option", o->verb);
        }
    }
    if (argc - optind != 1)
        return cli_usage_error("crawl", "%s takes one folder, not %d", o->verb, argc - optind);
    o->dir = argv[optind];
    return CLI_DONE;
}

int cmd_crawl_status(int argc, char **argv) {
    struct look_options o = { .verb = "status", .help = status_help, .has_json = true };
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(STATUS_MOST_BYTES), out = WIT_BUF_INIT(STATUS_MOST_BYTES);
    struct wit_json *status = NULL;
    int code = look_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    int st = wit_crawler_status(o.dir, &text, &err);
    if (st >= 0 && !o.json)
        st = wit_json_parse(wit_buf_view(&text), "status.json", &status, &err);
    if (st < 0) {
        code = cli_fail("crawl status", &err);
    } else if (o.json) {
        code = cli_write_stdout("crawl status", wit_buf_view(&text));
    } else {
        status_print(status, &out);
        code = cli_write_stdout("crawl status", wit_buf_view(&out));
    }
    wit_json_destroy(status);
    wit_buf_finish(&text);
    wit_buf_finish(&out);
    return code;
}

/* ---- pause, resume ----------------------------------------------------------------------------
 */

static const char pause_help[] =
    "usage: wit crawl pause DIR\n"
    "       wit crawl resume DIR\n\n"
    "Hold the crawl on DIR, a running one or the next: it starts no request until it is resumed.\n"
    "What is on its way arrives and is kept.\n\n"
    "exit: 0 done | 1 failed, or no crawl there | 2 bad usage\n";

static int hold(int argc, char **argv, const char *verb, bool paused) {
    struct look_options o = { .verb = verb, .help = pause_help };
    struct wit_error err = WIT_ERROR_INIT;
    int code = look_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    if (wit_crawler_pause(o.dir, paused, &err) < 0)
        return cli_fail(paused ? "crawl pause" : "crawl resume", &err);
    return CLI_DONE;
}

int cmd_crawl_pause(int argc, char **argv) {
    return hold(argc, argv, "pause", true);
}

int cmd_crawl_resume(int argc, char **argv) {
    return hold(argc, argv, "resume", false);
}

/* ---- outcomes ---------------------------------------------------------------------------------
 */

static const char outcomes_help[] =
    "usage: wit crawl outcomes DIR [--format tsv|jsonl|parquet --out F]\n\n"
    "For each image and caption that was found, in that order, what came of it: url, caption, "
    "key,\n"
    "status (success, failed_to_download, failed_to_resize, pending), error_message, width, "
    "height,\n"
    "original_width, original_height, page, source, extra (kept columns of a list, as JSON). What\n"
    "was read twice stands once. Beside a running crawl it is what the last commit has.\n\n"
    "  --format F   tsv (with a header line; cells that hold tabs or line ends in quotes, as\n"
    "               pandas reads them; default), jsonl, or parquet (builds with Arrow)\n"
    "  --out F      the parquet file; needed for it\n"
    "  --help       this page\n\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted\n";

static const struct wit_table_column outcome_columns[] = {
    { "url", WIT_TABLE_TEXT },
    { "caption", WIT_TABLE_TEXT },
    { "key", WIT_TABLE_TEXT },
    { "status", WIT_TABLE_TEXT },
    { "error_message", WIT_TABLE_TEXT },
    { "width", WIT_TABLE_INT },
    { "height", WIT_TABLE_INT },
    { "original_width", WIT_TABLE_INT },
    { "original_height", WIT_TABLE_INT },
    { "page", WIT_TABLE_TEXT },
    { "source", WIT_TABLE_TEXT },
    { "extra", WIT_TABLE_TEXT },
};

struct outcome_table {
    struct wit_buf row;
    bool jsonl, begun;
    struct wit_table_writer *parquet; /* NULL: lines */
};

/* A table without rows has a header line too; a folder without a crawl has no table. */
static void table_begin(struct outcome_table *t) {
    for (size_t i = 0; i < WIT_COUNT_OF(outcome_columns) && !t->jsonl && !t->begun; i++)
        printf("%s%s", outcome_columns[i].name,
               i + 1 < WIT_COUNT_OF(outcome_columns) ? "\t" : "\n");
    t->begun = true;
}

/* img2dataset's words; what the bytes were refused for is its "resize". */
static const char *status_of(const struct wit_shards_outcome *o) {
    if (o->status == 1)
        return "success";
    if (o->status == 0)
        return "pending";
    bool bytes = wit_str_starts_with(o->reason, WIT_STR("image_")) ||
                 wit_str_eq(o->reason, WIT_STR("not_an_image"));
    return bytes ? "failed_to_resize" : "failed_to_download";
}

/* As pandas.read_csv(sep="\t") and Python's csv read it: what holds a tab or a line end, or begins
 * with a quote, stands in quotes, and quotes in it are doubled. */
static void cell_put(struct wit_buf *out, struct wit_str text) {
    bool quoted = text.len && text.data[0] == '"';
    for (size_t i = 0; i < text.len && !quoted; i++)
        quoted = text.data[i] == '\t' || text.data[i] == '\n' || text.data[i] == '\r';
    if (!quoted) {
        wit_buf_append_str(out, text);
        return;
    }
    wit_buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            wit_buf_append_byte(out, '"');
        wit_buf_append_byte(out, text.data[i]);
    }
    wit_buf_append_byte(out, '"');
}

static void row_tsv(struct wit_buf *out, const struct wit_shards_candidate *cand,
                    const struct wit_shards_outcome *o, const char *key) {
    const uint32_t sizes[] = { o->width_px, o->height_px, o->fetched_width_px,
                               o->fetched_height_px };
    cell_put(out, cand->url);
    wit_buf_append_byte(out, '\t');
    cell_put(out, cand->text);
    wit_buf_printf(out, "\t%s\t%s\t", key, status_of(o));
    cell_put(out, o->reason);
    for (size_t i = 0; i < WIT_COUNT_OF(sizes); i++) {
        wit_buf_append_byte(out, '\t');
        if (sizes[i])
            wit_buf_printf(out, "%" PRIu32, sizes[i]);
    }
    wit_buf_append_byte(out, '\t');
    cell_put(out, cand->page);
    wit_buf_printf(out, "\t%s\t", wit_shards_source_name(cand->source));
    cell_put(out, cand->extra);
}

static void size_put(struct wit_json_writer *w, const char *key, uint32_t size_px) {
    wit_json_key(w, key);
    if (size_px)
        wit_json_put_u64(w, size_px);
    else
        wit_json_put_null(w);
}

static int row_jsonl(struct wit_buf *out, const struct wit_shards_candidate *cand,
                     const struct wit_shards_outcome *o, const char *key) {
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "url");
    wit_json_put_str(&w, cand->url);
    wit_json_key(&w, "caption");
    wit_json_put_str(&w, cand->text);
    wit_json_key(&w, "key");
    wit_json_put_cstr(&w, *key ? key : NULL);
    wit_json_key(&w, "status");
    wit_json_put_cstr(&w, status_of(o));
    wit_json_key(&w, "error_message");
    if (o->reason.len)
        wit_json_put_str(&w, o->reason);
    else
        wit_json_put_null(&w);
    size_put(&w, "width", o->width_px);
    size_put(&w, "height", o->height_px);
    size_put(&w, "original_width", o->fetched_width_px);
    size_put(&w, "original_height", o->fetched_height_px);
    wit_json_key(&w, "page");
    wit_json_put_str(&w, cand->page);
    wit_json_key(&w, "source");
    wit_json_put_cstr(&w, wit_shards_source_name(cand->source));
    wit_json_key(&w, "extra");
    if (cand->extra.len)
        wit_json_put_raw(&w, cand->extra);
    else
        wit_json_put_null(&w);
    wit_json_object_end(&w);
    return wit_json_writer_finish(&w);
}

static struct wit_str text_or_null(struct wit_str text) {
    return text.len ? text : wit_str_of(NULL, 0);
}

static int row_parquet(struct wit_table_writer *w, const struct wit_shards_candidate *cand,
                       const struct wit_shards_outcome *o, const char *key, struct wit_error *err) {
    const uint32_t sizes[] = { o->width_px, o->height_px, o->fetched_width_px,
                               o->fetched_height_px };
    wit_table_put_text(w, cand->url);
    wit_table_put_text(w, cand->text.data ? cand->text : WIT_STR(""));
    wit_table_put_text(w, text_or_null(wit_str_from(key)));
    wit_table_put_text(w, wit_str_from(status_of(o)));
    wit_table_put_text(w, text_or_null(o->reason));
    for (size_t i = 0; i < WIT_COUNT_OF(sizes); i++) {
        if (sizes[i])
            wit_table_put_int(w, (int32_t)sizes[i]);
        else
            wit_table_put_null(w);
    }
    wit_table_put_text(w, cand->page.data ? cand->page : WIT_STR(""));
    wit_table_put_text(w, wit_str_from(wit_shards_source_name(cand->source)));
    wit_table_put_text(w, text_or_null(cand->extra));
    return wit_table_row_end(w, err);
}

static int on_outcome(void *user, const struct wit_shards_candidate *cand,
                      const struct wit_shards_outcome *o, struct wit_error *err) {
    struct outcome_table *t = user;
    char key[WIT_HASH128_HEX] = "";
    int st = 0;
    if (o->key.hi || o->key.lo)
        wit_hash128_to_hex(o->key, key);
    if (cli_interrupted())
        return wit_error_set(err, WIT_ECANCELED, "interrupted");
    if (t->parquet)
        return row_parquet(t->parquet, cand, o, key, err);
    wit_buf_reset(&t->row);
    if (t->jsonl)
        st = row_jsonl(&t->row, cand, o, key);
    else
        row_tsv(&t->row, cand, o, key);
    if (st >= 0)
        st = wit_buf_append_byte(&t->row, '\n');
    if (st < 0)
        return wit_error_set(err, st, "cannot write the outcome of '%.*s': %s",
                             WIT_STR_FMT(cand->url), wit_status_meaning(st));
    table_begin(t);
    fwrite(t->row.data, 1, t->row.len, stdout);
    return ferror(stdout) ? 1 : 0; /* the flush at the end says why */
}

static int outcomes_to_parquet(const char *dir, const char *out, struct wit_error *err) {
    struct outcome_table table = { .jsonl = false };
    int st = wit_table_writer_open(out, outcome_columns, WIT_COUNT_OF(outcome_columns),
                                   &table.parquet, err);
    if (st >= 0)
        st = wit_shards_outcomes_each(dir, on_outcome, &table, err);
    if (st >= 0)
        st = wit_table_writer_finish(table.parquet, NULL, err);
    wit_table_writer_close(table.parquet);
    return st;
}

static int outcomes_to_lines(const char *dir, bool jsonl, struct wit_error *err) {
    struct outcome_table table = { .row = WIT_BUF_INIT(ROW_MOST_BYTES), .jsonl = jsonl };
    int st = wit_shards_outcomes_each(dir, on_outcome, &table, err);
    if (st >= 0)
        table_begin(&table);
    wit_buf_finish(&table.row);
    return st;
}

int cmd_crawl_outcomes(int argc, char **argv) {
    struct look_options o = { .verb = "outcomes", .help = outcomes_help, .format = "tsv" };
    struct wit_error err = WIT_ERROR_INIT;
    int code = look_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    bool parquet = strcmp(o.format, "parquet") == 0, jsonl = strcmp(o.format, "jsonl") == 0;
    if (!parquet && !jsonl && strcmp(o.format, "tsv") != 0)
        return cli_usage_error("crawl", "outcomes: there is no format '%s': tsv, jsonl or parquet",
                               o.format);
    if (parquet != (o.out != NULL))
        return cli_usage_error("crawl", "outcomes: --out is for parquet, which needs it");
    cli_catch_interrupts();
    int st =
        parquet ? outcomes_to_parquet(o.dir, o.out, &err) : outcomes_to_lines(o.dir, jsonl, &err);
    int written = cli_write_stdout("crawl outcomes", wit_str_of(NULL, 0));
    return st < 0 ? cli_fail("crawl outcomes", &err) : written;
}

/* ---- refused ----------------------------------------------------------------------------------
 */

static const char refused_help[] =
    "usage: wit crawl refused DIR\n\n"
    "What was refused and still is, a JSON object a line: subject (page, image, candidate, row,\n"
    "domain), url, reason. crawl/refused.jsonl has all that ever was; here what was asked for\n"
    "again counts as it ended. Also while a crawl runs there.\n\n"
    "  --help       this page\n\n"
    "exit: 0 done | 1 failed, or no crawl there | 2 bad usage | 130 interrupted\n";

static int on_refused(void *user, const struct wit_crawler_refused *refused,
                      struct wit_error *err) {
    struct wit_buf *line = user;
    struct wit_json_writer w;
    if (cli_interrupted())
        return wit_error_set(err, WIT_ECANCELED, "interrupted");
    wit_buf_reset(line);
    wit_json_writer_init(&w, line);
    wit_json_object_begin(&w);
    wit_json_key(&w, "subject");
    wit_json_put_cstr(&w, wit_crawler_subject_name(refused->subject));
    wit_json_key(&w, "url");
    wit_json_put_str(&w, refused->url);
    wit_json_key(&w, "reason");
    wit_json_put_str(&w, refused->reason);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(line, '\n');
    if (st < 0)
        return wit_error_set(err, st, "cannot print a refusal: %s", wit_status_meaning(st));
    fwrite(line->data, 1, line->len, stdout);
    return ferror(stdout) ? 1 : 0; /* the flush at the end says why */
}

int cmd_crawl_refused(int argc, char **argv) {
    struct look_options o = { .verb = "refused", .help = refused_help };
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf line = WIT_BUF_INIT(ROW_MOST_BYTES);
    int code = look_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    cli_catch_interrupts();
    int st = wit_crawler_refused_each(o.dir, on_refused, &line, &err);
    wit_buf_finish(&line);
    int written = cli_write_stdout("crawl refused", wit_str_of(NULL, 0));
    return st < 0 ? cli_fail("crawl refused", &err) : written;
}
