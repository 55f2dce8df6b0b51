/* tape.c: builds the list of operations of a model and plans its memory; see tape.h. */
#include "tape.h"

#include "planner.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

enum { ALIGN_FLOATS = 16 };

/* out = a b. Names are ours, none is longer than this. */
static void join(char out[MODEL_NAME_MAX], const char *a, const char *b) {
    const int n = snprintf(out, MODEL_NAME_MAX, "%s%s", a, b);
    assert(n < MODEL_NAME_MAX);
    (void)n;
}

/* Rows stay far below 2^63: model_check bounds the tokens, TAPE_MAX_BATCH the samples. */
static int64_t max_rows(const struct tape *t, enum tape_space space) {
    switch (space) {
    case TAPE_PATCHES:
        return t->batch * t->patches;
    case TAPE_IMAGE:
        return t->batch * (t->patches + 1);
    case TAPE_TEXT:
        return t->batch * t->model.shape.text.context_length;
    case TAPE_BATCH:
        break;
    }
    return t->batch;
}

static int add_tensor(struct tape *t, enum tape_space space, int64_t columns, bool has_gradient,
                      const char *prefix, const char *name) {
    assert(t->tensors_count < t->tensors_room);
    struct tape_tensor *tensor = &t->tensors[t->tensors_count];
    join(tensor->name, prefix, name);
    tensor->space = space;
    tensor->columns = columns;
    if (wit_size_mul((size_t)max_rows(t, space), (size_t)columns, &tensor->floats) < 0 ||
        tensor->floats > TAPE_MAX_FLOATS)
        t->too_large = true;
    tensor->value = (int)t->slots++;
    tensor->gradient = has_gradient ? (int)t->slots++ : TAPE_NONE;
    return (int)t->tensors_count++;
}

static struct tape_op *add_op(struct tape *t, enum tape_kind kind, bool text, int in) {
    assert(t->ops_count < t->ops_room);
    struct tape_op *op = &t->ops[t->ops_count++];
    *op = (struct tape_op){ .kind = kind,
                            .text = text,
                            .in = in,
                            .in2 = TAPE_NONE,
                            .out = TAPE_NONE,
                            .aux = TAPE_NONE,
                            .weight = TAPE_NONE,
                            .bias = TAPE_NONE };
    return op;
}

static int param(const struct tape *t, const char *prefix, const char *name) {
    char whole[MODEL_NAME_MAX];
    join(whole, prefix, name);
    int index = model_find(&t->model, whole);
    assert(index >= 0);
    return index;
}

static int64_t columns_of(const struct tape *t, int tensor) {
    return t->tensors[tensor].columns;
}

static int add_layernorm(struct tape *t, bool text, int in, const char *prefix, const char *name) {
    char weight[MODEL_NAME_MAX], bias[MODEL_NAME_MAX];
    join(weight, name, ".weight");
    join(bias, name, ".bias");
    const enum tape_space space = t->tensors[in].space;
    struct tape_op *op = add_op(t, TAPE_LAYERNORM, text, in);
    op->weight = param(t, prefix, weight);
    op->bias = param(t, prefix, bias);
    op->aux = add_tensor(t, space, 2, false, "", "");
    return op->out = add_tensor(t, space, columns_of(t, in), true, prefix, name);
}

static int add_linear(struct tape *t, bool text, int in, int residual, int weight, int bias,
                      const char *name) {
    const struct model_param *w = &t->model.params[weight];
    struct tape_op *op = add_op(t, TAPE_LINEAR, text, in);
    op->in2 = residual;
    op->weight = weight;
    op->bias = bias;
    /* Projections are (K, N); a Linear and a convolution over patches are (N, K...). */
    op->weight_is_KN = bias == TAPE_NONE && w->dims == 2;
    const int64_t N = op->weight_is_KN ? w->shape[1] : w->shape[0];
    assert((size_t)(N * columns_of(t, in)) == w->count);
    op->out = add_tensor(t, t->tensors[in].space, N, true, "", name);
    if (residual != TAPE_NONE) /* the residual's gradient begins as the output's */
        t->tensors[op->out].gradient = t->tensors[residual].gradient;
    return op->out;
}

