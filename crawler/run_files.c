/* run_files.c: names and bytes of files that are written once. */
#include "run_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int run_file_path(char out[WIT_PATH_MAX], const char *folder, const char *name, uint64_t number,
                  struct wit_error *err) {
    int n =
        snprintf(out, WIT_PATH_MAX, "%s/%s-%08llx.run", folder, name, (unsigned long long)number);
    if (n < 0 || n >= WIT_PATH_MAX)
        return wit_error_set(err, WIT_ELIMIT, "path is too long: %s", folder);
    return 0;
}

int run_file_map(const char *path, size_t least, const uint8_t **map, size_t *bytes,
                 struct wit_error *err) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0) {
        int st = wit_error_errno(err, errno, "cannot open %s", path);
        if (fd >= 0)
            close(fd);
        return st;
    }
    size_t size = (size_t)info.st_size;
    void *at =
        size < least || size == 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    int cause = errno;
    close(fd);
    if (size < least || size == 0)
        return wit_error_set(err, WIT_ECORRUPT, "%s can't be read: it has %zu bytes", path, size);
    if (at == MAP_FAILED)
        return wit_error_errno(err, cause, "cannot map %s", path);
    *map = at;
    *bytes = size;
    return 0;
}

void run_file_unmap(const uint8_t **map, size_t bytes) {
    if (*map)
        munmap((void *)(uintptr_t)*map, bytes);
    *map = NULL;
}

/* NAME-<n>.run is the file of n; others of that beginning are none (an unfinished NAME-<n>.run.tmp
 * among them). */
static bool number_of(const char *file, const char *name, uint64_t *number) {
    char again[RUN_NAME_BYTES + 32];
    size_t len = strlen(name) + 1;
    *number = strtoull(file + len, NULL, 16);
    snprintf(again, sizeof again, "%s-%08llx.run", name, (unsigned long long)*number);
    return strcmp(again, file) == 0;
}

int run_files_remove_others(const char *folder, const char *name,
                            bool (*is_listed)(void *user, uint64_t number), void *user,
                            struct wit_error *err) {
    struct wit_strings names;
    char start[RUN_NAME_BYTES + 1];
    int st = wit_dir_list(folder, &names, err);
    if (st < 0)
        return st;
    snprintf(start, sizeof start, "%s-", name);
    for (size_t i = 0; i < names.count && st >= 0; i++) {
        char path[WIT_PATH_MAX];
        uint64_t number;
        if (!wit_str_starts_with(wit_str_from(names.items[i]), wit_str_from(start)) ||
            (number_of(names.items[i], name, &number) && is_listed(user, number)) ||
            wit_path_join(path, folder, names.items[i]) < 0)
            continue;
        if (unlink(path) < 0)
            st = wit_error_errno(err, errno, "cannot remove %s", path);
    }
    wit_strings_finish(&names);
    return st;
}

void run_file_remove(const char *folder, const char *name, uint64_t number) {
    char path[WIT_PATH_MAX];
    if (run_file_path(path, folder, name, number, NULL) == 0 && unlink(path) < 0)
        wit_log_debug("crawler", "%s could not be removed; the next run does it", path);
}
