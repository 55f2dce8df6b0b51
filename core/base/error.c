/* error.c: statuses and the sentence that goes with one. */
#include "wit_base.h"

#include <errno.h>

const char *wit_status_name(int status) {
    switch (status) {
#define NAME_CASE(name, value, meaning)                                                            \
    case value:                                                                                    \
        return #name;
        WIT_STATUS_TABLE(NAME_CASE)
#undef NAME_CASE
    default:
        return status > 0 ? "OK" : "unknown";
    }
}

const char *wit_status_meaning(int status) {
    switch (status) {
#define MEANING_CASE(name, value, meaning)                                                         \
    case value:                                                                                    \
        return meaning;
        WIT_STATUS_TABLE(MEANING_CASE)
#undef MEANING_CASE
    default:
        return status > 0 ? "success" : "unknown status";
    }
}

int wit_error_set(struct wit_error *err, int status, const char *fmt, ...) {
    if (!err)
        return status;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    err->status = status;
    return status;
}

static int status_of_errno(int errnum) {
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return WIT_ENOTFOUND;
    case ENOSPC:
    case EDQUOT:
        return WIT_ENOSPC;
    case ENOMEM:
        return WIT_ENOMEM;
    case EEXIST:
        return WIT_EEXIST;
    case EAGAIN:
        return WIT_EAGAIN;
    case EACCES:
    case EPERM:
    case EROFS:
        return WIT_EDENIED;
    case ENAMETOOLONG:
        return WIT_ELIMIT;
    case ETIMEDOUT:
        return WIT_ETIMEOUT;
    default:
        return WIT_EIO;
    }
}

int wit_error_errno(struct wit_error *err, int errnum, const char *fmt, ...) {
    int status = status_of_errno(errnum);
    if (!err)
        return status;
    char reason[128], text[WIT_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *said = strerror_r(errnum, reason, sizeof reason); /* GNU: returns the text */
    return wit_error_set(err, status, "%.*s: %s", (int)(sizeof text - 130), text, said);
}

int wit_error_wrap(struct wit_error *err, const char *fmt, ...) {
    if (!err)
        return WIT_EINTERNAL;
    char context[WIT_ERROR_TEXT_MAX], old[WIT_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(context, sizeof context, fmt, args);
    va_end(args);
    memcpy(old, err->text, sizeof old);
    /* Cutting a long sentence at the buffer's end is what "cut at the size" promises. */
    size_t used = strnlen(context, sizeof context - 3);
    memcpy(err->text, context, used);
    memcpy(err->text + used, ": ", 2);
    used += 2;
    size_t rest = strnlen(old, sizeof err->text - 1 - used);
    memcpy(err->text + used, old, rest);
    err->text[used + rest] = '\0';
    return err->status;
}
