/*
 * test_hygiene.c: what each rule refuses and, as much, what it lets pass. Captions are made up or
 * of the kinds that pages hold; numbers of people are from ranges kept for examples.
 */
#include "wit_filter_hygiene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NONE WIT_FILTER_RULES

struct sample {
    const char *text;
    enum wit_filter_rule want; /* NONE: it passes */
};

static enum wit_filter_rule verdict(struct wit_filter_hygiene *h, struct wit_str text) {
    enum wit_filter_rule rule = NONE;
    int st = wit_filter_hygiene_check(h, text, &rule);
    assert_true(st >= 0);
    return st ? rule : NONE;
}

static void check(const struct sample *samples, size_t n) {
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    struct wit_filter_hygiene *h = NULL;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        enum wit_filter_rule got = verdict(h, wit_str_from(samples[i].text));
        if (got != samples[i].want)
            fail_msg("'%s': %s, not %s", samples[i].text, wit_filter_rule_name(got),
                     wit_filter_rule_name(samples[i].want));
    }
    wit_filter_hygiene_destroy(h);
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        static const struct sample samples[] = { __VA_ARGS__ };                                    \
        check(samples, WIT_COUNT_OF(samples));                                                     \
    } while (0)

#define F WIT_FILTER_RULE_FILE_NAME
static void file_names(void **state) {
    CHECK({ "DSC_0042.JPG", F }, { "_DSC1234", F }, { "IMG_20190101_123456", F },
          { "IMG-20190101-WA0007.jpg", F }, { "img 1234 (1)", F }, { "P1010001", F },
          { "PXL_20210704_101112345.MP", F }, { "Screenshot 2019-03-01 at 10.11.12", F },
          { "Screen Shot 2014-05-06 at 7.08.09 PM.png", F },
          { "WhatsApp Image 2019-03-01 at 10.11.12", F }, { "20190101_123456", F },
          { "1024543876", F }, { "GOPR0123", F }, { "image001", F }, { "Image 12", F },
          { "unnamed", F }, { "untitled-3", F }, { "dsc00042 copy", F },
          { "3f2504e0-4f89-11d3-9a0c-0305e82c3301", F }, { "d41d8cd98f00b204e9800998ecf8427e", F },
          { "black-cat.jpg", F }, { "photo_12-03-2019.jpeg", F }, { "scan0012", F },
          { "DJI_0003", F }, { "thumb_512", F });
}

static void names_of_things_pass(void **state) {
    CHECK({ "Image of a black cat", NONE }, { "Photo by the river", NONE },
          { "Figure skating in 1998", NONE }, { "A screenshot of the layers dialog", NONE },
          { "Samsung Galaxy S10", NONE }, { "black cat on a roof.jpg", NONE },
          { "Boeing 747-400", NONE }, { "Scandinavia", NONE }, { "img2dataset", NONE },
          { "Picture this: a lake at dawn", NONE }, { "decade", NONE }, { "facade", NONE },
          { "GP of Monaco 2012", NONE }, { "download the manual", NONE });
}

#define E WIT_FILTER_RULE_EXPOSURE
#define B WIT_FILTER_RULE_BARE_SIZE
static void exposures_and_sizes(void **state) {
    CHECK({ "f/2.8 1/250s ISO 100", E }, { "f2.8, 1/125 sec, 50mm, ISO400", E },
          { "Canon EOS 5D f/4 1/60 ISO 800 24mm", E }, { "1/1000 s at f/8, ISO 200", E },
          { "A portrait taken at f/1.8 shows how a wide aperture blurs the background", NONE },
          { "The 50mm lens on a wooden table", NONE }, { "ISO 9001 certificate", NONE },
          { "1024x768 px", B }, { "jpg", B }, { "image 1.5MB", B }, { "PNG, 640 \xc3\x97 480", B },
          { "JPEG 12 KB", B }, { "A 4x4 truck in the mud", NONE },
          { "png and jpg compared", NONE });
}

