/* model.c: configurations and the table of parameters; see model.h. */
#include "model.h"

#include <math.h>
#include <stdlib.h>

enum { CONFIG_MAX_BYTES = 1 << 20 };

struct preset {
    const char *name;
    struct wit_trainer_model shape;
};

#define VIT(e, px, patch, w, l, tw, th)                                                            \
    {                                                                                              \
        .embed_dim = (e), .quick_gelu = true, .vision = { (px), (patch), (w), (l), 64 }, .text = { \
            77,                                                                                    \
            49408,                                                                                 \
            (tw),                                                                                  \
            (th),                                                                                  \
            12                                                                                     \
        }                                                                                          \
    }

/* Source of the four: Radford et al. 2021, table 19 and 20. `demo` is for two CPU cores. */
static const struct preset presets[] = {
    { "ViT-B-32", VIT(512, 224, 32, 768, 12, 512, 8) },
    { "ViT-B-16", VIT(512, 224, 16, 768, 12, 512, 8) },
    { "ViT-L-14", VIT(768, 224, 14, 1024, 24, 768, 12) },
    { "ViT-L-14-336", VIT(768, 336, 14, 1024, 24, 768, 12) },
    { "demo",
      { .embed_dim = 128,
        .quick_gelu = true,
        .vision = { 64, 8, 192, 4, 64 },
        .text = { 32, 49408, 128, 2, 3 } } },
};

const char *wit_trainer_model_preset(size_t index) {
    return index < WIT_COUNT_OF(presets) ? presets[index].name : NULL;
}

static int check_number(const char *name, const char *what, int64_t value, int64_t most,
                        struct wit_error *err) {
    if (value >= 1 && value <= most)
        return 0;
    return wit_error_set(err, WIT_ELIMIT, "%s: %s is %lld, not from 1 to %lld", name, what,
                         (long long)value, (long long)most);
}

int model_check(const struct wit_trainer_model *m, const char *name, struct wit_error *err) {
    const struct {
        const char *what;
        int64_t value, most;
    } numbers[] = {
        { "embed_dim", m->embed_dim, MODEL_MAX_SIDE },
        { "vision_cfg.image_size", m->vision.image_size, 4096 },
        { "vision_cfg.patch_size", m->vision.patch_size, m->vision.image_size },
        { "vision_cfg.width", m->vision.width, MODEL_MAX_SIDE },
        { "vision_cfg.layers", m->vision.layers, MODEL_MAX_LAYERS },
        { "vision_cfg.head_width", m->vision.head_width, m->vision.width },
        { "text_cfg.context_length", m->text.context_length, 4096 },
        { "text_cfg.vocab_size", m->text.vocab_size, MODEL_MAX_VOCAB },
        { "text_cfg.width", m->text.width, MODEL_MAX_SIDE },
        { "text_cfg.heads", m->text.heads, m->text.width },
        { "text_cfg.layers", m->text.layers, MODEL_MAX_LAYERS },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(numbers); i++) {
        int st = check_number(name, numbers[i].what, numbers[i].value, numbers[i].most, err);
        if (st < 0)
            return st;
    }
    if (m->vision.image_size % m->vision.patch_size || m->vision.width % m->vision.head_width ||
        m->text.width % m->text.heads)
        return wit_error_set(err, WIT_EINVAL,
                             "%s: image_size must be a multiple of patch_size, and each width of "
                             "its heads",
                             name);
    return 0;
}

static int get_int(const struct wit_json *object, const char *part, const char *key,
                   const char *name, int64_t *out, struct wit_error *err) {
    if (wit_json_int(wit_json_get(object, key), out) == 0)
        return 0;
    return wit_error_set(err, WIT_EFORMAT, "%s: no whole number %s%s", name, part, key);
}

