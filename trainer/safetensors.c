/* safetensors.c: see safetensors.h. */
#include "safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [SAFETENSORS_BOOL] = { "BOOL", 1 }, [SAFETENSORS_U8] = { "U8", 1 },
    [SAFETENSORS_I8] = { "I8", 1 },     [SAFETENSORS_I16] = { "I16", 2 },
    [SAFETENSORS_F16] = { "F16", 2 },   [SAFETENSORS_BF16] = { "BF16", 2 },
    [SAFETENSORS_I32] = { "I32", 4 },   [SAFETENSORS_F32] = { "F32", 4 },
    [SAFETENSORS_I64] = { "I64", 8 },   [SAFETENSORS_F64] = { "F64", 8 },
};

static int dtype_from_name(struct wit_str name, enum safetensors_dtype *out) {
    for (size_t i = 0; i < WIT_COUNT_OF(dtypes); i++) {
        if (wit_str_eq(name, wit_str_from(dtypes[i].name))) {
            *out = (enum safetensors_dtype)i;
            return 0;
        }
    }
    return WIT_EUNSUPPORTED;
}

/* {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]} */
static int entry_parse(struct safetensors_entry *e, const struct wit_json *v, struct wit_str data,
                       const char *file, struct wit_error *err) {
    struct wit_str dtype;
    const struct wit_json *shape = wit_json_get(v, "shape");
    const struct wit_json *offsets = wit_json_get(v, "data_offsets");
    int64_t from, to;
    if (wit_json_string(wit_json_get(v, "dtype"), &dtype) < 0 || !shape ||
        wit_json_type_of(shape) != WIT_JSON_ARRAY || wit_json_size(offsets) != 2 ||
        wit_json_int(wit_json_at(offsets, 0), &from) < 0 ||
        wit_json_int(wit_json_at(offsets, 1), &to) < 0)
        return wit_error_set(err, WIT_EFORMAT, "%s: tensor '%s' lacks dtype, shape or data_offsets",
                             file, e->name);
    if (dtype_from_name(dtype, &e->dtype) < 0)
        return wit_error_set(err, WIT_EUNSUPPORTED, "%s: tensor '%s' has type '%.*s'", file,
                             e->name, WIT_STR_FMT(dtype));
    e->dims = (unsigned)wit_json_size(shape);
    if (wit_json_size(shape) > SAFETENSORS_MAX_DIMS)
        return wit_error_set(err, WIT_ELIMIT, "%s: tensor '%s' has %zu dimensions", file, e->name,
                             wit_json_size(shape));
    size_t count = 1, bytes;
    for (unsigned d = 0; d < e->dims; d++) {
        if (wit_json_int(wit_json_at(shape, d), &e->shape[d]) < 0 || e->shape[d] < 0 ||
            wit_size_mul(count, (size_t)e->shape[d], &count) < 0)
            return wit_error_set(err, WIT_EFORMAT, "%s: tensor '%s' has no valid shape", file,
                                 e->name);
    }
    if (from < 0 || to < from || (size_t)to > data.len ||
        wit_size_mul(count, dtypes[e->dtype].bytes, &bytes) < 0 || bytes != (size_t)(to - from))
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: tensor '%s' at bytes %lld to %lld of %zu does not fit its shape",
                             file, e->name, (long long)from, (long long)to, data.len);
    e->count = count;
    e->bytes = bytes;
    e->data = data.data + from;
    return 0;
}

static int by_place(const void *a, const void *b) {
    const struct safetensors_entry *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct safetensors_entry *)a)->name,
                  ((const struct safetensors_entry *)b)->name);
}

static int check_cover(struct safetensors_entry *entries, size_t count, struct wit_str data,
                       const char *file, struct wit_error *err) {
    const char *end = data.data;
    if (count)
        qsort(entries, count, sizeof(*entries), by_place);
    for (size_t i = 0; i < count; i++) {
        if ((const char *)entries[i].data != end)
            return wit_error_set(err, WIT_EFORMAT,
                                 "%s: a hole or an overlap in the data before tensor '%s'", file,
                                 entries[i].name);
        end += entries[i].bytes;
    }
    if (end != data.data + data.len)
        return wit_error_set(err, WIT_EFORMAT, "%s: %zu bytes behind the last tensor", file,
                             (size_t)(data.data + data.len - end));
    return 0;
}

int safetensors_parse(struct wit_buf bytes, const char *name, struct safetensors *out,
                      struct wit_error *err) {
    struct wit_json *header = NULL;
    struct safetensors_entry *entries = NULL;
    size_t count = 0;
    int st = 0;
    if (bytes.len < 8)
        return wit_error_set(err, WIT_EFORMAT, "%s: %zu bytes are no safetensors file", name,
                             bytes.len);
    uint64_t header_bytes = wit_load_le64(bytes.data);
    if (header_bytes > SAFETENSORS_MAX_HEADER_BYTES || header_bytes > bytes.len - 8)
        return wit_error_set(err, WIT_EFORMAT,
                             "%s: a header of %llu bytes does not fit in a file of %zu", name,
                             (unsigned long long)header_bytes, bytes.len);
    const struct wit_str data =
        wit_str_of(bytes.data + 8 + header_bytes, bytes.len - 8 - header_bytes);
    st = wit_json_parse(wit_str_of(bytes.data + 8, header_bytes), name, &header, err);
    if (st < 0)
        goto out;
    if (wit_json_type_of(header) != WIT_JSON_OBJECT ||
        wit_json_size(header) > SAFETENSORS_MAX_TENSORS) {
        st = wit_error_set(err, WIT_EFORMAT, "%s: the header is no object of tensors", name);
        goto out;
    }
    entries = wit_alloc_array(wit_json_size(header) + 1, sizeof(*entries));
    if (!entries) {
        st = wit_error_set(err, WIT_ENOMEM, "%s: no memory for the list of tensors", name);
        goto out;
    }
    for (void *it = wit_json_first(header); it && st == 0; it = wit_json_next(header, it)) {
        const char *key = wit_json_iter_key(it);
        if (strcmp(key, "__metadata__") == 0)
            continue;
        if (strlen(key) >= SAFETENSORS_NAME_MAX) {
            st = wit_error_set(err, WIT_ELIMIT, "%s: a tensor's name has %zu bytes", name,
                               strlen(key));
            break;
        }
        memcpy(entries[count].name, key, strlen(key) + 1);
        st = entry_parse(&entries[count], wit_json_iter_value(it), data, name, err);
        count++;
    }
    if (st == 0)
        st = check_cover(entries, count, data, name, err);
    if (st < 0)
        goto out;
    if (count)
        qsort(entries, count, sizeof(*entries), by_name);
    *out = (struct safetensors){ .bytes = bytes, .entries = entries, .count = count };
    entries = NULL;
out:
    free(entries);
    wit_json_destroy(header);
    return st;
}

