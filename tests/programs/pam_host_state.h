/* What pam_host.c says of its process. */
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ESCAPED "/var/tmp/escaped"

static int out = 1;
static pid_t self;
static volatile sig_atomic_t handled, reaped;

/* One line, "PID TEXT", in one write. A child of the module's that came back here may have no descriptor left to
 * show itself: it leaves a file. */
__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
	char line[8192];
	size_t used = (size_t)snprintf(line, sizeof line, "%d ", (int)getpid());
	va_list arguments;

	if (getpid() != self)
		close(open(ESCAPED, O_WRONLY | O_CREAT, 0600));
	va_start(arguments, format);
	used += (size_t)vsnprintf(line + used, sizeof line - used - 1, format, arguments);
	va_end(arguments);
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	line[used++] = '\n';
	if (write(out, line, used) < 0)
		abort();
}

static void report_link(const char *name, const char *path)
{
	char target[4096];
	ssize_t size = readlink(path, target, sizeof target - 1);

	target[size < 0 ? 0 : size] = 0;
	report("state %s %s", name, target);
}

/* The wanted lines of a file of /proc: "state KEY VALUE" of each "KEY: VALUE". */
static void report_lines(const char *path, const char *const *wanted)
{
	char line[4096];
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof line, file)) {
		const char *const *key;

		line[strcspn(line, "\n")] = 0;
		for (key = wanted; *key; key++)
			if (!strncmp(line, *key, strlen(*key)) && line[strlen(*key)] == ':')
				report("state %s %s", *key, line + strlen(*key) + 1 + strspn(line + strlen(*key) + 1, " \t"));
	}
	if (file)
		fclose(file);
}

static void report_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		char name[32], path[64], target[4096];
		int number = atoi(entry->d_name);
		ssize_t size;

		if (entry->d_name[0] == '.' || number == dirfd(folder) || number == out)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", number);
		size = readlink(path, target, sizeof target - 1);
		target[size < 0 ? 0 : size] = 0;
		snprintf(name, sizeof name, "fd%d", number);
		report("state %s %o,%d,%s", name, (unsigned)fcntl(number, F_GETFL), fcntl(number, F_GETFD), target);
	}
	if (folder)
		closedir(folder);
}

static void report_actions(void)
{
	char text[1024] = "";
	int number;

	for (number = 1; number < 32; number++) {
		struct sigaction now;

		if (!sigaction(number, NULL, &now))
			snprintf(text + strlen(text), sizeof text - strlen(text), " %d:%lx:%x", number,
				 (unsigned long)now.sa_handler, (unsigned)now.sa_flags);
	}
	report("state actions%s", text);
}

static void report_limits(void)
{
	char text[1024] = "";
	int what;

	for (what = 0; what < RLIM_NLIMITS; what++) {
		struct rlimit now;

		if (!getrlimit((__rlimit_resource_t)what, &now))
			snprintf(text + strlen(text), sizeof text - strlen(text), " %lld:%lld",
				 (long long)now.rlim_cur, (long long)now.rlim_max);
	}
	report("state limits%s", text);
}

static void report_state(void)
{
	static const char *const status[] = {"Umask", "Uid", "Gid", "Groups", "SigBlk", "SigPnd", "ShdPnd",
					     "SigIgn", "SigCgt", "Threads", "NoNewPrivs", "CapEff", NULL};
	static const char *const memory[] = {"Rss", NULL};
	extern char **environ;
	size_t i, hash = 0;
	char path[64], children[4096] = "";
	int file, death = 0;

	report("begin");
	report_descriptors();
	report_lines("/proc/self/status", status);
	report_lines("/proc/self/smaps_rollup", memory);
	report_link("cwd", "/proc/self/cwd");
	report_link("root", "/proc/self/root");
	report_link("mount", "/proc/self/ns/mnt");
	report_actions();
	report_limits();
	report("state locale %s", setlocale(LC_ALL, NULL));
	for (i = 0; environ[i]; i++) {
		const char *at;

		for (at = environ[i]; *at; at++)
			hash = hash * 31 + (unsigned char)*at;
	}
	report("state environ %zu,%zx", i, hash);
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file >= 0) {
		ssize_t size = read(file, children, sizeof children - 1);

		children[size < 0 ? 0 : size] = 0;
		close(file);
	}
	report("state children %s", children);
	prctl(PR_GET_PDEATHSIG, &death);
	report("state process %d,%d,%d,%d,%d,%d", (int)getsid(0), (int)getpgrp(), death, prctl(PR_GET_DUMPABLE),
	       sched_getscheduler(0), getpriority(PRIO_PROCESS, 0));
	report("state handled %d", (int)handled);
	report("state reaped %d", (int)reaped);
	report("end");
}
