/* The plan as C reads it: see pam_mktemp_py/plan.py for the format. Nothing is decided here. */
#pragma once
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PLAN_MAX 16384
#define PLAN_OPTIONS 15u /* of a mount's flags: MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, which MOUNT_ATTR_* equal */
#define PLAN_ANYBODYS 256u /* one more: the source may be another's than root's */
#define PLAN_KEY 248 /* bytes of an account and service, 240 at most */

/* The order of members is that of the fields of a line: parse.c writes by it. */
struct plan_depend { const char *path; uint64_t dev, ino, size, mtime, ctime; bool absent; };
struct plan_dir { const char *name; uint64_t dev, ino; uint32_t uid, gid, mode; };
struct plan_setenv { const char *name, *value; };
struct plan_mount { const char *source; uint64_t dev, ino; const char *target; uint64_t flags; };
struct plan {
	const char *format, *config, *boot, *service, *stage, *reason, *fail, *view, *form, *base, *stamp, *acl;
	uint64_t expires;
	const char *name;
	uint32_t uid, gid;
	bool closed; /* the failure policy */
	size_t depends, lookups, dirs, setenvs, mounts;
	struct plan_depend depend[32], lookup[2];
	struct plan_dir dir[10];
	struct plan_setenv setenv[32];
	struct plan_mount mount[24];
	char text[PLAN_MAX + 1];
};
enum escape { ESCAPE_LINE, ESCAPE_FIELD, ESCAPE_KEY };

/* Percent-encodes; false if `in` is empty or did not fit (then `out` holds its beginning). */
bool plan_escape(char *out, size_t size, const char *in, enum escape how);
/* "user:service", the name of a plan's file, into out[PLAN_KEY]. False where no file can bear it. */
bool plan_key(char *out, const char *user, const char *service);
/* Without stdio: its pages cost a fresh process more than all the rest. Returns where the text ends. */
char *plan_put_number(char *at, uint64_t number);
/* Each answer is NULL, or why not. */
const char *plan_parse(struct plan *plan, size_t size); /* text[0..size) in place */
const char *plan_read(const char *path, char *text, size_t *size); /* root's own file, and a NUL */
const char *plan_load(struct plan *plan, const char *path); /* both */
const char *plan_is_fresh(const struct plan *plan); /* nothing it depends on has changed, and its time is not over */
const char *plan_mount(const struct plan *plan); /* in a mount namespace just unshared: nothing of it leaves it */
const char *plan_mounted(const struct plan *plan); /* every target is the directory that the plan says */

/* Whether the account is still what the plan says, without asking for it: what answered is unchanged. */
bool plan_knows_account(const struct plan *plan);
/* Opens the account's directory after checking it and each of its ancestors: a descriptor above 2, or -1 and why. */
int plan_open_directory(const struct plan *plan, const char **why);

/* Whether nobody but root can change it, or exchange what is in it; and that and each of its ancestors. */
bool plan_is_safe(const struct stat *now);
bool plan_is_safe_path(const char *path);
/* Which file of which mount; from Linux 6.8 on no number is used again. "DEV.INO.MOUNT" of /tmp: the mark of a view. */
bool plan_look(const char *path, struct statx *out);
bool plan_put_tmp(char *out);
uint64_t plan_now(void); /* CLOCK_BOOTTIME in ns: the clock of `expires` and of the failures */
int plan_above_2(int file); /* the same file, 3 or above: a host without 0-2 must not find ours there */
