/*
 * kernels_ref.c: the readable backend. Plain loops, one thread, sums in double. Not fast: it says
 * what the others have to compute.
 */
#include "kernels.h"

#include <math.h>
#include <stdlib.h>

struct kernel_ctx {
    int unused;
};

static int ref_create(unsigned threads, struct kernel_limits limits, struct kernel_ctx **out,
                      struct wit_error *err) {
    struct kernel_ctx *c = calloc(1, sizeof(*c));
    if (!c)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the reference backend");
    *out = c;
    return 0;
}

static void ref_destroy(struct kernel_ctx *c) {
    free(c);
}

static void ref_patchify(struct kernel_ctx *c, float *patches, const float *images, int64_t B,
                         int64_t S, int64_t P) {
    const int64_t side = S / P;
    for (int64_t b = 0; b < B; b++)
        for (int64_t py = 0; py < side; py++)
            for (int64_t px = 0; px < side; px++)
                for (int64_t ch = 0; ch < 3; ch++)
                    for (int64_t y = 0; y < P; y++)
                        for (int64_t x = 0; x < P; x++)
                            *patches++ = images[((b * 3 + ch) * S + py * P + y) * S + px * P + x];
}

static void ref_image_tokens_forward(struct kernel_ctx *c, float *x, const float *patch,
                                     const float *cls, const float *pos, int64_t B, int64_t n,
                                     int64_t W) {
    for (int64_t b = 0; b < B; b++)
        for (int64_t t = 0; t <= n; t++)
            for (int64_t i = 0; i < W; i++)
                x[(b * (n + 1) + t) * W + i] =
                    (t == 0 ? cls[i] : patch[(b * n + t - 1) * W + i]) + pos[t * W + i];
}

static void ref_image_tokens_backward(struct kernel_ctx *c, float *dpatch, float *dcls, float *dpos,
                                      const float *dx, int64_t B, int64_t n, int64_t W) {
    for (int64_t t = 0; t <= n; t++)
        for (int64_t i = 0; i < W; i++) {
            double sum = 0;
            for (int64_t b = 0; b < B; b++) {
                const float d = dx[(b * (n + 1) + t) * W + i];
                sum += d;
                if (t > 0)
                    dpatch[(b * n + t - 1) * W + i] = d;
            }
            dpos[t * W + i] = (float)sum;
            if (t == 0)
                dcls[i] = (float)sum;
        }
}

static void ref_text_tokens_forward(struct kernel_ctx *c, float *x, const int32_t *tokens,
                                    int64_t stride, struct kernel_seqs seqs, const float *table,
                                    const float *pos, int64_t W) {
    for (int64_t b = 0; b < seqs.count; b++)
        for (int64_t t = 0; t < seqs.start[b + 1] - seqs.start[b]; t++)
            for (int64_t i = 0; i < W; i++)
                x[(seqs.start[b] + t) * W + i] =
                    table[tokens[b * stride + t] * W + i] + pos[t * W + i];
}

static void ref_text_tokens_backward(struct kernel_ctx *c, float *dtable, float *dpos,
                                     const float *dx, const int32_t *tokens, int64_t stride,
                                     struct kernel_seqs seqs, int64_t V, int64_t W) {
    memset(dtable, 0, (size_t)(V * W) * sizeof(float));
    for (int64_t t = 0; t < stride; t++)
        for (int64_t i = 0; i < W; i++) {
            double sum = 0;
            for (int64_t b = 0; b < seqs.count; b++)
                if (t < seqs.start[b + 1] - seqs.start[b])
                    sum += dx[(seqs.start[b] + t) * W + i];
            dpos[t * W + i] = (float)sum;
        }
    for (int64_t b = 0; b < seqs.count; b++)
        for (int64_t t = 0; t < seqs.start[b + 1] - seqs.start[b]; t++)
            for (int64_t i = 0; i < W; i++)
                dtable[tokens[b * stride + t] * W + i] += dx[(seqs.start[b] + t) * W + i];
}

/* y = (x - mean) * rstd * gain + bias. Source: Ba et al. 2016, arXiv 1607.06450. */
static void ref_layernorm_forward(struct kernel_ctx *c, float *y, float *stats, const float *x,
                                  const float *gain, const float *bias, int64_t R, int64_t W) {
    for (int64_t r = 0; r < R; r++, x += W, y += W) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < W; i++)
            mean += x[i];
        mean /= (double)W;
        for (int64_t i = 0; i < W; i++)
            var += (x[i] - mean) * (x[i] - mean);
        const double rstd = 1 / sqrt(var / (double)W + KERNEL_LAYERNORM_EPSILON);
        for (int64_t i = 0; i < W; i++)
            y[i] = (float)((x[i] - mean) * rstd * gain[i] + bias[i]);
        stats[2 * r] = (float)mean;
        stats[2 * r + 1] = (float)rstd;
    }
}

