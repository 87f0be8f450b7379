/* A witness: a PAM host that does as it is told and says what became of it.
 *
 *     pam_host COMMAND...    each argument is one command; what it reports is in pam_host_state.h
 *
 *     start SERVICE USER     pam_start; '-' is no user, %XX a byte      use N       another handle, 0 to 7
 *     open close setcred     the calls, reported as 'open RC'           end silent  pam_end in a child
 *     env state              PAM's environment; this process
 *     handler ignore default what happens on SIGCHLD: wait for any child, and count; nothing
 *     children N MS          N children that exit with 7 after MS       reap        wait for each
 *     thread COMMAND         in a thread       fork COMMAND             in a child
 *     apart COMMAND          in a thread that could enter a mount namespace alone: with its own root and directory
 *     share                  a child that shares / and the working directory       away  in another mount namespace
 *     hold                   wait for a line on standard input          loop N      N sessions
 *     shut N, eat LEAVE, reuse, rlimit NAME SOFT HARD, umask, chdir, gone, chroot, ids R E, gids R E, block N,
 *     account NAME, nice N, idle, locale NAME, clear, kill: as named below */
#define _GNU_SOURCE
#include <signal.h>

#include "pam_host_change.h"

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WORDS 8
#define OWN 64

static pam_handle_t *handles[8], **pamh = handles;
static pid_t own[OWN];
static int owned;
static char last_service[256], last_user[2048];

static void run(const char *line);

static int converse(int count, const struct pam_message **messages, struct pam_response **answers, void *data)
{
	int i;

	(void)data;
	for (i = 0; i < count; i++)
		report("said %s", messages[i]->msg);
	*answers = calloc((size_t)count, sizeof **answers);
	return *answers ? PAM_SUCCESS : PAM_BUF_ERR;
}

static char *decode(char *text)
{
	char *from = text, *to = text;

	for (; *from; from++) {
		unsigned byte;

		if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	return text;
}

static int start(const char *service, const char *user)
{
	static const struct pam_conv conversation = {converse, NULL};

	return pam_start(service, strcmp(user, "-") ? user : NULL, &conversation, pamh);
}

static void one_session(void)
{
	if (start(last_service, last_user) || pam_open_session(*pamh, 0) || pam_close_session(*pamh, 0) ||
	    pam_end(*pamh, 0))
		die("loop");
}

static void make_children(int count, int ms)
{
	for (; count-- > 0 && owned < OWN; owned++) {
		must(own[owned] = fork(), "fork");
		if (own[owned])
			continue;
		self = getpid();
		signal(SIGCHLD, SIG_DFL);
		usleep((useconds_t)ms * 1000);
		_exit(7);
	}
}

static void reap(void)
{
	while (owned > 0) {
		int status = -1;
		pid_t pid = waitpid(own[--owned], &status, 0);

		report("reap %d", pid == own[owned] && WIFEXITED(status) ? WEXITSTATUS(status) : -errno);
	}
}

static void *in_thread(void *line)
{
	run(line);
	return NULL;
}

static void with_thread(const char *line)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, in_thread, (void *)(size_t)line) || pthread_join(thread, NULL))
		die("thread");
}

static void with_fork(const char *line)
{
	pid_t child = fork();
	int status;

	must(child, "fork");
	if (!child) {
		self = getpid();
		run(line);
		_exit(0);
	}
	must(waitpid(child, &status, 0), "waitpid");
}

static void share_root(void)
{
	long child = syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL);

	must((int)child, "clone");
	if (child)
		return;
	while (getppid() == self) /* a death signal could come before it is asked for */
		usleep(1000);
	_exit(0);
}

static void show_environment(void)
{
	char **list = pam_getenvlist(*pamh);
	size_t i;

	report("environment");
	for (i = 0; list && list[i]; i++) {
		report("env %s", list[i]);
		free(list[i]);
	}
	free(list);
}

static int call_pam(char **word, int count)
{
	if (!strcmp(word[0], "start") && count == 3) {
		snprintf(last_service, sizeof last_service, "%s", decode(word[1]));
		snprintf(last_user, sizeof last_user, "%s", decode(word[2]));
		report("start %d", start(last_service, last_user));
	} else if (!strcmp(word[0], "open")) {
		report("open %d", pam_open_session(*pamh, 0));
	} else if (!strcmp(word[0], "close")) {
		report("close %d", pam_close_session(*pamh, 0));
	} else if (!strcmp(word[0], "setcred")) {
		report("setcred %d", pam_setcred(*pamh, PAM_ESTABLISH_CRED));
	} else if (!strcmp(word[0], "end")) {
		report("end %d", pam_end(*pamh, count == 2 ? PAM_DATA_SILENT : 0));
		*pamh = NULL;
	} else if (!strcmp(word[0], "env")) {
		show_environment();
	} else {
		return 0;
	}
	return 1;
}

static void run(const char *line)
{
	char copy[4096], *word[WORDS] = {NULL}, *rest = NULL;
	const char *argument = strchr(line, ' ');
	int count = 0;

	snprintf(copy, sizeof copy, "%s", line);
	while (count < WORDS && (word[count] = strtok_r(count ? NULL : copy, " ", &rest)))
		count++;
	if (!count || call_pam(word, count) || change_self(word, count))
		return;
	if (!strcmp(word[0], "use"))
		pamh = &handles[atoi(word[1])];
	else if (!strcmp(word[0], "state"))
		report_state();
	else if (!strcmp(word[0], "children"))
		make_children(atoi(word[1]), atoi(word[2]));
	else if (!strcmp(word[0], "account"))
		must(getpwnam(word[1]) ? 0 : -1, word[0]);
	else if (!strcmp(word[0], "reap"))
		reap();
	else if (!strcmp(word[0], "reuse"))
		reuse();
	else if (!strcmp(word[0], "eat"))
		eat(atoi(word[1]));
	else if (!strcmp(word[0], "rlimit") && count == 4)
		limit(word[1], word[2], word[3]);
	else if (!strcmp(word[0], "thread"))
		with_thread(argument + 1);
	else if (!strcmp(word[0], "apart")) {
		must(unshare(CLONE_FS), word[0]);
		run(argument + 1);
	} else if (!strcmp(word[0], "fork"))
		with_fork(argument + 1);
	else if (!strcmp(word[0], "away"))
		must(unshare(CLONE_NEWNS), word[0]);
	else if (!strcmp(word[0], "share"))
		share_root();
	else if (!strcmp(word[0], "hold"))
		report("held %zd", read(0, copy, sizeof copy));
	else if (!strcmp(word[0], "kill"))
		raise(SIGKILL);
	else if (!strcmp(word[0], "loop"))
		for (count = atoi(word[1]); count-- > 0;)
			one_session();
	else
		die(line);
}

int main(int argc, char **argv)
{
	int i;

	self = getpid();
	alarm(60); /* no test waits for ever */
	if ((i = fcntl(1, F_DUPFD_CLOEXEC, 100)) >= 0 || (i = fcntl(1, F_DUPFD_CLOEXEC, 8)) >= 0)
		out = i;
	for (i = 1; i < argc; i++)
		run(argv[i]);
	report("done");
	return 0;
}