int safetensors_load(const char *path, struct safetensors *out, struct wit_error *err) {
    struct wit_buf bytes = WIT_BUF_INIT(SAFETENSORS_MAX_FILE_BYTES);
    int st = wit_file_read(path, &bytes, err);
    if (st == 0)
        st = safetensors_parse(bytes, path, out, err);
    if (st < 0)
        wit_buf_finish(&bytes);
    return st;
}

void safetensors_finish(struct safetensors *s) {
    if (!s)
        return;
    free(s->entries);
    wit_buf_finish(&s->bytes);
    *s = (struct safetensors){ 0 };
}

const struct safetensors_entry *safetensors_find(const struct safetensors *s, const char *name) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(s->entries[mid].name, name);
        if (c == 0)
            return &s->entries[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

int safetensors_get_f32(const struct safetensors *s, const char *name, float *out, size_t count,
                        struct wit_error *err) {
    const struct safetensors_entry *e = safetensors_find(s, name);
    if (!e)
        return wit_error_set(err, WIT_ENOTFOUND, "there is no tensor '%s'", name);
    if (e->dtype != SAFETENSORS_F32 || e->count != count)
        return wit_error_set(err, WIT_EFORMAT, "tensor '%s' is %zu %s, not %zu F32", name, e->count,
                             dtypes[e->dtype].name, count);
    if (count)
        memcpy(out, e->data, e->bytes);
    return 0;
}

void safetensors_entry_f32(struct safetensors_entry *e, const char *name, unsigned dims,
                           const int64_t *shape, const float *data) {
    *e = (struct safetensors_entry){ .dtype = SAFETENSORS_F32, .dims = dims, .count = 1 };
    snprintf(e->name, sizeof(e->name), "%s", name);
    for (unsigned d = 0; d < dims; d++) {
        e->shape[d] = shape[d];
        e->count *= (size_t)shape[d];
    }
    e->bytes = e->count * sizeof(float);
    e->data = data;
}

static int header_format(const struct safetensors_entry *entries, size_t count,
                         struct wit_buf *out) {
    struct wit_json_writer w;
    size_t place = 0;
    wit_json_writer_init(&w, out);
    wit_json_object_begin(&w);
    for (size_t i = 0; i < count; i++) {
        const struct safetensors_entry *e = &entries[i];
        wit_json_key(&w, e->name);
        wit_json_object_begin(&w);
        wit_json_key(&w, "dtype");
        wit_json_put_cstr(&w, dtypes[e->dtype].name);
        wit_json_key(&w, "shape");
        wit_json_array_begin(&w);
        for (unsigned d = 0; d < e->dims; d++)
            wit_json_put_int(&w, e->shape[d]);
        wit_json_array_end(&w);
        wit_json_key(&w, "data_offsets");
        wit_json_array_begin(&w);
        wit_json_put_u64(&w, place);
        place += e->bytes;
        wit_json_put_u64(&w, place);
        wit_json_array_end(&w);
        wit_json_object_end(&w);
    }
    wit_json_object_end(&w);
    int st = wit_json_writer_finish(&w);
    while (st == 0 && out->len % 8) /* so that tensors are aligned for readers that map the file */
        st = wit_buf_append_byte(out, ' ');
    return st;
}

int safetensors_write(const char *path, const struct safetensors_entry *entries, size_t count,
                      struct wit_error *err) {
    struct wit_buf header = WIT_BUF_INIT(SAFETENSORS_MAX_HEADER_BYTES);
    uint8_t length[8];
    int fd = -1;
    int st = header_format(entries, count, &header);
    if (st < 0) {
        wit_error_set(err, st, "%s: no room for the header of %zu tensors", path, count);
        goto out;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        st = wit_error_errno(err, errno, "cannot create '%s'", path);
        goto out;
    }
    wit_store_le64(length, header.len);
    st = wit_fd_write_all(fd, length, sizeof(length), path, err);
    if (st == 0)
        st = wit_fd_write_all(fd, header.data, header.len, path, err);
    for (size_t i = 0; i < count && st == 0; i++)
        st = wit_fd_write_all(fd, entries[i].data, entries[i].bytes, path, err);
    if (st == 0)
        st = wit_fd_sync(fd, path, err);
out:
    if (fd >= 0 && close(fd) != 0 && st == 0)
        st = wit_error_errno(err, errno, "cannot close '%s'", path);
    wit_buf_finish(&header);
    return st;
}
