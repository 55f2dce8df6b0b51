/* url_trap_properties.h: what must hold of the rules for any URL. Shared by test_url_traps.c and
 * fuzz_url_traps.c. */
#ifndef URL_TRAP_PROPERTIES_H
#define URL_TRAP_PROPERTIES_H

#include "text/wit_text.h"

/* NULL when all holds, or when the text is no URL; else what does not:
 *  - a trap has one of the known names, and a query of one more parameter is a trap too;
 *  - taking sessions out shortens, leaves origin and user, and leaves none to take out;
 *  - a session id that is put in is taken out again. */
const char *url_trap_fault(struct wit_str text);

#endif
