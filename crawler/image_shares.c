/* image_shares.c: see image_shares.h. */
#include "image_shares.h"

#include <assert.h>
#include <stdlib.h>

enum { SLOTS = 65536, OVERHEAD_BYTES = 32 /* of an allocation, and its share of the table */ };

struct share {
    uint32_t out;
    struct parked_image *first, *last;
};

struct image_shares {
    size_t room, out;
    size_t parked_most, parked_bytes;
    struct share slots[SLOTS];
};

int image_shares_create(size_t room, size_t parked_bytes, struct image_shares **out,
                        struct wit_error *err) {
    struct image_shares *s = calloc(1, sizeof *s);
    if (!s)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the shares of domains");
    s->room = room;
    s->parked_most = parked_bytes;
    *out = s;
    return 0;
}

void image_shares_destroy(struct image_shares *s) {
    if (!s)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        for (struct parked_image *p = s->slots[i].first, *next; p; p = next) {
            next = p->next;
            free(p);
        }
    free(s);
}

static size_t free_of(const struct image_shares *s) {
    return s->out < s->room ? s->room - s->out : 0;
}

static bool has_share(const struct image_shares *s, const struct share *share) {
    size_t room = free_of(s);
    return room && share->out < room / 2 + 1;
}

bool image_shares_may_go(const struct image_shares *s, uint64_t domain) {
    const struct share *share = &s->slots[domain % SLOTS];
    return !share->first && has_share(s, share); /* behind those that are parked */
}

void image_shares_went(struct image_shares *s, uint64_t domain) {
    s->slots[domain % SLOTS].out++;
    s->out++;
}

void image_shares_back(struct image_shares *s, uint64_t domain) {
    assert(s->out && s->slots[domain % SLOTS].out);
    s->slots[domain % SLOTS].out--;
    s->out--;
}

size_t image_shares_out(const struct image_shares *s) {
    return s->out;
}

static size_t bytes_of(const struct parked_image *p) {
    return sizeof *p + p->url_len + p->digest_len + OVERHEAD_BYTES;
}

int image_shares_park(struct image_shares *s, uint64_t domain, struct wit_str url,
                      struct wit_str digest) {
    struct share *share = &s->slots[domain % SLOTS];
    assert(share->out);
    struct parked_image *p = malloc(sizeof *p + url.len + digest.len);
    if (!p)
        return WIT_ENOMEM;
    *p = (struct parked_image){ .url_len = url.len, .digest_len = digest.len };
    memcpy(p->text, url.data, url.len);
    if (digest.len)
        memcpy(p->text + url.len, digest.data, digest.len);
    if (s->parked_bytes + bytes_of(p) > s->parked_most) {
        free(p);
        return WIT_ELIMIT;
    }
    s->parked_bytes += bytes_of(p);
    *(share->last ? &share->last->next : &share->first) = p;
    share->last = p;
    return 0;
}

struct parked_image *image_shares_unpark(struct image_shares *s, uint64_t domain) {
    struct share *share = &s->slots[domain % SLOTS];
    struct parked_image *p = share->first;
    /* A domain with none out has none whose return would send the next: it may, whatever the room.
     * Its last one may have led to another domain, which took the place. */
    if (!p || (share->out && !has_share(s, share)))
        return NULL;
    share->first = p->next;
    if (!share->first)
        share->last = NULL;
    s->parked_bytes -= bytes_of(p);
    return p;
}

bool image_shares_is_full(const struct image_shares *s) {
    return s->out >= s->room || s->parked_bytes + IMAGE_SHARES_ONE_MOST > s->parked_most;
}

bool image_shares_is_half_empty(const struct image_shares *s) {
    return s->out <= s->room / 2 && s->parked_bytes <= s->parked_most / 2;
}
