/*
 * job_complaint.h: what libcyaml says of a job file, in words for people. libcyaml tells it through
 * its log: a sentence, and a line for each key around it, innermost first.
 */
#ifndef WIT_JOB_COMPLAINT_H
#define WIT_JOB_COMPLAINT_H

#include "base/wit_base.h"

#include <cyaml/cyaml.h>

enum { JOB_COMPLAINT_KEYS = 6, JOB_COMPLAINT_KEY_BYTES = 48 };

struct job_complaint {
    char what[300];                                         /* the first sentence */
    char keys[JOB_COMPLAINT_KEYS][JOB_COMPLAINT_KEY_BYTES]; /* innermost first */
    size_t key_count;
    uint64_t line, column; /* of the innermost place; 0: not told */
    bool begins_field;     /* the innermost place is a field, and not a mapping or an entry */
};

/* A cyaml_log_fn_t; ctx is the struct job_complaint, zero at first. */
void job_complaint_note(cyaml_log_t level, void *ctx, const char *fmt, va_list args);

/* "job.yaml: line 3: key 'crawl.delay_ms': 'abc' is no whole number" as err, WIT_EFORMAT (or
 * WIT_ENOMEM). `yaml` is the text that was read. */
int job_complaint_tell(const struct job_complaint *c, cyaml_err_t failed, const char *name,
                       struct wit_str yaml, struct wit_error *err);

#endif
