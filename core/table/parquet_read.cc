/*
 * parquet_read.cc: rows of a parquet file as JSON objects, by Apache Arrow.
 *
 * C++ stays in this file: nothing is thrown out of it. A file is not believed: the pool of memory
 * has a ceiling, and each batch is validated before a value of it is touched.
 */
#include "parquet_status.h"
#include "wit_table.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/properties.h>

namespace {
constexpr int64_t batch_rows = 1024, stream_bytes = 1 << 20;
constexpr size_t names_told_bytes = 400;
} // namespace

struct wit_table_reader {
    std::string path;
    std::vector<std::string> columns;
    std::vector<int> leaves; /* of the columns, as the file counts them */
    arrow::CappedMemoryPool pool{ arrow::default_memory_pool(), WIT_TABLE_READER_BYTES };
    std::unique_ptr<parquet::arrow::FileReader> file;
    std::unique_ptr<arrow::RecordBatchReader> batches; /* NULL: not begun; dies before the file */
    std::shared_ptr<arrow::RecordBatch> batch;
    std::vector<std::shared_ptr<arrow::Array>> arrays; /* of the batch, in the order of columns */
    int64_t row = 0;                                   /* in the batch */
    struct wit_buf text;

    explicit wit_table_reader(size_t row_most) : text WIT_BUF_INIT(row_most) {}
    ~wit_table_reader() {
        wit_buf_finish(&text);
    }
};

bool wit_table_is_supported(void) {
    return true;
}

/* ---- opening -------------------------------------------------------------------------------- */

static void leaves_of(const parquet::arrow::SchemaField &field, std::vector<int> *out) {
    if (field.column_index >= 0)
        out->push_back(field.column_index);
    for (const auto &child : field.children)
        leaves_of(child, out);
}

static int column_missing(const std::string &name, const arrow::Schema &schema,
                          struct wit_error *err) {
    std::string has;
    for (const auto &field : schema.fields())
        if (has.size() < names_told_bytes)
            has += (has.empty() ? "" : ", ") + field->name().substr(0, 60);
    return wit_error_set(err, WIT_EFORMAT, "it has no column '%s', but %s", name.c_str(),
                         has.c_str());
}

static int columns_find(wit_table_reader *r, struct wit_error *err) {
    std::shared_ptr<arrow::Schema> schema;
    arrow::Status status = r->file->GetSchema(&schema);
    if (!status.ok())
        return parquet_fail(status, r->path, err);
    std::vector<bool> taken(static_cast<size_t>(schema->num_fields()));
    for (const std::string &name : r->columns) {
        size_t i = 0;
        while (i < taken.size() && schema->field(static_cast<int>(i))->name() != name)
            i++;
        if (i == taken.size())
            return column_missing(name, *schema, err);
        if (!taken[i]) /* a column may be asked for twice: as caption and as kept one */
            leaves_of(r->file->manifest().schema_fields[i], &r->leaves);
        taken[i] = true;
    }
    return 0;
}

static int file_open(wit_table_reader *r, struct wit_error *err) {
    auto input = arrow::io::ReadableFile::Open(r->path, &r->pool);
    if (!input.ok())
        return parquet_fail(input.status(), r->path, err);
    parquet::ReaderProperties properties(&r->pool);
    parquet::ArrowReaderProperties arrow_properties;
    properties.enable_buffered_stream(); /* a column's pages one after the other, not all at once */
    properties.set_buffer_size(stream_bytes);
    arrow_properties.set_pre_buffer(false);
    arrow_properties.set_use_threads(false);
    arrow_properties.set_batch_size(batch_rows);
    parquet::arrow::FileReaderBuilder builder;
    arrow::Status status = builder.Open(*input, properties);
    if (status.ok())
        status = builder.memory_pool(&r->pool)->properties(arrow_properties)->Build(&r->file);
    return status.ok() ? columns_find(r, err) : parquet_fail(status, r->path, err);
}

int wit_table_reader_open(const char *path, const char *const *columns, size_t count,
                          size_t row_most, struct wit_table_reader **out, struct wit_error *err) {
    return parquet_guard(path, err, [&] {
        auto r = std::make_unique<wit_table_reader>(row_most);
        r->path = path;
        r->columns.assign(columns, columns + count);
        int st = file_open(r.get(), err);
        if (st >= 0)
            *out = r.release();
        return st;
    });
}

