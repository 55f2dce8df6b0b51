/* cmd_crawl_archive.c: `wit crawl archive`: what WARC and WAT files hold. */
#include "cmd_crawl_verbs.h"
#include "crawl_archive.h"

#include "wit_crawler_warc.h"
#include "wit_shards.h"

#include <getopt.h>

enum { LINE_MAX_BYTES = 1 << 21 /* a page's URL, an image's URL and a text, each with escapes */ };

static const char help[] =
    "usage: wit crawl archive F... [--user-agent NAME]\n\n"
    "Print what WARC and WAT files (plain or gzip) hold: a JSON object a line, for each candidate\n"
    "page, url, text, source; for each page that gives none for a reason page, refused. Broken\n"
    "records are named on standard error.\n\n"
    "  --user-agent NAME   product token that directives may be addressed to (default witbot)\n"
    "  --help              this page\n\n"
    "exit: 0 done | 1 failed | 2 bad usage | 3 done, but a file could not be opened, or a\n"
    "      record was broken\n";

/* One object: a candidate, or the reason of a page without any. */
static int line_write(struct wit_buf *out, const struct wit_crawler_archive_page *p,
                      const struct wit_crawler_pair *pair) {
    struct wit_json_writer w;
    wit_buf_reset(out);
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "page");
    wit_json_put_str(&w, p->url);
    if (pair) {
        wit_json_key(&w, "url");
        wit_json_put_str(&w, pair->url);
        wit_json_key(&w, "text");
        wit_json_put_str(&w, pair->text);
        wit_json_key(&w, "source");
        wit_json_put_cstr(&w, wit_shards_source_name(pair->source));
    } else {
        wit_json_key(&w, "refused");
        wit_json_put_cstr(&w, p->reason);
    }
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st == 0)
        st = wit_buf_append_byte(out, '\n');
    if (st == 0)
        fwrite(out->data, 1, out->len, stdout); /* the flush at the end says what went wrong */
    return st;
}

static int page_write(struct wit_buf *out, const struct wit_crawler_archive_page *p,
                      struct wit_error *err) {
    int st = p->reason ? line_write(out, p, NULL) : 0;
    for (size_t i = 0; !p->reason && i < p->page.pair_count && st == 0; i++)
        st = line_write(out, p, &p->page.pairs[i]);
    return st < 0 ? wit_error_set(err, st, "cannot print a candidate: %s", wit_status_meaning(st))
                  : 0;
}

static int pages_write(const struct wit_crawler_archive_config *cfg, int code) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf line = WIT_BUF_INIT(LINE_MAX_BYTES);
    struct wit_crawler_archive *a = NULL;
    struct wit_crawler_archive_page page;
    int st = wit_crawler_archive_open(cfg, &a, &err);
    while (st >= 0 && !ferror(stdout) && (st = wit_crawler_archive_next(a, &page, &err)) > 0) {
        if (page.fault) {
            fprintf(stderr, "wit crawl archive: %s\n", page.fault);
            code = CLI_PARTIAL;
        }
        st = page_write(&line, &page, &err);
    }
    wit_crawler_archive_close(a);
    wit_buf_finish(&line);
    int written = cli_write_stdout("crawl archive", wit_str_of(NULL, 0));
    if (st < 0)
        return cli_fail("crawl archive", &err);
    return written == CLI_DONE ? code : written;
}

int cmd_crawl_archive(int argc, char **argv) {
    static const struct option options[] = { { "user-agent", required_argument, NULL, 'u' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    struct wit_crawler_archive_config cfg = wit_crawler_archive_config_default();
    struct wit_error err = WIT_ERROR_INIT;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'u':
            cfg.agent = optarg;
            break;
        case 'h':
            return cli_write_stdout("crawl archive", WIT_STR(help));
        default:
            return cli_usage_error("crawl", "archive: bad option");
        }
    }
    if (optind == argc)
        return cli_usage_error("crawl", "archive needs a WARC or WAT file");
    const char **paths = (const char **)argv + optind;
    cfg.path_count = (size_t)(argc - optind);
    int st = crawl_archive_find("crawl archive", paths, &cfg.path_count, &err);
    cfg.paths = paths;
    if (st < 0)
        return cli_fail("crawl archive", &err);
    return pages_write(&cfg, st > 0 ? CLI_PARTIAL : CLI_DONE);
}
