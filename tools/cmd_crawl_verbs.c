/* cmd_crawl_verbs.c: `wit crawl url`, `wit crawl robots` and `wit crawl extract`. */
#include "cmd_crawl_verbs.h"

#include "text/wit_text.h"
#include "wit_crawler_page.h"
#include "wit_shards.h"

#include <getopt.h>

enum {
    PAGE_MAX_BYTES = 256 << 20,
    LINE_MAX_BYTES = 1 << 20 /* one JSON object: a URL and a text, each within its own ceiling */
};

cli_command_fn cmd_crawl_verb_find(const char *name) {
    static const struct {
        const char *name;
        cli_command_fn run;
    } verbs[] = { { "url", cmd_crawl_url },           { "robots", cmd_crawl_robots },
                  { "extract", cmd_crawl_extract },   { "status", cmd_crawl_status },
                  { "pause", cmd_crawl_pause },       { "resume", cmd_crawl_resume },
                  { "outcomes", cmd_crawl_outcomes }, { "archive", cmd_crawl_archive },
                  { "refused", cmd_crawl_refused } };
    for (size_t i = 0; i < WIT_COUNT_OF(verbs) && name; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return verbs[i].run;
    return NULL;
}

/* ---- url --------------------------------------------------------------------------------------
 */

static const char url_help[] =
    "usage: wit crawl url URL [--base URL]\n\n"
    "Parse URL as browsers do (WHATWG URL Standard) and print one JSON object: href, scheme, "
    "host,\n"
    "port (null when default), path, query (without '?'), domain (the registrable one).\n\n"
    "  --base URL   what a relative URL refers to\n"
    "  --help       this page\n\n"
    "exit: 0 done | 1 no valid URL | 2 bad usage\n";

static int print_url(const struct wit_url *url) {
    struct wit_buf out = WIT_BUF_INIT(16 * WIT_URL_MAX_BYTES);
    struct wit_json_writer w;
    struct wit_error err = WIT_ERROR_INIT;
    wit_json_writer_init(&w, &out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "href");
    wit_json_put_str(&w, wit_url_href(url));
    wit_json_key(&w, "scheme");
    wit_json_put_str(&w, wit_url_scheme(url));
    wit_json_key(&w, "host");
    wit_json_put_str(&w, wit_url_host(url));
    wit_json_key(&w, "port");
    if (wit_url_port(url) >= 0)
        wit_json_put_int(&w, wit_url_port(url));
    else
        wit_json_put_null(&w);
    wit_json_key(&w, "path");
    wit_json_put_str(&w, wit_url_path(url));
    wit_json_key(&w, "query");
    wit_json_put_str(&w, wit_url_query(url));
    wit_json_key(&w, "domain");
    wit_json_put_str(&w, wit_domain_registrable(wit_url_host(url)));
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st == 0)
        st = wit_buf_append_byte(&out, '\n');
    int code = CLI_FAILED;
    if (st < 0) {
        wit_error_set(&err, st, "cannot print the URL: %s", wit_status_meaning(st));
        cli_fail("crawl url", &err);
    } else {
        code = cli_write_stdout("crawl url", wit_buf_view(&out));
    }
    wit_buf_finish(&out);
    return code;
}

int cmd_crawl_url(int argc, char **argv) {
    static const struct option options[] = { { "base", required_argument, NULL, 'b' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *base_text = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'b':
            base_text = optarg;
            break;
        case 'h':
            return cli_write_stdout("crawl url", WIT_STR(url_help));
        default:
            return cli_usage_error("crawl", "url: bad option");
        }
    }
    if (argc - optind != 1)
        return cli_usage_error("crawl", "url takes one URL, not %d", argc - optind);
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_url base = WIT_URL_INIT, url = WIT_URL_INIT;
    int st = 0;
    if (base_text) {
        st = wit_url_parse(&base, wit_str_from(base_text), NULL, &err);
        if (st < 0)
            wit_error_wrap(&err, "--base");
    }
    if (st == 0)
        st = wit_url_parse(&url, wit_str_from(argv[optind]), base_text ? &base : NULL, &err);
    int code = st < 0 ? cli_fail("crawl url", &err) : print_url(&url);
    wit_url_finish(&base);
    wit_url_finish(&url);
    return code;
}

