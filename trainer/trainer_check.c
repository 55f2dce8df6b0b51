/*
 * trainer_check.c: run a case of known answers: a model's weights, inputs, and everything that a
 * trainer should make of them, in float64 truth. The format is that of wit_trainer_check's comment.
 */
#include "trainer_state.h"

#include "safetensors.h"

#include <math.h>
#include <stdlib.h>

enum { CONFIG_MAX_BYTES = 16 << 20, MAX_STEPS = 10000 };

/* What float32 arithmetic in another order may differ by. */
#define FEATURE_REL_L2 1e-5
#define LOSS_ABS 1e-5
#define GRADIENT_REL_L2 1e-4
#define PARAMETER_ABS 1e-4
#define TRACE_ABS 1e-4
#define KEY_BIAS_SHARE 1e-5

struct check {
    const char *dir;
    const struct wit_json *config;
    struct safetensors inputs;
    struct wit_trainer_config cfg;
    float *images;
    int32_t *tokens;
    int64_t rows; /* of the inputs */
    struct wit_trainer_check_line line;
    wit_trainer_check_fn fn;
    void *user;
    int failed;
};

static int load_file(const struct check *c, const char *name, struct safetensors *out,
                     struct wit_error *err) {
    char path[WIT_PATH_MAX];
    if (wit_path_join(path, c->dir, name) < 0)
        return wit_error_set(err, WIT_ELIMIT, "'%s' is too long a path", c->dir);
    return safetensors_load(path, out, err);
}

static bool has_file(const struct check *c, const char *name) {
    char path[WIT_PATH_MAX];
    return wit_path_join(path, c->dir, name) == 0 && wit_file_exists(path);
}

/* ---- the line of a file: its worst tensor ---------------------------------------------------- */

static void line_begin(struct check *c, const char *file) {
    c->line = (struct wit_trainer_check_line){ .ok = true, .tolerance = 1, .measure = "none" };
    snprintf(c->line.file, sizeof(c->line.file), "%s", file);
}

static void line_add(struct check *c, const char *tensor, const char *measure, double deviation,
                     double tolerance) {
    struct wit_trainer_check_line *l = &c->line;
    const bool ok = deviation <= tolerance; /* false for NaN too */
    const bool worse = l->tensors == 0 || (isnan(deviation) && !isnan(l->deviation)) ||
                       deviation / tolerance > l->deviation / l->tolerance;
    l->tensors++;
    l->ok &= ok;
    if (!worse)
        return;
    snprintf(l->tensor, sizeof(l->tensor), "%s", tensor);
    l->measure = measure;
    l->deviation = deviation;
    l->tolerance = tolerance;
}

static void line_end(struct check *c) {
    if (c->line.tensors == 0)
        c->line.ok = false;
    c->failed += !c->line.ok;
    c->fn(c->user, &c->line);
}

static double load_f32(const struct safetensors_entry *e, size_t i) {
    float v;
    memcpy(&v, (const char *)e->data + i * sizeof(v), sizeof(v));
    return v;
}

static int expect(const struct safetensors *file, const char *name, size_t count,
                  const struct safetensors_entry **out, struct wit_error *err) {
    const struct safetensors_entry *e = safetensors_find(file, name);
    if (!e || e->dtype != SAFETENSORS_F32 || e->count != count)
        return wit_error_set(err, WIT_EFORMAT, "no tensor '%s' of %zu F32 in it", name, count);
    *out = e;
    return 0;
}

struct norms {
    double difference, truth; /* sums of squares */
    double most;              /* largest absolute difference; NaN stays */
};

static void norms_add(struct norms *n, double got, double want) {
    const double d = fabs(got - want);
    n->difference += d * d;
    n->truth += want * want;
    if (d > n->most || isnan(d))
        n->most = d;
}

