/*
 * charset.c: encodings of the web to UTF-8 and back. Source: WHATWG Encoding Standard. Single-byte
 * encodings go by our own tables, which follow the standard where ICU's differ and need no
 * converter; the others go through ICU.
 */
#include "charset_encode.h"
#include "charset_table.h"
#include "text/wit_text.h"

#include <stdlib.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>

/* Families of encodings in which ICU's converters differ from the standard in single bytes. */
enum icu_family {
    ICU_AS_IT_IS,
    ICU_SHIFT_JIS, /* ibm-943 has three control characters in each other's places */
    ICU_EUC,       /* Japanese and Korean: bytes that are no character become C1 or private use */
    ICU_GB         /* 0x80 is nothing instead of the euro sign */
};

struct wit_charset_decoder {
    const struct wit_charset *charset;
    UConverter *converter; /* kind ICU only */
    enum icu_family family;
    char tail[4]; /* UTF-8: a character begun in the last piece */
    size_t tail_len;
    uint32_t high_surrogate; /* ICU: the first half of a pair, waiting */
    bool replaced;           /* replacement: its one U+FFFD was written */
};

/* ---- labels ------------------------------------------------------------------------------- */

const struct wit_charset *wit_charset_find(struct wit_str label) {
    label = wit_str_trim(label);
    char lower[CHARSET_LABEL_MAX];
    if (label.len == 0 || label.len > sizeof lower)
        return NULL;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    size_t low = 0, high = CHARSET_LABEL_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order =
            wit_str_cmp(wit_str_of(lower, label.len), wit_str_from(charset_labels[middle].label));
        if (order == 0)
            return &charset_all[charset_labels[middle].charset];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct wit_charset *wit_charset_utf8(void) {
    return wit_charset_find(WIT_STR("utf-8"));
}

const struct wit_charset *wit_charset_windows_1252(void) {
    return wit_charset_find(WIT_STR("windows-1252"));
}

const char *wit_charset_name(const struct wit_charset *c) {
    return c->name;
}

const struct wit_charset *wit_charset_from_bom(struct wit_str s, size_t *bom_bytes) {
    static const struct {
        const char *bytes;
        size_t len;
        const char *name;
    } marks[] = { { "\xEF\xBB\xBF", 3, "utf-8" },
                  { "\xFE\xFF", 2, "utf-16be" },
                  { "\xFF\xFE", 2, "utf-16le" } };
    for (size_t i = 0; i < WIT_COUNT_OF(marks); i++)
        if (wit_str_starts_with(s, wit_str_of(marks[i].bytes, marks[i].len))) {
            *bom_bytes = marks[i].len;
            return wit_charset_find(wit_str_from(marks[i].name));
        }
    return NULL;
}

bool wit_charset_keeps_markup(const struct wit_charset *c) {
    /* In Shift_JIS, Big5 and the GB family a trail byte may look like ASCII, but only like letters,
     * digits and `@[\]^_{|}~, never like what delimits markup. */
    if (c->kind == CHARSET_ICU)
        return strncmp(c->name, "utf-16", 6) != 0 && strcmp(c->name, "iso-2022-jp") != 0;
    return c->kind != CHARSET_REPLACEMENT;
}

/* ---- decoding ----------------------------------------------------------------------------- */

static enum icu_family icu_family_of(const struct wit_charset *c) {
    if (strcmp(c->name, "shift_jis") == 0)
        return ICU_SHIFT_JIS;
    if (strcmp(c->name, "euc-jp") == 0 || strcmp(c->name, "euc-kr") == 0)
        return ICU_EUC;
    if (strcmp(c->name, "gbk") == 0 || strcmp(c->name, "gb18030") == 0)
        return ICU_GB;
    return ICU_AS_IT_IS;
}

/* ICU calls this for what is no character. Its own callback writes U+001A for single bytes. */
static void U_CALLCONV on_undecodable(const void *context, UConverterToUnicodeArgs *args,
                                      const char *bytes, int32_t length,
                                      UConverterCallbackReason reason, UErrorCode *status) {
    const struct wit_charset_decoder *d = context;
    if (reason > UCNV_IRREGULAR)
        return; /* reset, close, clone: nothing to convert */
    UChar unit = WIT_UTF8_REPLACEMENT;
    if (length == 1 && (uint8_t)bytes[0] == 0x80 && d->family == ICU_GB)
        unit = 0x20AC;
    if (length == 1 && (uint8_t)bytes[0] == 0x80 && d->family == ICU_SHIFT_JIS)
        unit = 0x80;
    *status = U_ZERO_ERROR;
    ucnv_cbToUWriteUChars(args, &unit, 1, 0, status);
}

int wit_charset_decoder_create(const struct wit_charset *c, struct wit_charset_decoder **out,
                               struct wit_error *err) {
    struct wit_charset_decoder *d = calloc(1, sizeof *d);
    if (!d)
        return wit_error_set(err, WIT_ENOMEM, "no memory for a decoder of %s", c->name);
    d->charset = c;
    if (c->kind == CHARSET_ICU) {
        UErrorCode status = U_ZERO_ERROR;
        d->family = icu_family_of(c);
        d->converter = ucnv_open(c->icu_name, &status);
        ucnv_setToUCallBack(d->converter, on_undecodable, d, NULL, NULL, &status);
        if (U_FAILURE(status)) {
            wit_charset_decoder_destroy(d);
            return wit_error_set(err, WIT_EUNSUPPORTED, "ICU has no converter '%s' for %s: %s",
                                 c->icu_name, c->name, u_errorName(status));
        }
    }
    *out = d;
    return 0;
}

void wit_charset_decoder_destroy(struct wit_charset_decoder *d) {
    if (!d)
        return;
    if (d->converter)
        ucnv_close(d->converter);
    free(d);
}

void wit_charset_decoder_reset(struct wit_charset_decoder *d) {
    if (d->converter)
        ucnv_resetToUnicode(d->converter);
    d->tail_len = 0;
    d->high_surrogate = 0;
    d->replaced = false;
}

static int append_code_point(struct wit_buf *out, uint32_t code_point) {
    char bytes[4];
    return wit_buf_append(out, bytes, wit_utf8_encode(code_point, bytes));
}

/* Complete the character that the last piece left unfinished, byte by byte: at most three of them.
 */
static int decode_utf8_tail(struct wit_charset_decoder *d, struct wit_str *bytes,
                            struct wit_buf *out) {
    while (d->tail_len > 0 && bytes->len > 0) {
        d->tail[d->tail_len++] = bytes->data[0];
        struct wit_str held = wit_str_of(d->tail, d->tail_len);
        if (wit_utf8_tail(held) == held.len) {
            *bytes = wit_str_slice(*bytes, 1, bytes->len);
            continue; /* still only a beginning */
        }
        /* Either a whole character, or the new byte does not belong and is read again as usual. */
        size_t at = 0;
        uint32_t code_point = wit_utf8_next(held, &at);
        if (at == held.len)
            *bytes = wit_str_slice(*bytes, 1, bytes->len);
        d->tail_len = 0;
        return append_code_point(out, code_point);
    }
    return 0;
}

static int decode_utf8(struct wit_charset_decoder *d, struct wit_str bytes, bool last,
                       struct wit_buf *out) {
    int st = decode_utf8_tail(d, &bytes, out);
    size_t tail = d->tail_len ? 0 : wit_utf8_tail(bytes);
    if (st == 0)
        st = wit_utf8_sanitize(wit_str_slice(bytes, 0, bytes.len - tail), out);
    if (st < 0)
        return st;
    if (tail) {
        memcpy(d->tail, bytes.data + bytes.len - tail, tail);
        d->tail_len = tail;
    }
    if (last && d->tail_len)
        st = append_code_point(out, WIT_UTF8_REPLACEMENT);
    return st;
}

static int decode_by_table(const uint16_t *table, struct wit_str bytes, struct wit_buf *out) {
    int st = 0;
    size_t plain = 0;
    for (size_t i = 0; i < bytes.len && st == 0; i++) {
        uint8_t b = (uint8_t)bytes.data[i];
        if (b < 0x80)
            continue;
        st = wit_buf_append_str(out, wit_str_slice(bytes, plain, i));
        if (st == 0)
            st = append_code_point(out, table ? table[b - 0x80] : 0xF700u + b);
        plain = i + 1;
    }
    if (st == 0)
        st = wit_buf_append_str(out, wit_str_slice(bytes, plain, bytes.len));
    return st;
}

/* What the standard has where ICU's converter gives this unit. */
static UChar unit_by_standard(enum icu_family family, UChar unit) {
    if (family == ICU_SHIFT_JIS)
        return unit == 0x1A ? 0x7F : unit == 0x1C ? 0x1A : unit == 0x7F ? 0x1C : unit;
    if (family == ICU_EUC && ((unit >= 0x80 && unit <= 0x9F) || unit == 0xF8F7))
        return WIT_UTF8_REPLACEMENT;
    return unit;
}

static int append_utf16(struct wit_charset_decoder *d, const UChar *units, size_t count,
                        struct wit_buf *out) {
    int st = 0;
    for (size_t i = 0; i < count && st == 0; i++) {
        uint32_t unit = unit_by_standard(d->family, units[i]);
        if (d->high_surrogate) {
            uint32_t high = d->high_surrogate;
            d->high_surrogate = 0;
            if (unit >= 0xDC00 && unit <= 0xDFFF) {
                st = append_code_point(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
                continue;
            }
            st = append_code_point(out, WIT_UTF8_REPLACEMENT);
        }
        if (unit >= 0xD800 && unit <= 0xDBFF)
            d->high_surrogate = unit;
        else if (st == 0)
            st = append_code_point(out, unit);
    }
    return st;
}

static int decode_by_icu(struct wit_charset_decoder *d, struct wit_str bytes, bool last,
                         struct wit_buf *out) {
    UChar units[512];
    const char *source = bytes.data ? bytes.data : "", *end = source + bytes.len;
    int st = 0;
    UErrorCode status;
    do {
        UChar *target = units;
        status = U_ZERO_ERROR;
        ucnv_toUnicode(d->converter, &target, units + WIT_COUNT_OF(units), &source, end, NULL, last,
                       &status);
        st = append_utf16(d, units, (size_t)(target - units), out);
    } while (status == U_BUFFER_OVERFLOW_ERROR && st == 0);
    if (st == 0 && U_FAILURE(status))
        st = status == U_MEMORY_ALLOCATION_ERROR ? WIT_ENOMEM : WIT_EINTERNAL;
    if (st == 0 && last && d->high_surrogate)
        st = append_code_point(out, WIT_UTF8_REPLACEMENT);
    return st;
}

int wit_charset_decode(struct wit_charset_decoder *d, struct wit_str bytes, bool last,
                       struct wit_buf *out) {
    int st = 0;
    switch (d->charset->kind) {
    case CHARSET_UTF8:
        st = decode_utf8(d, bytes, last, out);
        break;
    case CHARSET_SINGLE:
    case CHARSET_USER_DEFINED:
        st = decode_by_table(d->charset->table, bytes, out);
        break;
    case CHARSET_ICU:
        st = decode_by_icu(d, bytes, last, out);
        break;
    case CHARSET_REPLACEMENT:
        if (bytes.len && !d->replaced) {
            d->replaced = true;
            st = append_code_point(out, WIT_UTF8_REPLACEMENT);
        }
        break;
    }
    if (last)
        wit_charset_decoder_reset(d);
    return st;
}

/* ---- encoding ----------------------------------------------------------------------------- */

bool charset_query_is_utf8(const struct wit_charset *c) {
    return !c || c->kind == CHARSET_UTF8 || c->kind == CHARSET_REPLACEMENT ||
           strncmp(c->name, "utf-16", 6) == 0;
}

enum { UNENCODABLE_MAX = 24 };

static int format_unencodable(uint32_t code_point, char text[UNENCODABLE_MAX]) {
    return snprintf(text, UNENCODABLE_MAX, "%%26%%23%u%%3B", (unsigned)code_point);
}

static int encode_by_table(const uint16_t *table, struct wit_str utf8, struct wit_buf *out) {
    int st = 0;
    for (size_t at = 0; at < utf8.len && st == 0;) {
        uint32_t c = wit_utf8_next(utf8, &at);
        int byte = c < 0x80 ? (int)c : -1;
        for (int i = 0; i < 128 && byte < 0; i++)
            if (c != WIT_UTF8_REPLACEMENT && (table ? table[i] == c : c == 0xF780u + (uint32_t)i))
                byte = 0x80 + i;
        if (byte >= 0) {
            st = wit_buf_append_byte(out, (char)byte);
        } else {
            char text[UNENCODABLE_MAX];
            st = wit_buf_append(out, text, (size_t)format_unencodable(c, text));
        }
    }
    return st;
}

/* ICU calls this for what the encoding lacks. */
static void U_CALLCONV on_unencodable(const void *context, UConverterFromUnicodeArgs *args,
                                      const UChar *units, int32_t length, UChar32 code_point,
                                      UConverterCallbackReason reason, UErrorCode *status) {
    if (reason > UCNV_IRREGULAR)
        return; /* reset, close, clone: nothing to convert */
    char text[UNENCODABLE_MAX];
    int len = format_unencodable((uint32_t)code_point, text);
    *status = U_ZERO_ERROR;
    ucnv_cbFromUWriteBytes(args, text, len, 0, status);
}

/* unit_by_standard backwards, for Shift_JIS. */
static UChar unit_by_icu(enum icu_family family, UChar unit) {
    if (family == ICU_SHIFT_JIS)
        return unit == 0x7F ? 0x1A : unit == 0x1A ? 0x1C : unit == 0x1C ? 0x7F : unit;
    return unit;
}

static int encode_by_icu(const struct wit_charset *c, struct wit_str utf8, struct wit_buf *out) {
    /* The standard decodes GBK as GB18030, but encodes it as GBK. */
    const char *name = strcmp(c->name, "gbk") == 0 ? "GBK" : c->icu_name;
    UErrorCode status = U_ZERO_ERROR;
    UConverter *converter = ucnv_open(name, &status);
    if (U_FAILURE(status))
        return WIT_EUNSUPPORTED;
    ucnv_setFromUCallBack(converter, on_unencodable, NULL, NULL, NULL, &status);
    int st = 0;
    size_t at = 0;
    do {
        UChar units[256];
        size_t count = 0;
        while (at < utf8.len && count < WIT_COUNT_OF(units) - 1) {
            uint32_t code_point = wit_utf8_next(utf8, &at);
            if (code_point >= 0x10000) {
                units[count++] = (UChar)(0xD7C0 + (code_point >> 10));
                units[count++] = (UChar)(0xDC00 | (code_point & 0x3FF));
            } else {
                units[count++] = unit_by_icu(icu_family_of(c), (UChar)code_point);
            }
        }
        const UChar *source = units;
        do {
            char bytes[512], *target = bytes;
            status = U_ZERO_ERROR;
            ucnv_fromUnicode(converter, &target, bytes + sizeof bytes, &source, units + count, NULL,
                             at == utf8.len, &status);
            st = wit_buf_append(out, bytes, (size_t)(target - bytes));
        } while (status == U_BUFFER_OVERFLOW_ERROR && st == 0);
        if (st == 0 && U_FAILURE(status))
            st = WIT_EINTERNAL;
    } while (at < utf8.len && st == 0);
    ucnv_close(converter);
    return st;
}

int charset_encode_query(const struct wit_charset *c, struct wit_str utf8, struct wit_buf *out) {
    if (c->kind == CHARSET_ICU)
        return encode_by_icu(c, utf8, out);
    return encode_by_table(c->table, utf8, out);
}
