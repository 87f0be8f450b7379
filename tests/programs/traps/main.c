/* trap NAME DIRECTORY: does what the name says below the directory (absolute), and tells it; see trap.h. */
#include "trap.h"

char top[4096];

static const struct {
	const char *name;
	void (*run)(void);
} traps[] = {
	{"names", names}, {"few_names", few_names}, {"shell_names", shell_names}, {"twice", twice}, {"comm", comm}, {"legacy", legacy}, {"fresh", fresh},
	{"moved", moved}, {"removed", removed}, {"shared", shared}, {"own_cwd", own_cwd}, {"crowd", crowd},
	{"opened", opened}, {"nameless", nameless}, {"links", links}, {"gone", gone}, {"fake", fake}, {"deep", deep},
	{"masks", masks}, {"looks", looks}, {"born", born}, {"thread_exec", thread_exec}, {"after_exec", after_exec},
	{"executed", executed}, {"killed", killed}, {"left", left}, {"restarted", restarted},
	{"interrupted", interrupted}, {"became", became}, {"jailed", jailed}, {"mounted", mounted}, {"many", many},
	{"socket_names", socket_names}, {"full_name", full_name}, {"abstract_names", abstract_names},
	{"datagrams", datagrams}, {"peers", peers}, {"unknown", unknown}, {"ring", ring}, {"int80", int80},
	{"bits32", bits32},
};

int tid(void)
{
	return (int)syscall(SYS_gettid);
}

void broken(const char *what)
{
	dprintf(2, "trap: %s: %s\n", what, strerror(errno));
	syscall(SYS_exit_group, 3);
	abort();
}

void say(const char *line)
{
	if (write(1, line, strlen(line)) != (ssize_t)strlen(line))
		broken("standard output");
}

char *at(const char *format, ...)
{
	char *path = malloc(sizeof top + 4096);
	va_list words;
	int length;

	if (!path)
		broken("memory");
	length = sprintf(path, "%s/", top);
	va_start(words, format);
	vsnprintf(path + length, 4096, format, words);
	va_end(words);
	return path;
}

static char *escape(char *to, const char *from)
{
	for (; *from; from++)
		to += sprintf(to, *from > ' ' && *from <= '~' && *from != '\\' ? "%c" : "\\x%02x", (unsigned char)*from);
	return to;
}

static char *field(char *to, const char *key, const char *value)
{
	if (!value)
		return to;
	to += sprintf(to, "\t%s=", key);
	return escape(to, value);
}

void tell(const char *act, const char *call, const char *path, struct more more, int error)
{
	char *line = malloc(16 * sizeof top), *to = line;

	if (!line)
		broken("memory");
	to += sprintf(to, "%s\t%s\t%d\t%ld\t%ld\t%s\t", act, call, tid(), syscall(SYS_getpid), syscall(SYS_getppid),
		      error == NEVER_RETURNS ? "?" : error ? strerrorname_np(error) : "-");
	to = escape(to, path);
	to = field(to, "other", more.other);
	to = field(to, "real", more.real);
	to = field(to, "flags", more.flags);
	to = field(to, "needs", more.needs);
	to += more.mode ? sprintf(to, "\tmode=%o", more.mode) : 0;
	to += more.private ? sprintf(to, "\tprivate=1") : 0;
	to += more.abstract ? sprintf(to, "\tabstract=1") : 0;
	strcpy(to, "\n");
	say(line);
	free(line);
}

void say_exists(const char *path)
{
	char line[4 * sizeof top], *to = line;

	to += sprintf(to, "exists\t");
	to = escape(to, path);
	strcpy(to, "\n");
	say(line);
}

void until_blocked(pid_t tid)
{
	char path[64], text[256];
	int tries = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", tid);
	for (;;) {
		int file = open(path, O_RDONLY);
		ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
		const char *behind;

		if (got <= 0)
			broken("the thread to wait for");
		close(file);
		text[got] = 0;
		behind = strrchr(text, ')');
		if (behind && behind[2] == 'S')	/* 't' or 'T' is a stop of the tracer's */
			return;
		if (tries++ > 20000)
			broken("the thread does not block");
		usleep(1000);
	}
}

void join(pid_t child)
{
	if (child < 0 || waitpid(child, NULL, __WALL) != child)
		broken("the child");
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 3 || argv[2][0] != '/' || strlen(argv[2]) >= sizeof top)
		return 2;
	strcpy(top, argv[2]);
	for (i = 0; i < sizeof traps / sizeof *traps; i++) {
		if (strcmp(traps[i].name, argv[1]))
			continue;
		/* A path that is known whatever strace annotates; the two are about what was before. */
		if (strcmp(argv[1], "fresh") && strcmp(argv[1], "after_exec") && chdir(top))
			broken(top);
		traps[i].run();
		return 0;
	}
	return 2;
}
