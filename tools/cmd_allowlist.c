/* wit allowlist: make the list of queries that select pairs, and look at one. */
#include "cli.h"
#include "wit_filter.h"

#include <getopt.h>
#include <stdlib.h>

enum { MEMORY_MB_MOST = 1 << 20 };

static void usage(FILE *to) {
    fputs(
        "usage: wit allowlist build --out F [--wordnet DIR] [--extra FILE]... [--wiki DUMP]...\n"
        "                           [--pageviews FILE]... [options]\n"
        "       wit allowlist compile F --out G\n"
        "       wit allowlist show F [--entry E] [--origins G]\n"
        "\n"
        "build    writes a list, an entry a line: the names of WordNet's synsets, numbers 0 to "
        "99, extra\n"
        "         files, words and bigrams of Wikipedia dumps, titles by page views, in this "
        "order; an\n"
        "         entry stands where it came first\n"
        "compile  writes a list with its index as one file that every command takes in F's place "
        "and\n"
        "         opens in milliseconds\n"
        "show     what a list holds, as one JSON object; with --entry, the ids of an entry, where "
        "it\n"
        "         came from and its score\n"
        "\n"
        "  --out F             the file to write\n"
        "  --wordnet DIR       WordNet's data.noun, data.verb, data.adj, data.adv; brings the "
        "numbers too\n"
        "  --extra FILE        an entry a line; may be given again (--words is the same)\n"
        "  --wiki DUMP         pages-articles of a MediaWiki, .xml or .xml.bz2; may be given "
        "again\n"
        "  --min-count N       occurrences of a word, default 100\n"
        "  --bigrams RULE      pmi:BITS, top:N or none; default pmi:30\n"
        "  --bigram-count N    occurrences of a bigram, default 1\n"
        "  --pageviews FILE    hourly page views, gzip or plain; may be given again\n"
        "  --project NAME      whose titles, default en\n"
        "  --hourly-views N    views in an hour that count, default 50\n"
        "  --titles RULE       views:N, top:N or none; default views:70\n"
        "  --size N            entries at most, default 500000\n"
        "  --threads N         default: one for each processor\n"
        "  --memory MB         of tables while counting, default 768\n"
        "  --work DIR          counts of finished inputs, for going on; default F.work\n"
        "  --origins F         build: the side file with id, origin, score and entry, default "
        "F.origins;\n"
        "                      show: where it is\n"
        "  --entry E           show: only this entry\n"
        "  --help              this page\n",
        to);
}

static void put_count(struct wit_json_writer *w, const char *key, uint64_t n) {
    wit_json_key(w, key);
    wit_json_put_u64(w, n);
}

/* ---- build --------------------------------------------------------------------------------- */

static int report_print(const char *out_path, const struct wit_filter_build_report *r) {
    struct wit_buf text = WIT_BUF_INIT(1 << 16);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, "wit.allowlist.build/1");
    wit_json_key(&w, "out");
    wit_json_put_cstr(&w, out_path);
    put_count(&w, "entries", r->entries);
    for (int i = 0; i < WIT_FILTER_ORIGINS; i++) {
        wit_json_key(&w, wit_filter_origin_name((enum wit_filter_origin)i));
        wit_json_put_u64(&w, r->by_origin[i]);
    }
    put_count(&w, "repeated", r->repeated);
    put_count(&w, "punctuation", r->punctuation);
    put_count(&w, "empty", r->empty);
    put_count(&w, "over_size", r->over_size);
    put_count(&w, "pages", r->pages);
    put_count(&w, "articles", r->articles);
    put_count(&w, "words_counted", r->words_counted);
    put_count(&w, "distinct_words", r->distinct_words);
    put_count(&w, "bad_lines", r->bad_lines);
    put_count(&w, "resumed", r->resumed);
    wit_json_object_end(&w);
    int code = CLI_FAILED;
    if (wit_json_writer_finish(&w) >= 0 && wit_buf_append_byte(&text, '\n') >= 0)
        code = cli_write_stdout("allowlist", wit_buf_view(&text));
    wit_buf_finish(&text);
    return code;
}

