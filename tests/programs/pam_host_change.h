/* What pam_host.c does to its process when it is told to. */
#include "pam_host_state.h"

#include <errno.h>
#include <sys/wait.h>

static void on_child(int number)
{
	int before = errno;

	(void)number;
	handled++;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		reaped++;
	errno = before;
}

static void die(const char *what)
{
	report("error %s: %s", what, strerror(errno));
	exit(99);
}

static void must(int result, const char *what)
{
	if (result < 0)
		die(what);
}

/* As a daemon does that closes what it does not know, and then opens its own. */
static void reuse(void)
{
	int i, taken[64], count = 0;

	for (i = 3; i < 64; i++)
		if (i != out && fcntl(i, F_GETFD) >= 0) {
			close(i);
			taken[count++] = i;
		}
	while (count--) {
		int at = open("/dev/null", O_RDWR);

		must(at, "open");
		if (at != taken[count]) {
			must(dup2(at, taken[count]), "dup2");
			close(at);
		}
	}
}

static void eat(int leave)
{
	int at, last = -1;

	while ((at = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0)
		last = at;
	while (leave-- > 0)
		close(last--);
}

static rlim_t amount(const char *word)
{
	return strcmp(word, "inf") ? (rlim_t)strtoull(word, NULL, 10) : RLIM_INFINITY;
}

static void limit(const char *name, const char *soft, const char *hard)
{
	static const struct {
		const char *name;
		int what;
	} limits[] = {{"fsize", RLIMIT_FSIZE}, {"nofile", RLIMIT_NOFILE}, {"as", RLIMIT_AS}, {"data", RLIMIT_DATA},
		      {"nproc", RLIMIT_NPROC}, {"stack", RLIMIT_STACK}, {"cpu", RLIMIT_CPU}, {NULL, 0}};
	struct rlimit now = {amount(soft), amount(hard)};
	int i;

	for (i = 0; strcmp(limits[i].name, name);)
		i++;
	must(setrlimit((__rlimit_resource_t)limits[i].what, &now), "setrlimit");
}

/* Commands with a number or a word, or none. */
static int change_self(char **word, int count)
{
	const char *what = word[0], *first = count > 1 ? word[1] : "0";
	long a = strtol(first, NULL, strcmp(what, "umask") ? 10 : 8), b = count > 2 ? strtol(word[2], NULL, 10) : 0;
	struct sched_param none = {0};
	struct sigaction action = {.sa_handler = on_child};
	sigset_t set;

	sigemptyset(&set);
	if (!strcmp(what, "umask"))
		umask((mode_t)a);
	else if (!strcmp(what, "chdir"))
		must(chdir(first), what);
	else if (!strcmp(what, "gone"))
		must(mkdir("/var/tmp/gone", 0700) | chdir("/var/tmp/gone") | rmdir("/var/tmp/gone"), what);
	else if (!strcmp(what, "chroot"))
		must(chroot(first) | chdir("/"), what);
	else if (!strcmp(what, "ids"))
		must(setresuid((uid_t)a, (uid_t)b, (uid_t)b), what);
	else if (!strcmp(what, "gids"))
		must(setresgid((gid_t)a, (gid_t)b, (gid_t)b), what);
	else if (!strcmp(what, "block"))
		must(sigaddset(&set, (int)a) | sigprocmask(SIG_BLOCK, &set, NULL), what);
	else if (!strcmp(what, "nice"))
		must(setpriority(PRIO_PROCESS, 0, (int)a), what);
	else if (!strcmp(what, "idle"))
		must(sched_setscheduler(0, SCHED_IDLE, &none), what);
	else if (!strcmp(what, "locale"))
		must(setlocale(LC_ALL, first) ? 0 : -1, what);
	else if (!strcmp(what, "clear"))
		clearenv();
	else if (!strcmp(what, "shut"))
		close((int)a);
	else if (!strcmp(what, "handler"))
		must(sigaction(SIGCHLD, &action, NULL), what);
	else if (!strcmp(what, "ignore"))
		must(signal(SIGCHLD, SIG_IGN) == SIG_ERR ? -1 : 0, what);
	else
		return 0;
	return 1;
}
