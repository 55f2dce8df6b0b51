/* trainer.c: one model: its memory, and the walks over the tape; see wit_trainer.h. */
#include "trainer_state.h"

#include "safetensors.h"

#include <math.h>
#include <stdlib.h>

#define LOGIT_SCALE_MAX 4.605170185988092 /* ln 100 */

struct wit_trainer_config wit_trainer_config_default(void) {
    return (struct wit_trainer_config){ .batch = 64,
                                        .backend = "cpu",
                                        .beta1 = 0.9,
                                        .beta2 = 0.98,
                                        .epsilon = 1e-6,
                                        .weight_decay = 0.2 };
}

static float *slab_create(size_t floats) {
    size_t bytes;
    if (wit_size_mul(floats + 16, sizeof(float), &bytes) < 0)
        return NULL;
    float *slab = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (slab)
        memset(slab, 0, bytes);
    return slab;
}

static int allocate(struct wit_trainer *t, struct wit_error *err) {
    const size_t slab = t->tape.model.slab, batch = (size_t)t->cfg.batch;
    int64_t **arrays[] = { &t->image_start, &t->image_square, &t->text_start,
                           &t->text_square, &t->image_row,    &t->text_row };
    for (size_t i = 0; i < WIT_COUNT_OF(arrays); i++) {
        *arrays[i] = wit_alloc_array(batch + 1, sizeof(int64_t));
        if (!*arrays[i])
            goto full;
    }
    t->params = slab_create(slab);
    t->grads = slab_create(slab);
    t->m = slab_create(slab);
    t->v = slab_create(slab);
    t->arena = slab_create(t->tape.arena);
    if (t->params && t->grads && t->m && t->v && t->arena)
        return 0;
full:
    return wit_error_set(err, WIT_ENOMEM,
                         "no memory for a model of %zu parameters and a batch of %zu (%zu MiB of "
                         "activations)",
                         t->tape.model.numbers, batch, t->tape.arena / (1 << 18));
}

/* Images are all of one length: their rows never change. */
static void set_image_rows(struct wit_trainer *t) {
    const int64_t T = t->tape.patches + 1;
    for (int64_t b = 0; b <= t->cfg.batch; b++) {
        t->image_start[b] = b * T;
        t->image_square[b] = b * T * T;
        t->image_row[b] = b * T;
    }
    t->image_seqs = (struct kernel_seqs){ t->cfg.batch, t->image_start, t->image_square };
}

static struct kernel_limits limits_of(const struct tape *tape) {
    const int64_t image = tape->patches + 1, text = tape->model.shape.text.context_length;
    struct kernel_limits limits = { .batch = tape->batch, .longest = image > text ? image : text };
    for (size_t i = 0; i < tape->tensors_count; i++) {
        if (tape->tensors[i].columns > limits.widest)
            limits.widest = tape->tensors[i].columns;
    }
    return limits;
}

int wit_trainer_create(const struct wit_trainer_config *cfg, struct wit_trainer **out,
                       struct wit_error *err) {
    const struct kernels *kernels = kernels_find(cfg->backend);
    int st;
    if (!kernels)
        return wit_error_set(err, WIT_EUNSUPPORTED, "there is no backend '%s': ref or cpu",
                             cfg->backend);
    struct wit_trainer *t = calloc(1, sizeof(*t));
    if (!t)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a trainer");
    t->cfg = *cfg;
    st = tape_create(&cfg->model, cfg->batch, cfg->keep_tensors, &t->tape, err);
    if (st < 0)
        goto out;
    st = kernels->create(cfg->threads, limits_of(&t->tape), &t->ctx, err);
    if (st < 0)
        goto out;
    t->kernels = kernels;
    st = allocate(t, err);
    if (st < 0)
        goto out;
    set_image_rows(t);
    *out = t;
    t = NULL;
out:
    wit_trainer_destroy(t);
    return st;
}

void wit_trainer_destroy(struct wit_trainer *t) {
    if (!t)
        return;
    if (t->kernels)
        t->kernels->destroy(t->ctx);
    tape_finish(&t->tape);
    free(t->params);
    free(t->grads);
    free(t->m);
    free(t->v);
    free(t->arena);
    free(t->image_start);
    free(t->image_square);
    free(t->text_start);
    free(t->text_square);
    free(t->image_row);
    free(t->text_row);
    free(t);
}

