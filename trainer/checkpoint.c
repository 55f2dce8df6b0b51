/* checkpoint.c: see checkpoint.h. */
#include "checkpoint.h"

#include "safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#define SCHEMA "wit.train.state/1"
#define ATTEMPT ".attempt-"

enum { STATE_MAX_BYTES = 1 << 20, CONFIG_MAX_BYTES = 1 << 20 };

/* Every number of a state, written and read by one table. */
struct field {
    const char *name;
    uint64_t *whole;
    double *real;
};

enum { FIELDS = 11 };

static void fields_of(struct checkpoint_state *s, struct field fields[FIELDS]) {
    const struct field all[FIELDS] = {
        { "step", &s->step, NULL },
        { "position", &s->position, NULL },
        { "batch", &s->batch, NULL },
        { "steps", &s->steps, NULL },
        { "warmup", &s->warmup, NULL },
        { "seed", &s->seed, NULL },
        { "lr", NULL, &s->lr },
        { "beta1", NULL, &s->beta1 },
        { "beta2", NULL, &s->beta2 },
        { "epsilon", NULL, &s->epsilon },
        { "weight_decay", NULL, &s->weight_decay },
    };
    memcpy(fields, all, sizeof(all));
}

static size_t edge_count(const struct checkpoint_state *s) {
    return s->step < CHECKPOINT_EDGE ? (size_t)s->step : CHECKPOINT_EDGE;
}

static void put_losses(struct wit_json_writer *w, const char *key, const double *losses, size_t n) {
    wit_json_key(w, key);
    wit_json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        wit_json_put_double(w, losses[i]);
    wit_json_array_end(w);
}

static int state_format(struct checkpoint_state s, struct wit_buf *out) {
    struct wit_json_writer w;
    struct field fields[FIELDS];
    fields_of(&s, fields);
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, SCHEMA);
    wit_json_key(&w, "dataset_hash");
    wit_json_put_cstr(&w, s.dataset_hash);
    for (size_t i = 0; i < FIELDS; i++) {
        wit_json_key(&w, fields[i].name);
        if (fields[i].whole)
            wit_json_put_u64(&w, *fields[i].whole);
        else
            wit_json_put_double(&w, *fields[i].real);
    }
    put_losses(&w, "first_losses", s.first, edge_count(&s));
    put_losses(&w, "last_losses", s.last, edge_count(&s));
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    return st < 0 ? st : wit_buf_append_byte(out, '\n');
}

static int get_losses(const struct wit_json *root, const char *key, double *out, size_t n) {
    const struct wit_json *list = wit_json_get(root, key);
    if (wit_json_size(list) != n)
        return WIT_EFORMAT;
    for (size_t i = 0; i < n; i++) {
        if (wit_json_number(wit_json_at(list, i), &out[i]) < 0)
            return WIT_EFORMAT;
    }
    return 0;
}

