/* fuzz_job.c: any bytes as a job file: refused with a sentence, or read and freed. */
#include "job.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct job *job = NULL;
    struct wit_error err = WIT_ERROR_INIT;
    int st = job_parse(wit_str_of(data, size), "fuzz", &job, &err);
    if (st < 0 && (job || !err.text[0]))
        abort();
    if (st == 0 && !job->crawl)
        abort();
    job_destroy(job);
    return 0;
}
