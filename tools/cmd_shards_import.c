/* wit shards import, wit shards index: samples in others' layouts, collected and sealed or read
 * where they lie. */
#include "cmd_shards_import.h"
#include "cli.h"
#include "wit_shards_import.h"

#include <getopt.h>
#include <inttypes.h>

static const char import_help[] =
    "usage: wit shards import SRC... --from webdataset|files --out DIR [--keep-empty]\n"
    "                         [--verify structure|decode] [--no-seal] [--shard-bytes N | --bits "
    "N]\n"
    "                         [--threads N] [--json]\n"
    "\n"
    "Takes images with their words into the collection DIR/collect and seals it. The same command\n"
    "again goes on, and leaves out sources that were taken whole. 'wit crawl outcomes DIR' lists\n"
    "every sample with what came of it.\n"
    "\n"
    "  --from webdataset  tar files (.tar, .tar.gz, .tgz), or folders of them: KEY.jpg (jpeg, "
    "png,\n"
    "                     webp, gif), KEY.txt or KEY.caption, KEY.json with img2dataset's fields\n"
    "  --from files       folders with the same files, in folders or not\n"
    "  --out DIR          the dataset\n"
    "  --keep-empty       an image without words is a sample too; else it is refused\n"
    "  --verify V         structure (default), or decode: refuse what does not decode\n"
    "  --no-seal          collect only: more is to come\n"
    "  --shard-bytes N, --bits N, --transcode baseline, --threads N: as of 'wit shards seal'\n"
    "  --json             a JSON object for each source, and one at the end\n"
    "  --help             this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 3 done, but a source could not be read to its end |\n"
    "      130 interrupted, resumable\n";

static const char index_help[] =
    "usage: wit shards index TAR... --out DIR [--keep-empty] [--verify structure|decode]\n"
    "                        [--threads N] [--json]\n"
    "\n"
    "Makes DIR a dataset of the samples of tar files, which stay where they are: DIR/shards holds "
    "an\n"
    "index of each. 'wit load', 'wit train' and the verbs of 'wit shards' that read take it as "
    "any\n"
    "other. The list is the whole dataset; the same command again takes up what has changed.\n"
    "\n"
    "  TAR              a tar file, not gzipped, or a folder of them\n"
    "  --out DIR        a folder of its own\n"
    "  --keep-empty     an image without words is a sample too; else it is refused\n"
    "  --verify V       structure (default), or decode: refuse what does not decode\n"
    "  --threads N      default: one per core\n"
    "  --json           a JSON object for each tar and each refused sample, and one at the end\n"
    "  --help           this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 3 done, but a tar could not be read to its end |\n"
    "      130 interrupted, resumable\n";

enum { LINE_MOST_BYTES = 1 << 16 };

struct options {
    struct wit_shards_import_config cfg;
    struct wit_shards_seal_config seal;
    const char *out;
    bool in_place, has_from, no_seal, json, helped;
};

struct importing {
    struct wit_progress progress;
    struct wit_counters *reasons;
    bool json;
};

/* ---- lines ---------------------------------------------------------------------------------- */

static void line_begin(struct wit_json_writer *w, struct wit_buf *line, const char *schema) {
    wit_json_writer_init(w, line);
    wit_json_object_begin(w);
    wit_json_key(w, "schema");
    wit_json_put_cstr(w, schema);
}

/* A broken stdout shows at the flush. */
static void line_end(struct wit_json_writer *w) {
    wit_json_object_end(w);
    if (wit_json_writer_finish(w) == 0 && wit_buf_append_byte(w->out, '\n') == 0)
        fwrite(w->out->data, 1, w->out->len, stdout);
    wit_buf_finish(w->out);
}

static void put_count(struct wit_json_writer *w, const char *name, uint64_t v) {
    wit_json_key(w, name);
    wit_json_put_u64(w, v);
}

static void on_imported(void *user, const struct wit_shards_imported *s) {
    struct importing *i = user;
    struct wit_buf line = WIT_BUF_INIT(LINE_MOST_BYTES);
    struct wit_json_writer w;
    if (s->fault)
        fprintf(stderr, "wit shards: %s\n", s->fault);
    if (!i->json)
        return;
    line_begin(&w, &line, "wit.shards.import/1");
    wit_json_key(&w, "source");
    wit_json_put_cstr(&w, s->source);
    put_count(&w, "samples", s->samples);
    wit_json_key(&w, "kept");
    wit_json_put_bool(&w, s->kept);
    wit_json_key(&w, "fault");
    wit_json_put_cstr(&w, s->fault);
    line_end(&w);
}