/* x + attn(ln_1(x)), then + mlp(ln_2(.)). Source: openai/CLIP model.py, ResidualAttentionBlock. */
static int add_block(struct tape *t, bool text, const char *tower, int64_t layer, int64_t heads,
                     int x) {
    char prefix[MODEL_NAME_MAX], name[MODEL_NAME_MAX];
    snprintf(name, sizeof(name), "%stransformer.resblocks.%d", tower, (int)layer);
    join(prefix, name, ".");
    const enum tape_space space = t->tensors[x].space;
    const int64_t length = text ? t->model.shape.text.context_length : t->patches + 1;
    int y = add_layernorm(t, text, x, prefix, "ln_1");
    y = add_linear(t, text, y, TAPE_NONE, param(t, prefix, "attn.in_proj_weight"),
                   param(t, prefix, "attn.in_proj_bias"), "");
    struct tape_op *op = add_op(t, TAPE_ATTENTION, text, y);
    op->aux = add_tensor(t, space, heads * length, false, "", "");
    y = op->out = add_tensor(t, space, columns_of(t, x), true, "", "");
    x = add_linear(t, text, y, x, param(t, prefix, "attn.out_proj.weight"),
                   param(t, prefix, "attn.out_proj.bias"), "");
    y = add_layernorm(t, text, x, prefix, "ln_2");
    y = add_linear(t, text, y, TAPE_NONE, param(t, prefix, "mlp.c_fc.weight"),
                   param(t, prefix, "mlp.c_fc.bias"), "");
    op = add_op(t, TAPE_GELU, text, y);
    op->out = add_tensor(t, space, columns_of(t, y), true, "", "");
    t->tensors[op->out].gradient = t->tensors[y].gradient; /* computed in place */
    return add_linear(t, text, op->out, x, param(t, prefix, "mlp.c_proj.weight"),
                      param(t, prefix, "mlp.c_proj.bias"), name);
}

/* The layer norm behind the blocks works row by row, so it is done only for the picked rows. */
static int add_head(struct tape *t, bool text, int x, const char *prefix, const char *norm,
                    int projection, const char *name) {
    char raw[MODEL_NAME_MAX];
    join(raw, name, "_raw");
    struct tape_op *op = add_op(t, TAPE_PICK, text, x);
    x = op->out = add_tensor(t, TAPE_BATCH, columns_of(t, x), true, "", "");
    x = add_layernorm(t, text, x, prefix, norm);
    x = add_linear(t, text, x, TAPE_NONE, projection, TAPE_NONE, raw);
    op = add_op(t, TAPE_NORMALIZE, text, x);
    op->aux = add_tensor(t, TAPE_BATCH, 1, false, "", "");
    return op->out = add_tensor(t, TAPE_BATCH, columns_of(t, x), true, "", name);
}

static int add_image_tower(struct tape *t) {
    const struct wit_trainer_model *s = &t->model.shape;
    struct tape_op *op = add_op(t, TAPE_PATCHIFY, false, TAPE_NONE);
    int x = op->out =
        add_tensor(t, TAPE_PATCHES, 3 * s->vision.patch_size * s->vision.patch_size, false, "", "");
    x = add_linear(t, false, x, TAPE_NONE, param(t, "visual.", "conv1.weight"), TAPE_NONE,
                   "visual.conv1");
    op = add_op(t, TAPE_IMAGE_TOKENS, false, x);
    op->weight = param(t, "visual.", "class_embedding");
    op->bias = param(t, "visual.", "positional_embedding");
    x = op->out = add_tensor(t, TAPE_IMAGE, s->vision.width, true, "", "");
    x = add_layernorm(t, false, x, "visual.", "ln_pre");
    for (int64_t i = 0; i < s->vision.layers; i++)
        x = add_block(t, false, "visual.", i, s->vision.width / s->vision.head_width, x);
    return add_head(t, false, x, "visual.", "ln_post", param(t, "visual.", "proj"),
                    "image_features");
}