static double rel_l2(const struct norms *n) {
    return n->truth > 0 ? sqrt(n->difference / n->truth) : sqrt(n->difference);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

static int get_number(const struct wit_json *object, const char *key, double *out,
                      struct wit_error *err) {
    if (wit_json_number(wit_json_get(object, key), out) < 0)
        return wit_error_set(err, WIT_EFORMAT, "no number '%s' in it", key);
    return 0;
}

static int read_config(struct check *c, struct wit_error *err) {
    const struct wit_json *model = wit_json_get(c->config, "open_clip_config");
    const struct wit_json *betas = wit_json_get(c->config, "betas");
    const struct wit_json *resize = wit_json_get(c->config, "resize_from");
    double accum = 1, batch;
    int st;
    if (!model)
        return wit_error_set(err, WIT_EFORMAT, "no 'open_clip_config' in it");
    st = wit_trainer_model_parse(model, "open_clip_config", &c->cfg.model, err);
    if (st < 0)
        return st;
    /* Older cases keep the activation beside the configuration. */
    const struct wit_json *quick = wit_json_get(c->config, "quick_gelu");
    if (!wit_json_get(model, "quick_gelu") && quick)
        wit_json_bool(quick, &c->cfg.model.quick_gelu);
    if (resize && wit_json_type_of(resize) != WIT_JSON_NULL)
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "resize_from: resized positional embeddings are not supported yet");
    if (wit_json_get(c->config, "accum"))
        st = get_number(c->config, "accum", &accum, err);
    if (st == 0 && accum != 1)
        st = wit_error_set(err, WIT_EUNSUPPORTED,
                           "accum: gradient accumulation is not supported yet");
    if (st == 0)
        st = get_number(c->config, "batch", &batch, err);
    if (st == 0 && (wit_json_number(wit_json_at(betas, 0), &c->cfg.beta1) < 0 ||
                    wit_json_number(wit_json_at(betas, 1), &c->cfg.beta2) < 0))
        st = wit_error_set(err, WIT_EFORMAT, "no two 'betas' in it");
    if (st == 0)
        st = get_number(c->config, "eps", &c->cfg.epsilon, err);
    if (st == 0)
        st = get_number(c->config, "wd", &c->cfg.weight_decay, err);
    if (st == 0 && !(batch >= 1 && batch <= TAPE_MAX_BATCH))
        st = wit_error_set(err, WIT_EFORMAT, "'batch' is %g", batch);
    if (st == 0)
        c->cfg.batch = (int64_t)batch;
    return st;
}

static int read_inputs(struct check *c, struct wit_error *err) {
    const struct wit_trainer_model *m = &c->cfg.model;
    int st = load_file(c, "inputs.safetensors", &c->inputs, err);
    if (st < 0)
        return st;
    const struct safetensors_entry *images = safetensors_find(&c->inputs, "images");
    const struct safetensors_entry *tokens = safetensors_find(&c->inputs, "tokens");
    if (!images || !tokens || images->dtype != SAFETENSORS_F32 ||
        tokens->dtype != SAFETENSORS_I32 || images->dims != 4 || tokens->dims != 2 ||
        images->shape[0] != tokens->shape[0] || images->shape[0] < c->cfg.batch ||
        images->shape[1] != 3 || images->shape[2] != m->vision.image_size ||
        images->shape[3] != m->vision.image_size || tokens->shape[1] != m->text.context_length)
        return wit_error_set(err, WIT_EFORMAT,
                             "inputs.safetensors: not images (n, 3, %lld, %lld) F32 and tokens "
                             "(n, %lld) I32 with n of at least %lld",
                             (long long)m->vision.image_size, (long long)m->vision.image_size,
                             (long long)m->text.context_length, (long long)c->cfg.batch);
    c->rows = images->shape[0];
    c->images = malloc(images->bytes);
    c->tokens = malloc(tokens->bytes);
    if (!c->images || !c->tokens)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the inputs");
    memcpy(c->images, images->data, images->bytes);
    memcpy(c->tokens, tokens->data, tokens->bytes);
    return 0;
}

