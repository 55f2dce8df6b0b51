/* wit shards export: a dataset in the layouts of img2dataset. */
#include "cmd_shards_export.h"
#include "cli.h"
#include "json_line.h"
#include "table/wit_table.h"
#include "wit_shards_export.h"

#include <getopt.h>
#include <inttypes.h>

static const char help[] =
    "usage: wit shards export DIR --to webdataset|files|metadata --out OUT [--per-shard N]\n"
    "                             [--captions first|all|join] [--parquet] [--json]\n"
    "\n"
    "Writes every sample of a sealed dataset in img2dataset's layouts, in key order. The same\n"
    "command again keeps the shards that are whole.\n"
    "\n"
    "  --to webdataset  OUT/00000.tar ... with KEY.jpg (png, webp, gif), KEY.txt and KEY.json\n"
    "  --to files       the same files in folders OUT/00000 ...\n"
    "  --to metadata    the facts alone: OUT/00000.parquet ... in builds with Arrow, else .jsonl\n"
    "  --out OUT        a folder of its own\n"
    "  --per-shard N    samples of a shard, default 10000\n"
    "  --captions C     first: the first caption (default); all: one a line; join: all in one "
    "line\n"
    "  --parquet        the facts as OUT/00000.parquet ... too (builds with Arrow)\n"
    "  --json           a JSON object for each shard, and one at the end\n"
    "  --help           this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted, resumable\n";

enum { LINE_MOST_BYTES = 4096 };

struct exporting {
    struct wit_progress progress;
    bool json;
};

static void on_exported(void *user, const struct wit_shards_exported *shard) {
    struct exporting *e = user;
    struct json_line l;
    if (!e->json)
        return;
    json_line_init(&l, LINE_MOST_BYTES);
    json_line_begin(&l, "wit.shards.export/1");
    json_line_text(&l, "shard", shard->file);
    json_line_count(&l, "samples", shard->samples);
    json_line_count(&l, "bytes", shard->bytes);
    json_line_bool(&l, "kept", shard->kept);
    (void)json_line_end(&l, NULL); /* a broken stdout shows at the flush */
    json_line_finish(&l);
}

static void on_progress(void *user, uint64_t done, uint64_t total) {
    struct exporting *e = user;
    e->progress.total = total;
    wit_progress_update(&e->progress, done, 0, NULL);
}

static void report_print(const struct exporting *e, const struct wit_shards_export_report *r,
                         const char *out) {
    struct json_line l;
    if (!e->json) {
        printf("%s: %" PRIu64 " samples in %" PRIu64 " shards, %" PRIu64 " bytes", out, r->samples,
               r->shards, r->bytes);
        if (r->kept)
            printf("; %" PRIu64 " shards were there already", r->kept);
        putchar('\n');
        return;
    }
    json_line_init(&l, LINE_MOST_BYTES);
    json_line_begin(&l, "wit.shards.exported/1");
    json_line_count(&l, "samples", r->samples);
    json_line_count(&l, "shards", r->shards);
    json_line_count(&l, "kept", r->kept);
    json_line_count(&l, "bytes", r->bytes);
    (void)json_line_end(&l, NULL); /* a broken stdout shows at the flush */
    json_line_finish(&l);
}

/* ---- options -------------------------------------------------------------------------------- */

static const struct option longs[] = {
    { "to", required_argument, NULL, 't' },
    { "out", required_argument, NULL, 'o' },
    { "per-shard", required_argument, NULL, 'n' },
    { "captions", required_argument, NULL, 'c' },
    { "parquet", no_argument, NULL, 'p' },
    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

struct options {
    struct wit_shards_export_config cfg;
    const char *dir;
    bool has_layout, json, helped;
};

static int layout_parse(const char *name, struct options *o) {
    o->has_layout = true;
    if (strcmp(name, "webdataset") == 0)
        o->cfg.layout = WIT_SHARDS_EXPORT_WEBDATASET;
    else if (strcmp(name, "files") == 0)
        o->cfg.layout = WIT_SHARDS_EXPORT_FILES;
    else if (strcmp(name, "metadata") == 0)
        o->cfg.layout = WIT_SHARDS_EXPORT_METADATA;
    else
        return cli_usage_error("shards", "--to must be webdataset, files or metadata, not '%s'",
                               name);
    return CLI_DONE;
}

static int captions_parse(const char *name, struct options *o) {
    if (strcmp(name, "first") == 0)
        o->cfg.captions = WIT_SHARDS_EXPORT_FIRST;
    else if (strcmp(name, "all") == 0)
        o->cfg.captions = WIT_SHARDS_EXPORT_ALL;
    else if (strcmp(name, "join") == 0)
        o->cfg.captions = WIT_SHARDS_EXPORT_JOIN;
    else
        return cli_usage_error("shards", "--captions must be first, all or join, not '%s'", name);
    return CLI_DONE;
}

static int option_take(int opt, struct options *o) {
    switch (opt) {
    case 't':
        return layout_parse(optarg, o);
    case 'o':
        o->cfg.out = optarg;
        return CLI_DONE;
    case 'n':
        return cli_parse_u64("shards", "--per-shard", optarg, 1, WIT_SHARDS_EXPORT_PER_SHARD_MOST,
                             &o->cfg.per_shard);
    case 'c':
        return captions_parse(optarg, o);
    case 'p':
        o->cfg.parquet = true;
        return CLI_DONE;
    case 'j':
        o->json = true;
        return CLI_DONE;
    case 'h':
        o->helped = true;
        return cli_write_stdout("shards", WIT_STR(help));
    default:
        return CLI_USAGE;
    }
}

static int options_parse(int argc, char **argv, struct options *o) {
    int code = CLI_DONE;
    optind = 1;
    for (int opt;
         code == CLI_DONE && !o->helped && (opt = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        code = option_take(opt, o);
    if (code != CLI_DONE || o->helped)
        return code;
    if (argc - optind != 1)
        return cli_usage_error("shards", "'export' takes one dataset");
    if (!o->has_layout || !o->cfg.out)
        return cli_usage_error("shards", "export needs --to and --out");
    if (o->cfg.layout == WIT_SHARDS_EXPORT_METADATA)
        o->cfg.parquet = o->cfg.parquet || wit_table_is_supported();
    o->dir = argv[optind];
    return CLI_DONE;
}

int cmd_shards_export(int argc, char **argv) {
    struct options o = { .cfg = wit_shards_export_config_default() };
    struct wit_shards_export_report report;
    struct wit_error err = WIT_ERROR_INIT;
    struct exporting e;
    int code = options_parse(argc, argv, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    e.json = o.json;
    cli_catch_interrupts();
    wit_progress_start(&e.progress, "export", "samples", 0, o.json);
    o.cfg.exported = on_exported;
    o.cfg.progress = on_progress;
    o.cfg.user = &e;
    o.cfg.interrupt = cli_interrupt_flag();
    int st = wit_shards_export(o.dir, &o.cfg, &report, &err);
    wit_progress_finish(&e.progress, NULL);
    if (st >= 0)
        report_print(&e, &report, o.cfg.out);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", &err) : flushed;
}
