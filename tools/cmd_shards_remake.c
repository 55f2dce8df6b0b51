/* wit shards merge, compact, split: datasets out of datasets. */
#include "cmd_shards_remake.h"
#include "cli.h"
#include "cli_line.h"
#include "wit_shards_merge.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#define KEYS_MAX_BYTES ((size_t)4 << 30)
enum { DOMAINS_MOST = 4096 };

static const char help_merge[] =
    "usage: wit shards merge A B ... --out C [--shard-bytes N | --bits N] [--threads N] [--json]\n"
    "\n"
    "Makes C the union of datasets: samples with the same image become one, with the captions and\n"
    "origins of all. The hash is that of having collected together. The same command again ends "
    "an\n"
    "interrupted merge, or does nothing. Pairs that a dataset's recipe dropped are not in it, so\n"
    "they are not in C.\n"
    "\n"
    "  --out C          a folder of its own\n"
    "  --shard-bytes N  target size of a shard, default 1610612736\n"
    "  --bits N         number of prefixes as a power of two, 0 to 16\n"
    "  --threads N      default: one per core\n"
    "  --json           one JSON object\n"
    "  --help           this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted, resumable\n";

static const char help_compact[] =
    "usage: wit shards compact DIR [--purge] [--shard-bytes N | --bits N] [--dry-run]\n"
    "                          [--threads N] [--json]\n"
    "\n"
    "Writes a dataset anew in place where it pays: prefixes of several runs become one shard, and\n"
    "shards of which more than a fifth is hidden records lose them. Content and hash stay. Old\n"
    "files go in batches of 64 GiB; with another number of prefixes at the end, and until then\n"
    "both need room.\n"
    "\n"
    "  --purge          no hidden record is left in any shard\n"
    "  --shard-bytes N  as many prefixes as make shards of that size\n"
    "  --bits N         that many prefixes, as a power of two; either rewrites everything, unless\n"
    "                   there are as many already\n"
    "  --dry-run        say which files would go, and how many bytes would be written\n"
    "  --threads N      default: one per core\n"
    "  --json           one JSON object for each file that goes, and one at the end\n"
    "  --help           this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted, resumable\n";

static const char help_split[] =
    "usage: wit shards split DIR --out OUT --parts N | --share S,S... | --keys FILE |\n"
    "                        --match-domain D ... [--seed N] [--shard-bytes N | --bits N]\n"
    "                        [--threads N] [--json]\n"
    "\n"
    "Makes several datasets of one, each sample in one of them: OUT/part-0, OUT/part-1 ..., or\n"
    "OUT/match and OUT/rest. DIR stays as it is.\n"
    "\n"
    "  --out OUT         a folder; its parts are made in it\n"
    "  --parts N         N parts of equal share\n"
    "  --share S,S...    shares that add up to 1: 0.9,0.1\n"
    "  --seed N          of the hash that deals out the samples, default 0\n"
    "  --keys FILE       samples whose key is a line of FILE, and the rest; - is stdin\n"
    "  --match-domain D  samples of which a URL's host is D or below it, and the rest; repeatable\n"
    "  --shard-bytes N   target size of a shard, default 1610612736\n"
    "  --bits N          number of prefixes of each part as a power of two, 0 to 16\n"
    "  --threads N       default: one per core\n"
    "  --json            one JSON object for each part\n"
    "  --help            this page\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted, resumable\n";

/* ---- options --------------------------------------------------------------------------------- */

struct options {
    const char *out, *share, *keys;
    struct wit_str domains[DOMAINS_MOST];
    size_t domain_count;
    uint64_t parts, seed, threads, shard_bytes, bits;
    bool purge, dry_run, has_size, has_bits, json, helped;
};