static void forget_steps(struct wit_trainer *t) {
    memset(t->m, 0, t->tape.model.slab * sizeof(float));
    memset(t->v, 0, t->tape.model.slab * sizeof(float));
    t->steps = 0;
}

void wit_trainer_init(struct wit_trainer *t, uint64_t seed) {
    model_fill(&t->tape.model, seed, t->params);
    forget_steps(t);
}

int wit_trainer_load(struct wit_trainer *t, const char *path, struct wit_error *err) {
    const struct model *m = &t->tape.model;
    struct safetensors file = { 0 };
    float *slab = NULL;
    int st = safetensors_load(path, &file, err);
    if (st < 0)
        goto out;
    slab = slab_create(m->slab);
    if (!slab) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory to read '%s'", path);
        goto out;
    }
    for (size_t i = 0; i < m->count && st == 0; i++)
        st = safetensors_get_f32(&file, m->params[i].name, slab + m->params[i].offset,
                                 m->params[i].count, err);
    if (st < 0) {
        wit_error_wrap(err, "%s", path);
        goto out;
    }
    memcpy(t->params, slab, m->slab * sizeof(float));
    forget_steps(t);
out:
    free(slab);
    safetensors_finish(&file);
    return st;
}

/* ---- the walks ------------------------------------------------------------------------------ */

static float *value_of(const struct wit_trainer *t, int tensor) {
    if (tensor == TAPE_NONE)
        return NULL;
    return t->arena + t->tape.place[t->tape.tensors[tensor].value];
}

static float *gradient_of(const struct wit_trainer *t, int tensor) {
    if (tensor == TAPE_NONE || t->tape.tensors[tensor].gradient == TAPE_NONE)
        return NULL;
    return t->arena + t->tape.place[t->tape.tensors[tensor].gradient];
}

static float *in_slab(const struct wit_trainer *t, float *slab, int param) {
    return param == TAPE_NONE ? NULL : slab + t->tape.model.params[param].offset;
}

static int64_t rows_of(const struct wit_trainer *t, int tensor) {
    switch (t->tape.tensors[tensor].space) {
    case TAPE_PATCHES:
        return t->cfg.batch * t->tape.patches;
    case TAPE_IMAGE:
        return t->cfg.batch * (t->tape.patches + 1);
    case TAPE_TEXT:
        return t->text_start[t->cfg.batch];
    case TAPE_BATCH:
        break;
    }
    return t->cfg.batch;
}

static int64_t columns_of(const struct wit_trainer *t, int tensor) {
    return t->tape.tensors[tensor].columns;
}

static struct kernel_linear linear_of(const struct wit_trainer *t, const struct tape_op *op) {
    return (struct kernel_linear){ .R = rows_of(t, op->out),
                                   .K = columns_of(t, op->in),
                                   .N = columns_of(t, op->out),
                                   .w_is_KN = op->weight_is_KN,
                                   .x = value_of(t, op->in),
                                   .w = in_slab(t, t->params, op->weight) };
}

static struct kernel_attention attention_of(const struct wit_trainer *t, const struct tape_op *op) {
    const struct wit_trainer_model *s = &t->cfg.model;
    const int64_t heads = op->text ? s->text.heads : s->vision.width / s->vision.head_width;
    return (struct kernel_attention){ .seqs = op->text ? t->text_seqs : t->image_seqs,
                                      .heads = heads,
                                      .D = columns_of(t, op->out) / heads,
                                      .causal = op->text,
                                      .qkv = value_of(t, op->in),
                                      .P = value_of(t, op->aux) };
}

static struct kernel_contrastive contrastive_of(const struct wit_trainer *t,
                                                const struct tape_op *op) {
    return (struct kernel_contrastive){ .B = t->cfg.batch,
                                        .E = columns_of(t, op->in),
                                        .image = value_of(t, op->in),
                                        .text = value_of(t, op->in2),
                                        .scale = expf(*in_slab(t, t->params, op->weight)),
                                        .saved = value_of(t, op->aux) };
}