int wit_trainer_model_parse(const struct wit_json *config, const char *name,
                            struct wit_trainer_model *out, struct wit_error *err) {
    struct wit_trainer_model m = { .vision.head_width = 64 };
    const struct wit_json *vision = wit_json_get(config, "vision_cfg");
    const struct wit_json *text = wit_json_get(config, "text_cfg");
    int st;
    if (!vision || !text)
        return wit_error_set(err, WIT_EFORMAT, "%s: no vision_cfg and text_cfg in it", name);
    const struct wit_json *layers = wit_json_get(vision, "layers");
    if (layers && wit_json_type_of(layers) == WIT_JSON_ARRAY)
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "%s: this is a ResNet image tower (vision_cfg.layers is a list); "
                             "ResNet towers are not supported yet",
                             name);
    const struct wit_json *quick = wit_json_get(config, "quick_gelu");
    if (quick && wit_json_bool(quick, &m.quick_gelu) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: quick_gelu is neither true nor false", name);
    const struct {
        const struct wit_json *object;
        const char *part, *key;
        int64_t *value;
        bool optional;
    } keys[] = {
        { config, "", "embed_dim", &m.embed_dim, false },
        { vision, "vision_cfg.", "image_size", &m.vision.image_size, false },
        { vision, "vision_cfg.", "patch_size", &m.vision.patch_size, false },
        { vision, "vision_cfg.", "width", &m.vision.width, false },
        { vision, "vision_cfg.", "layers", &m.vision.layers, false },
        { vision, "vision_cfg.", "head_width", &m.vision.head_width, true },
        { text, "text_cfg.", "context_length", &m.text.context_length, false },
        { text, "text_cfg.", "vocab_size", &m.text.vocab_size, false },
        { text, "text_cfg.", "width", &m.text.width, false },
        { text, "text_cfg.", "heads", &m.text.heads, false },
        { text, "text_cfg.", "layers", &m.text.layers, false },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(keys); i++) {
        if (keys[i].optional && !wit_json_get(keys[i].object, keys[i].key))
            continue;
        st = get_int(keys[i].object, keys[i].part, keys[i].key, name, keys[i].value, err);
        if (st < 0)
            return st;
    }
    st = model_check(&m, name, err);
    if (st == 0)
        *out = m;
    return st;
}

int wit_trainer_model_find(const char *name, struct wit_trainer_model *out, struct wit_error *err) {
    struct wit_json *config = NULL;
    for (size_t i = 0; i < WIT_COUNT_OF(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *out = presets[i].shape;
            return 0;
        }
    }
    if (!wit_file_exists(name))
        return wit_error_set(err, WIT_ENOTFOUND,
                             "model '%s' is neither a preset (ViT-B-32, ViT-B-16, ViT-L-14, "
                             "ViT-L-14-336, demo) nor a file",
                             name);
    int st = wit_json_load(name, CONFIG_MAX_BYTES, &config, err);
    if (st < 0)
        return st;
    /* open_clip_config.json keeps it one level down. */
    const struct wit_json *inner = wit_json_get(config, "model_cfg");
    st = wit_trainer_model_parse(inner ? inner : config, name, out, err);
    wit_json_destroy(config);
    return st;
}

int model_format(const struct wit_trainer_model *m, struct wit_buf *out) {
    struct wit_json_writer w;
    const struct {
        const char *key;
        int64_t value;
    } vision[] = { { "image_size", m->vision.image_size },
                   { "layers", m->vision.layers },
                   { "width", m->vision.width },
                   { "head_width", m->vision.head_width },
                   { "patch_size", m->vision.patch_size } },
      text[] = { { "context_length", m->text.context_length },
                 { "vocab_size", m->text.vocab_size },
                 { "width", m->text.width },
                 { "heads", m->text.heads },
                 { "layers", m->text.layers } };
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "model_cfg");
    wit_json_object_begin(&w);
    wit_json_key(&w, "embed_dim");
    wit_json_put_int(&w, m->embed_dim);
    wit_json_key(&w, "quick_gelu");
    wit_json_put_bool(&w, m->quick_gelu);
    wit_json_key(&w, "vision_cfg");
    wit_json_object_begin(&w);
    for (size_t i = 0; i < WIT_COUNT_OF(vision); i++) {
        wit_json_key(&w, vision[i].key);
        wit_json_put_int(&w, vision[i].value);
    }
    wit_json_object_end(&w);
    wit_json_key(&w, "text_cfg");
    wit_json_object_begin(&w);
    for (size_t i = 0; i < WIT_COUNT_OF(text); i++) {
        wit_json_key(&w, text[i].key);
        wit_json_put_int(&w, text[i].value);
    }
    wit_json_object_end(&w);
    wit_json_object_end(&w);
    /* What the loader did to the images: OpenAI's mean and deviation of RGB in 0..1. */
    wit_json_key(&w, "preprocess_cfg");
    wit_json_object_begin(&w);
    wit_json_key(&w, "mean");
    wit_json_array_begin(&w);
    wit_json_put_double(&w, 0.48145466);
    wit_json_put_double(&w, 0.4578275);
    wit_json_put_double(&w, 0.40821073);
    wit_json_array_end(&w);
    wit_json_key(&w, "std");
    wit_json_array_begin(&w);
    wit_json_put_double(&w, 0.26862954);
    wit_json_put_double(&w, 0.26130258);
    wit_json_put_double(&w, 0.27577711);
    wit_json_array_end(&w);
    wit_json_object_end(&w);
    wit_json_object_end(&w);
    return wit_json_writer_finish(&w);
}

