/*
 * Opens PAM sessions for session.py and measures them.
 *
 *     open_session CONFDIR        (service files are read from CONFDIR)
 *
 * One command per line on standard input, one answer per line on standard output:
 *
 *     time SERVICE USER HOST      -> RC OPEN_NS WHOLE_NS TMPDIR NAMESPACE
 *     grow SERVICE USER           -> RC BEFORE_KB OPEN_KB AFTER_KB OWN_KB
 *     leak SERVICE USER COUNT     -> RC FDS_BEFORE FDS_AFTER BEFORE_KB AFTER_KB
 *     exec PROGRAM ARGUMENT...    -> RC WHOLE_NS
 *     as UID PROGRAM ARGUMENT...  -> RC WHOLE_NS      (started by UID, which is its group, too; says nothing)
 *     hold SERVICE USER           -> RC NAMESPACE PID (a session that stays open until its process is killed)
 *
 * RC is the worst PAM result, or the program's wait status. NAMESPACE is the inode number of the mount namespace
 * in which the session is. Each command runs in a process forked for
 * it, so a module is opened, relocated and run for the first time there, as in a login; what it does to
 * its process (a mount namespace, signals, memory) dies with it. HOST is `new` for a process that has done
 * nothing yet, or `usual` for one that has looked its user up, as sshd, login and su do before a session.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 16
#define WARM_UP 50 /* sessions before a leak is looked for: allocators and caches settle first */

struct result {
	int rc;
	int64_t open_ns, whole_ns;
	unsigned long namespace;
	char tmpdir[256];
};

static const char *confdir;

