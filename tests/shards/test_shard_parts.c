/* test_shard_parts.c: record, segment log and dataset hash, one by one. */
#include "collect.h"
#include "collection.h"
#include "manifest.h"
#include "record.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;

static void must(int st) {
    if (st < 0)
        print_error("%s\n", err.text);
    assert_true(st >= 0);
}

static const struct wit_image_info info = { .format = WIT_IMAGE_PNG,
                                            .width = 640,
                                            .height = 480,
                                            .components = 4,
                                            .bit_depth = 16,
                                            .orientation = 6,
                                            .progressive = true,
                                            .alpha = true };

/* A value with captions of these texts (sorted), and its key. */
static struct wit_hash128 value_make(struct wit_buf *buf, const char *const *texts, uint32_t count,
                                     struct wit_str image) {
    struct record_caption captions[8];
    struct wit_hash128 key = wit_hash128_of(image.data, image.len);
    for (uint32_t i = 0; i < count; i++)
        captions[i] = (struct record_caption){ wit_str_from(texts[i]), (uint16_t)(i + 1) };
    const struct record_image stored = { .info = info, .bytes = image.len, .hash = key };
    must(record_front_encode(key, &stored, captions, count, buf));
    must(wit_buf_append_str(buf, image));
    return key;
}

static void record_round_trip(void **state) {
    static const char *const texts[] = { "a", "a dog", "sixteen bytes ok", "z" };
    struct wit_shards_sample s = { .caption_count = 0 };
    for (uint32_t count = 1; count <= 4; count++)
        for (size_t len = 1; len < 40; len += 13) {
            struct wit_buf buf = WIT_BUF_INIT(1 << 16);
            struct wit_str image = wit_str_of("0123456789012345678901234567890123456789", len);
            s.key = value_make(&buf, texts, count, image);
            must(record_decode(wit_buf_view(&buf), &s, &err));
            must(record_verify(&s, &err));
            assert_memory_equal(&s.info, &info, sizeof info);
            assert_true(wit_str_eq(s.image, image));
            assert_int_equal((s.image.data - s.value.data) % 16, 0);
            assert_int_equal(s.caption_count, count);
            for (uint32_t i = 0; i < count; i++) {
                struct wit_shards_caption c = wit_shards_sample_caption(&s, i);
                assert_true(wit_str_eq(c.text, wit_str_from(texts[i])));
                assert_int_equal(c.source, i + 1);
            }
            wit_buf_finish(&buf);
        }
}

