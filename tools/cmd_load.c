/* wit load: what a trainer would see of a dataset, in which order, and how fast. */
#include "cmd_load.h"

#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char help[] =
    "usage: wit load DIR [--batch N] [--size N] [--steps N | --epochs N] [--json] ...\n"
    "       wit load DIR --bench ...\n"
    "       wit load DIR --plan [--world W --rank R --batch B --epoch E --seed S --start K]\n"
    "       wit load image F --transform eval|train|none [--size N] --out X.npy ...\n"
    "\n"
    "Reads the batches of a training run and prints what is in them: step, key and caption of "
    "each\n"
    "sample. With --bench prints how fast they came. Stops with a sentence at a damaged dataset.\n"
    "\n"
    "  --batch N        samples a global batch (default 256)\n"
    "  --size N         px (default 224)\n"
    "  --steps N        batches to read (default: --epochs 1)\n"
    "  --epochs N       passes over the dataset, the last batch filled up from the next one\n"
    "  --transform T    train (default), eval, or whole: the uncropped picture as a square\n"
    "  --pixels P       f32: normalised NCHW (default), or u8: NHWC\n"
    "  --pillow V       whose resize: 12.1, 12.3 or 13.0 (default)\n"
    "  --vocab F        bpe_simple_vocab_16e6.txt.gz: encode captions too\n"
    "  --context N      ids a caption (default 77)\n"
    "  --seed N         of order, crops and captions (default 0)\n"
    "  --start N        stream position to begin at; with --plan: sample within the epoch\n"
    "  --world N        ranks (default 1)\n"
    "  --rank N         this one (default 0)\n"
    "  --pool N         shards mixed at a time (default 0: all)\n"
    "  --threads N      decoding (default: one per core)\n"
    "  --prefetch N     batches ahead (default 2)\n"
    "  --verify W       check every byte of the files first: always, never, or auto (default:\n"
    "                   when they are under 8 GiB); what is read is checked in any case\n"
    "  --bench          print samples/s and the time to the first batch instead of the samples\n"
    "  --plan           print the keys of each step of one epoch as JSON lines, reading no image\n"
    "  --epoch N        for --plan (default 0)\n"
    "  --json           one JSON object a line\n"
    "\n"
    "exit: 0 done | 1 failed | 2 bad usage | 130 interrupted\n";

#define AUTO_VERIFY_MAX_BYTES (UINT64_C(8) << 30)

enum verify { VERIFY_AUTO, VERIFY_ALWAYS, VERIFY_NEVER };

struct options {
    struct wit_loader_config cfg;
    uint64_t steps, epochs, epoch;
    enum verify verify;
    bool bench, plan, json;
};

int load_parse_pillow(const char *text, enum wit_image_pillow *out) {
    if (strcmp(text, "12.1") == 0)
        *out = WIT_IMAGE_PILLOW_12_1;
    else if (strcmp(text, "12.3") == 0)
        *out = WIT_IMAGE_PILLOW_12_3;
    else if (strcmp(text, "13.0") == 0)
        *out = WIT_IMAGE_PILLOW_13_0;
    else
        return cli_usage_error("load", "--pillow must be 12.1, 12.3 or 13.0, not '%s'", text);
    return CLI_DONE;
}

/* The index of `text` in a list of words that ends with NULL, or a usage error. */
static int parse_word(const char *option, const char *text, const char *const *words, int *out) {
    for (int i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = i;
            return CLI_DONE;
        }
    return cli_usage_error("load", "%s cannot be '%s'", option, text);
}

/* ---- lines of output --------------------------------------------------------------------------
 */

enum { LINE_MAX_BYTES = 64 << 20 };

struct line {
    struct wit_buf buf;
    struct wit_json_writer json;
};

static void line_begin(struct line *l) {
    wit_buf_reset(&l->buf);
    wit_json_writer_init(&l->json, &l->buf);
    wit_json_object_begin(&l->json);
}

static void put_u64(struct line *l, const char *key, uint64_t v) {
    wit_json_key(&l->json, key);
    wit_json_put_u64(&l->json, v);
}

static void put_double(struct line *l, const char *key, double v) {
    wit_json_key(&l->json, key);
    wit_json_put_double(&l->json, v);
}