static void op_forward(struct wit_trainer *t, const struct tape_op *op) {
    const struct kernels *k = t->kernels;
    const struct wit_trainer_model *s = &t->cfg.model;
    float *out = value_of(t, op->out), *aux = value_of(t, op->aux);
    const float *in = value_of(t, op->in);
    const float *weight = in_slab(t, t->params, op->weight);
    const float *bias = in_slab(t, t->params, op->bias);
    switch (op->kind) {
    case TAPE_PATCHIFY:
        k->patchify(t->ctx, out, t->images, t->cfg.batch, s->vision.image_size,
                    s->vision.patch_size);
        break;
    case TAPE_IMAGE_TOKENS:
        k->image_tokens_forward(t->ctx, out, in, weight, bias, t->cfg.batch, t->tape.patches,
                                s->vision.width);
        break;
    case TAPE_TEXT_TOKENS:
        k->text_tokens_forward(t->ctx, out, t->tokens, s->text.context_length, t->text_seqs, weight,
                               bias, s->text.width);
        break;
    case TAPE_LAYERNORM:
        k->layernorm_forward(t->ctx, out, aux, in, weight, bias, rows_of(t, op->in),
                             columns_of(t, op->in));
        break;
    case TAPE_LINEAR:
        k->linear_forward(t->ctx, linear_of(t, op), out, bias, value_of(t, op->in2));
        break;
    case TAPE_ATTENTION:
        k->attention_forward(t->ctx, attention_of(t, op), out);
        break;
    case TAPE_GELU:
        k->gelu_forward(t->ctx, out, in, rows_of(t, op->in) * columns_of(t, op->in), s->quick_gelu);
        break;
    case TAPE_PICK:
        k->pick_forward(t->ctx, out, in, op->text ? t->text_row : t->image_row, t->cfg.batch,
                        columns_of(t, op->in));
        break;
    case TAPE_NORMALIZE:
        k->normalize_forward(t->ctx, out, aux, in, t->cfg.batch, columns_of(t, op->in));
        break;
    case TAPE_CONTRASTIVE:
        k->contrastive_forward(t->ctx, contrastive_of(t, op), &t->loss);
        break;
    }
}

static void op_backward(struct wit_trainer *t, const struct tape_op *op) {
    const struct kernels *k = t->kernels;
    const struct wit_trainer_model *s = &t->cfg.model;
    float *din = gradient_of(t, op->in);
    const float *dout = gradient_of(t, op->out);
    const float *in = value_of(t, op->in), *aux = value_of(t, op->aux);
    float *dweight = in_slab(t, t->grads, op->weight), *dbias = in_slab(t, t->grads, op->bias);
    switch (op->kind) {
    case TAPE_PATCHIFY:
        break; /* images want no gradient */
    case TAPE_IMAGE_TOKENS:
        k->image_tokens_backward(t->ctx, din, dweight, dbias, dout, t->cfg.batch, t->tape.patches,
                                 s->vision.width);
        break;
    case TAPE_TEXT_TOKENS:
        k->text_tokens_backward(t->ctx, dweight, dbias, dout, t->tokens, s->text.context_length,
                                t->text_seqs, s->text.vocab_size, s->text.width);
        break;
    case TAPE_LAYERNORM:
        k->layernorm_backward(t->ctx, din, op->accumulate, dweight, dbias, dout, in, aux,
                              in_slab(t, t->params, op->weight), rows_of(t, op->in),
                              columns_of(t, op->in));
        break;
    case TAPE_LINEAR: /* the residual's gradient is dout: it has the same place */
        k->linear_backward(t->ctx, linear_of(t, op), din, op->accumulate, dweight, dbias, dout);
        break;
    case TAPE_ATTENTION:
        k->attention_backward(t->ctx, attention_of(t, op), din, dout);
        break;
    case TAPE_GELU:
        k->gelu_backward(t->ctx, din, dout, in, rows_of(t, op->in) * columns_of(t, op->in),
                         s->quick_gelu);
        break;
    case TAPE_PICK:
        k->pick_backward(t->ctx, din, dout, op->text ? t->text_row : t->image_row, t->cfg.batch,
                         rows_of(t, op->in), columns_of(t, op->in));
        break;
    case TAPE_NORMALIZE:
        k->normalize_backward(t->ctx, din, dout, value_of(t, op->out), aux, t->cfg.batch,
                              columns_of(t, op->in));
        break;
    case TAPE_CONTRASTIVE:
        k->contrastive_backward(t->ctx, contrastive_of(t, op), din, gradient_of(t, op->in2),
                                dweight);
        break;
    }
}

/* Rows of the text tower. With a causal mask and the feature taken at the end token (the largest id
 * of a row, the first of them), what stands behind it can reach neither feature nor gradient. */
