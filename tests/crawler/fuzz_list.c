/*
 * fuzz_list.c: any bytes are a list of any format, which gives the same rows in pieces of any size
 * and from any position on. The first byte is the format, the second the size of the pieces, the
 * third after how many rows the reading is taken up again; the rest is the file.
 */
#include "text/wit_text.h"
#include "wit_crawler_list.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_BYTES = 3, SIZE_MOST = 64 * 1024, ROW_BYTES = 256 };

static void must(bool holds) {
    if (!holds)
        abort();
}

static const char *const captions[] = { "c", "alt" }, *const wit_captions[] = { "alt", "context" };
static const char *const keep[] = { "k" }, *const languages[] = { "en" };

static struct wit_crawler_list *list_open(const char *const *paths,
                                          enum wit_crawler_list_format format, size_t chunk) {
    struct wit_crawler_list *list = NULL;
    bool wit = format == WIT_CRAWLER_LIST_WIT, columns = format != WIT_CRAWLER_LIST_TXT;
    const struct wit_crawler_list_config cfg = {
        .paths = paths,
        .path_count = 1,
        .format = format,
        .caption_columns = wit ? wit_captions : captions,
        .caption_count = columns ? 2 : 0,
        .keep_columns = keep,
        .keep_count = columns ? 1 : 0,
        .languages = languages,
        .language_count = wit ? 1 : 0,
        .hash_column = format == WIT_CRAWLER_LIST_CSV ? "h" : NULL,
        .hash_kind = WIT_DIGEST_MD5,
        .row_bytes_most = ROW_BYTES,
        .chunk_bytes = chunk,
    };
    must(wit_crawler_list_open(&cfg, &list, NULL) == 0 && list);
    return list;
}

static void row_hash(struct wit_hasher *h, const struct wit_crawler_list_row *row) {
    const struct wit_str fields[] = { wit_str_from(row->reason), row->url, row->page, row->extra,
                                      row->digest };
    uint8_t line[8];
    wit_store_le64(line, row->line);
    wit_hasher_update(h, line, sizeof line);
    for (size_t i = 0; i < WIT_COUNT_OF(fields); i++) {
        if (fields[i].len)
            wit_hasher_update(h, fields[i].data, fields[i].len);
        wit_hasher_update(h, "", 1);
    }
    for (size_t i = 0; i < row->caption_count; i++) {
        must(wit_utf8_valid(row->captions[i]) && wit_str_trim(row->captions[i]).len > 0);
        wit_hasher_update(h, row->captions[i].data, row->captions[i].len);
        wit_hasher_update(h, "", 1);
    }
}

static void row_check(const struct wit_crawler_list_row *row) {
    must(row->line >= 1 && (row->reason || row->url.len > 0));
    if (row->extra.len) {
        struct wit_json *json = NULL;
        must(wit_json_parse(row->extra, "extra", &json, NULL) == 0);
        wit_json_destroy(json);
    }
}

/* A hash of the rows behind the first `skip`; with `at`, where those end. */
static struct wit_hash128 rows_read(struct wit_crawler_list *list, uint64_t skip,
                                    struct wit_crawler_list_position *at) {
    struct wit_hasher *h = wit_hasher_create();
    struct wit_crawler_list_row row;
    uint64_t n = 0;
    must(h != NULL);
    if (at)
        *at = wit_crawler_list_tell(list);
    while (wit_crawler_list_next(list, &row, NULL) > 0) {
        row_check(&row);
        if (n++ >= skip)
            row_hash(h, &row);
        else if (at)
            *at = wit_crawler_list_tell(list);
    }
    struct wit_hash128 hash = wit_hasher_digest(h);
    wit_hasher_destroy(h);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD_BYTES || size > SIZE_MOST)
        return 0;
    enum wit_crawler_list_format format =
        (enum wit_crawler_list_format)(WIT_CRAWLER_LIST_TXT + data[0] % 6);
    struct wit_crawler_list_position at;
    char path[64];
    const char *paths[] = { path };
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && wit_fd_write_all(fd, data + HEAD_BYTES, size - HEAD_BYTES, "memfd", NULL) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);

    struct wit_crawler_list *list = list_open(paths, format, 0);
    struct wit_hash128 whole = rows_read(list, 0, NULL);
    uint64_t unreadable = wit_crawler_list_unreadable(list);
    wit_crawler_list_close(list);

    list = list_open(paths, format, 1u + data[1]);
    must(wit_hash128_eq(rows_read(list, 0, NULL), whole));
    must(wit_crawler_list_unreadable(list) == unreadable);
    wit_crawler_list_close(list);

    list = list_open(paths, format, 1u + data[1]);
    struct wit_hash128 rest = rows_read(list, data[2], &at);
    wit_crawler_list_close(list);
    list = list_open(paths, format, 0);
    must(wit_crawler_list_seek(list, &at, NULL) == 0);
    must(wit_hash128_eq(rows_read(list, 0, NULL), rest));
    wit_crawler_list_close(list);
    close(fd);
    return 0;
}
