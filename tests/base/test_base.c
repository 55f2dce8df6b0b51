/* test_base.c: buffers, strings, hashes, random numbers, JSON, files, queues. */
#include "base/wit_base.h"

#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void error_sentence_keeps_context(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_error_set(&err, WIT_EFORMAT, "line %d is bad", 7), WIT_EFORMAT);
    assert_int_equal(wit_error_wrap(&err, "loading %s", "x.json"), WIT_EFORMAT);
    assert_string_equal(err.text, "loading x.json: line 7 is bad");
    assert_int_equal(wit_error_errno(&err, 2, "cannot open %s", "y"), WIT_ENOTFOUND);
    assert_string_equal(err.text, "cannot open y: No such file or directory");
    assert_string_equal(wit_status_name(WIT_ECORRUPT), "ECORRUPT");
    assert_string_equal(wit_status_name(-999), "unknown");
}

static void error_cuts_a_long_context(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    char longer[2 * WIT_ERROR_TEXT_MAX];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    wit_error_set(&err, WIT_EIO, "%s", longer);
    assert_int_equal(strlen(err.text), WIT_ERROR_TEXT_MAX - 1);
    wit_error_wrap(&err, "%s", longer);
    assert_true(strlen(err.text) < WIT_ERROR_TEXT_MAX);
    assert_int_equal(err.status, WIT_EIO);
}

static void buffer_stops_at_its_ceiling(void **state) {
    struct wit_buf b = WIT_BUF_INIT(8);
    assert_int_equal(wit_buf_append(&b, "12345", 5), 0);
    assert_int_equal(wit_buf_append(&b, "6789", 4), WIT_ELIMIT);
    assert_int_equal(b.len, 5);
    assert_int_equal(wit_buf_append(&b, "678", 3), 0);
    assert_int_equal(wit_buf_append_byte(&b, '9'), WIT_ELIMIT);
    assert_memory_equal(b.data, "12345678", 8);
    wit_buf_finish(&b);
    assert_null(b.data);
    assert_int_equal(wit_buf_printf(&b, "%d", 42), 0);
    assert_true(wit_str_eq(wit_buf_view(&b), WIT_STR("42")));
    wit_buf_finish(&b);
}

/* The rules of a hundred thousand sites have an arena each. */
static void small_arenas_are_small(void **state) {
    enum { COUNT = 1000 };
    struct wit_arena *arenas[COUNT];
    size_t before = mallinfo2().uordblks; /* says nothing under a sanitizer: 0 */
    for (size_t i = 0; i < COUNT; i++) {
        arenas[i] = wit_arena_create(1 << 20);
        assert_non_null(wit_arena_alloc(arenas[i], 100, 8));
    }
    assert_true(mallinfo2().uordblks - before < COUNT * 1500);
    for (size_t i = 0; i < COUNT; i++)
        wit_arena_destroy(arenas[i]);
}

static void arena_is_bounded_and_aligned(void **state) {
    struct wit_arena *a = wit_arena_create(1 << 20);
    assert_non_null(a);
    for (size_t align = 1; align <= 4096; align *= 2) {
        void *p = wit_arena_alloc(a, 100, align);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % align, 0);
    }
    assert_non_null(wit_arena_alloc(a, 900000, 8));
    assert_null(wit_arena_alloc(a, 900000, 8));
    assert_null(wit_arena_alloc(a, 8, 3));
    wit_arena_reset(a);
    assert_int_equal(wit_arena_used(a), 0);
    assert_string_equal(wit_arena_copy(a, "abc", 3), "abc");
    assert_true(wit_arena_held(a) > 900000); /* the memory was kept */
    wit_arena_trim(a, 200000);
    assert_int_equal(wit_arena_used(a), 0);
    assert_true(wit_arena_held(a) > 0 && wit_arena_held(a) <= 200000);
    assert_non_null(wit_arena_alloc(a, 900000, 8));
    wit_arena_trim(a, 0);
    assert_int_equal(wit_arena_held(a), 0);
    assert_string_equal(wit_arena_copy(a, "abc", 3), "abc");
    wit_arena_destroy(a);
    wit_arena_destroy(NULL);
}

