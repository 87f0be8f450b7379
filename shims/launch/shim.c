/* The launcher called by a program's name: the real program further down PATH, with its remedy. What cannot be applied
 * leaves the program as it would be without us, or is a reason to refuse it; nothing in between. */
#include "pam/module.h"

#include <err.h>
#include <fnmatch.h>
#include <sys/auxv.h>

#define SHIMS "/var/lib/pam-mktemp/shims/"
#define OWN "pam-mktemp-launch"
#define GUARD "PAM_MKTEMP_SHIM"
#define BASE(path) (strrchr(path, '/') ? strrchr(path, '/') + 1 : (path)) /* basename(3) may change it, or say "." */

/* In the first page of each copy of us, under whatever name: none of them is the program. */
__attribute__((section(".note.shim"), used)) static const char mark[] = "pam-mktemp-launch, called by a shim";
static char text[PLAN_MAX + 1];
static char *words[PLAN_MAX], **last = words; /* of the remedy: -NAME unset, =NAME=VALUE set, +ARGUMENT put first */
static bool bind_tmp, required;

/* What execvp(3) would run if there were no shims; whether it is a machine program, which does not come back here. */
static void find(const char *name, char *out, struct stat *now, bool *machine) {
	const char *path = getenv("PATH"), *end = "-";
	for (path = path ? path : "/bin:/usr/bin"; *end; path = end + 1) {
		end = strchrnul(path, ':');
		if (snprintf(out, PATH_MAX, "%.*s%s%s", (int)(end - path), path, end > path ? "/" : "./", name) >= PATH_MAX ||
		    !strncmp(out, SHIMS, strlen(SHIMS)) || stat(out, now) || !S_ISREG(now->st_mode) ||
		    faccessat(AT_FDCWD, out, X_OK, AT_EACCESS))
			continue;
		int at = open(out, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		ssize_t got = read(at, text, 4096);
		close(at);
		*machine = got > 4 && !memcmp(text, "\177ELF", 4) && plan_is_safe(now); /* a user's may be a wrapper */
		if (got < 0 || !memmem(text, (size_t)got, mark, sizeof mark))
			return;
	}
	errx(127, "shim: not found in PATH");
}

/* A wrapper of the name in PATH may lead back here, for ever: this process shall not run the same one twice, nor may
 * one start the next without end. */
static void guard(const char *name, const char *program, const struct stat *about, bool machine) {
	const char *was = getenv(GUARD);
	char now[PATH_MAX]; /* first how deep it is, a character: who starts it by fork has another pid each time */
	unsigned long long start = 0;
	FILE *self = was || !machine ? fopen("/proc/self/stat", "re") : NULL;
	(void)!(self && fscanf(self, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
				       "%llu", &start)); /* its 22nd field */
	(void)snprintf(now, sizeof now, "%c%s %d %llu %llu.%llu", was && *was ? *was : '!', name, getpid(), start,
		       0ull + about->st_dev, 0ull + about->st_ino);
	if (was && (*was >= 'z' || !strcmp(was, now)))
		errx(126, "shim: %s only leads back here: it must name the program by its full path", program);
	now[0]++;
	(void)(machine ? unsetenv(GUARD) : setenv(GUARD, now, 1));
}

/* A word of a plan: what two $ enclose is a variable's name, or _ for a space, nothing for $. NULL: one has no value. */
static char *expand(char *word) {
	char *out = "", *part, uid[24];
	for (bool named = false; (part = strsep(&word, "$")); named = !named) {
		const char *value = !named ? part : !*part ? "$" : !strcmp(part, "_") ? " "
				    : strcmp(part, "UID") ? getenv(part) : (plan_put_number(uid, getuid()), uid);
		if (!value || (named && !*value) || asprintf(&out, "%s%s", out, value) < 0)
			return NULL;
	}
	return out;
}

/* The words of the first section that is meant for the program, if there is one. NULL, or why they are of no use. */
static const char *read_remedy(const char *name, const char *program) {
	char path[PATH_MAX], real[PATH_MAX], *next = text, *line, *flags, *pattern;
	size_t size;
	(void)snprintf(path, sizeof path, SHIMS "plans/%s", name);
	const char *why = plan_read(path, text, &size);
	if (why || size < 22 || strcmp(strsep(&next, "\n"), "pam-mktemp-shim 2") || strcmp(text + size - 5, "\nend\n"))
		return why ? why : "the launch plan is of another version, or not whole";
	do
		line = strsep(&next, "\n"), flags = strsep(&line, " "), pattern = strsep(&line, " ");
	while (pattern && fnmatch(pattern, program, 0) && (!realpath(program, real) || fnmatch(pattern, real, 0)));
	bind_tmp = pattern && strchr(flags, 'b'), required = pattern && strchr(flags, '!');
	while (line)
		if (!(*last = expand(strsep(&line, " "))) || !**last++)
			return "a variable has no value";
	return NULL;
}

/* Logged once for each program and directory, and told to the person where the program is refused. */
static void complain(const char *name, const char *why) {
	char path[PATH_MAX];
	last = words;
	(void)snprintf(path, sizeof path, "%s/.shim-%s", getenv("TMPDIR"), name);
	if (required || !symlink(why, path) || errno != EEXIST)
		say(&(struct session){.user = getenv("USER"), .service = name}, LOG_WARNING,
		    required ? "shim-refused" : "shim-without-remedy", why);
	if (required)
		errx(125, "shim: not started, as its remedy is required: %s", why);
}

/* Returns if it was called by its own name. `enter` makes the user's own private mounts; NULL, or why not. */
void shim(size_t argc, char **argv, const char *(*enter)(const char *tmpdir)) {
	char program[PATH_MAX], parent[PATH_MAX], real[PATH_MAX];
	const char *path = (const char *)getauxval(AT_EXECFN), *tmpdir = getenv("TMPDIR"), *why;
	/* AT_EXECFN for `exec -a`, argv[0] for a script's interpreter and fexecve(3). */
	const char *called = path && !strncmp(path, SHIMS, strlen(SHIMS)) ? path : argv[0] ? argv[0] : "", *name = BASE(called);
	struct stat own, tmp;
	bool machine;
	if (!*name || !strcmp(name, OWN) || (path && !strcmp(BASE(path), OWN)))
		return;
	find(name, program, &tmp, &machine);
	guard(name, program, &tmp, machine);
	/* A directory that is closed to others, in one of root's or the caller's own: else no session of ours is around
	 * it. What root has may have come from another, also under a name that looks like root's. */
	if (!getauxval(AT_SECURE) && getuid() == geteuid() && getgid() == getegid() && tmpdir &&
	    *tmpdir == '/' && snprintf(parent, sizeof parent, "%s/..", tmpdir) < PATH_MAX && !stat(parent, &own) &&
	    !(own.st_mode & 7) && (own.st_uid == geteuid() || plan_is_safe(&own)) &&
	    !access(tmpdir, W_OK | X_OK) && !stat(tmpdir, &own) &&
	    (getuid() || (realpath(tmpdir, real) && strstr(real, "/.private/root/"))) &&
	    ((why = read_remedy(name, program)) || (bind_tmp && (getuid() || required) && !stat("/tmp", &tmp) &&
	    (tmp.st_dev != own.st_dev || tmp.st_ino != own.st_ino) &&
	    (why = getuid() ? enter(tmpdir) : "root's mounts are the host's"))))
		complain(name, why);
	char **out = calloc(argc + (size_t)(last - words) + 3, sizeof *out), **to = ++out;
	*to++ = argv[0];
	for (char **at = words; at < last; at++)
		if (**at == '+')
			*to++ = *at + 1;
		else
			(void)(**at == '-' ? unsetenv(*at + 1) : putenv(*at + 1));
	memcpy(to, argv + !!argc, argc * sizeof *to);
	if (execv(program, out) && errno == ENOEXEC && (*out = program) && (out[-1] = (char[]){"sh"})) /* as execvp(3) */
		(void)execv("/bin/sh", out - 1);
	err(errno == ENOENT ? 127 : 126, "%s", program);
}
