/*
 * run_files.h: files FOLDER/NAME-<n>.run that are written once and then mapped: their names, their
 * bytes, and what a killed run left of them. What is in them is seen_run.h's and parked_run.h's.
 */
#ifndef CRAWLER_RUN_FILES_H
#define CRAWLER_RUN_FILES_H

#include "base/wit_base.h"

enum { RUN_NAME_BYTES = 32 }; /* of NAME, with its end */

int run_file_path(char out[WIT_PATH_MAX], const char *folder, const char *name, uint64_t number,
                  struct wit_error *err);
/* The whole file, to read; run_file_unmap gives it back. A file shorter than `least` bytes is
 * WIT_ECORRUPT. */
int run_file_map(const char *path, size_t least, const uint8_t **map, size_t *bytes,
                 struct wit_error *err);
void run_file_unmap(const uint8_t **map, size_t bytes); /* and *map is NULL; it may be before */
/* Remove the files of that name that are not listed: a killed run wrote and did not commit them. */
int run_files_remove_others(const char *folder, const char *name,
                            bool (*is_listed)(void *user, uint64_t number), void *user,
                            struct wit_error *err);
/* After the commit that no longer names it. What can't be removed the next run removes. */
void run_file_remove(const char *folder, const char *name, uint64_t number);

#endif
