/* damage.c: ways to damage the files of a dataset. LMDB's page layout is that of shards/walker.c.
 */
#include "damage.h"

enum { PAGE = 4096 };

static uint64_t below(struct damage *d, uint64_t bound) {
    return wit_random_below(&d->rng, bound);
}

static size_t somewhere(struct damage *d) {
    return (size_t)below(d, d->len);
}

void damage_bit(struct damage *d) {
    d->p[somewhere(d)] ^= (uint8_t)(1u << below(d, 8));
}

static void flip_bits(struct damage *d) {
    for (uint64_t n = 1 + below(d, 3); n; n--)
        damage_bit(d);
}

static void other_bytes(struct damage *d) {
    size_t at = somewhere(d), most = d->len - at < 600 ? d->len - at : 600;
    bool zeros = below(d, 2);
    for (size_t n = 1 + (size_t)below(d, most); n; n--, at++)
        d->p[at] = zeros ? 0 : (uint8_t)wit_random_u32(&d->rng);
}

static void cut(struct damage *d) {
    size_t at = somewhere(d);
    switch (below(d, 4)) {
    case 0:
        at = at / PAGE * PAGE;
        break;
    case 1:
        at %= 3 * PAGE;
        break;
    case 2:
        at = d->len - 1 - at % 20;
        break;
    default:
        break;
    }
    d->len = at;
}

static void lengthen(struct damage *d) {
    size_t more = below(d, 2) ? PAGE : 1 + (size_t)below(d, 2 * PAGE);
    for (size_t i = 0; i < more; i++)
        d->p[d->len++] = i % 3 ? 0 : (uint8_t)wit_random_u32(&d->rng);
}

static size_t some_page(struct damage *d) {
    return (size_t)below(d, d->len / PAGE);
}

/* A page of this kind (LMDB's flags: 1 branch, 2 leaf, 4 overflow), or any. */
static uint8_t *page_of(struct damage *d, uint16_t kind) {
    size_t pages = d->len / PAGE, from = some_page(d);
    for (size_t i = 0; i < pages; i++) {
        uint8_t *page = d->p + (from + i) % pages * PAGE;
        if (wit_load_le16(page + 10) & kind)
            return page;
    }
    return d->p + from * PAGE;
}

/* A page in another's place, with its own number or the right one. */
static void move_page(struct damage *d) {
    uint8_t kept[PAGE];
    uint8_t *a = d->p + some_page(d) * PAGE, *b = d->p + some_page(d) * PAGE;
    bool swap = below(d, 2), mended = below(d, 2);
    memcpy(kept, a, PAGE);
    memmove(a, b, PAGE);
    if (swap)
        memcpy(b, kept, PAGE);
    if (mended)
        wit_store_le64(a, (uint64_t)(a - d->p) / PAGE);
    if (swap && mended)
        wit_store_le64(b, (uint64_t)(b - d->p) / PAGE);
}

/* A node of a page: one of those that its header counts, if it can be reached. */
static uint8_t *node_of(struct damage *d, uint8_t *page) {
    uint16_t nodes = (uint16_t)((wit_load_le16(page + 12) - 16) / 2);
    size_t at = wit_load_le16(page + 16 + 2 * below(d, nodes && nodes < 1000 ? nodes : 1));
    return page + (at < PAGE - 32 ? at : PAGE - 32);
}

/* A branch that leads to its own page, to another branch or anywhere. */
static void lead_astray(struct damage *d) {
    uint8_t *page = page_of(d, 1), *node = node_of(d, page);
    uint64_t to = (uint64_t)(page - d->p) / PAGE;
    if (below(d, 3) == 0)
        to = some_page(d);
    if (below(d, 6) == 0)
        to = wit_random_u64(&d->rng) >> below(d, 64);
    wit_store_le16(node, (uint16_t)to);
    wit_store_le16(node + 2, (uint16_t)(to >> 16));
    wit_store_le16(node + 4, (uint16_t)(to >> 32));
}