/* ---- robots ------------------------------------------------------------------------------------
 */

static const char robots_help[] =
    "usage: wit crawl robots --file F --agent A URL...\n\n"
    "Say for each URL whether robots.txt file F lets product token A fetch it: one line each,\n"
    "'allow' or 'deny', a tab, the URL. Only path and query are looked at; a path alone will "
    "do.\n\n"
    "  --file F    the robots.txt (RFC 9309; the first 500 KiB count)\n"
    "  --agent A   product token, such as witbot; a version behind it is ignored\n"
    "  --help      this page\n\n"
    "exit: 0 done | 1 failed | 2 bad usage | 3 done, but a URL was not valid\n";

/* "/a?b" as it stands, or path and query of a URL. */
static int robots_target(struct wit_url *url, const char *text, struct wit_str *target,
                         struct wit_error *err) {
    struct wit_url base = WIT_URL_INIT;
    int st = wit_url_parse(&base, WIT_STR("http://host/"), NULL, err);
    if (st == 0)
        st = wit_url_parse(url, wit_str_from(text), text[0] == '/' ? &base : NULL, err);
    if (st == 0)
        *target = wit_url_target(url);
    wit_url_finish(&base);
    return st;
}

static int print_verdicts(const struct wit_crawler_robots *robots, const char *agent, char **urls) {
    struct wit_url url = WIT_URL_INIT;
    int code = CLI_DONE;
    for (; *urls; urls++) {
        struct wit_error err = WIT_ERROR_INIT;
        struct wit_str target;
        if (robots_target(&url, *urls, &target, &err) < 0) {
            cli_fail("crawl robots", &err);
            code = CLI_PARTIAL;
            continue;
        }
        bool allowed = wit_crawler_robots_allows(robots, wit_str_from(agent), target);
        printf("%s\t%s\n", allowed ? "allow" : "deny", *urls);
    }
    wit_url_finish(&url);
    int written = cli_write_stdout("crawl robots", wit_str_of(NULL, 0));
    return written == CLI_DONE ? code : written;
}

int cmd_crawl_robots(int argc, char **argv) {
    static const struct option options[] = { { "file", required_argument, NULL, 'f' },
                                             { "agent", required_argument, NULL, 'a' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *file = NULL, *agent = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'f':
            file = optarg;
            break;
        case 'a':
            agent = optarg;
            break;
        case 'h':
            return cli_write_stdout("crawl robots", WIT_STR(robots_help));
        default:
            return cli_usage_error("crawl", "robots: bad option");
        }
    }
    if (!file || !agent || optind == argc)
        return cli_usage_error("crawl", "robots needs --file, --agent and at least one URL");
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(PAGE_MAX_BYTES);
    struct wit_crawler_robots *robots = NULL;
    int st = wit_file_read(file, &text, &err);
    if (st == 0)
        st = wit_crawler_robots_parse(text.data, text.len, &robots, &err);
    int code =
        st < 0 ? cli_fail("crawl robots", &err) : print_verdicts(robots, agent, argv + optind);
    wit_crawler_robots_destroy(robots);
    wit_buf_finish(&text);
    return code;
}

/* ---- extract -----------------------------------------------------------------------------------
 */

static const char extract_help[] =
    "usage: wit crawl extract F --base URL [--charset C] [--sitemap]\n\n"
    "Print the image-text candidates of an HTML file, one JSON object per line: url, text, source\n"
    "(alt, title, figcaption or og_description), in document order. Of a sitemap: its links, then\n"
    "the pairs of its images, with their page.\n\n"
    "  --base URL    the page's own address; relative addresses are resolved against it\n"
    "  --charset C   encoding, as a Content-Type header would give it; default: found in the page\n"
    "  --sitemap     the file is a sitemap or a feed, gzipped or not\n"
    "  --help        this page\n\n"
    "exit: 0 done | 1 failed | 2 bad usage\n";

struct member {
    const char *key;
    struct wit_str value;
};

