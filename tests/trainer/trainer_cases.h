/* trainer_cases.h: what the tests of the trainer share: small models, and batches drawn from a
 * seed. */
#ifndef WIT_TEST_TRAINER_CASES_H
#define WIT_TEST_TRAINER_CASES_H

#include "wit_trainer.h"

/* A model with odd sizes, in both activations. */
struct wit_trainer_model case_model(bool quick_gelu);
/* batch x images and tokens of different lengths for the model. Free both. */
void case_batch(const struct wit_trainer_model *model, int64_t batch, uint64_t seed, float **images,
                int32_t **tokens);

/* A source of batches that are a pure function of the position. */
struct case_source {
    struct wit_trainer_model model;
    int64_t batch;
    uint64_t distinct; /* pairs there are; position modulo this */
    uint64_t position;
    float *images;
    int32_t *tokens;
};
struct wit_trainer_source case_source_of(struct case_source *s);

/* A new directory under $TMPDIR, and its removal. */
void case_dir_make(char dir[WIT_PATH_MAX]);
void case_dir_remove(const char *dir);
/* Names and bytes of all files under both directories, two levels, are equal. */
bool case_dirs_equal(const char *a, const char *b);

#endif
