/*
 * tape.h: a model as a list of operations. Built once for a batch size; forward walks it, backward
 * walks it reversed. docs/trainer.md tells how to add an operation.
 */
#ifndef TRAINER_TAPE_H
#define TRAINER_TAPE_H

#include "kernels.h"
#include "model.h"

enum tape_kind {
    TAPE_PATCHIFY,     /* images -> out */
    TAPE_IMAGE_TOKENS, /* in: patches; weight: class embedding, bias: positions */
    TAPE_TEXT_TOKENS,  /* tokens -> out; weight: token embedding, bias: positions */
    TAPE_LAYERNORM,    /* aux: statistics */
    TAPE_LINEAR,       /* in2: residual */
    TAPE_ATTENTION,    /* in: qkv, aux: probabilities */
    TAPE_GELU,
    TAPE_PICK,        /* one row of each sample */
    TAPE_NORMALIZE,   /* aux: inverse lengths */
    TAPE_CONTRASTIVE, /* in: image, in2: text features; weight: logit_scale; aux: cross-entropies */
};

/* How many rows a tensor has in a batch. */
enum tape_space {
    TAPE_PATCHES, /* B n */
    TAPE_IMAGE,   /* B (n + 1) */
    TAPE_TEXT,    /* tokens of all samples up to their end tokens, at most B context */
    TAPE_BATCH,   /* B */
};

enum { TAPE_NONE = -1, TAPE_MAX_BATCH = 1 << 20 };
#define TAPE_MAX_FLOATS ((size_t)1 << 40) /* of one tensor */

struct tape_tensor {
    char name[MODEL_NAME_MAX]; /* of the module in open_clip whose output it is, or "" */
    enum tape_space space;
    int64_t columns;
    size_t floats; /* at most */
    int value;     /* slots: index of a place in the arena */
    int gradient;  /* TAPE_NONE: none is wanted; may be shared with another tensor's */
};

struct tape_op {
    enum tape_kind kind;
    bool text;             /* of the text tower, else of the image tower */
    int in, in2, out, aux; /* tensors */
    int weight, bias;      /* parameters */
    bool weight_is_KN;
    bool accumulate; /* the gradient of `in` has been written by a later operation */
};

struct tape {
    struct model model;
    int64_t batch, patches; /* patches: n of an image */
    struct tape_tensor *tensors;
    struct tape_op *ops;
    size_t tensors_count, tensors_room, ops_count, ops_room;
    size_t *place; /* of each slot in the arena, in floats */
    size_t slots, arena;
    int image_features, text_features;
    bool too_large; /* met while building */
};

/* keep: every value has a place of its own, so that it can be read after a pass. */
int tape_create(const struct wit_trainer_model *shape, int64_t batch, bool keep, struct tape *out,
                struct wit_error *err);
void tape_finish(struct tape *t);
int tape_find(const struct tape *t, const char *name); /* tensor by name, or TAPE_NONE */

/* The lifetimes that the planner was given, for its test: slot i lives from first[i] to last[i] and
 * takes floats[i]. Forward of operation i is moment i, backward moment 2 ops_count - 1 - i. */
struct plan_item;
void tape_lifetimes(const struct tape *t, bool keep, struct plan_item *items);

#endif
