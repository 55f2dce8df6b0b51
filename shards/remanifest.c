/* remanifest.c: from files to a manifest. */
#include "remanifest.h"
#include "salvage.h"
#include "shard_file.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PLAN_DIGITS = 16, PREFIX_DIGITS_MOST = 4 };

struct rebuild {
    const char *dir;
    const volatile int *interrupt;
    struct wit_strings names; /* of everything in shards/ */
    struct manifest m;
    struct verdict *verdicts;
    size_t digits; /* of the prefix in the names */
    struct wit_error *err;
};

/* ---- names ---------------------------------------------------------------------------------- */

/* A number of `len` hex or decimal digits, at least one; false: it is none. */
static bool number_of(const char *p, size_t len, unsigned base, uint64_t *out) {
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = p[i] >= '0' && p[i] <= '9'   ? (unsigned)(p[i] - '0')
                         : p[i] >= 'a' && p[i] <= 'f' ? (unsigned)(p[i] - 'a') + 10
                                                      : 99;
        if (digit >= base || v > (UINT64_MAX - digit) / base)
            return false;
        v = v * base + digit;
    }
    *out = v;
    return len > 0;
}

/* <prefix>-<run>-<plan>.lmdb. */
static bool name_read(const char *name, struct manifest_shard *out, size_t *digits) {
    size_t prefix = strcspn(name, "-"), len = strlen(name);
    if (prefix > PREFIX_DIGITS_MOST || name[prefix] != '-' || len >= sizeof out->file)
        return false;
    const char *run = name + prefix + 1;
    size_t run_digits = strcspn(run, "-");
    const char *plan = run + run_digits + 1;
    uint64_t p, r, hi;
    if (run[run_digits] != '-' || strlen(plan) != PLAN_DIGITS + strlen(".lmdb") ||
        strcmp(plan + PLAN_DIGITS, ".lmdb") != 0 || !number_of(name, prefix, 16, &p) ||
        !number_of(run, run_digits, 10, &r) || !number_of(plan, PLAN_DIGITS, 16, &hi) ||
        r >= UINT32_MAX)
        return false;
    *out =
        (struct manifest_shard){ .prefix = (uint32_t)p, .run = (uint32_t)r, .plan = { .hi = hi } };
    memcpy(out->file, name, len + 1);
    *digits = prefix;
    return true;
}

static int shard_order(const void *x, const void *y) {
    const struct manifest_shard *a = x, *b = y;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return (a->run > b->run) - (a->run < b->run);
}

static int names_load(struct rebuild *b) {
    char path[WIT_PATH_MAX];
    int st = manifest_shard_path(path, b->dir, "", b->err);
    if (st >= 0)
        st = wit_dir_list(path, &b->names, b->err);
    if (st < 0)
        return st;
    b->m.shards = wit_alloc_array(b->names.count + 1, sizeof *b->m.shards);
    b->verdicts = wit_alloc_array(b->names.count + 1, sizeof *b->verdicts);
    if (!b->m.shards || !b->verdicts)
        return wit_error_set(b->err, WIT_ENOMEM, "no memory to repair %s", b->dir);
    for (size_t i = 0; i < b->names.count; i++) {
        struct manifest_shard *s = &b->m.shards[b->m.count];
        size_t digits;
        if (!name_read(b->names.items[i], s, &digits))
            continue;
        if (b->digits && b->digits != digits)
            return wit_error_set(b->err, WIT_ECORRUPT,
                                 "%s holds the shards of two datasets: %s has another number of "
                                 "digits than the others",
                                 path, s->file);
        b->digits = digits;
        if (b->m.next_run <= s->run)
            b->m.next_run = s->run + 1;
        b->m.count++;
    }
    if (b->m.count == 0)
        return wit_error_set(b->err, WIT_ENOTFOUND, "%s holds no shard", path);
    qsort(b->m.shards, b->m.count, sizeof *b->m.shards, shard_order);
    return 0;
}

/* The list of hidden keys beside a shard: there is one at most, but while one takes another's
 * place. Lists only grow. */
