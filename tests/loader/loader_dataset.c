/* loader_dataset.c: a small sealed dataset for tests. */
#include "loader_dataset.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void must(int st, const struct wit_error *err) {
    if (st < 0)
        fail_msg("%s", err->text);
}

static void add(struct wit_shards_collector *c, uint32_t i, struct wit_str bytes,
                const struct wit_image_info *info) {
    struct wit_error err = WIT_ERROR_INIT;
    char url[64], text[64];
    snprintf(url, sizeof url, "http://images.test/%u.jpg", i);
    for (uint32_t k = 0; k < 1 + i % 3; k++) {
        snprintf(text, sizeof text, "caption %u of %u", k, i);
        const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                                   .text = wit_str_from(text),
                                                   .source = WIT_SHARDS_ALT };
        must(wit_shards_collector_add_candidate(c, &cand, &err), &err);
    }
    const struct wit_shards_fetched f = { .url = wit_str_from(url),
                                          .final_url = wit_str_from(url),
                                          .bytes = bytes,
                                          .info = *info,
                                          .fetched_at_s = 1700000000 };
    must(wit_shards_collector_add_image(c, &f, &err), &err);
}

static void add_good(struct wit_shards_collector *c, uint32_t i, const struct wit_strings *names,
                     const char *images) {
    struct wit_error err = WIT_ERROR_INIT;
    const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_image_info info;
    struct wit_buf bytes = WIT_BUF_INIT(1 << 20);
    char path[WIT_PATH_MAX];
    /* Names come in pairs, picture and pixels. */
    char *const *pair = &names->items[2 * (i % (names->count / 2))];
    const char *name = pair[wit_str_ends_with(wit_str_from(pair[0]), WIT_STR(".rgb"))];
    must(wit_path_join(path, images, name), &err);
    must(wit_file_read(path, &bytes, &err), &err);
    must(wit_buf_printf(&bytes, "%u", i), &err);
    must(wit_image_walk(wit_buf_view(&bytes), &limits, &info, &err), &err);
    add(c, i, wit_buf_view(&bytes), &info);
    wit_buf_finish(&bytes);
}

void dataset_make(uint32_t good, uint32_t broken, int shard_bits, char dir[WIT_PATH_MAX]) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_shards_collector *c = NULL;
    struct wit_strings names;
    struct wit_shards_seal_report report;
    char images[WIT_PATH_MAX];
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, WIT_PATH_MAX, "%s/wit-loader-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        fail_msg("cannot make %s", dir);
    snprintf(images, sizeof images, "%s/tests/golden/image/images", getenv("WIT_SOURCE_ROOT"));
    must(wit_dir_list(images, &names, &err), &err);
    must(wit_shards_collector_open(dir, &c, &err), &err);
    for (uint32_t i = 0; i < good; i++)
        add_good(c, i, &names, images);
    for (uint32_t i = 0; i < broken; i++) {
        const struct wit_image_info info = { .format = WIT_IMAGE_PNG,
                                             .width = 8,
                                             .height = 8,
                                             .components = 3,
                                             .bit_depth = 8,
                                             .orientation = 1 };
        char bytes[64];
        int n = snprintf(bytes, sizeof bytes, "\x89PNG\r\n\x1a\nbroken %u", i);
        add(c, good + i, wit_str_of(bytes, (size_t)n), &info);
    }
    must(wit_shards_collector_commit(c, &err), &err);
    wit_shards_collector_close(c);
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    cfg.shard_bits = shard_bits;
    cfg.threads = 1;
    must(wit_shards_seal(dir, &cfg, &report, &err), &err);
    assert_int_equal(report.samples, good + broken);
    wit_strings_finish(&names);
}

void dataset_remove(const char *dir) {
    struct wit_error err = WIT_ERROR_INIT;
    must(wit_dir_remove(dir, &err), &err);
}
