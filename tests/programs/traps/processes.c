/* How processes and threads are born, become another program and end in the middle of a call. */
#include "trap.h"

static char *const no_environment[] = {NULL};

/* One made by vfork acts before its parent's call is over, relative to the parent's directory. */
void born(void)
{
	pid_t child;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	if (chdir("d"))
		broken("d");
	child = vfork();
	if (!child) {
		ACT("mkdir", at("d/vfork"), NOTHING, mkdir, "vfork", 0700);
		tell("execute", "execve", at("run"), NOTHING, 0);
		execve("../run", (char *[]){"run", "after_exec", at("d"), NULL}, no_environment);
		_exit(1);
	}
	join(child);
	child = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, 0);
	if (!child) {
		ACT("mkdir", at("d/sibling"), NOTHING, mkdir, "sibling", 0700);
		_exit(0);
	}
	child = fork();
	if (!child) {
		join(({ pid_t inner = fork(); if (!inner) {
			ACT("mkdir", at("d/grandchild"), NOTHING, mkdir, "grandchild", 0700);
			_exit(7);
		} inner; }));
		kill(getpid(), SIGKILL);
	}
	join(child);
	ACT("mkdir", at("d/parent"), NOTHING, mkdir, "parent", 0700);
}

static void *exec_in_thread(void *unused)
{
	ACT("mkdir", at("d/thread"), NOTHING, mkdir, "thread", 0700);
	tell("execute", "execve", at("run"), NOTHING, 0);
	execve(at("run"), (char *[]){"run", "after_exec", at("d"), NULL}, no_environment);
	return unused;
}

/* A thread that is not the first executes: the first one vanishes, and the thread takes its number. */
void thread_exec(void)
{
	pthread_t thread;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	if (chdir("d"))
		broken("d");
	ACT("mkdir", at("d/leader"), NOTHING, mkdir, "leader", 0700);
	pthread_create(&thread, NULL, exec_in_thread, NULL);
	for (;;)
		pause();
}

/* What was executed by born, thread_exec and executed; its working directory is that of its caller. */
void after_exec(void)
{
	ACT("open", at("after-exec"), ((struct more){.flags = "O_CREAT", .needs = "c"}), creat, "after-exec", 0600);
}

void executed(void)
{
	char *words[] = {"a \"word\"", "after_exec", at("d"), NULL};
	int directory, program;
	pid_t child;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	ACT("execute", at("none"), NOTHING, execve, at("none"), words, no_environment);
	ACT("execute", at("d"), NOTHING, execve, "d", words, no_environment);
	directory = (int)ACT("open", at("d"), NOTHING, open, "d", O_RDONLY | O_DIRECTORY);
	program = (int)ACT("open", at("run"), NOTHING, open, "run", O_PATH);
	if (chdir("d"))
		broken("d");
	child = fork();
	if (!child) {
		tell("execute", "execveat", at("run"), NEEDS("y"), 0);
		syscall(SYS_execveat, program, "", words, no_environment, AT_EMPTY_PATH);
		_exit(1);
	}
	join(child);
	child = fork();
	if (!child) {
		tell("execute", "execveat", at("run"), NEEDS("y"), 0);
		syscall(SYS_execveat, directory, "../run", words, no_environment, 0);
		_exit(1);
	}
	join(child);
	ACT("execute", at("d/none"), NEEDS("y"), execveat, directory, "none", words, no_environment, 0);
}

static void block_on(const char *fifo, const char *needs, int error)
{
	struct more more = {.flags = "O_RDONLY", .needs = needs};

	if (error)
		tell("open", "open", at("%s", fifo), more, error);
	if (syscall(SYS_open, fifo, O_RDONLY) < 0 && errno != EINTR)
		broken(fifo);
	if (!error)
		tell("open", "open", at("%s", fifo), more, 0);
}

/* Ended by a signal in the middle of a call: strace shows '= ?'. */
void killed(void)
{
	pid_t child;

	ACT("mknod", at("fifo"), ((struct more){.flags = "S_IFIFO"}), mknod, "fifo", S_IFIFO | 0600, 0);
	child = fork();
	if (!child) {
		block_on("fifo", "", NEVER_RETURNS);
		_exit(1);
	}
	until_blocked(child);
	ACT("mkdir", at("meanwhile"), NOTHING, mkdir, "meanwhile", 0700);
	kill(child, SIGKILL);
	join(child);
	ACT("mkdir", at("after"), NOTHING, mkdir, "after", 0700);
}

static int thread_id;

static void *block_for_ever(void *unused)
{
	__atomic_store_n(&thread_id, tid(), __ATOMIC_SEQ_CST);
	block_on("fifo", "", NEVER_RETURNS);
	return unused;
}

/* The process ends while a thread is in the middle of a call. */
void left(void)
{
	pthread_t thread;

	ACT("mknod", at("fifo"), ((struct more){.flags = "S_IFIFO"}), mknod, "fifo", S_IFIFO | 0600, 0);
	pthread_create(&thread, NULL, block_for_ever, NULL);
	while (!__atomic_load_n(&thread_id, __ATOMIC_SEQ_CST))
		usleep(1000);
	until_blocked(thread_id);
	ACT("mkdir", at("meanwhile"), NOTHING, mkdir, "meanwhile", 0700);
	syscall(SYS_exit_group, 5);
}

static volatile sig_atomic_t *heard;

static void hear(int number)
{
	(void)number;
	ACT("mkdir", at("handler"), NOTHING, mkdir, "handler", 0700);
	*heard = 1;
}

/* A signal comes while a child waits for the other end of a pipe. */
static void signalled(int flags)
{
	struct sigaction action = {.sa_handler = hear, .sa_flags = flags};
	pid_t child;

	heard = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ACT("mknod", at("fifo"), ((struct more){.flags = "S_IFIFO"}), mknod, "fifo", S_IFIFO | 0600, 0);
	child = fork();
	if (!child) {
		sigaction(SIGUSR1, &action, NULL);
		/* Without SA_RESTART the call fails, but strace writes ERESTARTSYS as it does with it. */
		block_on("fifo", flags ? "" : "e", flags ? 0 : EINTR);
		ACT("mkdir", at("done"), NOTHING, mkdir, "done", 0700);
		_exit(0);
	}
	until_blocked(child);
	kill(child, SIGUSR1);
	while (!*heard)
		usleep(1000);
	if (flags) {
		until_blocked(child);
		ACT("open", at("fifo"), NOTHING, open, "fifo", O_WRONLY);
	}
	join(child);
}

void restarted(void)
{
	signalled(SA_RESTART);
}

void interrupted(void)
{
	signalled(0);
}

/* Eight processes at once: their calls are cut in two in the log. */
void many(void)
{
	pid_t children[8];
	int i, j;

	for (i = 0; i < 8; i++) {
		children[i] = fork();
		for (j = 0; !children[i] && j < 25; j++) {
			ACT("open", at("%d-%d", i, j), NEW(0600), open, at("%d-%d", i, j), O_CREAT | O_WRONLY, 0600);
			MOVE(at("%d-%d", i, j), at("%d+%d", i, j), "", rename, at("%d-%d", i, j), at("%d+%d", i, j));
			if (j % 2)
				ACT("remove", at("%d+%d", i, j), NOTHING, unlink, at("%d+%d", i, j));
		}
		if (!children[i])
			_exit(i);
	}
	for (i = 0; i < 8; i++)
		join(children[i]);
}
