/* wit filter: match captions against an allowlist, count entries, balance pairs. Streams of JSON
 * lines in, JSON lines (or a counts file) out. No state is kept, so an interrupt just ends it. */
#include "cmd_filter.h"

#include <getopt.h>
#include <stdlib.h>

enum { PER_QUERY_DEFAULT = 20000, OUT_FLUSH_BYTES = 64 * 1024 };

static const char usage_verbs[] =
    "usage: wit filter match   --allowlist F [--counts F [T]] [--explain] < captions.jsonl\n"
    "       wit filter count   --allowlist F [--per-query N] < captions.jsonl > counts.tsv\n"
    "       wit filter count   --allowlist F --merge PART.tsv... > counts.tsv\n"
    "       wit filter balance --allowlist F --counts F [T] [--seed S] < pairs.jsonl\n"
    "       wit filter clean   [RULES] [--boilerplate F] [--explain] < captions.jsonl\n"
    "       wit filter report  DIR | --counts F --allowlist F [--per-query N] [--seed S] [RULES]\n"
    "                          [--svg F] [--unmatched F] [--refused F] [--json]\n"
    "T:     --per-query N | --tail-share P | --t-from COUNTS [--t N]\n"
    "RULES: --off RULE,... --min-letters N --max-bytes N --blocklist F --langs L --lang-letters N\n"
    "\n"
    "match    {\"text\"} in, {\"ids\", \"keep\"} out: entries in the text, ascending; with "
    "--counts,\n"
    "         the probability of being kept; with --explain, each entry's text and count\n"
    "count    {\"text\"} or {\"url\", \"text\"} in, a counts file out; a pair with a URL counts "
    "once;\n"
    "         --merge: adds up counts files of disjoint parts\n"
    "balance  {\"url\", \"text\"} in, the lines that are kept out, as they are\n"
    "clean    {\"text\"} in, out the lines whose text no rule refuses, as they are; with --explain "
    "a\n"
    "         line {\"rule\"} for each: the rule that refuses it, or null\n"
    "report   what came of a list: counts of entries before and after balancing and, of a folder\n"
    "         that holds a crawl, shares of captions by source and by rule\n"
    "\n";
static const char usage_options[] =
    "  --allowlist F     entries: a line each, or a JSON list; an entry's id is its position\n"
    "  --counts F        counts file of the whole set (made by count)\n"
    "  --per-query N     pairs wanted per entry, default 20000; --t is the same\n"
    "  --tail-share P    so many that entries with fewer have this share of all matches, 0 to 1\n"
    "  --t-from COUNTS   the share that they have in another list's counts at --t\n"
    "  --seed S          of the draw, default 0\n"
    "  --merge           add up the counts files that are named\n"
    "  --off RULES       rules that are switched off, or all; wit-filter(1) lists them\n"
    "  --min-letters N   fewer letters are too short, default 3\n"
    "  --max-bytes N     more bytes are too long, default 1000\n"
    "  --blocklist F     a list as --allowlist takes: texts that hold an entry are refused\n"
    "  --langs L         languages that pass, as en,de; needs a build with cld2\n"
    "  --lang-letters N  fewer letters are in no known language and pass, default 20\n"
    "  --boilerplate F   lines {\"text\", \"page\"} of the whole set: what stands on many pages of "
    "a\n"
    "                    domain is refused\n"
    "  --boilerplate-pages N, --boilerplate-share P\n"
    "                    on at least so many pages (8), and more than this share of them (0.1)\n"
    "  --explain         say why: clean the rule, match the entries\n"
    "  --format tsv      columns parted by tabs in place of JSON: --text-column N, from 1, and\n"
    "                    --url-column N, --page-column N where they are used\n"
    "  --svg F           counts by rank before and after balancing, as a picture\n"
    "  --unmatched F     entries that no caption holds, as JSON lines\n"
    "  --refused F       captions that a rule refuses, with its name, as JSON lines\n"
    "  --json            the report as one JSON object\n"
    "  --help            this page\n"
    "\n"
    "A line that can't be used gives a sentence on stderr and, in match, a line {\"error\"} so "
    "that\n"
    "lines stay in step; the others are done and the exit code is 1.\n";

static int usage(void) {
    const char *const parts[] = { usage_verbs, usage_options };
    return cli_write_help("filter", parts, WIT_COUNT_OF(parts));
}