static void strings_compare_and_search(void **state) {
    assert_true(wit_str_cmp(WIT_STR("ab"), WIT_STR("abc")) < 0);
    assert_true(wit_str_cmp(WIT_STR("b"), WIT_STR("abc")) > 0);
    assert_int_equal(wit_str_cmp(wit_str_of(NULL, 0), WIT_STR("")), 0);
    assert_true(wit_str_eq_nocase(WIT_STR("User-Agent"), WIT_STR("user-AGENT")));
    assert_int_equal(wit_str_find(WIT_STR("banana"), WIT_STR("an"), 2), 3);
    assert_int_equal(wit_str_find(WIT_STR("banana"), WIT_STR("x"), 0), -1);
    assert_int_equal(wit_str_find(WIT_STR("ab"), WIT_STR("abc"), 0), -1);
    assert_true(wit_str_eq(wit_str_trim(WIT_STR(" \t\f x y\r\n")), WIT_STR("x y")));
    assert_int_equal(wit_str_trim(WIT_STR("  ")).len, 0);
}

static void numbers_are_parsed_whole(void **state) {
    uint64_t u = 7;
    double d = 7;
    assert_int_equal(wit_str_to_u64(WIT_STR("18446744073709551615"), &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(wit_str_to_u64(WIT_STR("18446744073709551616"), &u), WIT_ELIMIT);
    assert_int_equal(wit_str_to_u64(WIT_STR("+1"), &u), WIT_EFORMAT);
    assert_int_equal(wit_str_to_u64(WIT_STR(""), &u), WIT_EFORMAT);
    assert_int_equal(wit_str_to_u64(WIT_STR("1 "), &u), WIT_EFORMAT);
    assert_int_equal(wit_str_to_double(WIT_STR("-1.5e3"), &d), 0);
    assert_true(d == -1500.0);
    assert_int_equal(wit_str_to_double(WIT_STR("1.5x"), &d), WIT_EFORMAT);
    assert_int_equal(wit_str_to_double(WIT_STR(" 1"), &d), WIT_EFORMAT);
}

static void hash_is_xxh3_128_in_canonical_order(void **state) {
    /* xxh128sum of the empty input and of "a" (xxHash 0.8.1's own tool). */
    char hex[WIT_HASH128_HEX];
    wit_hash128_to_hex(wit_hash128_of("", 0), hex);
    assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
    wit_hash128_to_hex(wit_hash128_of("a", 1), hex);
    assert_string_equal(hex, "a96faf705af16834e6c632b61e964e1f");
    struct wit_hash128 back;
    assert_int_equal(wit_hash128_from_hex(wit_str_from(hex), &back), 0);
    assert_true(wit_hash128_eq(back, wit_hash128_of("a", 1)));
    uint8_t bytes[16];
    wit_hash128_to_bytes(back, bytes);
    assert_int_equal(bytes[0], 0xa9);
    assert_true(wit_hash128_eq(wit_hash128_from_bytes(bytes), back));
    assert_int_equal(wit_hash128_from_hex(WIT_STR("a96f"), &back), WIT_EFORMAT);
}

static void hash_sums_wrap_at_128_bits(void **state) {
    struct wit_hash128 a = { UINT64_MAX, UINT64_MAX }, one = { 0, 1 };
    struct wit_hash128 sum = wit_hash128_add(a, one);
    assert_true(sum.hi == 0 && sum.lo == 0);
    assert_true(wit_hash128_eq(wit_hash128_sub(sum, one), a));
}

static void hasher_equals_one_shot(void **state) {
    struct wit_hasher *h = wit_hasher_create();
    assert_non_null(h);
    char text[1000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof text; i += 37)
        wit_hasher_update(h, text + i, sizeof text - i < 37 ? sizeof text - i : 37);
    assert_true(wit_hash128_eq(wit_hasher_digest(h), wit_hash128_of(text, sizeof text)));
    wit_hasher_destroy(h);
}

static void philox_gives_the_published_vectors(void **state) {
    /* Known answers of Random123 (kat_vectors, philox4x32-10). */
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } rows[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(rows); i++) {
        uint32_t out[4];
        wit_philox(rows[i].counter, rows[i].key, out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

static void random_streams_are_functions_of_their_names(void **state) {
    struct wit_random a, b;
    wit_random_init(&a, 1, 2, 3);
    wit_random_init(&b, 1, 2, 3);
    for (int i = 0; i < 100; i++)
        assert_true(wit_random_u64(&a) == wit_random_u64(&b));
    wit_random_init(&b, 1, 3, 2);
    assert_true(wit_random_u64(&a) != wit_random_u64(&b));
    double sum = 0, squares = 0;
    enum { N = 20000 };
    for (int i = 0; i < N; i++) {
        double x = wit_random_normal(&a);
        sum += x, squares += x * x;
        assert_true(wit_random_below(&a, 3) < 3);
    }
    assert_true(fabs(sum / N) < 0.05);
    assert_true(fabs(squares / N - 1) < 0.05);
}

static void permutation_is_a_bijection(void **state) {
    static const uint64_t sizes[] = { 1, 2, 3, 4, 5, 16, 17, 1000, 4097 };
    for (size_t s = 0; s < WIT_COUNT_OF(sizes); s++) {
        for (uint64_t key = 0; key < 5; key++) {
            uint8_t *seen = calloc(sizes[s], 1);
            assert_non_null(seen);
            for (uint64_t i = 0; i < sizes[s]; i++) {
                uint64_t to = wit_permute(i, sizes[s], key);
                assert_true(to < sizes[s]);
                assert_int_equal(seen[to]++, 0);
            }
            free(seen);
        }
    }
    assert_true(wit_permute(5, UINT64_MAX, 9) < UINT64_MAX);
}

static void json_round_trips_every_byte(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 16);
    struct wit_json_writer w;
    static const char text[] = "a\"\\\n\0\x01\x7f \xc3\xa9 \xf0\x9f\x98\x80";
    wit_json_writer_init(&w, &out);
    wit_json_object_begin(&w);
    wit_json_key(&w, "text");
    wit_json_put_str(&w, wit_str_of(text, sizeof text - 1));
    wit_json_key(&w, "list");
    wit_json_array_begin(&w);
    wit_json_put_int(&w, -5);
    wit_json_put_double(&w, 0.1);
    wit_json_put_double(&w, 3);
    wit_json_put_bool(&w, true);
    wit_json_put_null(&w);
    wit_json_array_end(&w);
    wit_json_object_end(&w);
    assert_int_equal(wit_json_writer_finish(&w), 0);

    struct wit_error err = WIT_ERROR_INIT;
    struct wit_json *root = NULL;
    assert_int_equal(wit_json_parse(wit_buf_view(&out), "test", &root, &err), 0);
    struct wit_str back;
    assert_int_equal(wit_json_string(wit_json_get(root, "text"), &back), 0);
    assert_true(wit_str_eq(back, wit_str_of(text, sizeof text - 1)));
    const struct wit_json *list = wit_json_get(root, "list");
    int64_t i;
    double d;
    assert_int_equal(wit_json_size(list), 5);
    assert_int_equal(wit_json_int(wit_json_at(list, 0), &i), 0);
    assert_int_equal(i, -5);
    assert_int_equal(wit_json_number(wit_json_at(list, 1), &d), 0);
    assert_true(d == 0.1);
    assert_int_equal(wit_json_type_of(wit_json_at(list, 2)), WIT_JSON_REAL);
    assert_int_equal(wit_json_int(wit_json_at(list, 9), &i), WIT_EFORMAT);
    wit_json_destroy(root);
    wit_buf_finish(&out);
}

/* Known answers: RFC 1321 and FIPS 180-4, for "abc". */
static void digests_are_those_that_others_compute(void **state) {
    static const struct {
        const char *name, *hex;
    } known[] = {
        { "md5", "900150983cd24fb0d6963f7d28e17f72" },
        { "sha1", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    };
    uint8_t bytes[WIT_DIGEST_MAX_BYTES];
    char hex[2 * WIT_DIGEST_MAX_BYTES + 1];
    enum wit_digest_kind kind;
    for (size_t i = 0; i < WIT_COUNT_OF(known); i++) {
        assert_int_equal(wit_digest_find(wit_str_from(known[i].name), &kind), 0);
        assert_string_equal(wit_digest_name(kind), known[i].name);
        int n = wit_digest_of(kind, WIT_STR("abc"), bytes, NULL);
        assert_int_equal(n, wit_digest_bytes(kind));
        wit_digest_to_hex(wit_str_of(bytes, (size_t)n), hex);
        assert_string_equal(hex, known[i].hex);
    }
    assert_int_equal(wit_digest_find(WIT_STR("SHA256"), &kind), WIT_ENOTFOUND);
    struct wit_str abc = WIT_STR("md5:900150983cd24fb0d6963f7d28e17f72");
    assert_int_equal(wit_digest_match(abc, WIT_STR("abc"), NULL), 1);
    assert_int_equal(wit_digest_match(abc, WIT_STR("abd"), NULL), 0);
    abc.len--;
    assert_int_equal(wit_digest_match(abc, WIT_STR("abc"), NULL), 0);
    assert_int_equal(wit_digest_match(WIT_STR("crc:00"), WIT_STR("abc"), NULL), WIT_EINVAL);
    assert_int_equal(wit_digest_match(WIT_STR("md5"), WIT_STR("abc"), NULL), WIT_EINVAL);
    assert_true(wit_digest_of(WIT_DIGEST_MD5, wit_str_of(NULL, 0), bytes, NULL) == 16);
}

/* Longer than what is read at one time. */
static void digests_of_files_are_those_of_their_bytes(void **state) {
    static char data[200000];
    uint8_t of_file[WIT_DIGEST_MAX_BYTES], of_bytes[WIT_DIGEST_MAX_BYTES];
    char path[] = "/tmp/wit-digest-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31 + i / 251);
    for (size_t len = 0; len <= sizeof data; len += 50000) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, data, len, 0), len);
        assert_int_equal(wit_digest_file(WIT_DIGEST_SHA256, path, of_file, NULL), 32);
        assert_int_equal(wit_digest_of(WIT_DIGEST_SHA256, wit_str_of(data, len), of_bytes, NULL),
                         32);
        assert_memory_equal(of_file, of_bytes, 32);
    }
    close(fd);
    unlink(path);
    assert_int_equal(wit_digest_file(WIT_DIGEST_SHA256, path, of_file, NULL), WIT_ENOTFOUND);
    assert_true(wit_digest_file(WIT_DIGEST_SHA256, "/", of_file, NULL) < 0);
}

static void json_writer_replaces_invalid_utf8(void **state) {
    struct wit_buf out = WIT_BUF_INIT(1 << 16);
    struct wit_json_writer w;
    wit_json_writer_init(&w, &out);
    wit_json_put_str(&w, WIT_STR("a\xff\xc0\x80\xed\xa0\x80z"));
    assert_int_equal(wit_json_writer_finish(&w), 0);
    struct wit_json *root = NULL;
    assert_int_equal(wit_json_parse(wit_buf_view(&out), "test", &root, NULL), 0);
    struct wit_str back;
    assert_int_equal(wit_json_string(root, &back), 0);
    assert_true(wit_str_starts_with(back, WIT_STR("a\xEF\xBF\xBD")));
    assert_true(wit_str_ends_with(back, WIT_STR("\xEF\xBF\xBDz")));
    wit_json_destroy(root);
    wit_buf_finish(&out);
}

static void json_errors_name_the_place(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_json *root = NULL;
    assert_int_equal(wit_json_parse(WIT_STR("{\"a\": \n nope}"), "job.json", &root, &err),
                     WIT_EFORMAT);
    assert_non_null(strstr(err.text, "job.json:2:"));
    assert_int_equal(wit_json_parse(WIT_STR("{\"a\":1,\"a\":2}"), "x", &root, &err), WIT_EFORMAT);
    assert_null(root);
}

static char *temporary_directory(void) {
    char template[] = "/tmp/wit-test-XXXXXX";
    char *made = mkdtemp(template);
    assert_non_null(made);
    return strdup(made);
}

static void files_are_replaced_whole(void **state) {
    char *dir = temporary_directory(), path[WIT_PATH_MAX];
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_buf text = WIT_BUF_INIT(5);
    assert_int_equal(wit_path_join(path, dir, "a/b"), 0);
    assert_int_equal(wit_dir_make(path, &err), 0);
    assert_int_equal(wit_dir_make(path, &err), 0);
    assert_int_equal(wit_path_join(path, dir, "f"), 0);
    assert_int_equal(wit_file_read(path, &text, &err), WIT_ENOTFOUND);
    assert_int_equal(wit_file_write_atomic(path, WIT_STR("hello"), &err), 0);
    assert_int_equal(wit_file_read(path, &text, &err), 0);
    assert_true(wit_str_eq(wit_buf_view(&text), WIT_STR("hello")));
    assert_int_equal(wit_file_write_atomic(path, WIT_STR("hello!"), &err), 0);
    wit_buf_reset(&text);
    assert_int_equal(wit_file_read(path, &text, &err), WIT_ELIMIT);
    assert_int_equal(text.len, 0);
    struct wit_strings names;
    assert_int_equal(wit_dir_list(dir, &names, &err), 0);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.items[0], "a");
    wit_strings_finish(&names);
    assert_int_equal(wit_file_read(dir, &text, &err), WIT_EIO);
    assert_int_equal(wit_dir_remove(dir, &err), 0);
    assert_false(wit_file_exists(dir));
    assert_int_equal(wit_dir_remove(dir, &err), 0);
    wit_buf_finish(&text);
    free(dir);
}

