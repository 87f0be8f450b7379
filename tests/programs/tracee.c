/* Witness under a tracer: says what reached it. The first word of the command line says what it does.
 *
 * signals N      "ready PID", then the name of each signal that arrives; ends with 0 after N of them
 * stubborn       the same for SIGTERM alone, and never ends by it
 * inherited      signals that are ignored or blocked, descriptors beyond 2, process group and session, and umask
 * daemon SECONDS a child in a session of its own, that lives so long, is left behind; ends with 3
 * uring          what io_uring_setup(2) says
 * nnp            whether no_new_privs is set, then whether it can be set, and is afterwards
 * traceme        what PTRACE_TRACEME says: a process has one tracer
 * headless       "ready PID", then its first thread ends, and another one goes on for ever; SIGTERM is ignored
 * storm SECONDS  forks so long as fast as it can, in a session of its own, each parent ending; SIGTERM is ignored
 * refused PROG.. executes PROG, to which the kernel refuses ptrace with EPERM, as a container's filter does */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425 /* the same number on all architectures */
#endif

static int signals(int count, int only)
{
	static const int known[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};
	sigset_t wanted;
	size_t i;

	sigemptyset(&wanted);
	for (i = 0; i < sizeof known / sizeof *known; i++)
		if (!only || known[i] == only)
			sigaddset(&wanted, known[i]);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (count) {
		int got = sigwaitinfo(&wanted, NULL);

		if (got < 0) /* EINTR: stopped and continued */
			continue;
		printf("%s\n", sigabbrev_np(got));
		fflush(stdout);
		count -= count > 0;
	}
	return 0;
}

static int inherited(void)
{
	sigset_t blocked;
	int i;

	sigprocmask(SIG_SETMASK, NULL, &blocked);
	printf("ignored");
	for (i = 1; i < NSIG; i++) {
		struct sigaction now;

		if (!sigaction(i, NULL, &now) && now.sa_handler == SIG_IGN)
			printf(" %s", sigabbrev_np(i) ? sigabbrev_np(i) : "?");
	}
	printf("\nblocked");
	for (i = 1; i < NSIG; i++)
		if (sigismember(&blocked, i) == 1)
			printf(" %s", sigabbrev_np(i) ? sigabbrev_np(i) : "?");
	printf("\ndescriptors");
	for (i = 3; i < 1024; i++)
		if (fcntl(i, F_GETFD) >= 0)
			printf(" %d", i);
	printf("\ngroup %d session %d\n", getpgrp(), getsid(0));
	printf("umask %03o\n", umask(0));
	return 0;
}

static int left_behind(const char *seconds)
{
	if (!fork()) {
		int nothing = open("/dev/null", O_RDWR);

		setsid();
		dup2(nothing, 0);
		dup2(nothing, 1);
		dup2(nothing, 2);
		execlp("sleep", "sleep", seconds, NULL);
		_exit(127);
	}
	return 3;
}

static int nnp(void)
{
	int before = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	int done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

	printf("before %d set %s after %d\n", before, done ? strerrorname_np(errno) : "0",
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

static void *on_and_on(void *nothing)
{
	for (;;)
		pause();
	return nothing;
}

static int headless(void)
{
	pthread_t thread;

	signal(SIGTERM, SIG_IGN);
	if (pthread_create(&thread, NULL, on_and_on, NULL))
		return 1;
	printf("ready %d\n", getpid());
	fflush(stdout);
	pthread_exit(NULL);
}

static int storm(int seconds)
{
	time_t end = time(NULL) + seconds;
	int width;

	signal(SIGTERM, SIG_IGN);
	setsid();
	for (width = 0; width < 4 && fork(); width++)
		;
	while (time(NULL) < end)
		if (fork() > 0)
			_exit(0);
	return 0;
}

static int refused(char **command)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ptrace, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 125;
	execvp(command[0], command);
	return 127;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "signals") && argc > 2)
		return signals(atoi(argv[2]), 0);
	if (!strcmp(what, "stubborn"))
		return signals(-1, SIGTERM);
	if (!strcmp(what, "inherited"))
		return inherited();
	if (!strcmp(what, "daemon") && argc > 2)
		return left_behind(argv[2]);
	if (!strcmp(what, "uring")) {
		char room[120] = {0};

		printf("io_uring_setup %s\n", syscall(__NR_io_uring_setup, 1, room) < 0 ? strerrorname_np(errno) : "0");
		return 0;
	}
	if (!strcmp(what, "nnp"))
		return nnp();
	if (!strcmp(what, "headless"))
		return headless();
	if (!strcmp(what, "storm") && argc > 2)
		return storm(atoi(argv[2]));
	if (!strcmp(what, "traceme")) {
		printf("ptrace %s\n", ptrace(PTRACE_TRACEME, 0, 0, 0) < 0 ? strerrorname_np(errno) : "0");
		return 0;
	}
	if (!strcmp(what, "refused") && argc > 2)
		return refused(argv + 2);
	return 2;
}