#define M WIT_FILTER_RULE_EMAIL
#define P WIT_FILTER_RULE_PHONE
#define C WIT_FILTER_RULE_CARD
static void people(void **state) {
    CHECK({ "write to jane.doe@example.com for prints", M }, { "a+b@mail.example.org", M },
          { "follow @janedoe for more", NONE }, { "3 @ five", NONE }, { "dinner @home.", NONE },
          { "call +49 30 23125 000", P }, { "(212) 555-0147", P }, { "For rent, 212-555-0147", P },
          { "Tel: 030 2312500", P }, { "WhatsApp 07700 900123", P },
          { "Praxis (030) 23125 000", P }, { "The years 1914-1918", NONE },
          { "the toolchain of version 14~++20211221121559", NONE },
          { "Built in stone, 2019-05-12, 10:30", NONE },
          { "ISBN 978-3-16-148410-0 hardcover", NONE },
          { "Catalogue number 123456789 chair", NONE }, { "Hotel with 1024 rooms", NONE },
          { "(10/12/2019) 25 people at the table", NONE }, { "my card 4111 1111 1111 1111", C },
          { "5555-5555-5555-4444 exp 12/30", C }, { "378282246310005 amex", C },
          { "serial 4111111111111112 of a lens", NONE },
          { "4.111.111.111.111.111 stars in a galaxy", C });
}

#define U WIT_FILTER_RULE_MARKUP
static void markup(void **state) {
    CHECK({ "a cat<br>on a roof", U }, { "</a> next", U }, { "cats &amp; dogs", U },
          { "it&#39;s a cat", U }, { "{{title}}", U }, { "[[File:Cat.jpg|thumb]]", U },
          { "[caption id=1] a cat", U }, { "caf\\u00e9 at night", U },
          { "black%20cat%20asleep", U }, { "see http://example.com/cat", U },
          { "www.example.com", U }, { "cats & dogs", NONE }, { "1 < 2 and 3 > 2 in words", NONE },
          { "R&D; the lab", NONE }, { "100% wool blanket", NONE }, { "50%20 off the list", NONE },
          { "a [red] car", NONE }, { "a heart <3 of stone", NONE }, { "awwww.so cute", NONE });
}

#define R WIT_FILTER_RULE_REPEATED
#define D WIT_FILTER_RULE_MOSTLY_MARKS
#define S WIT_FILTER_RULE_TOO_SHORT
static void shapes(void **state) {
    CHECK({ "buy buy buy buy", R }, { "cat cat dog cat cat cat", R }, { "aaaaaaaaaaaaah", R },
          { "hot sale hot sale hot sale hot sale", R }, { "the more the better the cat", NONE },
          { "the cat and the dog and the bird", NONE }, { "New York, New York", NONE },
          { "Baden Baden", NONE }, { "$12.99 - 50% (20) off", D }, { "!!! sale !!! 2019 !!!", D },
          { "8 x 10 in", WIT_FILTER_RULE_BARE_SIZE }, { "Room 101", NONE },
          { "\xe2\x98\x85\xe2\x98\x85\xe2\x98\x85 four", NONE },
          { "\xe2\x98\x85\xe2\x98\x85\xe2\x98\x85\xe2\x98\x85 (4) inn", D }, { "ab", S },
          { "7", S }, { "", S }, { " \t ", S }, { "cat", NONE }, { "\xe7\x8c\xab", S },
          { "\xe9\xbb\x92\xe7\x8c\xab", NONE }, /* black cat */
          { "\xe0\xb9\x81\xe0\xb8\xa1\xe0\xb8\xa7", NONE });
}

#define H WIT_FILTER_RULE_HIDDEN
#define I WIT_FILTER_RULE_INVALID_UTF8
static void tricks(void **state) {
    CHECK({ "a \xff cat", I }, { "a \xef\xbf\xbd cat", I }, { "a cat\x01", I },
          { "a\xc2\x85 cat", I }, { "evil \xe2\x80\xaetxt.gpj", H }, { "pass\xe2\x80\x8bword", H },
          { "a cat\xef\xbb\xbf", H }, { "via\xe2\x80\x8dgra", H },
          { "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xb1\xd9\x88\xd9\x85",
            NONE }, /* Persian, a joiner of its own */
          { "family \xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 "
            "outdoors",
            NONE },
          /* the flag of Scotland, spelt with tags; and tags behind a letter */
          { "the flag "
            "\xf0\x9f\x8f\xb4\xf3\xa0\x81\xa7\xf3\xa0\x81\xa2\xf3\xa0\x81\xb3\xf3\xa0\x81\xa3\xf3"
            "\xa0\x81\xb4\xf3\xa0\x81\xbf",
            NONE },
          { "a cat\xf3\xa0\x81\xa7\xf3\xa0\x81\xa2", H });
}

