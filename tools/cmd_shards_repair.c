/* wit shards repair: what is left of a damaged dataset. */
#include "cli.h"
#include "cmd_shards_export.h"
#include "json_line.h"
#include "wit_shards_repair.h"

#include <getopt.h>
#include <inttypes.h>

static const char help[] =
    "usage: wit shards repair DIR [--out OUT] [--dry-run] [--salvage] [--threads N] [--json]\n"
    "\n"
    "Verifies a dataset. Where DIR/collect is there, damaged shards are sealed anew from it;\n"
    "else every record of them that its own hashes prove is kept in new shards, and what is lost\n"
    "is said. Damaged files are kept in DIR/damaged/N.\n"
    "\n"
    "  --out OUT     the repaired dataset goes there, DIR stays as it is\n"
    "  --dry-run     say what would be kept and lost, write nothing\n"
    "  --salvage     do not seal anew, take what is in the damaged shards\n"
    "  --threads N   default: one per core\n"
    "  --json        a JSON object for each damaged shard and lost key, and one at the end\n"
    "  --help        this page\n"
    "\n"
    "exit: 0 done, nothing lost | 1 failed, or something is lost | 2 bad usage | 130 interrupted\n";

enum { LINE_MOST_BYTES = 16384 };

struct repairing {
    bool json, dry_run;
};

static void on_repaired(void *user, const struct wit_shards_repaired *s) {
    const struct repairing *u = user;
    struct json_line l;
    if (!u->json) {
        printf("%s: of %" PRIu64 " samples %" PRIu64 " kept, %" PRIu64 " lost", s->file, s->samples,
               s->kept, s->lost);
        if (s->lost_unnamed)
            printf(" (%" PRIu64 " of unknown key)", s->lost_unnamed);
        if (s->origins_lost)
            printf("; %" PRIu64 " kept without their origin", s->origins_lost);
        printf("\n  %s\n", s->fault);
        return;
    }
    json_line_init(&l, LINE_MOST_BYTES);
    json_line_begin(&l, "wit.shards.repair/1");
    json_line_text(&l, "shard", s->file);
    json_line_text(&l, "fault", s->fault);
    json_line_text(&l, "new", s->new_file);
    json_line_count(&l, "samples", s->samples);
    json_line_count(&l, "kept", s->kept);
    json_line_count(&l, "lost", s->lost);
    json_line_count(&l, "lost_unnamed", s->lost_unnamed);
    json_line_count(&l, "origins_lost", s->origins_lost);
    (void)json_line_end(&l, NULL); /* a broken stdout shows at the flush */
    json_line_finish(&l);
}

static void on_lost(void *user, const char *file, struct wit_hash128 key) {
    const struct repairing *u = user;
    struct json_line l;
    char hex[WIT_HASH128_HEX];
    if (!u->json) {
        wit_hash128_to_hex(key, hex);
        printf("  lost %s\n", hex);
        return;
    }
    json_line_init(&l, LINE_MOST_BYTES);
    json_line_begin(&l, "wit.shards.lost/1");
    json_line_text(&l, "shard", file);
    json_line_key(&l, "key", key);
    (void)json_line_end(&l, NULL); /* a broken stdout shows at the flush */
    json_line_finish(&l);
}

static void text_print(const struct repairing *u, const struct wit_shards_repair_report *r) {
    char hash[WIT_HASH128_HEX];
    wit_hash128_to_hex(r->hash, hash);
    if (r->rebuilt)
        puts(u->dry_run ? "dataset.json would be made anew from the shards"
                        : "dataset.json was made anew from the shards");
    if (r->damaged == 0) {
        printf("%s  %" PRIu64 " samples: nothing is damaged\n", hash, r->samples);
        return;
    }
    if (r->sealed && u->dry_run) {
        printf("%" PRIu64 " damaged shards would be sealed anew from what was collected\n",
               r->damaged);
        return;
    }
    printf("%s  %" PRIu64 " samples, %" PRIu64 " pairs in %" PRIu64 " shards; ", hash, r->samples,
           r->pairs, r->shards);
    if (r->sealed)
        printf("%" PRIu64 " damaged ones sealed anew from what was collected\n", r->damaged);
    else
        printf("%" PRIu64 " samples and %" PRIu64 " origins lost%s\n", r->lost, r->origins_lost,
               u->dry_run ? " (nothing was written)" : "");
    if (r->aside[0])
        printf("the damaged files are in %s\n", r->aside);
}

