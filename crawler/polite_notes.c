/* polite_notes.c: see polite_notes.h. */
#include "polite_notes.h"

#include <stdlib.h>

enum { SET = 8 };

int polite_notes_init(struct polite_notes *n, size_t most) {
    size_t sets = most / SET + 1;
    struct polite_note *places = calloc(sets, SET * sizeof *places);
    if (!places)
        return WIT_ENOMEM;
    *n = (struct polite_notes){ places, sets };
    return 0;
}

void polite_notes_finish(struct polite_notes *n) {
    free(n->places);
    *n = (struct polite_notes){ NULL, 0 };
}

static struct polite_note *set_of(const struct polite_notes *n, uint64_t hash) {
    return &n->places[SET * (wit_mix64(hash) % n->sets)];
}

static bool has_struggled(const struct polite_note *note) {
    return note->gave_up || note->rests || note->extra_ms;
}

bool polite_note_matters(const struct polite_note *note, uint64_t now_ms) {
    return note->next_ms > now_ms || has_struggled(note);
}

/* How much would be lost with it; nobody's place is 0. Of those that may be asked now the one that
 * might be for the longest time goes first, and none that had to rest while there is another. */
static uint64_t worth_of(const struct polite_note *note, uint64_t now_ms) {
    if (note->next_ms == 0)
        return 0;
    if (note->next_ms > now_ms)
        return UINT64_MAX;
    return (has_struggled(note) ? UINT64_MAX / 2 : 1) + note->next_ms / 2;
}

bool polite_notes_keep(struct polite_notes *n, const struct polite_note *note, uint64_t now_ms) {
    struct polite_note *set = set_of(n, note->hash), *least = set;
    for (size_t i = 1; i < SET; i++)
        if (worth_of(&set[i], now_ms) < worth_of(least, now_ms))
            least = &set[i];
    if (worth_of(least, now_ms) == UINT64_MAX)
        return false;
    *least = *note;
    least->next_ms += note->next_ms == 0; /* it is no free place */
    return true;
}

bool polite_notes_take(struct polite_notes *n, uint64_t hash, struct polite_note *out) {
    struct polite_note *set = set_of(n, hash);
    for (size_t i = 0; i < SET; i++)
        if (set[i].next_ms && set[i].hash == hash) {
            *out = set[i];
            set[i].next_ms = 0;
            return true;
        }
    return false;
}