static void put_text(struct line *l, const char *key, const char *v) {
    wit_json_key(&l->json, key);
    wit_json_put_cstr(&l->json, v);
}

static void put_key(struct line *l, struct wit_hash128 key) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(key, hex);
    wit_json_put_cstr(&l->json, hex);
}

static int line_end(struct line *l, struct wit_error *err) {
    wit_json_object_end(&l->json);
    int st = wit_json_writer_finish(&l->json);
    if (st == 0)
        st = wit_buf_append_byte(&l->buf, '\n');
    if (st < 0)
        return wit_error_set(err, st, "no room for a line of output");
    if (fwrite(l->buf.data, 1, l->buf.len, stdout) != l->buf.len)
        return wit_error_errno(err, errno, "cannot write to standard output");
    return 0;
}

/* ---- plan -------------------------------------------------------------------------------------
 */

/* Keys of this rank's slice of the batch at samples [from, to) of the epoch. */
static int plan_step(const struct options *o, struct wit_shards_dataset *ds,
                     struct wit_loader_order *order, uint64_t step, uint64_t from,
                     struct line *line, struct wit_error *err) {
    const uint64_t n = wit_loader_order_samples(order),
                   local = o->cfg.batch_size / o->cfg.world_size;
    const uint64_t first = from + o->cfg.rank * local;
    line_begin(line);
    put_text(line, "schema", "wit.load.plan/1");
    put_u64(line, "step", step);
    put_u64(line, "position", o->epoch * n + from);
    wit_json_key(&line->json, "keys");
    wit_json_array_begin(&line->json);
    for (uint64_t i = first; i < first + local && i < n; i++) {
        struct wit_hash128 key;
        struct wit_loader_place at = wit_loader_order_locate(order, o->epoch * n + i);
        int st = wit_shards_key(ds, at.shard, at.index, &key, err);
        if (st < 0)
            return st;
        put_key(line, key);
    }
    wit_json_array_end(&line->json);
    return line_end(line, err);
}

static int run_plan(const struct options *o, struct wit_error *err) {
    struct wit_loader_order_config cfg = wit_loader_order_config_default();
    struct line line = { .buf = WIT_BUF_INIT(LINE_MAX_BYTES) };
    struct wit_shards_dataset *ds = NULL;
    struct wit_loader_order *order = NULL;
    uint64_t *sizes = NULL;
    int st = wit_shards_dataset_open(o->cfg.dir, NULL, &ds, err);
    if (st < 0)
        goto out;
    const size_t shards = wit_shards_dataset_shards(ds);
    sizes = wit_alloc_array(shards + 1, sizeof *sizes);
    if (!sizes) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory for %zu shards", shards);
        goto out;
    }
    for (size_t s = 0; s < shards; s++)
        sizes[s] = wit_shards_shard_samples(ds, s);
    cfg.seed = o->cfg.seed;
    cfg.pool_shards = o->cfg.pool_shards;
    st = wit_loader_order_create(sizes, shards, &cfg, &order, err);
    if (st < 0) {
        wit_error_wrap(err, "%s", o->cfg.dir);
        goto out;
    }
    const uint64_t n = wit_loader_order_samples(order);
    uint64_t step = 0;
    for (uint64_t from = o->cfg.start_position; st == 0 && from < n; from += o->cfg.batch_size) {
        if (cli_interrupted())
            st = wit_error_set(err, WIT_ECANCELED, "interrupted");
        else if (!o->steps || step < o->steps)
            st = plan_step(o, ds, order, step++, from, &line, err);
        else
            break;
    }
out:
    wit_buf_finish(&line.buf);
    free(sizes);
    wit_loader_order_destroy(order);
    wit_shards_dataset_close(ds);
    return st;
}

/* ---- load -------------------------------------------------------------------------------------
 */

static void on_fault(void *user, const struct wit_shards_fault *fault) {
    fprintf(stderr, "wit load: %s: %s\n", fault->file, fault->text);
}

