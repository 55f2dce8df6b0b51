/*
 * hygiene_names.c: captions that a machine wrote: file names, exposure data, sizes. They name no
 * content, and file names of cameras repeat over millions of images. Of YFCC100M's photographs with
 * a title or description, most of those that CLIP's authors dropped had only such text (Radford et
 * al. 2021, 2.2).
 */
#include "hygiene_private.h"

static bool word_is(struct wit_str word, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (wit_str_eq_nocase(word, wit_str_from(list[i])))
            return true;
    return false;
}

/* Without punctuation at both ends. */
static struct wit_str bare(struct wit_str w) {
    size_t from = 0, to = w.len;
    while (from < to && memchr(",;:.()[]|\"'", w.data[from], 11))
        from++;
    while (to > from && memchr(",;:.()[]|\"'", w.data[to - 1], 11))
        to--;
    return wit_str_slice(w, from, to);
}

/* ---- file names ---------------------------------------------------------------------------------
 */

static const char *const extensions[] = { "jpg", "jpeg", "jpe",  "jfif", "png",  "gif",  "webp",
                                          "bmp", "tif",  "tiff", "svg",  "heic", "heif", "avif",
                                          "cr2", "nef",  "arw",  "dng",  "psd" };

static bool is_extension(struct wit_str w) {
    return word_is(w, extensions, WIT_COUNT_OF(extensions));
}

/* The text without ".jpg" and the like at its end. */
static struct wit_str stem_of(struct wit_str s, bool *had_extension) {
    size_t dot = s.len;
    while (dot > 0 && s.data[dot - 1] != '.' && s.len - dot < 5)
        dot--;
    *had_extension =
        dot > 1 && s.data[dot - 1] == '.' && is_extension(wit_str_slice(s, dot, s.len));
    return *had_extension ? wit_str_slice(s, 0, dot - 1) : s;
}

static bool is_joint(char c) {
    return c == '_' || c == '-' || c == ' ' || c == '.' || c == '(' || c == ')' || c == '#';
}

/* What programs put behind a number: "IMG_0042 (1) copy", "IMG-20190101-WA0007", "_edited". */
static bool is_suffix(struct wit_str w) {
    static const char *const words[] = {
        "copy",   "edited", "edit", "small", "large", "thumb", "web", "final",
        "scaled", "crop",   "orig", "kopie", "copia", "wa",    "am",  "pm",
        "at",     "bw",     "hdr",  "pano",  "burst", "cover", "mp",  "portrait"
    };
    return w.len <= 1 || word_is(w, words, WIT_COUNT_OF(words));
}

/* Nothing but digits, joints and suffixes from `at` on; *digits counts them. */
static bool is_numbering(struct wit_str s, size_t at, size_t *digits) {
    *digits = 0;
    while (at < s.len) {
        size_t start = at;
        if (hygiene_is_digit(s.data[at])) {
            (*digits)++;
            at++;
        } else if (is_joint(s.data[at])) {
            at++;
        } else {
            while (at < s.len && hygiene_is_alpha(s.data[at]))
                at++;
            if (at == start || !is_suffix(wit_str_slice(s, start, at)))
                return false;
        }
    }
    return true;
}

/* What cameras, phones, scanners and programs begin their names with, and how many digits follow at
 * least. Longer ones come first. */
static const struct {
    const char *name;
    size_t digits;
} makers[] = {
    { "whatsapp image", 4 },
    { "whatsappimage", 4 },
    { "screen shot", 4 },
    { "screenshot", 2 },
    { "bildschirmfoto", 4 },
    { "capture", 2 },
    { "fullsizerender", 0 },
    { "photogrid", 4 },
    { "snapchat", 4 },
    { "instagram", 4 },
    { "facebook", 6 },
    { "received", 6 },
    { "download", 0 },
    { "unnamed", 0 },
    { "untitled", 0 },
    { "image", 1 },
    { "photo", 2 },
    { "picture", 2 },
    { "bild", 2 },
    { "foto", 2 },
    { "pict", 3 },
    { "scan", 2 },
    { "slide", 1 },
    { "figure", 0 },
    { "dscn", 3 },
    { "dscf", 3 },
    { "dsc", 3 },
    { "imgp", 3 },
    { "imag", 3 },
    { "img", 1 },
    { "cimg", 3 },
    { "hpim", 3 },
    { "kif", 3 },
    { "mvi", 3 },
    { "vid", 4 },
    { "mvimg", 4 },
    { "gopr", 3 },
    { "gp", 5 },
    { "dji", 3 },
    { "pxl", 6 },
    { "sam", 3 },
    { "wp", 4 },
    { "sdc", 3 },
    { "stp", 3 },
    { "p", 6 },
    { "dcp", 3 },
    { "dscs", 3 },
    { "rimg", 3 },
    { "sany", 3 },
    { "ex", 4 },
    { "vlcsnap", 2 },
    { "thumb", 1 },
};

static bool is_maker_name(struct wit_str s) {
    size_t at = 0, digits;
    while (at < s.len && s.data[at] == '_')
        at++;
    struct wit_str rest = wit_str_slice(s, at, s.len);
    for (size_t i = 0; i < WIT_COUNT_OF(makers); i++) {
        size_t len = strlen(makers[i].name);
        if (rest.len < len ||
            !wit_str_eq_nocase(wit_str_slice(rest, 0, len), wit_str_from(makers[i].name)))
            continue;
        if (is_numbering(rest, len, &digits) && digits >= makers[i].digits)
            return true;
    }
    return false;
}

