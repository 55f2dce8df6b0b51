/*
 * kernels.h: what a backend computes. Every operation of the tape is a pair of functions here; the
 * formulas stand in kernels_ref.c, the readable twin that tests hold the others to.
 *
 * Matrices are row-major float32. R is the number of rows in the batch (tokens of all samples, one
 * after another), `acc` adds to the result instead of writing it. Gradients are named d<what> and
 * are of the loss. Outputs overlap no input, unless said. Results depend on the input and the
 * instruction set only: not on the number of threads, not on which thread took what.
 */
#ifndef TRAINER_KERNELS_H
#define TRAINER_KERNELS_H

#include "base/wit_base.h"

/* Samples of different length packed one behind another. */
struct kernel_seqs {
    int64_t count;         /* samples */
    const int64_t *start;  /* (count + 1): sample b has the rows start[b] .. start[b + 1] - 1 */
    const int64_t *square; /* (count + 1): sums of the squared lengths before b */
};

/* y (R, N) = x (R, K) w' + bias + residual. */
struct kernel_linear {
    int64_t R, K, N;
    bool w_is_KN; /* w is (K, N), used as it is (projections); else (N, K), as torch's Linear */
    const float *x, *w;
};

/* Softmax attention with `heads` heads of width D. qkv is (R, 3 heads D): all queries, all keys,
 * all values. P holds the probabilities: heads (T, T) matrices per sample from heads * square[b].
 */
struct kernel_attention {
    struct kernel_seqs seqs;
    int64_t heads, D;
    bool causal; /* a token sees itself and those before it */
    const float *qkv;
    float *P;
};

/* Symmetric cross-entropy of scale * image . text over the batch; rows of unit length. */
struct kernel_contrastive {
    int64_t B, E;
    const float *image, *text; /* (B, E) */
    float scale;               /* exp of the logit scale */
    /* (3 B): cross-entropy of each image against the texts, of each text against the images, and
     * the product image . text of each pair. The small numbers are kept, not log-sum-exps of up to
     * 100: of those a float would keep too little. */
    float *saved;
};

struct kernel_adamw {
    size_t count;
    float *param, *m, *v;
    const float *grad;
    double lr, beta1, beta2, epsilon, decay;
    uint64_t step; /* of this update, from 1 */
};

/* What a backend has to make room for when it is created. */
struct kernel_limits {
    int64_t batch;   /* samples */
    int64_t longest; /* sequence */
    int64_t widest;  /* matrix, in columns */
};

/* A backend's threads and scratch memory; one caller at a time. */
struct kernel_ctx;

struct kernels {
    const char *name;
    double nmse_max; /* bound of the parity test: |got - ref|^2 / |ref|^2 */
    int (*create)(unsigned threads, struct kernel_limits limits, struct kernel_ctx **out,
                  struct wit_error *err);
    void (*destroy)(struct kernel_ctx *c);

    /* images (B, 3, S, S) -> patches (B (S/P)^2, 3 P P), in the order of a convolution's weight. */
    void (*patchify)(struct kernel_ctx *c, float *patches, const float *images, int64_t B,
                     int64_t S, int64_t P);
    /* x (B (n + 1), W): the class embedding, then the n patches, plus positions (n + 1, W). */
    void (*image_tokens_forward)(struct kernel_ctx *c, float *x, const float *patch,
                                 const float *cls, const float *pos, int64_t B, int64_t n,
                                 int64_t W);
    void (*image_tokens_backward)(struct kernel_ctx *c, float *dpatch, float *dcls, float *dpos,
                                  const float *dx, int64_t B, int64_t n, int64_t W);
    /* x: rows of table (V, W) plus positions. tokens (B, stride): a sample's first ids are used. */
    void (*text_tokens_forward)(struct kernel_ctx *c, float *x, const int32_t *tokens,
                                int64_t stride, struct kernel_seqs seqs, const float *table,
                                const float *pos, int64_t W);
    /* dtable is (V, W), dpos (stride, W); rows that no token names become zero. */
    void (*text_tokens_backward)(struct kernel_ctx *c, float *dtable, float *dpos, const float *dx,
                                 const int32_t *tokens, int64_t stride, struct kernel_seqs seqs,
                                 int64_t V, int64_t W);
    /* stats (R, 2): mean and 1 / sqrt(variance + 1e-5) of each row. */
    void (*layernorm_forward)(struct kernel_ctx *c, float *y, float *stats, const float *x,
                              const float *gain, const float *bias, int64_t R, int64_t W);
    void (*layernorm_backward)(struct kernel_ctx *c, float *dx, bool acc, float *dgain,
                               float *dbias, const float *dy, const float *x, const float *stats,
                               const float *gain, int64_t R, int64_t W);
    /* bias (N) and residual (R, N) may be NULL; y may be the residual's memory. */
    void (*linear_forward)(struct kernel_ctx *c, struct kernel_linear l, float *y,
                           const float *bias, const float *residual);
    /* dx and dbias may be NULL. */
    void (*linear_backward)(struct kernel_ctx *c, struct kernel_linear l, float *dx, bool acc,
                            float *dw, float *dbias, const float *dy);
    void (*gelu_forward)(struct kernel_ctx *c, float *y, const float *x, int64_t count, bool quick);
    /* dx may be dy's memory. */
    void (*gelu_backward)(struct kernel_ctx *c, float *dx, const float *dy, const float *x,
                          int64_t count, bool quick);
    /* o (R, heads D); fills a.P, which the backward pass uses up. */
    void (*attention_forward)(struct kernel_ctx *c, struct kernel_attention a, float *o);
    void (*attention_backward)(struct kernel_ctx *c, struct kernel_attention a, float *dqkv,
                               const float *dO);
    /* y (B, W): the row of each sample that `row` (B) names. */
    void (*pick_forward)(struct kernel_ctx *c, float *y, const float *x, const int64_t *row,
                         int64_t B, int64_t W);
    void (*pick_backward)(struct kernel_ctx *c, float *dx, const float *dy, const int64_t *row,
                          int64_t B, int64_t R, int64_t W);
    /* y = x / max(|x|, 1e-12) by rows; inverse (B): what each row was multiplied by. */
    void (*normalize_forward)(struct kernel_ctx *c, float *y, float *inverse, const float *x,
                              int64_t B, int64_t E);
    void (*normalize_backward)(struct kernel_ctx *c, float *dx, const float *dy, const float *y,
                               const float *inverse, int64_t B, int64_t E);
    /* Never needs more than tiles of the (B, B) logits. */
    void (*contrastive_forward)(struct kernel_ctx *c, struct kernel_contrastive a, double *loss);
    /* *dscale: with respect to the log of the scale. */
    void (*contrastive_backward)(struct kernel_ctx *c, struct kernel_contrastive a, float *dimage,
                                 float *dtext, float *dscale);
    void (*adamw)(struct kernel_ctx *c, struct kernel_adamw a);
};

#define KERNEL_LAYERNORM_EPSILON 1e-5
#define KERNEL_NORMALIZE_EPSILON 1e-12
#define KERNEL_QUICK_GELU 1.702

extern const struct kernels kernels_ref;
extern const struct kernels kernels_cpu;

/* By name; NULL: none. index form for tests: NULL behind the last. */
const struct kernels *kernels_find(const char *name);
const struct kernels *kernels_at(size_t index);

#endif
