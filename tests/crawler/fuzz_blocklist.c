/* fuzz_blocklist.c: lists of blocked hashes with any bytes in them. */
#include "wit_crawler_blocklist.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct wit_crawler_blocklist *list = wit_crawler_blocklist_create();
    struct wit_crawler_blocked found;
    struct wit_error err = WIT_ERROR_INIT;
    char path[64];
    int fd = memfd_create("list", 0);
    if (!list || fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int st = wit_crawler_blocklist_add_file(list, path, "fuzz", &err);
    if (st == 0 || (st < 0 && !err.text[0]))
        abort();
    st = wit_crawler_blocklist_find(list, WIT_STR("an image"), &found, &err);
    if (st > 0 && (found.list != 0 || !wit_crawler_blocklist_name(list, found.list)[0]))
        abort();
    const struct wit_image_phashes hashes = { .quality = 100 };
    st = wit_crawler_blocklist_find_perceptual(list, &hashes, &found);
    if (st > 0 && (!wit_crawler_blocklist_has_perceptual(list) || found.hash_bytes != 32))
        abort();
    close(fd);
    wit_crawler_blocklist_destroy(list);
    return 0;
}