static int hidden_find(struct rebuild *b, struct manifest_shard *s) {
    size_t stem = strlen(s->file) - strlen(".lmdb");
    for (size_t i = 0; i < b->names.count; i++) {
        const char *name = b->names.items[i];
        struct manifest_shard named = *s;
        struct hidden_keys keys = { NULL, 0 };
        struct wit_buf bytes = WIT_BUF_INIT((size_t)1 << 32);
        char path[WIT_PATH_MAX], expected[MANIFEST_FILE_MAX];
        if (strncmp(name, s->file, stem) != 0 || name[stem] != '-' ||
            !wit_str_ends_with(wit_str_from(name), WIT_STR(".hidden")))
            continue;
        int st = manifest_shard_path(path, b->dir, name, b->err);
        if (st >= 0)
            st = wit_file_read(path, &bytes, b->err);
        if (st >= 0)
            st = hidden_decode(wit_buf_view(&bytes), &keys, b->err);
        if (st >= 0) {
            named.hidden_count = keys.count;
            named.hidden_hash = wit_hash128_of(bytes.data, bytes.len);
            manifest_hidden_name(&named, expected);
            if (strcmp(expected, name) != 0)
                st = wit_error_set(b->err, WIT_ECORRUPT, "does not have the hash in its name");
        }
        if (st == WIT_ECORRUPT)
            wit_error_wrap(b->err, "%s", path);
        if (st >= 0 && named.hidden_count > s->hidden_count)
            *s = named;
        hidden_finish(&keys);
        wit_buf_finish(&bytes);
        if (st < 0)
            return st;
    }
    return 0;
}

/* ---- contents ------------------------------------------------------------------------------- */

/* Do the keys of every shard that can be opened fit its prefix at so many bits? */
static bool bits_fit(struct rebuild *b, int bits) {
    for (size_t i = 0; i < b->m.count; i++) {
        const struct manifest_shard *s = &b->m.shards[i];
        struct shard_file *f = NULL;
        struct wit_hash128 first, last;
        bool fits = (uint64_t)s->prefix >> bits == 0;
        if (fits && shard_file_open(b->dir, s->file, NULL, bits, &f, NULL) >= 0 &&
            shard_file_key(f, 0, &first) &&
            shard_file_key(f, shard_file_samples(f) - 1, &last)) /* keys ascend */
            fits = manifest_prefix(first, bits) == s->prefix &&
                   manifest_prefix(last, bits) == s->prefix;
        shard_file_unref(f);
        if (!fits)
            return false;
    }
    return true;
}

/* Four bits a digit; any number that fits is right. */
static int bits_find(struct rebuild *b) {
    int most = 4 * (int)b->digits, least = b->digits > 1 ? most - 3 : 0;
    for (int bits = least; bits <= most; bits++)
        if (bits_fit(b, bits)) {
            b->m.shard_bits = bits;
            return 0;
        }
    return wit_error_set(b->err, WIT_ECORRUPT,
                         "%s/shards: no number of prefixes fits the keys of all shards: they are "
                         "not of one dataset",
                         b->dir);
}

static void on_fault(void *user, const char *text) {
    struct verdict *v = user;
    if (!v->bad)
        snprintf(v->fault, sizeof v->fault, "%s", text);
    v->bad = true;
}

/* Samples that the pages of a damaged shard tell of. */
static int seen_count(struct rebuild *b, const struct manifest_shard *s,
                      const struct salvage *found, uint64_t *out) {
    struct hidden_keys hidden = { NULL, 0 };
    uint64_t seen = 0;
    int st = hidden_read(b->dir, s, &hidden, b->err);
    for (uint64_t i = 0; st >= 0 && i < found->count; i++)
        seen += !hidden_has(&hidden, found->records[i].key);
    for (uint64_t i = 0; st >= 0 && i < found->lost_count; i++)
        seen += !hidden_has(&hidden, found->lost[i]);
    hidden_finish(&hidden);
    *out = seen;
    return st;
}