/* 20190101_123456, 2019-01-01 12.34.56, 1024543876: no letters, as a camera or a database names. */
static bool is_number_name(struct wit_str s) {
    size_t digits;
    return is_numbering(s, 0, &digits) && digits >= 8;
}

/* Hexadecimal digests and UUIDs: letters and digits mixed, nothing else. */
static bool is_digest(struct wit_str s) {
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool hex = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        digits += hygiene_is_digit(c);
        letters += hex;
        if (!hex && !hygiene_is_digit(c) && c != '-')
            return false;
    }
    return digits + letters >= 16 && digits >= 3;
}

bool hygiene_is_file_name(const struct hygiene_text *t) {
    bool had_extension;
    struct wit_str stem = stem_of(t->s, &had_extension);
    if (t->word_count == 1 && had_extension)
        return true;
    return is_maker_name(stem) || is_number_name(stem) || (t->word_count == 1 && is_digest(stem));
}

/* ---- exposure
 * ------------------------------------------------------------------------------------ */

/* Digits, with one dot, comma or slash between them. */
static bool is_number(struct wit_str w) {
    bool any = false, mark = false;
    for (size_t i = 0; i < w.len; i++) {
        if (hygiene_is_digit(w.data[i])) {
            any = true;
            continue;
        }
        if (mark || !any || !memchr(".,/", w.data[i], 3))
            return false;
        mark = true;
    }
    return any && w.len && hygiene_is_digit(w.data[w.len - 1]);
}

/* A number with one of the units behind it. */
static bool has_unit(struct wit_str w, const char *const *units, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct wit_str unit = wit_str_from(units[i]);
        if (w.len > unit.len &&
            wit_str_eq_nocase(wit_str_slice(w, w.len - unit.len, w.len), unit) &&
            is_number(wit_str_slice(w, 0, w.len - unit.len)))
            return true;
    }
    return false;
}

static bool starts_number(struct wit_str w, const char *lead) {
    size_t len = strlen(lead);
    return w.len > len && wit_str_eq_nocase(wit_str_slice(w, 0, len), wit_str_from(lead)) &&
           is_number(wit_str_slice(w, len, w.len));
}

/* f/2.8, F2.8, 1/250, 1/250s, 50mm, ISO400: each a datum by itself. */
static bool is_exposure_datum(struct wit_str w) {
    static const char *const units[] = { "s", "sec", "mm", "ev" };
    bool is_fraction = w.len > 3 && w.data[0] == '1' && w.data[1] == '/' && is_number(w);
    return starts_number(w, "f/") || starts_number(w, "f") || starts_number(w, "iso") ||
           is_fraction || has_unit(w, units, WIT_COUNT_OF(units));
}

bool hygiene_is_exposure(const struct hygiene_text *t) {
    static const char *const fillers[] = { "iso",     "sec",   "s",     "mm",       "ev",
                                           "f",       "at",    "@",     "exposure", "aperture",
                                           "shutter", "speed", "focal", "length" };
    size_t data = 0, others = 0;
    bool iso = false;
    for (size_t i = 0; i < t->word_count; i++) {
        struct wit_str w = bare(t->words[i]);
        bool datum = is_exposure_datum(w) || (iso && is_number(w));
        iso = wit_str_eq_nocase(w, WIT_STR("iso"));
        data += datum;
        others += !datum && w.len && !is_number(w) && !word_is(w, fillers, WIT_COUNT_OF(fillers));
    }
    return data >= 2 && others <= data; /* a camera's name may stand beside; a sentence may not */
}

/* ---- sizes
 * --------------------------------------------------------------------------------------- */

/* 1024x768, 1024×768, 640*480. */
static bool is_size(struct wit_str w) {
    size_t at = 0, numbers = 0;
    while (at < w.len) {
        size_t start = at;
        while (at < w.len && hygiene_is_digit(w.data[at]))
            at++;
        if (at == start)
            return false;
        numbers++;
        if (at == w.len)
            break;
        if (w.data[at] == 'x' || w.data[at] == 'X' || w.data[at] == '*')
            at++;
        else if (w.len - at > 2 && memcmp(w.data + at, "\xc3\x97", 2) == 0)
            at += 2;
        else
            return false;
    }
    return numbers >= 2;
}

bool hygiene_is_bare_size(const struct hygiene_text *t) {
    static const char *const units[] = { "kb", "mb",  "gb",  "kib",    "mib", "bytes",
                                         "px", "dpi", "ppi", "pixels", "mpx", "mp" };
    static const char *const fillers[] = { "x",      "*",  "\xc3\x97", "by",  "image", "file",
                                           "size",   "-",  "/",        "&",   "bytes", "kb",
                                           "mb",     "px", "pixels",   "dpi", "in",    "inch",
                                           "inches", "cm", "mm" };
    size_t data = 0, numbers = 0;
    for (size_t i = 0; i < t->word_count; i++) {
        struct wit_str w = bare(t->words[i]);
        if (is_size(w) || is_extension(w) || has_unit(w, units, WIT_COUNT_OF(units)))
            data++;
        else if (is_number(w))
            numbers++;
        else if (w.len && !word_is(w, fillers, WIT_COUNT_OF(fillers)))
            return false;
    }
    return (data > 0 || numbers >= 2) && !t->words_cut;
}
