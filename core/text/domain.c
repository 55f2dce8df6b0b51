/* domain.c: who owns a host, by the Public Suffix List that libpsl carries. */
#include "text/wit_text.h"

#include <libpsl.h>

enum { HOST_MAX = 255 }; /* DNS names are no longer (RFC 1035, 2.3.4); others own themselves */

/* Hosts of only digits and dots are IPv4 addresses: no other such host survives the URL parser. */
static bool is_ip_literal(struct wit_str host) {
    if (host.data[0] == '[')
        return true;
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return false;
    return true;
}

struct wit_str wit_domain_registrable(struct wit_str host) {
    while (host.len && host.data[host.len - 1] == '.')
        host.len--;
    if (host.len == 0 || host.len > HOST_MAX || is_ip_literal(host))
        return host;
    char name[HOST_MAX + 1];
    memcpy(name, host.data, host.len);
    name[host.len] = '\0';
    const psl_ctx_t *list = psl_builtin();
    const char *domain = list ? psl_registrable_domain(list, name) : NULL;
    if (!domain)
        return host;
    return wit_str_slice(host, (size_t)(domain - name), host.len);
}
