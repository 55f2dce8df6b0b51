/* no_table.c: what a build without Arrow says of parquet. */
#include "wit_table.h"

bool wit_table_is_supported(void) {
    return false;
}

int wit_table_reader_open(const char *path, const char *const *columns, size_t count,
                          size_t row_most, struct wit_table_reader **out, struct wit_error *err) {
    return wit_error_set(
        err, WIT_EUNSUPPORTED,
        "%s: parquet is not read by this build (it has no Arrow); write it as csv, "
        "tsv or jsonl first",
        path);
}

int wit_table_reader_seek(struct wit_table_reader *r, uint64_t row, struct wit_error *err) {
    return wit_error_set(err, WIT_EUNSUPPORTED, "this build has no Arrow");
}

int wit_table_reader_next(struct wit_table_reader *r, struct wit_str *row, struct wit_error *err) {
    return wit_error_set(err, WIT_EUNSUPPORTED, "this build has no Arrow");
}

void wit_table_reader_close(struct wit_table_reader *r) {}

int wit_table_writer_open(const char *path, const struct wit_table_column *columns, size_t count,
                          struct wit_table_writer **out, struct wit_error *err) {
    return wit_error_set(err, WIT_EUNSUPPORTED,
                         "%s: parquet is not written by this build, which has no Arrow", path);
}

void wit_table_put_text(struct wit_table_writer *w, struct wit_str text) {}

void wit_table_put_int(struct wit_table_writer *w, int32_t v) {}

void wit_table_put_null(struct wit_table_writer *w) {}

int wit_table_row_end(struct wit_table_writer *w, struct wit_error *err) {
    return wit_error_set(err, WIT_EUNSUPPORTED, "this build has no Arrow");
}

int wit_table_writer_finish(struct wit_table_writer *w, uint64_t *bytes, struct wit_error *err) {
    return wit_error_set(err, WIT_EUNSUPPORTED, "this build has no Arrow");
}

void wit_table_writer_close(struct wit_table_writer *w) {}
