/* cli.c: messages, numbers and interruption for the commands. */
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static volatile int interrupt_flag;

int cli_fail(const char *command, const struct wit_error *err) {
    const char *text = err && err->text[0] ? err->text : "failed without a reason";
    fprintf(stderr, "wit %s: %s\n", command, text);
    return err && err->status == WIT_ECANCELED ? CLI_INTERRUPTED : CLI_FAILED;
}

int cli_usage_error(const char *command, const char *fmt, ...) {
    va_list args;
    fprintf(stderr, "wit %s: ", command);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "; see 'wit help %s'\n", command);
    return CLI_USAGE;
}

int cli_parse_u64(const char *command, const char *option, const char *text, uint64_t least,
                  uint64_t most, uint64_t *out) {
    uint64_t value;
    if (wit_str_to_u64(wit_str_from(text), &value) < 0 || value < least || value > most)
        return cli_usage_error(command, "%s must be a whole number from %llu to %llu, not '%s'",
                               option, (unsigned long long)least, (unsigned long long)most, text);
    *out = value;
    return CLI_DONE;
}

int cli_parse_double(const char *command, const char *option, const char *text, double least,
                     double most, double *out) {
    double value;
    if (wit_str_to_double(wit_str_from(text), &value) < 0 || !(value >= least && value <= most))
        return cli_usage_error(command, "%s must be a number from %g to %g, not '%s'", option,
                               least, most, text);
    *out = value;
    return CLI_DONE;
}

static void on_signal(int signum) {
    if (interrupt_flag && signum == SIGINT)
        _exit(CLI_INTERRUPTED);
    interrupt_flag = 1;
}

void cli_catch_interrupts(void) {
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void) {
    return interrupt_flag != 0;
}

const volatile int *cli_interrupt_flag(void) {
    return &interrupt_flag;
}

int cli_write_stdout(const char *command, struct wit_str text) {
    if (text.len && fwrite(text.data, 1, text.len, stdout) != text.len)
        goto failed;
    if (fflush(stdout) == 0)
        return CLI_DONE;
failed:
    fprintf(stderr, "wit %s: cannot write to standard output: %s\n", command, strerror(errno));
    return CLI_FAILED;
}

int cli_write_help(const char *command, const char *const *parts, size_t count) {
    int code = CLI_DONE;
    for (size_t i = 0; i < count && code == CLI_DONE; i++)
        code = cli_write_stdout(command, wit_str_from(parts[i]));
    return code;
}
