/* Starting the planner from inside a PAM host, which must not notice.
 *
 * fork, posix_spawn and a clone that execs itself call the host's SIGCHLD handler, or lose the status
 * where it is ignored. So a helper is cloned with exit signal 0 and never execs; the planner is the
 * helper's child. Between clone and _exit: system calls only, no malloc, no stdio, no way back. */
#define _GNU_SOURCE
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifdef SYS_setresuid32
#define SETGROUPS SYS_setgroups32
#define SETRESGID SYS_setresgid32
#define SETRESUID SYS_setresuid32
#else
#define SETGROUPS SYS_setgroups
#define SETRESGID SYS_setresgid
#define SETRESUID SYS_setresuid
#endif

#define PYTHON "/usr/bin/python3"
#define PLANNER "/usr/lib/pam-mktemp/__main__.py"
#define MEMO "failures/@planner"
#define PLANNER_MS 5000
#define SLOT_MS 10000
#define WAKE_MS 10
#define SLOTS_MAX 99
#define LATE -1
#define KILLED -2

/* All text is made before the clone. */
struct job {
	const struct session *session;
	char request[PLAN_KEY + 8], late[128], unstartable[128];
	bool lifted; /* of the caller's limits; else its planner must not serve others */
};

static uint64_t now_ms(void)
{
	return plan_now() / 1000000u;
}

/* The exit status of a child, LATE if it had to be killed at the deadline, KILLED if another did that. */
static int await(int pidfd, uint64_t ms)
{
	struct pollfd over = {pidfd, POLLIN, 0};
	siginfo_t how = {0};
	int got, wait = WEXITED | __WALL;

	do
		got = poll(&over, 1, (int)ms);
	while (got < 0 && errno == EINTR);
	if (got != 1) {
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		if (!poll(&over, 1, 1000)) /* it hangs in the kernel: nothing reaps it now */
			wait |= WNOHANG;
	}
	if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &how, wait) || got != 1)
		return got != 1 ? LATE : KILLED;
	return how.si_code == CLD_EXITED ? how.si_status : KILLED;
}

static void overwrite(const char *path, const char *text)
{
	int at = open(path, O_WRONLY | O_CLOEXEC);

	if (at < 0)
		return;
	(void)!write(at, text, strlen(text));
	close(at);
}

/* Nothing of the caller's may slow, stop, limit or redirect what runs as root. Whether all limits could
 * be lifted: without CAP_SYS_RESOURCE a hard limit stays, and may be low enough to break a planner. */
static bool leave_caller(void)
{
	static const struct {
		int what;
		rlim_t enough;
	} limits[] = {{RLIMIT_FSIZE, 1 << 20}, {RLIMIT_AS, 1 << 28},  {RLIMIT_DATA, 1 << 28}, {RLIMIT_STACK, 1 << 20},
		      {RLIMIT_CPU, 60},	       {RLIMIT_NOFILE, 64}, {RLIMIT_NPROC, 0}};
	struct sched_param usual = {0};
	cpu_set_t all;
	struct rlimit limit;
	bool lifted = true;
	size_t i;
	int at;

	/* From here on the caller of su cannot signal it: kill(2) looks at all three ids. */
	if (syscall(SETGROUPS, 0, NULL) || syscall(SETRESGID, 0, 0, 0) || syscall(SETRESUID, 0, 0, 0))
		_exit(125);
	(void)setsid();
	for (at = 1; at < _NSIG; at++)
		(void)signal(at, SIG_DFL);
	for (i = 0; i < sizeof limits / sizeof *limits; i++) {
		limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
		if (!setrlimit((__rlimit_resource_t)limits[i].what, &limit))
			continue;
		(void)getrlimit((__rlimit_resource_t)limits[i].what, &limit);
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit((__rlimit_resource_t)limits[i].what, &limit);
		lifted = lifted && limit.rlim_cur >= limits[i].enough;
	}
	umask(0);
	if (chdir("/") || syscall(SYS_close_range, 0, ~0u, 0) || open("/dev/null", O_RDWR) != 0 ||
	    dup(0) != 1 || dup(0) != 2)
		_exit(125);
	(void)sched_setscheduler(0, SCHED_OTHER, &usual);
	(void)setpriority(PRIO_PROCESS, 0, 0);
	memset(&all, 0xff, sizeof all);
	(void)sched_setaffinity(0, sizeof all, &all);
	overwrite("/proc/self/oom_score_adj", "0");
	/* A delegated cgroup could be frozen by its user while the planner holds a slot. */
	overwrite("/sys/fs/cgroup/cgroup.procs", "0");
	return lifted;
}