static int verify_files(const struct options *o, struct wit_error *err) {
    struct wit_shards_dataset *ds = NULL;
    uint64_t bytes = 0;
    if (o->verify == VERIFY_NEVER)
        return 0;
    int st = wit_shards_dataset_open(o->cfg.dir, NULL, &ds, err);
    if (st < 0)
        return st;
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++) {
        struct wit_shards_shard_info info;
        wit_shards_shard_info(ds, s, &info);
        /* In place a shard is a small index, and the images lie in a tar. */
        bytes += info.file_bytes > info.image_bytes ? info.file_bytes : info.image_bytes;
    }
    wit_shards_dataset_close(ds);
    if (o->verify == VERIFY_AUTO && bytes > AUTO_VERIFY_MAX_BYTES)
        return 0;
    const struct wit_shards_verify_options options = { .threads = o->cfg.threads,
                                                       .fault = on_fault,
                                                       .interrupt = cli_interrupt_flag() };
    struct wit_shards_verify_report report;
    return wit_shards_verify(o->cfg.dir, &options, &report, err);
}

static int show_batch(const struct options *o, const struct wit_loader_batch *b, uint64_t step,
                      struct line *line, struct wit_error *err) {
    for (uint32_t i = 0; i < b->size; i++) {
        if (!o->json) {
            char hex[WIT_HASH128_HEX];
            wit_hash128_to_hex(b->keys[i], hex);
            printf("%" PRIu64 "\t%s\t", step, hex);
            for (size_t k = 0; k < b->captions[i].len; k++) {
                char c = b->captions[i].data[k];
                putchar((uint8_t)c < 0x20 || c == 0x7f ? ' ' : c);
            }
            putchar('\n');
            continue;
        }
        line_begin(line);
        put_text(line, "schema", "wit.load.sample/1");
        put_u64(line, "step", step);
        wit_json_key(&line->json, "key");
        put_key(line, b->keys[i]);
        wit_json_key(&line->json, "caption");
        wit_json_put_str(&line->json, b->captions[i]);
        if (b->lengths)
            put_u64(line, "ids", (uint64_t)b->lengths[i]);
        int st = line_end(line, err);
        if (st < 0)
            return st;
    }
    return 0;
}

static int print_summary(const struct options *o, struct wit_loader *loader, uint64_t next_position,
                         struct line *line, struct wit_error *err) {
    struct wit_loader_stats s;
    wit_loader_stats(loader, &s);
    const double rate = s.elapsed_s > 0 ? (double)s.samples / s.elapsed_s : 0.0;
    if (o->json) {
        line_begin(line);
        put_text(line, "schema", "wit.load/1");
        put_u64(line, "samples", s.samples);
        put_u64(line, "batches", s.batches);
        put_double(line, "seconds", s.elapsed_s);
        put_double(line, "samples_per_s", rate);
        put_double(line, "first_batch_s", s.first_batch_s);
        put_double(line, "starved_share", s.starved_share);
        put_u64(line, "bytes", s.bytes);
        put_u64(line, "failed_format", s.failed_format);
        put_u64(line, "failed_limit", s.failed_limit);
        put_u64(line, "failed_unsupported", s.failed_unsupported);
        put_u64(line, "next_position", next_position);
        return line_end(line, err);
    }
    printf("samples      %" PRIu64 " in %" PRIu64 " batches\n"
           "samples/s    %.1f\n"
           "first batch  %.3f s\n"
           "starved      %.1f %% of the time since then\n"
           "image bytes  %" PRIu64 "\n"
           "replaced     %" PRIu64 " (format %" PRIu64 ", limit %" PRIu64 ", unsupported %" PRIu64
           ")\n"
           "go on with   --start %" PRIu64 "\n",
           s.samples, s.batches, rate, s.first_batch_s, 100.0 * s.starved_share, s.bytes,
           s.failed_format + s.failed_limit + s.failed_unsupported, s.failed_format, s.failed_limit,
           s.failed_unsupported, next_position);
    return 0;
}

