/* language_cld2.cc: language.h by Compact Language Detector 2. Nothing of it throws. */
#include "language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>
#include <climits>
#include <cstring>

static_assert(int(CLD2::NUM_LANGUAGES) < int(LANGUAGES_MOST), "numbers of languages fit");

bool language_is_supported(void) {
    return true;
}

int language_find(struct wit_str code) {
    for (int i = 0; i < CLD2::NUM_LANGUAGES; i++) {
        const char *name = CLD2::LanguageCode(static_cast<CLD2::Language>(i));
        if (i != CLD2::UNKNOWN_LANGUAGE && i != CLD2::TG_UNKNOWN_LANGUAGE && name[0] &&
            std::strlen(name) == code.len && std::memcmp(name, code.data, code.len) == 0)
            return i;
    }
    return -1;
}

int language_of(struct wit_str text) {
    CLD2::Language three[3];
    int percent[3], bytes = 0;
    bool sure = false;
    if (text.len == 0 || text.len > INT_MAX)
        return -1;
    /* Plain text: markup is another rule's. This form alone says "unknown" instead of English. */
    CLD2::Language found = CLD2::ExtDetectLanguageSummary(text.data, static_cast<int>(text.len),
                                                          true, three, percent, &bytes, &sure);
    return sure && found != CLD2::UNKNOWN_LANGUAGE && found != CLD2::TG_UNKNOWN_LANGUAGE ? found
                                                                                         : -1;
}

const char *language_code(int language) {
    return CLD2::LanguageCode(language < 0 ? CLD2::UNKNOWN_LANGUAGE
                                           : static_cast<CLD2::Language>(language));
}
