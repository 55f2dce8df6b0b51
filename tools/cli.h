/*
 * cli.h: what every `wit` command shares: exit codes, messages, interruption. Results go to stdout,
 * everything else to stderr.
 */
#ifndef WIT_CLI_H
#define WIT_CLI_H

#include "base/wit_base.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,   /* bad usage */
    CLI_PARTIAL = 3, /* done, but something named on the command line could not be read */
    CLI_INTERRUPTED = 130
};

/* A command gets its own arguments: argv[0] is its name ("crawl"), optind is reset. */
typedef int (*cli_command_fn)(int argc, char **argv);

int cmd_allowlist(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_crawl(int argc, char **argv);
int cmd_filter(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_shards(int argc, char **argv);
int cmd_tokenizer(int argc, char **argv);
int cmd_train(int argc, char **argv);

/* "wit crawl: <sentence>" on stderr; returns CLI_FAILED, or CLI_INTERRUPTED for WIT_ECANCELED. */
int cli_fail(const char *command, const struct wit_error *err);
/* "wit crawl: <sentence>; see 'wit help crawl'" on stderr; returns CLI_USAGE. */
int cli_usage_error(const char *command, const char *fmt, ...) WIT_PRINTF(2, 3);
/* Number options with a sentence: "wit load: --batch must be a whole number from 1 to 65536, not
 * 'x'". 0, or CLI_USAGE after printing. */
int cli_parse_u64(const char *command, const char *option, const char *text, uint64_t least,
                  uint64_t most, uint64_t *out);
int cli_parse_double(const char *command, const char *option, const char *text, double least,
                     double most, double *out);

/* After cli_catch_interrupts, SIGINT and SIGTERM set a flag that long jobs poll; a second SIGINT
 * ends the process at once. */
void cli_catch_interrupts(void);
bool cli_interrupted(void);
const volatile int *cli_interrupt_flag(void); /* for configs that take a flag to poll */

/* Print what is in the buffer to stdout and flush; CLI_FAILED with a sentence when it cannot. */
int cli_write_stdout(const char *command, struct wit_str text);
/* The same of a page in parts. */
int cli_write_help(const char *command, const char *const *parts, size_t count);

#endif
