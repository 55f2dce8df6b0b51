/* charset_encode.h: from UTF-8 back to a document's encoding, for the queries of its links. */
#ifndef CHARSET_ENCODE_H
#define CHARSET_ENCODE_H

#include "text/wit_text.h"

/* True when a query is encoded as UTF-8 whatever the document says (UTF-8, UTF-16, replacement). */
bool charset_query_is_utf8(const struct wit_charset *c);

/* Append utf8 (valid) in encoding c; what c lacks becomes "%26%23<decimal>%3B". Source: WHATWG URL,
 * 1.3, "percent-encode after encoding". 0, WIT_ELIMIT, WIT_ENOMEM, WIT_EUNSUPPORTED. */
int charset_encode_query(const struct wit_charset *c, struct wit_str utf8, struct wit_buf *out);

#endif