static void on_refused(void *user, const char *source, const char *key, const char *reason) {
    struct importing *i = user;
    struct wit_buf line = WIT_BUF_INIT(LINE_MOST_BYTES);
    struct wit_json_writer w;
    wit_counters_add(i->reasons, reason, 1);
    if (!i->json)
        return;
    line_begin(&w, &line, "wit.shards.refused/1");
    wit_json_key(&w, "source");
    wit_json_put_cstr(&w, source);
    wit_json_key(&w, "key");
    wit_json_put_cstr(&w, key);
    wit_json_key(&w, "reason");
    wit_json_put_cstr(&w, reason);
    line_end(&w);
}

static void on_reason(void *user, const char *name, uint64_t n) {
    printf("%9" PRIu64 "  %s\n", n, name);
}

static void on_progress(void *user, uint64_t samples, uint64_t refused) {
    struct importing *i = user;
    wit_progress_update(&i->progress, samples, refused, NULL);
}

static void report_json(const struct options *o, const struct wit_shards_import_report *r,
                        const struct wit_shards_seal_report *sealed) {
    struct wit_buf line = WIT_BUF_INIT(LINE_MOST_BYTES);
    struct wit_json_writer w;
    char hash[WIT_HASH128_HEX];
    line_begin(&w, &line, o->in_place ? "wit.shards.indexed/1" : "wit.shards.imported/1");
    put_count(&w, "sources", r->sources);
    put_count(&w, "kept", r->kept);
    put_count(&w, "faults", r->faults);
    put_count(&w, "samples", r->samples);
    put_count(&w, "stored", r->stored);
    put_count(&w, "known", r->known);
    put_count(&w, "refused", r->refused);
    put_count(&w, "facts_broken", r->facts_broken);
    put_count(&w, "facts_left_out", r->facts_left_out);
    put_count(&w, "ignored", r->ignored);
    wit_json_key(&w, "dataset");
    if (o->no_seal) {
        wit_json_put_null(&w);
    } else {
        wit_hash128_to_hex(sealed->hash, hash);
        wit_json_object_begin(&w);
        wit_json_key(&w, "hash");
        wit_json_put_cstr(&w, hash);
        put_count(&w, "samples", sealed->samples);
        put_count(&w, "pairs", sealed->pairs);
        put_count(&w, "shards", sealed->shards);
        put_count(&w, "duplicate_images", sealed->duplicate_images);
        wit_json_object_end(&w);
    }
    line_end(&w);
}

static void report_text(const struct importing *i, const struct options *o,
                        const struct wit_shards_import_report *r,
                        const struct wit_shards_seal_report *sealed) {
    char hash[WIT_HASH128_HEX];
    printf("%" PRIu64 " samples of %" PRIu64 " sources: %" PRIu64 " taken, %" PRIu64 " refused",
           r->samples, r->sources - r->kept, r->stored, r->refused);
    if (r->kept)
        printf("; %" PRIu64 " sources were taken before", r->kept);
    if (r->faults)
        printf("; %" PRIu64 " not read to their end", r->faults);
    putchar('\n');
    if (o->no_seal)
        return;
    wit_hash128_to_hex(sealed->hash, hash);
    printf("%s  %" PRIu64 " samples, %" PRIu64 " pairs in %" PRIu64 " shards\n", hash,
           sealed->samples, sealed->pairs, sealed->shards);
    wit_counters_each(i->reasons, on_reason, NULL);
}

/* ---- options -------------------------------------------------------------------------------- */

