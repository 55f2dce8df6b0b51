/* charref_table.h: the named character references of HTML as data; see charref.c for their use. */
#ifndef CHARREF_TABLE_H
#define CHARREF_TABLE_H

#include <stdint.h>

enum { CHARREF_COUNT = 2231, CHARREF_NAME_MAX = 32 }; /* the longest name, with its ';' */

struct charref_entry {
    const char *name; /* without '&'; most end in ';' */
    uint8_t len;
    uint32_t code_points[2]; /* the second is 0 for most */
};

extern const struct charref_entry charref_entries[CHARREF_COUNT];
extern const uint16_t charref_first[53]; /* A-Z, a-z, end */

#endif
