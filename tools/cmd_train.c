/* wit train: train a model on a dataset; check the arithmetic against a case of known answers. */
#include "cli.h"

#include "wit_trainer.h"

#include <getopt.h>

static const char help[] =
    "usage: wit train check DIR [--backend ref|cpu] [--threads N] [--dtype f32] [--json]\n"
    "\n"
    "check    runs the case of known answers in DIR (docs/trainer.md has the format) and prints "
    "one\n"
    "         line a file: the tensor that deviates most, by how much, and what is allowed\n"
    "\n"
    "  --backend B   cpu (default) or ref, the readable one\n"
    "  --threads N   0 (default): one for each processor\n"
    "  --dtype T     f32\n"
    "  --json        one JSON object a line\n"
    "  --help        this page\n"
    "\n"
    "exit: 0 everything within its tolerance | 1 not so, or failed | 2 bad usage\n";

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

int cmd_train(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "check") == 0)
        return check_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return cli_write_stdout("train", WIT_STR(help));
    return cli_usage_error("train", "no verb: check");
}
