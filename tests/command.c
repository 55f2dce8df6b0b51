/* command.c: a shell, a folder and three files. */
#include "command.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>

static char folder[64];

int command_setup(void **state) {
    snprintf(folder, sizeof folder, "/tmp/wit-test-command-XXXXXX");
    if (!getenv("WIT") || !mkdtemp(folder))
        return -1;
    command_put("in", WIT_STR(""));
    return 0;
}

int command_teardown(void **state) {
    return wit_dir_remove(folder, NULL);
}

const char *command_folder(void) {
    return folder;
}

void command_put(const char *name, struct wit_str data) {
    char path[WIT_PATH_MAX];
    assert_int_equal(wit_path_join(path, folder, name), 0);
    assert_int_equal(wit_file_write_atomic(path, data, NULL), 0);
}

void command_get(const char *name, struct wit_buf *out) {
    char path[WIT_PATH_MAX];
    wit_buf_reset(out);
    assert_int_equal(wit_path_join(path, folder, name), 0);
    assert_int_equal(wit_file_read(path, out, NULL), 0);
    assert_int_equal(wit_buf_terminate(out), 0);
}

int command_run(const char *args) {
    char line[2 * WIT_PATH_MAX];
    snprintf(line, sizeof line, "cd %s && '%s' %s <in >out 2>err", folder, getenv("WIT"), args);
    int status = system(line);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}
