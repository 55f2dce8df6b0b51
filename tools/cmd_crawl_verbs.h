/* cmd_crawl_verbs.h: verbs of `wit crawl` that show one step. argv[0] is the verb. */
#ifndef CMD_CRAWL_VERBS_H
#define CMD_CRAWL_VERBS_H

#include "cli.h"

int cmd_crawl_url(int argc, char **argv);
int cmd_crawl_robots(int argc, char **argv);
int cmd_crawl_extract(int argc, char **argv);
int cmd_crawl_archive(int argc, char **argv);

/* In cmd_crawl_look.c: what a directory holds, and holding its crawl. */
int cmd_crawl_status(int argc, char **argv);
int cmd_crawl_pause(int argc, char **argv);
int cmd_crawl_resume(int argc, char **argv);
int cmd_crawl_outcomes(int argc, char **argv);
int cmd_crawl_refused(int argc, char **argv);

/* The function of a verb, or NULL when `name` (NULL allowed) is none of these. */
cli_command_fn cmd_crawl_verb_find(const char *name);

#endif
