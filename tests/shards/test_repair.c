/*
 * test_repair.c: of a damaged dataset everything that can be proven is kept, exactly what is not
 * there is called lost, and no byte of a damaged file goes, whatever fails on the way.
 */
#include "collection.h"
#include "damage.h"
#include "fault_fs.h"
#include "publish.h"
#include "shard_file.h"
#include "wit_shards_repair.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PAGE = 4096,
    SAMPLES_MOST = 256,
    FILE_MOST = 1 << 21,
    SHARDS = 2,
    DAMAGES = 400,
    BITS = 300
};

static const struct collection content = {
    .seed = 71, .urls = 230, .images = 190, .candidates = 700
};
static struct wit_error err;

/* A sealed dataset without its logs. In the second shard some records are hidden. */
struct fixture {
    char root[WIT_PATH_MAX], dir[WIT_PATH_MAX], out[WIT_PATH_MAX];
    char paths[SHARDS][WIT_PATH_MAX];
    char files[SHARDS][MANIFEST_FILE_MAX];
    struct wit_buf shards[SHARDS];
    struct wit_buf values[SAMPLES_MOST], origins[SAMPLES_MOST];
    struct wit_hash128 keys[SAMPLES_MOST];
    uint64_t samples;
    struct wit_hash128 hash;
};

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static void put_file(const char *path, const void *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    must(wit_fd_write_all(fd, bytes, len, path, &err));
    close(fd);
}

static void remove_in(const char *dir, const char *name) {
    char path[WIT_PATH_MAX];
    must(wit_path_join(path, dir, name));
    scratch_remove(path);
}

static void hide_some(const struct fixture *x) {
    struct wit_hash128 keys[SAMPLES_MOST], key;
    struct hidden_keys hidden = { keys, 0 };
    struct shard_file *f = NULL;
    struct manifest m;
    must(manifest_load(x->dir, &m, &err));
    struct manifest_shard *s = &m.shards[1];
    must(shard_file_open(x->dir, s->file, NULL, m.shard_bits, &f, &err));
    for (uint64_t i = 0; shard_file_key(f, i, &key); i++)
        if (i % 7 == 3)
            keys[hidden.count++] = key;
    shard_file_unref(f);
    must(hidden_write(x->dir, s, &hidden, &err));
    must(shard_file_measure(x->dir, s->file, m.shard_bits, NULL, NULL, NULL, s, &err));
    manifest_total(&m);
    m.tool = WIT_STR("test");
    m.recipe = WIT_STR("{\"per_query\":20}");
    must(dataset_publish(x->dir, &m, &err));
    manifest_finish(&m);
}

static void contents_keep(struct fixture *x) {
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_sample sample;
    struct wit_shards_shard_info info;
    struct wit_buf buf = WIT_BUF_INIT(FILE_MOST);
    must(wit_shards_dataset_open(x->dir, NULL, &ds, &err));
    x->hash = wit_shards_dataset_hash(ds);
    for (size_t s = 0; s < SHARDS; s++) {
        wit_shards_shard_info(ds, s, &info);
        snprintf(x->files[s], sizeof x->files[s], "%s", info.file);
        must(manifest_shard_path(x->paths[s], x->dir, info.file, &err));
        must(wit_file_read(x->paths[s], &x->shards[s], &err));
        for (uint64_t i = 0; i < info.samples; i++, x->samples++) {
            must(wit_shards_read(ds, s, i, &buf, &sample, &err));
            must(wit_buf_append_str(&x->values[x->samples], sample.value));
            must(wit_shards_origin(ds, sample.key, &x->origins[x->samples], &err));
            x->keys[x->samples] = sample.key;
        }
    }
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
}