static int state_parse(const struct wit_json *root, const char *name, struct checkpoint_state *out,
                       struct wit_error *err) {
    struct checkpoint_state s = { .step = 0 };
    struct field fields[FIELDS];
    struct wit_str text;
    fields_of(&s, fields);
    if (wit_json_string(wit_json_get(root, "schema"), &text) < 0 ||
        !wit_str_eq(text, WIT_STR(SCHEMA)))
        return wit_error_set(err, WIT_EFORMAT, "%s: its schema is not " SCHEMA, name);
    if (wit_json_string(wit_json_get(root, "dataset_hash"), &text) < 0 ||
        text.len >= sizeof(s.dataset_hash))
        return wit_error_set(err, WIT_EFORMAT, "%s: no dataset_hash in it", name);
    if (text.len)
        memcpy(s.dataset_hash, text.data, text.len);
    for (size_t i = 0; i < FIELDS; i++) {
        const struct wit_json *v = wit_json_get(root, fields[i].name);
        int64_t whole = 0;
        if (fields[i].whole ? wit_json_int(v, &whole) < 0 || whole < 0
                            : wit_json_number(v, fields[i].real) < 0)
            return wit_error_set(err, WIT_EFORMAT, "%s: no valid number '%s' in it", name,
                                 fields[i].name);
        if (fields[i].whole)
            *fields[i].whole = (uint64_t)whole;
    }
    if (get_losses(root, "first_losses", s.first, edge_count(&s)) < 0 ||
        get_losses(root, "last_losses", s.last, edge_count(&s)) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: its lists of losses don't fit its step", name);
    *out = s;
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_model(const char *dir, const struct wit_trainer *t, struct wit_error *err) {
    const struct model *m = &t->tape.model;
    struct safetensors_entry *entries = wit_alloc_array(2 * m->count, sizeof(*entries));
    char path[WIT_PATH_MAX], name[SAFETENSORS_NAME_MAX];
    int st;
    if (!entries)
        return wit_error_set(err, WIT_ENOMEM, "no memory to save the model");
    for (size_t i = 0; i < m->count; i++) {
        const struct model_param *p = &m->params[i];
        safetensors_entry_f32(&entries[i], p->name, p->dims, p->shape, t->params + p->offset);
    }
    st = wit_path_join(path, dir, "model.safetensors");
    if (st == 0)
        st = safetensors_write(path, entries, m->count, err);
    for (size_t i = 0; i < m->count; i++) {
        const struct model_param *p = &m->params[i];
        snprintf(name, sizeof(name), "m/%s", p->name);
        safetensors_entry_f32(&entries[2 * i], name, p->dims, p->shape, t->m + p->offset);
        snprintf(name, sizeof(name), "v/%s", p->name);
        safetensors_entry_f32(&entries[2 * i + 1], name, p->dims, p->shape, t->v + p->offset);
    }
    if (st == 0)
        st = wit_path_join(path, dir, "optimizer.safetensors");
    if (st == 0)
        st = safetensors_write(path, entries, 2 * m->count, err);
    free(entries);
    return st;
}

static int write_texts(const char *dir, const struct wit_trainer *t,
                       const struct checkpoint_state *state, struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(STATE_MAX_BYTES);
    char path[WIT_PATH_MAX];
    int st = model_format(&t->cfg.model, &text);
    if (st == 0)
        st = wit_path_join(path, dir, "open_clip_config.json");
    if (st == 0)
        st = wit_file_write_atomic(path, wit_buf_view(&text), err);
    wit_buf_reset(&text);
    if (st == 0)
        st = state_format(*state, &text);
    if (st == 0)
        st = wit_path_join(path, dir, "state.json");
    if (st == 0)
        st = wit_file_write_atomic(path, wit_buf_view(&text), err);
    wit_buf_finish(&text);
    return st;
}

/* "step-00000600" -> 600 */
static bool step_of(const char *name, uint64_t *step) {
    const struct wit_str s = wit_str_from(name);
    return wit_str_starts_with(s, WIT_STR("step-")) &&
           wit_str_to_u64(wit_str_slice(s, 5, s.len), step) == 0;
}

static int remove_older(const char *out, unsigned keep, uint64_t newest, struct wit_error *err) {
    struct wit_strings names = { 0 };
    char path[WIT_PATH_MAX];
    int st = wit_dir_list(out, &names, err);
    for (size_t i = 0; st == 0 && i < names.count; i++) {
        uint64_t step, newer = 0, other;
        if (!step_of(names.items[i], &step) || step == newest)
            continue;
        for (size_t j = 0; j < names.count; j++)
            newer += step_of(names.items[j], &other) && other > step;
        if (newer < keep)
            continue;
        st = wit_path_join(path, out, names.items[i]);
        if (st == 0)
            st = wit_dir_remove(path, err);
    }
    wit_strings_finish(&names);
    return st;
}

int checkpoint_clean(const char *out, struct wit_error *err) {
    struct wit_strings names = { 0 };
    char path[WIT_PATH_MAX];
    int st = wit_dir_list(out, &names, err);
    for (size_t i = 0; st == 0 && i < names.count; i++) {
        if (!wit_str_starts_with(wit_str_from(names.items[i]), WIT_STR(ATTEMPT)))
            continue;
        st = wit_path_join(path, out, names.items[i]);
        if (st == 0)
            st = wit_dir_remove(path, err);
    }
    wit_strings_finish(&names);
    return st;
}

int checkpoint_save(const char *out, const struct wit_trainer *t,
                    const struct checkpoint_state *state, unsigned keep, char path[WIT_PATH_MAX],
                    struct wit_error *err) {
    char name[64], attempt[WIT_PATH_MAX];
    snprintf(name, sizeof(name), "step-%08" PRIu64, state->step);
    int st = wit_path_join(path, out, name);
    if (st < 0)
        return wit_error_set(err, st, "'%s' is too long a path", out);
    if (wit_file_exists(path))
        return 0;
    snprintf(name, sizeof(name), ATTEMPT "%08" PRIu64, state->step);
    st = wit_path_join(attempt, out, name);
    if (st < 0)
        return wit_error_set(err, st, "'%s' is too long a path", out);
    st = wit_dir_remove(attempt, err);
    if (st == 0)
        st = wit_dir_make(attempt, err);
    if (st == 0)
        st = write_model(attempt, t, err);
    if (st == 0)
        st = write_texts(attempt, t, state, err);
    if (st == 0)
        st = wit_dir_sync(attempt, err);
    if (st == 0 && rename(attempt, path) != 0)
        st = wit_error_errno(err, errno, "cannot rename '%s' to '%s'", attempt, path);
    if (st == 0)
        st = wit_dir_sync(out, err);
    if (st == 0)
        st = remove_older(out, keep, state->step, err);
    if (st < 0)
        (void)wit_dir_remove(attempt, NULL);
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_moments(const char *path, struct wit_trainer *t, struct wit_error *err) {
    const struct model *m = &t->tape.model;
    struct safetensors file = { 0 };
    char name[SAFETENSORS_NAME_MAX];
    int st = safetensors_load(path, &file, err);
    for (size_t i = 0; i < m->count && st == 0; i++) {
        const struct model_param *p = &m->params[i];
        snprintf(name, sizeof(name), "m/%s", p->name);
        st = safetensors_get_f32(&file, name, t->m + p->offset, p->count, err);
        snprintf(name, sizeof(name), "v/%s", p->name);
        if (st == 0)
            st = safetensors_get_f32(&file, name, t->v + p->offset, p->count, err);
    }
    safetensors_finish(&file);
    return st;
}

static int check_shape(const char *path, const struct wit_trainer *t, struct wit_error *err) {
    struct wit_buf want = WIT_BUF_INIT(CONFIG_MAX_BYTES), got = WIT_BUF_INIT(CONFIG_MAX_BYTES);
    int st = wit_file_read(path, &got, err);
    if (st == 0)
        st = model_format(&t->cfg.model, &want);
    if (st == 0 && !wit_str_eq(wit_buf_view(&want), wit_buf_view(&got)))
        st =
            wit_error_set(err, WIT_EINVAL, "'%s' is of another model than the one asked for", path);
    wit_buf_finish(&want);
    wit_buf_finish(&got);
    return st;
}

static int load_from(const char *dir, struct wit_trainer *t, struct checkpoint_state *state,
                     struct wit_error *err) {
    struct wit_json *root = NULL;
    char path[WIT_PATH_MAX];
    int st = wit_path_join(path, dir, "state.json");
    if (st == 0)
        st = wit_json_load(path, STATE_MAX_BYTES, &root, err);
    if (st == 0)
        st = state_parse(root, path, state, err);
    if (st == 0)
        st = wit_path_join(path, dir, "open_clip_config.json");
    if (st == 0)
        st = check_shape(path, t, err);
    if (st == 0)
        st = wit_path_join(path, dir, "model.safetensors");
    if (st == 0)
        st = wit_trainer_load(t, path, err);
    if (st == 0)
        st = wit_path_join(path, dir, "optimizer.safetensors");
    if (st == 0)
        st = read_moments(path, t, err);
    if (st == 0)
        t->steps = state->step;
    wit_json_destroy(root);
    return st;
}

int checkpoint_load_newest(const char *out, struct wit_trainer *t, struct checkpoint_state *state,
                           char path[WIT_PATH_MAX], struct wit_error *err) {
    struct wit_strings names = { 0 };
    uint64_t newest = 0, step;
    const char *name = NULL;
    int st = wit_dir_list(out, &names, err);
    if (st < 0)
        return st;
    for (size_t i = 0; i < names.count; i++) {
        if (step_of(names.items[i], &step) && (!name || step > newest)) {
            name = names.items[i];
            newest = step;
        }
    }
    if (name) {
        st = wit_path_join(path, out, name);
        if (st == 0)
            st = load_from(path, t, state, err);
        if (st < 0)
            wit_error_wrap(err, "cannot go on from '%s/%s'", out, name);
        else
            st = 1;
    }
    wit_strings_finish(&names);
    return st;
}