static const struct option longs[] = {
    { "out", required_argument, NULL, 'o' },     { "parts", required_argument, NULL, 'n' },
    { "share", required_argument, NULL, 's' },   { "seed", required_argument, NULL, 'S' },
    { "keys", required_argument, NULL, 'k' },    { "match-domain", required_argument, NULL, 'd' },
    { "purge", no_argument, NULL, 'p' },         { "dry-run", no_argument, NULL, 'D' },
    { "threads", required_argument, NULL, 't' }, { "shard-bytes", required_argument, NULL, 'b' },
    { "bits", required_argument, NULL, 'B' },    { "json", no_argument, NULL, 'j' },
    { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
};

static int number_take(int opt, struct options *o) {
    switch (opt) {
    case 'n':
        return cli_parse_u64("shards", "--parts", optarg, 1, WIT_SHARDS_SPLIT_MOST, &o->parts);
    case 'S':
        return cli_parse_u64("shards", "--seed", optarg, 0, INT64_MAX, &o->seed);
    case 't':
        return cli_parse_u64("shards", "--threads", optarg, 1, 256, &o->threads);
    case 'b':
        o->has_size = true;
        return cli_parse_u64("shards", "--shard-bytes", optarg, 1, INT64_MAX, &o->shard_bytes);
    default:
        o->has_bits = true;
        return cli_parse_u64("shards", "--bits", optarg, 0, WIT_SHARDS_MAX_BITS, &o->bits);
    }
}

static int option_take(const char *verb, const char *flags, const char *help, int opt, int which,
                       struct options *o) {
    if (opt == '?')
        return CLI_USAGE;
    if (!strchr(flags, opt) && !strchr("tbBjh", opt))
        return cli_usage_error("shards", "'%s' does not take --%s", verb, longs[which].name);
    switch (opt) {
    case 'o':
        o->out = optarg;
        return CLI_DONE;
    case 's':
        o->share = optarg;
        return CLI_DONE;
    case 'k':
        o->keys = optarg;
        return CLI_DONE;
    case 'd':
        if (o->domain_count == DOMAINS_MOST)
            return cli_usage_error("shards", "more than %d --match-domain", DOMAINS_MOST);
        o->domains[o->domain_count++] = wit_str_from(optarg);
        return CLI_DONE;
    case 'p':
        o->purge = true;
        return CLI_DONE;
    case 'D':
        o->dry_run = true;
        return CLI_DONE;
    case 'j':
        o->json = true;
        return CLI_DONE;
    case 'h':
        o->helped = true;
        return cli_write_stdout("shards", wit_str_from(help));
    default:
        return number_take(opt, o);
    }
}

static int options_parse(int argc, char **argv, const char *flags, const char *help,
                         struct options *o) {
    int code = CLI_DONE, which = 0;
    optind = 1;
    for (int opt; code == CLI_DONE && !o->helped &&
                  (opt = getopt_long(argc, argv, "", longs, &which)) != -1;)
        code = option_take(argv[0], flags, help, opt, which, o);
    if (code == CLI_DONE && o->has_size && o->has_bits)
        code = cli_usage_error("shards", "--shard-bytes and --bits say the same: give one");
    return code;
}

/* ---- what the verbs share -------------------------------------------------------------------- */

static void on_progress(void *user, uint64_t done, uint64_t total) {
    struct wit_progress *p = user;
    p->total = total;
    wit_progress_update(p, done, 0, NULL);
}

static struct wit_shards_remake_config config_of(const struct options *o,
                                                 struct wit_progress *progress) {
    struct wit_shards_remake_config cfg = wit_shards_remake_config_default();
    if (o->has_size)
        cfg.shard_bytes = o->shard_bytes;
    if (o->has_bits)
        cfg.shard_bits = (int)o->bits;
    cfg.threads = (unsigned)o->threads;
    cfg.tool = WIT_STR("wit " WIT_VERSION);
    cfg.progress = on_progress;
    cfg.user = progress;
    cfg.interrupt = cli_interrupt_flag();
    return cfg;
}

static void put_made(struct cli_line *line, const struct wit_shards_remade *made) {
    cli_line_hash(line, "hash", made->hash);
    cli_line_count(line, "samples", made->samples);
    cli_line_count(line, "pairs", made->pairs);
    cli_line_count(line, "shards", made->shards);
    cli_line_count(line, "image_bytes", made->image_bytes);
    cli_line_bool(line, "changed", made->changed);
}

static void print_made(const struct wit_shards_remade *made) {
    char hash[WIT_HASH128_HEX];
    wit_hash128_to_hex(made->hash, hash);
    printf("%s  %" PRIu64 " samples, %" PRIu64 " pairs in %" PRIu64 " shards", hash, made->samples,
           made->pairs, made->shards);
}

static int finish(int st, const struct wit_error *err) {
    int flushed = cli_write_stdout("shards", WIT_STR(""));
    return st < 0 ? cli_fail("shards", err) : flushed;
}

/* ---- merge ----------------------------------------------------------------------------------- */

static void merge_print(const struct options *o, const struct wit_shards_remade *made) {
    struct cli_line line;
    if (!o->json) {
        print_made(made);
        if (made->changed)
            printf(", %" PRIu64 " of several inputs", made->shared);
        puts(made->changed ? "" : ", nothing changed");
        return;
    }
    cli_line_begin(&line, "wit.shards.merge/1");
    put_made(&line, made);
    cli_line_count(&line, "shared", made->shared);
    cli_line_count(&line, "collisions", made->collisions);
    cli_line_count(&line, "captions_cut", made->captions_cut);
    cli_line_print(&line);
}

int cmd_shards_merge(int argc, char **argv) {
    struct options o = { .out = NULL };
    struct wit_shards_remade made;
    struct wit_progress progress;
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, "o", help_merge, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    if (!o.out || optind == argc)
        return cli_usage_error("shards", "merge needs datasets and --out");
    cli_catch_interrupts();
    wit_progress_start(&progress, "merge", "samples", 0, o.json);
    const struct wit_shards_remake_config cfg = config_of(&o, &progress);
    int st = wit_shards_merge((const char *const *)argv + optind, (size_t)(argc - optind), o.out,
                              &cfg, &made, &err);
    wit_progress_finish(&progress, NULL);
    if (st >= 0)
        merge_print(&o, &made);
    return finish(st, &err);
}

/* ---- compact --------------------------------------------------------------------------------- */

static void on_going(void *user, const struct wit_shards_compacting *s) {
    const struct options *o = user;
    struct cli_line line;
    if (!o->json && !o->dry_run)
        return;
    if (!o->json) {
        printf("%-32s  %9" PRIu64 " samples  %13" PRIu64 " bytes  %9" PRIu64 " hidden, %" PRIu64
               " bytes\n",
               s->file, s->samples, s->file_bytes, s->hidden, s->hidden_bytes);
        return;
    }
    cli_line_begin(&line, "wit.shards.compact/1");
    cli_line_text(&line, "file", s->file);
    cli_line_count(&line, "samples", s->samples);
    cli_line_count(&line, "bytes", s->file_bytes);
    cli_line_count(&line, "hidden", s->hidden);
    cli_line_count(&line, "hidden_bytes", s->hidden_bytes);
    cli_line_print(&line);
}

static void compact_print(const struct options *o, const struct wit_shards_compacted *c) {
    struct cli_line line;
    if (!o->json) {
        print_made(&c->made);
        if (c->shards_gone == 0)
            fputs(", nothing to do", stdout);
        else
            printf(o->dry_run ? "; would rewrite %" PRIu64 " shards of %" PRIu64
                                " bytes, into about %" PRIu64
                              : "; rewrote %" PRIu64 " shards of %" PRIu64
                                " bytes, into about %" PRIu64,
                   c->shards_gone, c->bytes_gone, c->bytes_left);
        if (c->hidden_kept)
            printf("; %" PRIu64 " hidden records stay (--purge)", c->hidden_kept);
        putchar('\n');
        return;
    }
    cli_line_begin(&line, "wit.shards.compacted/1");
    put_made(&line, &c->made);
    cli_line_bool(&line, "dry_run", o->dry_run);
    cli_line_count(&line, "shards_gone", c->shards_gone);
    cli_line_count(&line, "bytes_gone", c->bytes_gone);
    cli_line_count(&line, "bytes_left", c->bytes_left);
    cli_line_count(&line, "hidden_gone", c->hidden_gone);
    cli_line_count(&line, "hidden_kept", c->hidden_kept);
    cli_line_print(&line);
}

int cmd_shards_compact(int argc, char **argv) {
    struct options o = { .out = NULL };
    struct wit_shards_compact_config cfg = wit_shards_compact_config_default();
    struct wit_shards_compacted report;
    struct wit_progress progress;
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, "pD", help_compact, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    if (argc - optind != 1)
        return cli_usage_error("shards", "'compact' takes one dataset");
    cli_catch_interrupts();
    wit_progress_start(&progress, "compact", "samples", 0, o.json);
    cfg.make = config_of(&o, &progress);
    cfg.reshard = o.has_size || o.has_bits;
    cfg.purge = o.purge;
    cfg.dry_run = o.dry_run;
    cfg.going = on_going;
    cfg.user = &o;
    int st = wit_shards_compact(argv[optind], &cfg, &report, &err);
    wit_progress_finish(&progress, NULL);
    if (st >= 0)
        compact_print(&o, &report);
    return finish(st, &err);
}

/* ---- split ----------------------------------------------------------------------------------- */

struct splitting {
    struct wit_shards_split_config cfg;
    double shares[WIT_SHARDS_SPLIT_MOST];
    struct wit_hash128 *keys;
    bool json;
};

static void on_part(void *user, const char *dir, const struct wit_shards_remade *made) {
    const struct splitting *s = user;
    struct cli_line line;
    if (!s->json) {
        printf("%s: ", dir);
        print_made(made);
        puts(made->changed ? "" : ", nothing changed");
        return;
    }
    cli_line_begin(&line, "wit.shards.split/1");
    cli_line_text(&line, "dir", dir);
    put_made(&line, made);
    cli_line_print(&line);
}

static int shares_parse(const struct options *o, struct splitting *s) {
    s->cfg.shares = s->shares;
    s->cfg.share_count = (size_t)o->parts;
    for (uint64_t i = 0; i < o->parts; i++)
        s->shares[i] = 1.0 / (double)o->parts;
    if (!o->share)
        return CLI_DONE;
    struct wit_str rest = wit_str_from(o->share);
    s->cfg.share_count = 0;
    for (bool more = true; more;) {
        ptrdiff_t comma = wit_str_find_byte(rest, ',', 0);
        struct wit_str one = wit_str_slice(rest, 0, comma < 0 ? rest.len : (size_t)comma);
        more = comma >= 0;
        if (s->cfg.share_count == WIT_SHARDS_SPLIT_MOST ||
            wit_str_to_double(one, &s->shares[s->cfg.share_count]) < 0)
            return cli_usage_error("shards", "--share must be like 0.9,0.1, at most %d, not '%s'",
                                   WIT_SHARDS_SPLIT_MOST, o->share);
        s->cfg.share_count++;
        if (more)
            rest = wit_str_slice(rest, (size_t)comma + 1, rest.len);
    }
    return CLI_DONE;
}

/* A key a line; blank ones do not count. */
static int keys_add(struct splitting *s, struct wit_lines *lines, const char *path,
                    struct wit_error *err) {
    struct wit_str line;
    size_t cap = 0;
    int st;
    while ((st = wit_lines_next(lines, &line, err)) > 0) {
        line = wit_str_trim(line);
        if (line.len == 0)
            continue;
        if (s->cfg.key_count == cap) {
            cap = cap ? 2 * cap : 1024;
            struct wit_hash128 *more = cap > KEYS_MAX_BYTES / sizeof *more
                                           ? NULL
                                           : wit_realloc_array(s->keys, cap, sizeof *more);
            if (!more)
                return wit_error_set(err, WIT_ENOMEM, "no memory for %zu keys", cap);
            s->keys = more;
        }
        if (wit_hash128_from_hex(line, &s->keys[s->cfg.key_count]) < 0)
            return wit_error_set(err, WIT_EFORMAT, "%s:%" PRIu64 ": no key of 32 hex digits", path,
                                 wit_lines_number(lines));
        s->cfg.key_count++;
    }
    return st;
}

static int keys_read(struct splitting *s, const char *path, struct wit_error *err) {
    enum { LINE_MOST = 4096 };
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "re");
    struct wit_lines *lines = NULL;
    if (!in)
        return wit_error_errno(err, errno, "cannot open %s", path);
    s->keys = wit_alloc_array(1, sizeof *s->keys); /* an empty list is a list */
    int st = s->keys ? wit_lines_open(in, LINE_MOST, &lines, err)
                     : wit_error_set(err, WIT_ENOMEM, "no memory for keys");
    if (st >= 0)
        st = keys_add(s, lines, path, err);
    wit_lines_close(lines);
    if (!is_stdin)
        fclose(in);
    s->cfg.keys = s->keys;
    return st;
}

