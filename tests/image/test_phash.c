/* test_phash.c: PDQ against the published implementation's values and against its plain twin. */
#include "phash_ref.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wit_error err;

struct picture {
    uint8_t *data;
    struct wit_image_view view;
};

static struct picture picture_make(uint32_t width, uint32_t height) {
    struct picture p = { .data = wit_alloc_array((size_t)width * height, 3) };
    assert_non_null(p.data);
    p.view = (struct wit_image_view){ p.data, 3 * (size_t)width, width, height };
    return p;
}

static uint8_t *at(const struct picture *p, uint32_t x, uint32_t y) {
    return p->data + y * p->view.stride_bytes + 3 * (size_t)x;
}

/* Slopes, bows and small blocks, in whole numbers, so that other languages make the same. */
static struct picture pattern(uint32_t width, uint32_t height, uint64_t seed) {
    struct picture p = picture_make(width, height);
    for (uint64_t y = 0; y < height; y++)
        for (uint64_t x = 0; x < width; x++)
            for (uint64_t c = 0; c < 3; c++) {
                uint64_t slope = (x * (3 + seed) + y * (5 + c)) / 7;
                uint64_t bow =
                    x * x / (9 + width) + y * y / (5 + height) + seed * x * y / (width + height);
                at(&p, (uint32_t)x, (uint32_t)y)[c] =
                    (uint8_t)(slope + bow * (c + 2) + ((x / (8 + seed)) ^ (y / (6 + c))) * 11);
            }
    return p;
}

static struct picture noise(struct wit_random *r, uint32_t width, uint32_t height) {
    struct picture p = picture_make(width, height);
    const uint32_t cell = 1 + (uint32_t)wit_random_below(r, 40);
    const uint64_t salt = wit_random_u64(r);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++)
                at(&p, x, y)[c] =
                    (uint8_t)(wit_mix64(salt ^ ((uint64_t)(x / cell) << 40 | (y / cell) << 4 | c)) &
                              0xFF);
    return p;
}

static struct wit_image_phashes hashes_of(const struct picture *p) {
    struct wit_image_phasher *ph = wit_image_phasher_create();
    struct wit_image_phashes h;
    assert_non_null(ph);
    assert_int_equal(wit_image_phash_compute(ph, &p->view, &h, &err), 0);
    wit_image_phasher_destroy(ph);
    return h;
}

static struct wit_image_phash hash_of(const struct picture *p, int *quality) {
    struct wit_image_phashes h = hashes_of(p);
    *quality = h.quality;
    return h.pdq;
}

static void the_values_of_the_published_implementation(void **state) {
    /* From pdqhash 0.2.8 (PyPI), which wraps Meta's C++, on these pixels. */
    static const struct {
        uint32_t width, height;
        uint64_t seed;
        int quality;
        const char *hex;
    } known[] = {
        { 5, 5, 1, 2, "695a95a596a56e5b932464d93b4e9b6664d993a4695a94a596a56c5b9b266499" },
        { 64, 64, 2, 100, "bca6716a86512c8ec9752a5b72c6a6c94da6736682c9175e55981e6355dee934" },
        { 63, 130, 3, 100, "cc37b9e2d603293d5b6942e2544aeca7db1c56d85953aa375d5e975467848710" },
        { 300, 200, 4, 100, "64385974435dde7392e376caf402ec0799ffb3fea7e03dc071c0e3c08f803381" },
        { 517, 389, 5, 100, "c83f00fd0dff3fff7ffb7f8af9809b003bc0f800f0207622e4063e037c07f006" },
        { 1024, 768, 6, 100, "1000b1203bf00db0046107f305e9247f703ffc3f7c3dd9bedbbfe03fc01fc01f" },
        { 2000, 97, 7, 100, "4f2e472bd2fb5ef474b99a6c79f5e2df3619f4de0077ffe3f87100000002021c" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(known); i++) {
        struct picture p = pattern(known[i].width, known[i].height, known[i].seed);
        struct wit_image_phash want;
        char hex[WIT_IMAGE_PHASH_HEX];
        int quality;
        assert_int_equal(wit_image_phash_from_hex(wit_str_from(known[i].hex), &want), 0);
        struct wit_image_phash got = hash_of(&p, &quality);
        wit_image_phash_to_hex(&got, hex);
        /* The reference adds floats along each row: what lies at the median may fall either way. */
        if (wit_image_phash_distance(&got, &want) > 2)
            fail_msg("%ux%u: %s, not %s", known[i].width, known[i].height, hex, known[i].hex);
        if (abs(quality - known[i].quality) > 1)
            fail_msg("%ux%u: quality %d, not %d", known[i].width, known[i].height, quality,
                     known[i].quality);
        free(p.data);
    }
}

static void agrees_with_its_plain_twin(void **state) {
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct wit_random r;
        wit_random_init(&r, 7, 1, seed);
        const uint32_t most = seed % 4 == 0 ? 900 : 200;
        const uint32_t width = 5 + (uint32_t)wit_random_below(&r, most);
        const uint32_t height = 5 + (uint32_t)wit_random_below(&r, most);
        struct picture p = noise(&r, width, height);
        struct wit_image_phashes want, unsure, got = hashes_of(&p);
        phash_ref(&p.view, 0.004, &want, &unsure);
        for (int k = 0; k < 4; k++)
            if ((((got.pdq.words[k] ^ want.pdq.words[k]) & ~unsure.pdq.words[k]) |
                 ((got.area.words[k] ^ want.area.words[k]) & ~unsure.area.words[k])) != 0)
                fail_msg("seed=%llu: %ux%u differs where the twin is certain",
                         (unsigned long long)seed, width, height);
        /* each of 8,064 differences may be cut to the other whole percent: few are */
        if (abs(got.quality - want.quality) > 1)
            fail_msg("seed=%llu: quality %d, not %d", (unsigned long long)seed, got.quality,
                     want.quality);
        free(p.data);
    }
}