static int make_trainer(const struct check *c, bool other_gelu, bool keep, struct wit_trainer **out,
                        struct wit_error *err) {
    struct wit_trainer_config cfg = c->cfg;
    char path[WIT_PATH_MAX];
    struct wit_trainer *t = NULL;
    cfg.model.quick_gelu ^= other_gelu;
    cfg.keep_tensors = keep;
    cfg.whole_text = keep;
    int st = wit_trainer_create(&cfg, &t, err);
    if (st == 0 && wit_path_join(path, c->dir, "weights.safetensors") < 0)
        st = wit_error_set(err, WIT_ELIMIT, "'%s' is too long a path", c->dir);
    if (st == 0)
        st = wit_trainer_load(t, path, err);
    if (st < 0)
        wit_trainer_destroy(t);
    else
        *out = t;
    return st;
}

static int run_forward(const struct check *c, struct wit_trainer *t, int64_t row, double *loss,
                       struct wit_error *err) {
    const struct wit_trainer_model *m = &c->cfg.model;
    const int64_t image = 3 * m->vision.image_size * m->vision.image_size;
    return wit_trainer_forward(t, c->images + row * image, c->tokens + row * m->text.context_length,
                               loss, err);
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static int compare_features(struct check *c, struct wit_trainer *t, double loss, const char *pass,
                            const struct safetensors *file, struct wit_error *err) {
    static const char *const names[] = { "image_features", "text_features", "image_features_raw",
                                         "text_features_raw" };
    const struct safetensors_entry *want = NULL;
    const int64_t B = c->cfg.batch, E = c->cfg.model.embed_dim;
    char name[SAFETENSORS_NAME_MAX];
    size_t count;
    int st;
    for (size_t i = 0; i < WIT_COUNT_OF(names); i++) {
        const float *got = wit_trainer_tensor(t, names[i], &count);
        struct norms n = { 0 };
        snprintf(name, sizeof(name), "%s/%s", pass, names[i]);
        if (i >= 2 && !safetensors_find(file, name))
            continue; /* the raw ones stand in one of the passes only */
        st = expect(file, name, count, &want, err);
        if (st < 0)
            return st;
        for (size_t j = 0; j < count; j++)
            norms_add(&n, got[j], load_f32(want, j));
        line_add(c, name, "rel_l2", rel_l2(&n), FEATURE_REL_L2);
    }
    snprintf(name, sizeof(name), "%s/loss", pass);
    st = expect(file, name, 1, &want, err);
    if (st < 0)
        return st;
    line_add(c, name, "abs", fabs(loss - load_f32(want, 0)), LOSS_ABS);
    snprintf(name, sizeof(name), "%s/logits_per_image", pass);
    st = expect(file, name, (size_t)(B * B), &want, err);
    if (st < 0)
        return st;
    const float *image = wit_trainer_tensor(t, "image_features", &count);
    const float *text = wit_trainer_tensor(t, "text_features", &count);
    const double scale = exp(wit_trainer_logit_scale(t));
    struct norms n = { 0 };
    for (int64_t i = 0; i < B; i++)
        for (int64_t j = 0; j < B; j++) {
            double sum = 0;
            for (int64_t e = 0; e < E; e++)
                sum += (double)image[i * E + e] * text[j * E + e];
            norms_add(&n, scale * sum, load_f32(want, (size_t)(i * B + j)));
        }
    line_add(c, name, "rel_l2", rel_l2(&n), FEATURE_REL_L2);
    return 0;
}

/* Softmax ignores what is added to all keys' scores, so the middle third of an in_proj_bias has the
 * gradient 0 in exact arithmetic: in float32 it is noise, which Adam divides by itself. */
static bool is_key_bias(const struct model_param *p, size_t i) {
    return strstr(p->name, "attn.in_proj_bias") && i >= p->count / 3 && i < p->count / 3 * 2;
}

static int compare_gradients(struct check *c, struct wit_trainer *t, const char *prefix,
                             const struct safetensors *file, struct wit_error *err) {
    const struct model *m = &t->tape.model;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_param *p = &m->params[i];
        const struct safetensors_entry *want = NULL;
        char name[SAFETENSORS_NAME_MAX];
        struct norms n = { 0 };
        double key_most = 0, other_most = 0;
        snprintf(name, sizeof(name), "%s%s", prefix, p->name);
        int st = expect(file, name, p->count, &want, err);
        if (st < 0)
            return st;
        for (size_t j = 0; j < p->count; j++) {
            const double got = t->grads[p->offset + j], truth = load_f32(want, j);
            if (is_key_bias(p, j)) {
                if (!(fabs(got) <= key_most))
                    key_most = fabs(got);
            } else {
                norms_add(&n, got, truth);
                other_most = fmax(other_most, fabs(truth));
            }
        }
        line_add(c, name, "rel_l2", rel_l2(&n), GRADIENT_REL_L2);
        if (strstr(p->name, "attn.in_proj_bias"))
            line_add(c, name, "key_share", key_most / other_most, KEY_BIAS_SHARE);
    }
    return 0;
}