void wit_table_reader_close(struct wit_table_reader *r) {
    delete r;
}

/* ---- batches -------------------------------------------------------------------------------- */

/* From row group `first` on. */
static int batches_begin(wit_table_reader *r, int first, struct wit_error *err) {
    std::vector<int> groups;
    for (int g = first; g < r->file->num_row_groups(); g++)
        groups.push_back(g);
    auto batches = r->file->GetRecordBatchReader(groups, r->leaves);
    if (!batches.ok())
        return parquet_fail(batches.status(), r->path, err);
    r->batches = std::move(*batches);
    return 0;
}

/* 1: a batch with rows is there; 0: the file is at its end. */
static int batch_next(wit_table_reader *r, struct wit_error *err) {
    int st = r->batches ? 0 : batches_begin(r, 0, err);
    if (st < 0)
        return st;
    do {
        r->arrays.clear();
        r->row = 0;
        arrow::Status status = r->batches->ReadNext(&r->batch);
        if (status.ok() && r->batch)
            status = r->batch->ValidateFull();
        if (!status.ok())
            return parquet_fail(status, r->path, err);
    } while (r->batch && r->batch->num_rows() == 0);
    if (!r->batch)
        return 0;
    for (const std::string &name : r->columns) {
        auto array = r->batch->GetColumnByName(name);
        if (!array)
            return wit_error_set(err, WIT_EFORMAT, "%s: column '%s' is not in every row group",
                                 r->path.c_str(), name.c_str());
        r->arrays.push_back(array);
    }
    return 1;
}

