/*
 * kernels_cpu.c: the fast backend for processors. Cuts every operation into tasks whose borders
 * depend on shapes only, and shares them out to threads; within a task the matrix products are the
 * library's (gemm.h) and the rest is rows.h. So the same input gives the same bits with any number
 * of threads, on the same instruction set and library.
 */
#include "gemm.h"
#include "kernels.h"
#include "rows.h"
#include "workers.h"

#include <math.h>
#include <stdlib.h>

enum {
    ROWS_IN_TASK = 256,     /* of a matrix product: packing the other side costs 1-2 % then */
    COLUMNS_IN_TASK = 1024, /* a panel of results of 1 MiB stays in the second-level cache */
    WEIGHTS_IN_TASK = 128,  /* rows of a weight's gradient, which sums over all tokens */
    SUMS_IN_TASK = 64,      /* columns summed */
    NORM_CHUNKS = 32,       /* parts of the sums of a layer norm's gradient */
    ELEMENTS_IN_TASK = 1 << 16,
    TILE = 128, /* of the contrastive logits */
};

struct kernel_ctx {
    struct workers *workers;
    const struct rows *rows;
    float *scratch; /* scratch_floats for each worker */
    size_t scratch_floats;
    float *partial; /* NORM_CHUNKS pairs of rows of the widest matrix */
    double *sums;   /* of each block of the contrastive loss */
};

