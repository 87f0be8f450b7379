/* A witness: a PAM host that opens sessions and says what each of them did to it.
 *
 * login [-w] [-n TIMES] SERVICE USER...: one process for each user (TIMES of them), all at the same moment;
 * with one user and no -n no process is made. -w: wait for SIGUSR1 after pam_start, so that a tracer can attach.
 * login -r TIMES SERVICE USER: so many sessions in this process, a line of what it has after each.
 * login -s SERVICE USER: say "open" and stay so.
 * login -f NUMBER SECONDS SERVICE USER: make a file in /tmp, look for it after so long, from when to when it was open.
 * One line for each session, fields KEY=VALUE with tabs between them. A child that comes back into the host makes
 * /run/came-back. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char heard[512];
static volatile sig_atomic_t children;

struct before {
	int files;
	mode_t mask;
	sigset_t signals;
	char cwd[256];
};

static void count_child(int number)
{
	(void)number;
	children++;
}

static int converse(int count, const struct pam_message **message, struct pam_response **answer, void *data)
{
	(void)data;
	*answer = calloc((size_t)count, sizeof **answer);
	for (int i = 0; i < count; i++)
		snprintf(heard, sizeof heard, "%s", message[i]->msg);
	return *answer ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int open_files(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = -1;

	while (all && readdir(all))
		count++;
	if (all)
		closedir(all);
	return count;
}

static struct before look(void)
{
	struct before seen = {.files = open_files(), .mask = umask(022)};

	umask(seen.mask);
	sigprocmask(SIG_SETMASK, NULL, &seen.signals);
	if (readlink("/proc/self/cwd", seen.cwd, sizeof seen.cwd - 1) < 0)
		seen.cwd[0] = '\0';
	return seen;
}

#define UNTRIED 255

/* 0 if this uid can make a file in the directory, else errno. */
static int try_as(const char *directory, uid_t uid, gid_t gid)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		char user[16], group[16];

		/* a tracer that made our host's calls fail goes off at execve */
		snprintf(user, sizeof user, "%u", uid);
		snprintf(group, sizeof group, "%u", gid);
		execl("/proc/self/exe", "login", "-t", directory, user, group, NULL);
		_exit(UNTRIED);
	}
	waitpid(child, &status, 0);
	return WEXITSTATUS(status);
}

