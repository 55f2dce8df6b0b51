/*
 * polite_notes.h: what is remembered of domains that politeness has dropped: when they may be asked
 * again, and how they fared. 32 bytes each, in a table of fixed size: sets of eight, a domain's set
 * by its hash. Where a set is full the note that matters least makes room; one whose delay still
 * runs never does. Two domains of one hash are one here: the later is slowed as the former.
 */
#ifndef CRAWLER_POLITE_NOTES_H
#define CRAWLER_POLITE_NOTES_H

#include "base/wit_base.h"

struct polite_note {
    uint64_t hash;        /* of the name; with next_ms 0 the place is free */
    uint64_t next_ms;     /* nothing may start before */
    uint64_t rest_end_ms; /* as struct pace */
    uint16_t extra_ms, rests;
    bool gave_up;
};

struct polite_notes {
    struct polite_note *places;
    size_t sets;
};

/* Room for `most` notes or a few more. Memory is touched as it is used. WIT_ENOMEM. */
int polite_notes_init(struct polite_notes *n, size_t most);
void polite_notes_finish(struct polite_notes *n); /* fine with zero bytes */
/* Does it tell what a new domain would not be treated as anyway? */
bool polite_note_matters(const struct polite_note *note, uint64_t now_ms);
/* Keep one that matters, of a domain that has none. False: the delays of all that it might replace
 * still run. */
bool polite_notes_keep(struct polite_notes *n, const struct polite_note *note, uint64_t now_ms);
/* Take out that of a domain; false: there is none. */
bool polite_notes_take(struct polite_notes *n, uint64_t hash, struct polite_note *out);

#endif