static int64_t at_most(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t parts(int64_t n, int64_t size) {
    return (n + size - 1) / size;
}

static void cpu_destroy(struct kernel_ctx *c) {
    if (!c)
        return;
    workers_destroy(c->workers);
    free(c->scratch);
    free(c->partial);
    free(c->sums);
    free(c);
}

static int cpu_create(unsigned threads, struct kernel_limits limits, struct kernel_ctx **out,
                      struct wit_error *err) {
    struct kernel_ctx *c = calloc(1, sizeof(*c));
    int st;
    if (!c)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the cpu backend");
    c->rows = rows_find();
    st = workers_create(threads, gemm_thread_start, &c->workers, err);
    if (st < 0)
        goto out;
    size_t scratch = (size_t)limits.longest * (size_t)limits.longest;
    if (scratch < TILE * TILE)
        scratch = TILE * TILE;
    c->scratch_floats = (scratch + 15) / 16 * 16;
    c->scratch = wit_alloc_array(c->scratch_floats * workers_count(c->workers), sizeof(float));
    c->partial = wit_alloc_array(2 * NORM_CHUNKS * (size_t)limits.widest, sizeof(float));
    c->sums = wit_alloc_array(2 * (size_t)parts(limits.batch, TILE), sizeof(double));
    if (!c->scratch || !c->partial || !c->sums)
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the cpu backend's threads");
out:
    if (st < 0)
        cpu_destroy(c);
    else
        *out = c;
    return st;
}

static float *scratch_of(const struct kernel_ctx *c, unsigned worker) {
    return c->scratch + worker * c->scratch_floats;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

struct patchify_job {
    float *patches;
    const float *images;
    int64_t S, P;
};

static void patchify_image(void *arg, int64_t b, unsigned worker) {
    const struct patchify_job *j = arg;
    const int64_t side = j->S / j->P;
    float *out = j->patches + b * side * side * 3 * j->P * j->P;
    for (int64_t py = 0; py < side; py++)
        for (int64_t px = 0; px < side; px++)
            for (int64_t line = 0; line < 3 * j->P; line++, out += j->P) {
                const int64_t channel = line / j->P, y = py * j->P + line % j->P;
                memcpy(out, j->images + ((b * 3 + channel) * j->S + y) * j->S + px * j->P,
                       (size_t)j->P * sizeof(float));
            }
}

static void cpu_patchify(struct kernel_ctx *c, float *patches, const float *images, int64_t B,
                         int64_t S, int64_t P) {
    struct patchify_job job = { patches, images, S, P };
    workers_run(c->workers, B, patchify_image, &job);
}

struct image_tokens_job {
    const struct rows *rows;
    float *x, *dpatch, *dcls, *dpos;
    const float *patch, *cls, *pos, *dx;
    int64_t B, n, W;
};

static void image_tokens_of_sample(void *arg, int64_t b, unsigned worker) {
    const struct image_tokens_job *j = arg;
    float *x = j->x + b * (j->n + 1) * j->W;
    j->rows->add(x, j->cls, j->pos, j->W);
    j->rows->add(x + j->W, j->patch + b * j->n * j->W, j->pos + j->W, j->n * j->W);
}

static void cpu_image_tokens_forward(struct kernel_ctx *c, float *x, const float *patch,
                                     const float *cls, const float *pos, int64_t B, int64_t n,
                                     int64_t W) {
    struct image_tokens_job job = {
        .rows = c->rows, .x = x, .patch = patch, .cls = cls, .pos = pos, .B = B, .n = n, .W = W
    };
    workers_run(c->workers, B, image_tokens_of_sample, &job);
}

static void image_tokens_gradient(void *arg, int64_t t, unsigned worker) {
    const struct image_tokens_job *j = arg;
    const int64_t sample = (j->n + 1) * j->W;
    j->rows->column_sums(j->dpos + t * j->W, j->dx + t * j->W, j->B, sample, j->W);
    if (t == 0)
        memcpy(j->dcls, j->dpos, (size_t)j->W * sizeof(float));
    for (int64_t b = 0; t > 0 && b < j->B; b++)
        memcpy(j->dpatch + (b * j->n + t - 1) * j->W, j->dx + b * sample + t * j->W,
               (size_t)j->W * sizeof(float));
}

static void cpu_image_tokens_backward(struct kernel_ctx *c, float *dpatch, float *dcls, float *dpos,
                                      const float *dx, int64_t B, int64_t n, int64_t W) {
    struct image_tokens_job job = { .rows = c->rows,
                                    .dpatch = dpatch,
                                    .dcls = dcls,
                                    .dpos = dpos,
                                    .dx = dx,
                                    .B = B,
                                    .n = n,
                                    .W = W };
    workers_run(c->workers, n + 1, image_tokens_gradient, &job);
}

struct text_tokens_job {
    const struct rows *rows;
    float *x, *dtable, *dpos;
    const float *table, *pos, *dx;
    const int32_t *tokens;
    int64_t stride, V, W;
    struct kernel_seqs seqs;
};

static void text_tokens_of_sample(void *arg, int64_t b, unsigned worker) {
    const struct text_tokens_job *j = arg;
    const int64_t start = j->seqs.start[b], length = j->seqs.start[b + 1] - start;
    for (int64_t t = 0; t < length; t++)
        j->rows->add(j->x + (start + t) * j->W, j->table + j->tokens[b * j->stride + t] * j->W,
                     j->pos + t * j->W, j->W);
}

static void cpu_text_tokens_forward(struct kernel_ctx *c, float *x, const int32_t *tokens,
                                    int64_t stride, struct kernel_seqs seqs, const float *table,
                                    const float *pos, int64_t W) {
    struct text_tokens_job job = { .rows = c->rows,
                                   .x = x,
                                   .tokens = tokens,
                                   .seqs = seqs,
                                   .stride = stride,
                                   .table = table,
                                   .pos = pos,
                                   .W = W };
    workers_run(c->workers, seqs.count, text_tokens_of_sample, &job);
}

/* A task has some columns of both gradients, so that no two threads add to one number. */
static void text_tokens_gradient(void *arg, int64_t task, unsigned worker) {
    const struct text_tokens_job *j = arg;
    const int64_t from = task * SUMS_IN_TASK, n = at_most(SUMS_IN_TASK, j->W - from);
    for (int64_t v = 0; v < j->V; v++)
        memset(j->dtable + v * j->W + from, 0, (size_t)n * sizeof(float));
    for (int64_t t = 0; t < j->stride; t++)
        memset(j->dpos + t * j->W + from, 0, (size_t)n * sizeof(float));
    for (int64_t b = 0; b < j->seqs.count; b++) {
        const int64_t start = j->seqs.start[b], length = j->seqs.start[b + 1] - start;
        for (int64_t t = 0; t < length; t++) {
            const float *d = j->dx + (start + t) * j->W + from;
            float *row = j->dtable + j->tokens[b * j->stride + t] * j->W + from;
            float *pos = j->dpos + t * j->W + from;
            j->rows->add(row, row, d, n);
            j->rows->add(pos, pos, d, n);
        }
    }
}

static void cpu_text_tokens_backward(struct kernel_ctx *c, float *dtable, float *dpos,
                                     const float *dx, const int32_t *tokens, int64_t stride,
                                     struct kernel_seqs seqs, int64_t V, int64_t W) {
    struct text_tokens_job job = { .rows = c->rows,
                                   .dtable = dtable,
                                   .dpos = dpos,
                                   .dx = dx,
                                   .tokens = tokens,
                                   .stride = stride,
                                   .seqs = seqs,
                                   .V = V,
                                   .W = W };
    workers_run(c->workers, parts(W, SUMS_IN_TASK), text_tokens_gradient, &job);
}

/* ---- layer norm ------------------------------------------------------------------------------ */

struct layernorm_job {
    const struct rows *rows;
    float *y, *stats_out, *dx, *partial;
    const float *x, *dy, *stats, *gain, *bias;
    int64_t R, W;
    bool acc;
};

static void layernorm_rows(void *arg, int64_t task, unsigned worker) {
    const struct layernorm_job *j = arg;
    const int64_t from = task * ROWS_IN_TASK, at = from * j->W;
    j->rows->layernorm_forward(j->y + at, j->stats_out + 2 * from, j->x + at, j->gain, j->bias,
                               at_most(ROWS_IN_TASK, j->R - from), j->W);
}

static void cpu_layernorm_forward(struct kernel_ctx *c, float *y, float *stats, const float *x,
                                  const float *gain, const float *bias, int64_t R, int64_t W) {
    struct layernorm_job job = { .rows = c->rows,
                                 .y = y,
                                 .stats_out = stats,
                                 .x = x,
                                 .gain = gain,
                                 .bias = bias,
                                 .R = R,
                                 .W = W };
    workers_run(c->workers, parts(R, ROWS_IN_TASK), layernorm_rows, &job);
}

static void layernorm_gradient(void *arg, int64_t task, unsigned worker) {
    const struct layernorm_job *j = arg;
    const int64_t size = parts(j->R, NORM_CHUNKS), from = task * size, at = from * j->W;
    float *sums = j->partial + 2 * task * j->W;
    memset(sums, 0, 2 * (size_t)j->W * sizeof(float));
    if (from < j->R)
        j->rows->layernorm_backward(j->dx + at, j->acc, sums, sums + j->W, j->dy + at, j->x + at,
                                    j->stats + 2 * from, j->gain, at_most(size, j->R - from), j->W);
}

static void cpu_layernorm_backward(struct kernel_ctx *c, float *dx, bool acc, float *dgain,
                                   float *dbias, const float *dy, const float *x,
                                   const float *stats, const float *gain, int64_t R, int64_t W) {
    struct layernorm_job job = { .rows = c->rows,
                                 .dx = dx,
                                 .acc = acc,
                                 .dy = dy,
                                 .x = x,
                                 .stats = stats,
                                 .gain = gain,
                                 .R = R,
                                 .W = W,
                                 .partial = c->partial };
    workers_run(c->workers, NORM_CHUNKS, layernorm_gradient, &job);
    c->rows->column_sums(dgain, c->partial, NORM_CHUNKS, 2 * W, W);
    c->rows->column_sums(dbias, c->partial + W, NORM_CHUNKS, 2 * W, W);
}

/* ---- matrix products ------------------------------------------------------------------------- */

struct linear_job {
    const struct rows *rows;
    struct kernel_linear l;
    float *y, *dx, *dw, *dbias;
    const float *bias, *residual, *dy;
    bool acc;
    int64_t weight_tasks, dx_tasks;
};

static void linear_panel(void *arg, int64_t task, unsigned worker) {
    const struct linear_job *j = arg;
    const struct kernel_linear *l = &j->l;
    const int64_t across = parts(l->N, COLUMNS_IN_TASK);
    const int64_t row = task / across * ROWS_IN_TASK, rows = at_most(ROWS_IN_TASK, l->R - row);
    const int64_t col = task % across * COLUMNS_IN_TASK,
                  cols = at_most(COLUMNS_IN_TASK, l->N - col);
    float *y = j->y + row * l->N + col;
    const float *w = l->w_is_KN ? l->w + col : l->w + col * l->K;
    for (int64_t r = 0; r < rows; r++) {
        const float *res = j->residual ? j->residual + (row + r) * l->N + col : NULL;
        if (j->bias && res)
            j->rows->add(y + r * l->N, res, j->bias + col, cols);
        else if ((j->bias || res) && (j->bias || res != y + r * l->N))
            memcpy(y + r * l->N, j->bias ? j->bias + col : res, (size_t)cols * sizeof(float));
    }
    gemm(false, !l->w_is_KN, rows, cols, l->K, 1, l->x + row * l->K, l->K, w,
         l->w_is_KN ? l->N : l->K, j->bias || j->residual ? 1 : 0, y, l->N);
}

static void cpu_linear_forward(struct kernel_ctx *c, struct kernel_linear l, float *y,
                               const float *bias, const float *residual) {
    struct linear_job job = { .rows = c->rows, .l = l, .y = y, .bias = bias, .residual = residual };
    workers_run(c->workers, parts(l.R, ROWS_IN_TASK) * parts(l.N, COLUMNS_IN_TASK), linear_panel,
                &job);
}

/* Rows of the weight's gradient: dy' x, or x' dy where the weight is (K, N). */
static void weight_gradient(const struct linear_job *j, int64_t task) {
    const struct kernel_linear *l = &j->l;
    const float *left = l->w_is_KN ? l->x : j->dy, *right = l->w_is_KN ? j->dy : l->x;
    const int64_t height = l->w_is_KN ? l->K : l->N, width = l->w_is_KN ? l->N : l->K;
    const int64_t across = parts(width, COLUMNS_IN_TASK);
    const int64_t row = task / across * WEIGHTS_IN_TASK, col = task % across * COLUMNS_IN_TASK;
    gemm(true, false, at_most(WEIGHTS_IN_TASK, height - row), at_most(COLUMNS_IN_TASK, width - col),
         l->R, 1, left + row, height, right + col, width, 0, j->dw + row * width + col, width);
}

static void input_gradient(const struct linear_job *j, int64_t task) {
    const struct kernel_linear *l = &j->l;
    const int64_t across = parts(l->K, COLUMNS_IN_TASK);
    const int64_t row = task / across * ROWS_IN_TASK, col = task % across * COLUMNS_IN_TASK;
    const float *w = l->w_is_KN ? l->w + col * l->N : l->w + col;
    gemm(false, l->w_is_KN, at_most(ROWS_IN_TASK, l->R - row), at_most(COLUMNS_IN_TASK, l->K - col),
         l->N, 1, j->dy + row * l->N, l->N, w, l->w_is_KN ? l->N : l->K, j->acc ? 1 : 0,
         j->dx + row * l->K + col, l->K);
}

/* The long tasks come first, so that the short ones even the threads out. */
static void linear_gradient(void *arg, int64_t task, unsigned worker) {
    const struct linear_job *j = arg;
    if (task < j->weight_tasks) {
        weight_gradient(j, task);
    } else if (task < j->weight_tasks + j->dx_tasks) {
        input_gradient(j, task - j->weight_tasks);
    } else {
        const int64_t from = (task - j->weight_tasks - j->dx_tasks) * SUMS_IN_TASK;
        j->rows->column_sums(j->dbias + from, j->dy + from, j->l.R, j->l.N,
                             at_most(SUMS_IN_TASK, j->l.N - from));
    }
}

static void cpu_linear_backward(struct kernel_ctx *c, struct kernel_linear l, float *dx, bool acc,
                                float *dw, float *dbias, const float *dy) {
    struct linear_job job = {
        .rows = c->rows, .l = l, .dx = dx, .acc = acc, .dw = dw, .dbias = dbias, .dy = dy
    };
    const int64_t height = l.w_is_KN ? l.K : l.N, width = l.w_is_KN ? l.N : l.K;
    job.weight_tasks = parts(height, WEIGHTS_IN_TASK) * parts(width, COLUMNS_IN_TASK);
    job.dx_tasks = dx ? parts(l.R, ROWS_IN_TASK) * parts(l.K, COLUMNS_IN_TASK) : 0;
    workers_run(c->workers,
                job.weight_tasks + job.dx_tasks + (dbias ? parts(l.N, SUMS_IN_TASK) : 0),
                linear_gradient, &job);
}

/* ---- GELU ------------------------------------------------------------------------------------ */

struct gelu_job {
    const struct rows *rows;
    float *out;
    const float *dy, *x;
    int64_t count;
    bool quick;
};

static void gelu_part(void *arg, int64_t task, unsigned worker) {
    const struct gelu_job *j = arg;
    const int64_t from = task * ELEMENTS_IN_TASK, n = at_most(ELEMENTS_IN_TASK, j->count - from);
    if (j->dy)
        j->rows->gelu_backward(j->out + from, j->dy + from, j->x + from, n, j->quick);
    else
        j->rows->gelu_forward(j->out + from, j->x + from, n, j->quick);
}

static void cpu_gelu_forward(struct kernel_ctx *c, float *y, const float *x, int64_t count,
                             bool quick) {
    struct gelu_job job = { c->rows, y, NULL, x, count, quick };
    workers_run(c->workers, parts(count, ELEMENTS_IN_TASK), gelu_part, &job);
}

static void cpu_gelu_backward(struct kernel_ctx *c, float *dx, const float *dy, const float *x,
                              int64_t count, bool quick) {
    struct gelu_job job = { c->rows, dx, dy, x, count, quick };
    workers_run(c->workers, parts(count, ELEMENTS_IN_TASK), gelu_part, &job);
}

/* ---- attention ------------------------------------------------------------------------------- */

struct attention_job {
    struct kernel_ctx *c;
    struct kernel_attention a;
    float *o, *dqkv;
    const float *dO;
};

static void attention_head_forward(void *arg, int64_t task, unsigned worker) {
    const struct attention_job *j = arg;
    const struct kernel_attention *a = &j->a;
    const int64_t b = task / a->heads, h = task % a->heads, W = a->heads * a->D;
    const int64_t start = a->seqs.start[b], T = a->seqs.start[b + 1] - start;
    const float *q = a->qkv + start * 3 * W + h * a->D, *k = q + W, *v = k + W;
    float *P = a->P + a->heads * a->seqs.square[b] + h * T * T;
    const float scale = 1 / sqrtf((float)a->D);
    gemm(false, true, T, T, a->D, 1, q, 3 * W, k, 3 * W, 0, P, T);
    for (int64_t i = 0; i < T; i++)
        j->c->rows->softmax(P + i * T, a->causal ? i + 1 : T, T, scale);
    gemm(false, false, T, a->D, T, 1, P, T, v, 3 * W, 0, j->o + start * W + h * a->D, W);
}

static void cpu_attention_forward(struct kernel_ctx *c, struct kernel_attention a, float *o) {
    struct attention_job job = { .c = c, .a = a, .o = o };
    workers_run(c->workers, a.seqs.count * a.heads, attention_head_forward, &job);
}

static void attention_head_backward(void *arg, int64_t task, unsigned worker) {
    const struct attention_job *j = arg;
    const struct kernel_attention *a = &j->a;
    const int64_t b = task / a->heads, h = task % a->heads, W = a->heads * a->D;
    const int64_t start = a->seqs.start[b], T = a->seqs.start[b + 1] - start;
    const int64_t from = start * 3 * W + h * a->D;
    const float *q = a->qkv + from, *k = q + W, *v = k + W;
    float *dq = j->dqkv + from, *dk = dq + W, *dv = dk + W;
    const float *P = a->P + a->heads * a->seqs.square[b] + h * T * T;
    const float *d_out = j->dO + start * W + h * a->D;
    float *dS = scratch_of(j->c, worker);
    const float scale = 1 / sqrtf((float)a->D);
    gemm(true, false, T, a->D, T, 1, P, T, d_out, W, 0, dv, 3 * W);
    gemm(false, true, T, T, a->D, 1, d_out, W, v, 3 * W, 0, dS, T);
    for (int64_t i = 0; i < T; i++)
        j->c->rows->softmax_backward(dS + i * T, P + i * T, T, scale);
    gemm(false, false, T, a->D, T, 1, dS, T, k, 3 * W, 0, dq, 3 * W);
    gemm(true, false, T, a->D, T, 1, dS, T, q, 3 * W, 0, dk, 3 * W);
}

static void cpu_attention_backward(struct kernel_ctx *c, struct kernel_attention a, float *dqkv,
                                   const float *dO) {
    struct attention_job job = { .c = c, .a = a, .dqkv = dqkv, .dO = dO };
    workers_run(c->workers, a.seqs.count * a.heads, attention_head_backward, &job);
}

/* ---- heads: small enough for one thread ------------------------------------------------------ */

static void cpu_pick_forward(struct kernel_ctx *c, float *y, const float *x, const int64_t *row,
                             int64_t B, int64_t W) {
    for (int64_t b = 0; b < B; b++)
        memcpy(y + b * W, x + row[b] * W, (size_t)W * sizeof(float));
}

static void cpu_pick_backward(struct kernel_ctx *c, float *dx, const float *dy, const int64_t *row,
                              int64_t B, int64_t R, int64_t W) {
    memset(dx, 0, (size_t)(R * W) * sizeof(float));
    for (int64_t b = 0; b < B; b++)
        memcpy(dx + row[b] * W, dy + b * W, (size_t)W * sizeof(float));
}

static void cpu_normalize_forward(struct kernel_ctx *c, float *y, float *inverse, const float *x,
                                  int64_t B, int64_t E) {
    for (int64_t b = 0; b < B; b++) {
        const double length = sqrt(c->rows->dot(x + b * E, x + b * E, E));
        const float r = (float)(1 / fmax(length, KERNEL_NORMALIZE_EPSILON));
        for (int64_t i = 0; i < E; i++)
            y[b * E + i] = x[b * E + i] * r;
        inverse[b] = r;
    }
}

static void cpu_normalize_backward(struct kernel_ctx *c, float *dx, const float *dy, const float *y,
                                   const float *inverse, int64_t B, int64_t E) {
    for (int64_t b = 0; b < B; b++) {
        const float along = (float)c->rows->dot(y + b * E, dy + b * E, E);
        for (int64_t i = 0; i < E; i++)
            dx[b * E + i] = (dy[b * E + i] - y[b * E + i] * along) * inverse[b];
    }
}

/* ---- contrastive loss ------------------------------------------------------------------------ */

/* Tasks 0 .. n - 1 are blocks of TILE rows (images) against all texts, n .. 2n - 1 blocks of
 * columns against all images. Each goes along its block tile by tile and makes the logits anew, so
 * no two tasks share a result and nothing larger than a tile is kept: four products of a tile
 * instead of two, of a loss that is about a hundredth of a step. */
struct contrastive_job {
    struct kernel_ctx *c;
    struct kernel_contrastive a;
    int64_t blocks;
    float *dimage, *dtext;
    double *sums; /* of each task: its part of the loss, or of dscale */
};

/* What a task looks at: n rows of one side against all of the other. */
struct contrastive_block {
    int64_t from, n;
    const float *mine, *other; /* (n, E), (B, E) */
    const float *right;        /* (n): products of the pairs */
    float *ce;                 /* (n) */
    const float *other_ce;     /* (B) */
    float *gradient;           /* (n, E) */
};

static struct contrastive_block block_of(const struct contrastive_job *j, int64_t task) {
    const struct kernel_contrastive *a = &j->a;
    const bool rows = task < j->blocks;
    const int64_t from = task % j->blocks * TILE;
    float *gradient = rows ? j->dimage : j->dtext;
    return (struct contrastive_block){ .from = from,
                                       .n = at_most(TILE, a->B - from),
                                       .mine = (rows ? a->image : a->text) + from * a->E,
                                       .other = rows ? a->text : a->image,
                                       .right = a->saved + 2 * a->B + from,
                                       .ce = a->saved + (rows ? 0 : a->B) + from,
                                       .other_ce = a->saved + (rows ? a->B : 0),
                                       .gradient = gradient ? gradient + from * a->E : NULL };
}

/* The products of a block with columns col .. col + m - 1; those of pairs are the saved ones to the
 * bit, so that a pair's logit minus itself is 0. */
static void contrastive_tile(const struct contrastive_job *j, const struct contrastive_block *b,
                             int64_t col, int64_t m, float *tile) {
    const int64_t E = j->a.E;
    gemm(false, true, b->n, m, E, 1, b->mine, E, b->other + col * E, E, 0, tile, m);
    for (int64_t i = 0; col == b->from && i < b->n; i++)
        tile[i * m + i] = b->right[i];
}

static void contrastive_block_forward(void *arg, int64_t task, unsigned worker) {
    const struct contrastive_job *j = arg;
    const struct contrastive_block b = block_of(j, task);
    float *tile = scratch_of(j->c, worker);
    float most[TILE];
    double sum[TILE], total = 0;
    for (int64_t i = 0; i < b.n; i++) {
        most[i] = -INFINITY;
        sum[i] = 0;
    }
    for (int64_t col = 0; col < j->a.B; col += TILE) {
        const int64_t m = at_most(TILE, j->a.B - col);
        contrastive_tile(j, &b, col, m, tile);
        for (int64_t i = 0; i < b.n; i++)
            j->c->rows->log_sum_exp(tile + i * m, m, j->a.scale, b.right[i], &most[i], &sum[i]);
    }
    for (int64_t i = 0; i < b.n; i++) {
        const double ce = most[i] + log(sum[i]);
        b.ce[i] = (float)ce;
        total += ce;
    }
    j->sums[task] = total;
}

static double sum_of_tasks(const struct contrastive_job *j) {
    double sum = 0;
    for (int64_t i = 0; i < 2 * j->blocks; i++)
        sum += j->sums[i];
    return sum / (2 * (double)j->a.B);
}

static void cpu_contrastive_forward(struct kernel_ctx *c, struct kernel_contrastive a,
                                    double *loss) {
    struct contrastive_job job = { .c = c, .a = a, .blocks = parts(a.B, TILE), .sums = c->sums };
    for (int64_t i = 0; i < a.B; i++)
        a.saved[2 * a.B + i] = (float)c->rows->dot(a.image + i * a.E, a.text + i * a.E, a.E);
    workers_run(c->workers, 2 * job.blocks, contrastive_block_forward, &job);
    *loss = sum_of_tasks(&job);
}

static void contrastive_block_backward(void *arg, int64_t task, unsigned worker) {
    const struct contrastive_job *j = arg;
    const struct kernel_contrastive *a = &j->a;
    const struct contrastive_block b = block_of(j, task);
    const float factor = (float)(1 / (2 * (double)a->B));
    float *tile = scratch_of(j->c, worker);
    double sum = 0;
    for (int64_t col = 0; col < a->B; col += TILE) {
        const int64_t m = at_most(TILE, a->B - col);
        contrastive_tile(j, &b, col, m, tile);
        for (int64_t i = 0; i < b.n; i++) {
            sum += j->c->rows->contrastive_gradient(tile + i * m, m, a->scale, b.right[i], b.ce[i],
                                                    a->saved + 2 * a->B + col, b.other_ce + col,
                                                    factor);
            if (col == b.from)
                tile[i * m + i] = factor * (expm1f(-b.ce[i]) + expm1f(-b.other_ce[col + i]));
        }
        gemm(false, false, b.n, a->E, m, a->scale, tile, m, b.other + col * a->E, a->E, col > 0,
             b.gradient, a->E);
    }
    j->sums[task] = sum;
}

static void cpu_contrastive_backward(struct kernel_ctx *c, struct kernel_contrastive a,
                                     float *dimage, float *dtext, float *dscale) {
    struct contrastive_job job = { .c = c,
                                   .a = a,
                                   .blocks = parts(a.B, TILE),
                                   .dimage = dimage,
                                   .dtext = dtext,
                                   .sums = c->sums };
    workers_run(c->workers, 2 * job.blocks, contrastive_block_backward, &job);
    *dscale = (float)sum_of_tasks(&job);
}

/* ---- AdamW ----------------------------------------------------------------------------------- */

struct adamw_job {
    const struct rows *rows;
    struct kernel_adamw a;
};

static void adamw_part(void *arg, int64_t task, unsigned worker) {
    const struct adamw_job *j = arg;
    const size_t from = (size_t)task * ELEMENTS_IN_TASK;
    struct kernel_adamw a = j->a;
    a.count = a.count - from < ELEMENTS_IN_TASK ? a.count - from : ELEMENTS_IN_TASK;
    a.param += from;
    a.m += from;
    a.v += from;
    a.grad += from;
    j->rows->adamw(a);
}

static void cpu_adamw(struct kernel_ctx *c, struct kernel_adamw a) {
    struct adamw_job job = { c->rows, a };
    if (a.count <= ELEMENTS_IN_TASK) /* waking threads would take longer */
        adamw_part(&job, 0, 0);
    else
        workers_run(c->workers, parts((int64_t)a.count, ELEMENTS_IN_TASK), adamw_part, &job);
}

const struct kernels kernels_cpu = {
    .name = "cpu",
    .nmse_max = 1e-10,
    .create = cpu_create,
    .destroy = cpu_destroy,
    .patchify = cpu_patchify,
    .image_tokens_forward = cpu_image_tokens_forward,
    .image_tokens_backward = cpu_image_tokens_backward,
    .text_tokens_forward = cpu_text_tokens_forward,
    .text_tokens_backward = cpu_text_tokens_backward,
    .layernorm_forward = cpu_layernorm_forward,
    .layernorm_backward = cpu_layernorm_backward,
    .linear_forward = cpu_linear_forward,
    .linear_backward = cpu_linear_backward,
    .gelu_forward = cpu_gelu_forward,
    .gelu_backward = cpu_gelu_backward,
    .attention_forward = cpu_attention_forward,
    .attention_backward = cpu_attention_backward,
    .pick_forward = cpu_pick_forward,
    .pick_backward = cpu_pick_backward,
    .normalize_forward = cpu_normalize_forward,
    .normalize_backward = cpu_normalize_backward,
    .contrastive_forward = cpu_contrastive_forward,
    .contrastive_backward = cpu_contrastive_backward,
    .adamw = cpu_adamw,
};
