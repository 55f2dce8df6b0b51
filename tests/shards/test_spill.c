/* test_spill.c: what comes out is sorted, and the memory decides nothing. */
#include "collection.h"
#include "hidden_call.h"
#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;

/* Stands before libc's: a file system without files that have no name. */
static bool only_names;
static unsigned named;

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (only_names && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    named += flags & O_CREAT ? 1 : 0;
    return ((int (*)(const char *, int, ...))hidden("open64"))(path, flags, mode);
}

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static size_t order_bytes; /* of the records that qsort compares */

static int order(const void *a, const void *b) {
    return memcmp(a, b, order_bytes);
}

/* Few distinct bytes where `narrow`: long common prefixes and whole repeats. */
static void fill(uint8_t *records, uint64_t count, size_t size, bool narrow, uint64_t seed) {
    struct wit_random rng;
    wit_random_init(&rng, seed, 0, 0);
    for (uint64_t i = 0; i < count * size; i++)
        records[i] = narrow ? (uint8_t)(i % size < size / 2 ? 7 : wit_random_below(&rng, 2))
                            : (uint8_t)wit_random_u32(&rng);
}

static void check(const char *dir, uint64_t count, size_t size, size_t memory, bool narrow) {
    struct spill *s = NULL;
    struct spill_cursor c;
    const uint8_t *record;
    uint8_t *records = malloc(count * size + 1), *back = malloc(count * size + 1);
    assert_true(records && back);
    fill(records, count, size, narrow, count + size);
    must(spill_create(dir, size, memory, NULL, &s, &err));
    for (uint64_t i = 0; i < count; i++)
        must(spill_add(s, records + i * size, &err));
    must(spill_settle(s, &err));
    order_bytes = size;
    qsort(records, count, size, order);
    assert_int_equal(spill_count(s), count);
    assert_int_equal(spill_file_bytes(s) > 0, count * size > memory);
    must(spill_read(s, 0, count, back, &err));
    assert_true(memcmp(records, back, count * size) == 0);
    uint64_t from = count / 3, to = count - count / 4;
    must(spill_cursor_begin(&c, s, from, to, &err));
    for (uint64_t i = from; i < to; i++) {
        assert_int_equal(spill_cursor_next(&c, &record, &err), 1);
        assert_memory_equal(record, records + i * size, size);
    }
    assert_int_equal(spill_cursor_next(&c, &record, &err), 0);
    spill_cursor_finish(&c);
    spill_destroy(s);
    free(records);
    free(back);
}

static void sorted_whatever_the_memory(void **state) {
    static const uint64_t counts[] = { 0, 1, 2, 25, 700, 9000 };
    static const size_t sizes[] = { 1, 3, 24, 44, 48, 64 };
    char dir[WIT_PATH_MAX];
    struct wit_strings names;
    scratch_make(dir);
    for (size_t i = 0; i < WIT_COUNT_OF(counts); i++)
        for (size_t k = 0; k < WIT_COUNT_OF(sizes); k++)
            for (int narrow = 0; narrow < 2; narrow++) {
                check(dir, counts[i], sizes[k], SPILL_LEAST_BYTES, narrow);
                check(dir, counts[i], sizes[k], 1 << 20, narrow);
            }
    check(dir, 150000, 64, SPILL_LEAST_BYTES, false); /* 146 runs: merged on the way too */
    assert_int_equal(named, 0);
    only_names = true;
    check(dir, 9000, 48, SPILL_LEAST_BYTES, false);
    only_names = false;
    assert_int_equal(named, 1);
    must(wit_dir_list(dir, &names, &err));
    assert_int_equal(names.count, 0);
    wit_strings_finish(&names);
    scratch_remove(dir);
}

static void an_interrupt_ends_a_merge(void **state) {
    static volatile int interrupt;
    struct spill *s = NULL;
    char dir[WIT_PATH_MAX];
    uint8_t record[64] = { 0 };
    scratch_make(dir);
    must(spill_create(dir, sizeof record, SPILL_LEAST_BYTES, &interrupt, &s, &err));
    for (uint32_t i = 0; i < 40000; i++) {
        wit_store_be32(record, i * 2654435761u);
        must(spill_add(s, record, &err));
    }
    interrupt = 1;
    assert_int_equal(spill_settle(s, &err), WIT_ECANCELED);
    spill_destroy(s);
    scratch_remove(dir);
}

static void a_folder_that_is_not_there(void **state) {
    struct spill *s = NULL;
    uint8_t record[64] = { 0 };
    int st = 0;
    must(spill_create("/nonexistent/folder", sizeof record, 0, NULL, &s, &err));
    for (int i = 0; i < 2000 && st >= 0; i++)
        st = spill_add(s, record, &err);
    assert_int_equal(st, WIT_ENOTFOUND);
    assert_non_null(strstr(err.text, "/nonexistent/folder"));
    spill_destroy(s);
    spill_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_whatever_the_memory),
        cmocka_unit_test(an_interrupt_ends_a_merge),
        cmocka_unit_test(a_folder_that_is_not_there),
    };
    return cmocka_run_group_tests_name("spill", tests, NULL, NULL);
}