/* No bit of a record can change, and no record can stand under another key. */
static void record_every_bit_counts(void **state) {
    static const char *const texts[] = { "one", "two" };
    struct wit_buf buf = WIT_BUF_INIT(1 << 16);
    struct wit_shards_sample s = { .caption_count = 0 };
    struct wit_hash128 key = value_make(&buf, texts, 2, WIT_STR("some image bytes"));
    for (size_t bit = 0; bit < 8 * buf.len; bit++) {
        buf.data[bit / 8] = (char)(buf.data[bit / 8] ^ (1 << bit % 8));
        s.key = key;
        if (record_decode(wit_buf_view(&buf), &s, &err) == 0)
            assert_int_equal(record_verify(&s, &err), WIT_ECORRUPT);
        buf.data[bit / 8] = (char)(buf.data[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(record_decode(wit_str_of(buf.data, len), &s, &err), WIT_ECORRUPT);
    must(record_decode(wit_buf_view(&buf), &s, &err));
    s.key = (struct wit_hash128){ key.hi, key.lo + 1 };
    assert_int_equal(record_verify(&s, &err), WIT_ECORRUPT);
    wit_buf_finish(&buf);
}

static void captions_in_another_order_are_refused(void **state) {
    static const char *const texts[] = { "b", "a" };
    static const char *const same[] = { "a", "a" };
    struct wit_buf buf = WIT_BUF_INIT(1 << 16);
    struct wit_shards_sample s = { .caption_count = 0 };
    (void)value_make(&buf, texts, 2, WIT_STR("x"));
    assert_int_equal(record_decode(wit_buf_view(&buf), &s, &err), WIT_ECORRUPT);
    assert_string_equal(err.text, "caption 1 is out of order");
    wit_buf_reset(&buf);
    (void)value_make(&buf, same, 2, WIT_STR("x")); /* sources 1 and 2: both stay */
    must(record_decode(wit_buf_view(&buf), &s, &err));
    wit_buf_finish(&buf);
}

/* Values that any other reader must come to: docs/formats/shard.md has the arithmetic. */
static void hashes_as_specified(void **state) {
    char hex[WIT_HASH128_HEX];
    struct wit_hash128 zero = { 0, 0 };
    uint8_t bytes[28] = { 0, 0, 0, 1 };
    wit_hash128_to_hex(manifest_dataset_hash(0, zero), hex);
    char want[WIT_HASH128_HEX];
    wit_hash128_to_hex(wit_hash128_of(bytes, sizeof bytes), want);
    assert_string_equal(hex, want);
    assert_int_equal(manifest_prefix((struct wit_hash128){ 0xF123456789ABCDEF, 0 }, 0), 0);
    assert_int_equal(manifest_prefix((struct wit_hash128){ 0xF123456789ABCDEF, 0 }, 1), 1);
    assert_int_equal(manifest_prefix((struct wit_hash128){ 0xF123456789ABCDEF, 0 }, 16), 0xF123);
}

static void segment_round_trip(void **state) {
    struct segment_writer w;
    struct segment_reader r;
    struct segment_frame f;
    char dir[WIT_PATH_MAX], path[WIT_PATH_MAX];
    static char big[3 << 20];
    uint64_t committed, first;
    memset(big, 'b', sizeof big);
    scratch_make(dir);
    must(wit_path_join(path, dir, "x.log"));
    must(segment_writer_open(&w, path, SEGMENT_IMAGES, 0, &err));
    const struct wit_str pieces[] = { WIT_STR("he"), WIT_STR(""), WIT_STR("ad") };
    must(segment_writer_append(&w, 7, pieces, 3, WIT_STR("body"), &err));
    must(segment_writer_append(&w, 8, pieces, 1, wit_str_of(big, sizeof big), &err));
    must(segment_writer_append(&w, 9, pieces, 0, WIT_STR(""), &err));
    must(segment_writer_sync(&w, &err));
    committed = w.length;
    must(segment_writer_append(&w, 10, pieces, 3, WIT_STR("lost"), &err));
    must(segment_writer_sync(&w, &err));
    segment_writer_close(&w);

    must(segment_reader_open(&r, path, SEGMENT_IMAGES, committed, &err));
    assert_int_equal(segment_reader_next(&r, &f, &err), 1);
    assert_int_equal(f.type, 7);
    assert_true(wit_str_eq(f.head, WIT_STR("head")));
    char body[5] = "";
    assert_int_equal(f.body_bytes, 4);
    must(segment_reader_body(&r, &f, body, &err));
    assert_string_equal(body, "body");
    first = f.offset;
    assert_int_equal(segment_reader_next(&r, &f, &err), 1);
    assert_int_equal(f.body_bytes, sizeof big);
    char *back = malloc(sizeof big);
    assert_non_null(back);
    must(segment_reader_body(&r, &f, back, &err));
    assert_memory_equal(back, big, sizeof big);
    free(back);
    assert_int_equal(segment_reader_next(&r, &f, &err), 1);
    assert_int_equal(f.head.len + f.body_bytes, 0);
    assert_int_equal(segment_reader_next(&r, &f, &err), 0);
    must(segment_reader_at(&r, first, &f, &err));
    assert_int_equal(f.type, 7);
    assert_int_equal(segment_reader_at(&r, first + 1, &f, &err), WIT_ECORRUPT);
    segment_reader_close(&r);
    assert_int_equal(segment_reader_open(&r, path, SEGMENT_CANDIDATES, committed, &err),
                     WIT_ECORRUPT);

    /* What lies behind the commit is cut off and written over. */
    must(segment_writer_open(&w, path, SEGMENT_IMAGES, committed, &err));
    must(segment_writer_append(&w, 11, pieces, 3, WIT_STR(""), &err));
    must(segment_writer_sync(&w, &err));
    must(segment_reader_open(&r, path, SEGMENT_IMAGES, w.length, &err));
    int frames = 0;
    while (segment_reader_next(&r, &f, &err) == 1)
        frames++;
    assert_int_equal(frames, 4);
    assert_int_equal(f.type, 11);
    segment_reader_close(&r);
    segment_writer_close(&w);
    assert_int_equal(segment_writer_open(&w, path, SEGMENT_IMAGES, committed + 1000, &err),
                     WIT_ECORRUPT);
    scratch_remove(dir);
}

/* The bytes of a changed image have a hash of their own, under the key of what was fetched. */
static void changed_record_round_trip(void **state) {
    const struct record_caption caption = { WIT_STR("words"), 1 };
    struct wit_shards_sample s = { .caption_count = 0 };
    struct wit_buf value = WIT_BUF_INIT(1 << 12);
    const struct wit_str image = WIT_STR("smaller bytes");
    struct record_image stored = { .info = info,
                                   .bytes = image.len,
                                   .hash = wit_hash128_of(image.data, image.len),
                                   .changed = WIT_SHARDS_TRANSCODED | WIT_SHARDS_RESIZED };
    struct wit_hash128 key = wit_hash128_of("bytes as fetched", 16);
    must(record_front_encode(key, &stored, &caption, 1, &value));
    must(wit_buf_append_str(&value, image));
    must(record_decode(wit_buf_view(&value), &s, &err));
    s.key = key;
    must(record_verify(&s, &err));
    assert_int_equal(s.changed, stored.changed);
    value.data[value.len - 1] ^= 1;
    assert_int_equal(record_verify(&s, &err), WIT_ECORRUPT);
    /* Without the flags the same record is a lie. */
    wit_buf_reset(&value);
    stored.changed = 0;
    must(record_front_encode(key, &stored, &caption, 1, &value));
    must(wit_buf_append_str(&value, image));
    must(record_decode(wit_buf_view(&value), &s, &err));
    assert_int_equal(record_verify(&s, &err), WIT_ECORRUPT);
    wit_buf_finish(&value);
}

static void image_heads_round_trip(void **state) {
    for (int changed = 0; changed < 2; changed++) {
        struct wit_buf head = WIT_BUF_INIT(1 << 12);
        struct collect_image image = { .key = { 1, 2 },
                                       .stored = { changed ? 3u : 1u, changed ? 4u : 2u },
                                       .fetched = { .url = WIT_STR("http://u"),
                                                    .final_url = WIT_STR("http://v"),
                                                    .info = info,
                                                    .fetched_at_s = 5,
                                                    .headers = WIT_STR("a: b\n") } };
        struct collect_image back;
        uint8_t fixed[COLLECT_IMAGE_HEAD_MOST];
        if (changed) {
            image.fetched.changed = WIT_SHARDS_RESIZED;
            image.fetched.fetched_width = 1000;
            image.fetched.fetched_height = 700;
        }
        int n = collect_image_encode(&image, fixed);
        assert_int_equal(n, changed ? COLLECT_IMAGE_HEAD_MOST : COLLECT_IMAGE_HEAD_BYTES);
        must(wit_buf_append(&head, fixed, (size_t)n));
        must(wit_buf_append_str(&head, image.fetched.url));
        must(wit_buf_append_str(&head, image.fetched.final_url));
        must(wit_buf_append_str(&head, image.fetched.headers));
        must(collect_image_decode(wit_buf_view(&head), &back, &err));
        assert_true(wit_hash128_eq(back.key, image.key));
        assert_true(wit_hash128_eq(back.stored, image.stored));
        assert_int_equal(back.fetched.changed, image.fetched.changed);
        assert_int_equal(back.fetched.fetched_width, image.fetched.fetched_width);
        assert_true(wit_str_eq(back.fetched.headers, image.fetched.headers));
        for (size_t len = 0; len < head.len; len++)
            assert_int_equal(collect_image_decode(wit_str_of(head.data, len), &back, &err),
                             WIT_ECORRUPT);
        head.data[37] |= 4; /* a flag of some later version */
        assert_int_equal(collect_image_decode(wit_buf_view(&head), &back, &err), WIT_ECORRUPT);
        wit_buf_finish(&head);
    }
}

/* What is encoded is decoded, and nothing shorter than it. */
static void candidate_round_trip(const struct wit_shards_candidate *cand, size_t fixed_bytes) {
    struct wit_buf head = WIT_BUF_INIT(1 << 12);
    struct wit_shards_candidate back;
    uint8_t fixed[COLLECT_CANDIDATE_HEAD_MOST];
    int n = collect_candidate_encode(cand, fixed);
    assert_int_equal(n, fixed_bytes);
    must(wit_buf_append(&head, fixed, (size_t)n));
    const struct wit_str texts[] = { cand->url,   cand->text,   cand->page,
                                     cand->extra, cand->digest, cand->rights };
    for (size_t i = 0; i < WIT_COUNT_OF(texts); i++)
        must(wit_buf_append_str(&head, texts[i]));
    must(collect_candidate_decode(wit_buf_view(&head), &back, &err));
    const struct wit_str got[] = { back.url,   back.text,   back.page,
                                   back.extra, back.digest, back.rights };
    for (size_t i = 0; i < WIT_COUNT_OF(texts); i++)
        assert_true(wit_str_eq(got[i], texts[i]));
    assert_int_equal(back.source, cand->source);
    for (size_t len = 0; len < head.len; len++)
        assert_int_equal(collect_candidate_decode(wit_str_of(head.data, len), &back, &err),
                         WIT_ECORRUPT);
    head.data[2] |= 4; /* a flag of some later version */
    assert_int_equal(collect_candidate_decode(wit_buf_view(&head), &back, &err), WIT_ECORRUPT);
    wit_buf_finish(&head);
}

static void heads_round_trip(void **state) {
    const struct wit_shards_candidate plain = { .url = WIT_STR("http://u"),
                                                .text = WIT_STR("t\0x"),
                                                .source = WIT_SHARDS_LIST };
    const struct wit_shards_candidate bare = { .url = WIT_STR("http://u"),
                                               .source = WIT_SHARDS_LIST };
    const struct wit_shards_candidate full = { .url = WIT_STR("http://u"),
                                               .text = WIT_STR("t\n\t"),
                                               .source = WIT_SHARDS_LIST,
                                               .page = WIT_STR("http://p"),
                                               .extra = WIT_STR("{\"a\":1}"),
                                               .digest = WIT_STR("md5:00") };
    const struct wit_shards_candidate of_page = { .url = WIT_STR("http://u"),
                                                  .text = WIT_STR("t"),
                                                  .source = WIT_SHARDS_ALT,
                                                  .page = WIT_STR("http://p"),
                                                  .rights = WIT_STR("meta.robots: noai\n") };
    struct wit_shards_candidate everything = full;
    uint8_t fixed[COLLECT_CANDIDATE_HEAD_MOST];
    everything.rights = of_page.rights;
    candidate_round_trip(&plain, COLLECT_CANDIDATE_HEAD_BYTES);
    candidate_round_trip(&bare, COLLECT_CANDIDATE_HEAD_BYTES);
    candidate_round_trip(&full, COLLECT_CANDIDATE_HEAD_BYTES + 8);
    candidate_round_trip(&of_page, COLLECT_CANDIDATE_HEAD_BYTES + 4);
    candidate_round_trip(&everything, COLLECT_CANDIDATE_HEAD_MOST);
    const struct wit_shards_candidate huge = { .url = WIT_STR("u"),
                                               .text = { "t", WIT_SHARDS_MAX_FIELD_BYTES + 1 } };
    assert_int_equal(collect_candidate_encode(&huge, fixed), WIT_ELIMIT);
    everything.rights = (struct wit_str){ "r", WIT_SHARDS_MAX_RIGHTS_BYTES + 1 };
    assert_int_equal(collect_candidate_encode(&everything, fixed), WIT_ELIMIT);
    struct wit_shards_candidate wordless = bare;
    wordless.source = WIT_SHARDS_ALT;
    assert_false(collect_candidate_complete(&wordless));
    assert_true(collect_candidate_complete(&bare));
}

struct reasons {
    char text[256];
};

static void note_reason(void *user, struct wit_str reason, uint64_t urls) {
    struct reasons *r = user;
    size_t at = strlen(r->text);
    snprintf(r->text + at, sizeof r->text - at, "%.*s=%llu ", WIT_STR_FMT(reason),
             (unsigned long long)urls);
}

static void expect_reasons(struct wit_shards_collector *c, const char *want) {
    struct reasons r = { "" };
    must(wit_shards_collector_reasons(c, note_reason, &r, &err));
    assert_string_equal(r.text, want);
}

static void refusals_are_counted_by_reason(void **state) {
    struct wit_shards_collector *c = NULL;
    const struct wit_shards_fetched image = { .url = WIT_STR("http://x/b"),
                                              .final_url = WIT_STR("http://x/b"),
                                              .bytes = WIT_STR("bytes") };
    char dir[WIT_PATH_MAX];
    scratch_make(dir);
    must(wit_shards_collector_open(dir, &c, &err));
    expect_reasons(c, "");
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://x/a"), WIT_STR("timeout"), &err));
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://x/b"), WIT_STR("timeout"), &err));
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://x/c"), WIT_STR("http_404"), &err));
    expect_reasons(c, "http_404=1 timeout=2 ");
    must(wit_shards_collector_commit(c, &err));
    /* tried again: one ends otherwise, one arrives; nothing is counted twice */
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://x/a"), WIT_STR("http_410"), &err));
    must(wit_shards_collector_add_image(c, &image, &err));
    must(wit_shards_collector_add_refusal(c, WIT_STR("http://x/b"), WIT_STR("reset"), &err));
    expect_reasons(c, "http_404=1 http_410=1 ");
    assert_int_equal(wit_shards_collector_totals(c).refusals, 2);
    wit_shards_collector_close(c);
    c = NULL;
    must(wit_shards_collector_open(dir, &c, &err));
    expect_reasons(c, "http_404=1 timeout=2 ");
    wit_shards_collector_close(c);
    scratch_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_round_trip),
        cmocka_unit_test(record_every_bit_counts),
        cmocka_unit_test(captions_in_another_order_are_refused),
        cmocka_unit_test(hashes_as_specified),
        cmocka_unit_test(segment_round_trip),
        cmocka_unit_test(changed_record_round_trip),
        cmocka_unit_test(image_heads_round_trip),
        cmocka_unit_test(heads_round_trip),
        cmocka_unit_test(refusals_are_counted_by_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