static void lengths_are_settings(void **state) {
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    struct wit_filter_hygiene *h = NULL;
    char text[1002];
    memset(text, 'a', sizeof text);
    for (size_t i = 3; i < sizeof text; i += 4)
        text[i] = ' ';
    for (size_t i = 0; i < sizeof text; i += 4)
        text[i] = (char)('a' + i % 23);
    cfg.off = 1u << WIT_FILTER_RULE_REPEATED;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, wit_str_of(text, 1000)), NONE);
    assert_int_equal(verdict(h, wit_str_of(text, 1001)), WIT_FILTER_RULE_TOO_LONG);
    wit_filter_hygiene_destroy(h);
    cfg.min_letters = 5;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR("cats")), WIT_FILTER_RULE_TOO_SHORT);
    assert_int_equal(verdict(h, WIT_STR("kitty")), NONE);
    wit_filter_hygiene_destroy(h);
}

static void rules_can_be_switched_off(void **state) {
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    struct wit_filter_hygiene *h = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    enum wit_filter_rule rule;
    for (int i = 0; i < WIT_FILTER_RULES; i++) {
        const char *name = wit_filter_rule_name((enum wit_filter_rule)i);
        assert_int_equal(wit_filter_rule_find(wit_str_from(name), &rule), 0);
        assert_int_equal(rule, i);
    }
    assert_int_equal(wit_filter_rule_find(WIT_STR("bogus"), &rule), WIT_ENOTFOUND);
    cfg.off = 1u << WIT_FILTER_RULE_FILE_NAME;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR("black-cat.jpg")), NONE);
    assert_int_equal(verdict(h, WIT_STR("cats &amp; dogs")), WIT_FILTER_RULE_MARKUP);
    wit_filter_hygiene_destroy(h);
    cfg.off = (1u << WIT_FILTER_RULES) - 1;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR("\xff")), NONE);
    wit_filter_hygiene_destroy(h);
    h = NULL;
    cfg.off = 1u << WIT_FILTER_RULES;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, &err), WIT_EINVAL);
    assert_null(h);
}

static void a_blocklist_refuses(void **state) {
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    struct wit_filter_hygiene *h = NULL;
    struct wit_filter_allowlist *list = NULL;
    const struct wit_str entries[] = { WIT_STR("stock photo"), WIT_STR("Getty") };
    assert_int_equal(wit_filter_allowlist_create(entries, 2, &list, NULL), 0);
    cfg.blocklist = list;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR("a stock photo of a cat")), WIT_FILTER_RULE_BLOCKED);
    assert_int_equal(verdict(h, WIT_STR("cat, Getty, 2012")), WIT_FILTER_RULE_BLOCKED);
    assert_int_equal(verdict(h, WIT_STR("a photo of stock fish")), NONE);
    wit_filter_hygiene_destroy(h);
    wit_filter_allowlist_destroy(list);
}

static const struct {
    const char *code, *text;
} languages[] = {
    { "en", "A black cat sleeps on the roof of an old house" },
    { "de", "Eine schwarze Katze schläft auf dem Dach eines alten Hauses" },
    { "fr", "Un chat noir dort sur le toit d'une vieille maison" },
    { "es", "Un gato negro duerme en el tejado de una casa vieja" },
    { "it", "Un gatto nero dorme sul tetto di una vecchia casa" },
    { "tr", "Eski bir evin çatısında siyah bir kedi uyuyor" },
    { "ru", "Чёрная кошка спит на крыше старого дома" },
    { "ja", "黒い猫が古い家の屋根の上で眠っている" },
    { "ko", "검은 고양이가 낡은 집의 지붕 위에서 자고 있다" },
    { "ar", "قطة سوداء تنام على سطح منزل قديم" },
    { "he", "חתול שחור ישן על גג של בית ישן" },
    { "zh", "一隻黑貓睡在老房子的屋頂上" },
};

/* Each sentence passes where its language may, and no other's does. */
static void languages_may_pass(void **state) {
    struct wit_filter_hygiene *h = NULL;
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    if (!wit_filter_language_is_supported())
        skip();
    for (size_t i = 0; i < WIT_COUNT_OF(languages); i++) {
        cfg.langs = languages[i].code;
        assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
        for (size_t k = 0; k < WIT_COUNT_OF(languages); k++) {
            enum wit_filter_rule want = i == k ? NONE : WIT_FILTER_RULE_LANGUAGE;
            enum wit_filter_rule got = verdict(h, wit_str_from(languages[k].text));
            if (got != want)
                fail_msg("'%s' where %s may pass: %s", languages[k].text, languages[i].code,
                         wit_filter_rule_name(got));
        }
        assert_int_equal(verdict(h, WIT_STR("Schwarze Katze")), NONE); /* 13 letters */
        wit_filter_hygiene_destroy(h);
    }
}