/* With n = (x - mean) * rstd and g = dy * gain:
 * dx = rstd * (g - mean(g) - n * mean(g * n)); dgain = sum over rows of dy * n; dbias of dy. */
static void ref_layernorm_backward(struct kernel_ctx *c, float *dx, bool acc, float *dgain,
                                   float *dbias, const float *dy, const float *x,
                                   const float *stats, const float *gain, int64_t R, int64_t W) {
    for (int64_t r = 0; r < R; r++) {
        const double mean = stats[2 * r], rstd = stats[2 * r + 1];
        double mean_g = 0, mean_gn = 0;
        for (int64_t i = 0; i < W; i++) {
            const double g = (double)dy[r * W + i] * gain[i];
            mean_g += g;
            mean_gn += g * (x[r * W + i] - mean) * rstd;
        }
        mean_g /= (double)W;
        mean_gn /= (double)W;
        for (int64_t i = 0; i < W; i++) {
            const double n = (x[r * W + i] - mean) * rstd;
            const double d = rstd * ((double)dy[r * W + i] * gain[i] - mean_g - n * mean_gn);
            dx[r * W + i] = (float)(d + (acc ? dx[r * W + i] : 0));
        }
    }
    for (int64_t i = 0; i < W; i++) {
        double sum_gain = 0, sum_bias = 0;
        for (int64_t r = 0; r < R; r++) {
            const double n = (x[r * W + i] - (double)stats[2 * r]) * stats[2 * r + 1];
            sum_gain += dy[r * W + i] * n;
            sum_bias += dy[r * W + i];
        }
        dgain[i] = (float)sum_gain;
        dbias[i] = (float)sum_bias;
    }
}

static double weight_at(struct kernel_linear l, int64_t k, int64_t n) {
    return l.w_is_KN ? l.w[k * l.N + n] : l.w[n * l.K + k];
}

static void ref_linear_forward(struct kernel_ctx *c, struct kernel_linear l, float *y,
                               const float *bias, const float *residual) {
    for (int64_t r = 0; r < l.R; r++)
        for (int64_t n = 0; n < l.N; n++) {
            double sum = bias ? bias[n] : 0;
            for (int64_t k = 0; k < l.K; k++)
                sum += l.x[r * l.K + k] * weight_at(l, k, n);
            y[r * l.N + n] = (float)(sum + (residual ? residual[r * l.N + n] : 0));
        }
}

/* dx = dy w; dw = dy' x; dbias = column sums of dy. The residual's gradient is dy itself. */
static void ref_linear_backward(struct kernel_ctx *c, struct kernel_linear l, float *dx, bool acc,
                                float *dw, float *dbias, const float *dy) {
    for (int64_t r = 0; dx && r < l.R; r++)
        for (int64_t k = 0; k < l.K; k++) {
            double sum = acc ? dx[r * l.K + k] : 0;
            for (int64_t n = 0; n < l.N; n++)
                sum += dy[r * l.N + n] * weight_at(l, k, n);
            dx[r * l.K + k] = (float)sum;
        }
    for (int64_t n = 0; n < l.N; n++) {
        for (int64_t k = 0; k < l.K; k++) {
            double sum = 0;
            for (int64_t r = 0; r < l.R; r++)
                sum += (double)dy[r * l.N + n] * l.x[r * l.K + k];
            dw[l.w_is_KN ? k * l.N + n : n * l.K + k] = (float)sum;
        }
        double sum = 0;
        for (int64_t r = 0; r < l.R; r++)
            sum += dy[r * l.N + n];
        if (dbias)
            dbias[n] = (float)sum;
    }
}

/* GELU: x Phi(x), Phi the normal distribution (Hendrycks, Gimpel 2016, arXiv 1606.08415). OpenAI's
 * models use x sigmoid(1.702 x) instead. */
static void ref_gelu_forward(struct kernel_ctx *c, float *y, const float *x, int64_t count,
                             bool quick) {
    for (int64_t i = 0; i < count; i++) {
        const double v = x[i];
        y[i] = (float)(quick ? v / (1 + exp(-KERNEL_QUICK_GELU * v))
                             : 0.5 * v * (1 + erf(v * M_SQRT1_2)));
    }
}

