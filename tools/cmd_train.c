/* wit train: train a model on a dataset; check the arithmetic against a case of known answers. */
#include "cli.h"

#include "wit_loader.h"
#include "wit_trainer.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>

static const char help[] =
    "usage: wit train DIR --vocab F --out DIR [--model M] [--batch N] [--steps N] ...\n"
    "       wit train check DIR [--backend ref|cpu] [--threads N] [--dtype f32] [--json]\n"
    "\n"
    "Trains a CLIP model on a dataset and leaves checkpoints that open_clip reads.\n"
    "\n"
    "  --vocab F         bpe_simple_vocab_16e6.txt.gz; tools/fetch-vocab gets it\n"
    "  --out DIR         checkpoints: DIR/step-<n>\n"
    "  --model M         ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, demo, or a JSON file with\n"
    "                    open_clip's keys (default demo)\n"
    "  --batch N         pairs a step (default 64)\n"
    "  --steps N         of the whole run (default 1000)\n"
    "  --lr X            highest learning rate (default 5e-4)\n"
    "  --warmup N        steps until it is reached; then half a cosine down to 0 (default 100)\n"
    "  --wd X            weight decay (default 0.2)\n"
    "  --seed N          of initial weights, order, crops and captions (default 0)\n"
    "  --save-every N    steps between checkpoints (default 0: at the end)\n"
    "  --keep N          newest checkpoints that stay (default 2)\n"
    "  --resume          go on from the newest checkpoint in --out, if there is one\n"
    "  --log-every N     steps between lines (default 10)\n"
    "\n"
    "check    runs the case of known answers in DIR (docs/trainer.md has the format) and prints "
    "one\n"
    "         line a file: the tensor that deviates most, by how much, and what is allowed\n"
    "\n"
    "  --backend B       cpu (default) or ref, the readable one\n"
    "  --threads N       0 (default): one for each processor\n"
    "  --dtype T         of check: f32\n"
    "  --json            one JSON object a line\n"
    "  --help            this page\n"
    "\n"
    "exit: 0 done; check: everything within its tolerance | 1 failed, or not so | 2 bad usage\n"
    "      130 interrupted: a checkpoint was written, --resume goes on\n";

enum { LINE_MAX_BYTES = 1 << 16 };

struct printer {
    bool json;
    int status;
};

static void print_line(void *user, const struct wit_trainer_check_line *l) {
    struct printer *p = user;
    struct wit_buf out = WIT_BUF_INIT(LINE_MAX_BYTES);
    if (p->json) {
        struct wit_json_writer w;
        wit_json_writer_init(&w, &out);
        wit_json_object_begin(&w);
        wit_json_key(&w, "schema");
        wit_json_put_cstr(&w, "wit.train.check/1");
        wit_json_key(&w, "file");
        wit_json_put_cstr(&w, l->file);
        wit_json_key(&w, "ok");
        wit_json_put_bool(&w, l->ok);
        wit_json_key(&w, "deviation");
        wit_json_put_double(&w, l->deviation);
        wit_json_key(&w, "tolerance");
        wit_json_put_double(&w, l->tolerance);
        wit_json_key(&w, "measure");
        wit_json_put_cstr(&w, l->measure);
        wit_json_key(&w, "tensor");
        wit_json_put_cstr(&w, l->tensor);
        wit_json_key(&w, "tensors");
        wit_json_put_u64(&w, l->tensors);
        wit_json_object_end(&w);
        wit_buf_append_byte(&out, '\n');
    } else {
        wit_buf_printf(&out, "%-24s %s  %-11s %.3g of %.3g allowed  %s (%zu compared)\n", l->file,
                       l->ok ? "ok  " : "FAIL", l->measure, l->deviation, l->tolerance, l->tensor,
                       l->tensors);
    }
    int st = cli_write_stdout("train", wit_buf_view(&out));
    if (st != CLI_DONE)
        p->status = st;
    wit_buf_finish(&out);
}

static int check_main(int argc, char **argv) {
    static const struct option options[] = {
        { "backend", required_argument, NULL, 'b' }, { "threads", required_argument, NULL, 't' },
        { "dtype", required_argument, NULL, 'd' },   { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },          { NULL, 0, NULL, 0 },
    };
    const char *backend = "cpu";
    uint64_t threads = 0;
    struct printer printer = { .status = CLI_DONE };
    struct wit_error err = WIT_ERROR_INIT;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'b':
            backend = optarg;
            break;
        case 't':
            if (cli_parse_u64("train", "--threads", optarg, 0, 1024, &threads) != 0)
                return CLI_USAGE;
            break;
        case 'd':
            if (strcmp(optarg, "f32") != 0)
                return cli_usage_error("train", "--dtype '%s': f32 is the one there is", optarg);
            break;
        case 'j':
            printer.json = true;
            break;
        case 'h':
            return cli_write_stdout("train", WIT_STR(help));
        default:
            return cli_usage_error("train", "unknown option");
        }
    }
    if (argc - optind != 1)
        return cli_usage_error("train", "check wants one directory");
    int failed =
        wit_trainer_check(argv[optind], backend, (unsigned)threads, print_line, &printer, &err);
    if (failed < 0)
        return cli_fail("train", &err);
    return failed > 0 ? CLI_FAILED : printer.status;
}

