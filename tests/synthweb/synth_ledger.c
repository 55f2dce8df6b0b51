/* synth_ledger.c: see synth_ledger.h. */
#include "synth_ledger.h"

#include <stdlib.h>

struct synth_host {
    uint64_t last_ms;  /* begin of the last request; 0: none */
    uint64_t rests_ms; /* until when */
    uint32_t active;
    uint32_t run;         /* that active and robots_seen are of */
    bool robots_seen[2];  /* of the domain's origin, of the image host's */
    uint8_t robots_asked; /* over all runs */
};

int synth_ledger_init(struct synth_ledger *l, const struct synth_world *w, struct wit_error *err) {
    *l = (struct synth_ledger){ .w = w, .least_margin_ms = INT64_MAX };
    l->asked = wit_alloc_array(synth_cell_count(w), 1);
    l->hosts = wit_alloc_array(w->domains, sizeof *l->hosts);
    l->addresses = wit_alloc_array(synth_address_count(w), sizeof *l->addresses);
    if (l->asked && l->hosts && l->addresses)
        return 0;
    synth_ledger_finish(l);
    return wit_error_set(err, WIT_ENOMEM, "no memory to count %zu URLs", synth_cell_count(w));
}

void synth_ledger_finish(struct synth_ledger *l) {
    free(l->asked);
    free(l->hosts);
    free(l->addresses);
    l->asked = NULL;
    l->hosts = NULL;
    l->addresses = NULL;
}

static bool is_robots(const struct synth_url *u) {
    return u->what == SYNTH_ROBOTS_TXT || u->what == SYNTH_ROBOTS_TARGET;
}

/* The delay that the domain may rely on by now. */
static uint32_t delay_of(const struct synth_ledger *l, const struct synth_url *u,
                         const struct synth_host *h) {
    bool longer = synth_domain_of(l->w, u->host).robots == SYNTH_ROBOTS_DELAY && h->robots_seen[0];
    return l->w->delay_ms * (longer ? 2 : 1);
}

static void interval_check(struct synth_ledger *l, const struct synth_url *u,
                           const struct synth_host *h, bool same_run, uint64_t now_ms) {
    if (!h->last_ms)
        return;
    int64_t margin_ms = (int64_t)(now_ms - h->last_ms) - delay_of(l, u, h);
    bool short_one = margin_ms + l->tolerance_ms < 0;
    l->breaches.too_soon += same_run && short_one;
    l->breaches.too_soon_after_a_kill += !same_run && short_one;
    if (same_run && margin_ms < l->least_margin_ms)
        l->least_margin_ms = margin_ms;
}

static void address_check(struct synth_ledger *l, const struct synth_url *u, uint32_t address,
                          uint64_t now_ms) {
    uint32_t own[2];
    unsigned count = synth_addresses(l->w, u->host, own);
    if (address != own[0] && (count < 2 || address != own[1])) {
        l->breaches.wrong_address++;
        return;
    }
    uint64_t *last_ms = &l->addresses[address - (UINT32_C(127) << 24 | 1 << 16)];
    l->breaches.address_too_soon += l->address_delay_ms && *last_ms &&
                                    now_ms - *last_ms + l->tolerance_ms < l->address_delay_ms;
    *last_ms = now_ms;
}

unsigned synth_ledger_begin(struct synth_ledger *l, const struct synth_url *u, uint32_t address,
                            uint64_t now_ms) {
    struct synth_host *h = &l->hosts[u->host];
    size_t cell = synth_url_cell(l->w, u);
    bool same_run = h->run == l->run;
    unsigned before = 0;
    if (!same_run) {
        h->active = 0;
        h->rests_ms = 0;
        memset(h->robots_seen, 0, sizeof h->robots_seen);
        h->run = l->run;
    }
    l->requests++;
    l->robots += is_robots(u);
    interval_check(l, u, h, same_run, now_ms);
    address_check(l, u, address, now_ms);
    l->breaches.parallel += h->active > 0;
    l->breaches.rest_broken += now_ms + l->tolerance_ms < h->rests_ms;
    l->breaches.astray += u->what == SYNTH_NOTHING;
    l->breaches.robots_denied += synth_url_is_denied(l->w, u);
    if (is_robots(u)) {
        before = h->robots_asked;
        h->robots_asked += h->robots_asked < UINT8_MAX;
    } else {
        l->breaches.robots_not_asked += !h->robots_seen[u->image_host];
    }
    if (cell != SIZE_MAX) {
        before = l->asked[cell];
        l->asked[cell] += l->asked[cell] < UINT8_MAX;
    }
    h->active++;
    h->last_ms = now_ms;
    return before;
}

void synth_ledger_end(struct synth_ledger *l, const struct synth_url *u, uint32_t run, int status,
                      uint64_t now_ms) {
    struct synth_host *h = &l->hosts[u->host];
    if (run != l->run || h->run != run)
        return;
    h->active -= h->active > 0;
    if (status == 429 || status == 503)
        h->rests_ms = now_ms + 1000; /* synth_answer.c: Retry-After: 1 */
    if (is_robots(u) && (status == 200 || status == 404))
        h->robots_seen[u->image_host] = true;
}

void synth_ledger_restart(struct synth_ledger *l) {
    l->run++;
}

static void put(struct wit_json_writer *json, const char *key, uint64_t n) {
    wit_json_key(json, key);
    wit_json_put_u64(json, n);
}

void synth_ledger_put(const struct synth_ledger *l, const struct synth_expect *x,
                      struct wit_json_writer *json) {
    uint64_t missing = 0, unexpected = 0, repeated = 0, most = 0;
    size_t cells = synth_cell_count(l->w);
    for (size_t i = 0; i < cells; i++) {
        unsigned asked = l->asked[i], wanted = x->asked[i];
        missing += asked < wanted;
        unexpected += asked && !wanted;
        uint64_t over = asked > wanted ? asked - wanted : 0;
        repeated += over;
        most = over > most ? over : most;
    }
    put(json, "requests", l->requests);
    put(json, "robots", l->robots);
    put(json, "names", l->names);
    put(json, "bytes", l->bytes);
    put(json, "missing", missing);
    put(json, "unexpected", unexpected);
    put(json, "repeated", repeated);
    put(json, "repeated_most", most);
    wit_json_key(json, "least_margin_ms");
    wit_json_put_int(json, l->least_margin_ms == INT64_MAX ? 0 : l->least_margin_ms);
    wit_json_key(json, "breaches");
    wit_json_object_begin(json);
#define X(name) put(json, #name, l->breaches.name);
    SYNTH_BREACHES(X)
#undef X
    wit_json_object_end(json);
}