/* Two nodes in one place, or a node that begins in another, at the end of the page or outside. */
static void overlap_nodes(struct damage *d) {
    uint8_t *page = page_of(d, 3);
    uint8_t *a = page + 16 + 2 * below(d, 8), *b = page + 16 + 2 * below(d, 8);
    static const uint16_t edges[] = { 0, 1, 15, 16, PAGE - 9, PAGE - 8, PAGE - 1, PAGE, 65535 };
    uint16_t to = (uint16_t)(wit_load_le16(b) + below(d, 3) * 2);
    wit_store_le16(a, below(d, 3) ? to : edges[below(d, WIT_COUNT_OF(edges))]);
}

static uint64_t odd_number(struct damage *d) {
    static const uint64_t odd[] = {
        0, 1, 2, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, INT64_MAX, UINT64_MAX
    };
    return below(d, 2) ? odd[below(d, WIT_COUNT_OF(odd))] : below(d, 2 * d->len / PAGE);
}

/* Lengths, flags and key lengths of a node; the page that its value begins in. */
static void lie_in_node(struct damage *d) {
    uint8_t *node = node_of(d, page_of(d, 2));
    uint64_t v = odd_number(d);
    switch (below(d, 4)) {
    case 0:
        wit_store_le32(node, (uint32_t)v);
        break;
    case 1:
        wit_store_le16(node + 4, (uint16_t)below(d, 8));
        break;
    case 2:
        wit_store_le16(node + 6, (uint16_t)v);
        break;
    default:
        wit_store_le64(node + 24, v);
    }
}

/* Header of a page: number, kind, count of nodes, where they begin; pages of an overflow run. */
static void lie_in_page(struct damage *d) {
    uint8_t *page = page_of(d, (uint16_t)(1u << below(d, 3)));
    uint64_t v = odd_number(d);
    switch (below(d, 4)) {
    case 0:
        wit_store_le64(page, v);
        break;
    case 1:
        wit_store_le16(page + 10, (uint16_t)(1u << below(d, 8)));
        break;
    case 2:
        wit_store_le16(page + 12 + 2 * below(d, 2), (uint16_t)v);
        break;
    default:
        wit_store_le32(page + 12, (uint32_t)v);
    }
}

/* Meta pages, and the roots, depths and counts of the two databases. */
static void lie_at_the_top(struct damage *d) {
    uint8_t *meta = d->p + below(d, 2) * PAGE;
    if (below(d, 3)) {
        wit_store_le64(meta + 16 + 8 * below(d, 17), odd_number(d));
        return;
    }
    const char *names[] = { "samples", "origin" };
    const char *name = names[below(d, 2)];
    for (uint8_t *p = d->p; p + 100 < d->p + d->len; p++)
        if (memcmp(p, name, strlen(name)) == 0) {
            wit_store_le64(p + strlen(name) + 8 * below(d, 6), odd_number(d));
            return;
        }
}

static void other_key(struct damage *d) {
    uint8_t *node = node_of(d, page_of(d, 2));
    node[8 + below(d, 16)] ^= (uint8_t)(1u << below(d, 8));
}

/* Numbers of dataset.json are changed, and its hash mended: a lie that hangs together. */
void damage_manifest(struct damage *d) {
    char hex[WIT_HASH128_HEX];
    const size_t tail = 17 + 1 + 32 + 3;
    for (uint64_t n = 1 + below(d, 2); n; n--) {
        size_t at = (size_t)below(d, d->len - tail);
        while (at < d->len - tail && !(d->p[at] >= '0' && d->p[at] <= '9'))
            at++;
        if (at < d->len - tail)
            d->p[at] = (uint8_t)('0' + below(d, 10));
    }
    wit_hash128_to_hex(wit_hash128_of(d->p, d->len - tail), hex);
    memcpy(d->p + d->len - 35, hex, 32);
}

typedef void (*damage_fn)(struct damage *d);

void damage_any(struct damage *d) {
    static const damage_fn ways[] = { flip_bits, other_bytes, cut, lengthen };
    ways[below(d, WIT_COUNT_OF(ways))](d);
}

void damage_shard(struct damage *d) {
    static const damage_fn ways[] = { move_page,   lead_astray, overlap_nodes,  lie_in_node,
                                      lie_in_page, lie_in_node, lie_at_the_top, other_key };
    if (below(d, 4))
        ways[below(d, WIT_COUNT_OF(ways))](d);
    else
        damage_any(d);
}
