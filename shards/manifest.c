/* manifest.c: dataset.json. A text that anyone can read, believed only as far as it adds up. */
#include "manifest.h"

#include <inttypes.h>
#include <stdlib.h>

#define MANIFEST_SCHEMA "wit.dataset/1"
#define MANIFEST_SCHEMA_IN_PLACE "wit.tars/1"
/* The file ends with this, 32 hex digits and the end; the hash is of every byte before it. */
#define HASH_LEAD ",\"manifest_hash\":\""
#define HASH_END "\"}\n"

struct wit_hash128 manifest_dataset_hash(uint64_t samples, struct wit_hash128 sum) {
    uint8_t bytes[4 + 8 + 16];
    wit_store_be32(bytes, WIT_SHARDS_FORMAT_MAJOR);
    wit_store_be64(bytes + 4, samples);
    wit_hash128_to_bytes(sum, bytes + 12);
    return wit_hash128_of(bytes, sizeof bytes);
}

uint32_t manifest_prefix(struct wit_hash128 key, int shard_bits) {
    return shard_bits > 0 ? (uint32_t)(key.hi >> (64 - shard_bits)) : 0;
}

void manifest_file_name(const struct manifest_shard *s, int shard_bits,
                        char out[MANIFEST_FILE_MAX]) {
    if (shard_bits == MANIFEST_IN_PLACE) {
        snprintf(out, MANIFEST_FILE_MAX, "%05" PRIu32 "-%016" PRIx64 ".tarx", s->prefix,
                 s->plan.hi);
        return;
    }
    int digits = shard_bits > 4 ? (shard_bits + 3) / 4 : 1;
    snprintf(out, MANIFEST_FILE_MAX, "%0*" PRIx32 "-%" PRIu32 "-%016" PRIx64 ".lmdb", digits,
             s->prefix, s->run, s->plan.hi);
}

void manifest_hidden_name(const struct manifest_shard *s, char out[MANIFEST_FILE_MAX]) {
    int stem = (int)(strrchr(s->file, '.') - s->file);
    snprintf(out, MANIFEST_FILE_MAX, "%.*s-%016" PRIx64 ".hidden", stem, s->file,
             s->hidden_hash.hi);
}

void manifest_total(struct manifest *m) {
    m->samples = m->pairs = m->image_bytes = 0;
    m->sum = (struct wit_hash128){ 0, 0 };
    for (size_t i = 0; i < m->count; i++) {
        m->samples += m->shards[i].samples;
        m->pairs += m->shards[i].pairs;
        m->image_bytes += m->shards[i].image_bytes;
        m->sum = wit_hash128_add(m->sum, m->shards[i].sum);
    }
    m->hash = manifest_dataset_hash(m->samples, m->sum);
}

