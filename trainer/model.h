/*
 * model.h: the parameters of a model: names, shapes, initial values, and where each stands in the
 * slab. Names and shapes are open_clip's.
 */
#ifndef TRAINER_MODEL_H
#define TRAINER_MODEL_H

#include "wit_trainer.h"

enum { MODEL_NAME_MAX = 80, MODEL_MAX_LAYERS = 256 };

/* Ceilings of a configuration, so that products of its numbers fit in 64 bits. */
#define MODEL_MAX_SIDE 65536
#define MODEL_MAX_VOCAB (1 << 24)
#define MODEL_MAX_PARAMETERS ((size_t)1 << 34)

enum model_init {
    MODEL_INIT_CONSTANT, /* value */
    MODEL_INIT_NORMAL,   /* mean 0, standard deviation value */
    MODEL_INIT_UNIFORM,  /* -value .. value */
};

struct model_param {
    char name[MODEL_NAME_MAX];
    unsigned dims;
    int64_t shape[4];
    size_t offset, count; /* in the slab, in floats; offsets are multiples of 16 */
    bool decay;           /* by weight decay */
    enum model_init init;
    double value;
};

struct model {
    struct wit_trainer_model shape;
    struct model_param *params;
    size_t count;
    size_t slab;    /* floats, gaps included */
    size_t numbers; /* without gaps */
};

int model_create(const struct wit_trainer_model *shape, struct model *out, struct wit_error *err);
void model_finish(struct model *m);
/* Index, or -1. */
int model_find(const struct model *m, const char *name);
/* Random values depend on the seed and the parameter's name only. */
void model_fill(const struct model *m, uint64_t seed, float *slab);
/* The configuration as open_clip's JSON. */
int model_format(const struct wit_trainer_model *shape, struct wit_buf *out);
/* WIT_ELIMIT or WIT_EINVAL with a sentence that begins with `name`. */
int model_check(const struct wit_trainer_model *shape, const char *name, struct wit_error *err);

#endif
