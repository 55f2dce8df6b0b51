/* wit allowlist: make the list of queries that select pairs, and look at one. */
#include "cli.h"
#include "wit_filter.h"

#include <getopt.h>
#include <stdlib.h>

enum { WORDS_FILES_MAX = 256 };

static void usage(FILE *to) {
    fputs("usage: wit allowlist build --out F [--wordnet DIR] [--words FILE]... [--size N] "
          "[--origins F]\n"
          "       wit allowlist compile F --out G\n"
          "       wit allowlist show F [--entry E]\n"
          "\n"
          "build    writes a list, an entry a line: the names of WordNet's synsets, numbers 0 to "
          "99, the\n"
          "         words files in order; an entry stands where it came first\n"
          "compile  writes a list with its index as one file that every command takes in F's place "
          "and\n"
          "         opens in milliseconds\n"
          "show     what a list holds, as one JSON object; with --entry, the ids of an entry\n"
          "\n"
          "  --out F         the file to write\n"
          "  --wordnet DIR   WordNet's data.noun, data.verb, data.adj, data.adv; brings the "
          "numbers too\n"
          "  --words FILE    an entry a line; may be given up to 256 times\n"
          "  --size N        entries at most, default 500000\n"
          "  --origins F     also write id, origin and entry, separated by tabs\n"
          "  --entry E       show: only this entry\n"
          "  --help          this page\n",
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
    wit_json_object_end(&w);
    int code = CLI_FAILED;
    if (wit_json_writer_finish(&w) >= 0 && wit_buf_append_byte(&text, '\n') >= 0)
        code = cli_write_stdout("allowlist", wit_buf_view(&text));
    wit_buf_finish(&text);
    return code;
}

static int run_build(int argc, char **argv) {
    static const struct option longs[] = { { "out", required_argument, NULL, 'o' },
                                           { "wordnet", required_argument, NULL, 'w' },
                                           { "words", required_argument, NULL, 'f' },
                                           { "size", required_argument, NULL, 'n' },
                                           { "origins", required_argument, NULL, 'r' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    struct wit_filter_build_config cfg = wit_filter_build_config_default();
    struct wit_filter_build_report report;
    struct wit_error err = WIT_ERROR_INIT;
    const char *words[WORDS_FILES_MAX], *out = NULL;
    uint64_t size = cfg.size;
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'o':
            out = optarg;
            break;
        case 'w':
            cfg.wordnet_dir = optarg;
            break;
        case 'f':
            if (cfg.n_words == WORDS_FILES_MAX)
                return cli_usage_error("allowlist", "more than %d words files", WORDS_FILES_MAX);
            words[cfg.n_words++] = optarg;
            break;
        case 'n':
            if (cli_parse_u64("allowlist", "--size", optarg, 1, WIT_FILTER_ENTRIES_MAX, &size) !=
                CLI_DONE)
                return CLI_USAGE;
            break;
        case 'r':
            cfg.origins_path = optarg;
            break;
        case 'h':
            usage(stdout);
            return CLI_DONE;
        default:
            return CLI_USAGE;
        }
    }
    if (optind < argc)
        return cli_usage_error("allowlist", "'%s' is not an option", argv[optind]);
    if (!out || (!cfg.wordnet_dir && !cfg.n_words))
        return cli_usage_error("allowlist", "build needs --out and at least --wordnet or --words");
    cfg.words = words;
    cfg.size = (size_t)size;
    cfg.report = &report;
    if (wit_filter_allowlist_build(&cfg, out, &err) < 0)
        return cli_fail("allowlist", &err);
    if (cfg.wordnet_dir && report.wordnet_files < 4)
        fprintf(stderr, "wit allowlist: '%s' holds only %u of WordNet's 4 data files\n",
                cfg.wordnet_dir, report.wordnet_files);
    return report_print(out, &report);
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

static int run_show(int argc, char **argv) {
    static const struct option longs[] = { { "entry", required_argument, NULL, 'e' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    struct wit_error err = WIT_ERROR_INIT;
    const char *entry = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'e':
            entry = optarg;
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
    struct wit_filter_allowlist *list = NULL;
    if (wit_filter_allowlist_load(argv[optind], &list, &err) < 0)
        return cli_fail("allowlist", &err);
    struct wit_buf text = WIT_BUF_INIT(SIZE_MAX / 2);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &text);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, entry ? "wit.allowlist.entry/1" : "wit.allowlist.show/1");
    if (entry)
        put_entry(&w, list, wit_str_from(entry));
    else
        put_stat(&w, list);
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