/* Its numbers, and whether it holds what its name says: the plan covers headers, captions and
 * origins of all records, hidden ones too. */
static int shard_judge(struct rebuild *b, size_t index) {
    struct manifest_shard *s = &b->m.shards[index], measured = *s;
    struct verdict *v = &b->verdicts[index];
    const struct hidden_keys none = { NULL, 0 };
    struct salvage found = { .source = { .fd = -1 } };
    struct wit_error why = WIT_ERROR_INIT;
    int st = shard_file_measure(b->dir, s->file, b->m.shard_bits, b->interrupt, on_fault, v,
                                &measured, &why);
    if (st == WIT_ECANCELED || st == WIT_ENOMEM) {
        if (b->err)
            *b->err = why;
        return st;
    }
    st = salvage_shard(b->dir, s, b->m.shard_bits, &none, b->interrupt, &found, b->err);
    if (st >= 0 && !v->bad && found.plan.digest.hi != s->plan.hi) {
        snprintf(v->fault, sizeof v->fault, "%s does not hold what its name says", s->file);
        v->bad = true;
    }
    if (st >= 0 && v->bad)
        st = seen_count(b, s, &found, &measured.samples);
    measured.plan = found.plan.digest;
    *s = measured;
    salvage_finish(&found);
    return st;
}

static int key_order(const void *a, const void *b) {
    return wit_hash128_cmp(*(const struct wit_hash128 *)a, *(const struct wit_hash128 *)b);
}

/* Which of two runs with the same sample counts only dataset.json could tell. */
static int runs_check(struct rebuild *b, size_t from, size_t to) {
    uint64_t most = 0, count = 0;
    for (size_t i = from; i < to; i++)
        most += b->m.shards[i].samples;
    struct wit_hash128 *keys = wit_alloc_array((size_t)most + 1, sizeof *keys);
    if (!keys)
        return wit_error_set(b->err, WIT_ENOMEM, "no memory to repair %s", b->dir);
    for (size_t i = from; i < to; i++) {
        struct manifest_shard *s = &b->m.shards[i];
        struct shard_file *f = NULL;
        if (!b->verdicts[i].bad &&
            shard_file_open(b->dir, s->file, s, b->m.shard_bits, &f, NULL) >= 0)
            for (uint64_t k = 0; count < most && shard_file_key(f, k, &keys[count]); k++)
                count++;
        shard_file_unref(f);
    }
    int st = 0;
    qsort(keys, (size_t)count, sizeof *keys, key_order);
    for (uint64_t i = 1; i < count && st >= 0; i++)
        if (wit_hash128_eq(keys[i - 1], keys[i]))
            st = wit_error_set(b->err, WIT_ECORRUPT,
                               "%s/shards: %s and another run of its prefix hold the same sample: "
                               "move the one that does not count out of the folder (of an "
                               "interrupted seal, the later one)",
                               b->dir, b->m.shards[to - 1].file);
    free(keys);
    return st;
}

int manifest_rebuild(const char *dir, const volatile int *interrupt, struct manifest *out,
                     struct verdict **verdicts, struct wit_error *err) {
    struct rebuild b = { .dir = dir, .interrupt = interrupt, .err = err };
    int st = names_load(&b);
    for (size_t i = 0; i < b.m.count && st >= 0; i++)
        st = hidden_find(&b, &b.m.shards[i]);
    if (st >= 0)
        st = bits_find(&b);
    for (size_t i = 0; i < b.m.count && st >= 0; i++)
        st = shard_judge(&b, i);
    for (size_t from = 0, to; from < b.m.count && st >= 0; from = to) {
        for (to = from + 1; to < b.m.count && b.m.shards[to].prefix == b.m.shards[from].prefix;)
            to++;
        st = to - from > 1 ? runs_check(&b, from, to) : 0;
    }
    wit_strings_finish(&b.names);
    if (st < 0) {
        manifest_finish(&b.m);
        free(b.verdicts);
        return st;
    }
    manifest_total(&b.m);
    *out = b.m;
    *verdicts = b.verdicts;
    return 0;
}
