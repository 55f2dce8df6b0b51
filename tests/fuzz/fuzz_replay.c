/*
 * fuzz_replay.c: main() for a fuzz target without libFuzzer. Runs every file of the given corpus
 * directories, then each of them with a few hundred deterministic mutations, so that the suite is a
 * regression test with any compiler. Coverage-guided fuzzing needs -Dfuzz=true.
 */
#include "base/wit_base.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MUTATIONS = 200, MAX_INPUT_BYTES = 1 << 20 };

/* The target gets its own exact allocation, so that ASan sees a read past the end. */
static void run(const void *data, size_t size) {
    uint8_t *copy = calloc(1, size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(const struct wit_buf *seed, uint64_t index) {
    uint8_t *bytes = malloc(seed->len ? seed->len : 1);
    if (!bytes)
        abort();
    for (uint64_t m = 0; m < MUTATIONS && seed->len; m++) {
        struct wit_random rng;
        wit_random_init(&rng, 1, index, m);
        memcpy(bytes, seed->data, seed->len);
        size_t size = seed->len;
        for (uint64_t n = 1 + wit_random_below(&rng, 4); n; n--)
            bytes[wit_random_below(&rng, size)] = (uint8_t)wit_random_u32(&rng);
        if (m % 4 == 0)
            size = (size_t)wit_random_below(&rng, size) + 1;
        run(bytes, size);
    }
    free(bytes);
}

int main(int argc, char **argv) {
    uint64_t files = 0;
    run("", 0);
    for (int d = 1; d < argc; d++) {
        struct wit_strings names;
        struct wit_error err = WIT_ERROR_INIT;
        if (wit_dir_list(argv[d], &names, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        for (size_t i = 0; i < names.count; i++, files++) {
            char path[WIT_PATH_MAX];
            struct wit_buf seed = WIT_BUF_INIT(MAX_INPUT_BYTES);
            if (wit_path_join(path, argv[d], names.items[i]) < 0 ||
                wit_file_read(path, &seed, &err) < 0) {
                fprintf(stderr, "%s\n", err.text);
                return 1;
            }
            run(seed.data, seed.len);
            run_mutations(&seed, files);
            wit_buf_finish(&seed);
        }
        wit_strings_finish(&names);
    }
    if (!files) {
        fprintf(stderr, "no corpus files\n");
        return 1;
    }
    printf("%llu corpus files, each with %d mutations\n", (unsigned long long)files, MUTATIONS);
    return 0;
}