/* A line of standard output: an object of these members. */
static int print_object(const struct member *members, size_t count) {
    struct wit_buf out = WIT_BUF_INIT(LINE_MAX_BYTES);
    struct wit_json_writer w;
    int code = CLI_DONE;
    wit_json_writer_init(&w, &out);
    wit_json_object_begin(&w);
    for (size_t i = 0; i < count; i++) {
        wit_json_key(&w, members[i].key);
        wit_json_put_str(&w, members[i].value);
    }
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st == 0)
        st = wit_buf_append_byte(&out, '\n');
    if (st < 0) {
        struct wit_error err = WIT_ERROR_INIT;
        wit_error_set(&err, st, "cannot print a candidate: %s", wit_status_meaning(st));
        code = cli_fail("crawl extract", &err);
    } else if (fwrite(out.data, 1, out.len, stdout) != out.len) {
        code = cli_write_stdout("crawl extract", wit_str_of(NULL, 0)); /* says why */
    }
    wit_buf_finish(&out);
    return code;
}

static int print_links(const struct wit_crawler_page *page) {
    int code = CLI_DONE;
    for (size_t i = 0; i < page->link_count && code == CLI_DONE; i++) {
        const struct member link = { page->is_index ? "sitemap" : "link", page->links[i].url };
        code = print_object(&link, 1);
    }
    return code;
}

static int print_pairs(const struct wit_crawler_page *page) {
    int code = CLI_DONE;
    for (size_t i = 0; i < page->pair_count && code == CLI_DONE; i++) {
        const struct wit_crawler_pair *pair = &page->pairs[i];
        const struct member members[] = {
            { "url", pair->url },
            { "text", pair->text },
            { "source", wit_str_from(wit_shards_source_name(pair->source)) },
            { "page", pair->page },
        };
        code = print_object(members, pair->page.len ? 4 : 3);
    }
    return code;
}

static int print_page(const struct wit_crawler_page *page, enum wit_crawler_document document) {
    int code = document == WIT_CRAWLER_SITEMAP ? print_links(page) : CLI_DONE;
    if (code == CLI_DONE)
        code = print_pairs(page);
    int written = cli_write_stdout("crawl extract", wit_str_of(NULL, 0));
    return written == CLI_DONE ? code : written;
}

int cmd_crawl_extract(int argc, char **argv) {
    static const struct option options[] = { { "base", required_argument, NULL, 'b' },
                                             { "charset", required_argument, NULL, 'c' },
                                             { "sitemap", no_argument, NULL, 's' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    struct wit_crawler_page_source from = { .document = WIT_CRAWLER_HTML };
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case 'b':
            from.url = wit_str_from(optarg);
            break;
        case 'c':
            from.charset = wit_str_from(optarg);
            break;
        case 's':
            from.document = WIT_CRAWLER_SITEMAP;
            break;
        case 'h':
            return cli_write_stdout("crawl extract", WIT_STR(extract_help));
        default:
            return cli_usage_error("crawl", "extract: bad option");
        }
    }
    if (argc - optind != 1 || !from.url.data)
        return cli_usage_error("crawl", "extract needs one file and --base");
    if (from.charset.len && !wit_charset_find(from.charset))
        return cli_usage_error("crawl", "--charset: there is no encoding '%.*s'",
                               WIT_STR_FMT(from.charset));
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf html = WIT_BUF_INIT(PAGE_MAX_BYTES);
    struct wit_crawler_page page;
    struct wit_crawler_extractor *x = wit_crawler_extractor_create();
    int st = x ? 0 : wit_error_set(&err, WIT_ENOMEM, "no memory for an extractor");
    if (st == 0)
        st = wit_file_read(argv[optind], &html, &err);
    if (st == 0)
        st = wit_crawler_page_extract(x, &from, wit_buf_view(&html), &page, &err);
    int code = st < 0 ? cli_fail("crawl extract", &err) : print_page(&page, from.document);
    if (st == 0 && page.truncated)
        fprintf(stderr,
                "wit crawl extract: '%s' passed a ceiling or is broken: "
                "something was left out\n",
                argv[optind]);
    wit_crawler_extractor_destroy(x);
    wit_buf_finish(&html);
    return code;
}
