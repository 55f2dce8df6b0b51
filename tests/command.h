/* command.h: run the built `wit` ($WIT) in a folder of its own, as a user would. For cmocka tests.
 */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include "base/wit_base.h"

/* Group setup and teardown: the folder. */
int command_setup(void **state);
int command_teardown(void **state);
const char *command_folder(void);

void command_put(const char *name, struct wit_str data); /* write a file there */
void command_get(const char *name, struct wit_buf *out); /* read one; NUL behind it */
/* `wit <args> <in >out 2>err` there; the files are in the folder, in is empty unless it was put.
 * Returns the exit code. */
int command_run(const char *args);

#endif