static void report_print(const struct repairing *u, const struct wit_shards_repair_report *r) {
    struct json_line l;
    if (!u->json) {
        text_print(u, r);
        return;
    }
    json_line_init(&l, LINE_MOST_BYTES);
    json_line_begin(&l, "wit.shards.repaired/1");
    json_line_key(&l, "hash", r->hash);
    json_line_count(&l, "samples", r->samples);
    json_line_count(&l, "pairs", r->pairs);
    json_line_count(&l, "shards", r->shards);
    json_line_count(&l, "damaged", r->damaged);
    json_line_count(&l, "lost", r->lost);
    json_line_count(&l, "lost_unnamed", r->lost_unnamed);
    json_line_count(&l, "origins_lost", r->origins_lost);
    json_line_bool(&l, "rebuilt", r->rebuilt);
    json_line_bool(&l, "sealed", r->sealed);
    json_line_text(&l, "aside", r->aside[0] ? r->aside : NULL);
    (void)json_line_end(&l, NULL); /* a broken stdout shows at the flush */
    json_line_finish(&l);
}

static const struct option longs[] = {
    { "out", required_argument, NULL, 'o' },
    { "dry-run", no_argument, NULL, 'd' },
    { "salvage", no_argument, NULL, 's' },
    { "json", no_argument, NULL, 'j' },
    { "threads", required_argument, NULL, 't' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* CLI_DONE, CLI_USAGE; *help_asked: print it and end. */
static int options_parse(int argc, char **argv, struct wit_shards_repair_options *o,
                         struct repairing *u, bool *help_asked) {
    uint64_t threads = 0;
    int opt, st = CLI_DONE;
    optind = 1;
    while (st == CLI_DONE && (opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 'o')
            o->out = optarg;
        else if (opt == 'd')
            o->dry_run = u->dry_run = true;
        else if (opt == 's')
            o->salvage = true;
        else if (opt == 'j')
            u->json = true;
        else if (opt == 't')
            st = cli_parse_u64("shards", "--threads", optarg, 1, 256, &threads);
        else if (opt == 'h')
            *help_asked = true;
        else
            st = CLI_USAGE;
    }
    o->threads = (unsigned)threads;
    return st;
}

int cmd_shards_repair(int argc, char **argv) {
    struct repairing u = { .json = false };
    struct wit_shards_repair_options o = { .tool = WIT_STR("wit " WIT_VERSION),
                                           .repaired = on_repaired,
                                           .lost = on_lost,
                                           .user = &u,
                                           .interrupt = cli_interrupt_flag() };
    struct wit_shards_repair_report report;
    struct wit_error err = WIT_ERROR_INIT;
    bool help_asked = false;
    if (options_parse(argc, argv, &o, &u, &help_asked) != CLI_DONE)
        return CLI_USAGE;
    if (help_asked)
        return cli_write_stdout("shards", wit_str_from(help));
    if (argc - optind != 1)
        return cli_usage_error("shards", "'repair' takes one dataset");
    cli_catch_interrupts();
    int st = wit_shards_repair(argv[optind], &o, &report, &err);
    if (st >= 0)
        report_print(&u, &report);
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    if (st < 0)
        return cli_fail("shards", &err);
    return flushed ? flushed : report.lost || report.origins_lost ? CLI_FAILED : CLI_DONE;
}