static int add_text_tower(struct tape *t) {
    const struct wit_trainer_model *s = &t->model.shape;
    struct tape_op *op = add_op(t, TAPE_TEXT_TOKENS, true, TAPE_NONE);
    op->weight = param(t, "", "token_embedding.weight");
    op->bias = param(t, "", "positional_embedding");
    int x = op->out = add_tensor(t, TAPE_TEXT, s->text.width, true, "", "");
    for (int64_t i = 0; i < s->text.layers; i++)
        x = add_block(t, true, "", i, s->text.heads, x);
    return add_head(t, true, x, "", "ln_final", param(t, "", "text_projection"), "text_features");
}

/* Walk back once: an operation adds to the gradient of its input if something wrote it before. */
static int mark_accumulations(struct tape *t, struct wit_error *err) {
    bool *written = wit_alloc_array(t->slots + 1, sizeof(*written));
    if (!written)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the tape");
    for (size_t i = t->ops_count; i-- > 0;) {
        struct tape_op *op = &t->ops[i];
        if (op->in == TAPE_NONE || t->tensors[op->in].gradient == TAPE_NONE)
            continue;
        const int slot = t->tensors[op->in].gradient;
        const bool shared = op->out != TAPE_NONE && t->tensors[op->out].gradient == slot;
        op->accumulate = written[slot] && !shared;
        assert(!op->accumulate || op->kind == TAPE_LAYERNORM || op->kind == TAPE_LINEAR);
        written[slot] = true;
        if (op->kind == TAPE_CONTRASTIVE)
            written[t->tensors[op->in2].gradient] = true;
    }
    free(written);
    return 0;
}

static void live(struct plan_item *item, int moment) {
    if (moment < item->first)
        item->first = moment;
    if (moment > item->last)
        item->last = moment;
}

static void live_value(const struct tape *t, struct plan_item *items, int tensor, int moment) {
    if (tensor != TAPE_NONE)
        live(&items[t->tensors[tensor].value], moment);
}

static void live_gradient(const struct tape *t, struct plan_item *items, int tensor, int moment) {
    if (tensor != TAPE_NONE && t->tensors[tensor].gradient != TAPE_NONE)
        live(&items[t->tensors[tensor].gradient], moment);
}

/* Does the backward function read what went in, what came out? */
static bool backward_reads_in(enum tape_kind kind) {
    return kind == TAPE_LAYERNORM || kind == TAPE_LINEAR || kind == TAPE_ATTENTION ||
           kind == TAPE_GELU || kind == TAPE_CONTRASTIVE;
}

static bool backward_reads_out(enum tape_kind kind) {
    return kind == TAPE_NORMALIZE;
}

