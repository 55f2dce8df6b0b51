/* fuzz_pageviews.c: any bytes as a file of page views, gzip or plain, give titles without ":" and
 * "_", or a sentence that names the file. */
#include "pageviews.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_error err = WIT_ERROR_INIT;
    struct gram_table *t = NULL;
    struct gram_spill *spill = NULL;
    uint64_t titles = 0, bad = 0;
    char path[64];
    int fd = memfd_create("views", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* Much more than the input can fill, so that nothing is spilled. */
    if (gram_spill_create("/nonexistent/fuzz", &spill, NULL) < 0 ||
        gram_table_create(GRAM_WORDS, 1 << 18, &t, NULL) < 0)
        abort();
    gram_table_spill_to(t, spill);
    int st = pageviews_count(path, WIT_STR("en"), 5, NULL, t, &titles, &bad, &err);
    if (st < 0 && !strstr(err.text, path) && !strstr(err.text, "/nonexistent/"))
        abort();
    gram_table_destroy(t);
    gram_spill_destroy(spill);
    close(fd);
    return 0;
}
