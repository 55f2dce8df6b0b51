/* html_charset.h: which encoding a page is in, from its first bytes and where it is from. */
#ifndef HTML_CHARSET_H
#define HTML_CHARSET_H

#include "text/wit_text.h"

enum { HTML_CHARSET_PRESCAN_BYTES = 1024 };

/* "prescan a byte stream to determine its encoding" (WHATWG HTML 13.2.3.2): the first meta element
 * that names one, else an XML declaration; NULL when neither does. */
const struct wit_charset *html_charset_prescan(struct wit_str head);

/* "extracting a character encoding from a meta element": from "text/html; charset=x". */
const struct wit_charset *html_charset_from_content(struct wit_str content);

/* The default of 13.2.3.2, step 9, for a page without a label: that of the language of the host's
 * country, for which the top-level domain stands; windows-1252 elsewhere. */
const struct wit_charset *html_charset_of_host(struct wit_str host);

/* What a meta element may not mean: UTF-16 there is UTF-8, x-user-defined is windows-1252. */
const struct wit_charset *html_charset_as_meta(const struct wit_charset *c);

#endif
