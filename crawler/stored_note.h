/*
 * stored_note.h: DIR/crawl/stored: in which ways runs have stored images, a line each, since a run
 * with other settings leaves what is there.
 */
#ifndef CRAWLER_STORED_NOTE_H
#define CRAWLER_STORED_NOTE_H

#include "wit_crawler.h"

/* Note how these settings store images, if that is not noted yet. DIR/crawl must be there. */
int stored_note_add(const struct wit_crawler_config *cfg, struct wit_error *err);

#endif
