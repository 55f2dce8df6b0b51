/* parquet_status.h: Arrow's failures, returned and thrown, as ours. */
#ifndef CORE_TABLE_PARQUET_STATUS_H
#define CORE_TABLE_PARQUET_STATUS_H

#include "base/wit_base.h"

#include <arrow/status.h>
#include <arrow/util/io_util.h>

#include <exception>
#include <new>
#include <string>

static inline int parquet_fail(const arrow::Status &status, const std::string &path,
                               struct wit_error *err) {
    std::string text = status.message().substr(0, 500);
    for (char &c : text)
        c = c == '\n' ? ' ' : c;
    if (status.IsOutOfMemory()) /* of the pool with its ceiling */
        return wit_error_set(err, WIT_ELIMIT, "%s takes too much memory at one time: %s",
                             path.c_str(), text.c_str());
    int errnum = arrow::internal::ErrnoFromStatus(status);
    if (errnum)
        return wit_error_errno(err, errnum, "%s", path.c_str());
    return wit_error_set(err, WIT_EFORMAT, "%s: %s", path.c_str(), text.c_str());
}

/* Run fn, which returns a status of ours; what it throws becomes one. */
template <typename Fn> static int parquet_guard(const char *path, struct wit_error *err, Fn fn) {
    try {
        return fn();
    } catch (const std::bad_alloc &) {
        return wit_error_set(err, WIT_ENOMEM, "no memory for %s", path);
    } catch (const std::exception &e) {
        return wit_error_set(err, WIT_EFORMAT, "%s: %.500s", path, e.what());
    }
}

#endif
