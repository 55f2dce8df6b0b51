/*
 * bench_dataset.c: a folder of images becomes a sealed dataset, for benchmarks of what reads one.
 *
 *     bench_dataset FOLDER OUT     FOLDER/x.jpg or x.png with its caption in FOLDER/x.txt
 */
#include "wit_shards.h"

#include <stdlib.h>

struct one {
    struct wit_buf image, text;
};

static int add(struct wit_shards_collector *c, const char *folder, const char *name,
               struct one *one, struct wit_error *err) {
    const struct wit_image_limits limits = WIT_IMAGE_LIMITS_DEFAULT;
    struct wit_image_info info;
    char path[WIT_PATH_MAX], url[WIT_PATH_MAX];
    wit_buf_reset(&one->image);
    wit_buf_reset(&one->text);
    int st = wit_path_join(path, folder, name);
    if (st == 0)
        st = wit_file_read(path, &one->image, err);
    if (st == 0)
        st = wit_image_walk(wit_buf_view(&one->image), &limits, &info, err);
    if (st < 0)
        return st;
    memcpy(path + strlen(path) - 3, "txt", 3);
    st = wit_file_read(path, &one->text, err);
    if (st < 0)
        return st;
    snprintf(url, sizeof url, "http://images.test/%s", name);
    const struct wit_shards_candidate cand = { .url = wit_str_from(url),
                                               .text = wit_buf_view(&one->text),
                                               .source = WIT_SHARDS_LIST };
    const struct wit_shards_fetched fetched = { .url = wit_str_from(url),
                                                .final_url = wit_str_from(url),
                                                .bytes = wit_buf_view(&one->image),
                                                .info = info };
    st = wit_shards_collector_add_candidate(c, &cand, err);
    return st < 0 ? st : wit_shards_collector_add_image(c, &fetched, err);
}

int main(int argc, char **argv) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_shards_collector *c = NULL;
    struct wit_strings names = { NULL, 0 };
    struct wit_shards_seal_report report;
    struct wit_shards_seal_config cfg = wit_shards_seal_config_default();
    struct one one = { WIT_BUF_INIT(WIT_SHARDS_MAX_IMAGE_BYTES), WIT_BUF_INIT(1 << 20) };
    if (argc != 3) {
        fprintf(stderr, "usage: bench_dataset FOLDER OUT\n");
        return 2;
    }
    int st = wit_dir_make(argv[2], &err);
    if (st == 0)
        st = wit_dir_list(argv[1], &names, &err);
    if (st == 0)
        st = wit_shards_collector_open(argv[2], &c, &err);
    for (size_t i = 0; st >= 0 && i < names.count; i++)
        if (!wit_str_ends_with(wit_str_from(names.items[i]), WIT_STR(".txt")))
            st = add(c, argv[1], names.items[i], &one, &err);
    if (st >= 0)
        st = wit_shards_collector_commit(c, &err);
    wit_shards_collector_close(c);
    if (st >= 0)
        st = wit_shards_seal(argv[2], &cfg, &report, &err);
    if (st < 0)
        fprintf(stderr, "bench_dataset: %s\n", err.text);
    wit_buf_finish(&one.image);
    wit_buf_finish(&one.text);
    wit_strings_finish(&names);
    return st < 0 ? 1 : 0;
}
