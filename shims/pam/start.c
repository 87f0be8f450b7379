/* Starting the planner from inside a PAM host, which must not notice. fork, posix_spawn and a clone that execs itself
 * call the host's SIGCHLD handler, or lose the status where it is ignored. So a helper is cloned with exit signal 0 and
 * never execs; the planner is its child. Between clone and _exit: system calls only, no malloc, no stdio. */
#include "module.h"

#define P_PIDFD 3 /* of linux/wait.h */
#define PYTHON "/usr/bin/python3"
#define PLANNER "/usr/lib/pam-mktemp/__main__.py"
#define MEMO "failures/@planner"
#define PLANNER_MS 5000
#define SLOT_MS 10000
enum { KILLED = -2, LATE, NO_SLOT = 124, NOT_ROOT, NO_FOLDER, NO_PLANNER }; /* exit statuses beside the planner's own */

struct job {
	const struct session *session;
	char request[PLAN_KEY + 8], wish[1032]; /* the request's name, and what it says: the format and CONFIG */
	bool lifted; /* of the caller's limits; else its planner must not serve others */
};

/* The exit status of a child, LATE if it had to be killed at the deadline, KILLED if another did that. */
static int await(int pidfd, uint64_t ms) {
	struct pollfd over = {pidfd, POLLIN, 0};
	siginfo_t how = {0};
	int got = poll(&over, 1, (int)ms); /* never EINTR: all signals are blocked */
	bool hangs = got != 1 && (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), !poll(&over, 1, 1000));
	/* One that hangs in the kernel is not reaped now. */
	int failed = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &how, WEXITED | __WALL | (hangs ? WNOHANG : 0));
	return got != 1 ? LATE : !failed && how.si_code == CLD_EXITED ? how.si_status : KILLED;
}

static bool overwrite(const char *path, const char *text) {
	return write(open(path, O_WRONLY | O_CLOEXEC), text, strlen(text)) > 0; /* the next exec closes it */
}

/* Without CAP_SYS_RESOURCE a hard limit stays, and may be low enough to break a planner: then false. */
static bool lift_limits(void) {
	static const struct { int what; rlim_t enough; } limits[] = {
		{RLIMIT_FSIZE, 1 << 20}, {RLIMIT_AS, 1 << 28}, {RLIMIT_DATA, 1 << 28}, {RLIMIT_STACK, 1 << 20},
		{RLIMIT_CPU, 60}, {RLIMIT_NOFILE, 64}, {RLIMIT_NPROC, 0}};
	bool lifted = true;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
		if (!setrlimit(limits[i].what, &limit))
			continue;
		(void)getrlimit(limits[i].what, &limit);
		limit.rlim_cur = limit.rlim_max;
		lifted = ((void)setrlimit(limits[i].what, &limit), lifted && limit.rlim_cur >= limits[i].enough);
	}
	return lifted;
}