/* open_clip's rule, by number of dimensions and name. */
static bool is_decayed(const struct model_param *p) {
    static const char *const excluded[] = { "bn", "ln", "bias", "logit_scale" };
    for (size_t i = 0; i < WIT_COUNT_OF(excluded); i++) {
        if (strstr(p->name, excluded[i]))
            return false;
    }
    return p->dims >= 2;
}

static void add(struct model *m, enum model_init init, double value, unsigned dims,
                const int64_t shape[4], const char *prefix, const char *name) {
    struct model_param *p = &m->params[m->count++];
    snprintf(p->name, sizeof(p->name), "%s%s", prefix, name);
    p->dims = dims;
    p->count = 1;
    for (unsigned d = 0; d < dims; d++) {
        p->shape[d] = shape[d];
        p->count *= (size_t)shape[d];
    }
    p->offset = m->slab;
    p->decay = is_decayed(p);
    p->init = init;
    p->value = value;
    m->slab += (p->count + 15) / 16 * 16;
    m->numbers += p->count;
}

static void add_scalar(struct model *m, double value, const char *name) {
    add(m, MODEL_INIT_CONSTANT, value, 0, (const int64_t[4]){ 0 }, "", name);
}

static void add_vector(struct model *m, enum model_init init, double value, int64_t n,
                       const char *prefix, const char *name) {
    add(m, init, value, 1, (const int64_t[4]){ n }, prefix, name);
}

static void add_matrix(struct model *m, enum model_init init, double value, int64_t rows,
                       int64_t columns, const char *prefix, const char *name) {
    add(m, init, value, 2, (const int64_t[4]){ rows, columns }, prefix, name);
}

/* The parts of a block whose initial values differ between the towers. */
struct block_init {
    enum model_init kind;
    double in_proj, out_proj, c_fc, c_proj;
};

