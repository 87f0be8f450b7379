/* The plan as C reads it: see pam_mktemp_py/plan.py for the format. Nothing is decided here. */
#ifndef PAM_MKTEMP_PLAN_H
#define PAM_MKTEMP_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_MAX 16384
#define PLAN_DEPENDS 32
#define PLAN_LOOKUPS 2
#define PLAN_DIRS 10
#define PLAN_SETENV 32
#define PLAN_KEY_MAX 240
#define PLAN_KEY (PLAN_KEY_MAX + 8)

struct plan_depend {
	const char *path;
	bool absent;
	uint64_t dev, ino, size, mtime, ctime;
};

struct plan_dir {
	const char *name;
	uint64_t dev, ino;
	uint32_t uid, gid, mode;
};

struct plan_setenv {
	const char *name, *value;
};

struct plan {
	const char *config, *boot, *name, *service, *stage, *reason, *form, *base, *stamp;
	uint64_t expires;
	uint32_t uid, gid;
	bool closed; /* the failure policy */
	size_t depends, lookups, dirs, setenvs, acl_size;
	struct plan_depend depend[PLAN_DEPENDS];
	struct plan_depend lookup[PLAN_LOOKUPS];
	struct plan_dir dir[PLAN_DIRS];
	struct plan_setenv setenv[PLAN_SETENV];
	unsigned char acl[256];
	char text[PLAN_MAX + 1];
};

enum escape { ESCAPE_LINE, ESCAPE_FIELD, ESCAPE_KEY };

/* Percent-encodes; false if `in` is empty or did not fit (then `out` holds its beginning). */
bool plan_escape(char *out, size_t size, const char *in, enum escape how);

/* "user:service", the name of a plan's file, into out[PLAN_KEY]. False where no file can bear it. */
bool plan_key(char *out, const char *user, const char *service);

/* Reads text[0..size) in place. NULL, or why it is refused. */
const char *plan_parse(struct plan *plan, size_t size);

/* Reads and parses the file. NULL, or why there is no plan that can be read. */
const char *plan_load(struct plan *plan, const char *path);

/* NULL if nothing that the plan depends on has changed and its time is not over. */
const char *plan_is_fresh(const struct plan *plan);

/* Whether the account is still what the plan says, without asking for it: what answered is unchanged. */
bool plan_knows_account(const struct plan *plan);

/* Opens the account's directory after checking it and each of its ancestors.
 * A descriptor of 3 or above, or -1 and why. */
int plan_open_directory(const struct plan *plan, const char **why);

/* Without stdio: its pages cost a fresh process more than all the rest. `at` moves behind the text. */
char *plan_put_number(char *at, uint64_t number);

/* CLOCK_BOOTTIME in ns: the clock of `expires` and of the failures. */
uint64_t plan_now(void);

/* The same file under a descriptor of 3 or above: a host without 0-2 must not find ours there. */
int plan_above_2(int file);

#endif
