/*
 * rows.h: the cpu backend's own loops, on vectors of 16 floats. rows_impl.h is compiled once for
 * each instruction set; rows_find picks the best that the machine has. No result depends on it:
 * operations are IEEE's, in a fixed order, without contraction.
 */
#ifndef TRAINER_ROWS_H
#define TRAINER_ROWS_H

#include "kernels.h"

struct rows {
    const char *name;
    /* Contracts as in kernels.h, for the rows given. */
    void (*layernorm_forward)(float *y, float *stats, const float *x, const float *gain,
                              const float *bias, int64_t R, int64_t W);
    /* dgain, dbias: of these rows; added to what is there. */
    void (*layernorm_backward)(float *dx, bool acc, float *dgain, float *dbias, const float *dy,
                               const float *x, const float *stats, const float *gain, int64_t R,
                               int64_t W);
    void (*gelu_forward)(float *y, const float *x, int64_t count, bool quick);
    void (*gelu_backward)(float *dx, const float *dy, const float *x, int64_t count, bool quick);
    /* x = softmax(scale x) of the first `seen` of n, the rest 0. */
    void (*softmax)(float *x, int64_t seen, int64_t n, float scale);
    /* d = scale p (d - sum p d) */
    void (*softmax_backward)(float *d, const float *p, int64_t n, float scale);
    /* Online log-sum-exp: *most and *sum are brought up to date by scale (x - right). */
    void (*log_sum_exp)(const float *x, int64_t n, float scale, float right, float *most,
                        double *sum);
    /* x = factor (exp(scale (x - right) - ce) + exp(scale (x - rights[i]) - ces[i])); returns the
     * sum of exp(scale (x - right) - ce) scale (x - right). */
    double (*contrastive_gradient)(float *x, int64_t n, float scale, float right, float ce,
                                   const float *rights, const float *ces, float factor);
    void (*add)(float *y, const float *a, const float *b, int64_t n); /* y = a + b */
    /* out (n): sums of the columns of x, rows `stride` apart. */
    void (*column_sums)(float *out, const float *x, int64_t R, int64_t stride, int64_t n);
    double (*dot)(const float *a, const float *b, int64_t n);
    void (*adamw)(struct kernel_adamw a);
};

const struct rows *rows_find(void);
/* Those that this machine can run, for tests; NULL behind the last. */
const struct rows *rows_at(size_t index);

#endif