static int run_planner(const struct job *job)
{
	const struct session *session = job->session;
	const char *const argv[] = {PYTHON,	     "-I",	       "-S",		 "-B", PLANNER,
				    session->user, session->service, session->config,
				    job->lifted ? NULL : "alone", NULL};
	static const char *const envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
					   NULL};
	int status, pidfd = -1;
	long child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
	sigset_t none;

	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		execve(PYTHON, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
		_exit(127);
	}
	status = child < 0 ? 127 : await(pidfd, PLANNER_MS);
	/* Not this account's own failure, nor its caller's doing: nobody need wait for the next. */
	if (job->lifted && (status == LATE || status > 1)) {
		(void)unlink(MEMO);
		(void)!symlink(status == LATE ? job->late : job->unstartable, MEMO);
	}
	return status;
}

/* 0 if it is ours now, else the reason: EWOULDBLOCK if a planner has it. */
static int take_slot(unsigned slot)
{
	char name[] = "slots/00";
	int at, cause;

	name[6] = (char)('0' + slot / 10);
	name[7] = (char)('0' + slot % 10);
	/* not closed on exec: the slot is taken for as long as the planner lives */
	at = open(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (at >= 0 && !flock(at, LOCK_EX | LOCK_NB))
		return 0;
	cause = errno;
	if (at >= 0)
		close(at);
	return cause;
}

static bool is_gone(const char *name)
{
	return faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

/* At most one planner per processor; one that runs serves all requests that wait, and takes each
 * away when it is done. */
static int wait_and_run(const struct job *job)
{
	uint64_t start = now_ms();
	cpu_set_t all;
	unsigned slot, slots = 1;
	int cause = 0;

	(void)unlink(MEMO); /* it is over, or this would not wait */
	(void)!symlink(job->session->config, job->request);
	if (!sched_getaffinity(0, sizeof all, &all) && CPU_COUNT(&all) <= SLOTS_MAX)
		slots = (unsigned)CPU_COUNT(&all);
	do {
		for (slot = 0; slot < slots; slot++)
			if (!(cause = take_slot(slot)))
				return run_planner(job);
		if (cause != EWOULDBLOCK) /* /run is full or broken: waiting mends nothing */
			return 126;
		(void)poll(NULL, 0, WAKE_MS);
		if (is_gone(job->request) || !is_gone(MEMO)) /* served, or planners have come to fail */
			return 0;
	} while (now_ms() - start < SLOT_MS);
	return 124;
}

static _Noreturn void help(struct job *job)
{
	static const char *const folders[] = {"plans", "queue", "failures", "slots", "sessions"};
	size_t i;

	job->lifted = leave_caller();
	if (chdir(RUN) && (mkdir(RUN, 0711) || chdir(RUN)))
		_exit(126);
	for (i = 0; i < sizeof folders / sizeof *folders; i++)
		(void)mkdir(folders[i], 0700);
	_exit(wait_and_run(job));
}

const char *planner_ask(const struct session *session)
{
	struct job job = {.session = session};
	sigset_t all, before;
	int status = KILLED, pidfd = -1;
	long helper;

	(void)snprintf(job.request, sizeof job.request, "queue/%s", session->key);
	(void)snprintf(job.late, sizeof job.late, "%" PRIu64 " - the planner took more than 5 s",
		       plan_now());
	(void)snprintf(job.unstartable, sizeof job.unstartable, "%" PRIu64 " - the planner cannot be started",
		       plan_now());
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return "signals cannot be blocked";
	helper = syscall(SYS_clone, CLONE_PIDFD, NULL, &pidfd, NULL, NULL);
	if (helper == 0)
		help(&job);
	if (helper > 0) {
		/* Before it is root the caller of su can stop it: it needs a moment, and gets three. */
		struct pollfd over = {pidfd, POLLIN, 0};
		int nudge;

		for (nudge = 0; nudge < 3 && !poll(&over, 1, 100); nudge++)
			(void)syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0);
		status = await(pidfd, SLOT_MS + PLANNER_MS + 2000);
		close(pidfd);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	switch (status) {
	case 0:
	case 1:
		return NULL;
	case 124:
		return "no planner was free for 10 s";
	case 125:
		return "the planner's helper cannot become root";
	case 126:
		return RUN " cannot be made or is full";
	default:
		return helper < 0 ? "no process is left for the planner" : "the planner failed";
	}
}
