/*
 * rows_impl.h: the body of rows_base.c, rows_avx2.c and rows_avx512.c, which define ROWS_NAME and
 * ROWS_TABLE and switch the instruction set on. The formulas are those of kernels_ref.c; here they
 * stand on vectors of 16 floats, which the compiler maps to what there is.
 */
#include <math.h>

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors never leave the file */

enum { LANES = 16 };
typedef float vec __attribute__((vector_size(64)));
typedef int32_t ivec __attribute__((vector_size(64)));
typedef float vec_loose __attribute__((vector_size(64), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec all(float v) {
    return (vec){ v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v };
}

INLINE vec load(const float *p) {
    return (vec) * (const vec_loose *)p;
}

INLINE void store(float *p, vec v) {
    *(vec_loose *)p = (vec_loose)v;
}

/* The last n < 16 of a row; the other lanes get `rest`. */
INLINE vec load_part(const float *p, int64_t n, float rest) {
    float v[LANES];
    for (int64_t i = 0; i < LANES; i++)
        v[i] = i < n ? p[i] : rest;
    return load(v);
}

INLINE void store_part(float *p, vec v, int64_t n) {
    float out[LANES];
    store(out, v);
    for (int64_t i = 0; i < n; i++)
        p[i] = out[i];
}

INLINE vec load_some(const float *p, int64_t n, float rest) {
    return n >= LANES ? load(p) : load_part(p, n, rest);
}

INLINE void store_some(float *p, vec v, int64_t n) {
    if (n >= LANES)
        store(p, v);
    else
        store_part(p, v, n);
}

/* Pairs, in this order, whatever the machine's width. */
INLINE float sum_of(vec v) {
    float s[LANES];
    store(s, v);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            s[i] += s[i + width];
    return s[0];
}

INLINE double dsum_of(vec v) {
    float s[LANES];
    double sum = 0;
    store(s, v);
    for (int i = 0; i < LANES; i++)
        sum += s[i];
    return sum;
}

INLINE float max_of(vec v) {
    float s[LANES], most = -INFINITY;
    store(s, v);
    for (int i = 0; i < LANES; i++)
        most = s[i] > most ? s[i] : most;
    return most;
}

INLINE vec choose(ivec mask, vec yes, vec no) {
    return (vec)((mask & (ivec)yes) | (~mask & (ivec)no));
}

INLINE vec larger(vec a, vec b) {
    return choose(a > b, a, b);
}

/* e^x, relative error below 2e-7; 0 below -87. x = n ln 2 + r, |r| <= ln 2 / 2: a polynomial for
 * e^r (Cephes' expf coefficients), n goes to the exponent. ln 2 is split so that n times its head
 * is exact. */
INLINE vec vexp(vec x) {
    const vec magic = all(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
    const ivec gone = x < all(-87.0f);
    x = choose(gone, all(-87.0f), x);
    x = choose(x > all(88.0f), all(88.0f), x);
    const vec shifted = x * all(1.44269504088896341f) + magic;
    const vec n = shifted - magic;
    const vec r = (x - n * all(0.693359375f)) - n * all(-2.12194440e-4f);
    vec p = all(1.9875691500e-4f);
    p = p * r + all(1.3981999507e-3f);
    p = p * r + all(8.3334519073e-3f);
    p = p * r + all(4.1665795894e-2f);
    p = p * r + all(1.6666665459e-1f);
    p = p * r + all(5.0000001201e-1f);
    p = p * r * r + r + all(1.0f);
    const ivec exponent = ((ivec)shifted - (ivec)magic) << 23;
    const vec result = choose(gone, all(0.0f), (vec)((ivec)p + exponent));
    return choose(x == x, result, x); /* NaN stays NaN */
}

static void layernorm_forward(float *y, float *stats, const float *x, const float *gain,
                              const float *bias, int64_t R, int64_t W) {
    for (int64_t r = 0; r < R; r++, x += W, y += W) {
        vec sum = all(0), squares = all(0);
        for (int64_t i = 0; i < W; i += LANES)
            sum += load_some(x + i, W - i, 0);
        const float mean = sum_of(sum) / (float)W;
        for (int64_t i = 0; i < W; i += LANES) {
            const vec d = load_some(x + i, W - i, mean) - all(mean);
            squares += d * d;
        }
        const float rstd =
            1.0f / sqrtf(sum_of(squares) / (float)W + (float)KERNEL_LAYERNORM_EPSILON);
        for (int64_t i = 0; i < W; i += LANES) {
            const int64_t n = W - i;
            const vec v = (load_some(x + i, n, 0) - all(mean)) * all(rstd);
            store_some(y + i, v * load_some(gain + i, n, 0) + load_some(bias + i, n, 0), n);
        }
        stats[2 * r] = mean;
        stats[2 * r + 1] = rstd;
    }
}

static void layernorm_backward(float *dx, bool acc, float *dgain, float *dbias, const float *dy,
                               const float *x, const float *stats, const float *gain, int64_t R,
                               int64_t W) {
    for (int64_t r = 0; r < R; r++, x += W, dy += W, dx += W) {
        const vec mean = all(stats[2 * r]), rstd = all(stats[2 * r + 1]);
        vec sum_g = all(0), sum_gn = all(0);
        for (int64_t i = 0; i < W; i += LANES) {
            const int64_t n = W - i;
            const vec d = load_some(dy + i, n, 0);
            const vec norm = (load_some(x + i, n, 0) - mean) * rstd;
            const vec g = d * load_some(gain + i, n, 0);
            sum_g += g;
            sum_gn += g * norm;
            store_some(dgain + i, load_some(dgain + i, n, 0) + d * norm, n);
            store_some(dbias + i, load_some(dbias + i, n, 0) + d, n);
        }
        const vec mean_g = all(sum_of(sum_g) / (float)W), mean_gn = all(sum_of(sum_gn) / (float)W);
        for (int64_t i = 0; i < W; i += LANES) {
            const int64_t n = W - i;
            const vec norm = (load_some(x + i, n, 0) - mean) * rstd;
            const vec g = load_some(dy + i, n, 0) * load_some(gain + i, n, 0);
            vec d = rstd * (g - mean_g - norm * mean_gn);
            if (acc)
                d += load_some(dx + i, n, 0);
            store_some(dx + i, d, n);
        }
    }
}

/* Phi(x), the normal distribution, and its density. With z = |x| / sqrt 2 and t = 1 / (1 + 0.4 z),
 * erfc(z) e^(z z) / t is a polynomial in t: a minimax fit for z from 0 to 10, relative error below
 * 2e-7 in float. So the tail keeps its digits; the other side is 1 - tail. */
INLINE vec normal_distribution(vec x, vec *density) {
    const vec magnitude = choose(x < all(0), -x, x);
    const vec e = vexp(all(-0.5f) * x * x);
    const vec t = all(1.0f) / (all(1.0f) + all(0.4f * (float)M_SQRT1_2) * magnitude);
    vec p = all(0.041253041476011276f);
    p = p * t + all(-0.14031924307346344f);
    p = p * t + all(0.083987295627594f);
    p = p * t + all(0.08796432614326477f);
    p = p * t + all(0.07975649833679199f);
    p = p * t + all(0.19339320063591003f);
    p = p * t + all(0.2018875926733017f);
    p = p * t + all(0.2264431118965149f);
    p = p * t + all(0.22563423216342926f);
    const vec tail = all(0.5f) * p * t * e;
    *density = all((float)(0.5 * M_SQRT1_2 * M_2_SQRTPI)) * e;
    return choose(x < all(0), tail, all(1.0f) - tail);
}

INLINE vec quick_sigmoid(vec x) {
    return all(1.0f) / (all(1.0f) + vexp(all(-(float)KERNEL_QUICK_GELU) * x));
}

static void gelu_forward(float *y, const float *x, int64_t count, bool quick) {
    for (int64_t i = 0; i < count; i += LANES) {
        const vec v = load_some(x + i, count - i, 0);
        vec density;
        store_some(y + i, v * (quick ? quick_sigmoid(v) : normal_distribution(v, &density)),
                   count - i);
    }
}

static void gelu_backward(float *dx, const float *dy, const float *x, int64_t count, bool quick) {
    for (int64_t i = 0; i < count; i += LANES) {
        const vec v = load_some(x + i, count - i, 0);
        vec slope, density;
        if (quick) {
            const vec s = quick_sigmoid(v);
            slope = s + all((float)KERNEL_QUICK_GELU) * v * s * (all(1.0f) - s);
        } else {
            slope = normal_distribution(v, &density);
            slope += v * density;
        }
        store_some(dx + i, load_some(dy + i, count - i, 0) * slope, count - i);
    }
}

static void softmax(float *x, int64_t seen, int64_t n, float scale) {
    vec most = all(-INFINITY), sum = all(0);
    for (int64_t i = 0; i < seen; i += LANES)
        most = larger(load_some(x + i, seen - i, -INFINITY), most);
    const vec top = all(max_of(most) * scale);
    for (int64_t i = 0; i < seen; i += LANES) {
        const vec e = vexp(load_some(x + i, seen - i, -INFINITY) * all(scale) - top);
        sum += e;
        store_some(x + i, e, seen - i);
    }
    const vec inverse = all(1.0f / sum_of(sum));
    for (int64_t i = 0; i < seen; i += LANES)
        store_some(x + i, load_some(x + i, seen - i, 0) * inverse, seen - i);
    for (int64_t i = seen; i < n; i++)
        x[i] = 0;
}

static void softmax_backward(float *d, const float *p, int64_t n, float scale) {
    vec sum = all(0);
    for (int64_t i = 0; i < n; i += LANES)
        sum += load_some(p + i, n - i, 0) * load_some(d + i, n - i, 0);
    const vec mean = all(sum_of(sum));
    for (int64_t i = 0; i < n; i += LANES)
        store_some(d + i,
                   all(scale) * load_some(p + i, n - i, 0) * (load_some(d + i, n - i, 0) - mean),
                   n - i);
}

static void log_sum_exp(const float *x, int64_t n, float scale, float right, float *most,
                        double *sum) {
    vec top = all(-INFINITY);
    double here = 0;
    for (int64_t i = 0; i < n; i += LANES)
        top = larger(load_some(x + i, n - i, -INFINITY), top);
    float m = (max_of(top) - right) * scale;
    m = m > *most ? m : *most;
    for (int64_t i = 0; i < n; i += LANES)
        here +=
            dsum_of(vexp((load_some(x + i, n - i, -INFINITY) - all(right)) * all(scale) - all(m)));
    *sum = (*sum > 0 ? *sum * exp((double)*most - m) : 0) + here;
    *most = m;
}

static double contrastive_gradient(float *x, int64_t n, float scale, float right, float ce,
                                   const float *rights, const float *ces, float factor) {
    double sum = 0;
    for (int64_t i = 0; i < n; i += LANES) {
        const vec v = load_some(x + i, n - i, -INFINITY);
        const vec above = (v - all(right)) * all(scale);
        const vec mine = vexp(above - all(ce));
        const vec theirs =
            vexp((v - load_some(rights + i, n - i, 0)) * all(scale) - load_some(ces + i, n - i, 0));
        float part[LANES];
        store(part, mine * above);
        for (int64_t j = 0; j < LANES && i + j < n; j++)
            sum += part[j];
        store_some(x + i, all(factor) * (mine + theirs), n - i);
    }
    return sum;
}

static void add(float *y, const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES)
        store_some(y + i, load_some(a + i, n - i, 0) + load_some(b + i, n - i, 0), n - i);
}

/* Groups of rows are summed by themselves first, so that long columns lose less. */
static void column_sums(float *out, const float *x, int64_t R, int64_t stride, int64_t n) {
    enum { GROUP = 64 };
    for (int64_t i = 0; i < n; i += LANES) {
        vec total = all(0);
        for (int64_t from = 0; from < R; from += GROUP) {
            const int64_t to = from + GROUP < R ? from + GROUP : R;
            vec sum = all(0);
            for (int64_t r = from; r < to; r++)
                sum += load_some(x + r * stride + i, n - i, 0);
            total += sum;
        }
        store_some(out + i, total, n - i);
    }
}

static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

INLINE vec vsqrt(vec v) {
    float s[LANES];
    store(s, v);
    for (int i = 0; i < LANES; i++)
        s[i] = sqrtf(s[i]);
    return load(s);
}

static void adamw(struct kernel_adamw a) {
    const double correct1 = 1 - pow(a.beta1, (double)a.step);
    const double correct2 = 1 - pow(a.beta2, (double)a.step);
    const vec beta1 = all((float)a.beta1), rest1 = all((float)(1 - a.beta1));
    const vec beta2 = all((float)a.beta2), rest2 = all((float)(1 - a.beta2));
    const vec keep = all((float)(1 - a.lr * a.decay)), rate = all((float)(a.lr / correct1));
    const vec root = all((float)(1 / sqrt(correct2))), epsilon = all((float)a.epsilon);
    for (size_t i = 0; i < a.count; i += LANES) {
        const int64_t n = (int64_t)(a.count - i);
        const vec g = load_some(a.grad + i, n, 0);
        const vec m = beta1 * load_some(a.m + i, n, 0) + rest1 * g;
        const vec v = beta2 * load_some(a.v + i, n, 0) + rest2 * g * g;
        const vec p = load_some(a.param + i, n, 0) * keep - rate * m / (vsqrt(v) * root + epsilon);
        store_some(a.m + i, m, n);
        store_some(a.v + i, v, n);
        store_some(a.param + i, p, n);
    }
}

const struct rows ROWS_TABLE = {
    .name = ROWS_NAME,
    .layernorm_forward = layernorm_forward,
    .layernorm_backward = layernorm_backward,
    .gelu_forward = gelu_forward,
    .gelu_backward = gelu_backward,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .log_sum_exp = log_sum_exp,
    .contrastive_gradient = contrastive_gradient,
    .add = add,
    .column_sums = column_sums,
    .dot = dot,
    .adamw = adamw,
};
