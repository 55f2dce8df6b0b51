/*
 * bench_train.c: training steps on made-up batches, timed without data loading or set-up.
 *
 *     bench_train MODEL BATCH STEPS THREADS WORDS [BACKEND]
 *
 * WORDS: tokens of a caption, both ends included; 0: the whole context. Prints one JSON object.
 */
#include "wit_trainer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fill(const struct wit_trainer_config *cfg, int64_t words, float *images,
                 int32_t *tokens) {
    const struct wit_trainer_model *m = &cfg->model;
    struct wit_random dice;
    wit_random_init(&dice, 1, 0, 0);
    for (int64_t i = 0; i < cfg->batch * 3 * m->vision.image_size * m->vision.image_size; i++)
        images[i] = (float)wit_random_normal(&dice);
    for (int64_t b = 0; b < cfg->batch; b++, tokens += m->text.context_length) {
        tokens[0] = (int32_t)m->text.vocab_size - 2;
        for (int64_t i = 1; i < words - 1; i++)
            tokens[i] = 1 + (int32_t)wit_random_below(&dice, (uint64_t)m->text.vocab_size - 4);
        tokens[words - 1] = (int32_t)m->text.vocab_size - 1;
        for (int64_t i = words; i < m->text.context_length; i++)
            tokens[i] = 0;
    }
}

static int run(struct wit_trainer_config *cfg, int steps, int64_t words, struct wit_error *err) {
    const struct wit_trainer_model *m = &cfg->model;
    struct wit_trainer *t = NULL;
    float *images =
        wit_alloc_array((size_t)(cfg->batch * 3 * m->vision.image_size * m->vision.image_size),
                        sizeof(*images));
    int32_t *tokens =
        wit_alloc_array((size_t)(cfg->batch * m->text.context_length), sizeof(*tokens));
    double loss = 0, cpu = 0;
    uint64_t wall = 0;
    int st = images && tokens ? wit_trainer_create(cfg, &t, err) : WIT_ENOMEM;
    if (st < 0)
        goto out;
    fill(cfg, words, images, tokens);
    wit_trainer_init(t, 1);
    for (int i = -1; i < steps && st == 0; i++) {
        if (i == 0) { /* the first step warms caches and pages up */
            cpu = cpu_seconds();
            wall = wit_clock_ns();
        }
        st = wit_trainer_forward(t, images, tokens, &loss, err);
        if (st < 0)
            goto out;
        wit_trainer_backward(t);
        wit_trainer_update(t, 1e-4);
    }
    printf("{\"samples\":%" PRId64 ",\"cpu_s\":%.6f,\"wall_s\":%.6f,\"loss\":%.6f,"
           "\"arena_mib\":%.1f}\n",
           cfg->batch * steps, cpu_seconds() - cpu, (double)(wit_clock_ns() - wall) / 1e9, loss,
           (double)wit_trainer_arena_bytes(t) / (1 << 20));
out:
    wit_trainer_destroy(t);
    free(images);
    free(tokens);
    return st;
}

int main(int argc, char **argv) {
    struct wit_trainer_config cfg = wit_trainer_config_default();
    struct wit_error err = WIT_ERROR_INIT;
    if (argc < 6) {
        fprintf(stderr, "usage: bench_train MODEL BATCH STEPS THREADS WORDS [BACKEND]\n");
        return 2;
    }
    cfg.batch = atoi(argv[2]);
    cfg.threads = (unsigned)atoi(argv[4]);
    if (argc > 6)
        cfg.backend = argv[6];
    int64_t words = atoi(argv[5]);
    if (wit_trainer_model_find(argv[1], &cfg.model, &err) < 0)
        goto failed;
    if (words < 2 || words > cfg.model.text.context_length)
        words = cfg.model.text.context_length;
    if (run(&cfg, atoi(argv[3]), words, &err) == 0)
        return 0;
failed:
    fprintf(stderr, "bench_train: %s\n", err.text);
    return 1;
}