/* d/dx: Phi(x) + x phi(x); with s the sigmoid: s + 1.702 x s (1 - s). */
static void ref_gelu_backward(struct kernel_ctx *c, float *dx, const float *dy, const float *x,
                              int64_t count, bool quick) {
    for (int64_t i = 0; i < count; i++) {
        const double v = x[i];
        const double s = 1 / (1 + exp(-KERNEL_QUICK_GELU * v));
        const double slope = quick ? s + KERNEL_QUICK_GELU * v * s * (1 - s)
                                   : 0.5 * (1 + erf(v * M_SQRT1_2)) +
                                         v * exp(-0.5 * v * v) * 0.5 * M_SQRT1_2 * M_2_SQRTPI;
        dx[i] = (float)(dy[i] * slope);
    }
}

/* One head of one sample: its queries are at q + t * stride, keys W further, values 2 W. */
struct head {
    const float *q, *k, *v;
    float *P; /* (T, T) */
    int64_t T, stride, from;
};

static struct head head_of(struct kernel_attention a, int64_t b, int64_t h) {
    const int64_t W = a.heads * a.D, T = a.seqs.start[b + 1] - a.seqs.start[b];
    const int64_t from = a.seqs.start[b] * 3 * W + h * a.D;
    return (struct head){ .q = a.qkv + from,
                          .k = a.qkv + from + W,
                          .v = a.qkv + from + 2 * W,
                          .P = a.P + a.heads * a.seqs.square[b] + h * T * T,
                          .T = T,
                          .stride = 3 * W,
                          .from = from };
}

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* P = softmax(q k' / sqrt(D)) by rows, o = P v. Source: Vaswani et al. 2017, arXiv 1706.03762. */
static void ref_attention_forward(struct kernel_ctx *c, struct kernel_attention a, float *o) {
    const int64_t W = a.heads * a.D;
    const double scale = 1 / sqrt((double)a.D);
    for (int64_t b = 0; b < a.seqs.count; b++)
        for (int64_t h = 0; h < a.heads; h++) {
            const struct head s = head_of(a, b, h);
            for (int64_t i = 0; i < s.T; i++) {
                const int64_t seen = a.causal ? i + 1 : s.T;
                float *p = s.P + i * s.T;
                double most = -INFINITY, sum = 0;
                for (int64_t j = 0; j < seen; j++)
                    most = fmax(most, scale * dot(s.q + i * s.stride, s.k + j * s.stride, a.D));
                for (int64_t j = 0; j < seen; j++)
                    sum += exp(scale * dot(s.q + i * s.stride, s.k + j * s.stride, a.D) - most);
                for (int64_t j = 0; j < s.T; j++)
                    p[j] =
                        j >= seen
                            ? 0
                            : (float)(exp(scale * dot(s.q + i * s.stride, s.k + j * s.stride, a.D) -
                                          most) /
                                      sum);
                for (int64_t d = 0; d < a.D; d++) {
                    double out = 0;
                    for (int64_t j = 0; j < seen; j++)
                        out += (double)p[j] * s.v[j * s.stride + d];
                    o[(a.seqs.start[b] + i) * W + h * a.D + d] = (float)out;
                }
            }
        }
}

/* dv = P' do; dP = do v'; dS = P * (dP - sum_j P dP) / sqrt(D); dq = dS k; dk = dS' q. dS takes the
 * place of P. */
static void ref_attention_backward(struct kernel_ctx *c, struct kernel_attention a, float *dqkv,
                                   const float *dO) {
    const int64_t W = a.heads * a.D;
    const double scale = 1 / sqrt((double)a.D);
    for (int64_t b = 0; b < a.seqs.count; b++)
        for (int64_t h = 0; h < a.heads; h++) {
            const struct head s = head_of(a, b, h);
            const float *d_out = dO + a.seqs.start[b] * W + h * a.D;
            float *dq = dqkv + s.from, *dk = dq + W, *dv = dk + W;
            for (int64_t j = 0; j < s.T; j++)
                for (int64_t d = 0; d < a.D; d++) {
                    double sum = 0;
                    for (int64_t i = 0; i < s.T; i++)
                        sum += (double)s.P[i * s.T + j] * d_out[i * W + d];
                    dv[j * s.stride + d] = (float)sum;
                }
            for (int64_t i = 0; i < s.T; i++) {
                float *p = s.P + i * s.T;
                double mean = 0;
                for (int64_t j = 0; j < s.T; j++)
                    mean += p[j] * dot(d_out + i * W, s.v + j * s.stride, a.D);
                for (int64_t j = 0; j < s.T; j++)
                    p[j] = (float)(scale * p[j] *
                                   (dot(d_out + i * W, s.v + j * s.stride, a.D) - mean));
            }
            for (int64_t i = 0; i < s.T; i++)
                for (int64_t d = 0; d < a.D; d++) {
                    double sum_q = 0, sum_k = 0;
                    for (int64_t j = 0; j < s.T; j++) {
                        sum_q += (double)s.P[i * s.T + j] * s.k[j * s.stride + d];
                        sum_k += (double)s.P[j * s.T + i] * s.q[j * s.stride + d];
                    }
                    dq[i * s.stride + d] = (float)sum_q;
                    dk[i * s.stride + d] = (float)sum_k;
                }
        }
}

static void ref_pick_forward(struct kernel_ctx *c, float *y, const float *x, const int64_t *row,
                             int64_t B, int64_t W) {
    for (int64_t b = 0; b < B; b++)
        memcpy(y + b * W, x + row[b] * W, (size_t)W * sizeof(float));
}

static void ref_pick_backward(struct kernel_ctx *c, float *dx, const float *dy, const int64_t *row,
                              int64_t B, int64_t R, int64_t W) {
    memset(dx, 0, (size_t)(R * W) * sizeof(float));
    for (int64_t b = 0; b < B; b++)
        memcpy(dx + row[b] * W, dy + b * W, (size_t)W * sizeof(float));
}

static void ref_normalize_forward(struct kernel_ctx *c, float *y, float *inverse, const float *x,
                                  int64_t B, int64_t E) {
    for (int64_t b = 0; b < B; b++) {
        const double r = 1 / fmax(sqrt(dot(x + b * E, x + b * E, E)), KERNEL_NORMALIZE_EPSILON);
        for (int64_t i = 0; i < E; i++)
            y[b * E + i] = (float)(x[b * E + i] * r);
        inverse[b] = (float)r;
    }
}

/* dx = (dy - y (y . dy)) / |x| */
static void ref_normalize_backward(struct kernel_ctx *c, float *dx, const float *dy, const float *y,
                                   const float *inverse, int64_t B, int64_t E) {
    for (int64_t b = 0; b < B; b++) {
        const double along = dot(y + b * E, dy + b * E, E);
        for (int64_t i = 0; i < E; i++)
            dx[b * E + i] = (float)((dy[b * E + i] - y[b * E + i] * along) * inverse[b]);
    }
}

/* logits[i][j] = scale * image_i . text_j; the right answer of row i is column i and of column j
 * row j: loss = sum over rows and columns of (log-sum-exp - right logit) / 2B. Source: CLIP, figure
 * 3. The twin of the tiled form: every logit is computed when it is needed, none is kept. */
static double logit_at(struct kernel_contrastive a, int64_t i, int64_t j) {
    return a.scale * dot(a.image + i * a.E, a.text + j * a.E, a.E);
}

static double cross_entropy(struct kernel_contrastive a, int64_t i, bool column) {
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < a.B; j++)
        most = fmax(most, column ? logit_at(a, j, i) : logit_at(a, i, j));
    for (int64_t j = 0; j < a.B; j++)
        sum += exp((column ? logit_at(a, j, i) : logit_at(a, i, j)) - most);
    return most - logit_at(a, i, i) + log(sum);
}

