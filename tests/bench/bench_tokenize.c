/*
 * bench_tokenize.c: encodes the lines of a file once and prints the CPU time of that alone.
 *
 *     bench_tokenize VOCAB TEXTS      {"captions":N,"ids":N,"cpu_s":S,"wall_s":S}
 *
 * The word cache is cold at the start, as in a new process. bench_tokenizer.py runs it beside
 * peers.
 */
#include "wit_loader_tokenizer.h"

#include <stdlib.h>
#include <time.h>

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_loader_tokenizer *tok = NULL;
    struct wit_loader_tokenizer_scratch *scratch = NULL;
    struct wit_buf file = WIT_BUF_INIT((size_t)1 << 30);
    if (argc != 3) {
        fprintf(stderr, "usage: bench_tokenize VOCAB TEXTS\n");
        return 2;
    }
    if (wit_loader_tokenizer_load(argv[1], &tok, &err) < 0 ||
        wit_loader_tokenizer_scratch_create(tok, &scratch, &err) < 0 ||
        wit_file_read(argv[2], &file, &err) < 0) {
        fprintf(stderr, "bench_tokenize: %s\n", err.text);
        return 1;
    }
    size_t captions = 0, total = 0;
    struct wit_str text = wit_buf_view(&file);
    double start_cpu = cpu_s();
    uint64_t start_ns = wit_clock_ns();
    for (size_t at = 0; at < text.len; captions++) {
        int32_t ids[WIT_TOKENIZER_CONTEXT];
        size_t n = 0;
        ptrdiff_t end = wit_str_find_byte(text, '\n', at);
        size_t stop = end < 0 ? text.len : (size_t)end;
        if (wit_loader_tokenizer_encode(scratch, wit_str_slice(text, at, stop),
                                        WIT_TOKENIZER_CONTEXT, ids, &n, &err) < 0) {
            fprintf(stderr, "bench_tokenize: %s\n", err.text);
            return 1;
        }
        total += n;
        at = stop + 1;
    }
    printf("{\"captions\":%zu,\"ids\":%zu,\"cpu_s\":%.6f,\"wall_s\":%.6f}\n", captions, total,
           cpu_s() - start_cpu, 1e-9 * (double)(wit_clock_ns() - start_ns));
    wit_buf_finish(&file);
    wit_loader_tokenizer_scratch_destroy(scratch);
    wit_loader_tokenizer_destroy(tok);
    return 0;
}