struct build_options {
    struct wit_filter_build_config cfg;
    const char *extra[WIT_FILTER_BUILD_FILES_MAX], *wiki[WIT_FILTER_BUILD_FILES_MAX],
        *pageviews[WIT_FILTER_BUILD_FILES_MAX];
    const char *out;
    uint64_t size, threads, memory_mb;
    bool help;
    char origins[WIT_PATH_MAX];
    struct wit_progress progress;
};

static int add_file(const char **files, size_t *n, const char *path) {
    if (*n == WIT_FILTER_BUILD_FILES_MAX)
        return cli_usage_error("allowlist", "more than %u files of a kind",
                               WIT_FILTER_BUILD_FILES_MAX);
    files[(*n)++] = path;
    return CLI_DONE;
}

/* "pmi:30", "top:1000" or "none"; `least` is the name of the first. */
static int parse_cut(const char *option, const char *least, const char *text,
                     struct wit_filter_cut *out) {
    size_t n = strlen(least);
    if (strcmp(text, "none") == 0) {
        out->kind = WIT_FILTER_CUT_NONE;
        return CLI_DONE;
    }
    if (strncmp(text, "top:", 4) == 0) {
        out->kind = WIT_FILTER_CUT_TOP;
        return cli_parse_u64("allowlist", option, text + 4, 1, WIT_FILTER_ENTRIES_MAX, &out->top);
    }
    if (strncmp(text, least, n) == 0 && text[n] == ':') {
        out->kind = WIT_FILTER_CUT_LEAST;
        return cli_parse_double("allowlist", option, text + n + 1, -1e15, 1e15, &out->least);
    }
    return cli_usage_error("allowlist", "%s takes %s:N, top:N or none, not '%s'", option, least,
                           text);
}

static int parse_build_option(struct build_options *o, int c) {
    struct wit_filter_build_config *cfg = &o->cfg;
    switch (c) {
    case 'o':
        o->out = optarg;
        return CLI_DONE;
    case 'w':
        cfg->wordnet_dir = optarg;
        return CLI_DONE;
    case 'f':
        return add_file(o->extra, &cfg->n_extra, optarg);
    case 'i':
        return add_file(o->wiki, &cfg->n_wiki, optarg);
    case 'v':
        return add_file(o->pageviews, &cfg->n_pageviews, optarg);
    case 'c':
        return cli_parse_u64("allowlist", "--min-count", optarg, 1, UINT64_MAX, &cfg->min_count);
    case 'b':
        return parse_cut("--bigrams", "pmi", optarg, &cfg->bigrams);
    case 'C':
        return cli_parse_u64("allowlist", "--bigram-count", optarg, 1, UINT64_MAX,
                             &cfg->bigram_count);
    case 'p':
        cfg->project = optarg;
        return CLI_DONE;
    case 'u':
        return cli_parse_u64("allowlist", "--hourly-views", optarg, 1, UINT64_MAX,
                             &cfg->hourly_views);
    case 't':
        return parse_cut("--titles", "views", optarg, &cfg->titles);
    case 'n':
        return cli_parse_u64("allowlist", "--size", optarg, 1, WIT_FILTER_ENTRIES_MAX, &o->size);
    case 'j':
        return cli_parse_u64("allowlist", "--threads", optarg, 1, 64, &o->threads);
    case 'm':
        return cli_parse_u64("allowlist", "--memory", optarg, WIT_FILTER_BUILD_MEMORY_LEAST >> 20,
                             MEMORY_MB_MOST, &o->memory_mb);
    case 'k':
        cfg->work_dir = optarg;
        return CLI_DONE;
    case 'r':
        cfg->origins_path = optarg;
        return CLI_DONE;
    case 'h':
        o->help = true;
        return CLI_DONE;
    default:
        return CLI_USAGE;
    }
}

