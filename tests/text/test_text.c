/*
 * test_text.c: UTF-8, character references, encodings. Random streams print the seed that replays
 * them: WIT_TEST_SEED=<printed seed>.
 */
#include "text/charref_table.h"
#include "text/wit_text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>

#define BAD "\xEF\xBF\xBD" /* U+FFFD */

static uint64_t test_seed(void) {
    const char *given = getenv("WIT_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : wit_clock_ns();
    print_message("WIT_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* ---- UTF-8 ---------------------------------------------------------------------------------- */

static void utf8_replaces_each_maximal_subpart(void **state) {
    static const struct {
        const char *in, *out;
        size_t tail;
    } table[] = {
        { "", "", 0 },
        { "abc", "abc", 0 },
        { "\u00e9\u4e2d\U0001f4a9", "\u00e9\u4e2d\U0001f4a9", 0 },
        { "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80", 0 },
        { "\xef\xbf\xbf\xf0\x90\x80\x80", "\xef\xbf\xbf\xf0\x90\x80\x80", 0 },
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", 0 },
        { "\x80", BAD, 0 },
        { "\xbf\x80", BAD BAD, 0 },
        { "\xc0\x80", BAD BAD, 0 }, /* overlong: C0 begins nothing */
        { "\xc1\xbf", BAD BAD, 0 },
        { "\xe0\x80\x80", BAD BAD BAD, 0 }, /* overlong */
        { "\xe0\x9f\xbf", BAD BAD BAD, 0 },
        { "\xf0\x80\x80\x80", BAD BAD BAD BAD, 0 },
        { "\xf0\x8f\xbf\xbf", BAD BAD BAD BAD, 0 },
        { "\xed\xa0\x80", BAD BAD BAD, 0 }, /* surrogates */
        { "\xed\xbf\xbf", BAD BAD BAD, 0 },
        { "\xf4\x90\x80\x80", BAD BAD BAD BAD, 0 }, /* above U+10FFFF */
        { "\xf5\x80\x80\x80", BAD BAD BAD BAD, 0 },
        { "\xff\xfe", BAD BAD, 0 },
        { "\xf8\x88\x80\x80\x80", BAD BAD BAD BAD BAD, 0 },
        { "\xc3", BAD, 1 }, /* cut off: one for all of it */
        { "\xe4\xb8", BAD, 2 },
        { "\xf0\x9f\x92", BAD, 3 },
        { "a\xe4", "a" BAD, 1 },
        { "\xe4\xb8\xf0\x9f\x92", BAD BAD, 3 },
        { "\xf0\x9f\x92z", BAD "z", 0 },
        { "\xe4\xb8\xad\x80", "\u4e2d" BAD, 0 },
        { "\xc3\xc3\xa9", BAD "\u00e9", 0 }, /* the second lead counts again */
        { "\xf0\xe4\xb8\xad", BAD "\u4e2d", 0 },
        { "\xe0\x80", BAD BAD, 0 }, /* nothing could complete it */
        { "\xed\xa0", BAD BAD, 0 },
        { "\xf4\x90", BAD BAD, 0 },
        { "12345678\xff"
          "12345678",
          "12345678" BAD "12345678", 0 },
        { "a\xf1\x80\x80\xe1\x80\xc2"
          "b\x80"
          "c\x80\xbf"
          "d",
          "a" BAD BAD BAD "b" BAD "c" BAD BAD "d", 0 }, /* Unicode 15, table 3-8 */
    };
    struct wit_buf out = WIT_BUF_INIT(256);
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        struct wit_str in = wit_str_from(table[i].in), want = wit_str_from(table[i].out);
        wit_buf_reset(&out);
        assert_int_equal(wit_utf8_sanitize(in, &out), 0);
        if (!wit_str_eq(wit_buf_view(&out), want))
            fail_msg("row %zu gives '%.*s'", i, (int)out.len, out.data);
        assert_int_equal(wit_utf8_valid(in), wit_str_eq(in, want));
        assert_int_equal(wit_utf8_tail(in), table[i].tail);
        size_t at = 0, want_at = 0;
        while (at < in.len)
            assert_int_equal(wit_utf8_next(in, &at), wit_utf8_next(want, &want_at));
        assert_true(at == in.len && want_at == want.len);
    }
    wit_buf_finish(&out);
}

static void utf8_writes_what_it_reads(void **state) {
    char bytes[4];
    for (uint32_t c = 0; c < 0x110010; c++) {
        bool scalar = c < 0x110000 && !(c >= 0xD800 && c <= 0xDFFF);
        size_t at = 0, len = wit_utf8_encode(c, bytes);
        struct wit_str s = wit_str_of(bytes, len);
        assert_int_equal(len, !scalar ? 3 : c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
        assert_int_equal(wit_utf8_next(s, &at), scalar ? c : WIT_UTF8_REPLACEMENT);
        assert_true(at == len && wit_utf8_valid(s) && wit_utf8_tail(s) == 0);
        for (size_t cut = 1; cut < len; cut++)
            assert_int_equal(wit_utf8_tail(wit_str_of(bytes, cut)), cut);
    }
    assert_int_equal(wit_utf8_encode(UINT32_MAX, bytes), 3);
}

static void utf8_repair_stops_at_the_ceiling(void **state) {
    struct wit_buf out = WIT_BUF_INIT(4);
    assert_int_equal(wit_utf8_sanitize(WIT_STR("ab\xff"), &out), WIT_ELIMIT);
    wit_buf_reset(&out);
    assert_int_equal(wit_utf8_sanitize(WIT_STR("a\xff"), &out), 0);
    wit_buf_finish(&out);
}

/* ---- character references ------------------------------------------------------------------- */

static void check_references(const char *in, bool in_attribute, const char *want) {
    struct wit_buf out = WIT_BUF_INIT(1024);
    assert_int_equal(wit_charref_decode(wit_str_from(in), in_attribute, &out), 0);
    if (!wit_str_eq(wit_buf_view(&out), wit_str_from(want)))
        fail_msg("'%s' gives '%.*s', not '%s'", in, (int)out.len, out.data, want);
    wit_buf_finish(&out);
}

static void names_are_taken_by_the_longest_prefix(void **state) {
    static const struct {
        const char *in, *text, *attribute;
    } table[] = {
        { "&amp;", "&", "&" },
        { "&amp", "&", "&" },
        { "&ampx", "&x", "&ampx" },
        { "&amp=", "&=", "&amp=" },
        { "&amp1", "&1", "&amp1" },
        { "&amp-", "&-", "&-" },
        { "&amp ", "& ", "& " },
        { "&amp&amp", "&&", "&&" },
        { "&notin;", "\u2209", "\u2209" },
        { "&notin", "\u00acin", "&notin" },
        { "&notit;", "\u00acit;", "&notit;" },
        { "&not;it", "\u00acit", "\u00acit" },
        { "&not;=", "\u00ac=", "\u00ac=" },
        { "&not\u00e9", "\u00ac\u00e9", "\u00ac\u00e9" },
        { "?a=b&copy=c", "?a=b\u00a9=c", "?a=b&copy=c" },
        { "?a=b&copy;c", "?a=b\u00a9c", "?a=b\u00a9c" },
        { "&AMP;&Amp;&AMP", "&&Amp;&", "&&Amp;&" },
        { "&acE;", "\u223e\u0333", "\u223e\u0333" }, /* two code points */
        { "&fjlig;", "fj", "fj" },
        { "&nvlt;", "<\u20d2", "<\u20d2" },
        { "&CounterClockwiseContourIntegral;", "\u2233", "\u2233" },
        { "&CounterClockwiseContourIntegral", "&CounterClockwiseContourIntegral",
          "&CounterClockwiseContourIntegral" },
        { "&Gt;&GT;&gt;&g;", "\u226b>>&g;", "\u226b>>&g;" },
        { "&nosuchname;", "&nosuchname;", "&nosuchname;" },
        { "&", "&", "&" },
        { "&&&", "&&&", "&&&" },
        { "& amp;", "& amp;", "& amp;" },
        { "&;", "&;", "&;" },
        { "a&lt;b&gt;c", "a<b>c", "a<b>c" },
        { "&amp;lt;", "&lt;", "&lt;" }, /* once */
        { "\xff&lt;\xff", "\xff<\xff", "\xff<\xff" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        check_references(table[i].in, false, table[i].text);
        check_references(table[i].in, true, table[i].attribute);
    }
}

static void every_name_finds_itself(void **state) {
    size_t last = WIT_COUNT_OF(charref_first) - 1, with_semicolon = 0;
    for (size_t i = 0; i < charref_first[last]; i++) {
        const struct charref_entry *e = &charref_entries[i];
        struct wit_charref ref;
        char text[64] = "&";
        memcpy(text + 1, e->name, e->len);
        assert_true(wit_charref_parse(wit_str_of(text, 1 + e->len), i % 2, &ref));
        assert_int_equal(ref.consumed, 1 + e->len);
        assert_int_equal(ref.count, e->code_points[1] ? 2 : 1);
        assert_int_equal(ref.code_points[0], e->code_points[0]);
        with_semicolon += e->name[e->len - 1] == ';';
        text[1 + e->len] = '\xff';
        assert_true(wit_charref_parse(wit_str_of(text, 2 + e->len), i % 2, &ref));
        assert_int_equal(ref.consumed, 1 + e->len);
    }
    assert_int_equal(charref_first[last], 2231);
    assert_int_equal(with_semicolon, 2125);
}

static void numbers_follow_the_c1_table(void **state) {
    static const struct {
        const char *in, *out;
    } table[] = {
        { "&#65;&#x41;&#X41;", "AAA" },
        { "&#65&#x41", "AA" },
        { "&#65z&#x41z", "AzAz" },
        { "&#x1F4a9;", "\U0001f4a9" },
        { "&#0;&#x0;&#00;", BAD BAD BAD },
        { "&#xD800;&#xDFFF;", BAD BAD },
        { "&#x110000;&#1114112;", BAD BAD },
        { "&#x10FFFF;", "\xf4\x8f\xbf\xbf" },
        { "&#xFFFE;&#xFFFF;", "\xef\xbf\xbe\xef\xbf\xbf" },
        { "&#99999999999999999999999999;", BAD },
        { "&#x100000041;", BAD }, /* 2^32 + 'A' */
        { "&#4294967361;", BAD },
        { "&#000000000000000000000000000000065;", "A" },
        { "&#128;&#x80;", "\u20ac\u20ac" },
        { "&#x81;&#x8D;&#x8F;&#x90;&#x9D;", "\xc2\x81\xc2\x8d\xc2\x8f\xc2\x90\xc2\x9d" },
        { "&#x82;&#x83;&#x84;&#x85;", "\u201a\u0192\u201e\u2026" },
        { "&#x91;&#x92;&#x93;&#x94;", "\u2018\u2019\u201c\u201d" },
        { "&#150;&#151;&#153;&#159;", "\u2013\u2014\u2122\u0178" },
        { "&#xA0;&#127;&#13;", "\xc2\xa0\x7f\r" },
        { "&#;", "&#;" },
        { "&#x;", "&#x;" },
        { "&#", "&#" },
        { "&#x", "&#x" },
        { "&#xg", "&#xg" },
        { "&#a", "&#a" },
        { "&# 65;", "&# 65;" },
        { "&#-1;", "&#-1;" },
        { "&#65;;", "A;" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        check_references(table[i].in, false, table[i].out);
        check_references(table[i].in, true, table[i].out);
    }
    struct wit_charref ref = { { 7, 7 }, 7, 7 };
    assert_false(wit_charref_parse(WIT_STR("&#;"), false, &ref));
    assert_false(wit_charref_parse(WIT_STR("amp;"), false, &ref));
    assert_false(wit_charref_parse(wit_str_of(NULL, 0), false, &ref));
    assert_int_equal(ref.count, 7);
}

/* ---- labels and marks ----------------------------------------------------------------------- */

static void labels_mean_what_browsers_mean(void **state) {
    static const char *const table[][2] = {
        { "utf-8", "utf-8" },
        { "UTF8", "utf-8" },
        { "unicode-1-1-utf-8", "utf-8" },
        { " \t\n\f\rUtf-8 \n", "utf-8" },
        { "ascii", "windows-1252" },
        { "us-ascii", "windows-1252" },
        { "iso-8859-1", "windows-1252" },
        { "latin1", "windows-1252" },
        { "windows-1252", "windows-1252" },
        { "x-cp1252", "windows-1252" },
        { "iso-8859-9", "windows-1254" },
        { "latin5", "windows-1254" },
        { "tis-620", "windows-874" },
        { "iso-8859-11", "windows-874" },
        { "iso-8859-8-e", "iso-8859-8" },
        { "logical", "iso-8859-8-i" },
        { "gb2312", "gbk" },
        { "x-gbk", "gbk" },
        { "chinese", "gbk" },
        { "gb18030", "gb18030" },
        { "big5-hkscs", "big5" },
        { "cn-big5", "big5" },
        { "sjis", "shift_jis" },
        { "windows-31j", "shift_jis" },
        { "ms932", "shift_jis" },
        { "x-euc-jp", "euc-jp" },
        { "csiso2022jp", "iso-2022-jp" },
        { "ks_c_5601-1987", "euc-kr" },
        { "windows-949", "euc-kr" },
        { "utf-16", "utf-16le" },
        { "unicode", "utf-16le" },
        { "utf-16be", "utf-16be" },
        { "unicodefffe", "utf-16be" },
        { "iso-2022-kr", "replacement" },
        { "hz-gb-2312", "replacement" },
        { "x-user-defined", "x-user-defined" },
        { "mac", "macintosh" },
        { "koi", "koi8-r" },
        { "koi8-ru", "koi8-u" },
        { "cp866", "ibm866" },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        const struct wit_charset *c = wit_charset_find(wit_str_from(table[i][0]));
        if (!c)
            fail_msg("no encoding has the label '%s'", table[i][0]);
        else
            assert_string_equal(wit_charset_name(c), table[i][1]);
    }
    static const char *const unknown[] = {
        "",          " ",
        "utf-7",     "utf 8",
        "utf-8;",    "cesu-8",
        "utf-32",    "\xa0utf-8",
        "iso8859_1", "a-label-that-is-longer-than-all-that-there-are"
    };
    for (size_t i = 0; i < WIT_COUNT_OF(unknown); i++)
        assert_null(wit_charset_find(wit_str_from(unknown[i])));
    assert_null(wit_charset_find(WIT_STR("utf-8\0")));
    assert_string_equal(wit_charset_name(wit_charset_utf8()), "utf-8");
    assert_string_equal(wit_charset_name(wit_charset_windows_1252()), "windows-1252");
}

static void byte_order_marks_name_their_encoding(void **state) {
    static const struct {
        const char *in, *name;
        size_t len;
    } table[] = {
        { "\xef\xbb\xbfx", "utf-8", 3 },
        { "\xfe\xff\x01x", "utf-16be", 2 },
        { "\xff\xfex", "utf-16le", 2 },
        { "\xef\xbb\xbf", "utf-8", 3 },
        { "\xef\xbb", NULL, 0 },
        { "\xfe", NULL, 0 },
        { "", NULL, 0 },
        { "x\xef\xbb\xbf", NULL, 0 },
    };
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        size_t len = 0;
        const struct wit_charset *c = wit_charset_from_bom(wit_str_from(table[i].in), &len);
        assert_int_equal(len, table[i].len);
        assert_int_equal(!c, !table[i].name);
        if (c)
            assert_string_equal(wit_charset_name(c), table[i].name);
    }
}

/* ---- decoding ------------------------------------------------------------------------------- */

static const char *const all_charsets[] = {
    "utf-8",        "ibm866",       "iso-8859-2",   "iso-8859-3",     "iso-8859-4",
    "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",     "iso-8859-8-i",
    "iso-8859-10",  "iso-8859-13",  "iso-8859-14",  "iso-8859-15",    "iso-8859-16",
    "koi8-r",       "koi8-u",       "macintosh",    "windows-874",    "windows-1250",
    "windows-1251", "windows-1252", "windows-1253", "windows-1254",   "windows-1255",
    "windows-1256", "windows-1257", "windows-1258", "x-mac-cyrillic", "gbk",
    "gb18030",      "big5",         "euc-jp",       "iso-2022-jp",    "shift_jis",
    "euc-kr",       "utf-16be",     "utf-16le",     "replacement",    "x-user-defined",
};

static struct wit_charset_decoder *decoder_of(const char *label) {
    struct wit_charset_decoder *d = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    const struct wit_charset *c = wit_charset_find(wit_str_from(label));
    assert_non_null(c);
    if (wit_charset_decoder_create(c, &d, &err) < 0)
        fail_msg("%s", err.text);
    return d;
}

struct decode_case {
    const char *charset;
    struct wit_str in;
    const char *out;
};

/* Whole, and in two pieces at every cut. */
static void check_decoding(const struct decode_case *cases, size_t n) {
    struct wit_buf out = WIT_BUF_INIT(1024);
    for (size_t i = 0; i < n; i++) {
        struct wit_charset_decoder *d = decoder_of(cases[i].charset);
        struct wit_str in = cases[i].in;
        for (size_t cut = 0; cut <= in.len; cut++) {
            wit_buf_reset(&out);
            int st = wit_charset_decode(d, wit_str_slice(in, 0, cut), false, &out);
            assert_int_equal(st, 0);
            st = wit_charset_decode(d, wit_str_slice(in, cut, in.len), true, &out);
            assert_int_equal(st, 0);
            if (!wit_str_eq(wit_buf_view(&out), wit_str_from(cases[i].out)))
                fail_msg("row %zu, %s, cut at %zu: '%.*s', not '%s'", i, cases[i].charset, cut,
                         (int)out.len, out.data, cases[i].out);
        }
        wit_charset_decoder_destroy(d);
    }
    wit_buf_finish(&out);
}

static void single_byte_encodings_go_by_the_standard(void **state) {
    const struct decode_case table[] = {
        { "windows-1252", WIT_STR("caf\xe9 \x80\x93\x99"), "caf\u00e9 \u20ac\u201c\u2122" },
        { "windows-1252", WIT_STR("\x81\x8d\x8f\x90\x9d"),
          "\xc2\x81\xc2\x8d\xc2\x8f\xc2\x90\xc2\x9d" },
        { "windows-1251", WIT_STR("\xcf\xf0\xe8\xe2\xe5\xf2\x98"),
          "\u041f\u0440\u0438\u0432\u0435\u0442\xc2\x98" },
        { "koi8-r", WIT_STR("\xf0\xd2\xc9"), "\u041f\u0440\u0438" },
        { "koi8-u", WIT_STR("\xa4\xae\xbe"), "\u0454\u045e\u040e" },
        { "iso-8859-2", WIT_STR("\xb1\x80"), "\u0105\xc2\x80" },
        { "iso-8859-15", WIT_STR("\xa4"), "\u20ac" },
        { "iso-8859-16", WIT_STR("\xaa"), "\u0218" },
        { "iso-8859-6", WIT_STR("\xa1\xc7"), BAD "\u0627" },
        { "iso-8859-8", WIT_STR("\xe0\xa1"), "\u05d0" BAD },
        { "windows-1253", WIT_STR("\xaa\xd2\xff"), BAD BAD BAD },
        { "windows-1255", WIT_STR("\xca\xd9"), "\u05ba" BAD },
        { "windows-874", WIT_STR("\xa1\xdb\x80"), "\u0e01" BAD "\u20ac" },
        { "macintosh", WIT_STR("\xdb\xf0"), "\u20ac\uf8ff" },
        { "x-mac-cyrillic", WIT_STR("\xff\xa2"), "\u20ac\u0490" },
        { "ibm866", WIT_STR("\x80\xff"), "\u0410\u00a0" },
        { "x-user-defined", WIT_STR("A\x80\xff"), "A\uf780\uf7ff" },
        { "replacement", WIT_STR("<a>"), BAD },
        { "replacement", WIT_STR(""), "" },
    };
    check_decoding(table, WIT_COUNT_OF(table));
}

static void chinese_and_korean_go_by_the_standard(void **state) {
    const struct decode_case table[] = {
        { "gbk", WIT_STR("\xd6\xd0\xce\xc4<"), "\u4e2d\u6587<" },
        { "gbk", WIT_STR("\x80 5"), "\u20ac 5" },
        { "gb18030", WIT_STR("5\x80"), "5\u20ac" },
        { "gbk", WIT_STR("\xff<"), BAD "<" },
        { "gbk", WIT_STR("\xd6<b>"), BAD "<b>" },
        { "gbk", WIT_STR("\xd6"), BAD },
        { "gb18030", WIT_STR("\x84\x31\xa4\x39"), "\xef\xbf\xbf" },
        { "gb18030", WIT_STR("\x94\x39\xda\x33"), "\U0001f4a9" },
        { "gb18030", WIT_STR("\xe3\x32\x9a\x35"), "\xf4\x8f\xbf\xbf" },
        { "gb18030", WIT_STR("\x81\x30"), BAD },
        { "gb18030", WIT_STR("\x81\x30\x81"), BAD },
        { "gb18030", WIT_STR("\x81\x30<"), BAD "0<" },
        { "gb18030", WIT_STR("\x81<"), BAD "<" },
        { "big5", WIT_STR("\xa4\xa4\xa4\xe5"), "\u4e2d\u6587" },
        { "big5", WIT_STR("\xa4<\xff"), BAD "<" BAD },
        { "euc-kr", WIT_STR("\xb0\xa1\x81\x41"), "\uac00\uac02" },
        { "euc-kr", WIT_STR("\x80\xff<"), BAD BAD "<" },
        { "euc-kr", WIT_STR("\xb0<"), BAD "<" },
    };
    check_decoding(table, WIT_COUNT_OF(table));
}

static void japanese_goes_by_the_standard(void **state) {
    const struct decode_case table[] = {
        { "shift_jis", WIT_STR("\x83\x65\x83\x58\x83\x67"), "\u30c6\u30b9\u30c8" },
        { "shift_jis", WIT_STR("\xb1\xdf\\~"), "\uff71\uff9f\\~" },
        { "shift_jis", WIT_STR("\x81\x60\x81\x7c\x81\x5c"), "\uff5e\uff0d\u2015" },
        { "shift_jis", WIT_STR("\x87\x40\xed\x40\xfa\x40"), "\u2460\u7e8a\u2170" },
        { "shift_jis", WIT_STR("\xf0\x40"), "\ue000" },
        { "shift_jis", WIT_STR("\x81\"\x81<"), BAD "\"" BAD "<" },
        { "shift_jis", WIT_STR("\x81"), BAD },
        { "shift_jis", WIT_STR("\xa0\xfd\xfe\xff"), BAD BAD BAD BAD },
        { "shift_jis", WIT_STR("\x80"), "\xc2\x80" },
        { "shift_jis", WIT_STR("\x1a\x1c\x7f"), "\x1a\x1c\x7f" },
        { "euc-jp", WIT_STR("\xa5\xc6\xa5\xb9"), "\u30c6\u30b9" },
        { "euc-jp", WIT_STR("\x8e\xb1\x8f\xa2\xaf"), "\uff71\u02d8" },
        { "euc-jp", WIT_STR("\x80\x9f\xa0\xff<"), BAD BAD BAD BAD "<" },
        { "euc-jp", WIT_STR("\xa4<"), BAD "<" },
        { "iso-2022-jp", WIT_STR("a\x1b$B$\"\x1b(Bb"), "a\u3042b" },
        { "iso-2022-jp", WIT_STR("\x1b$@$\"\x1b(J\\~\x1b(B\\"), "\u3042\u00a5\u203e\\" },
        { "iso-2022-jp", WIT_STR("\x1b(I1\x1b(B1"),
          "\uff71"
          "1" },
        { "iso-2022-jp", WIT_STR("a\x80\x0e"), "a" BAD BAD },
        { "iso-2022-jp", WIT_STR("a\x1b"), "a" BAD },
    };
    check_decoding(table, WIT_COUNT_OF(table));
}

static void utf_8_and_16_replace_what_is_cut(void **state) {
    const struct decode_case table[] = {
        { "utf-8", WIT_STR("\u00e9\u4e2d\U0001f4a9"), "\u00e9\u4e2d\U0001f4a9" },
        { "utf-8", WIT_STR("\xf0\x9f\x92"), BAD },
        { "utf-8", WIT_STR("\xf0\x9f\x92z\xf0\x80\x80\xc3"), BAD "z" BAD BAD BAD BAD },
        { "utf-8", WIT_STR("\xe4\xb8\xe4\xb8\xad\xed\xa0\x80"), BAD "\u4e2d" BAD BAD BAD },
        { "utf-8",
          WIT_STR("\xef\xbb\xbf"
                  "a"),
          "\xef\xbb\xbf"
          "a" },
        { "utf-16le", WIT_STR("a\0\xe9\0\x2d\x4e"), "a\u00e9\u4e2d" },
        { "utf-16be", WIT_STR("\0a\0\xe9\x4e\x2d"), "a\u00e9\u4e2d" },
        { "utf-16le", WIT_STR("\x3d\xd8\xa9\xdc"), "\U0001f4a9" },
        { "utf-16be", WIT_STR("\xd8\x3d\xdc\xa9"), "\U0001f4a9" },
        { "utf-16le",
          WIT_STR("\x3d\xd8"
                  "a\0"),
          BAD "a" },
        { "utf-16le",
          WIT_STR("\xa9\xdc"
                  "a\0"),
          BAD "a" },
        { "utf-16be", WIT_STR("\xd8\x3d\xd8\x3d\xdc\xa9"), BAD "\U0001f4a9" },
        { "utf-16be", WIT_STR("\xd8\x3d\0<"), BAD "<" },
        { "utf-16le", WIT_STR("a\0b"), "a" BAD },
        { "utf-16le", WIT_STR("\x3d\xd8"), BAD },
        { "utf-16le", WIT_STR("\x3d\xd8\x41"), BAD },
        { "utf-16le",
          WIT_STR("\xff\xfe"
                  "a\0"),
          "\xef\xbb\xbf"
          "a" },
        { "utf-16be", WIT_STR("\xfe\xff\0a"),
          "\xef\xbb\xbf"
          "a" },
    };
    check_decoding(table, WIT_COUNT_OF(table));
}

static void a_stream_ends_before_the_next_begins(void **state) {
    static const char *const halves[][2] = {
        { "utf-8", "\xe4\xb8" }, { "shift_jis", "\x83" },      { "gb18030", "\x81\x30\x81" },
        { "utf-16le", "a" },     { "iso-2022-jp", "\x1b$B$" }, { "euc-jp", "\x8f\xa2" },
    };
    struct wit_buf out = WIT_BUF_INIT(64);
    for (size_t i = 0; i < WIT_COUNT_OF(halves); i++) {
        struct wit_charset_decoder *d = decoder_of(halves[i][0]);
        for (int ends = 0; ends < 2; ends++) {
            wit_buf_reset(&out);
            assert_int_equal(wit_charset_decode(d, wit_str_from(halves[i][1]), ends, &out), 0);
            assert_true(wit_str_eq(wit_buf_view(&out), ends ? WIT_STR(BAD) : WIT_STR("")));
            wit_charset_decoder_reset(d);
            wit_buf_reset(&out);
            assert_int_equal(wit_charset_decode(d, WIT_STR("ab"), true, &out), 0);
            assert_true(wit_str_eq(wit_buf_view(&out), i == 3 ? WIT_STR("\u6261") : WIT_STR("ab")));
            assert_int_equal(wit_charset_decode(d, wit_str_of(NULL, 0), true, &out), 0);
        }
        wit_charset_decoder_destroy(d);
    }
    wit_charset_decoder_destroy(NULL);
    wit_buf_finish(&out);
}

/* An HTML tokenizer that reads bytes sees the same tags as one that reads the decoded text. */
static void markup_survives_every_lead_byte(void **state) {
    static const char marks[] = "<>\"'&=/ \t\n\f\r";
    struct wit_buf out = WIT_BUF_INIT(64);
    for (size_t i = 0; i < WIT_COUNT_OF(all_charsets); i++) {
        const struct wit_charset *c = wit_charset_find(wit_str_from(all_charsets[i]));
        if (!wit_charset_keeps_markup(c))
            continue;
        struct wit_charset_decoder *d = decoder_of(all_charsets[i]);
        for (unsigned bytes = 0; bytes < 0x10000; bytes++)
            for (size_t m = bytes % 3; m < sizeof marks - 1; m += 3) { /* a third is enough */
                char lead = (char)(bytes >> 8), trail = (char)bytes;
                const char in[] = { lead, trail, marks[m], 'x', marks[m] };
                size_t want = 2u + (lead == marks[m]) + (trail == marks[m]), got = 0;
                wit_buf_reset(&out);
                assert_int_equal(wit_charset_decode(d, wit_str_of(in, sizeof in), true, &out), 0);
                for (size_t k = 0; k < out.len; k++)
                    got += out.data[k] == marks[m];
                if (got != want)
                    fail_msg("%s: %04x then %02x", all_charsets[i], bytes, (unsigned)marks[m]);
            }
        wit_charset_decoder_destroy(d);
    }
    static const char *const without[] = { "utf-16le", "utf-16be", "iso-2022-jp", "replacement" };
    for (size_t i = 0; i < WIT_COUNT_OF(without); i++)
        assert_false(wit_charset_keeps_markup(wit_charset_find(wit_str_from(without[i]))));
    wit_buf_finish(&out);
}

enum { STREAMS = 60, STREAM_MOST = 1500 };

/* Random bytes, more often those that begin something. */
static void random_bytes(struct wit_random *rng, struct wit_buf *out) {
    static const char often[] = "\x1b$B(J\x81\x30\x8e\x8f\xa4\xd8\xdc\xe4\xf0\x80\xff<a";
    wit_buf_reset(out);
    for (uint64_t n = wit_random_below(rng, STREAM_MOST); n; n--) {
        char c = wit_random_below(rng, 3) ? (char)wit_random_u32(rng)
                                          : often[wit_random_below(rng, sizeof often - 1)];
        assert_int_equal(wit_buf_append_byte(out, c), 0);
    }
}

static void streams_may_be_cut_anywhere(void **state) {
    uint64_t seed = test_seed();
    struct wit_buf in = WIT_BUF_INIT(STREAM_MOST), whole = WIT_BUF_INIT(8 * STREAM_MOST);
    struct wit_buf pieces = WIT_BUF_INIT(8 * STREAM_MOST);
    for (size_t i = 0; i < WIT_COUNT_OF(all_charsets); i++) {
        struct wit_charset_decoder *d = decoder_of(all_charsets[i]);
        for (uint64_t stream = 0; stream < STREAMS; stream++) {
            struct wit_random rng;
            wit_random_init(&rng, seed, i, stream);
            random_bytes(&rng, &in);
            wit_buf_reset(&whole);
            wit_buf_reset(&pieces);
            assert_int_equal(wit_charset_decode(d, wit_buf_view(&in), true, &whole), 0);
            for (size_t at = 0, end; at < in.len; at = end) {
                end = at + (size_t)wit_random_below(&rng, 1 + wit_random_below(&rng, 40));
                end = end < in.len ? end : in.len;
                struct wit_str piece = wit_str_slice(wit_buf_view(&in), at, end);
                assert_int_equal(wit_charset_decode(d, piece, false, &pieces), 0);
            }
            assert_int_equal(wit_charset_decode(d, WIT_STR(""), true, &pieces), 0);
            if (!wit_str_eq(wit_buf_view(&whole), wit_buf_view(&pieces)))
                fail_msg("%s, stream %d: the cuts show", all_charsets[i], (int)stream);
            assert_true(wit_utf8_valid(wit_buf_view(&whole)));
        }
        wit_charset_decoder_destroy(d);
    }
    wit_buf_finish(&in);
    wit_buf_finish(&whole);
    wit_buf_finish(&pieces);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_replaces_each_maximal_subpart),
        cmocka_unit_test(utf8_writes_what_it_reads),
        cmocka_unit_test(utf8_repair_stops_at_the_ceiling),
        cmocka_unit_test(names_are_taken_by_the_longest_prefix),
        cmocka_unit_test(every_name_finds_itself),
        cmocka_unit_test(numbers_follow_the_c1_table),
        cmocka_unit_test(labels_mean_what_browsers_mean),
        cmocka_unit_test(byte_order_marks_name_their_encoding),
        cmocka_unit_test(single_byte_encodings_go_by_the_standard),
        cmocka_unit_test(chinese_and_korean_go_by_the_standard),
        cmocka_unit_test(japanese_goes_by_the_standard),
        cmocka_unit_test(utf_8_and_16_replace_what_is_cut),
        cmocka_unit_test(a_stream_ends_before_the_next_begins),
        cmocka_unit_test(markup_survives_every_lead_byte),
        cmocka_unit_test(streams_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
