/*
 * language.h: which language a text is in, by Compact Language Detector 2. A build without it
 * (meson option cld2) knows no language. The one header that language_cld2.cc and no_language.c
 * share; C++ stays behind it.
 */
#ifndef FILTER_LANGUAGE_H
#define FILTER_LANGUAGE_H

#include "base/wit_base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { LANGUAGES_MOST = 1024 }; /* numbers of languages are below it */

bool language_is_supported(void);
/* The number of a code such as "en" or "zh-Hant"; -1: there is none. */
int language_find(struct wit_str code);
/* The number of the language that valid UTF-8 is reliably in; -1: it is not sure. Any thread. */
int language_of(struct wit_str text);
const char *language_code(int language); /* "en"; "un" for -1 */

#ifdef __cplusplus
}
#endif
#endif
