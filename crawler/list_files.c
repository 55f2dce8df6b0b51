/* list_files.c: from the paths that a user names to files with formats. */
#include "list_files.h"

#include "table/wit_table.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;   /* of the format */
    const char *suffix; /* of files */
} formats[] = {
    [WIT_CRAWLER_LIST_AUTO] = { "auto", NULL },
    [WIT_CRAWLER_LIST_TXT] = { "txt", ".txt" },
    [WIT_CRAWLER_LIST_CSV] = { "csv", ".csv" },
    [WIT_CRAWLER_LIST_TSV] = { "tsv", ".tsv" },
    [WIT_CRAWLER_LIST_JSONL] = { "jsonl", ".jsonl" },
    [WIT_CRAWLER_LIST_JSON] = { "json", ".json" },
    [WIT_CRAWLER_LIST_PARQUET] = { "parquet", ".parquet" },
    [WIT_CRAWLER_LIST_WIT] = { "wit", ".tsv" },
};

const char *wit_crawler_list_format_name(enum wit_crawler_list_format format) {
    return (size_t)format < WIT_COUNT_OF(formats) ? formats[format].name : "unknown";
}

static int no_parquet(const char *what, struct wit_error *err) {
    return wit_error_set(
        err, WIT_EUNSUPPORTED,
        "%s: parquet is not read by this build, which has no Arrow; write it as csv, "
        "tsv or jsonl first",
        what);
}

int wit_crawler_list_format_find(struct wit_str name, enum wit_crawler_list_format *out,
                                 struct wit_error *err) {
    if (wit_str_eq(name, WIT_STR("parquet")) && !wit_table_is_supported())
        return no_parquet("list format", err);
    for (size_t i = 0; i < WIT_COUNT_OF(formats); i++)
        if (wit_str_eq(name, wit_str_from(formats[i].name))) {
            *out = (enum wit_crawler_list_format)i;
            return 0;
        }
    return wit_error_set(
        err, WIT_EINVAL,
        "a list's format is txt, csv, tsv, jsonl, json, parquet or wit, not '%.*s'",
        WIT_STR_FMT(name));
}

static struct wit_str without_gz(const char *path) {
    struct wit_str name = wit_str_from(path);
    return wit_str_ends_with(name, WIT_STR(".gz")) ? wit_str_slice(name, 0, name.len - 3) : name;
}

/* By name; AUTO: it tells none. */
static enum wit_crawler_list_format format_of(const char *path) {
    struct wit_str name = without_gz(path);
    for (size_t i = WIT_CRAWLER_LIST_TXT; i < WIT_CRAWLER_LIST_WIT; i++)
        if (wit_str_ends_with(name, wit_str_from(formats[i].suffix)))
            return (enum wit_crawler_list_format)i;
    return WIT_CRAWLER_LIST_AUTO;
}

static bool is_parquet(const char *path) {
    return wit_str_ends_with(wit_str_from(path), WIT_STR(".parquet"));
}

static int file_push(struct list_files *f, const char *path, enum wit_crawler_list_format format,
                     struct wit_error *err) {
    struct list_file *items = wit_realloc_array(f->items, f->count + 1, sizeof *items);
    if (items)
        f->items = items;
    char *copy = items ? strdup(path) : NULL;
    if (!copy)
        return wit_error_set(err, WIT_ENOMEM, "no memory for the files of a list");
    struct list_file *file = &f->items[f->count++];
    *file = (struct list_file){ .path = copy, .format = format };
    /* Opening it will say why. Once it can be read its size is another, and so is the list: a run
     * that goes on begins anew rather than pass over it. */
    struct stat info;
    if (access(path, R_OK) == 0 && stat(path, &info) == 0) {
        file->bytes = (uint64_t)info.st_size;
        file->changed_ns =
            (uint64_t)info.st_mtim.tv_sec * 1000000000 + (uint64_t)info.st_mtim.tv_nsec;
    }
    return 0;
}

static void complain(const struct wit_crawler_list_config *cfg, struct list_files *f,
                     const char *path, const char *why) {
    f->unreadable++;
    if (cfg->complain)
        cfg->complain(cfg->user, path, 0, why);
}

/* One format for all of a folder: which one, when the user did not say. */
static int folder_format(const char *path, const struct wit_strings *names,
                         enum wit_crawler_list_format *out, struct wit_error *err) {
    const char *first = NULL;
    for (size_t i = 0; i < names->count; i++) {
        enum wit_crawler_list_format format = format_of(names->items[i]);
        if (format == WIT_CRAWLER_LIST_AUTO)
            continue;
        if (first && format != *out)
            return wit_error_set(err, WIT_EINVAL,
                                 "%s holds '%s' and '%s': say which format is meant", path, first,
                                 names->items[i]);
        first = names->items[i];
        *out = format;
    }
    return 0;
}

static int folder_add(const struct wit_crawler_list_config *cfg, const char *path,
                      struct list_files *f, struct wit_error *err) {
    char file[WIT_PATH_MAX];
    struct wit_strings names = { NULL, 0 };
    struct wit_error why = WIT_ERROR_INIT;
    enum wit_crawler_list_format format = cfg->format;
    size_t before = f->count;
    int st = wit_dir_list(path, &names, &why);
    if (st < 0 && st != WIT_ENOMEM) {
        complain(cfg, f, path, why.text);
        return 0;
    }
    if (st < 0)
        return wit_error_set(err, st, "%s", why.text);
    if (format == WIT_CRAWLER_LIST_AUTO)
        st = folder_format(path, &names, &format, err);
    if (st >= 0 && format == WIT_CRAWLER_LIST_PARQUET && !wit_table_is_supported())
        st = no_parquet(path, err);
    for (size_t i = 0; i < names.count && st >= 0 && format != WIT_CRAWLER_LIST_AUTO; i++) {
        if (!wit_str_ends_with(without_gz(names.items[i]), wit_str_from(formats[format].suffix)))
            continue;
        st = wit_path_join(file, path, names.items[i]) < 0
                 ? wit_error_set(err, WIT_ELIMIT, "path is too long: %s", path)
                 : file_push(f, file, format, err);
    }
    wit_strings_finish(&names);
    if (st >= 0 && f->count == before)
        complain(cfg, f, path, "the folder holds no list of that format");
    return st;
}

static int path_add(const struct wit_crawler_list_config *cfg, const char *path,
                    struct list_files *f, struct wit_error *err) {
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return folder_add(cfg, path, f, err);
    if (is_parquet(path) && !wit_table_is_supported())
        return no_parquet(path, err);
    enum wit_crawler_list_format format = cfg->format ? cfg->format : format_of(path);
    if (format == WIT_CRAWLER_LIST_AUTO)
        return wit_error_set(err, WIT_EINVAL,
                             "the name of %s tells no format: say which one is meant", path);
    return file_push(f, path, format, err);
}

int list_files_find(const struct wit_crawler_list_config *cfg, struct list_files *out,
                    struct wit_error *err) {
    struct list_files found = { .items = NULL };
    int st = cfg->path_count ? 0 : wit_error_set(err, WIT_EINVAL, "no list is named");
    for (size_t i = 0; i < cfg->path_count && st >= 0; i++)
        st = path_add(cfg, cfg->paths[i], &found, err);
    if (st < 0)
        list_files_finish(&found);
    else
        *out = found;
    return st;
}

void list_files_finish(struct list_files *f) {
    for (size_t i = 0; i < f->count; i++)
        free(f->items[i].path);
    free(f->items);
    *f = (struct list_files){ .items = NULL };
}