static int compare_parameters(struct check *c, struct wit_trainer *t, double sum_of_lr,
                              const struct safetensors *file, struct wit_error *err) {
    const struct model *m = &t->tape.model;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_param *p = &m->params[i];
        const struct safetensors_entry *want = NULL;
        struct norms n = { 0 }, key = { 0 };
        int st = expect(file, p->name, p->count, &want, err);
        if (st < 0)
            return st;
        for (size_t j = 0; j < p->count; j++)
            norms_add(is_key_bias(p, j) ? &key : &n, t->params[p->offset + j], load_f32(want, j));
        line_add(c, p->name, "max_abs", n.most, PARAMETER_ABS);
        if (strstr(p->name, "attn.in_proj_bias"))
            line_add(c, p->name, "key_max_abs", key.most, sum_of_lr * 1.001);
    }
    return 0;
}

/* Where element i of a module's output in the file stands in our tensor: we have rows behind one
 * another, a convolution's output is channels first, and of the layer norms behind the blocks only
 * the picked row of each sample is computed. Returns false where we have nothing. */
struct module {
    bool channels_first, picked_only;
    int64_t per_sample, columns;
};

static bool place_of(const struct wit_trainer *t, const struct module *m, bool text, size_t i,
                     size_t *out) {
    const int64_t size = m->per_sample * m->columns;
    const int64_t b = (int64_t)i / size, rest = (int64_t)i % size;
    int64_t row = rest / m->columns, column = rest % m->columns;
    if (m->channels_first) {
        column = rest / m->per_sample;
        row = rest % m->per_sample;
    }
    if (m->picked_only) {
        const int64_t *start = text ? t->text_start : t->image_start;
        if (row != (text ? t->text_row : t->image_row)[b] - start[b])
            return false;
        *out = (size_t)(b * m->columns + column);
        return true;
    }
    *out = (size_t)((b * m->per_sample + row) * m->columns + column);
    return true;
}

static void compare_activations(struct check *c, struct wit_trainer *t,
                                const struct safetensors *file) {
    const int64_t B = c->cfg.batch;
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_entry *e = &file->entries[i];
        const char *slash = strchr(e->name, '/');
        size_t count;
        const char *name = slash ? slash + 1 : e->name;
        const float *got = wit_trainer_tensor(t, name, &count);
        if (!got || e->dtype != SAFETENSORS_F32 || e->dims < 3 || e->shape[0] > B || e->count == 0)
            continue; /* a module that we don't compute by itself */
        struct module m = { .channels_first = e->dims == 4,
                            .picked_only = strcmp(name, "visual.ln_post") == 0 ||
                                           strcmp(name, "ln_final") == 0 };
        m.columns = m.channels_first ? e->shape[1] : e->shape[2];
        m.per_sample = (int64_t)e->count / e->shape[0] / m.columns;
        struct norms n = { 0 };
        bool fits = true;
        for (size_t j = 0; j < e->count && fits; j++) {
            size_t at;
            if (!place_of(t, &m, strncmp(name, "visual.", 7) != 0, j, &at))
                continue;
            fits = at < count;
            if (fits)
                norms_add(&n, got[at], load_f32(e, j));
        }
        line_add(c, e->name, "rel_l2", fits ? rel_l2(&n) : NAN, FEATURE_REL_L2);
    }
}

/* ---- the parts of a case --------------------------------------------------------------------- */