static void assert_text(const char *path, const char *expected) {
    struct wit_buf text = WIT_BUF_INIT(100);
    assert_int_equal(wit_file_read(path, &text, NULL), 0);
    assert_true(wit_str_eq(wit_buf_view(&text), wit_str_from(expected)));
    wit_buf_finish(&text);
}

/* As root, a rename once put a regular file in the place of /dev/stdout. */
static void what_is_no_file_is_not_replaced(void **state) {
    char *dir = temporary_directory(), path[WIT_PATH_MAX], target[WIT_PATH_MAX], got[8];
    struct wit_error err = WIT_ERROR_INIT;
    struct wit_strings names;
    struct stat info;

    assert_int_equal(wit_path_join(path, dir, "pipe"), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK); /* so that the writer does not wait for a reader */
    assert_true(fd >= 0);
    assert_int_equal(wit_file_write_atomic(path, WIT_STR("hello"), &err), 0);
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_memory_equal(got, "hello", 5);
    close(fd);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));

    assert_int_equal(wit_path_join(path, dir, "folder"), 0);
    assert_int_equal(wit_dir_make(path, &err), 0);
    assert_int_equal(wit_file_write_atomic(path, WIT_STR("x"), &err), WIT_EIO);
    assert_non_null(strstr(err.text, "it is a directory"));

    assert_int_equal(wit_path_join(target, dir, "folder/target"), 0);
    assert_int_equal(wit_file_write_atomic(target, WIT_STR("old"), &err), 0);
    assert_int_equal(wit_path_join(path, dir, "link"), 0);
    assert_int_equal(symlink("folder/target", path), 0);
    assert_int_equal(wit_file_write_atomic(path, WIT_STR("new"), &err), 0);
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_text(target, "new");

    assert_int_equal(wit_dir_list(dir, &names, &err), 0);
    assert_int_equal(names.count, 3); /* no .tmp is left */
    wit_strings_finish(&names);
    assert_int_equal(wit_dir_remove(dir, &err), 0);
    free(dir);
}