static int run_load(struct options *o, struct wit_error *err) {
    struct line line = { .buf = WIT_BUF_INIT(LINE_MAX_BYTES) };
    struct wit_loader *loader = NULL;
    struct wit_progress progress;
    uint64_t next_position = o->cfg.start_position;
    int st = verify_files(o, err);
    if (st < 0)
        goto out;
    o->cfg.captions = !o->bench;
    st = wit_loader_create(&o->cfg, &loader, err);
    if (st < 0)
        goto out;
    const uint64_t batch = o->cfg.batch_size, samples = wit_loader_samples(loader) * o->epochs;
    const uint64_t steps = o->steps ? o->steps : samples / batch + (samples % batch != 0);
    wit_progress_start(&progress, "load", "batches", steps, false);
    for (uint64_t k = 0; st == 0 && k < steps; k++) {
        struct wit_loader_batch b;
        if (cli_interrupted()) {
            st = wit_error_set(err, WIT_ECANCELED, "interrupted; go on with --start %" PRIu64,
                               next_position);
            break;
        }
        st = wit_loader_batch_next(loader, &b, err);
        if (st < 0)
            break;
        if (!o->bench)
            st = show_batch(o, &b, k, &line, err);
        next_position = b.next_position;
        wit_loader_batch_release(loader, &b);
        wit_progress_update(&progress, k + 1, 0, "");
    }
    wit_progress_finish(&progress, "");
    if (st == 0 && o->bench)
        st = print_summary(o, loader, next_position, &line, err);
out:
    wit_loader_destroy(loader);
    wit_buf_finish(&line.buf);
    return st;
}

/* ---- options ----------------------------------------------------------------------------------
 */

enum {
    OPT_BATCH = 256,
    OPT_BENCH,
    OPT_CONTEXT,
    OPT_EPOCH,
    OPT_EPOCHS,
    OPT_HELP,
    OPT_JSON,
    OPT_PILLOW,
    OPT_PIXELS,
    OPT_PLAN,
    OPT_POOL,
    OPT_PREFETCH,
    OPT_RANK,
    OPT_SEED,
    OPT_SIZE,
    OPT_START,
    OPT_STEPS,
    OPT_THREADS,
    OPT_TRANSFORM,
    OPT_VERIFY,
    OPT_VOCAB,
    OPT_WORLD
};

static const struct option long_options[] = {
    { "batch", required_argument, NULL, OPT_BATCH },
    { "bench", no_argument, NULL, OPT_BENCH },
    { "context", required_argument, NULL, OPT_CONTEXT },
    { "epoch", required_argument, NULL, OPT_EPOCH },
    { "epochs", required_argument, NULL, OPT_EPOCHS },
    { "help", no_argument, NULL, OPT_HELP },
    { "json", no_argument, NULL, OPT_JSON },
    { "pillow", required_argument, NULL, OPT_PILLOW },
    { "pixels", required_argument, NULL, OPT_PIXELS },
    { "plan", no_argument, NULL, OPT_PLAN },
    { "pool", required_argument, NULL, OPT_POOL },
    { "prefetch", required_argument, NULL, OPT_PREFETCH },
    { "rank", required_argument, NULL, OPT_RANK },
    { "seed", required_argument, NULL, OPT_SEED },
    { "size", required_argument, NULL, OPT_SIZE },
    { "start", required_argument, NULL, OPT_START },
    { "steps", required_argument, NULL, OPT_STEPS },
    { "threads", required_argument, NULL, OPT_THREADS },
    { "transform", required_argument, NULL, OPT_TRANSFORM },
    { "verify", required_argument, NULL, OPT_VERIFY },
    { "vocab", required_argument, NULL, OPT_VOCAB },
    { "world", required_argument, NULL, OPT_WORLD },
    { NULL, 0, NULL, 0 },
};

static int parse_u32(const char *option, const char *text, uint64_t least, uint64_t most,
                     uint32_t *out) {
    uint64_t v;
    int rc = cli_parse_u64("load", option, text, least, most, &v);
    if (rc == CLI_DONE)
        *out = (uint32_t)v;
    return rc;
}

