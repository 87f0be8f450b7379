/* Starting the planner from inside a PAM host, which must not notice.
 *
 * fork, posix_spawn and a clone that execs itself call the host's SIGCHLD handler, or lose the status
 * where it is ignored. So a helper is cloned with exit signal 0 and never execs; the planner is the
 * helper's child. Between clone and _exit: system calls only, no malloc, no stdio, no way back. */
#define _GNU_SOURCE
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __s390x__
#error "clone(2) takes its arguments in another order here"
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PYTHON "/usr/bin/python3"
#define PLANNER "/usr/lib/pam-mktemp/__main__.py"
#define MEMO "failures/@planner"
#define PLANNER_MS 5000
#define SLOT_MS 10000
#define WAKE_MS 10
#define LATE -1
#define KILLED -2

struct job {
	const struct session *session;
	char request[PLAN_KEY + 8];
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

static bool overwrite(const char *path, const char *text) /* only before an exec, which closes it */
{
	return write(open(path, O_WRONLY | O_CLOEXEC), text, strlen(text)) > 0;
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
	bool lifted = true, users = getuid() != 0; /* su of a user, and so in what may be his cgroup */
	size_t i;
	int at;

	/* From here on the caller of su cannot signal it: kill(2) looks at all three ids. */
	if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, 0, 0, 0) || syscall(SYS_setresuid, 0, 0, 0))
		_exit(125);
	(void)setsid();
	for (at = 1; at < _NSIG; at++)
		(void)signal(at, SIG_DFL);
	for (i = 0; i < sizeof limits / sizeof *limits; i++) {
		limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
		if (!setrlimit(limits[i].what, &limit))
			continue;
		(void)getrlimit(limits[i].what, &limit);
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(limits[i].what, &limit);
		lifted = lifted && limit.rlim_cur >= limits[i].enough;
	}
	umask(0);
	if (syscall(SYS_close_range, 0, ~0u, 0)) /* before 5.9, or refused by a container */
		for (at = 0; at < 65536; at++)
			close(at);
	if (chdir("/") || open("/dev/null", O_RDWR) != 0 ||
	    dup(0) != 1 || dup(0) != 2)
		_exit(125);
	(void)sched_setscheduler(0, SCHED_OTHER, &usual);
	(void)setpriority(PRIO_PROCESS, 0, -20); /* a user with 1,000 processes must not make it late */
	(void)prctl(PR_SET_TIMERSLACK, 50000ul); /* else its deadlines come as late as the caller likes */
	(void)syscall(SYS_ioprio_set, 1, 0, 0);
	memset(&all, 0xff, sizeof all);
	(void)sched_setaffinity(0, sizeof all, &all);
	(void)overwrite("/proc/self/oom_score_adj", "0");
	(void)overwrite("/proc/self/autogroup", "-20");
	/* A delegated cgroup could be frozen by its user while the planner holds a slot. To leave it takes the
	 * kernel 10 ms: sshd, cron and login are in no user's. */
	if (users) {
		(void)overwrite("/sys/fs/cgroup/freezer/cgroup.procs", "0");
		(void)(overwrite("/sys/fs/cgroup/cgroup.procs", "0") || /* of a container: it may hold no process */
		       overwrite("/sys/fs/cgroup/init.scope/cgroup.procs", "0") ||
		       overwrite("/sys/fs/cgroup/unified/cgroup.procs", "0"));
	}
	return lifted;
}

static bool is_gone(const char *name)
{
	struct stat about;

	return lstat(name, &about) && errno == ENOENT;
}

static int run_planner(const struct job *job)
{
	const struct session *session = job->session;
	const char *const argv[] = {PYTHON,	     "-I",	       "-S",		 "-B", PLANNER,
				    session->user, session->service, session->config,
				    job->lifted ? NULL : "alone", NULL};
	static const char *const envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
					   NULL};
	char memo[64];
	int status, pidfd = -1;
	long child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
	sigset_t none;

	if (child == 0) {
		(void)!chdir("/");
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		execve(PYTHON, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
		_exit(127);
	}
	status = child < 0 ? 127 : await(pidfd, PLANNER_MS);
	/* Not this account's own failure, nor its caller's doing: nobody need wait for the next. */
	if (job->lifted && ((status == LATE && !is_gone(job->request)) || status > 1)) {
		(void)unlink(MEMO);
		(void)stpcpy(plan_put_number(memo, plan_now()), status == LATE ? " - the planner took more than 5 s"
									       : " - the planner cannot be started");
		(void)!symlink(memo, MEMO);
	}
	return status;
}

/* 0 if it is ours now, else the reason: EWOULDBLOCK if a planner has it. */
static int take_slot(unsigned slot)
{
	char name[32];
	int at, cause;

	(void)plan_put_number(stpcpy(name, "slots/"), slot);
	/* not closed on exec: the slot is taken for as long as the planner lives */
	at = open(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (at >= 0 && !flock(at, LOCK_EX | LOCK_NB))
		return 0;
	cause = errno;
	if (at >= 0)
		close(at);
	return cause;
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
	if (symlink(job->session->config, job->request) && errno != EEXIST)
		return 126;
	if (!sched_getaffinity(0, sizeof all, &all))
		slots = (unsigned)CPU_COUNT(&all);
	while (now_ms() - start < SLOT_MS) {
		if (is_gone(job->request) || !is_gone(MEMO)) /* served, or planners have come to fail */
			return 0;
		for (slot = 0; slot < slots; slot++)
			if (!(cause = take_slot(slot)))
				return run_planner(job);
		if (cause != EWOULDBLOCK) /* /run is full or broken: waiting mends nothing */
			return 126;
		(void)poll(NULL, 0, WAKE_MS);
	}
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

	(void)stpcpy(stpcpy(job.request, "queue/"), session->key);
	if (waitid((idtype_t)P_PIDFD, INT_MAX, NULL, WEXITED) && errno == EINVAL)
		return "the kernel is older than 5.4";
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
