/* test_address.c: the table of addresses that may not be connected to. */
#include "net/wit_net.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* NULL: may be connected to. First and last address of each range, and its neighbours. */
static const struct {
    const char *address, *name;
} table[] = {
    { "0.0.0.0", "this_network" },
    { "0.255.255.255", "this_network" },
    { "1.0.0.0", NULL },
    { "9.255.255.255", NULL },
    { "10.0.0.0", "private" },
    { "10.255.255.255", "private" },
    { "11.0.0.0", NULL },
    { "100.63.255.255", NULL },
    { "100.64.0.0", "cgnat" },
    { "100.100.100.200", "cgnat" },
    { "100.127.255.255", "cgnat" },
    { "100.128.0.0", NULL },
    { "126.255.255.255", NULL },
    { "127.0.0.1", "loopback" },
    { "127.255.255.255", "loopback" },
    { "128.0.0.0", NULL },
    { "168.63.129.15", NULL },
    { "168.63.129.16", "metadata" },
    { "169.253.255.255", NULL },
    { "169.254.169.254", "link_local" },
    { "169.255.0.0", NULL },
    { "172.15.255.255", NULL },
    { "172.16.0.0", "private" },
    { "172.31.255.255", "private" },
    { "172.32.0.0", NULL },
    { "192.0.0.192", "reserved" },
    { "192.0.1.0", NULL },
    { "192.0.2.1", "documentation" },
    { "192.88.99.1", "6to4" },
    { "192.167.255.255", NULL },
    { "192.168.0.1", "private" },
    { "192.169.0.0", NULL },
    { "198.17.255.255", NULL },
    { "198.18.0.0", "benchmarking" },
    { "198.19.255.255", "benchmarking" },
    { "198.20.0.0", NULL },
    { "198.51.100.7", "documentation" },
    { "203.0.113.7", "documentation" },
    { "223.255.255.255", NULL },
    { "224.0.0.1", "multicast" },
    { "239.255.255.255", "multicast" },
    { "240.0.0.0", "reserved" },
    { "255.255.255.255", "reserved" },
    { "8.8.8.8", NULL },
    { "::", "unspecified" },
    { "::1", "loopback" },
    { "::2", "v4_compatible" },
    { "::7f00:1", "v4_compatible" },
    { "::ffff:127.0.0.1", "v4_mapped" },
    { "::ffff:8.8.8.8", "v4_mapped" },
    { "64:ff9b::1.2.3.4", "nat64" },
    { "64:ff9b:1:2::1", "nat64" },
    { "100::1", "discard" },
    { "200::1", "reserved" },
    { "2001::1", "teredo" },
    { "2001:0:4136:e378:8000:63bf:3fff:fdd2", "teredo" },
    { "2001:20::1", "reserved" },
    { "2001:1ff:ffff::1", "reserved" },
    { "2001:200::1", NULL },
    { "2001:db8::1", "documentation" },
    { "2002:7f00:1::1", "6to4" },
    { "2606:4700::1111", NULL },
    { "3fff::1", "documentation" },
    { "3fff:1000::1", NULL },
    { "4000::1", "reserved" },
    { "5f00::1", "reserved" },
    { "fc00::1", "private" },
    { "fd00:ec2::254", "private" },
    { "fe80::1", "link_local" },
    { "fec0::1", "private" },
    { "ff02::1", "multicast" },
};

static struct wit_net_address address(const char *text) {
    struct wit_net_address a = { { 0 }, 0 };
    if (wit_net_address_parse(wit_str_from(text), &a, NULL) < 0)
        fail_msg("'%s' is not an address", text);
    return a;
}

static void test_every_range(void **state) {
    for (size_t i = 0; i < WIT_COUNT_OF(table); i++) {
        struct wit_net_address a = address(table[i].address);
        const char *name = wit_net_address_refused(&a, NULL, 0);
        if ((name == NULL) != (table[i].name == NULL) || (name && strcmp(name, table[i].name) != 0))
            fail_msg("%s: %s, not %s", table[i].address, name ? name : "allowed",
                     table[i].name ? table[i].name : "allowed");
    }
}

static void test_allowed_ranges(void **state) {
    struct wit_net_cidr allow[2];
    assert_int_equal(wit_net_cidr_parse(WIT_STR("127.0.0.0/8"), &allow[0], NULL), 0);
    assert_int_equal(wit_net_cidr_parse(WIT_STR("fd00:1::/33"), &allow[1], NULL), 0);
    static const struct {
        const char *address;
        bool allowed;
    } cases[] = { { "127.9.9.9", true },      { "128.0.0.1", true },
                  { "10.0.0.1", false },      { "::ffff:127.0.0.1", false },
                  { "::1", false },           { "fd00:1::1", true },
                  { "fd00:1:7fff::1", true }, { "fd00:1:8000::1", false },
                  { "fd00:2::1", false } };
    for (size_t i = 0; i < WIT_COUNT_OF(cases); i++) {
        struct wit_net_address a = address(cases[i].address);
        if ((wit_net_address_refused(&a, allow, 2) == NULL) != cases[i].allowed)
            fail_msg("%s", cases[i].address);
    }
}

static void test_parsing(void **state) {
    static const char *const bad[] = {
        "",           "1.2.3",      "1.2.3.4.5",   "256.1.1.1",
        "::1%eth0",   "[::1]",      "10.0.0.0/33", "::/129",
        "10.0.0.1/8", "10.0.0.0/",  "10.0.0.0/-1", "10.0.0.0/8/8",
        "x",          "fd00::1/64", "10.0.0.0 /8", "1:2:3:4:5:6:7:8:9"
    };
    struct wit_net_cidr cidr;
    for (size_t i = 0; i < WIT_COUNT_OF(bad); i++)
        if (wit_net_cidr_parse(wit_str_from(bad[i]), &cidr, NULL) != WIT_EFORMAT)
            fail_msg("'%s' passed", bad[i]);
    assert_int_equal(wit_net_cidr_parse(WIT_STR("0.0.0.0/0"), &cidr, NULL), 0);
    assert_int_equal(cidr.bits, 0);
    assert_int_equal(wit_net_cidr_parse(WIT_STR("2001:db8::7"), &cidr, NULL), 0);
    assert_int_equal(cidr.bits, 128);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_range),
        cmocka_unit_test(test_allowed_ranges),
        cmocka_unit_test(test_parsing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