int wit_table_reader_seek(struct wit_table_reader *r, uint64_t row, struct wit_error *err) {
    return parquet_guard(r->path.c_str(), err, [&] {
        auto metadata = r->file->parquet_reader()->metadata();
        int group = 0, st = 1;
        for (; group < metadata->num_row_groups(); group++) {
            int64_t rows = metadata->RowGroup(group)->num_rows();
            if (rows < 0 || static_cast<uint64_t>(rows) > row)
                break;
            row -= static_cast<uint64_t>(rows);
        }
        if (group == metadata->num_row_groups() && row)
            return 0;
        st = batches_begin(r, group, err);
        for (st = st < 0 ? st : 1; st > 0 && row > 0;) {
            st = batch_next(r, err);
            if (st <= 0)
                break;
            r->row = std::min(r->batch->num_rows(), static_cast<int64_t>(row));
            row -= static_cast<uint64_t>(r->row);
        }
        return st;
    });
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void put_text(struct wit_json_writer *w, std::string_view text) {
    wit_json_put_str(w, wit_str_of(text.data(), text.size()));
}

static void put_cell(struct wit_json_writer *w, const arrow::Array &array, int64_t i);

static void put_items(struct wit_json_writer *w, const arrow::Array &items, int64_t from,
                      int64_t count) {
    wit_json_array_begin(w);
    for (int64_t i = from; i < from + count; i++)
        put_cell(w, items, i);
    wit_json_array_end(w);
}

template <typename List>
static void put_list(struct wit_json_writer *w, const arrow::Array &array, int64_t i) {
    const auto &list = static_cast<const List &>(array);
    put_items(w, *list.values(), list.value_offset(i), list.value_length(i));
}

static void put_struct(struct wit_json_writer *w, const arrow::StructArray &array, int64_t i) {
    wit_json_object_begin(w);
    for (int f = 0; f < array.num_fields(); f++) {
        wit_json_key(w, array.type()->field(f)->name().c_str());
        put_cell(w, *array.field(f), i);
    }
    wit_json_object_end(w);
}

template <typename Array> static auto value_of(const arrow::Array &array, int64_t i) {
    return static_cast<const Array &>(array).Value(i);
}

template <typename Array> static auto view_of(const arrow::Array &array, int64_t i) {
    return static_cast<const Array &>(array).GetView(i);
}

/* One value; false: its type is none of the plain ones. */
static bool put_plain(struct wit_json_writer *w, const arrow::Array &a, int64_t i) {
    switch (a.type_id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
        return put_text(w, view_of<arrow::BinaryArray>(a, i)), true;
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
        return put_text(w, view_of<arrow::LargeBinaryArray>(a, i)), true;
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
        return put_text(w, view_of<arrow::BinaryViewArray>(a, i)), true;
    case arrow::Type::FIXED_SIZE_BINARY:
        return put_text(w, view_of<arrow::FixedSizeBinaryArray>(a, i)), true;
    case arrow::Type::BOOL:
        return wit_json_put_bool(w, value_of<arrow::BooleanArray>(a, i)), true;
    case arrow::Type::INT8:
        return wit_json_put_int(w, value_of<arrow::Int8Array>(a, i)), true;
    case arrow::Type::INT16:
        return wit_json_put_int(w, value_of<arrow::Int16Array>(a, i)), true;
    case arrow::Type::INT32:
        return wit_json_put_int(w, value_of<arrow::Int32Array>(a, i)), true;
    case arrow::Type::INT64:
        return wit_json_put_int(w, value_of<arrow::Int64Array>(a, i)), true;
    case arrow::Type::UINT8:
        return wit_json_put_u64(w, value_of<arrow::UInt8Array>(a, i)), true;
    case arrow::Type::UINT16:
        return wit_json_put_u64(w, value_of<arrow::UInt16Array>(a, i)), true;
    case arrow::Type::UINT32:
        return wit_json_put_u64(w, value_of<arrow::UInt32Array>(a, i)), true;
    case arrow::Type::FLOAT:
        return wit_json_put_double(w, value_of<arrow::FloatArray>(a, i)), true;
    case arrow::Type::DOUBLE:
        return wit_json_put_double(w, value_of<arrow::DoubleArray>(a, i)), true;
    default:
        return false;
    }
}

static void put_cell(struct wit_json_writer *w, const arrow::Array &array, int64_t i) {
    if (array.IsNull(i)) {
        wit_json_put_null(w);
        return;
    }
    if (put_plain(w, array, i))
        return;
    switch (array.type_id()) {
    case arrow::Type::UINT64: { /* beyond int64 it is no number that our JSON has */
        uint64_t value = value_of<arrow::UInt64Array>(array, i);
        if (value <= INT64_MAX)
            wit_json_put_u64(w, value);
        else
            put_text(w, std::to_string(value));
        break;
    }
    case arrow::Type::DICTIONARY: {
        const auto &coded = static_cast<const arrow::DictionaryArray &>(array);
        put_cell(w, *coded.dictionary(), coded.GetValueIndex(i));
        break;
    }
    case arrow::Type::LIST:
        put_list<arrow::ListArray>(w, array, i);
        break;
    case arrow::Type::LARGE_LIST:
        put_list<arrow::LargeListArray>(w, array, i);
        break;
    case arrow::Type::FIXED_SIZE_LIST:
        put_list<arrow::FixedSizeListArray>(w, array, i);
        break;
    case arrow::Type::STRUCT:
        put_struct(w, static_cast<const arrow::StructArray &>(array), i);
        break;
    default: {
        auto scalar = array.GetScalar(i);
        put_text(w, scalar.ok() ? (*scalar)->ToString() : std::string());
    }
    }
}

/* 1, or WIT_ENOMEM. */
static int row_write(wit_table_reader *r, struct wit_str *row, struct wit_error *err) {
    struct wit_json_writer w;
    wit_buf_reset(&r->text);
    wit_json_writer_init(&w, &r->text);
    wit_json_object_begin(&w);
    for (size_t c = 0; c < r->columns.size(); c++) {
        bool repeated = false; /* a name can stand in an object once */
        for (size_t k = 0; k < c; k++)
            repeated |= r->columns[k] == r->columns[c];
        if (repeated)
            continue;
        wit_json_key(&w, r->columns[c].c_str());
        put_cell(&w, *r->arrays[c], r->row);
    }
    wit_json_object_end(&w);
    r->row++;
    int st = wit_json_writer_finish(&w);
    if (st < 0 && st != WIT_ELIMIT)
        return wit_error_set(err, st, "no memory for a row of %s", r->path.c_str());
    *row = st < 0 ? wit_str_of(nullptr, 0) : wit_buf_view(&r->text);
    return 1;
}

int wit_table_reader_next(struct wit_table_reader *r, struct wit_str *row, struct wit_error *err) {
    return parquet_guard(r->path.c_str(), err, [&] {
        int st = r->batch && r->row < r->batch->num_rows() ? 1 : batch_next(r, err);
        return st <= 0 ? st : row_write(r, row, err);
    });
}