static const struct option longs[] = {
    { "from", required_argument, NULL, 'f' },
    { "out", required_argument, NULL, 'o' },
    { "keep-empty", no_argument, NULL, 'e' },
    { "verify", required_argument, NULL, 'v' },
    { "no-seal", no_argument, NULL, 'n' },
    { "shard-bytes", required_argument, NULL, 'b' },
    { "bits", required_argument, NULL, 'B' },
    { "transcode", required_argument, NULL, 'T' },
    { "threads", required_argument, NULL, 't' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int from_parse(const char *name, struct options *o) {
    o->has_from = true;
    if (strcmp(name, "webdataset") == 0)
        o->cfg.from = WIT_SHARDS_IMPORT_WEBDATASET;
    else if (strcmp(name, "files") == 0)
        o->cfg.from = WIT_SHARDS_IMPORT_FILES;
    else
        return cli_usage_error("shards", "--from must be webdataset or files, not '%s'", name);
    return CLI_DONE;
}

static int option_take(int opt, int which, struct options *o) {
    uint64_t n = 0;
    int code;
    if (o->in_place && strchr("fnbBT", opt))
        return cli_usage_error("shards", "'index' does not take --%s", longs[which].name);
    switch (opt) {
    case 'f':
        return from_parse(optarg, o);
    case 'o':
        o->out = optarg;
        return CLI_DONE;
    case 'e':
        o->cfg.keep_without_words = true;
        return CLI_DONE;
    case 'v':
        o->cfg.verify_decode = strcmp(optarg, "decode") == 0;
        if (!o->cfg.verify_decode && strcmp(optarg, "structure") != 0)
            return cli_usage_error("shards", "--verify must be structure or decode, not '%s'",
                                   optarg);
        return CLI_DONE;
    case 'n':
        o->no_seal = true;
        return CLI_DONE;
    case 'b':
        return cli_parse_u64("shards", "--shard-bytes", optarg, 1, INT64_MAX, &o->seal.shard_bytes);
    case 'B':
        code = cli_parse_u64("shards", "--bits", optarg, 0, WIT_SHARDS_MAX_BITS, &n);
        o->seal.shard_bits = (int)n;
        return code;
    case 'T':
        return wit_shards_transcode_parse(wit_str_from(optarg), &o->seal.transcode) < 0
                   ? cli_usage_error("shards", "--transcode must be none or baseline, not '%s'",
                                     optarg)
                   : CLI_DONE;
    case 't':
        code = cli_parse_u64("shards", "--threads", optarg, 1, 256, &n);
        o->seal.threads = (unsigned)n;
        return code;
    case 'j':
        o->json = true;
        return CLI_DONE;
    case 'h':
        o->helped = true;
        return cli_write_stdout("shards", wit_str_from(o->in_place ? index_help : import_help));
    default:
        return CLI_USAGE;
    }
}

static int options_parse(int argc, char **argv, struct options *o) {
    int code = CLI_DONE, which = 0;
    optind = 1;
    for (int opt; code == CLI_DONE && !o->helped &&
                  (opt = getopt_long(argc, argv, "", longs, &which)) != -1;)
        code = option_take(opt, which, o);
    if (code != CLI_DONE || o->helped)
        return code;
    if (optind == argc || !o->out || !(o->has_from || o->in_place))
        return cli_usage_error("shards", o->in_place ? "index needs tar files and --out"
                                                     : "import needs what to read, --from and "
                                                       "--out");
    o->cfg.sources = (const char *const *)(argv + optind);
    o->cfg.source_count = (size_t)(argc - optind);
    return CLI_DONE;
}

static int run(struct options *o, struct wit_shards_import_report *report,
               struct wit_shards_seal_report *dataset, struct wit_error *err) {
    const struct wit_shards_index_config index = { .threads = o->seal.threads,
                                                   .tool = o->seal.tool,
                                                   .refused = on_refused };
    if (o->in_place)
        return wit_shards_index(o->out, &o->cfg, &index, report, dataset, err);
    int st = wit_shards_import(o->out, &o->cfg, report, err);
    return st < 0 || o->no_seal ? st : wit_shards_seal(o->out, &o->seal, dataset, err);
}

int cmd_shards_import(int argc, char **argv) {
    struct options o = { .cfg = wit_shards_import_config_default(),
                         .seal = wit_shards_seal_config_default(),
                         .in_place = strcmp(argv[0], "index") == 0 };
    struct wit_shards_import_report report;
    struct wit_shards_seal_report dataset = { .samples = 0 };
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    struct importing importing = { .json = o.json, .reasons = wit_counters_create() };
    if (!importing.reasons) {
        wit_error_set(&err, WIT_ENOMEM, "no memory");
        return cli_fail("shards", &err);
    }
    cli_catch_interrupts();
    wit_progress_start(&importing.progress, argv[0], "samples", 0, o.json);
    o.cfg.imported = on_imported;
    o.cfg.progress = on_progress;
    o.cfg.user = &importing;
    o.cfg.interrupt = o.seal.interrupt = cli_interrupt_flag();
    o.seal.guard_recipe = true;
    o.seal.tool = WIT_STR("wit " WIT_VERSION);
    int st = run(&o, &report, &dataset, &err);
    wit_progress_finish(&importing.progress, NULL);
    if (st >= 0)
        o.json ? report_json(&o, &report, &dataset)
               : report_text(&importing, &o, &report, &dataset);
    wit_counters_destroy(importing.reasons);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    if (st < 0)
        return cli_fail("shards", &err);
    return flushed != CLI_DONE ? flushed : report.faults ? CLI_PARTIAL : CLI_DONE;
}
