/* list_files.h: which files a list consists of, and their formats. */
#ifndef CRAWLER_LIST_FILES_H
#define CRAWLER_LIST_FILES_H

#include "wit_crawler_list.h"

struct list_file {
    char *path;
    enum wit_crawler_list_format format; /* never AUTO */
    uint64_t bytes;                      /* 0 where it could not be told */
    uint64_t changed_ns;                 /* when its bytes last changed; likewise */
};

struct list_files {
    struct list_file *items;
    size_t count;
    uint64_t unreadable; /* folders that could not be read or held nothing */
};

/* The files of cfg->paths. Complaints about folders go to cfg->complain. */
int list_files_find(const struct wit_crawler_list_config *cfg, struct list_files *out,
                    struct wit_error *err);
void list_files_finish(struct list_files *f);

#endif
