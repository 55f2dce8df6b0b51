/* job_place.h: where in a job file the value of a key stands. */
#ifndef WIT_JOB_PLACE_H
#define WIT_JOB_PLACE_H

#include "base/wit_base.h"

/* The line of the value of `key`, mappings within mappings: "crawl.hosts.delay_ms"; of a sequence
 * on the way it is entry `index`. 0: there is none. The text is one that was read before. */
uint64_t job_place_line(struct wit_str yaml, const char *key, unsigned index);

#endif