/* ---- streams ------------------------------------------------------------------------------- */

static int flush(struct filter_job *j, bool all) {
    if (!all && j->out.len < OUT_FLUSH_BYTES)
        return CLI_DONE;
    int code = cli_write_stdout("filter", wit_buf_view(&j->out));
    wit_buf_reset(&j->out);
    return code;
}

struct stream {
    struct filter_job *j;
    filter_caption_fn fn;
};

static int on_caption(void *user, const struct caption *c, struct wit_error *err) {
    struct stream *s = user;
    int st = s->fn(s->j, c, err);
    return st < 0 ? st : flush(s->j, false);
}

static int on_bad(void *user, const struct wit_error *why) {
    struct stream *s = user;
    struct wit_json_writer w;
    wit_json_writer_init(&w, &s->j->out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "error");
    wit_json_put_cstr(&w, why->text);
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(&s->j->out, '\n');
    return st < 0 ? st : flush(s->j, false);
}

int filter_each(struct filter_job *j, bool need_url, bool keep_in_step, filter_caption_fn fn) {
    struct wit_error err = WIT_ERROR_INIT;
    struct stream s = { j, fn };
    j->in.need_url = need_url;
    int st = captions_each(&j->in, stdin, on_caption, keep_in_step ? on_bad : NULL, &s, &err);
    return st < 0 ? cli_fail("filter", &err) : st;
}

/* What is left to write and the exit code of the whole. */
int filter_finish(struct filter_job *j, int code) {
    int written = flush(j, true);
    captions_finish(&j->in);
    if (code != CLI_DONE)
        return code;
    return written != CLI_DONE || j->in.bad ? CLI_FAILED : CLI_DONE;
}

/* ---- verbs --------------------------------------------------------------------------------- */