static int set_up(void **state) {
    struct fixture *x = calloc(1, sizeof *x);
    struct wit_shards_seal_report report;
    assert_non_null(x);
    for (size_t i = 0; i < SAMPLES_MOST; i++)
        x->values[i] = x->origins[i] = (struct wit_buf)WIT_BUF_INIT(FILE_MOST);
    for (size_t i = 0; i < SHARDS; i++)
        x->shards[i] = (struct wit_buf)WIT_BUF_INIT(FILE_MOST);
    scratch_make(x->root);
    must(wit_path_join(x->dir, x->root, "data"));
    must(wit_path_join(x->out, x->root, "out"));
    fault_fs_begin(x->root, NULL, (struct fault){ .kind = FAULT_NONE }); /* quick syncs */
    must(collection_run(&content, 0, collection_steps(&content), 1, x->dir, &err));
    must(seal_simple(x->dir, 1, 1, &report, &err));
    assert_int_equal(report.shards, SHARDS);
    hide_some(x);
    (void)fault_fs_end();
    remove_in(x->dir, "collect");
    contents_keep(x);
    *state = x;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *x = *state;
    scratch_remove(x->root);
    for (size_t i = 0; i < SAMPLES_MOST; i++) {
        wit_buf_finish(&x->values[i]);
        wit_buf_finish(&x->origins[i]);
    }
    for (size_t i = 0; i < SHARDS; i++)
        wit_buf_finish(&x->shards[i]);
    free(x);
    return 0;
}

static void restore(const struct fixture *x) {
    for (size_t s = 0; s < SHARDS; s++)
        put_file(x->paths[s], x->shards[s].data, x->shards[s].len);
}

static int64_t number_of(const struct fixture *x, struct wit_hash128 key) {
    for (uint64_t i = 0; i < x->samples; i++)
        if (wit_hash128_eq(x->keys[i], key))
            return (int64_t)i;
    return -1;
}

struct told {
    const struct fixture *x;
    uint64_t shards, lost, named, named_ours;
};

static void on_repaired(void *user, const struct wit_shards_repaired *s) {
    struct told *t = user;
    assert_true(strlen(s->fault) > 20);
    assert_int_equal(s->samples, s->kept + s->lost);
    assert_true(s->new_file || s->kept == 0);
    t->shards++;
    t->lost += s->lost;
}

static void on_lost(void *user, const char *file, struct wit_hash128 key) {
    struct told *t = user;
    t->named++;
    t->named_ours += number_of(t->x, key) >= 0;
}

static int repair(const struct fixture *x, const char *out, bool dry_run, struct told *t,
                  struct wit_shards_repair_report *report) {
    *t = (struct told){ .x = x };
    const struct wit_shards_repair_options options = { .out = out,
                                                       .dry_run = dry_run,
                                                       .threads = 1,
                                                       .repaired = on_repaired,
                                                       .lost = on_lost,
                                                       .user = t };
    return wit_shards_repair(x->dir, &options, report, &err);
}

/* The result verifies, and each of its samples is one of those that were there, to the byte. Its
 * origins too, but for `lost` of them. */