/* Nothing of the caller's may slow, stop, limit or redirect what runs as root. Whether all limits could be lifted. */
static bool leave_caller(const char *service) {
	struct sched_param usual = {0};
	cpu_set_t all;
	bool users = getuid() || !strcmp(service, "systemd-user"); /* in his cgroup: his su, his manager */
	/* From here on the caller of su cannot signal it: kill(2) looks at all three ids. */
	if (syscall(SYS_setgroups, 0, NULL) || syscall(SYS_setresgid, 0, 0, 0) || syscall(SYS_setresuid, 0, 0, 0))
		_exit(NOT_ROOT);
	(void)setsid();
	for (int number = 1; number < _NSIG; number++)
		(void)signal(number, SIG_DFL);
	bool lifted = lift_limits();
	umask(0);
	for (int at = syscall(SYS_close_range, 0, ~0u, 0) ? 0 : 65536; at < 65536; at++) /* before 5.9, or in a container */
		close(at);
	if (chdir("/") || open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		_exit(NOT_ROOT);
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

static bool is_gone(const char *name) {
	return readlink(name, (char[1]){0}, 1) < 0 && errno == ENOENT;
}

static int run_planner(const struct job *job) {
	const char *const argv[] = {PYTHON, "-I", "-S", "-B", PLANNER, job->session->user, job->session->service,
				    job->session->config, job->lifted ? NULL : "alone", NULL};
	const char *const envp[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "PAM_MKTEMP_FORMAT=3", NULL};
	char memo[64];
	int pidfd = -1;
	long child = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
	sigset_t none;
	if (child == 0) {
		(void)!chdir("/");
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		execve(PYTHON, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
		_exit(NO_PLANNER);
	}
	int status = child < 0 ? NO_PLANNER : await(pidfd, PLANNER_MS);
	/* Not this account's own failure, nor its caller's doing: nobody need wait for the next. */
	if (job->lifted && ((status == LATE && !is_gone(job->request)) || status > 1)) {
		(void)stpcpy(plan_put_number(memo, plan_now()), status == LATE ? " - the planner took more than 5 s"
									       : " - the planner cannot be started");
		(void)!(unlink(MEMO), symlink(memo, MEMO));
	}
	return status;
}

/* 0 if it is ours now, else the reason: EWOULDBLOCK if a planner has it. */
static int take_slot(unsigned slot) {
	char name[32];
	(void)plan_put_number(stpcpy(name, "slots/"), slot);
	/* not closed on exec: the slot is taken for as long as the planner lives */
	int at = open(name, O_RDWR | O_CREAT | O_NOFOLLOW, 0600), free = at >= 0 && !flock(at, LOCK_EX | LOCK_NB);
	int cause = free ? 0 : errno;
	(void)(!free && close(at));
	return cause;
}

/* At most one planner per processor; one that runs serves all requests that wait, and takes each away when done. */
static int wait_and_run(const struct job *job) {
	uint64_t until = plan_now() + SLOT_MS * 1000000ull;
	cpu_set_t all;
	int cause = 0, slots = sched_getaffinity(0, sizeof all, &all) ? 1 : CPU_COUNT(&all);
	(void)unlink(MEMO); /* it is over, or this would not wait */
	if (symlink(job->wish, job->request) && errno != EEXIST)
		return NO_FOLDER;
	for (; plan_now() < until; (void)poll(NULL, 0, 10)) {
		if (is_gone(job->request) || !is_gone(MEMO)) /* served, or planners have come to fail */
			return 0;
		for (int slot = 0; slot < slots; slot++)
			if (!(cause = take_slot((unsigned)slot)))
				return run_planner(job);
		if (cause != EWOULDBLOCK) /* /run is full or broken: waiting mends nothing */
			return NO_FOLDER;
	}
	return NO_SLOT;
}

static _Noreturn void help(struct job *job) {
	static const char *const folders[] = {"plans", "queue", "failures", "slots", "sessions", "views"};
	job->lifted = leave_caller(job->session->service);
	if (chdir(RUN) && (mkdir(RUN, 0711) || chdir(RUN)))
		_exit(NO_FOLDER);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		(void)mkdir(folders[i], 0700);
	_exit(wait_and_run(job));
}

const char *planner_ask(const struct session *session) {
	struct job job = {.session = session, .lifted = false};
	sigset_t all, before;
	int status = KILLED, pidfd = -1;
	(void)stpcpy(stpcpy(job.request, "queue/"), session->key);
	(void)stpncpy(stpcpy(job.wish, "3:"), session->config, sizeof job.wish - 3); /* no plan names a longer one */
	if (waitid((idtype_t)P_PIDFD, INT_MAX, NULL, WEXITED) && errno == EINVAL)
		return "the kernel is older than 5.4";
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return "signals cannot be blocked";
	long helper = syscall(SYS_clone, CLONE_PIDFD, NULL, &pidfd, NULL, NULL);
	if (helper == 0)
		help(&job);
	if (helper > 0) {
		/* Before it is root the caller of su can stop it: it needs a moment, and gets three. */
		struct pollfd over = {pidfd, POLLIN, 0};
		for (int nudge = 0; nudge < 3 && !poll(&over, 1, 100); nudge++)
			(void)syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0);
		status = await(pidfd, SLOT_MS + PLANNER_MS + 2000);
		close(pidfd);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	switch (status) {
	case 0: case 1: return NULL;
	case NO_SLOT: return "no planner was free for 10 s";
	case NOT_ROOT: return "the planner's helper cannot become root";
	case NO_FOLDER: return RUN " cannot be made or is full";
	default: return helper < 0 ? "no process is left for the planner" : "the planner failed";
	}
}