static int parse_sizes(struct options *o, int c, const char *arg) {
    struct wit_loader_config *cfg = &o->cfg;
    const uint64_t half = UINT64_MAX / 2;
    switch (c) {
    case OPT_BATCH:
        return parse_u32("--batch", arg, 1, WIT_LOADER_MAX_BATCH, &cfg->batch_size);
    case OPT_CONTEXT:
        return parse_u32("--context", arg, 1, WIT_TOKENIZER_CONTEXT_MAX, &cfg->context);
    case OPT_EPOCH:
        return cli_parse_u64("load", "--epoch", arg, 0, UINT32_MAX, &o->epoch);
    case OPT_EPOCHS:
        return cli_parse_u64("load", "--epochs", arg, 1, UINT32_MAX, &o->epochs);
    case OPT_POOL:
        return parse_u32("--pool", arg, 0, UINT32_MAX, &cfg->pool_shards);
    case OPT_PREFETCH:
        return parse_u32("--prefetch", arg, 1, WIT_LOADER_MAX_PREFETCH, &cfg->prefetch);
    case OPT_RANK:
        return parse_u32("--rank", arg, 0, UINT32_MAX, &cfg->rank);
    case OPT_SEED:
        return cli_parse_u64("load", "--seed", arg, 0, UINT64_MAX, &cfg->seed);
    case OPT_SIZE:
        return parse_u32("--size", arg, 1, WIT_LOADER_MAX_IMAGE_PX, &cfg->image_size);
    case OPT_START:
        return cli_parse_u64("load", "--start", arg, 0, half, &cfg->start_position);
    case OPT_STEPS:
        return cli_parse_u64("load", "--steps", arg, 1, half, &o->steps);
    case OPT_THREADS:
        return parse_u32("--threads", arg, 0, WIT_LOADER_MAX_THREADS, &cfg->threads);
    default:
        return parse_u32("--world", arg, 1, UINT32_MAX, &cfg->world_size);
    }
}

static int parse_option(struct options *o, int c, const char *arg) {
    static const char *const transforms[] = { "train", "eval", "whole", NULL };
    static const char *const pixels[] = { "u8", "f32", NULL };
    static const char *const verify[] = { "auto", "always", "never", NULL };
    int rc = CLI_DONE, word = 0;
    switch (c) {
    case OPT_BENCH:
        o->bench = true;
        return CLI_DONE;
    case OPT_JSON:
        o->json = true;
        return CLI_DONE;
    case OPT_PLAN:
        o->plan = true;
        return CLI_DONE;
    case OPT_VOCAB:
        o->cfg.vocab = arg;
        return CLI_DONE;
    case OPT_PILLOW:
        return load_parse_pillow(arg, &o->cfg.pillow);
    case OPT_PIXELS:
        rc = parse_word("--pixels", arg, pixels, &word);
        o->cfg.pixels = word ? WIT_LOADER_F32_NCHW : WIT_LOADER_U8_NHWC;
        return rc;
    case OPT_TRANSFORM:
        rc = parse_word("--transform", arg, transforms, &word);
        o->cfg.transform = (enum wit_loader_transform)word;
        return rc;
    case OPT_VERIFY:
        rc = parse_word("--verify", arg, verify, &word);
        o->verify = (enum verify)word;
        return rc;
    case '?':
        return cli_usage_error("load", "unknown or incomplete option");
    default:
        return parse_sizes(o, c, arg);
    }
}

int cmd_load(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "image") == 0)
        return cmd_load_image(argc - 1, argv + 1);
    struct options o = { .cfg = wit_loader_config_default(), .epochs = 1 };
    struct wit_error err = WIT_ERROR_INIT;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (c == OPT_HELP) {
            fputs(help, stdout);
            return CLI_DONE;
        }
        int rc = parse_option(&o, c, optarg);
        if (rc != CLI_DONE)
            return rc;
    }
    if (optind + 1 != argc)
        return cli_usage_error("load", "one dataset directory is wanted");
    if (o.cfg.rank >= o.cfg.world_size || o.cfg.batch_size % o.cfg.world_size)
        return cli_usage_error("load",
                               "rank %u of %u, batch %u: the rank must be below the number "
                               "of ranks, and that must divide the batch",
                               o.cfg.rank, o.cfg.world_size, o.cfg.batch_size);
    o.cfg.dir = argv[optind];
    cli_catch_interrupts();
    int st = o.plan ? run_plan(&o, &err) : run_load(&o, &err);
    if (st == 0 && fflush(stdout) != 0)
        st = wit_error_errno(&err, errno, "cannot write to standard output");
    return st < 0 ? cli_fail("load", &err) : CLI_DONE;
}
