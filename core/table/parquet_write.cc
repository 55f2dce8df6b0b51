/* parquet_write.cc: rows of text and numbers into a parquet file, by Apache Arrow; snappy, as every
 * reader has it. C++ stays in this file: nothing is thrown out of it. */
#include "parquet_status.h"
#include "text/wit_text.h"
#include "wit_table.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include <cassert>

#include <fcntl.h>
#include <unistd.h>

namespace {
/* A row group is what is held in memory. */
constexpr int64_t group_rows = 65536, group_bytes = 64 << 20;
} // namespace

struct wit_table_writer {
    std::string path, part;
    std::shared_ptr<arrow::Schema> schema;
    std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders; /* a column each */
    std::vector<bool> is_text;
    std::shared_ptr<arrow::io::FileOutputStream> output;
    std::unique_ptr<parquet::arrow::FileWriter> file;
    struct wit_buf repaired = WIT_BUF_INIT(SIZE_MAX); /* text that was not UTF-8 */
    arrow::Status failed;                             /* of a cell: told at the row's end */
    size_t cell = 0;
    int64_t rows = 0, bytes = 0; /* of the row group */
    bool made = false, finished = false;

    ~wit_table_writer() {
        wit_buf_finish(&repaired);
        if (made && !finished)
            unlink(part.c_str());
    }
};

/* ---- opening -------------------------------------------------------------------------------- */

static int file_open(wit_table_writer *w, struct wit_error *err) {
    auto output = arrow::io::FileOutputStream::Open(w->part);
    if (!output.ok())
        return parquet_fail(output.status(), w->part, err);
    w->made = true;
    w->output = *output;
    auto properties =
        parquet::WriterProperties::Builder().compression(parquet::Compression::SNAPPY)->build();
    auto file = parquet::arrow::FileWriter::Open(*w->schema, arrow::default_memory_pool(),
                                                 w->output, properties);
    if (!file.ok())
        return parquet_fail(file.status(), w->part, err);
    w->file = std::move(*file);
    return 0;
}

int wit_table_writer_open(const char *path, const struct wit_table_column *columns, size_t count,
                          struct wit_table_writer **out, struct wit_error *err) {
    return parquet_guard(path, err, [&] {
        auto w = std::make_unique<wit_table_writer>();
        arrow::FieldVector fields;
        for (size_t i = 0; i < count; i++) {
            bool text = columns[i].kind == WIT_TABLE_TEXT;
            w->is_text.push_back(text);
            if (text)
                w->builders.push_back(std::make_unique<arrow::StringBuilder>());
            else
                w->builders.push_back(std::make_unique<arrow::Int32Builder>());
            fields.push_back(arrow::field(columns[i].name, text ? arrow::utf8() : arrow::int32()));
        }
        w->schema = arrow::schema(fields);
        w->path = path;
        w->part = w->path + ".tmp";
        int st = file_open(w.get(), err);
        if (st >= 0)
            *out = w.release();
        return st;
    });
}

void wit_table_writer_close(struct wit_table_writer *w) {
    delete w;
}

/* ---- cells ---------------------------------------------------------------------------------- */

static void cell_done(wit_table_writer *w, const arrow::Status &status, size_t bytes) {
    if (w->failed.ok() && !status.ok())
        w->failed = status;
    w->bytes += static_cast<int64_t>(bytes);
    w->cell++;
}

void wit_table_put_text(struct wit_table_writer *w, struct wit_str text) {
    assert(w->cell < w->builders.size() && w->is_text[w->cell]);
    if (!text.data) {
        wit_table_put_null(w);
        return;
    }
    if (!wit_utf8_valid(text)) {
        wit_buf_reset(&w->repaired);
        if (wit_utf8_sanitize(text, &w->repaired) < 0) {
            cell_done(w, arrow::Status::OutOfMemory("a text that is not UTF-8"), 0);
            return;
        }
        text = wit_buf_view(&w->repaired);
    }
    auto &builder = static_cast<arrow::StringBuilder &>(*w->builders[w->cell]);
    cell_done(w, builder.Append(std::string_view(text.data, text.len)), text.len);
}

void wit_table_put_int(struct wit_table_writer *w, int32_t v) {
    assert(w->cell < w->builders.size() && !w->is_text[w->cell]);
    cell_done(w, static_cast<arrow::Int32Builder &>(*w->builders[w->cell]).Append(v), sizeof v);
}

void wit_table_put_null(struct wit_table_writer *w) {
    assert(w->cell < w->builders.size());
    cell_done(w, w->builders[w->cell]->AppendNull(), 1);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static arrow::Status group_write(wit_table_writer *w) {
    arrow::ArrayVector arrays(w->builders.size());
    for (size_t i = 0; i < arrays.size(); i++)
        ARROW_RETURN_NOT_OK(w->builders[i]->Finish(&arrays[i]));
    auto table = arrow::Table::Make(w->schema, arrays, w->rows);
    ARROW_RETURN_NOT_OK(w->file->WriteTable(*table, group_rows));
    w->rows = w->bytes = 0;
    return arrow::Status::OK();
}

int wit_table_row_end(struct wit_table_writer *w, struct wit_error *err) {
    return parquet_guard(w->path.c_str(), err, [&] {
        assert(w->cell == w->builders.size());
        w->cell = 0;
        w->rows++;
        if (w->failed.ok() && (w->rows == group_rows || w->bytes >= group_bytes))
            w->failed = group_write(w);
        return w->failed.ok() ? 0 : parquet_fail(w->failed, w->part, err);
    });
}

/* To disk; the size of the file. */
static int part_sync(const wit_table_writer *w, uint64_t *bytes, struct wit_error *err) {
    int fd = open(w->part.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return wit_error_errno(err, errno, "cannot open %s", w->part.c_str());
    int st = wit_fd_sync(fd, w->part.c_str(), err);
    close(fd);
    return st < 0 || !bytes ? st : wit_file_size(w->part.c_str(), bytes, err);
}

static int part_rename(wit_table_writer *w, struct wit_error *err) {
    size_t slash = w->path.rfind('/');
    if (rename(w->part.c_str(), w->path.c_str()) < 0)
        return wit_error_errno(err, errno, "cannot rename %s", w->part.c_str());
    w->finished = true;
    return wit_dir_sync(slash == std::string::npos ? "."
                        : slash == 0               ? "/"
                                                   : w->path.substr(0, slash).c_str(),
                        err);
}

int wit_table_writer_finish(struct wit_table_writer *w, uint64_t *bytes, struct wit_error *err) {
    return parquet_guard(w->path.c_str(), err, [&] {
        arrow::Status status = w->failed;
        if (status.ok() && w->rows)
            status = group_write(w);
        if (status.ok())
            status = w->file->Close();
        if (status.ok())
            status = w->output->Close();
        if (!status.ok())
            return parquet_fail(status, w->part, err);
        int st = part_sync(w, bytes, err);
        return st < 0 ? st : part_rename(w, err);
    });
}