static int check_first_pass(struct check *c, bool other_gelu, struct wit_error *err) {
    static const char *const passes[] = { "eval", "train" };
    struct safetensors file = { 0 }, grads = { 0 }, activations = { 0 };
    struct wit_trainer *t = NULL;
    double loss;
    int st = make_trainer(c, other_gelu, true, &t, err);
    if (st == 0)
        st = run_forward(c, t, 0, &loss, err);
    if (st == 0)
        st = load_file(c, other_gelu ? "other_gelu.safetensors" : "expected.safetensors", &file,
                       err);
    if (st < 0)
        goto out;
    line_begin(c, other_gelu ? "other_gelu.safetensors" : "expected.safetensors");
    for (size_t i = 0; i < WIT_COUNT_OF(passes) && st == 0; i++)
        st = compare_features(c, t, loss, passes[i], &file, err);
    if (st < 0)
        goto out;
    if (!other_gelu)
        line_end(c);
    if (!other_gelu && has_file(c, "activations.safetensors")) {
        st = load_file(c, "activations.safetensors", &activations, err);
        if (st < 0)
            goto out;
        line_begin(c, "activations.safetensors");
        compare_activations(c, t, &activations);
        line_end(c);
    }
    wit_trainer_backward(t);
    if (!other_gelu) {
        st = load_file(c, "grads.safetensors", &grads, err);
        if (st < 0)
            goto out;
        line_begin(c, "grads.safetensors");
    }
    st = compare_gradients(c, t, other_gelu ? "grad/" : "", other_gelu ? &file : &grads, err);
    if (st == 0)
        line_end(c);
out:
    wit_trainer_destroy(t);
    safetensors_finish(&file);
    safetensors_finish(&grads);
    safetensors_finish(&activations);
    return st;
}

/* torch's clip_grad_norm_. */
static void clip_gradients(struct wit_trainer *t, double most) {
    const struct model *m = &t->tape.model;
    double sum = 0;
    for (size_t i = 0; i < m->slab; i++)
        sum += (double)t->grads[i] * t->grads[i];
    const double factor = most / (sqrt(sum) + 1e-6);
    for (size_t i = 0; factor < 1 && i < m->slab; i++)
        t->grads[i] = (float)(t->grads[i] * factor);
}

struct step {
    double lr, loss, logit_scale;
    int64_t row;
};

static int read_step(const struct check *c, const struct wit_json *v, struct step *s,
                     struct wit_error *err) {
    const struct wit_json *rows = wit_json_get(v, "batch_rows");
    int64_t to;
    int st = get_number(v, "lr", &s->lr, err);
    if (st == 0)
        st = get_number(v, "loss", &s->loss, err);
    if (st == 0)
        st = get_number(v, "logit_scale", &s->logit_scale, err);
    if (st < 0)
        return st;
    if (wit_json_int(wit_json_at(rows, 0), &s->row) < 0 ||
        wit_json_int(wit_json_at(rows, 1), &to) < 0 || s->row < 0 || to < s->row || to > c->rows ||
        to - s->row != c->cfg.batch)
        return wit_error_set(err, WIT_EFORMAT, "'batch_rows' of the trace do not fit the batch");
    return 0;
}

static int compare_after(struct check *c, struct wit_trainer *t, uint64_t step, double sum_of_lr,
                         const struct wit_trainer_check_line *trace, struct wit_error *err) {
    struct safetensors file = { 0 };
    char name[64];
    snprintf(name, sizeof(name), "after_%llu.safetensors", (unsigned long long)step);
    if (!has_file(c, name))
        return 0;
    int st = load_file(c, name, &file, err);
    if (st < 0)
        return st;
    line_begin(c, name);
    st = compare_parameters(c, t, sum_of_lr, &file, err);
    if (st == 0)
        line_end(c);
    c->line = *trace;
    safetensors_finish(&file);
    return st;
}

/* The steps of the trace: losses, rates and temperatures as they go, parameters where a file has
 * them. */