static int try(const char *directory, uid_t uid, gid_t gid)
{
	char path[512];

	snprintf(path, sizeof path, "%s/witness.%d", directory, getpid());
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return UNTRIED;
	if (open(path, O_WRONLY | O_CREAT | O_EXCL, 0600) < 0)
		return errno;
	return unlink(path) ? errno : 0;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#include "login_view.h"

static void say(pam_handle_t *pamh, const char *user, int result, double took, const struct before *before)
{
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP", "TEMPDIR"};
	const struct passwd *account = getpwnam(user);
	const char *directory = pam_getenv(pamh, "TMPDIR");
	struct before after = look();
	char line[4000], back[64] = "";
	int used, kept = after.files - before->files;
	int waited = waitpid(-1, NULL, WNOHANG | __WALL);

	used = snprintf(line, sizeof line, "user=%s\tpid=%d\topen=%d\tseconds=%.4f\tkept=%d\tsigchld=%d\tchildren=%d",
			user, getpid(), result, took, kept, (int)children, waited < 0 && errno == ECHILD ? 0 : 1);
	used += snprintf(line + used, sizeof line - (size_t)used, "\tsame=%d",
			 after.mask == before->mask && !strcmp(after.cwd, before->cwd) &&
				 !memcmp(&after.signals, &before->signals, 8));
	for (size_t i = 0; i < 4; i++)
		if (pam_getenv(pamh, names[i]))
			used += snprintf(line + used, sizeof line - (size_t)used, "\t%s=%s", names[i],
					 pam_getenv(pamh, names[i]));
	if (directory && account)
		used += snprintf(line + used, sizeof line - (size_t)used, "\town=%d\tforeign=%d",
				 try_as(directory, account->pw_uid, account->pw_gid), try_as(directory, 64999, 64999));
	if (getenv("WITNESS_VIEW"))
		used += show_view(line + used, sizeof line - (size_t)used);
	(void)!access("/closing", F_OK);
	if (result == PAM_SUCCESS)
		result = pam_close_session(pamh, 0);
	(void)!readlink("/proc/self/ns/mnt", back, sizeof back - 1);
	used += snprintf(line + used, sizeof line - (size_t)used, "\tback=%s\tclose=%d\tleft=%d\theard=%s\n", back,
			 result, open_files() - before->files, heard);
	/* once more: a failure meant for the helper may have hit our own writing */
	if (write(1, line, (size_t)used) != used && write(1, line, (size_t)used) != used)
		_exit(3);
}

static int wait_for(const sigset_t *signals)
{
	while (sigwaitinfo(signals, NULL) < 0)
		if (errno != EINTR) /* the tracer attached */
			return -1;
	return 0;
}

static int session(const char *service, const char *user, int barrier, int wait)
{
	struct pam_conv conversation = {converse, NULL};
	struct before before;
	sigset_t signals;
	pam_handle_t *pamh;
	double start;
	int result;
	pid_t self;
	char byte;

	if (pam_start(service, user, &conversation, &pamh) != PAM_SUCCESS)
		return 2;
	signal(SIGCHLD, count_child);
	(void)getpwnam(user);
	before = look();
	if (barrier >= 0 && read(barrier, &byte, 1) != 0)
		return 3;
	if (wait) {
		sigemptyset(&signals);
		sigaddset(&signals, SIGUSR1);
		sigprocmask(SIG_BLOCK, &signals, &before.signals);
		if (write(1, "ready\n", 6) != 6 || wait_for(&signals))
			return 3;
		sigprocmask(SIG_SETMASK, &before.signals, NULL);
	}
	(void)!access("/opening", F_OK); /* where a tracer's log is cut */
	start = now();
	self = getpid();
	result = pam_open_session(pamh, 0);
	if (getpid() != self)
		_exit(open("/run/came-back", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0); /* it has no standard output */
	start = now() - start;
	say(pamh, user, result, start, &before);
	pam_end(pamh, PAM_SUCCESS);
	return 0;
}

static long resident(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		pages = -1;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static int repeat(const char *service, const char *user, int times)
{
	struct pam_conv conversation = {converse, NULL};
	pam_handle_t *pamh;

	while (times--) {
		int result;

		if (pam_start(service, user, &conversation, &pamh) != PAM_SUCCESS)
			return 2;
		result = pam_open_session(pamh, 0);
		if (result == PAM_SUCCESS)
			result = pam_close_session(pamh, 0);
		pam_end(pamh, result);
		printf("open=%d resident=%ld files=%d\n", result, resident(), open_files());
	}
	return 0;
}

static int stay(const char *service, const char *user)
{
	struct pam_conv conversation = {converse, NULL};
	pam_handle_t *pamh;

	if (pam_start(service, user, &conversation, &pamh) != PAM_SUCCESS ||
	    pam_open_session(pamh, 0) != PAM_SUCCESS || write(1, "open\n", 5) != 5)
		return 2;
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int option, wait = 0, times = 0, again = 0, gate[2], worst = 0, status;

	while ((option = getopt(argc, argv, "tsfwn:r:")) != -1)
		if (option == 't')
			return argc == 5 ? try(argv[2], (uid_t)atoi(argv[3]), (gid_t)atoi(argv[4])) : 2;
		else if (option == 'f')
			return argc == 6 ? file(argv[2], atof(argv[3]), argv[4], argv[5]) : 2;
		else if (option == 's')
			return argc == 4 ? stay(argv[2], argv[3]) : 2;
		else if (option == 'w')
			wait = 1;
		else if (option == 'r')
			again = atoi(optarg);
		else
			times = atoi(optarg);
	if (argc - optind < 2)
		return 2;
	if (again)
		return repeat(argv[optind], argv[optind + 1], again);
	if (!times && argc - optind == 2)
		return session(argv[optind], argv[optind + 1], -1, wait);
	if (pipe(gate))
		return 3;
	for (int i = optind + 1; i < argc; i++)
		for (int n = 0; n < (times ? times : 1); n++)
			if (fork() == 0) {
				close(gate[1]);
				_exit(session(argv[optind], argv[i], gate[0], 0));
			}
	sleep(1); /* all of them have come to the gate */
	close(gate[1]);
	while (waitpid(-1, &status, 0) > 0)
		if (status)
			worst = 1;
	return worst;
}
