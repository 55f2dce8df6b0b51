/* no_language.c: a build without cld2 knows no language. */
#include "language.h"

bool language_is_supported(void) {
    return false;
}

int language_find(struct wit_str code) {
    return -1;
}

int language_of(struct wit_str text) {
    return -1;
}

const char *language_code(int language) {
    return "un";
}