/* /dev/fd/N and /dev/stdout are links to what no path names. */
static void an_open_pipe_is_written_through(void **state) {
    struct wit_error err = WIT_ERROR_INIT;
    char path[64], got[8];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    if (!wit_file_exists(path)) {
        print_message("skipped: there is no /dev/fd\n");
    } else {
        assert_int_equal(wit_file_write_atomic(path, WIT_STR("hello"), &err), 0);
        assert_int_equal(read(ends[0], got, sizeof got), 5);
        assert_memory_equal(got, "hello", 5);
    }
    close(ends[0]);
    close(ends[1]);
}

static void lines_have_a_ceiling(void **state) {
    static const char text[] = "one\r\n\nlonger than ten bytes\nlast";
    FILE *f = fmemopen((void *)(uintptr_t)text, sizeof text - 1, "r");
    struct wit_lines *l = NULL;
    struct wit_str line;
    struct wit_error err = WIT_ERROR_INIT;
    assert_int_equal(wit_lines_open(f, 10, &l, &err), 0);
    assert_int_equal(wit_lines_next(l, &line, &err), 1);
    assert_true(wit_str_eq(line, WIT_STR("one")));
    assert_int_equal(wit_lines_next(l, &line, &err), 1);
    assert_int_equal(line.len, 0);
    assert_int_equal(wit_lines_next(l, &line, &err), WIT_ELIMIT);
    assert_int_equal(wit_lines_number(l), 3);
    assert_int_equal(wit_lines_next(l, &line, &err), 1);
    assert_true(wit_str_eq(line, WIT_STR("last")));
    assert_int_equal(wit_lines_next(l, &line, &err), 0);
    wit_lines_close(l);
    fclose(f);
}

