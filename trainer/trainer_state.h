/*
 * trainer_state.h: what stands behind struct wit_trainer, for the files of this folder.
 */
#ifndef TRAINER_STATE_H
#define TRAINER_STATE_H

#include "tape.h"

struct wit_trainer {
    struct wit_trainer_config cfg;
    struct tape tape;
    const struct kernels *kernels;
    struct kernel_ctx *ctx;
    float *params, *grads, *m, *v; /* slabs of tape.model.slab floats */
    float *arena;
    uint64_t steps;

    /* Of the batch at hand. */
    const float *images;
    const int32_t *tokens;
    struct kernel_seqs image_seqs, text_seqs;
    int64_t *image_start, *image_square, *text_start, *text_square; /* batch + 1 each */
    int64_t *image_row, *text_row;                                  /* the picked rows */
    double loss;
};

#endif
