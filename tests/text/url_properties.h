/* url_properties.h: what must hold of every URL that parses. Shared by test_url.c and fuzz_url.c.
 */
#ifndef URL_PROPERTIES_H
#define URL_PROPERTIES_H

#include "text/wit_text.h"

/* NULL when all holds, else what does not:
 *  - the serialisation is printable ASCII, and a space stands in opaque paths only;
 *  - it parses to itself, with the same parts;
 *  - the parts with the marks between them are the serialisation;
 *  - http and https have a host and a port;
 *  - the registrable domain is the end of the host, and its own. */
const char *url_fault(const struct wit_url *url);

#endif