static void ref_contrastive_forward(struct kernel_ctx *c, struct kernel_contrastive a,
                                    double *loss) {
    double sum = 0;
    for (int64_t i = 0; i < a.B; i++) {
        const double row = cross_entropy(a, i, false), column = cross_entropy(a, i, true);
        a.saved[i] = (float)row;
        a.saved[a.B + i] = (float)column;
        a.saved[2 * a.B + i] = (float)dot(a.image + i * a.E, a.text + i * a.E, a.E);
        sum += row + column;
    }
    *loss = sum / (2 * (double)a.B);
}

/* Softmax of row i at column j, and of column j at row i. */
static double in_row(struct kernel_contrastive a, int64_t i, int64_t j) {
    return exp(logit_at(a, i, j) - logit_at(a, i, i) - a.saved[i]);
}

static double in_column(struct kernel_contrastive a, int64_t i, int64_t j) {
    return exp(logit_at(a, i, j) - logit_at(a, j, j) - a.saved[a.B + j]);
}

/* g[i][j] = (softmax of the row + softmax of the column - 2 where i = j) / 2B is the gradient of
 * logits[i][j]. */
static double logit_gradient(struct kernel_contrastive a, int64_t i, int64_t j) {
    const double g = i == j ? expm1(-(double)a.saved[i]) + expm1(-(double)a.saved[a.B + i])
                            : in_row(a, i, j) + in_column(a, i, j);
    return g / (2 * (double)a.B);
}

