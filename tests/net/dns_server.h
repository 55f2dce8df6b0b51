/* dns_server.h: a name server on loopback (UDP) that says what a test wants. Any other name does
 * not exist. */
#ifndef DNS_SERVER_H
#define DNS_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct dns_record {
    const char *name;      /* lower case, no dot at the end */
    /* IPv4, separated by spaces; DNS_SERVER_FAILS: SERVFAIL; NULL: no answer at all */
    const char *addresses;
    uint32_t ttl_s;
    /* Addresses from the second A query on, after failures from the fourth; NULL: as before. */
    const char *then;
};
#define DNS_SERVER_FAILS "servfail"

struct dns_server;

/* Aborts the test program on failure. The records are borrowed. */
struct dns_server *dns_server_start(const struct dns_record *records, size_t count);
void dns_server_stop(struct dns_server *s);
const char *dns_server_address(const struct dns_server *s);        /* "127.0.0.1:40123" */
unsigned dns_server_asked(struct dns_server *s, const char *name); /* A queries for it */

#endif
