/* phash_scan.c: one hash beside a list of them. */
#include "wit_image_phash.h"

static inline __attribute__((always_inline)) size_t scan(const struct wit_image_phash *h,
                                                         const struct wit_image_phash *list,
                                                         const uint8_t *within, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint64_t *o = list[i].words;
        unsigned bits = (unsigned)__builtin_popcountll(h->words[0] ^ o[0]) +
                        (unsigned)__builtin_popcountll(h->words[1] ^ o[1]);
        if (bits <= within[i] && wit_image_phash_distance(h, &list[i]) <= within[i])
            return i;
    }
    return count;
}

static size_t scan_plain(const struct wit_image_phash *h, const struct wit_image_phash *list,
                         const uint8_t *within, size_t count) {
    return scan(h, list, within, count);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static size_t scan_popcnt(const struct wit_image_phash *h,
                                                            const struct wit_image_phash *list,
                                                            const uint8_t *within, size_t count) {
    return scan(h, list, within, count);
}
#endif

size_t wit_image_phash_scan(const struct wit_image_phash *h, const struct wit_image_phash *list,
                            const uint8_t *within, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt"))
        return scan_popcnt(h, list, within, count);
#endif
    return scan_plain(h, list, within, count);
}
