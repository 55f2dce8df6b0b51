/* wit filter: match captions against an allowlist, count entries, balance pairs. Streams of JSON
 * lines in, JSON lines (or a counts file) out. No state is kept, so an interrupt just ends it. */
#include "cli.h"
#include "wit_filter_hygiene.h"

#include <getopt.h>
#include <stdlib.h>

enum { PER_QUERY_DEFAULT = 20000, BAD_LINES_SHOWN = 20, OUT_FLUSH_BYTES = 64 * 1024 };

/* Every byte of the longest text as \u00XX, and room for a URL and other members. */
#define LINE_MAX_BYTES (6 * (size_t)WIT_FILTER_TEXT_MAX_BYTES + (1u << 20))

struct options {
    const char *allowlist, *counts, *blocklist;
    uint64_t per_query, seed;
    bool has_per_query;
    struct wit_filter_hygiene_config hygiene;
    bool explain;
};

struct job {
    const struct options *opt;
    struct wit_filter_allowlist *list;
    struct wit_filter_matcher *matcher;
    struct wit_filter_balancer *pairs; /* count: distinct pairs */
    uint64_t *counts;
    struct wit_filter_hygiene *hygiene;       /* clean */
    uint64_t kept, refused[WIT_FILTER_RULES]; /* clean: lines */
    struct wit_lines *lines;
    struct wit_buf out;
    uint64_t bad; /* lines that could not be used */
};

struct caption {
    struct wit_str line, text, url;
    bool has_url;
};

static void usage(FILE *to) {
    fputs(
        "usage: wit filter match   --allowlist F [--counts F [--per-query T]] < captions.jsonl\n"
        "       wit filter count   --allowlist F [--per-query T] < captions.jsonl > counts.tsv\n"
        "       wit filter balance --allowlist F --counts F [--per-query T] [--seed S] < "
        "pairs.jsonl\n"
        "       wit filter clean   [--off RULE,...] [--min-letters N] [--max-bytes N] [--blocklist "
        "F] [--explain] < captions.jsonl\n"
        "\n"
        "match    {\"text\"} in, {\"ids\", \"keep\"} out: entries in the text, ascending; with "
        "--counts,\n"
        "         the probability of being kept\n"
        "count    {\"text\"} or {\"url\", \"text\"} in, a counts file out; a pair with a URL "
        "counts once\n"
        "balance  {\"url\", \"text\"} in, the lines that are kept out, as they are\n"
        "clean    {\"text\"} in, out the lines whose text no rule refuses, as they are; with "
        "--explain a\n"
        "         line {\"rule\"} for each: the rule that refuses it, or null\n"
        "\n"
        "  --allowlist F   entries: a line each, or a JSON list; an entry's id is its position\n"
        "  --counts F      counts file of the whole set (made by count)\n"
        "  --per-query T   pairs wanted per entry, default 20000\n"
        "  --seed S        of the draw, default 0\n"
        "  --off RULES     rules that are switched off; wit-filter(1) lists them\n"
        "  --min-letters N fewer letters are too short, default 3\n"
        "  --max-bytes N   more bytes are too long, default 1000\n"
        "  --blocklist F   a list as --allowlist takes: texts that hold an entry are refused\n"
        "  --explain       say of each line by which rule it is refused\n"
        "  --help          this page\n"
        "\n"
        "A line that can't be used gives a sentence on stderr and, in match, a line {\"error\"} "
        "so that\n"
        "lines stay in step; the others are done and the exit code is 1.\n",
        to);
}

/* ---- lines in and out ---------------------------------------------------------------------- */

static void bad_line(struct job *j, const struct wit_error *err) {
    if (j->bad++ < BAD_LINES_SHOWN)
        fprintf(stderr, "wit filter: %s\n", err->text);
}

static bool is_blank(struct wit_str line) {
    return wit_str_trim(line).len == 0;
}