enum { CHUNK = 64 }; /* columns summed at a time */

/* dimage = scale g text; dtext = scale g' image. d log scale = sum of g * logits; as the softmax of
 * a row sums to 1, that is the mean over rows of sum_j softmax_ij (logits_ij - logits_ii), halved,
 * plus the same of the columns: small numbers all, where the other form takes large ones from
 * each other. */
static void ref_contrastive_backward(struct kernel_ctx *c, struct kernel_contrastive a,
                                     float *dimage, float *dtext, float *dscale) {
    double total = 0;
    for (int64_t i = 0; i < a.B; i++) {
        const double right = logit_at(a, i, i);
        for (int64_t from = 0; from < a.E; from += CHUNK) {
            const int64_t n = a.E - from < CHUNK ? a.E - from : CHUNK;
            double sum_image[CHUNK] = { 0 }, sum_text[CHUNK] = { 0 };
            for (int64_t j = 0; j < a.B; j++) {
                const double g = logit_gradient(a, i, j), g_mirrored = logit_gradient(a, j, i);
                if (from == 0)
                    total += in_row(a, i, j) * (logit_at(a, i, j) - right) +
                             in_column(a, j, i) * (logit_at(a, j, i) - right);
                for (int64_t e = 0; e < n; e++) {
                    sum_image[e] += g * a.scale * a.text[j * a.E + from + e];
                    sum_text[e] += g_mirrored * a.scale * a.image[j * a.E + from + e];
                }
            }
            for (int64_t e = 0; e < n; e++) {
                dimage[i * a.E + from + e] = (float)sum_image[e];
                dtext[i * a.E + from + e] = (float)sum_text[e];
            }
        }
    }
    *dscale = (float)(total / (2 * (double)a.B));
}

/* Loshchilov, Hutter 2019 (arXiv 1711.05101): decay first, then Adam with bias correction, epsilon
 * outside the root. */
static void ref_adamw(struct kernel_ctx *c, struct kernel_adamw a) {
    const double correct1 = 1 - pow(a.beta1, (double)a.step);
    const double correct2 = 1 - pow(a.beta2, (double)a.step);
    for (size_t i = 0; i < a.count; i++) {
        const double g = a.grad[i];
        const double m = a.beta1 * a.m[i] + (1 - a.beta1) * g;
        const double v = a.beta2 * a.v[i] + (1 - a.beta2) * g * g;
        const double p = a.param[i] * (1 - a.lr * a.decay);
        a.param[i] = (float)(p - a.lr * (m / correct1) / (sqrt(v / correct2) + a.epsilon));
        a.m[i] = (float)m;
        a.v[i] = (float)v;
    }
}

const struct kernels kernels_ref = {
    .name = "ref",
    .nmse_max = 0,
    .create = ref_create,
    .destroy = ref_destroy,
    .patchify = ref_patchify,
    .image_tokens_forward = ref_image_tokens_forward,
    .image_tokens_backward = ref_image_tokens_backward,
    .text_tokens_forward = ref_text_tokens_forward,
    .text_tokens_backward = ref_text_tokens_backward,
    .layernorm_forward = ref_layernorm_forward,
    .layernorm_backward = ref_layernorm_backward,
    .linear_forward = ref_linear_forward,
    .linear_backward = ref_linear_backward,
    .gelu_forward = ref_gelu_forward,
    .gelu_backward = ref_gelu_backward,
    .attention_forward = ref_attention_forward,
    .attention_backward = ref_attention_backward,
    .pick_forward = ref_pick_forward,
    .pick_backward = ref_pick_backward,
    .normalize_forward = ref_normalize_forward,
    .normalize_backward = ref_normalize_backward,
    .contrastive_forward = ref_contrastive_forward,
    .contrastive_backward = ref_contrastive_backward,
    .adamw = ref_adamw,
};
