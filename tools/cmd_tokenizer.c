/* wit tokenizer: captions become CLIP token ids. */
#include "cli.h"

#include "wit_loader_tokenizer.h"

#include <getopt.h>
#include <stdlib.h>

static const char help[] =
    "usage: wit tokenizer encode --vocab F [--context N] < captions.jsonl > ids.jsonl\n"
    "\n"
    "Reads one JSON object a line and encodes its \"text\" as open_clip's CLIP tokenizer does.\n"
    "Prints {\"ids\": [N numbers], \"n\": ids before the cut to N} for each.\n"
    "\n"
    "  --vocab F     bpe_simple_vocab_16e6.txt.gz, or the same unpacked; tools/fetch-vocab gets "
    "it\n"
    "  --context N   ids a line (default 77)\n"
    "\n"
    "exit: 0 done | 1 failed, or a line had no text; its number is on stderr | 2 bad usage\n";

enum {
    /* The longest text, every character of it written as an escape of six. */
    LINE_MAX_BYTES = 6 * WIT_TOKENIZER_TEXT_MAX_BYTES + 4096,
    FLUSH_BYTES = 1 << 16,
    OUTPUT_MAX_BYTES = 1 << 20, /* a line of the largest context takes 450 KB */
};

static int encode_line(struct wit_loader_tokenizer_scratch *scratch, struct wit_str line,
                       size_t context, int32_t *ids, struct wit_buf *out, struct wit_error *err) {
    struct wit_json *root = NULL;
    struct wit_str text;
    size_t n;
    int st = wit_json_parse(line, "the line", &root, err);
    if (st < 0)
        goto out;
    st = wit_json_string(wit_json_get(root, "text"), &text);
    if (st < 0) {
        wit_error_set(err, st, "no string \"text\" in it");
        goto out;
    }
    st = wit_loader_tokenizer_encode(scratch, text, context, ids, &n, err);
    if (st < 0)
        goto out;
    struct wit_json_writer w;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "ids");
    wit_json_array_begin(&w);
    for (size_t i = 0; i < context; i++)
        wit_json_put_int(&w, ids[i]);
    wit_json_array_end(&w);
    wit_json_key(&w, "n");
    wit_json_put_u64(&w, n);
    wit_json_object_end(&w);
    st = wit_json_writer_finish(&w);
    if (st == 0)
        st = wit_buf_append_byte(out, '\n');
    if (st < 0)
        wit_error_set(err, st, "no memory for the output");
out:
    wit_json_destroy(root);
    return st;
}

static int encode_lines(struct wit_loader_tokenizer_scratch *scratch, size_t context, int32_t *ids,
                        struct wit_error *err) {
    struct wit_buf out = WIT_BUF_INIT(OUTPUT_MAX_BYTES);
    struct wit_lines *lines = NULL;
    int result = CLI_DONE;
    if (wit_lines_open(stdin, LINE_MAX_BYTES, &lines, err) < 0)
        return cli_fail("tokenizer", err);
    for (;;) {
        struct wit_str line;
        int st = wit_lines_next(lines, &line, err);
        if (st == 0)
            break;
        if (st > 0)
            st = encode_line(scratch, line, context, ids, &out, err);
        if (st < 0) {
            fprintf(stderr, "wit tokenizer: stdin:%llu: %s\n",
                    (unsigned long long)wit_lines_number(lines), err->text);
            result = CLI_FAILED;
            if (st == WIT_EIO || st == WIT_ENOMEM)
                break;
        }
        if (out.len >= FLUSH_BYTES) {
            if (cli_write_stdout("tokenizer", wit_buf_view(&out)) != CLI_DONE) {
                result = CLI_FAILED;
                wit_buf_reset(&out);
                break;
            }
            wit_buf_reset(&out);
        }
    }
    if (out.len && cli_write_stdout("tokenizer", wit_buf_view(&out)) != CLI_DONE)
        result = CLI_FAILED;
    wit_lines_close(lines);
    wit_buf_finish(&out);
    return result;
}

static int encode_main(int argc, char **argv) {
    static const struct option options[] = {
        { "vocab", required_argument, NULL, 'v' },
        { "context", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *vocab = NULL;
    uint64_t context = WIT_TOKENIZER_CONTEXT;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'v':
            vocab = optarg;
            break;
        case 'c':
            if (cli_parse_u64("tokenizer", "--context", optarg, 1, WIT_TOKENIZER_CONTEXT_MAX,
                              &context) != 0)
                return CLI_USAGE;
            break;
        case 'h':
            fputs(help, stdout);
            return CLI_DONE;
        default:
            return CLI_USAGE;
        }
    }
    if (optind < argc)
        return cli_usage_error("tokenizer", "captions come on stdin, not as '%s'", argv[optind]);
    if (!vocab)
        return cli_usage_error("tokenizer", "--vocab is needed");

    struct wit_error err = WIT_ERROR_INIT;
    struct wit_loader_tokenizer *tok = NULL;
    struct wit_loader_tokenizer_scratch *scratch = NULL;
    int32_t *ids = wit_alloc_array(context, sizeof(*ids));
    int st = ids ? 0 : wit_error_set(&err, WIT_ENOMEM, "no memory for %zu ids", (size_t)context);
    if (st == 0)
        st = wit_loader_tokenizer_load(vocab, &tok, &err);
    if (st == 0)
        st = wit_loader_tokenizer_scratch_create(tok, &scratch, &err);
    int result = st < 0 ? cli_fail("tokenizer", &err) : encode_lines(scratch, context, ids, &err);
    wit_loader_tokenizer_scratch_destroy(scratch);
    wit_loader_tokenizer_destroy(tok);
    free(ids);
    return result;
}

int cmd_tokenizer(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "encode") == 0)
        return encode_main(argc - 1, argv + 1);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return CLI_DONE;
    }
    if (argc >= 2)
        return cli_usage_error("tokenizer", "no verb '%s'; there is encode", argv[1]);
    return cli_usage_error("tokenizer", "which verb? there is encode");
}