/* Fills *c from a line; its strings are borrowed from *root. */
static int parse_caption(struct job *j, bool need_url, struct wit_json **root, struct caption *c,
                         struct wit_error *err) {
    char name[40];
    snprintf(name, sizeof name, "stdin:%llu", (unsigned long long)wit_lines_number(j->lines));
    int st = wit_json_parse(c->line, name, root, err);
    if (st < 0)
        return st;
    const struct wit_json *url = wit_json_get(*root, "url");
    if (wit_json_string(wit_json_get(*root, "text"), &c->text) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: there is no string \"text\"", name);
    c->has_url = url != NULL;
    if ((url || need_url) && wit_json_string(url, &c->url) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: there is no string \"url\"", name);
    if (c->has_url && wit_str_find_byte(c->url, '\0', 0) >= 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: a URL holds no NUL", name);
    return 0;
}

static int flush(struct job *j, bool all) {
    if (!all && j->out.len < OUT_FLUSH_BYTES)
        return CLI_DONE;
    int code = cli_write_stdout("filter", wit_buf_view(&j->out));
    wit_buf_reset(&j->out);
    return code;
}

/* One caption: writes what it gives to j->out. WIT_EFORMAT and WIT_ELIMIT are the line's own fault.
 */
typedef int (*caption_fn)(struct job *j, const struct caption *c, struct wit_error *err);

/* Runs fn over stdin. Returns an exit code. */
static int each_caption(struct job *j, bool need_url, bool keep_in_step, caption_fn fn) {
    struct wit_error err = WIT_ERROR_INIT;
    int code = CLI_DONE;
    int st = wit_lines_open(stdin, LINE_MAX_BYTES, &j->lines, &err);
    while (st >= 0 && code == CLI_DONE) {
        struct caption c = { .has_url = false };
        struct wit_json *root = NULL;
        st = wit_lines_next(j->lines, &c.line, &err);
        if (st == 0)
            break;
        if (st > 0 && is_blank(c.line))
            continue;
        if (st > 0)
            st = parse_caption(j, need_url, &root, &c, &err);
        if (st >= 0)
            st = fn(j, &c, &err);
        wit_json_destroy(root);
        if (st == WIT_EFORMAT || st == WIT_ELIMIT) {
            bad_line(j, &err);
            st = 0;
            if (keep_in_step) {
                struct wit_json_writer w;
                wit_json_writer_init(&w, &j->out);
                wit_json_object_begin(&w);
                wit_json_key(&w, "error");
                wit_json_put_cstr(&w, err.text);
                wit_json_object_end(&w);
                st = wit_json_writer_finish(&w);
                if (st >= 0)
                    st = wit_buf_append_byte(&j->out, '\n');
            }
        }
        if (st >= 0)
            code = flush(j, false);
    }
    if (st < 0)
        code = cli_fail("filter", &err);
    return code;
}

/* What is left to write and the exit code of the whole. */
static int finish(struct job *j, int code) {
    int written = flush(j, true);
    if (j->bad > BAD_LINES_SHOWN)
        fprintf(stderr, "wit filter: %llu further lines could not be used\n",
                (unsigned long long)(j->bad - BAD_LINES_SHOWN));
    if (code != CLI_DONE)
        return code;
    return written != CLI_DONE || j->bad ? CLI_FAILED : CLI_DONE;
}

/* ---- verbs --------------------------------------------------------------------------------- */

static int match_caption(struct job *j, const struct caption *c, struct wit_error *err) {
    const uint32_t *ids;
    size_t n;
    struct wit_json_writer w;
    int st = wit_filter_match(j->matcher, c->text, &ids, &n, err);
    if (st < 0)
        return st == WIT_ELIMIT ? wit_error_wrap(err, "stdin:%llu",
                                                 (unsigned long long)wit_lines_number(j->lines))
                                : st;
    wit_json_writer_init(&w, &j->out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "ids");
    wit_json_array_begin(&w);
    for (size_t i = 0; i < n; i++)
        wit_json_put_u64(&w, ids[i]);
    wit_json_array_end(&w);
    if (j->counts) {
        wit_json_key(&w, "keep");
        wit_json_put_double(&w, wit_filter_keep_probability(j->counts, ids, n, j->opt->per_query));
    }
    wit_json_object_end(&w);
    st = wit_json_writer_finish(&w);
    return st < 0 ? st : wit_buf_append_byte(&j->out, '\n');
}

static int run_match(struct job *j) {
    if (j->opt->has_per_query && !j->opt->counts)
        fprintf(stderr,
                "wit filter: --per-query says nothing without --counts; no \"keep\" is written\n");
    return finish(j, each_caption(j, false, true, match_caption));
}

static int count_caption(struct job *j, const struct caption *c, struct wit_error *err) {
    const uint32_t *ids;
    size_t n;
    bool want;
    if (c->has_url)
        return wit_filter_balancer_offer(j->pairs, c->url, c->text, &want, err);
    int st = wit_filter_match(j->matcher, c->text, &ids, &n, err);
    for (size_t i = 0; st >= 0 && i < n; i++)
        j->counts[ids[i]]++;
    return st;
}

static int run_count(struct job *j) {
    struct wit_error err = WIT_ERROR_INIT;
    size_t n = wit_filter_allowlist_count(j->list);
    j->counts = wit_alloc_array(n ? n : 1, sizeof *j->counts);
    if (!j->counts) {
        wit_error_set(&err, WIT_ENOMEM, "no memory for %zu counts", n);
        return cli_fail("filter", &err);
    }
    if (wit_filter_balancer_create(j->list, j->opt->per_query, 0, &j->pairs, &err) < 0)
        return cli_fail("filter", &err);
    int code = each_caption(j, false, false, count_caption);
    const uint64_t *pairs = wit_filter_balancer_counts(j->pairs);
    for (size_t i = 0; i < n; i++)
        j->counts[i] += pairs[i];
    if (code == CLI_DONE &&
        wit_filter_counts_format(j->counts, n, j->opt->per_query, &j->out, &err) < 0)
        code = cli_fail("filter", &err);
    return finish(j, code);
}

static int balance_caption(struct job *j, const struct caption *c, struct wit_error *err) {
    const uint32_t *ids;
    size_t n;
    struct wit_hash128 key;
    int st = wit_filter_match(j->matcher, c->text, &ids, &n, err);
    if (st >= 0)
        st = wit_filter_pair_key(c->url, c->text, &key, err);
    if (st >= 0 &&
        wit_filter_decide(j->list, j->counts, j->opt->per_query, j->opt->seed, key, ids, n)) {
        st = wit_buf_append_str(&j->out, c->line);
        if (st >= 0)
            st = wit_buf_append_byte(&j->out, '\n');
    }
    return st;
}

static int run_balance(struct job *j) {
    if (!j->opt->counts)
        return cli_usage_error("filter", "balance needs --counts");
    return finish(j, each_caption(j, true, false, balance_caption));
}

/* ---- clean --------------------------------------------------------------------------------- */

static int explain_put(struct job *j, bool refused, enum wit_filter_rule rule) {
    return refused ? wit_buf_printf(&j->out, "{\"rule\":\"%s\"}\n", wit_filter_rule_name(rule))
                   : wit_buf_append_cstr(&j->out, "{\"rule\":null}\n");
}

static int clean_caption(struct job *j, const struct caption *c, struct wit_error *err) {
    enum wit_filter_rule rule = WIT_FILTER_RULES;
    int st = wit_filter_hygiene_check(j->hygiene, c->text, &rule);
    if (st < 0)
        return wit_error_set(err, st, "no memory to check a caption");
    j->kept += st == 0;
    if (st)
        j->refused[rule]++;
    if (j->opt->explain)
        return explain_put(j, st, rule);
    if (st)
        return 0;
    st = wit_buf_append_str(&j->out, c->line);
    return st < 0 ? st : wit_buf_append_byte(&j->out, '\n');
}

/* How many lines each rule refused: for the eyes. */
static void clean_report(const struct job *j) {
    uint64_t all = j->kept;
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        all += j->refused[i];
    fprintf(stderr, "wit filter: kept %llu of %llu", (unsigned long long)j->kept,
            (unsigned long long)all);
    for (int i = 0; i < WIT_FILTER_RULES; i++)
        if (j->refused[i])
            fprintf(stderr, ", %s %llu", wit_filter_rule_name((enum wit_filter_rule)i),
                    (unsigned long long)j->refused[i]);
    fputc('\n', stderr);
}

static int run_clean(struct job *j) {
    int code = finish(j, each_caption(j, false, j->opt->explain, clean_caption));
    clean_report(j);
    return code;
}

/* "email,phone": the bits of these rules. */
static int rules_parse(const char *names, uint32_t *off) {
    for (struct wit_str rest = wit_str_from(names); rest.len;) {
        enum wit_filter_rule rule;
        int64_t comma = wit_str_find_byte(rest, ',', 0);
        struct wit_str name = wit_str_slice(rest, 0, comma < 0 ? rest.len : (size_t)comma);
        if (wit_filter_rule_find(name, &rule) < 0)
            return cli_usage_error("filter", "--off: there is no rule '%.*s'", WIT_STR_FMT(name));
        *off |= 1u << rule;
        rest = wit_str_slice(rest, comma < 0 ? rest.len : (size_t)comma + 1, rest.len);
    }
    return CLI_DONE;
}

/* ---- the command --------------------------------------------------------------------------- */

/* The list of a cleaning job is what it blocks. */
static int clean_open(struct job *j, struct wit_error *err) {
    struct wit_filter_hygiene_config cfg = j->opt->hygiene;
    int st = j->opt->blocklist ? wit_filter_allowlist_load(j->opt->blocklist, &j->list, err) : 0;
    cfg.blocklist = j->list;
    return st < 0 ? st : wit_filter_hygiene_create(&cfg, &j->hygiene, err);
}

static int job_open(struct job *j, struct wit_error *err) {
    if (!j->opt->allowlist)
        return clean_open(j, err);
    int st = wit_filter_allowlist_load(j->opt->allowlist, &j->list, err);
    if (st < 0)
        return st;
    if (j->opt->counts) {
        size_t n = wit_filter_allowlist_count(j->list);
        j->counts = wit_alloc_array(n ? n : 1, sizeof *j->counts);
        if (!j->counts)
            return wit_error_set(err, WIT_ENOMEM, "no memory for %zu counts", n);
        st = wit_filter_counts_load(j->opt->counts, j->counts, n, err);
    }
    return st < 0 ? st : wit_filter_matcher_create(j->list, &j->matcher, err);
}

static void job_finish(struct job *j) {
    wit_lines_close(j->lines);
    wit_filter_balancer_destroy(j->pairs);
    wit_filter_hygiene_destroy(j->hygiene);
    wit_filter_matcher_destroy(j->matcher);
    wit_filter_allowlist_destroy(j->list);
    free(j->counts);
    wit_buf_finish(&j->out);
}

static const struct verb {
    const char *name;
    int (*run)(struct job *j);
    const char *options; /* that it takes beside --help; 'a' is needed */
} verbs[] = { { "match", run_match, "act" },
              { "count", run_count, "at" },
              { "balance", run_balance, "acts" },
              { "clean", run_clean, "olmbe" } };

static int parse_options(int argc, char **argv, const struct verb *verb, struct options *opt) {
    static const struct option longs[] = { { "allowlist", required_argument, NULL, 'a' },
                                           { "counts", required_argument, NULL, 'c' },
                                           { "per-query", required_argument, NULL, 't' },
                                           { "seed", required_argument, NULL, 's' },
                                           { "off", required_argument, NULL, 'o' },
                                           { "min-letters", required_argument, NULL, 'l' },
                                           { "max-bytes", required_argument, NULL, 'm' },
                                           { "blocklist", required_argument, NULL, 'b' },
                                           { "explain", no_argument, NULL, 'e' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    uint64_t number = 0;
    int c, place = 0, code = CLI_DONE;
    while (code == CLI_DONE && (c = getopt_long(argc, argv, "h", longs, &place)) != -1) {
        if (strchr("actsolmbe", c) && !strchr(verb->options, c))
            return cli_usage_error("filter", "%s has no use for --%s", verb->name,
                                   longs[place].name);
        switch (c) {
        case 'a':
            opt->allowlist = optarg;
            break;
        case 'c':
            opt->counts = optarg;
            break;
        case 't':
            opt->has_per_query = true;
            code = cli_parse_u64("filter", "--per-query", optarg, 1, UINT64_C(1) << 53,
                                 &opt->per_query);
            break;
        case 's':
            code = cli_parse_u64("filter", "--seed", optarg, 0, UINT64_MAX, &opt->seed);
            break;
        case 'o':
            code = rules_parse(optarg, &opt->hygiene.off);
            break;
        case 'l':
            code = cli_parse_u64("filter", "--min-letters", optarg, 0, UINT32_MAX, &number);
            opt->hygiene.min_letters = (uint32_t)number;
            break;
        case 'm':
            code = cli_parse_u64("filter", "--max-bytes", optarg, 1, UINT32_MAX, &number);
            opt->hygiene.max_bytes = (uint32_t)number;
            break;
        case 'b':
            opt->blocklist = optarg;
            break;
        case 'e':
            opt->explain = true;
            break;
        case 'h':
            usage(stdout);
            return -1;
        default:
            return CLI_USAGE; /* getopt has said why */
        }
    }
    if (code == CLI_DONE && optind < argc)
        return cli_usage_error("filter", "'%s' is not an option", argv[optind]);
    if (code == CLI_DONE && !opt->allowlist && strchr(verb->options, 'a'))
        return cli_usage_error("filter", "--allowlist is needed");
    return code;
}

int cmd_filter(int argc, char **argv) {
    const struct verb *verb = NULL;
    for (size_t i = 0; argc > 1 && i < WIT_COUNT_OF(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            verb = &verbs[i];
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        return CLI_DONE;
    }
    if (!verb)
        return argc > 1
                   ? cli_usage_error("filter", "there is no verb '%s'", argv[1])
                   : cli_usage_error("filter", "a verb is needed: match, count, balance or clean");
    struct options opt = { .per_query = PER_QUERY_DEFAULT,
                           .hygiene = wit_filter_hygiene_config_default() };
    int code = parse_options(argc - 1, argv + 1, verb, &opt);
    if (code != CLI_DONE)
        return code < 0 ? CLI_DONE : code;
    struct job job = { .opt = &opt, .out = WIT_BUF_INIT(WIT_FILTER_COUNTS_MAX_BYTES) };
    struct wit_error err = WIT_ERROR_INIT;
    code = job_open(&job, &err) < 0 ? cli_fail("filter", &err) : verb->run(&job);
    job_finish(&job);
    return code;
}