int manifest_path(char out[WIT_PATH_MAX], const char *dir, struct wit_error *err) {
    if (wit_path_join(out, dir, "dataset.json") < 0)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

int manifest_shard_path(char out[WIT_PATH_MAX], const char *dir, const char *file,
                        struct wit_error *err) {
    int n = snprintf(out, WIT_PATH_MAX, "%s/shards%s%s", dir, *file ? "/" : "", file);
    if (n < 0 || n >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_hash(struct wit_json_writer *w, const char *name, struct wit_hash128 h) {
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(h, hex);
    wit_json_key(w, name);
    wit_json_put_cstr(w, hex);
}

static void put_count(struct wit_json_writer *w, const char *name, uint64_t v) {
    wit_json_key(w, name);
    wit_json_put_u64(w, v);
}

/* White space between two tokens; for the eyes. */
static void line_break(struct wit_json_writer *w) {
    if (w->status == 0)
        w->status = wit_buf_append_byte(w->out, '\n');
}

static void put_shard(struct wit_json_writer *w, const struct manifest_shard *s) {
    wit_json_object_begin(w);
    wit_json_key(w, "file");
    wit_json_put_cstr(w, s->file);
    put_count(w, "prefix", s->prefix);
    put_count(w, "run", s->run);
    put_count(w, "samples", s->samples);
    put_count(w, "pairs", s->pairs);
    put_count(w, "image_bytes", s->image_bytes);
    put_count(w, "file_bytes", s->file_bytes);
    put_hash(w, "sum", s->sum);
    put_hash(w, "plan", s->plan);
    put_hash(w, "file_hash", s->file_hash);
    if (s->hidden_count) {
        wit_json_key(w, "hidden");
        wit_json_object_begin(w);
        put_count(w, "count", s->hidden_count);
        put_hash(w, "hash", s->hidden_hash);
        wit_json_object_end(w);
    }
    wit_json_object_end(w);
    line_break(w);
}

static void put_lineage(struct wit_json_writer *w, const struct manifest *m) {
    wit_json_key(w, "lineage");
    wit_json_object_begin(w);
    put_hash(w, "collect", m->collect);
    put_hash(w, "inputs", m->inputs);
    put_count(w, "next_run", m->next_run);
    wit_json_key(w, "sealed_at_s");
    wit_json_put_int(w, m->sealed_at_s);
    put_count(w, "dropped_pairs", m->dropped_pairs);
    put_count(w, "duplicate_images", m->duplicate_images);
    put_count(w, "collisions", m->collisions);
    put_count(w, "captions_cut", m->captions_cut);
    if (m->made_by.len) {
        wit_json_key(w, "made_by");
        wit_json_put_raw(w, m->made_by);
    }
    if (m->parents.len) {
        wit_json_key(w, "parents");
        wit_json_put_raw(w, m->parents);
    }
    if (m->transcoded || m->not_transcoded) {
        put_count(w, "transcoded", m->transcoded);
        put_count(w, "not_transcoded", m->not_transcoded);
    }
    wit_json_object_end(w);
}

static void put_value(struct wit_json_writer *w, const char *name, struct wit_str value) {
    wit_json_key(w, name);
    if (value.len)
        wit_json_put_raw(w, value); /* checked when it was read or given */
    else
        wit_json_put_null(w);
}

int manifest_encode(const struct manifest *m, struct wit_buf *out) {
    struct wit_json_writer w;
    size_t start = out->len;
    char hex[WIT_HASH128_HEX];
    bool in_place = m->shard_bits == MANIFEST_IN_PLACE;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "schema");
    wit_json_put_cstr(&w, in_place ? MANIFEST_SCHEMA_IN_PLACE : MANIFEST_SCHEMA);
    wit_json_key(&w, "format");
    wit_json_object_begin(&w);
    put_count(&w, "major", WIT_SHARDS_FORMAT_MAJOR);
    put_count(&w, "minor", WIT_SHARDS_FORMAT_MINOR);
    wit_json_object_end(&w);
    put_hash(&w, "hash", m->hash);
    put_count(&w, "samples", m->samples);
    put_count(&w, "pairs", m->pairs);
    put_count(&w, "image_bytes", m->image_bytes);
    put_hash(&w, "sum", m->sum);
    if (!in_place)
        put_count(&w, "shard_bits", (uint64_t)m->shard_bits);
    line_break(&w);
    wit_json_key(&w, "shards");
    wit_json_array_begin(&w);
    line_break(&w);
    for (size_t i = 0; i < m->count; i++)
        put_shard(&w, &m->shards[i]);
    wit_json_array_end(&w);
    line_break(&w);
    wit_json_key(&w, "wit");
    wit_json_put_str(&w, m->tool);
    put_lineage(&w, m);
    line_break(&w);
    put_value(&w, "recipe", m->recipe);
    int st = wit_json_writer_finish(&w);
    if (st < 0)
        return st;
    wit_hash128_to_hex(wit_hash128_of(out->data + start, out->len - start), hex);
    return wit_buf_printf(out, HASH_LEAD "%s" HASH_END, hex);
}

/* ---- parents -------------------------------------------------------------------------------- */

/* A list of parents again, without those that lie deeper than `deep` lists. */
static void put_parents(struct wit_json_writer *w, const struct wit_json *parents, unsigned deep) {
    wit_json_array_begin(w);
    for (size_t i = 0; i < wit_json_size(parents); i++) {
        const struct wit_json *parent = wit_json_at(parents, i);
        wit_json_object_begin(w);
        for (void *it = wit_json_first(parent); it; it = wit_json_next(parent, it)) {
            const struct wit_json *value = wit_json_iter_value(it);
            bool is_parents = strcmp(wit_json_iter_key(it), "parents") == 0;
            if (is_parents && deep <= 1)
                continue;
            wit_json_key(w, wit_json_iter_key(it));
            if (is_parents)
                put_parents(w, value, deep - 1);
            else
                wit_json_put_value(w, value);
        }
        wit_json_object_end(w);
    }
    wit_json_array_end(w);
}

int manifest_parent_encode(const struct manifest *m, struct wit_buf *out, struct wit_error *err) {
    struct wit_json_writer w;
    struct wit_json *parents = NULL;
    if (m->parents.len) {
        int st = wit_json_parse(m->parents, "parents", &parents, err);
        if (st < 0)
            return st;
    }
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    put_hash(&w, "hash", m->hash);
    put_count(&w, "samples", m->samples);
    put_count(&w, "pairs", m->pairs);
    put_count(&w, "image_bytes", m->image_bytes);
    put_hash(&w, "collect", m->collect);
    wit_json_key(&w, "sealed_at_s");
    wit_json_put_int(&w, m->sealed_at_s);
    put_count(&w, "dropped_pairs", m->dropped_pairs);
    wit_json_key(&w, "wit");
    wit_json_put_str(&w, m->tool);
    put_value(&w, "recipe", m->recipe);
    if (m->made_by.len)
        put_value(&w, "made_by", m->made_by);
    if (parents) {
        wit_json_key(&w, "parents");
        put_parents(&w, parents, MANIFEST_PARENTS_DEEP - 1);
    }
    wit_json_object_end(&w);
    wit_json_destroy(parents);
    int st = wit_json_writer_finish(&w);
    return st < 0 ? wit_error_set(err, st, "no room for a parent of a dataset") : 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

static int hash_check(struct wit_str text, struct wit_error *err) {
    const size_t lead = sizeof HASH_LEAD - 1, end = sizeof HASH_END - 1;
    const size_t tail = lead + 32 + end;
    struct wit_hash128 said;
    if (text.len < tail || memcmp(text.data + text.len - tail, HASH_LEAD, lead) != 0 ||
        memcmp(text.data + text.len - end, HASH_END, end) != 0 ||
        wit_hash128_from_hex(wit_str_of(text.data + text.len - end - 32, 32), &said) < 0)
        return wit_error_set(err, WIT_ECORRUPT,
                             "dataset.json does not end with its manifest_hash: it was cut, edited "
                             "or is no dataset");
    if (!wit_hash128_eq(said, wit_hash128_of(text.data, text.len - tail)))
        return wit_error_set(err, WIT_ECORRUPT, "dataset.json does not match its manifest_hash");
    return 0;
}

/* Members of one object; the first that is missing or wrong is remembered. */
struct members {
    const struct wit_json *object;
    const char *where;
    const char *bad;
};

static uint64_t get_count(struct members *m, const char *name, uint64_t most) {
    int64_t v = 0;
    if (wit_json_int(wit_json_get(m->object, name), &v) < 0 || v < 0 || (uint64_t)v > most) {
        m->bad = m->bad ? m->bad : name;
        return 0;
    }
    return (uint64_t)v;
}

static struct wit_hash128 get_hash(struct members *m, const char *name) {
    struct wit_hash128 h = { 0, 0 };
    struct wit_str hex;
    if (wit_json_string(wit_json_get(m->object, name), &hex) < 0 ||
        wit_hash128_from_hex(hex, &h) < 0)
        m->bad = m->bad ? m->bad : name;
    return h;
}

static int members_check(const struct members *m, struct wit_error *err) {
    if (!m->bad)
        return 0;
    return wit_error_set(err, WIT_ECORRUPT, "dataset.json: %s'%s' is missing or can't be", m->where,
                         m->bad);
}

static int hidden_get(const struct wit_json *v, struct manifest_shard *s, struct wit_error *err) {
    struct members o = { .object = v, .where = "a shard's hidden " };
    if (!v)
        return 0;
    s->hidden_count = get_count(&o, "count", INT64_MAX);
    s->hidden_hash = get_hash(&o, "hash");
    if (!o.bad && s->hidden_count == 0)
        o.bad = "count";
    return members_check(&o, err);
}

static int shard_get(const struct wit_json *v, struct manifest *m, size_t index,
                     struct wit_error *err) {
    struct manifest_shard *s = &m->shards[index];
    struct members o = { .object = v, .where = "a shard's " };
    char expected[MANIFEST_FILE_MAX];
    struct wit_str file;
    s->prefix = (uint32_t)get_count(&o, "prefix",
                                    m->shard_bits == MANIFEST_IN_PLACE
                                        ? UINT32_MAX
                                        : ((uint64_t)1 << m->shard_bits) - 1);
    s->run = (uint32_t)get_count(&o, "run", UINT32_MAX);
    s->samples = get_count(&o, "samples", INT64_MAX);
    s->pairs = get_count(&o, "pairs", INT64_MAX);
    s->image_bytes = get_count(&o, "image_bytes", INT64_MAX);
    s->file_bytes = get_count(&o, "file_bytes", INT64_MAX);
    s->sum = get_hash(&o, "sum");
    s->plan = get_hash(&o, "plan");
    s->file_hash = get_hash(&o, "file_hash");
    if (wit_json_string(wit_json_get(v, "file"), &file) < 0)
        o.bad = o.bad ? o.bad : "file";
    int st = members_check(&o, err);
    if (st >= 0)
        st = hidden_get(wit_json_get(v, "hidden"), s, err);
    if (st < 0)
        return st;
    /* A name is built, never believed: it can't lead out of the folder. */
    manifest_file_name(s, m->shard_bits, expected);
    if (!wit_str_eq(file, wit_str_from(expected)))
        return wit_error_set(err, WIT_ECORRUPT, "dataset.json: shard '%.*s' should be named %s",
                             WIT_STR_FMT(file), expected);
    memcpy(s->file, expected, sizeof s->file);
    const struct manifest_shard *before = index ? s - 1 : NULL;
    if (before &&
        (s->prefix < before->prefix || (s->prefix == before->prefix && s->run <= before->run)))
        return wit_error_set(err, WIT_ECORRUPT, "dataset.json: shard %s is out of order", s->file);
    if (s->samples == 0 || s->pairs < s->samples)
        return wit_error_set(err, WIT_ECORRUPT,
                             "dataset.json: shard %s can't have %" PRIu64 " samples with %" PRIu64
                             " captions",
                             s->file, s->samples, s->pairs);
    return 0;
}

/* Keep a value of the parsed text; the text lives as long as the manifest. */
static int value_keep(struct manifest *m, const struct wit_json *v, struct wit_str *out,
                      struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(MANIFEST_MAX_BYTES);
    struct wit_json_writer w;
    if (!v || wit_json_type_of(v) == WIT_JSON_NULL)
        return 0;
    wit_json_writer_init(&w, &text);
    wit_json_put_value(&w, v);
    int st = wit_json_writer_finish(&w);
    const char *copy = st < 0 ? NULL : wit_arena_copy(m->texts, text.data, text.len);
    if (copy)
        *out = wit_str_of(copy, text.len);
    wit_buf_finish(&text);
    return copy ? 0 : wit_error_set(err, st < 0 ? st : WIT_ENOMEM, "no memory for dataset.json");
}

static int parents_check(const struct wit_json *v, unsigned deep, struct wit_error *err) {
    if (wit_json_type_of(v) != WIT_JSON_ARRAY || wit_json_size(v) == 0)
        return wit_error_set(err, WIT_ECORRUPT, "dataset.json: 'parents' is no list of datasets");
    if (deep > MANIFEST_PARENTS_DEEP)
        return wit_error_set(err, WIT_ECORRUPT, "dataset.json: 'parents' lie deeper than %d",
                             MANIFEST_PARENTS_DEEP);
    int st = 0;
    for (size_t i = 0; i < wit_json_size(v) && st >= 0; i++) {
        struct members o = { .object = wit_json_at(v, i), .where = "a parent's " };
        const struct wit_json *more = wit_json_get(o.object, "parents");
        (void)get_hash(&o, "hash");
        (void)get_count(&o, "samples", INT64_MAX);
        (void)get_count(&o, "pairs", INT64_MAX);
        (void)get_count(&o, "image_bytes", INT64_MAX);
        st = members_check(&o, err);
        if (st >= 0 && more)
            st = parents_check(more, deep + 1, err);
    }
    return st;
}

static int ancestry_get(const struct wit_json *lineage, struct manifest *m, struct wit_error *err) {
    const struct wit_json *parents = wit_json_get(lineage, "parents");
    const struct wit_json *made_by = wit_json_get(lineage, "made_by");
    if (made_by && wit_json_type_of(made_by) != WIT_JSON_OBJECT)
        return wit_error_set(err, WIT_ECORRUPT, "dataset.json: lineage's 'made_by' is no object");
    int st = parents ? parents_check(parents, 1, err) : 0;
    if (st >= 0)
        st = value_keep(m, parents, &m->parents, err);
    return st < 0 ? st : value_keep(m, made_by, &m->made_by, err);
}

static int lineage_get(const struct wit_json *v, struct manifest *m, struct wit_error *err) {
    struct members o = { .object = v, .where = "lineage's " };
    m->collect = get_hash(&o, "collect");
    m->inputs = get_hash(&o, "inputs");
    m->next_run = (uint32_t)get_count(&o, "next_run", UINT32_MAX);
    m->sealed_at_s = (int64_t)get_count(&o, "sealed_at_s", INT64_MAX);
    m->dropped_pairs = get_count(&o, "dropped_pairs", INT64_MAX);
    m->duplicate_images = get_count(&o, "duplicate_images", INT64_MAX);
    m->collisions = get_count(&o, "collisions", INT64_MAX);
    m->captions_cut = get_count(&o, "captions_cut", INT64_MAX);
    if (wit_json_get(v, "transcoded")) {
        m->transcoded = get_count(&o, "transcoded", INT64_MAX);
        m->not_transcoded = get_count(&o, "not_transcoded", INT64_MAX);
    }
    int st = members_check(&o, err);
    return st < 0 ? st : ancestry_get(v, m, err);
}

static int version_check(const struct wit_json *root, bool *in_place, struct wit_error *err) {
    struct wit_str schema = { NULL, 0 };
    struct members o = { .object = wit_json_get(root, "format"), .where = "format's " };
    (void)wit_json_string(wit_json_get(root, "schema"), &schema);
    *in_place = wit_str_eq(schema, WIT_STR(MANIFEST_SCHEMA_IN_PLACE));
    if (!*in_place && !wit_str_eq(schema, WIT_STR(MANIFEST_SCHEMA)))
        return wit_error_set(err, WIT_EFORMAT, "dataset.json has no \"schema\":\"%s\"",
                             MANIFEST_SCHEMA);
    uint64_t major = get_count(&o, "major", UINT32_MAX);
    if (!o.bad && major != WIT_SHARDS_FORMAT_MAJOR)
        return wit_error_set(err, WIT_EUNSUPPORTED,
                             "dataset.json is of format %" PRIu64 ", this program reads %u", major,
                             WIT_SHARDS_FORMAT_MAJOR);
    return members_check(&o, err);
}

/* What the totals say must be what the shards add up to. */
static int totals_check(const struct manifest *said, struct wit_error *err) {
    struct manifest sum = *said;
    manifest_total(&sum);
    if (sum.samples != said->samples || sum.pairs != said->pairs ||
        sum.image_bytes != said->image_bytes)
        return wit_error_set(err, WIT_ECORRUPT,
                             "dataset.json says %" PRIu64 " samples, %" PRIu64
                             " pairs; its shards add up to %" PRIu64 ", %" PRIu64,
                             said->samples, said->pairs, sum.samples, sum.pairs);
    if (!wit_hash128_eq(sum.sum, said->sum) || !wit_hash128_eq(sum.hash, said->hash))
        return wit_error_set(err, WIT_ECORRUPT,
                             "dataset.json: the hash is not that of the sums of its shards");
    return 0;
}

static int root_get(const struct wit_json *root, struct manifest *m, struct wit_error *err) {
    struct members o = { .object = root, .where = "" };
    struct wit_str tool;
    m->hash = get_hash(&o, "hash");
    m->sum = get_hash(&o, "sum");
    m->samples = get_count(&o, "samples", INT64_MAX);
    m->pairs = get_count(&o, "pairs", INT64_MAX);
    m->image_bytes = get_count(&o, "image_bytes", INT64_MAX);
    if (m->shard_bits != MANIFEST_IN_PLACE)
        m->shard_bits = (int)get_count(&o, "shard_bits", WIT_SHARDS_MAX_BITS);
    const struct wit_json *shards = wit_json_get(root, "shards");
    if (!shards || wit_json_type_of(shards) != WIT_JSON_ARRAY)
        o.bad = o.bad ? o.bad : "shards";
    int st = members_check(&o, err);
    if (st < 0)
        return st;
    m->shards = wit_alloc_array(wit_json_size(shards) + 1, sizeof *m->shards);
    if (!m->shards)
        return wit_error_set(err, WIT_ENOMEM, "no memory for dataset.json");
    for (size_t i = 0; i < wit_json_size(shards) && st >= 0; i++) {
        st = shard_get(wit_json_at(shards, i), m, i, err);
        m->count = i + 1;
    }
    if (st >= 0)
        st = lineage_get(wit_json_get(root, "lineage"), m, err);
    if (st >= 0)
        st = value_keep(m, wit_json_get(root, "recipe"), &m->recipe, err);
    m->has_recipe = m->recipe.len > 0;
    if (st >= 0 && wit_json_string(wit_json_get(root, "wit"), &tool) >= 0 && tool.len) {
        const char *copy = wit_arena_copy(m->texts, tool.data, tool.len);
        if (!copy)
            return wit_error_set(err, WIT_ENOMEM, "no memory for dataset.json");
        m->tool = wit_str_of(copy, tool.len);
    }
    return st;
}

int manifest_decode(struct wit_str text, struct manifest *out, struct wit_error *err) {
    struct manifest m = { .texts = wit_arena_create(2 * MANIFEST_MAX_BYTES) };
    struct wit_json *root = NULL;
    bool in_place = false;
    int st = m.texts ? hash_check(text, err)
                     : wit_error_set(err, WIT_ENOMEM, "no memory for dataset.json");
    if (st >= 0)
        st = wit_json_parse(text, "dataset.json", &root, err);
    if (st >= 0)
        st = version_check(root, &in_place, err);
    if (st >= 0)
        m.shard_bits = in_place ? MANIFEST_IN_PLACE : 0;
    if (st >= 0)
        st = root_get(root, &m, err);
    if (st >= 0)
        st = totals_check(&m, err);
    wit_json_destroy(root);
    if (st < 0)
        manifest_finish(&m);
    else
        *out = m;
    return st;
}

int manifest_load(const char *dir, struct manifest *out, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    struct wit_buf text = WIT_BUF_INIT(MANIFEST_MAX_BYTES);
    int st = manifest_path(path, dir, err);
    if (st >= 0)
        st = wit_file_read(path, &text, err);
    if (st >= 0) {
        st = manifest_decode(wit_buf_view(&text), out, err);
        if (st < 0)
            wit_error_wrap(err, "%s", dir);
    }
    wit_buf_finish(&text);
    return st;
}

void manifest_finish(struct manifest *m) {
    free(m->shards);
    wit_arena_destroy(m->texts);
    *m = (struct manifest){ .shard_bits = 0 };
}
