/* What the witnesses of a trace share: each does something below a directory and tells what a log of it must show.
 *
 * One line for each act on standard output, which must be a file opened with O_APPEND, or lines get mixed up.
 * Fields with tabs between them, other bytes than printable ASCII as \xNN, a space and a backslash too:
 *
 *     ACT CALL THREAD PROCESS PARENT ERROR PATH [KEY=VALUE]...
 *
 * ACT is one of pam_mktemp_py/strace/events.py, PATH absolute, ERROR '-' for none and '?' for a call that never
 * returns. Keys: other, real (another right name), flags (| between them), mode (octal), private, abstract, needs: a letter for each
 * thing without which the path cannot be known: y is strace -y, c every change of the working directory, s is -y
 * where a log without it is misleading; e: the log does not tell which error it was.
 * Other lines: 'exists PATH' is a file that came to be as a side effect, 'uring' a working io_uring. */
#ifndef TRAP_H
#define TRAP_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct more {
	const char *other, *real, *flags, *needs;
	int mode, private, abstract;
};

#define NOTHING ((struct more){0})
#define NEW(bits) ((struct more){.flags = "O_CREAT", .mode = (bits)})
#define NEEDS(letters) ((struct more){.needs = (letters)})
#define OTHER(name) ((struct more){.other = (name)})

/* Do the call, tell it, and give what it returned. */
#define ACT(act, path, more, call, ...) \
	({ \
		long result_ = syscall(SYS_##call, __VA_ARGS__); \
		tell(act, #call, path, more, result_ < 0 ? errno : 0); \
		result_; \
	})

/* The same for a call that gives the old name a new one; both names absolute. */
#define MOVE(old, new, letters, call, ...) MOVE_AS(NULL, old, new, letters, call, __VA_ARGS__)
#define MOVE_AS(bits, old, new, letters, call, ...) \
	({ \
		long result_ = syscall(SYS_##call, __VA_ARGS__); \
		int error_ = result_ < 0 ? errno : 0; \
		struct more more_ = {.other = (new), .needs = (letters), .flags = (bits)}; \
		tell("rename-from", #call, old, more_, error_); \
		more_.other = (old); \
		tell("rename-to", #call, new, more_, error_); \
		result_; \
	})

#define NEVER_RETURNS (-1)

extern char top[4096];

/* A path below the directory, in memory that is never freed. */
char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));
void tell(const char *act, const char *call, const char *path, struct more more, int error);
void say(const char *line);
void say_exists(const char *path);
/* End the witness: it is not as the test needs it. */
void broken(const char *what) __attribute__((noreturn));
/* Wait until the thread sleeps in a call, or end the witness after 20 s. */
void until_blocked(pid_t tid);
void join(pid_t child);
int tid(void);
/* A user namespace with our uid as root in it, or end the witness; `more` is more flags of unshare. */
void be_root(int more);

void names(void), few_names(void), shell_names(void), twice(void), comm(void);
void legacy(void), fresh(void), moved(void), removed(void), shared(void), own_cwd(void), crowd(void);
void opened(void), nameless(void), links(void), gone(void), fake(void), deep(void), masks(void), looks(void);
void born(void), thread_exec(void), after_exec(void), executed(void), killed(void), left(void), restarted(void);
void interrupted(void), became(void), jailed(void), mounted(void), many(void);
void socket_names(void), full_name(void), abstract_names(void), datagrams(void), peers(void);
void unknown(void), ring(void), int80(void), bits32(void);
#endif
