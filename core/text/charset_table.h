/* charset_table.h: the encodings of the WHATWG Encoding Standard as data; see charset.c. */
#ifndef CHARSET_TABLE_H
#define CHARSET_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { CHARSET_COUNT = 40, CHARSET_LABEL_COUNT = 228, CHARSET_LABEL_MAX = 19 };

enum charset_kind {
    CHARSET_UTF8,
    CHARSET_SINGLE,      /* one byte a character, by `table` */
    CHARSET_ICU,         /* several bytes a character, by ICU */
    CHARSET_REPLACEMENT, /* dangerous old encodings: one U+FFFD for the whole stream */
    CHARSET_USER_DEFINED /* bytes from 0x80 to U+F780 and up */
};

struct wit_charset {
    const char *name;
    enum charset_kind kind;
    const uint16_t *table; /* code points of bytes 0x80 to 0xFF */
    const char *icu_name;
};

struct charset_label {
    const char *label;
    uint8_t charset; /* index into charset_all */
};

extern const struct wit_charset charset_all[CHARSET_COUNT];
extern const struct charset_label charset_labels[CHARSET_LABEL_COUNT];

#endif