/* The entries themselves, with what they say about keeping. */
static void entries_put(const struct filter_job *j, struct wit_json_writer *w, const uint32_t *ids,
                        size_t n) {
    wit_json_key(w, "entries");
    wit_json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        wit_json_object_begin(w);
        wit_json_key(w, "id");
        wit_json_put_u64(w, ids[i]);
        wit_json_key(w, "entry");
        wit_json_put_str(w, wit_filter_allowlist_entry(j->list, ids[i]));
        if (j->counts) {
            wit_json_key(w, "count");
            wit_json_put_u64(w, j->counts[ids[i]]);
            wit_json_key(w, "prob");
            wit_json_put_double(w, wit_filter_probability(j->counts[ids[i]], j->t));
        }
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

static int match_caption(struct filter_job *j, const struct caption *c, struct wit_error *err) {
    const uint32_t *ids;
    size_t n;
    struct wit_json_writer w;
    int st = wit_filter_match(j->matcher, c->text, &ids, &n, err);
    if (st < 0)
        return st == WIT_ELIMIT ? wit_error_wrap(err, "stdin:%llu", (unsigned long long)j->in.line)
                                : st;
    wit_json_writer_init(&w, &j->out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "ids");
    wit_json_array_begin(&w);
    for (size_t i = 0; i < n; i++)
        wit_json_put_u64(&w, ids[i]);
    wit_json_array_end(&w);
    if (j->opt->explain)
        entries_put(j, &w, ids, n);
    if (j->counts) {
        wit_json_key(&w, "keep");
        wit_json_put_double(&w, wit_filter_keep_probability(j->counts, ids, n, j->t));
    }
    wit_json_object_end(&w);
    st = wit_json_writer_finish(&w);
    return st < 0 ? st : wit_buf_append_byte(&j->out, '\n');
}

static int run_match(struct filter_job *j) {
    const struct filter_options *o = j->opt;
    if ((o->has_per_query || o->has_tail_share || o->t_from) && !o->counts)
        fprintf(stderr,
                "wit filter: --per-query says nothing without --counts; no \"keep\" is written\n");
    return filter_finish(j, filter_each(j, false, true, match_caption));
}

static int count_caption(struct filter_job *j, const struct caption *c, struct wit_error *err) {
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

/* Counts of standard input. An exit code. */
static int counts_take(struct filter_job *j, size_t n, struct wit_error *err) {
    int code = filter_each(j, false, false, count_caption);
    if (code == CLI_DONE &&
        wit_filter_counts_add(j->counts, wit_filter_balancer_counts(j->pairs), n, err) < 0)
        code = cli_fail("filter", err);
    return code;
}

/* Counts of the files that are named. An exit code. */
static int counts_merge(struct filter_job *j, size_t n, struct wit_error *err) {
    uint64_t *part = wit_alloc_array(n ? n : 1, sizeof *part);
    int st = part ? 0 : wit_error_set(err, WIT_ENOMEM, "no memory for %zu counts", n);
    for (size_t i = 0; i < j->opt->file_count && st >= 0; i++) {
        st = wit_filter_counts_load(j->opt->files[i], part, n, err);
        if (st >= 0)
            st = wit_filter_counts_add(j->counts, part, n, err);
    }
    free(part);
    return st < 0 ? cli_fail("filter", err) : CLI_DONE;
}

static int run_count(struct filter_job *j) {
    struct wit_error err = WIT_ERROR_INIT;
    size_t n = wit_filter_allowlist_count(j->list);
    if (j->opt->merge != (j->opt->file_count > 0))
        return cli_usage_error("filter", "count --merge takes the names of counts files");
    j->counts = wit_alloc_array(n ? n : 1, sizeof *j->counts);
    if (!j->counts) {
        wit_error_set(&err, WIT_ENOMEM, "no memory for %zu counts", n);
        return cli_fail("filter", &err);
    }
    if (wit_filter_balancer_create(j->list, j->t, 0, &j->pairs, &err) < 0)
        return cli_fail("filter", &err);
    int code = j->opt->merge ? counts_merge(j, n, &err) : counts_take(j, n, &err);
    if (code == CLI_DONE && wit_filter_counts_format(j->counts, n, j->t, &j->out, &err) < 0)
        code = cli_fail("filter", &err);
    return filter_finish(j, code);
}

static int balance_caption(struct filter_job *j, const struct caption *c, struct wit_error *err) {
    const uint32_t *ids;
    size_t n;
    struct wit_hash128 key;
    int st = wit_filter_match(j->matcher, c->text, &ids, &n, err);
    if (st >= 0)
        st = wit_filter_pair_key(c->url, c->text, &key, err);
    if (st >= 0 && wit_filter_decide(j->list, j->counts, j->t, j->opt->seed, key, ids, n)) {
        st = wit_buf_append_str(&j->out, c->line);
        if (st >= 0)
            st = wit_buf_append_byte(&j->out, '\n');
    }
    return st;
}

static int run_balance(struct filter_job *j) {
    if (!j->opt->counts)
        return cli_usage_error("filter", "balance needs --counts");
    if (j->opt->format.tsv && !j->opt->format.url_column)
        return cli_usage_error("filter", "balance of columns needs --url-column");
    return filter_finish(j, filter_each(j, true, false, balance_caption));
}

/* ---- the command --------------------------------------------------------------------------- */

/* t of the options: as it is, or of a share of matches. */
static int t_choose(struct filter_job *j, size_t n, struct wit_error *err) {
    const struct filter_options *o = j->opt;
    double share = o->tail_share;
    uint64_t *others = NULL;
    size_t other_n = 0;
    j->t = o->per_query;
    if (!o->has_tail_share && !o->t_from)
        return 0;
    int st = o->t_from ? wit_filter_counts_load_any(o->t_from, &others, &other_n, err) : 0;
    if (st < 0)
        return st;
    if (o->t_from)
        share = wit_filter_tail_share(others, other_n, o->per_query);
    free(others);
    st = wit_filter_t_of_share(j->counts, n, share, &j->t, err);
    if (st >= 0)
        fprintf(stderr, "wit filter: t is %llu, for a tail share of %.6g\n",
                (unsigned long long)j->t, share);
    return st;
}

static int job_open(struct filter_job *j, struct wit_error *err) {
    j->t = j->opt->per_query;
    if (!j->opt->allowlist)
        return filter_clean_open(j, err);
    int st = wit_filter_allowlist_load(j->opt->allowlist, &j->list, err);
    if (st < 0)
        return st;
    if (j->opt->counts) {
        size_t n = wit_filter_allowlist_count(j->list);
        j->counts = wit_alloc_array(n ? n : 1, sizeof *j->counts);
        if (!j->counts)
            return wit_error_set(err, WIT_ENOMEM, "no memory for %zu counts", n);
        st = wit_filter_counts_load(j->opt->counts, j->counts, n, err);
        if (st >= 0)
            st = t_choose(j, n, err);
    }
    return st < 0 ? st : wit_filter_matcher_create(j->list, &j->matcher, err);
}

static void job_finish(struct filter_job *j) {
    wit_filter_balancer_destroy(j->pairs);
    wit_filter_boilerplate_destroy(j->boilerplate);
    wit_filter_hygiene_destroy(j->hygiene);
    wit_filter_matcher_destroy(j->matcher);
    wit_filter_allowlist_destroy(j->list);
    free(j->counts);
    wit_buf_finish(&j->out);
}

static const struct verb {
    const char *name;
    int (*run)(struct filter_job *j);
    const char *options; /* that it takes beside --help; 'a' is needed */
    bool takes_files;
} verbs[] = { { "match", run_match, "actTFefx", false },
              { "count", run_count, "atMfxu", true },
              { "balance", run_balance, "actTFsfxu", false },
              { "clean", filter_clean_run, "olmbgGBPSefxp", false },
              { "report", filter_report_run, "actsolmbgGPSvnrj", true } };

static int format_check(const struct filter_options *opt) {
    const struct caption_format *f = &opt->format;
    const bool has_column = f->text_column || f->url_column || f->page_column;
    if (f->tsv && !f->text_column)
        return cli_usage_error("filter", "--format tsv needs --text-column");
    if (!f->tsv && has_column)
        return cli_usage_error("filter", "columns are of --format tsv");
    return CLI_DONE;
}

static int options_check(const struct filter_options *opt, const struct verb *verb) {
    if (opt->file_count && !verb->takes_files)
        return cli_usage_error("filter", "'%s' is not an option", opt->files[0]);
    if (!opt->allowlist && strchr(verb->options, 'a'))
        return cli_usage_error("filter", "--allowlist is needed");
    if (opt->has_tail_share && (opt->t_from || opt->has_per_query))
        return cli_usage_error("filter", "--tail-share says what t is: no --per-query beside it");
    return format_check(opt);
}

static int u32_parse(const char *name, uint32_t least, uint32_t *out) {
    uint64_t number = 0;
    char option[40];
    snprintf(option, sizeof option, "--%s", name);
    int code = cli_parse_u64("filter", option, optarg, least, UINT32_MAX, &number);
    if (code == CLI_DONE)
        *out = (uint32_t)number;
    return code;
}

static int format_parse(struct filter_options *opt) {
    opt->format.tsv = strcmp(optarg, "tsv") == 0;
    return opt->format.tsv || strcmp(optarg, "jsonl") == 0
               ? CLI_DONE
               : cli_usage_error("filter", "--format is jsonl or tsv, not '%s'", optarg);
}

/* One option, by its letter. */
static int option_take(int c, const char *name, struct filter_options *opt) {
    switch (c) {
    case 'a':
        opt->allowlist = optarg;
        return CLI_DONE;
    case 'c':
        opt->counts = optarg;
        return CLI_DONE;
    case 't':
        opt->has_per_query = true;
        return cli_parse_u64("filter", "--per-query", optarg, 1, UINT64_C(1) << 53,
                             &opt->per_query);
    case 'T':
        opt->has_tail_share = true;
        return cli_parse_double("filter", "--tail-share", optarg, 0, 1, &opt->tail_share);
    case 'F':
        opt->t_from = optarg;
        return CLI_DONE;
    case 's':
        return cli_parse_u64("filter", "--seed", optarg, 0, UINT64_MAX, &opt->seed);
    case 'M':
        opt->merge = true;
        return CLI_DONE;
    case 'o':
        return filter_rules_parse(optarg, &opt->hygiene.off);
    case 'l':
        return u32_parse(name, 0, &opt->hygiene.min_letters);
    case 'm':
        return u32_parse(name, 1, &opt->hygiene.max_bytes);
    case 'b':
        opt->blocklist = optarg;
        return CLI_DONE;
    case 'g':
        opt->hygiene.langs = optarg;
        return CLI_DONE;
    case 'G':
        return u32_parse(name, 0, &opt->hygiene.lang_letters);
    case 'B':
        opt->boilerplate = optarg;
        return CLI_DONE;
    case 'P':
        return u32_parse(name, 2, &opt->boilerplate_rule.pages);
    case 'S':
        return cli_parse_double("filter", "--boilerplate-share", optarg, 0, 0.999999,
                                &opt->boilerplate_rule.share);
    case 'e':
        opt->explain = true;
        return CLI_DONE;
    case 'f':
        return format_parse(opt);
    case 'x':
        return u32_parse(name, 1, &opt->format.text_column);
    case 'u':
        return u32_parse(name, 1, &opt->format.url_column);
    case 'p':
        return u32_parse(name, 1, &opt->format.page_column);
    case 'v':
        opt->svg = optarg;
        return CLI_DONE;
    case 'n':
        opt->unmatched = optarg;
        return CLI_DONE;
    case 'r':
        opt->refused = optarg;
        return CLI_DONE;
    case 'j':
        opt->json = true;
        return CLI_DONE;
    case 'h':
        return usage() == CLI_DONE ? -1 : CLI_FAILED;
    default:
        return CLI_USAGE; /* getopt has said why */
    }
}

static int parse_options(int argc, char **argv, const struct verb *verb,
                         struct filter_options *opt) {
    static const struct option longs[] = { { "allowlist", required_argument, NULL, 'a' },
                                           { "counts", required_argument, NULL, 'c' },
                                           { "per-query", required_argument, NULL, 't' },
                                           { "t", required_argument, NULL, 't' },
                                           { "tail-share", required_argument, NULL, 'T' },
                                           { "t-from", required_argument, NULL, 'F' },
                                           { "seed", required_argument, NULL, 's' },
                                           { "merge", no_argument, NULL, 'M' },
                                           { "off", required_argument, NULL, 'o' },
                                           { "min-letters", required_argument, NULL, 'l' },
                                           { "max-bytes", required_argument, NULL, 'm' },
                                           { "blocklist", required_argument, NULL, 'b' },
                                           { "langs", required_argument, NULL, 'g' },
                                           { "lang-letters", required_argument, NULL, 'G' },
                                           { "boilerplate", required_argument, NULL, 'B' },
                                           { "boilerplate-pages", required_argument, NULL, 'P' },
                                           { "boilerplate-share", required_argument, NULL, 'S' },
                                           { "explain", no_argument, NULL, 'e' },
                                           { "format", required_argument, NULL, 'f' },
                                           { "text-column", required_argument, NULL, 'x' },
                                           { "url-column", required_argument, NULL, 'u' },
                                           { "page-column", required_argument, NULL, 'p' },
                                           { "svg", required_argument, NULL, 'v' },
                                           { "unmatched", required_argument, NULL, 'n' },
                                           { "refused", required_argument, NULL, 'r' },
                                           { "json", no_argument, NULL, 'j' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    int c, place = 0, code = CLI_DONE;
    while (code == CLI_DONE && (c = getopt_long(argc, argv, "h", longs, &place)) != -1) {
        if (c != 'h' && c != '?' && !strchr(verb->options, c))
            return cli_usage_error("filter", "%s has no use for --%s", verb->name,
                                   longs[place].name);
        code = option_take(c, longs[place].name, opt);
    }
    opt->files = argv + optind;
    opt->file_count = (size_t)(argc - optind);
    return code == CLI_DONE ? options_check(opt, verb) : code;
}

int cmd_filter(int argc, char **argv) {
    const struct verb *verb = NULL;
    for (size_t i = 0; argc > 1 && i < WIT_COUNT_OF(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            verb = &verbs[i];
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage();
    if (!verb)
        return argc > 1
                   ? cli_usage_error("filter", "there is no verb '%s'", argv[1])
                   : cli_usage_error("filter",
                                     "a verb is needed: match, count, balance, clean or report");
    struct filter_options opt = { .per_query = PER_QUERY_DEFAULT,
                                  .hygiene = wit_filter_hygiene_config_default(),
                                  .boilerplate_rule = wit_filter_boilerplate_config_default() };
    int code = parse_options(argc - 1, argv + 1, verb, &opt);
    if (code != CLI_DONE)
        return code < 0 ? CLI_DONE : code;
    struct filter_job job = { .opt = &opt,
                              .in = { .command = "filter", .name = "stdin", .format = opt.format },
                              .out = WIT_BUF_INIT(WIT_FILTER_COUNTS_MAX_BYTES) };
    struct wit_error err = WIT_ERROR_INIT;
    code = job_open(&job, &err) < 0 ? cli_fail("filter", &err) : verb->run(&job);
    job_finish(&job);
    return code;
}
