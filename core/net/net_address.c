/* net_address.c: which addresses may be connected to. Tables after the IANA IPv4 and IPv6
 * Special-Purpose Address Registries, RFC 6890. */
#include "net_private.h"

#include <arpa/inet.h>

struct range {
    uint8_t bytes[16];
    uint8_t bits;
    const char *name;
};

/* A longer prefix of the same name needs no line of its own. */
static const struct range ranges_v4[] = {
    { { 0 }, 8, "this_network" },              /* RFC 791 */
    { { 10 }, 8, "private" },                  /* RFC 1918 */
    { { 100, 64 }, 10, "cgnat" },              /* RFC 6598 */
    { { 127 }, 8, "loopback" },                /* RFC 1122 */
    { { 169, 254 }, 16, "link_local" },        /* RFC 3927; metadata at 169.254.169.254 */
    { { 172, 16 }, 12, "private" },            /* RFC 1918 */
    { { 192, 0, 0 }, 24, "reserved" },         /* RFC 6890; metadata at 192.0.0.192 */
    { { 192, 0, 2 }, 24, "documentation" },    /* RFC 5737 */
    { { 192, 88, 99 }, 24, "6to4" },           /* RFC 7526 */
    { { 192, 168 }, 16, "private" },           /* RFC 1918 */
    { { 198, 18 }, 15, "benchmarking" },       /* RFC 2544 */
    { { 198, 51, 100 }, 24, "documentation" }, /* RFC 5737 */
    { { 203, 0, 113 }, 24, "documentation" },  /* RFC 5737 */
    { { 168, 63, 129, 16 }, 32, "metadata" },  /* Azure's host agent: public space, local service */
    { { 224 }, 4, "multicast" },               /* RFC 5771 */
    { { 240 }, 4, "reserved" },                /* RFC 1112; broadcast with it */
};

static const struct range ranges_v6[] = {
    { { 0 }, 128, "unspecified" }, /* RFC 4291 */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128, "loopback" },
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96, "v4_mapped" }, /* RFC 4291 */
    { { 0 }, 96, "v4_compatible" },                                    /* RFC 4291, deprecated */
    { { 0x00, 0x64, 0xff, 0x9b }, 96, "nat64" },                       /* RFC 6052 */
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, "nat64" },           /* RFC 8215 */
    { { 0x01 }, 64, "discard" },                                       /* RFC 6666 */
    { { 0x20, 0x01 }, 32, "teredo" },                                  /* RFC 4380 */
    { { 0x20, 0x01 }, 23, "reserved" },                                /* RFC 2928 */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },               /* RFC 3849 */
    { { 0x20, 0x02 }, 16, "6to4" },                                    /* RFC 3056 */
    { { 0x3f, 0xff }, 20, "documentation" },                           /* RFC 9637 */
    { { 0xfc }, 7, "private" },                                        /* RFC 4193 */
    { { 0xfe, 0x80 }, 10, "link_local" },                              /* RFC 4291 */
    { { 0xfe, 0xc0 }, 10, "private" },                                 /* RFC 3879: site-local */
    { { 0xff }, 8, "multicast" },                                      /* RFC 4291 */
};

static bool prefix_matches(const uint8_t *address, const uint8_t *prefix, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address, prefix, whole) != 0)
        return false;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || ((address[whole] ^ prefix[whole]) & mask) == 0;
}

static const char *range_find(const struct range *ranges, size_t count, const uint8_t *address) {
    for (size_t i = 0; i < count; i++)
        if (prefix_matches(address, ranges[i].bytes, ranges[i].bits))
            return ranges[i].name;
    return NULL;
}

const char *wit_net_address_refused(const struct wit_net_address *a,
                                    const struct wit_net_cidr *allow, size_t allow_count) {
    for (size_t i = 0; i < allow_count; i++)
        if (allow[i].address.family == a->family &&
            prefix_matches(a->bytes, allow[i].address.bytes, allow[i].bits))
            return NULL;
    if (a->family == 4)
        return range_find(ranges_v4, WIT_COUNT_OF(ranges_v4), a->bytes);
    const char *name = range_find(ranges_v6, WIT_COUNT_OF(ranges_v6), a->bytes);
    if (name)
        return name;
    /* RFC 4291, 2.4: global unicast has been given out of 2000::/3 only. */
    return (a->bytes[0] & 0xe0) == 0x20 ? NULL : "reserved";
}

int wit_net_address_parse(struct wit_str text, struct wit_net_address *out, struct wit_error *err) {
    char host[INET6_ADDRSTRLEN + 1];
    struct wit_net_address a = { .family = 4 };
    if (text.len == 0 || text.len >= sizeof host || memchr(text.data, 0, text.len))
        return wit_error_set(err, WIT_EFORMAT, "not an IP address: '%.*s'",
                             (int)(text.len > 60 ? 60 : text.len), text.data ? text.data : "");
    memcpy(host, text.data, text.len);
    host[text.len] = 0;
    if (inet_pton(AF_INET, host, a.bytes) != 1) {
        a.family = 6;
        if (inet_pton(AF_INET6, host, a.bytes) != 1)
            return wit_error_set(err, WIT_EFORMAT, "not an IP address: '%s'", host);
    }
    *out = a;
    return 0;
}

int wit_net_cidr_parse(struct wit_str text, struct wit_net_cidr *out, struct wit_error *err) {
    struct wit_net_cidr cidr;
    ptrdiff_t slash = wit_str_find_byte(text, '/', 0);
    struct wit_str address = slash < 0 ? text : wit_str_slice(text, 0, (size_t)slash);
    int st = wit_net_address_parse(address, &cidr.address, err);
    if (st < 0)
        return st;
    unsigned all = cidr.address.family == 4 ? 32 : 128;
    uint64_t bits = all;
    if (slash >= 0 &&
        (wit_str_to_u64(wit_str_slice(text, (size_t)slash + 1, text.len), &bits) < 0 || bits > all))
        return wit_error_set(err, WIT_EFORMAT, "'%.*s': the part behind the slash must be 0 to %u",
                             WIT_STR_FMT(text), all);
    cidr.bits = (uint8_t)bits;
    for (unsigned bit = cidr.bits; bit < all; bit++)
        if (cidr.address.bytes[bit / 8] & (0x80u >> bit % 8))
            return wit_error_set(err, WIT_EFORMAT,
                                 "'%.*s' has bits set behind its %u-bit prefix: name the network",
                                 WIT_STR_FMT(text), cidr.bits);
    *out = cidr;
    return 0;
}

bool net_address_from_sockaddr(const struct sockaddr *sa, struct wit_net_address *out) {
    struct wit_net_address a = { .family = 4 };
    if (sa->sa_family == AF_INET) {
        memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa->sa_family == AF_INET6) {
        a.family = 6;
        memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    } else {
        return false;
    }
    *out = a;
    return true;
}

int net_address_format(const struct wit_net_address *a, char *out, size_t size) {
    return inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, out, (socklen_t)size)
               ? 0
               : WIT_ELIMIT;
}