/* ---- wit train DIR --------------------------------------------------------------------------- */

struct options {
    struct wit_trainer_run_config cfg;
    const char *model;
    uint64_t log_every;
    bool json;
    int status; /* of writing to stdout */
};

static void print_step(void *user, const struct wit_trainer_progress *p) {
    struct options *o = user;
    struct wit_buf out = WIT_BUF_INIT(LINE_MAX_BYTES);
    if (p->step % o->log_every && p->step != 1 && p->step != p->steps)
        return;
    if (o->json) {
        struct wit_json_writer w;
        wit_json_writer_init(&w, &out);
        wit_json_object_begin(&w);
        wit_json_key(&w, "schema");
        wit_json_put_cstr(&w, "wit.train.step/1");
        wit_json_key(&w, "step");
        wit_json_put_u64(&w, p->step);
        wit_json_key(&w, "loss");
        wit_json_put_double(&w, p->loss);
        wit_json_key(&w, "lr");
        wit_json_put_double(&w, p->lr);
        wit_json_key(&w, "scale");
        wit_json_put_double(&w, p->logit_scale);
        wit_json_key(&w, "samples_per_s");
        wit_json_put_double(&w, p->samples_per_s);
        wit_json_object_end(&w);
        wit_buf_append_byte(&out, '\n');
    } else {
        wit_buf_printf(&out,
                       "step %" PRIu64 "/%" PRIu64
                       "  loss %.4f  lr %.3g  scale %.2f  %.1f samples/s\n",
                       p->step, p->steps, p->loss, p->lr, p->logit_scale, p->samples_per_s);
    }
    const int st = cli_write_stdout("train", wit_buf_view(&out));
    if (st != CLI_DONE)
        o->status = st;
    wit_buf_finish(&out);
}

static int print_summary(const struct options *o, const struct wit_trainer_run_report *r) {
    struct wit_buf out = WIT_BUF_INIT(LINE_MAX_BYTES);
    const double chance = log((double)o->cfg.trainer.batch);
    if (o->json) {
        struct wit_json_writer w;
        const struct {
            const char *key;
            double value;
        } numbers[] = {
            { "first_loss", r->first_loss },
            { "last_loss", r->last_loss },
            { "ln_batch", chance },
            { "samples_per_s", r->samples_per_s },
            { "starved_share", r->starved_share },
        };
        wit_json_writer_init(&w, &out);
        wit_json_object_begin(&w);
        wit_json_key(&w, "schema");
        wit_json_put_cstr(&w, "wit.train/1");
        wit_json_key(&w, "steps");
        wit_json_put_u64(&w, r->steps);
        wit_json_key(&w, "resumed_at");
        wit_json_put_u64(&w, r->resumed_at);
        wit_json_key(&w, "samples");
        wit_json_put_u64(&w, r->samples);
        wit_json_key(&w, "parameters");
        wit_json_put_u64(&w, r->parameters);
        wit_json_key(&w, "edge_steps");
        wit_json_put_u64(&w, r->edge_steps);
        for (size_t i = 0; i < WIT_COUNT_OF(numbers); i++) {
            wit_json_key(&w, numbers[i].key);
            wit_json_put_double(&w, numbers[i].value);
        }
        wit_json_key(&w, "checkpoint");
        wit_json_put_cstr(&w, r->checkpoint);
        wit_json_object_end(&w);
        wit_buf_append_byte(&out, '\n');
    } else {
        wit_buf_printf(&out,
                       "steps        %" PRIu64 "\n"
                       "parameters   %zu\n"
                       "first loss   %.4f  (mean of the first %zu steps)\n"
                       "last loss    %.4f  (mean of the last %zu; guessing is ln %lld = %.4f)\n"
                       "samples/s    %.1f  (%.1f %% of the time waiting for data)\n"
                       "checkpoint   %s\n",
                       r->steps, r->parameters, r->first_loss, r->edge_steps, r->last_loss,
                       r->edge_steps, (long long)o->cfg.trainer.batch, chance, r->samples_per_s,
                       100 * r->starved_share, r->checkpoint);
    }
    const int st = cli_write_stdout("train", wit_buf_view(&out));
    wit_buf_finish(&out);
    return st;
}