static int set_text_rows(struct wit_trainer *t, struct wit_error *err) {
    const int64_t context = t->cfg.model.text.context_length;
    int64_t start = 0, square = 0;
    for (int64_t b = 0; b < t->cfg.batch; b++) {
        const int32_t *ids = t->tokens + b * context;
        int64_t end = 0;
        for (int64_t i = 0; i < context; i++) {
            if (ids[i] < 0 || ids[i] >= t->cfg.model.text.vocab_size)
                return wit_error_set(err, WIT_EINVAL,
                                     "token %lld of sample %lld is %ld, and the vocabulary has "
                                     "%lld",
                                     (long long)i, (long long)b, (long)ids[i],
                                     (long long)t->cfg.model.text.vocab_size);
            if (ids[i] > ids[end])
                end = i;
        }
        const int64_t length = t->cfg.whole_text ? context : end + 1;
        t->text_start[b] = start;
        t->text_square[b] = square;
        t->text_row[b] = start + end;
        start += length;
        square += length * length;
    }
    t->text_start[t->cfg.batch] = start;
    t->text_square[t->cfg.batch] = square;
    t->text_seqs = (struct kernel_seqs){ t->cfg.batch, t->text_start, t->text_square };
    return 0;
}

int wit_trainer_forward(struct wit_trainer *t, const float *images, const int32_t *tokens,
                        double *loss, struct wit_error *err) {
    t->images = images;
    t->tokens = tokens;
    int st = set_text_rows(t, err);
    if (st < 0)
        return st;
    for (size_t i = 0; i < t->tape.ops_count; i++)
        op_forward(t, &t->tape.ops[i]);
    *loss = t->loss;
    return 0;
}

void wit_trainer_backward(struct wit_trainer *t) {
    for (size_t i = t->tape.ops_count; i-- > 0;)
        op_backward(t, &t->tape.ops[i]);
}

void wit_trainer_update(struct wit_trainer *t, double lr) {
    const struct model *m = &t->tape.model;
    t->steps++;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_param *p = &m->params[i];
        t->kernels->adamw(t->ctx, (struct kernel_adamw){
                                      .count = p->count,
                                      .param = t->params + p->offset,
                                      .m = t->m + p->offset,
                                      .v = t->v + p->offset,
                                      .grad = t->grads + p->offset,
                                      .lr = lr,
                                      .beta1 = t->cfg.beta1,
                                      .beta2 = t->cfg.beta2,
                                      .epsilon = t->cfg.epsilon,
                                      .decay = p->decay ? t->cfg.weight_decay : 0,
                                      .step = t->steps,
                                  });
    }
    float *scale = t->params + m->params[model_find(m, "logit_scale")].offset;
    *scale = (float)fmin(fmax(*scale, 0), LOGIT_SCALE_MAX);
}

double wit_trainer_schedule(double base, uint64_t step, uint64_t warmup, uint64_t total) {
    if (step < warmup)
        return base * (double)(step + 1) / (double)warmup;
    if (step >= total)
        return 0;
    return base * 0.5 * (1 + cos(M_PI * (double)(step - warmup) / (double)(total - warmup)));
}

uint64_t wit_trainer_steps(const struct wit_trainer *t) {
    return t->steps;
}

double wit_trainer_logit_scale(const struct wit_trainer *t) {
    const struct model *m = &t->tape.model;
    return t->params[m->params[model_find(m, "logit_scale")].offset];
}

size_t wit_trainer_arena_bytes(const struct wit_trainer *t) {
    return t->tape.arena * sizeof(float);
}

size_t wit_trainer_parameters(const struct wit_trainer *t) {
    return t->tape.model.numbers;
}

float *wit_trainer_parameter(struct wit_trainer *t, const char *name, size_t *count) {
    int index = model_find(&t->tape.model, name);
    if (index < 0)
        return NULL;
    *count = t->tape.model.params[index].count;
    return in_slab(t, t->params, index);
}

const float *wit_trainer_gradient(const struct wit_trainer *t, const char *name, size_t *count) {
    int index = model_find(&t->tape.model, name);
    if (index < 0)
        return NULL;
    *count = t->tape.model.params[index].count;
    return in_slab(t, t->grads, index);
}

const float *wit_trainer_tensor(const struct wit_trainer *t, const char *name, size_t *count) {
    int index = tape_find(&t->tape, name);
    if (index == TAPE_NONE || !t->cfg.keep_tensors)
        return NULL;
    *count = (size_t)(rows_of(t, index) * columns_of(t, index));
    return value_of(t, index);
}