static void languages_are_settings(void **state) {
    static const char german[] = "Schwarze Katze auf dem Dach";
    struct wit_filter_hygiene *h = NULL;
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    if (!wit_filter_language_is_supported())
        skip();
    cfg.langs = "en, de";
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, wit_str_from(languages[0].text)), NONE);
    assert_int_equal(verdict(h, wit_str_from(languages[1].text)), NONE);
    assert_int_equal(verdict(h, wit_str_from(languages[2].text)), WIT_FILTER_RULE_LANGUAGE);
    wit_filter_hygiene_destroy(h);
    cfg.langs = "fr";
    cfg.lang_letters = 24;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR(german)), NONE); /* 23 letters */
    wit_filter_hygiene_destroy(h);
    cfg.lang_letters = 23;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR(german)), WIT_FILTER_RULE_LANGUAGE);
    wit_filter_hygiene_destroy(h);
    cfg.off = 1u << WIT_FILTER_RULE_LANGUAGE;
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    assert_int_equal(verdict(h, WIT_STR(german)), NONE);
    wit_filter_hygiene_destroy(h);
    static const char *const wrong[] = { "", "english", "en,,de", "EN", "un" };
    for (size_t i = 0; i < WIT_COUNT_OF(wrong); i++) {
        struct wit_error err = WIT_ERROR_INIT;
        cfg.langs = wrong[i];
        assert_int_equal(wit_filter_hygiene_create(&cfg, &h, &err), WIT_EINVAL);
        assert_non_null(strstr(err.text, "there is no language '"));
    }
}

static void a_build_without_languages_says_so(void **state) {
    struct wit_filter_hygiene *h = NULL;
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    struct wit_error err = WIT_ERROR_INIT;
    if (wit_filter_language_is_supported())
        skip();
    cfg.langs = "en";
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, &err), WIT_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "no cld2"));
    assert_null(h);
}

/* Any bytes: a verdict, the same twice, and the same with white space around. */
static void any_bytes_have_one_verdict(void **state) {
    struct wit_filter_hygiene_config cfg = wit_filter_hygiene_config_default();
    struct wit_filter_hygiene *h = NULL;
    struct wit_random rng;
    uint64_t seed = wit_clock_ns();
    static const char alphabet[] = "aA0. -_@+()<>&;%/x{}[]1234567890\xc3\xa9\xe2\x80\x8d\xf0\x9f";
    char text[80];
    print_message("seed %llu\n", (unsigned long long)seed);
    wit_random_init(&rng, seed, 0, 0);
    assert_int_equal(wit_filter_hygiene_create(&cfg, &h, NULL), 0);
    for (int round = 0; round < 200000; round++) {
        size_t len = (size_t)wit_random_below(&rng, sizeof text - 2);
        for (size_t i = 0; i < len; i++)
            text[1 + i] = alphabet[wit_random_below(&rng, sizeof alphabet - 1)];
        char *exact = malloc(len + 1); /* so that ASan sees a step beyond */
        assert_non_null(exact);
        memcpy(exact, text + 1, len);
        enum wit_filter_rule once = verdict(h, wit_str_of(exact, len));
        free(exact);
        text[0] = text[1 + len] = ' ';
        assert_int_equal(verdict(h, wit_str_of(text, len + 2)), once);
    }
    wit_filter_hygiene_destroy(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_names),
        cmocka_unit_test(names_of_things_pass),
        cmocka_unit_test(exposures_and_sizes),
        cmocka_unit_test(people),
        cmocka_unit_test(markup),
        cmocka_unit_test(shapes),
        cmocka_unit_test(tricks),
        cmocka_unit_test(lengths_are_settings),
        cmocka_unit_test(rules_can_be_switched_off),
        cmocka_unit_test(a_blocklist_refuses),
        cmocka_unit_test(languages_may_pass),
        cmocka_unit_test(languages_are_settings),
        cmocka_unit_test(a_build_without_languages_says_so),
        cmocka_unit_test(any_bytes_have_one_verdict),
    };
    return cmocka_run_group_tests_name("hygiene", tests, NULL, NULL);
}