static int parse_options(int argc, char **argv, struct options *o) {
    enum { LR = 1, WD };
    static const struct option options[] = {
        { "vocab", required_argument, NULL, 'v' },
        { "out", required_argument, NULL, 'o' },
        { "model", required_argument, NULL, 'm' },
        { "batch", required_argument, NULL, 'B' },
        { "steps", required_argument, NULL, 's' },
        { "lr", required_argument, NULL, LR },
        { "warmup", required_argument, NULL, 'w' },
        { "wd", required_argument, NULL, WD },
        { "seed", required_argument, NULL, 'S' },
        { "save-every", required_argument, NULL, 'e' },
        { "keep", required_argument, NULL, 'k' },
        { "resume", no_argument, NULL, 'r' },
        { "log-every", required_argument, NULL, 'l' },
        { "backend", required_argument, NULL, 'b' },
        { "threads", required_argument, NULL, 't' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct wit_trainer_run_config *cfg = &o->cfg;
    uint64_t batch = (uint64_t)cfg->trainer.batch, threads = 0, keep = cfg->keep;
    const struct {
        int option;
        const char *name;
        uint64_t least, most, *value;
    } wholes[] = {
        { 'B', "--batch", 2, WIT_LOADER_MAX_BATCH, &batch },
        { 's', "--steps", 1, UINT64_C(1) << 40, &cfg->steps },
        { 'w', "--warmup", 0, UINT64_C(1) << 40, &cfg->warmup },
        { 'S', "--seed", 0, INT64_MAX, &cfg->seed },
        { 'e', "--save-every", 0, UINT64_C(1) << 40, &cfg->save_every },
        { 'k', "--keep", 1, 1 << 20, &keep },
        { 'l', "--log-every", 1, UINT64_C(1) << 40, &o->log_every },
        { 't', "--threads", 0, WIT_LOADER_MAX_THREADS, &threads },
    };
    int st = CLI_DONE;
    for (int c; st == CLI_DONE && (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool known = false;
        for (size_t i = 0; i < WIT_COUNT_OF(wholes); i++) {
            if (wholes[i].option == c) {
                known = true;
                st = cli_parse_u64("train", wholes[i].name, optarg, wholes[i].least, wholes[i].most,
                                   wholes[i].value);
            }
        }
        if (known)
            continue;
        switch (c) {
        case 'v':
            cfg->vocab = optarg;
            break;
        case 'o':
            cfg->out = optarg;
            break;
        case 'm':
            o->model = optarg;
            break;
        case LR:
            st = cli_parse_double("train", "--lr", optarg, 1e-12, 1e3, &cfg->lr);
            break;
        case WD:
            st = cli_parse_double("train", "--wd", optarg, 0, 1e3, &cfg->trainer.weight_decay);
            break;
        case 'r':
            cfg->resume = true;
            break;
        case 'b':
            cfg->trainer.backend = optarg;
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            o->status = cli_write_stdout("train", WIT_STR(help));
            return -1;
        default:
            return cli_usage_error("train", "unknown option");
        }
    }
    if (st != CLI_DONE)
        return st;
    if (argc - optind != 1)
        return cli_usage_error("train", "which dataset? One directory is wanted");
    if (!cfg->vocab || !cfg->out)
        return cli_usage_error("train", "--vocab and --out are wanted");
    cfg->dataset = argv[optind];
    cfg->trainer.batch = (int64_t)batch;
    cfg->trainer.threads = (unsigned)threads;
    cfg->keep = (unsigned)keep;
    return CLI_DONE;
}

static int run_main(int argc, char **argv) {
    struct options o = { .cfg = wit_trainer_run_config_default(),
                         .model = "demo",
                         .log_every = 10,
                         .status = CLI_DONE };
    struct wit_trainer_run_report report;
    struct wit_error err = WIT_ERROR_INIT;
    int st = parse_options(argc, argv, &o);
    if (st != CLI_DONE)
        return st < 0 ? o.status : st;
    if (wit_trainer_model_find(o.model, &o.cfg.trainer.model, &err) < 0)
        return cli_fail("train", &err);
    cli_catch_interrupts();
    o.cfg.interrupt = cli_interrupt_flag();
    o.cfg.progress = print_step;
    o.cfg.user = &o;
    if (wit_trainer_run(&o.cfg, &report, &err) < 0)
        return cli_fail("train", &err);
    st = print_summary(&o, &report);
    return st != CLI_DONE ? st : o.status;
}

int cmd_train(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return check_main(argc - 1, argv + 1);
    return run_main(argc, argv);
}