static int way_check(const struct options *o) {
    if ((o->parts != 0) + (o->share != NULL) + (o->keys != NULL) + (o->domain_count != 0) != 1)
        return cli_usage_error("shards",
                               "split needs one of --parts, --share, --keys, --match-domain");
    return CLI_DONE;
}

int cmd_shards_split(int argc, char **argv) {
    struct options o = { .out = NULL };
    struct splitting s = { .cfg = wit_shards_split_config_default() };
    struct wit_progress progress;
    struct wit_error err = WIT_ERROR_INIT;
    int code = options_parse(argc, argv, "onsSkd", help_split, &o);
    if (code != CLI_DONE || o.helped)
        return code;
    if (argc - optind != 1 || !o.out)
        return cli_usage_error("shards", "split needs one dataset and --out");
    code = way_check(&o);
    if (code == CLI_DONE && (o.parts || o.share))
        code = shares_parse(&o, &s);
    if (code != CLI_DONE)
        return code;
    s.json = o.json;
    cli_catch_interrupts();
    wit_progress_start(&progress, "split", "samples", 0, o.json);
    s.cfg.make = config_of(&o, &progress);
    s.cfg.seed = o.seed;
    s.cfg.domains = o.domain_count ? o.domains : NULL;
    s.cfg.domain_count = o.domain_count;
    s.cfg.part = on_part;
    s.cfg.user = &s;
    int st = o.keys ? keys_read(&s, o.keys, &err) : 0;
    if (st >= 0)
        st = wit_shards_split(argv[optind], o.out, &s.cfg, &err);
    wit_progress_finish(&progress, NULL);
    free(s.keys);
    return finish(st, &err);
}