/* The pixel at (x, y) of a picture that was turned. */
static const uint8_t *turned(const struct picture *p, enum wit_image_turn turn, uint32_t x,
                             uint32_t y) {
    const uint32_t last = p->view.width - 1; /* of a square */
    switch (turn) {
    case WIT_IMAGE_AS_IT_IS:
        return at(p, x, y);
    case WIT_IMAGE_TURNED_90:
        return at(p, last - y, x);
    case WIT_IMAGE_TURNED_180:
        return at(p, last - x, last - y);
    case WIT_IMAGE_TURNED_270:
        return at(p, y, last - x);
    case WIT_IMAGE_MIRRORED:
        return at(p, last - x, y);
    case WIT_IMAGE_UPSIDE_DOWN:
        return at(p, x, last - y);
    case WIT_IMAGE_TRANSPOSED:
        return at(p, y, x);
    case WIT_IMAGE_ANTI_TRANSPOSED:
        return at(p, last - y, last - x);
    }
    return NULL;
}

static void variants_are_those_of_turned_pixels(void **state) {
    const uint32_t side = 448; /* samples lie half a pixel off the middle of their blocks */
    struct wit_image_phasher *ph = wit_image_phasher_create();
    struct wit_image_phashes all[WIT_IMAGE_TURNS];
    struct picture p = pattern(side, side, 5), q = picture_make(side, side);
    assert_int_equal(wit_image_phash_variants(ph, &p.view, all, WIT_IMAGE_TURNS, &err), 0);
    for (unsigned t = 0; t < WIT_IMAGE_TURNS; t++) {
        for (uint32_t y = 0; y < side; y++)
            for (uint32_t x = 0; x < side; x++)
                memcpy(at(&q, x, y), turned(&p, (enum wit_image_turn)t, x, y), 3);
        struct wit_image_phashes own = hashes_of(&q);
        assert_in_range(wit_image_phash_distance(&own.area, &all[t].area), 0, 2);
        for (unsigned u = 0; u < WIT_IMAGE_TURNS; u++) {
            unsigned distance = wit_image_phash_distance(&own.pdq, &all[u].pdq);
            if (u == t ? distance > 32 : distance < 60)
                fail_msg("turn %u is %u bits from variant %u", t, distance, u);
        }
    }
    free(p.data);
    free(q.data);
    wit_image_phasher_destroy(ph);
}

/* Each pixel doubled in both directions is the same picture. */
static void the_area_hash_does_not_know_the_size(void **state) {
    struct picture p = pattern(187, 131, 4), q = picture_make(2 * 187, 2 * 131);
    for (uint32_t y = 0; y < 2 * 131; y++)
        for (uint32_t x = 0; x < 2 * 187; x++)
            memcpy(at(&q, x, y), at(&p, x / 2, y / 2), 3);
    struct wit_image_phashes a = hashes_of(&p), b = hashes_of(&q);
    assert_in_range(wit_image_phash_distance(&a.area, &b.area), 0, 2);
    assert_in_range(wit_image_phash_distance(&a.area, &a.pdq), 1, 60);
    free(p.data);
    free(q.data);
}