static void note_count(void *user, const char *name, uint64_t n) {
    wit_buf_printf(user, "%s=%llu ", name, (unsigned long long)n);
}

static void counters_list_by_name(void **state) {
    struct wit_counters *c = wit_counters_create();
    struct wit_buf text = WIT_BUF_INIT(1000);
    wit_counters_add(c, "http_404", 2);
    wit_counters_add(c, "dns", 1);
    wit_counters_add(c, "http_404", 3);
    wit_counters_each(c, note_count, &text);
    assert_true(wit_str_eq(wit_buf_view(&text), WIT_STR("dns=1 http_404=5 ")));
    assert_int_equal(wit_counters_get(c, "none"), 0);
    wit_counters_destroy(c);
    wit_buf_finish(&text);
}

enum { ITEMS = 2000 };

static void *produce(void *user) {
    for (uintptr_t i = 1; i <= ITEMS; i++)
        assert_int_equal(wit_queue_push(user, (void *)i), 0);
    return NULL;
}

static void queue_hands_every_item_over_once(void **state) {
    struct wit_queue *q = wit_queue_create(7);
    pthread_t producers[2];
    uint64_t sum = 0;
    void *item;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&producers[i], NULL, produce, q), 0);
    for (int i = 0; i < 2 * ITEMS; i++) {
        assert_int_equal(wit_queue_pop(q, &item), 0);
        sum += (uintptr_t)item;
    }
    for (int i = 0; i < 2; i++)
        pthread_join(producers[i], NULL);
    assert_true(sum == (uint64_t)ITEMS * (ITEMS + 1));
    assert_int_equal(wit_queue_try_pop(q, &item), WIT_EAGAIN);
    assert_int_equal(wit_queue_try_push(q, q), 0);
    wit_queue_close(q);
    assert_int_equal(wit_queue_push(q, q), WIT_ECANCELED);
    assert_int_equal(wit_queue_pop(q, &item), 0);
    assert_int_equal(wit_queue_pop(q, &item), WIT_ECANCELED);
    wit_queue_destroy(q);
}

