/* blocked_log.c: salt, salted digests, one line at a time. */
#include "blocked_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

enum { SALT_BYTES = 32, ITEM_BYTES = 16, TEXT_MOST_BYTES = 1 << 20 };

static int path_make(char out[WIT_PATH_MAX], const char *dir, const char *name,
                     struct wit_error *err) {
    int n = snprintf(out, WIT_PATH_MAX, "%s/crawl/%s", dir, name);
    return n < WIT_PATH_MAX ? 0 : wit_error_set(err, WIT_ELIMIT, "path is too long: %s", dir);
}

static int write_whole(int fd, struct wit_str bytes, const char *path, struct wit_error *err) {
    ssize_t n = write(fd, bytes.data, bytes.len);
    if (n < 0 || (size_t)n != bytes.len)
        return wit_error_errno(err, n < 0 ? errno : ENOSPC, "cannot write %s", path);
    return fsync(fd) < 0 ? wit_error_errno(err, errno, "cannot sync %s", path) : 0;
}

static int salt_make(const char *path, uint8_t salt[SALT_BYTES], struct wit_error *err) {
    if (getrandom(salt, SALT_BYTES, 0) != SALT_BYTES)
        return wit_error_errno(err, errno, "no random number for %s", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot make %s", path);
    int st = write_whole(fd, wit_str_of(salt, SALT_BYTES), path, err);
    close(fd);
    if (st < 0)
        unlink(path); /* half a salt would be none */
    return st;
}

static int salt_load(const char *dir, uint8_t salt[SALT_BYTES], struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(SALT_BYTES);
    char path[WIT_PATH_MAX];
    int st = path_make(path, dir, "blocked.salt", err);
    if (st < 0)
        return st;
    if (!wit_file_exists(path))
        return salt_make(path, salt, err);
    st = wit_file_read(path, &bytes, err);
    if (st >= 0 && bytes.len != SALT_BYTES)
        st = wit_error_set(err, WIT_ECORRUPT, "%s is not a salt of %d bytes", path, SALT_BYTES);
    if (st >= 0)
        memcpy(salt, bytes.data, SALT_BYTES);
    wit_buf_finish(&bytes);
    return st < 0 ? st : 0;
}

/* Hex of the first ITEM_BYTES of SHA-256(salt, what). */
static int salted(const uint8_t salt[SALT_BYTES], struct wit_str what, char out[2 * ITEM_BYTES + 1],
                  struct wit_error *err) {
    struct wit_buf text = WIT_BUF_INIT(SALT_BYTES + TEXT_MOST_BYTES);
    uint8_t digest[WIT_DIGEST_MAX_BYTES];
    int st = wit_buf_append(&text, salt, SALT_BYTES);
    if (st >= 0)
        st = wit_buf_append_str(&text, what);
    if (st < 0)
        wit_error_set(err, st, "no memory for a line of blocked.jsonl");
    else
        st = wit_digest_of(WIT_DIGEST_SHA256, wit_buf_view(&text), digest, err);
    if (st >= 0)
        wit_digest_to_hex(wit_str_of(digest, ITEM_BYTES), out);
    wit_buf_finish(&text);
    return st < 0 ? st : 0;
}

static int line_write(const char *dir, struct wit_str line, struct wit_error *err) {
    char path[WIT_PATH_MAX];
    int st = path_make(path, dir, "blocked.jsonl", err);
    if (st < 0)
        return st;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", path);
    st = write_whole(fd, line, path, err);
    close(fd);
    return st;
}

int blocked_log_add(const char *dir, const struct wit_crawler_blocklist *list,
                    const struct wit_crawler_blocked *blocked, struct wit_str url,
                    struct wit_error *err) {
    struct wit_buf line = WIT_BUF_INIT(4096);
    char item[2 * ITEM_BYTES + 1], place[2 * ITEM_BYTES + 1];
    uint8_t salt[SALT_BYTES];
    int st = salt_load(dir, salt, err);
    if (st >= 0)
        st = salted(salt, wit_str_of(blocked->hash, blocked->hash_bytes), item, err);
    if (st >= 0)
        st = salted(salt, url, place, err);
    if (st < 0)
        return st;
    const struct {
        const char *key, *value;
    } members[] = { { "list", wit_crawler_blocklist_name(list, blocked->list) },
                    { "kind", blocked->kind },
                    { "item", item },
                    { "url", place } };
    struct wit_json_writer w;
    wit_json_writer_init(&w, &line);
    wit_json_object_begin(&w);
    wit_json_key(&w, "time_s");
    wit_json_put_int(&w, wit_clock_wall_s());
    for (size_t i = 0; i < WIT_COUNT_OF(members); i++) {
        wit_json_key(&w, members[i].key);
        wit_json_put_cstr(&w, members[i].value);
    }
    wit_json_object_end(&w);
    st = wit_json_writer_finish(&w);
    if (st >= 0)
        st = wit_buf_append_byte(&line, '\n');
    if (st < 0)
        wit_error_set(err, st, "no memory for a line of blocked.jsonl");
    else
        st = line_write(dir, wit_buf_view(&line), err);
    wit_buf_finish(&line);
    return st < 0 ? st : 0;
}
