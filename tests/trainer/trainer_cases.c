/* trainer_cases.c: see trainer_cases.h. */
#include "trainer_cases.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 64 << 20 };

struct wit_trainer_model case_model(bool quick_gelu) {
    return (struct wit_trainer_model){ .embed_dim = 9,
                                       .quick_gelu = quick_gelu,
                                       .vision = { 12, 4, 15, 2, 5 },
                                       .text = { 7, 40, 14, 2, 2 } };
}

static void draw_pair(const struct wit_trainer_model *m, uint64_t seed, uint64_t index,
                      float *image, int32_t *tokens) {
    struct wit_random dice;
    wit_random_init(&dice, seed, 7, index);
    for (int64_t i = 0; i < 3 * m->vision.image_size * m->vision.image_size; i++)
        image[i] = (float)wit_random_normal(&dice);
    const int64_t words =
        1 + (int64_t)wit_random_below(&dice, (uint64_t)m->text.context_length - 2);
    memset(tokens, 0, (size_t)m->text.context_length * sizeof(*tokens));
    tokens[0] = (int32_t)m->text.vocab_size - 2;
    for (int64_t i = 0; i < words; i++)
        tokens[1 + i] = (int32_t)wit_random_below(&dice, (uint64_t)m->text.vocab_size - 2);
    tokens[1 + words] = (int32_t)m->text.vocab_size - 1;
}

void case_batch(const struct wit_trainer_model *m, int64_t batch, uint64_t seed, float **images,
                int32_t **tokens) {
    const int64_t image = 3 * m->vision.image_size * m->vision.image_size;
    *images = malloc((size_t)(batch * image) * sizeof(float));
    *tokens = malloc((size_t)(batch * m->text.context_length) * sizeof(int32_t));
    assert(*images && *tokens);
    for (int64_t b = 0; b < batch; b++)
        draw_pair(m, seed, (uint64_t)b, *images + b * image, *tokens + b * m->text.context_length);
}

static int source_open(void *user, uint64_t position, struct wit_error *err) {
    struct case_source *s = user;
    s->position = position;
    case_batch(&s->model, s->batch, 0, &s->images, &s->tokens);
    return 0;
}

static int source_next(void *user, struct wit_trainer_batch *out, struct wit_error *err) {
    struct case_source *s = user;
    const int64_t image = 3 * s->model.vision.image_size * s->model.vision.image_size;
    for (int64_t b = 0; b < s->batch; b++, s->position++)
        draw_pair(&s->model, 3, s->position % s->distinct, s->images + b * image,
                  s->tokens + b * s->model.text.context_length);
    *out = (struct wit_trainer_batch){ s->images, s->tokens };
    return 0;
}

static void source_close(void *user) {
    struct case_source *s = user;
    free(s->images);
    free(s->tokens);
    s->images = NULL;
    s->tokens = NULL;
}

struct wit_trainer_source case_source_of(struct case_source *s) {
    return (struct wit_trainer_source){ s, source_open, source_next, source_close,
                                        "0123456789abcdef" };
}

void case_dir_make(char dir[WIT_PATH_MAX]) {
    const char *base = getenv("TMPDIR");
    snprintf(dir, WIT_PATH_MAX, "%.3000s/wit-trainer-XXXXXX", base ? base : "/tmp");
    const char *made = mkdtemp(dir);
    assert(made);
    (void)made;
}

void case_dir_remove(const char *dir) {
    (void)wit_dir_remove(dir, NULL);
}

static bool files_equal(const char *a, const char *b) {
    struct wit_buf x = WIT_BUF_INIT(FILE_MAX_BYTES), y = WIT_BUF_INIT(FILE_MAX_BYTES);
    const bool equal = wit_file_read(a, &x, NULL) == 0 && wit_file_read(b, &y, NULL) == 0 &&
                       wit_str_eq(wit_buf_view(&x), wit_buf_view(&y));
    wit_buf_finish(&x);
    wit_buf_finish(&y);
    return equal;
}

static bool equal_at(const char *a, const char *b, int depth) {
    struct wit_strings x = { 0 }, y = { 0 };
    char path_a[WIT_PATH_MAX], path_b[WIT_PATH_MAX];
    if (wit_dir_list(a, &x, NULL) < 0) /* not a directory */
        return files_equal(a, b);
    bool equal = wit_dir_list(b, &y, NULL) == 0 && x.count == y.count && depth > 0;
    for (size_t i = 0; equal && i < x.count; i++)
        equal = strcmp(x.items[i], y.items[i]) == 0 && wit_path_join(path_a, a, x.items[i]) == 0 &&
                wit_path_join(path_b, b, y.items[i]) == 0 && equal_at(path_a, path_b, depth - 1);
    wit_strings_finish(&x);
    wit_strings_finish(&y);
    return equal;
}

bool case_dirs_equal(const char *a, const char *b) {
    return equal_at(a, b, 3);
}