static void lines_end_with_lf_or_the_text(void **state) {
    const struct wit_str text = WIT_STR("one\n\ntwo\r\nlast");
    const char *const want[] = { "one", "", "two\r", "last" };
    struct wit_str line;
    size_t at = 0;
    for (size_t i = 0; i < WIT_COUNT_OF(want); i++) {
        assert_true(wit_str_line_next(text, &at, &line));
        assert_true(wit_str_eq(line, wit_str_from(want[i])));
    }
    assert_false(wit_str_line_next(text, &at, &line));
    at = 0;
    assert_false(wit_str_line_next(WIT_STR(""), &at, &line));
    assert_true(wit_str_line_next(WIT_STR("\n"), &at, &line));
    assert_false(wit_str_line_next(WIT_STR("\n"), &at, &line));
}

/* Into a log, which is no terminal: a line every 30 s, none of a short job. */
static void progress_in_a_log_is_a_line_now_and_then(void **state) {
    FILE *log = tmpfile();
    struct wit_progress p;
    char text[512] = "";
    int own = dup(STDERR_FILENO);
    assert_non_null(log);
    assert_true(own >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
    wit_progress_start(&p, "crawl", "urls", 100, false);
    wit_progress_update(&p, 1, 0, "soon");
    bool silent = lseek(STDERR_FILENO, 0, SEEK_END) == 0;
    for (uint64_t n = 2; n < 6; n++) {
        if (n % 2) { /* as if the time were over */
            p.last_ms -= WIT_PROGRESS_LINE_MS;
            p.start_ms -= WIT_PROGRESS_LINE_MS;
        }
        wit_progress_update(&p, n, 1, "3 hosts");
    }
    wit_progress_finish(&p, "");
    dup2(own, STDERR_FILENO);
    close(own);
    rewind(log);
    size_t len = fread(text, 1, sizeof text - 1, log);
    fclose(log);
    assert_true(silent);
    text[len] = '\0';
    unsigned lines = 0;
    for (const char *c = text; *c; c++) {
        lines += *c == '\n';
        assert_true(*c != '\r' && *c != '\033');
    }
    assert_int_equal(lines, 3); /* two, and the last one */
    assert_int_equal(strncmp(text, "crawl: 3/100 urls, ", 19), 0);
    assert_non_null(strstr(text, ", 3 hosts\ncrawl: 5/100 urls, "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_sentence_keeps_context),
        cmocka_unit_test(error_cuts_a_long_context),
        cmocka_unit_test(buffer_stops_at_its_ceiling),
        cmocka_unit_test(arena_is_bounded_and_aligned),
        cmocka_unit_test(small_arenas_are_small),
        cmocka_unit_test(strings_compare_and_search),
        cmocka_unit_test(lines_end_with_lf_or_the_text),
        cmocka_unit_test(progress_in_a_log_is_a_line_now_and_then),
        cmocka_unit_test(numbers_are_parsed_whole),
        cmocka_unit_test(hash_is_xxh3_128_in_canonical_order),
        cmocka_unit_test(hash_sums_wrap_at_128_bits),
        cmocka_unit_test(hasher_equals_one_shot),
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(random_streams_are_functions_of_their_names),
        cmocka_unit_test(permutation_is_a_bijection),
        cmocka_unit_test(json_round_trips_every_byte),
        cmocka_unit_test(json_writer_replaces_invalid_utf8),
        cmocka_unit_test(digests_are_those_that_others_compute),
        cmocka_unit_test(digests_of_files_are_those_of_their_bytes),
        cmocka_unit_test(json_errors_name_the_place),
        cmocka_unit_test(files_are_replaced_whole),
        cmocka_unit_test(what_is_no_file_is_not_replaced),
        cmocka_unit_test(an_open_pipe_is_written_through),
        cmocka_unit_test(lines_have_a_ceiling),
        cmocka_unit_test(counters_list_by_name),
        cmocka_unit_test(queue_hands_every_item_over_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