static int parse_build(struct build_options *o, int argc, char **argv) {
    static const struct option longs[] = { { "out", required_argument, NULL, 'o' },
                                           { "wordnet", required_argument, NULL, 'w' },
                                           { "extra", required_argument, NULL, 'f' },
                                           { "words", required_argument, NULL, 'f' },
                                           { "wiki", required_argument, NULL, 'i' },
                                           { "min-count", required_argument, NULL, 'c' },
                                           { "bigrams", required_argument, NULL, 'b' },
                                           { "bigram-count", required_argument, NULL, 'C' },
                                           { "pageviews", required_argument, NULL, 'v' },
                                           { "project", required_argument, NULL, 'p' },
                                           { "hourly-views", required_argument, NULL, 'u' },
                                           { "titles", required_argument, NULL, 't' },
                                           { "size", required_argument, NULL, 'n' },
                                           { "threads", required_argument, NULL, 'j' },
                                           { "memory", required_argument, NULL, 'm' },
                                           { "work", required_argument, NULL, 'k' },
                                           { "origins", required_argument, NULL, 'r' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    struct wit_filter_build_config *cfg = &o->cfg;
    int c, code = CLI_DONE;
    *cfg = wit_filter_build_config_default();
    o->size = cfg->size;
    o->memory_mb = cfg->memory_bytes >> 20;
    while (code == CLI_DONE && !o->help && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1)
        code = parse_build_option(o, c);
    if (code != CLI_DONE || o->help)
        return code;
    if (optind < argc)
        return cli_usage_error("allowlist", "'%s' is not an option", argv[optind]);
    if (!o->out || (!cfg->wordnet_dir && !cfg->n_extra && !cfg->n_wiki && !cfg->n_pageviews))
        return cli_usage_error("allowlist", "build needs --out and at least --wordnet, --extra, "
                                            "--wiki or --pageviews");
    return CLI_DONE;
}

/* Bytes of dumps and page views, in MB: a list without them has no progress to show. */
static void build_progress(void *user, uint64_t done, uint64_t total) {
    struct wit_progress *p = user;
    if (!p->what)
        wit_progress_start(p, "allowlist build", "MB", (total + 999999) / 1000000, false);
    wit_progress_update(p, done / 1000000, 0, NULL);
}

static int run_build(int argc, char **argv) {
    struct wit_filter_build_report report;
    struct wit_error err = WIT_ERROR_INIT;
    struct build_options *o = wit_alloc_array(1, sizeof *o);
    if (!o) {
        wit_error_set(&err, WIT_ENOMEM, "no memory");
        return cli_fail("allowlist", &err);
    }
    struct wit_filter_build_config *cfg = &o->cfg;
    int st = 0, code = parse_build(o, argc, argv);
    if (code != CLI_DONE || o->help) {
        if (o->help)
            usage(stdout);
        goto out;
    }
    if (!cfg->origins_path) {
        snprintf(o->origins, sizeof o->origins, "%s.origins", o->out);
        cfg->origins_path = o->origins;
    }
    cfg->extra = o->extra;
    cfg->wiki = o->wiki;
    cfg->pageviews = o->pageviews;
    cfg->size = (size_t)o->size;
    cfg->threads = (unsigned)o->threads;
    cfg->memory_bytes = (size_t)o->memory_mb << 20;
    cfg->report = &report;
    cfg->progress = build_progress;
    cfg->user = &o->progress;
    cli_catch_interrupts();
    cfg->cancel = cli_interrupt_flag();
    st = wit_filter_allowlist_build(cfg, o->out, &err);
    if (o->progress.what)
        wit_progress_finish(&o->progress, NULL);
    if (st < 0) {
        code = cli_fail("allowlist", &err);
        goto out;
    }
    if (cfg->wordnet_dir && report.wordnet_files < 4)
        fprintf(stderr, "wit allowlist: '%s' holds only %u of WordNet's 4 data files\n",
                cfg->wordnet_dir, report.wordnet_files);
    code = report_print(o->out, &report);
out:
    free(o);
    return code;
}

/* ---- compile ------------------------------------------------------------------------------- */

static int run_compile(int argc, char **argv) {
    static const struct option longs[] = { { "out", required_argument, NULL, 'o' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    struct wit_filter_allowlist *list = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(1 << 16);
    const char *out = NULL;
    uint64_t bytes = 0;
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'o':
            out = optarg;
            break;
        case 'h':
            usage(stdout);
            return CLI_DONE;
        default:
            return CLI_USAGE;
        }
    }
    if (argc - optind != 1 || !out)
        return cli_usage_error("allowlist", "compile takes one list and --out");
    int st = wit_filter_allowlist_load(argv[optind], &list, &err);
    if (st >= 0)
        st = wit_filter_allowlist_compile(list, out, &err);
    if (st >= 0)
        st = wit_file_size(out, &bytes, &err);
    if (st < 0) {
        wit_filter_allowlist_destroy(list);
        return cli_fail("allowlist", &err);
    }
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, "wit.allowlist.compile/1");
    wit_json_key(&w, "out");
    wit_json_put_cstr(&w, out);
    put_count(&w, "entries", wit_filter_allowlist_count(list));
    put_count(&w, "bytes", bytes);
    wit_json_object_end(&w);
    int code = CLI_FAILED;
    if (wit_json_writer_finish(&w) >= 0 && wit_buf_append_byte(&text, '\n') >= 0)
        code = cli_write_stdout("allowlist", wit_buf_view(&text));
    wit_buf_finish(&text);
    wit_filter_allowlist_destroy(list);
    return code;
}

/* ---- show ---------------------------------------------------------------------------------- */

static void put_stat(struct wit_json_writer *w, const struct wit_filter_allowlist *list) {
    struct wit_filter_allowlist_stat s;
    wit_filter_allowlist_stat(list, &s);
    put_count(w, "entries", s.entries);
    put_count(w, "one_word", s.one_word);
    put_count(w, "two_words", s.two_words);
    put_count(w, "longer", s.longer);
    put_count(w, "empty", s.empty);
    put_count(w, "repeated", s.repeated);
    put_count(w, "dead", s.dead);
    put_count(w, "words", s.words);
    put_count(w, "longest_bytes", s.longest_bytes);
    put_count(w, "memory_bytes", s.memory_bytes);
}

/* Ids of all places where the list has exactly this entry. */
static void put_entry(struct wit_json_writer *w, const struct wit_filter_allowlist *list,
                      struct wit_str entry) {
    size_t n = wit_filter_allowlist_count(list);
    wit_json_key(w, "entry");
    wit_json_put_str(w, entry);
    wit_json_key(w, "ids");
    wit_json_array_begin(w);
    for (size_t id = 0; id < n; id++)
        if (wit_str_eq(wit_filter_allowlist_entry(list, (uint32_t)id), entry))
            wit_json_put_u64(w, id);
    wit_json_array_end(w);
}

/* The side file's line "id<TAB>origin<TAB>score<TAB>entry" of an entry, if it has one. */
static bool origin_find(struct wit_str all, struct wit_str entry, struct wit_str *origin,
                        struct wit_str *score) {
    for (size_t from = 0; from < all.len;) {
        ptrdiff_t at = wit_str_find_byte(all, '\n', from);
        size_t end = at < 0 ? all.len : (size_t)at;
        struct wit_str line = wit_str_slice(all, from, end);
        ptrdiff_t a = wit_str_find_byte(line, '\t', 0);
        ptrdiff_t b = a < 0 ? -1 : wit_str_find_byte(line, '\t', (size_t)a + 1);
        ptrdiff_t c = b < 0 ? -1 : wit_str_find_byte(line, '\t', (size_t)b + 1);
        from = end + 1;
        if (c < 0 || !wit_str_eq(wit_str_slice(line, (size_t)c + 1, line.len), entry))
            continue;
        *origin = wit_str_slice(line, (size_t)a + 1, (size_t)b);
        *score = wit_str_slice(line, (size_t)b + 1, (size_t)c);
        return true;
    }
    return false;
}

static void put_origin(struct wit_json_writer *w, struct wit_str side_file, struct wit_str entry) {
    struct wit_str origin, score;
    double value;
    if (!origin_find(side_file, entry, &origin, &score))
        return;
    wit_json_key(w, "origin");
    wit_json_put_str(w, origin);
    if (wit_str_to_double(score, &value) < 0)
        return; /* "-": of an origin without scores */
    wit_json_key(w, "score");
    wit_json_put_double(w, value);
}

/* What --origins names, or the side file that build writes beside a list, where there is one. */
static int side_file_read(const char *list, const char *given, struct wit_buf *out,
                          struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s.origins", list);
    if (!given && (n < 0 || (size_t)n >= sizeof path || !wit_file_exists(path)))
        return 0;
    return wit_file_read(given ? given : path, out, err);
}

static int run_show(int argc, char **argv) {
    static const struct option longs[] = { { "entry", required_argument, NULL, 'e' },
                                           { "origins", required_argument, NULL, 'r' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    struct wit_error err = WIT_ERROR_INIT;
    const char *entry = NULL, *origins = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'e':
            entry = optarg;
            break;
        case 'r':
            origins = optarg;
            break;
        case 'h':
            usage(stdout);
            return CLI_DONE;
        default:
            return CLI_USAGE;
        }
    }
    if (argc - optind != 1)
        return cli_usage_error("allowlist", "show takes one list");
    if (origins && !entry)
        return cli_usage_error("allowlist", "--origins is for --entry");
    struct wit_filter_allowlist *list = NULL;
    struct wit_buf side_file = WIT_BUF_INIT(2 * (size_t)WIT_FILTER_LIST_MAX_BYTES);
    if (wit_filter_allowlist_load(argv[optind], &list, &err) < 0 ||
        (entry && side_file_read(argv[optind], origins, &side_file, &err) < 0)) {
        wit_filter_allowlist_destroy(list);
        wit_buf_finish(&side_file);
        return cli_fail("allowlist", &err);
    }
    struct wit_buf text = WIT_BUF_INIT(SIZE_MAX / 2);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, entry ? "wit.allowlist.entry/1" : "wit.allowlist.show/1");
    if (entry) {
        put_entry(&w, list, wit_str_from(entry));
        put_origin(&w, wit_buf_view(&side_file), wit_str_from(entry));
    } else {
        put_stat(&w, list);
    }
    wit_json_object_end(&w);
    int code;
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(&text, '\n');
    if (st < 0) {
        wit_error_set(&err, st, "cannot write what '%s' holds", argv[optind]);
        code = cli_fail("allowlist", &err);
    } else {
        code = cli_write_stdout("allowlist", wit_buf_view(&text));
    }
    wit_buf_finish(&text);
    wit_buf_finish(&side_file);
    wit_filter_allowlist_destroy(list);
    return code;
}

int cmd_allowlist(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "build") == 0)
        return run_build(argc - 1, argv + 1);
    if (strcmp(verb, "compile") == 0)
        return run_compile(argc - 1, argv + 1);
    if (strcmp(verb, "show") == 0)
        return run_show(argc - 1, argv + 1);
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        usage(stdout);
        return CLI_DONE;
    }
    return *verb ? cli_usage_error("allowlist", "there is no verb '%s'", verb)
                 : cli_usage_error("allowlist", "a verb is needed: build, compile or show");
}