static int refuse(int count, const struct pam_message **messages, struct pam_response **answers, void *data)
{
	(void)count, (void)messages, (void)answers, (void)data;
	return PAM_CONV_ERR;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* A field of smaps_rollup in kB. Not statm: its running counters are off by up to 64 pages per processor. */
static long memory(const char *field)
{
	char text[2048], *at;
	int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	text[got > 0 ? got : 0] = 0;
	at = strstr(text, field);
	return at ? strtol(at + strlen(field), NULL, 10) : -1;
}

static long resident(void)
{
	return memory("\nRss:");
}

static int descriptors(void)
{
	int count = 0, fd;

	for (fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static unsigned long mount_namespace(void)
{
	struct stat about;

	return stat("/proc/self/ns/mnt", &about) ? 0 : about.st_ino;
}

/* One session from pam_start to pam_end; *open_kb, unless NULL, is the resident size while it is open. */
static struct result session(const char *service, const char *user, long *open_kb)
{
	struct pam_conv conversation = {refuse, NULL};
	struct result result = {0};
	pam_handle_t *pamh = NULL;
	const char *tmpdir;
	int64_t start = now(), before;

	result.rc = pam_start_confdir(service, user, &conversation, confdir, &pamh);
	if (result.rc != PAM_SUCCESS)
		return result;
	before = now();
	result.rc = pam_open_session(pamh, 0);
	result.open_ns = now() - before;
	before = now();
	result.namespace = mount_namespace();
	start += now() - before; /* not the session's */
	tmpdir = pam_getenv(pamh, "TMPDIR");
	snprintf(result.tmpdir, sizeof result.tmpdir, "%s", tmpdir ? tmpdir : "-");
	if (open_kb)
		*open_kb = resident();
	if (result.rc == PAM_SUCCESS)
		result.rc = pam_close_session(pamh, 0);
	pam_end(pamh, result.rc);
	result.whole_ns = now() - start;
	return result;
}

static void look_up(const char *user)
{
	const struct passwd *account = getpwnam(user);

	if (account)
		getgrgid(account->pw_gid);
}

static void time_one(FILE *out, const char *service, const char *user, const char *host)
{
	struct result r;

	if (!strcmp(host, "usual"))
		look_up(user);
	r = session(service, user, NULL);
	fprintf(out, "%d %lld %lld %s %lu\n", r.rc, (long long)r.open_ns, (long long)r.whole_ns, r.tmpdir,
		r.namespace);
}

/*
 * What a session adds to a usual host that has had one of pam_permit. OWN_KB is the part that no other
 * process shares (written to, not file).
 */
static void grow(FILE *out, const char *service, const char *user)
{
	long before, own, open_kb = -1;
	struct result r;

	session("permit", user, &open_kb);
	look_up(user);
	own = memory("\nPrivate_Dirty:");
	before = resident();
	r = session(service, user, &open_kb);
	own = memory("\nPrivate_Dirty:") - own;
	fprintf(out, "%d %ld %ld %ld %ld\n", r.rc, before, open_kb, resident(), own);
}

static void leak(FILE *out, const char *service, const char *user, long count)
{
	long before = resident();
	int rc = 0, fds = descriptors();

	for (long i = 0; i < WARM_UP + count; i++) {
		if (i == WARM_UP) {
			before = resident();
			fds = descriptors();
		}
		rc |= session(service, user, NULL).rc;
	}
	fprintf(out, "%d %d %d %ld %ld\n", rc, fds, descriptors(), before, resident());
}

static void run(FILE *out, char **argv)
{
	extern char **environ;
	int64_t start = now();
	int status = -1;
	pid_t child;

	if (posix_spawn(&child, argv[0], NULL, NULL, argv, environ) == 0)
		waitpid(child, &status, 0);
	fprintf(out, "%d %lld\n", status, (long long)(now() - start));
}

/* As a login or cron leaves a user's process: named, without groups, and free to make a user namespace. */
static void run_as(FILE *out, char **words)
{
	uid_t uid = (uid_t)strtoul(words[0], NULL, 10);
	const struct passwd *account = getpwuid(uid);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || setgroups(0, NULL) ||
	    setresgid(uid, uid, uid) || setresuid(uid, uid, uid) || !account ||
	    setenv("LOGNAME", account->pw_name, 1) || setenv("HOME", account->pw_dir, 1))
		return;
	run(out, words + 1);
}

static void hold(FILE *out, const char *service, const char *user)
{
	struct pam_conv conversation = {refuse, NULL};
	pam_handle_t *pamh = NULL;
	int rc = pam_start_confdir(service, user, &conversation, confdir, &pamh);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (rc == PAM_SUCCESS)
		rc = pam_open_session(pamh, 0);
	fprintf(out, "%d %lu %d\n", rc, mount_namespace(), getpid());
	fclose(out);
	for (;;)
		pause();
}

static void obey(FILE *out, char **words, int count)
{
	if (count == 4 && !strcmp(words[0], "time"))
		time_one(out, words[1], words[2], words[3]);
	else if (count == 3 && !strcmp(words[0], "grow"))
		grow(out, words[1], words[2]);
	else if (count == 4 && !strcmp(words[0], "leak"))
		leak(out, words[1], words[2], strtol(words[3], NULL, 10));
	else if (count >= 2 && !strcmp(words[0], "exec"))
		run(out, words + 1);
	else if (count >= 3 && !strcmp(words[0], "as"))
		run_as(out, words + 1);
	else if (count == 3 && !strcmp(words[0], "hold"))
		hold(out, words[1], words[2]);
	fflush(out);
}

/* The child's answer comes through a pipe: its standard output is the module's to spoil. */
static int answer(char **words, int count, char *text, size_t size)
{
	int ends[2], status = -1;
	size_t have = 0;
	ssize_t got;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0 || (child = fork()) < 0)
		return -1;
	if (child == 0) {
		close(ends[0]);
		obey(fdopen(ends[1], "w"), words, count);
		_exit(0);
	}
	close(ends[1]);
	while (have < size - 1 && (got = read(ends[0], text + have, size - 1 - have)) > 0)
		have += (size_t)got;
	close(ends[0]);
	text[have] = 0;
	if (!strcmp(words[0], "hold"))
		return have ? 0 : -1;
	if (waitpid(child, &status, 0) < 0 || status != 0 || have == 0)
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	char line[1024], text[1024], *words[WORDS + 1], *rest;

	if (argc != 2)
		return 2;
	confdir = argv[1];
	while (fgets(line, sizeof line, stdin)) {
		int count = 0;

		rest = line;
		while (count < WORDS && (words[count] = strtok_r(rest, " \n", &rest)))
			count++;
		words[count] = NULL;
		fputs(count && answer(words, count, text, sizeof text) == 0 ? text : "failed\n", stdout);
		fflush(stdout);
	}
	return 0;
}