static int check_steps(struct check *c, struct wit_error *err) {
    const struct wit_json *trace = wit_json_get(c->config, "trace");
    const struct wit_json *clip = wit_json_get(c->config, "grad_clip");
    struct wit_trainer *t = NULL;
    double base, warmup, total, clip_norm = 0, sum_of_lr = 0;
    int st = get_number(c->config, "lr", &base, err);
    if (st == 0)
        st = get_number(c->config, "warmup", &warmup, err);
    if (st == 0)
        st = get_number(c->config, "total", &total, err);
    if (st == 0 && clip && wit_json_type_of(clip) != WIT_JSON_NULL)
        st = get_number(c->config, "grad_clip", &clip_norm, err);
    if (st == 0 && !(warmup >= 0 && warmup < 1e15 && total >= 0 && total < 1e15))
        st = wit_error_set(err, WIT_EFORMAT, "'warmup' or 'total' is out of range");
    if (st == 0 && (wit_json_size(trace) == 0 || wit_json_size(trace) > MAX_STEPS))
        st = wit_error_set(err, WIT_EFORMAT, "no 'trace' of 1 to %d steps in it", MAX_STEPS);
    if (st == 0)
        st = make_trainer(c, false, false, &t, err);
    struct wit_trainer_check_line line;
    line_begin(c, "config.json");
    for (uint64_t i = 0; st == 0 && i < wit_json_size(trace); i++) {
        struct step s;
        double loss;
        char name[64];
        st = read_step(c, wit_json_at(trace, i), &s, err);
        if (st == 0)
            st = run_forward(c, t, s.row, &loss, err);
        if (st < 0)
            break;
        const double lr = wit_trainer_schedule(base, i, (uint64_t)warmup, (uint64_t)total);
        wit_trainer_backward(t);
        if (clip_norm > 0)
            clip_gradients(t, clip_norm);
        wit_trainer_update(t, lr);
        sum_of_lr += lr;
        snprintf(name, sizeof(name), "trace[%llu].loss", (unsigned long long)i);
        line_add(c, name, "abs", fabs(loss - s.loss), i == 0 ? LOSS_ABS : TRACE_ABS);
        snprintf(name, sizeof(name), "trace[%llu].lr", (unsigned long long)i);
        line_add(c, name, "rel", fabs(lr - s.lr) / fmax(fabs(s.lr), 1e-30), 1e-9);
        snprintf(name, sizeof(name), "trace[%llu].scale", (unsigned long long)i);
        line_add(c, name, "abs", fabs(wit_trainer_logit_scale(t) - s.logit_scale), PARAMETER_ABS);
        line = c->line;
        st = compare_after(c, t, i + 1, sum_of_lr, &line, err);
    }
    if (st == 0)
        line_end(c);
    wit_trainer_destroy(t);
    return st;
}

int wit_trainer_check(const char *dir, const char *backend, unsigned threads,
                      wit_trainer_check_fn fn, void *user, struct wit_error *err) {
    struct check c = { .dir = dir, .cfg = wit_trainer_config_default(), .fn = fn, .user = user };
    struct wit_json *config = NULL;
    char path[WIT_PATH_MAX];
    int st;
    c.cfg.backend = backend;
    c.cfg.threads = threads;
    if (wit_path_join(path, dir, "config.json") < 0)
        return wit_error_set(err, WIT_ELIMIT, "'%s' is too long a path", dir);
    st = wit_json_load(path, CONFIG_MAX_BYTES, &config, err);
    if (st < 0)
        goto out;
    c.config = config;
    st = read_config(&c, err);
    if (st < 0) {
        wit_error_wrap(err, "%s", path);
        goto out;
    }
    st = read_inputs(&c, err);
    if (st == 0)
        st = check_first_pass(&c, false, err);
    if (st == 0)
        st = check_steps(&c, err);
    if (st == 0 && has_file(&c, "other_gelu.safetensors"))
        st = check_first_pass(&c, true, err);
    if (st == 0)
        st = c.failed;
    else
        wit_error_wrap(err, "%s", dir);
out:
    free(c.images);
    free(c.tokens);
    safetensors_finish(&c.inputs);
    wit_json_destroy(config);
    return st;
}