static void add_block(struct model *m, const char *tower, int64_t layer, int64_t W,
                      struct block_init init) {
    char prefix[MODEL_NAME_MAX];
    snprintf(prefix, sizeof(prefix), "%stransformer.resblocks.%lld.", tower, (long long)layer);
    const double inverse_root = 1 / sqrt((double)W);
    add_vector(m, MODEL_INIT_CONSTANT, 1, W, prefix, "ln_1.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, W, prefix, "ln_1.bias");
    add_matrix(m, init.kind, init.in_proj, 3 * W, W, prefix, "attn.in_proj_weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, 3 * W, prefix, "attn.in_proj_bias");
    add_matrix(m, init.kind, init.out_proj, W, W, prefix, "attn.out_proj.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, W, prefix, "attn.out_proj.bias");
    add_vector(m, MODEL_INIT_CONSTANT, 1, W, prefix, "ln_2.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, W, prefix, "ln_2.bias");
    add_matrix(m, init.kind, init.c_fc, 4 * W, W, prefix, "mlp.c_fc.weight");
    add_vector(m, MODEL_INIT_UNIFORM, inverse_root, 4 * W, prefix, "mlp.c_fc.bias");
    add_matrix(m, init.kind, init.c_proj, W, 4 * W, prefix, "mlp.c_proj.weight");
    add_vector(m, MODEL_INIT_UNIFORM, 0.5 * inverse_root, W, prefix, "mlp.c_proj.bias");
}

/* Initial values: openai/CLIP model.py. The text tower has its own deviations; the image tower's
 * blocks keep torch's: Xavier for in_proj, uniform(+-1/sqrt(fan in)) for the others. */
static void add_all(struct model *m) {
    const struct wit_trainer_model *s = &m->shape;
    const int64_t W = s->vision.width, w = s->text.width, P = s->vision.patch_size;
    const int64_t side = s->vision.image_size / P;
    const double deviation = 1 / sqrt((double)W), text_deviation = 1 / sqrt((double)w);
    const double depth = 1 / sqrt(2 * (double)s->text.layers);
    const struct block_init image_block = { MODEL_INIT_UNIFORM, sqrt(6 / (4 * (double)W)),
                                            deviation, deviation, 0.5 * deviation };
    const struct block_init text_block = { MODEL_INIT_NORMAL, text_deviation,
                                           text_deviation * depth, text_deviation * M_SQRT1_2,
                                           text_deviation * depth };
    add_matrix(m, MODEL_INIT_NORMAL, 0.01, s->text.context_length, w, "", "positional_embedding");
    add_matrix(m, MODEL_INIT_NORMAL, text_deviation, w, s->embed_dim, "", "text_projection");
    add_scalar(m, log(1 / 0.07), "logit_scale");
    add_vector(m, MODEL_INIT_NORMAL, deviation, W, "visual.", "class_embedding");
    add_matrix(m, MODEL_INIT_NORMAL, deviation, side * side + 1, W, "visual.",
               "positional_embedding");
    add_matrix(m, MODEL_INIT_NORMAL, deviation, W, s->embed_dim, "visual.", "proj");
    add(m, MODEL_INIT_UNIFORM, 1 / sqrt(3.0 * (double)(P * P)), 4, (const int64_t[4]){ W, 3, P, P },
        "visual.", "conv1.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 1, W, "visual.", "ln_pre.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, W, "visual.", "ln_pre.bias");
    for (int64_t i = 0; i < s->vision.layers; i++)
        add_block(m, "visual.", i, W, image_block);
    add_vector(m, MODEL_INIT_CONSTANT, 1, W, "visual.", "ln_post.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, W, "visual.", "ln_post.bias");
    for (int64_t i = 0; i < s->text.layers; i++)
        add_block(m, "", i, w, text_block);
    add_matrix(m, MODEL_INIT_NORMAL, 0.02, s->text.vocab_size, w, "", "token_embedding.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 1, w, "", "ln_final.weight");
    add_vector(m, MODEL_INIT_CONSTANT, 0, w, "", "ln_final.bias");
}

int model_create(const struct wit_trainer_model *shape, struct model *out, struct wit_error *err) {
    enum { OUTSIDE_BLOCKS = 14, IN_BLOCK = 12 };
    struct model m = { .shape = *shape };
    int st = model_check(shape, "model", err);
    if (st < 0)
        return st;
    const size_t count =
        OUTSIDE_BLOCKS + IN_BLOCK * (size_t)(shape->vision.layers + shape->text.layers);
    m.params = wit_alloc_array(count, sizeof(*m.params));
    if (!m.params)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the model's table");
    add_all(&m);
    if (m.slab > MODEL_MAX_PARAMETERS) {
        st = wit_error_set(err, WIT_ELIMIT, "the model has %zu parameters, more than %zu",
                           m.numbers, MODEL_MAX_PARAMETERS);
        model_finish(&m);
        return st;
    }
    *out = m;
    return 0;
}

void model_finish(struct model *m) {
    free(m->params);
    *m = (struct model){ 0 };
}

int model_find(const struct model *m, const char *name) {
    for (size_t i = 0; i < m->count; i++) {
        if (strcmp(m->params[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

void model_fill(const struct model *m, uint64_t seed, float *slab) {
    for (size_t i = 0; i < m->count; i++) {
        const struct model_param *p = &m->params[i];
        struct wit_random random;
        wit_random_init(&random, seed, wit_hash64_of(p->name, strlen(p->name), 0), 0);
        for (size_t j = 0; j < p->count; j++) {
            double v = p->value;
            if (p->init == MODEL_INIT_NORMAL)
                v *= wit_random_normal(&random);
            else if (p->init == MODEL_INIT_UNIFORM)
                v *= 2 * wit_random_unit(&random) - 1;
            slab[p->offset + j] = (float)v;
        }
    }
}