static void a_crop_is_hashed_by_its_own_pixels(void **state) {
    struct picture p = pattern(200, 150, 3), q = picture_make(90, 80);
    struct wit_image_view crop;
    struct wit_image_phashes a, b;
    struct wit_image_phasher *ph = wit_image_phasher_create();
    for (uint32_t y = 0; y < 80; y++)
        memcpy(at(&q, 0, y), at(&p, 31, 17 + y), 3 * 90);
    assert_int_equal(wit_image_view_crop(&p.view, 31, 17, 90, 80, &crop, &err), 0);
    /* the same phasher from size to size */
    assert_int_equal(wit_image_phash_compute(ph, &p.view, &a, &err), 0);
    assert_int_equal(wit_image_phash_compute(ph, &crop, &a, &err), 0);
    b = hashes_of(&q);
    assert_int_equal(wit_image_phash_distance(&a.pdq, &b.pdq), 0);
    assert_int_equal(wit_image_phash_distance(&a.area, &b.area), 0);
    wit_image_phasher_destroy(ph);
    free(p.data);
    free(q.data);
}

static void flat_and_tiny_images_have_no_quality(void **state) {
    struct picture flat = picture_make(300, 200), tiny = pattern(4, 900, 1);
    struct wit_image_phash h;
    int quality;
    memset(flat.data, 77, 300 * 200 * 3);
    (void)hash_of(&flat, &quality);
    assert_int_equal(quality, 0);
    h = hash_of(&tiny, &quality);
    assert_int_equal(quality, 0);
    assert_int_equal(h.words[0] | h.words[1] | h.words[2] | h.words[3], 0);
    free(flat.data);
    free(tiny.data);
}

static void hex_and_bytes(void **state) {
    const char *text = "f80000000000000000000000000000000000000000000000000000000000ff02";
    struct wit_image_phash h, again;
    char hex[WIT_IMAGE_PHASH_HEX];
    uint8_t bytes[WIT_IMAGE_PHASH_BYTES];
    assert_int_equal(wit_image_phash_from_hex(wit_str_from(text), &h), 0);
    assert_true(h.words[0] == 0xFF02 && h.words[3] == 0xF8ULL << 56);
    wit_image_phash_to_hex(&h, hex);
    assert_string_equal(hex, text);
    wit_image_phash_to_bytes(&h, bytes);
    assert_int_equal(bytes[0], 0xF8);
    assert_int_equal(bytes[31], 0x02);
    again = wit_image_phash_from_bytes(bytes);
    assert_int_equal(wit_image_phash_distance(&h, &again), 0);
    assert_int_equal(wit_image_phash_from_hex(wit_str_slice(wit_str_from(text), 0, 63), &h),
                     WIT_EFORMAT);
    assert_int_equal(wit_image_phash_from_hex(WIT_STR("g80000000000000000000000000000000000000000"
                                                      "000000000000000000ff02"),
                                              &h),
                     WIT_EFORMAT);
}

static void a_scan_finds_the_first_within_its_distance(void **state) {
    enum { COUNT = 200 };
    static struct wit_image_phash list[COUNT];
    static uint8_t within[COUNT];
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct wit_random r;
        struct wit_image_phash h;
        wit_random_init(&r, 7, 3, seed);
        for (int k = 0; k < 4; k++)
            h.words[k] = wit_random_u64(&r);
        size_t want = COUNT;
        for (size_t i = COUNT; i-- > 0;) {
            list[i] = h;
            for (uint64_t n = wit_random_below(&r, 300); n; n--)
                list[i].words[wit_random_below(&r, 4)] ^= 1ULL << wit_random_below(&r, 64);
            within[i] = (uint8_t)wit_random_below(&r, 32);
            if (wit_image_phash_distance(&h, &list[i]) <= within[i])
                want = i;
        }
        if (wit_image_phash_scan(&h, list, within, COUNT) != want)
            fail_msg("seed=%llu: not %zu", (unsigned long long)seed, want);
    }
    assert_int_equal(wit_image_phash_scan(list, list, within, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_values_of_the_published_implementation),
        cmocka_unit_test(agrees_with_its_plain_twin),
        cmocka_unit_test(variants_are_those_of_turned_pixels),
        cmocka_unit_test(the_area_hash_does_not_know_the_size),
        cmocka_unit_test(a_crop_is_hashed_by_its_own_pixels),
        cmocka_unit_test(flat_and_tiny_images_have_no_quality),
        cmocka_unit_test(hex_and_bytes),
        cmocka_unit_test(a_scan_finds_the_first_within_its_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
