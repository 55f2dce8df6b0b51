/* cli_line.h: one JSON object a line on stdout, for machines. */
#ifndef WIT_CLI_LINE_H
#define WIT_CLI_LINE_H

#include "base/wit_base.h"

struct cli_line {
    struct wit_buf buf;
    struct wit_json_writer json;
};

/* Begin an object with its schema. A line may be begun again after it was printed. */
void cli_line_begin(struct cli_line *l, const char *schema);
void cli_line_text(struct cli_line *l, const char *name, const char *text);
void cli_line_count(struct cli_line *l, const char *name, uint64_t v);
void cli_line_bool(struct cli_line *l, const char *name, bool v);
void cli_line_hash(struct cli_line *l, const char *name, struct wit_hash128 h);
/* End and print it; a broken stdout shows at the flush. The buffer is freed. */
void cli_line_print(struct cli_line *l);

#endif