static uint64_t check_result(const struct fixture *x, const char *dir,
                             const struct wit_shards_repair_report *r) {
    struct wit_shards_verify_report verified;
    struct wit_shards_dataset *ds = NULL;
    struct wit_buf buf = WIT_BUF_INIT(FILE_MOST), origin = WIT_BUF_INIT(FILE_MOST);
    struct wit_shards_sample sample;
    uint64_t samples = 0, other_origins = 0;
    must(wit_shards_verify(dir, NULL, &verified, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    assert_true(wit_hash128_eq(wit_shards_dataset_hash(ds), r->hash));
    for (size_t s = 0; s < wit_shards_dataset_shards(ds); s++)
        for (uint64_t i = 0; i < wit_shards_shard_samples(ds, s); i++, samples++) {
            must(wit_shards_read(ds, s, i, &buf, &sample, &err));
            int64_t n = number_of(x, sample.key);
            assert_true(n >= 0);
            assert_true(wit_str_eq(sample.value, wit_buf_view(&x->values[n])));
            wit_buf_reset(&origin);
            must(wit_shards_origin(ds, sample.key, &origin, &err));
            other_origins += !wit_str_eq(wit_buf_view(&origin), wit_buf_view(&x->origins[n]));
        }
    assert_int_equal(samples, r->samples);
    assert_int_equal(samples + r->lost, x->samples);
    if (r->lost == 0)
        assert_true(wit_hash128_eq(r->hash, x->hash));
    wit_shards_dataset_close(ds);
    wit_buf_finish(&buf);
    wit_buf_finish(&origin);
    return other_origins;
}

/* ---- damage of all kinds ----------------------------------------------------------------------
 */

static uint8_t *damaged(const struct fixture *x, size_t shard, struct damage *d, uint64_t number) {
    *d = (struct damage){ .p = malloc(x->shards[shard].len + DAMAGE_ROOM),
                          .len = x->shards[shard].len };
    assert_non_null(d->p);
    memcpy(d->p, x->shards[shard].data, d->len);
    wit_random_init(&d->rng, 72, 0, number);
    return d->p;
}

static void test_any_damage(void **state) {
    struct fixture *x = *state;
    uint64_t lost = 0, repaired = 0;
    fault_fs_begin(x->root, NULL, (struct fault){ .kind = FAULT_NONE });
    for (uint64_t n = 0; n < DAMAGES; n++) {
        struct wit_shards_repair_report dry, r;
        struct told t;
        struct damage d;
        uint8_t *bytes = damaged(x, n % 2, &d, n);
        damage_shard(&d);
        put_file(x->paths[n % 2], d.p, d.len);
        scratch_remove(x->out);
        int st = repair(x, x->out, true, &t, &dry);
        if (st < 0)
            print_error("damage %llu\n", (unsigned long long)n);
        must(st);
        must(repair(x, x->out, false, &t, &r));
        assert_true(wit_hash128_eq(dry.hash, r.hash));
        assert_int_equal(t.shards, r.damaged);
        assert_int_equal(t.lost, r.lost);
        assert_true(t.named + r.lost_unnamed >= r.lost);
        assert_true(t.named - t.named_ours <= 1); /* a key that was damaged itself */
        if (r.damaged) {
            (void)check_result(x, x->out, &r);
            repaired++;
            lost += r.lost;
        }
        free(bytes);
        put_file(x->paths[n % 2], x->shards[n % 2].data, x->shards[n % 2].len);
    }
    (void)fault_fs_end();
    print_message("%llu damaged shards, %llu samples lost of %llu\n", (unsigned long long)repaired,
                  (unsigned long long)lost, (unsigned long long)(repaired * x->samples));
    assert_true(repaired > DAMAGES / 2);
}

/* One bit is one sample at most, wherever it is. */
static void test_one_bit(void **state) {
    struct fixture *x = *state;
    fault_fs_begin(x->root, NULL, (struct fault){ .kind = FAULT_NONE });
    for (uint64_t n = 0; n < BITS; n++) {
        struct wit_shards_repair_report r;
        struct told t;
        struct damage d;
        uint8_t *bytes = damaged(x, n % 2, &d, DAMAGES + n);
        damage_bit(&d);
        put_file(x->paths[n % 2], d.p, d.len);
        must(repair(x, x->out, true, &t, &r));
        assert_int_equal(r.damaged, 1);
        assert_true(r.lost <= 1);
        assert_true(r.lost_unnamed == 0);
        free(bytes);
        put_file(x->paths[n % 2], x->shards[n % 2].data, x->shards[n % 2].len);
    }
    (void)fault_fs_end();
}

/* Zero the pages from one on, and say what must remain. */
static struct wit_shards_repair_report zeros(const struct fixture *x, size_t from, size_t pages,
                                             uint64_t *other_origins) {
    struct wit_shards_repair_report r;
    struct told t;
    struct damage d;
    uint8_t *bytes = damaged(x, 0, &d, 0);
    memset(d.p + from * PAGE, 0, pages * PAGE);
    put_file(x->paths[0], d.p, d.len);
    scratch_remove(x->out);
    must(repair(x, x->out, false, &t, &r));
    *other_origins = check_result(x, x->out, &r);
    free(bytes);
    restore(x);
    return r;
}

static void test_structure_gone(void **state) {
    struct fixture *x = *state;
    uint64_t other;
    struct wit_shards_repair_report r = zeros(x, 0, 2, &other); /* both meta pages */
    assert_int_equal(r.lost + r.origins_lost + other, 0);
    const size_t pages = x->shards[0].len / PAGE;
    unsigned branches = 0, leaves = 0;
    for (size_t p = 2; p < pages; p++) {
        const uint8_t *page = (const uint8_t *)x->shards[0].data + p * PAGE;
        if (wit_load_le64(page) != p)
            continue;
        if (wit_load_le16(page + 10) == 1) { /* branch: nothing lies in it */
            r = zeros(x, p, 1, &other);
            assert_int_equal(r.lost + r.origins_lost + other, 0);
            branches++;
        } else if (wit_load_le16(page + 10) == 2 && leaves < 12) {
            r = zeros(x, p, 1, &other); /* a leaf: its own records or origins at most */
            assert_true(r.lost + r.origins_lost <= (wit_load_le16(page + 12) - 16u) / 2);
            assert_int_equal(other, r.origins_lost);
            leaves++;
        }
    }
    assert_true(branches >= 2 && leaves == 12);
}

static void test_missing_and_cut(void **state) {
    struct fixture *x = *state;
    struct wit_shards_repair_report r;
    struct told t;
    assert_int_equal(truncate(x->paths[0], (off_t)x->shards[0].len / 2), 0);
    scratch_remove(x->out);
    must(repair(x, x->out, false, &t, &r));
    assert_true(r.lost < x->samples / 2);
    (void)check_result(x, x->out, &r);
    assert_int_equal(unlink(x->paths[0]), 0);
    scratch_remove(x->out);
    must(repair(x, x->out, false, &t, &r));
    assert_true(r.lost > 0 && r.lost == r.lost_unnamed && r.shards == 1);
    (void)check_result(x, x->out, &r);
    assert_int_equal(repair(x, x->out, false, &t, &r), WIT_EEXIST); /* something is there */
    restore(x);
    must(repair(x, NULL, false, &t, &r));
    assert_int_equal(r.damaged, 0);
}

/* Which records were removed must be known, or they would come back. */
static void test_hidden_list_damaged(void **state) {
    struct fixture *x = *state;
    struct wit_shards_repair_report r;
    struct wit_buf list = WIT_BUF_INIT(FILE_MOST);
    struct manifest m;
    struct told t;
    char name[MANIFEST_FILE_MAX], path[WIT_PATH_MAX];
    must(manifest_load(x->dir, &m, &err));
    manifest_hidden_name(&m.shards[1], name);
    manifest_finish(&m);
    must(manifest_shard_path(path, x->dir, name, &err));
    must(wit_file_read(path, &list, &err));
    list.data[30] ^= 1;
    put_file(path, list.data, list.len);
    scratch_remove(x->out);
    assert_int_equal(repair(x, x->out, false, &t, &r), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, name));
    list.data[30] ^= 1;
    put_file(path, list.data, list.len);
    wit_buf_finish(&list);
}

/* ---- in place ---------------------------------------------------------------------------------
 */

/* Is there a file with these bytes, in shards/ or set aside? */
static bool is_somewhere(const char *dir, const char *file, const uint8_t *bytes, size_t len) {
    char path[WIT_PATH_MAX];
    bool found = false;
    for (unsigned n = 0; n < 4 && !found; n++) {
        struct wit_buf read = WIT_BUF_INIT(FILE_MOST);
        if (n == 0)
            must(manifest_shard_path(path, dir, file, &err));
        else
            snprintf(path, sizeof path, "%.3000s/damaged/%u/%s", dir, n, file);
        found = wit_file_read(path, &read, NULL) >= 0 &&
                wit_str_eq(wit_buf_view(&read), wit_str_of(bytes, len));
        wit_buf_finish(&read);
    }
    return found;
}

static void copy_tree(const char *from, const char *to) {
    struct wit_strings names;
    must(wit_dir_make_synced(to, &err));
    must(wit_dir_list(from, &names, &err));
    for (size_t i = 0; i < names.count; i++) {
        struct wit_buf bytes = WIT_BUF_INIT(FILE_MOST);
        char a[WIT_PATH_MAX], b[WIT_PATH_MAX];
        must(wit_path_join(a, from, names.items[i]));
        must(wit_path_join(b, to, names.items[i]));
        if (wit_file_read(a, &bytes, NULL) < 0)
            copy_tree(a, b);
        else
            must(wit_file_write_atomic(b, wit_buf_view(&bytes), &err)); /* synced, too */
        wit_buf_finish(&bytes);
    }
    wit_strings_finish(&names);
}

/* Every call of a repair in place fails, or its work is done and it is killed: the damaged bytes
 * are there, and the same call ends the work. */
static void test_in_place_whatever_fails(void **state) {
    struct fixture *x = *state;
    const struct wit_shards_repair_options options = { .threads = 1 };
    struct wit_shards_repair_report r, want;
    struct told t;
    struct damage d;
    uint8_t *bytes = damaged(x, 0, &d, 1);
    memset(d.p + 5 * PAGE, 0, 3 * PAGE);
    restore(x);
    put_file(x->paths[0], d.p, d.len);
    must(repair(x, NULL, true, &t, &want));
    assert_true(want.lost > 0);
    unsigned failures = 0;
    for (unsigned way = 0; way < 2; way++)
        for (long n = 0;; n++) {
            const struct fault fault = { way ? FAULT_FROM : FAULT_ONCE, way ? ENOSPC : EIO, n };
            char dir[WIT_PATH_MAX];
            must(wit_path_join(dir, x->root, "copy"));
            scratch_remove(dir);
            copy_tree(x->dir, dir);
            fault_fs_begin(x->root, NULL, fault);
            int st = wit_shards_repair(dir, &options, &r, &err);
            long calls = fault_fs_end();
            failures += st < 0;
            assert_true(st >= 0 || st == (way ? WIT_ENOSPC : WIT_EIO));
            assert_true(is_somewhere(dir, x->files[0], d.p, d.len));
            fault_fs_begin(x->root, NULL, (struct fault){ .kind = FAULT_NONE });
            must(wit_shards_repair(dir, &options, &r, &err));
            (void)fault_fs_end();
            assert_true(wit_hash128_eq(r.hash, want.hash));
            assert_true(is_somewhere(dir, x->files[0], d.p, d.len));
            if (calls <= n)
                break;
        }
    print_message("%u failures\n", failures);
    assert_true(failures > 30);
    must(repair(x, NULL, false, &t, &r));
    assert_true(wit_hash128_eq(r.hash, want.hash));
    r.lost = want.lost;
    (void)check_result(x, x->dir, &r);
    struct manifest m;
    must(manifest_load(x->dir, &m, &err));
    assert_true(m.has_recipe); /* it is still the dataset that the recipe chose */
    manifest_finish(&m);
    free(bytes);
}

/* The power goes after each step of a repair in place. */
static void test_power_cuts(void **state) {
    struct fixture *x = *state;
    const struct wit_shards_repair_options options = { .threads = 1 };
    const struct fault none = { .kind = FAULT_NONE };
    struct wit_shards_repair_report r, want;
    struct disk *disk = disk_create();
    struct damage d;
    uint8_t *bytes = damaged(x, 1, &d, 2);
    char root[WIT_PATH_MAX], dir[WIT_PATH_MAX];
    assert_non_null(disk);
    memset(d.p + 7 * PAGE, 0, 2 * PAGE);
    scratch_make(root);
    must(wit_path_join(dir, root, "data"));
    restore(x);
    put_file(x->paths[1], d.p, d.len);
    fault_fs_begin(root, disk, none);
    copy_tree(x->dir, dir);
    size_t begin = disk_length(disk), cuts = 0;
    must(wit_shards_repair(dir, &options, &want, &err));
    (void)fault_fs_end();
    assert_true(want.lost > 0);
    for (size_t k = begin; k <= disk_length(disk); k++)
        for (unsigned loss = 0; loss < DISK_LOSSES; loss++)
            for (uint64_t seed = 0; seed < (loss == LOSS_RANDOM ? 4 : 1); seed++, cuts++) {
                scratch_remove(dir);
                disk_make(disk, k, (enum disk_loss)loss, seed, root);
                assert_true(is_somewhere(dir, x->files[1], d.p, d.len));
                fault_fs_begin(root, NULL, none);
                must(wit_shards_repair(dir, &options, &r, &err));
                (void)fault_fs_end();
                if (!wit_hash128_eq(r.hash, want.hash))
                    print_error("cut after event %zu, %s %llu\n", k,
                                disk_loss_name((enum disk_loss)loss), (unsigned long long)seed);
                assert_true(wit_hash128_eq(r.hash, want.hash));
                assert_true(is_somewhere(dir, x->files[1], d.p, d.len));
            }
    print_message("%zu cuts\n", cuts);
    assert_true(cuts > 200);
    disk_destroy(disk);
    scratch_remove(root);
    free(bytes);
}

/* dataset.json is gone, cut or edited: the shards say what was in it, but for the recipe. */
static void test_no_manifest(void **state) {
    struct fixture *x = *state;
    struct wit_shards_repair_report r;
    struct wit_buf manifest = WIT_BUF_INIT(FILE_MOST);
    struct told t;
    struct damage d;
    char path[WIT_PATH_MAX], again[WIT_PATH_MAX];
    restore(x);
    must(manifest_path(path, x->dir, &err));
    must(wit_file_read(path, &manifest, &err));
    fault_fs_begin(x->root, NULL, (struct fault){ .kind = FAULT_NONE });
    for (unsigned way = 0; way < 3; way++) {
        if (way == 0)
            assert_int_equal(unlink(path), 0);
        else
            put_file(path, manifest.data, way == 1 ? manifest.len / 2 : manifest.len - 1);
        scratch_remove(x->out);
        must(repair(x, x->out, false, &t, &r));
        assert_true(r.rebuilt && r.damaged == 0 && r.lost == 0);
        assert_int_equal(check_result(x, x->out, &r), 0);
    }
    /* Damaged shards beside it: each kind of damage in turn. */
    assert_int_equal(unlink(path), 0);
    for (uint64_t n = 0; n < 60; n++) {
        uint8_t *bytes = damaged(x, n % 2, &d, 5000 + n);
        damage_shard(&d);
        put_file(x->paths[n % 2], d.p, d.len);
        scratch_remove(x->out);
        must(repair(x, x->out, false, &t, &r));
        assert_true(r.rebuilt);
        r.lost = x->samples - r.samples; /* of a shard that lost its trees nobody knows */
        (void)check_result(x, x->out, &r);
        free(bytes);
        restore(x);
    }
    /* A shard of an interrupted seal: which one counts? */
    must(manifest_shard_path(again, x->dir, x->files[0], &err));
    char *run = strstr(again, x->files[0]) + 2;
    *run = '9';
    put_file(again, x->shards[0].data, x->shards[0].len);
    scratch_remove(x->out);
    assert_int_equal(repair(x, x->out, false, &t, &r), WIT_ECORRUPT);
    assert_non_null(strstr(err.text, "0-9-"));
    assert_int_equal(unlink(again), 0);
    must(repair(x, NULL, false, &t, &r));
    assert_true(wit_hash128_eq(r.hash, x->hash));
    assert_int_equal(check_result(x, x->dir, &r), 0);
    (void)fault_fs_end();
    put_file(path, manifest.data, manifest.len);
    remove_in(x->dir, "damaged");
    wit_buf_finish(&manifest);
}

/* Where the logs are, they give everything again. */
static void test_sealed_anew(void **state) {
    const struct collection c = { .seed = 73, .urls = 40, .images = 30, .candidates = 150 };
    const struct wit_shards_repair_options options = { .threads = 1 };
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct wit_shards_seal_report sealed;
    struct wit_shards_repair_report r;
    struct wit_shards_dataset *ds = NULL;
    struct wit_shards_shard_info info;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    scratch_make(dir);
    must(collection_run(&c, 0, collection_steps(&c), 1, dir, &err));
    must(seal_simple(dir, 1, 2, &sealed, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 1, &info);
    must(manifest_shard_path(path, dir, info.file, &err));
    wit_shards_dataset_close(ds);
    assert_int_equal(truncate(path, 20000), 0);
    must(wit_shards_repair(dir, &options, &r, &err));
    assert_true(r.sealed && r.damaged == 1 && r.lost == 0);
    assert_true(wit_hash128_eq(r.hash, sealed.hash));
    assert_true(wit_file_exists(r.aside));
    must(wit_shards_repair(dir, &options, &r, &err));
    assert_int_equal(r.damaged, 0);
    /* A recipe chose the pairs: a seal here would bring all of them. */
    cfg.recipe = WIT_STR("{\"per_query\":20}");
    must(wit_shards_seal(dir, &cfg, &sealed, &err));
    must(wit_shards_dataset_open(dir, NULL, &ds, &err));
    wit_shards_shard_info(ds, 0, &info);
    must(manifest_shard_path(path, dir, info.file, &err));
    wit_shards_dataset_close(ds);
    assert_int_equal(truncate(path, 20000), 0);
    assert_int_equal(wit_shards_repair(dir, &options, &r, &err), WIT_EEXIST);
    assert_non_null(strstr(err.text, "wit build"));
    assert_true(wit_file_exists(path));
    scratch_remove(dir);
}

int main(void) {
    scratch_in_memory();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_damage),          cmocka_unit_test(test_one_bit),
        cmocka_unit_test(test_structure_gone),      cmocka_unit_test(test_missing_and_cut),
        cmocka_unit_test(test_hidden_list_damaged), cmocka_unit_test(test_no_manifest),
        cmocka_unit_test(test_power_cuts),          cmocka_unit_test(test_in_place_whatever_fails),
        cmocka_unit_test(test_sealed_anew),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