void tape_lifetimes(const struct tape *t, bool keep, struct plan_item *items) {
    const int end = 2 * (int)t->ops_count - 1;
    for (size_t i = 0; i < t->slots; i++)
        items[i] = (struct plan_item){ .first = INT_MAX, .last = -1 };
    for (size_t i = 0; i < t->tensors_count; i++) {
        const struct tape_tensor *tensor = &t->tensors[i];
        const size_t floats = (tensor->floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
        items[tensor->value].size = floats;
        if (tensor->gradient != TAPE_NONE && items[tensor->gradient].size < floats)
            items[tensor->gradient].size = floats;
    }
    for (int i = 0; i < (int)t->ops_count; i++) {
        const struct tape_op *op = &t->ops[i];
        const int back = end - i;
        live_value(t, items, op->in, i);
        live_value(t, items, op->in2, i);
        live_value(t, items, op->out, i);
        live_value(t, items, op->aux, i);
        live_value(t, items, op->aux, back);
        if (backward_reads_in(op->kind)) {
            live_value(t, items, op->in, back);
            if (op->kind == TAPE_CONTRASTIVE)
                live_value(t, items, op->in2, back);
        }
        if (backward_reads_out(op->kind))
            live_value(t, items, op->out, back);
        live_gradient(t, items, op->out, back);
        live_gradient(t, items, op->in, back);
        live_gradient(t, items, op->in2, back);
    }
    for (size_t i = 0; keep && i < t->tensors_count; i++) {
        live(&items[t->tensors[i].value], 0);
        live(&items[t->tensors[i].value], end);
    }
    for (size_t i = 0; i < t->slots; i++) {
        if (items[i].last < 0) /* replaced by a shared one */
            items[i] = (struct plan_item){ 0 };
    }
}

static int plan(struct tape *t, bool keep, struct wit_error *err) {
    struct plan_item *items = wit_alloc_array(t->slots + 1, sizeof(*items));
    int st;
    t->place = wit_alloc_array(t->slots + 1, sizeof(*t->place));
    if (!items || !t->place) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the tape");
        goto out;
    }
    tape_lifetimes(t, keep, items);
    st = planner_place(items, t->slots, &t->arena, err);
    for (size_t i = 0; st == 0 && i < t->slots; i++)
        t->place[i] = items[i].place;
out:
    free(items);
    return st;
}

int tape_create(const struct wit_trainer_model *shape, int64_t batch, bool keep, struct tape *out,
                struct wit_error *err) {
    enum { OPS_IN_BLOCK = 8, OPS_OUTSIDE = 16, TENSORS_IN_BLOCK = 11, TENSORS_OUTSIDE = 32 };
    struct tape t = { .batch = batch };
    if (batch < 1 || batch > TAPE_MAX_BATCH)
        return wit_error_set(err, WIT_EINVAL, "a batch of %lld is not from 1 to %d",
                             (long long)batch, TAPE_MAX_BATCH);
    int st = model_create(shape, &t.model, err);
    if (st < 0)
        return st;
    const size_t blocks = (size_t)(shape->vision.layers + shape->text.layers);
    const int64_t side = shape->vision.image_size / shape->vision.patch_size;
    t.patches = side * side;
    t.ops_room = OPS_OUTSIDE + OPS_IN_BLOCK * blocks;
    t.tensors_room = TENSORS_OUTSIDE + TENSORS_IN_BLOCK * blocks;
    t.ops = wit_alloc_array(t.ops_room, sizeof(*t.ops));
    t.tensors = wit_alloc_array(t.tensors_room, sizeof(*t.tensors));
    if (!t.ops || !t.tensors) {
        st = wit_error_set(err, WIT_ENOMEM, "no memory for the tape");
        goto out;
    }
    t.image_features = add_image_tower(&t);
    t.text_features = add_text_tower(&t);
    struct tape_op *loss = add_op(&t, TAPE_CONTRASTIVE, false, t.image_features);
    loss->in2 = t.text_features;
    loss->weight = param(&t, "", "logit_scale");
    loss->aux = add_tensor(&t, TAPE_BATCH, 3, false, "", "");
    if (t.too_large)
        st = wit_error_set(err, WIT_ELIMIT, "a batch of %lld is too large for this model",
                           (long long)batch);
    if (st == 0)
        st = mark_accumulations(&t, err);
    if (st == 0)
        st = plan(&t, keep, err);
out:
    if (st < 0)
        tape_finish(&t);
    else
        *out = t;
    return st;
}

void tape_finish(struct tape *t) {
    model_finish(&t->model);
    free(t->ops);
    free(t->tensors);
    free(t->place);
    *t = (struct tape){ 0 };
}

int tape_find(const struct tape *t, const char *name) {
    for (size_t i = 0; i < t->tensors_count; i++) {
        if (name[0] && strcmp(t->tensors[i].name, name) == 0)
            return (int)i;
    }
    return TAPE_NONE;
}
