/* pam-mktemp-launch [-u USER] [-s NAME] [-p DESCRIPTOR] [--] COMMAND...: COMMAND in our place, with a plan's mounts.
 * Root mounts for any account, others for themselves in a user namespace. What fails before COMMAND runs takes all
 * mounts along. The exit status is COMMAND's, or as of env(1) 127, 126, or 125 for a failure of our own. */
#include "plan/plan.h"

#include <err.h>
#include <grp.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>

#define NO_USERS "a user namespace is not allowed here (why: pam-mktemp run; or ask root for pam-mktemp run --user)"
#define PLANNER "/usr/lib/pam-mktemp-run"

static struct plan plan;
static uid_t uid, gid;
static const char *failed; /* to make the mounts */
static int made[2]; /* namespaces: the user's, the mounts' */

void shim(size_t argc, char **argv, const char *(*enter)(const char *tmpdir));

static void must(bool good, const char *what, const char *why) {
	if (!good)
		errx(125, "%s: %s", what, why ? why : strerror(errno));
}

/* NULL, or why the plan is of no use: what is checked once more when it is mounted can now still be renewed. */
static const char *unusable(const char *given, char *path, uid_t of, gid_t group) {
	struct stat now;
	ssize_t got = given ? read(atoi(given), plan.text, PLAN_MAX) : 0;
	const char *why = given ? plan_parse(&plan, got < 0 ? 0 : (size_t)got) : plan_load(&plan, path);
	if (why || (why = plan_is_fresh(&plan)))
		return why;
	if (plan.uid != of || (!geteuid() && plan.gid != group) || !plan.mounts)
		return "it is for another account";
	for (struct plan_mount *at = plan.mount, *tmp = at; at < tmp + plan.mounts; at++) {
		if (at->dev && (lstat(at->source, &now) || now.st_dev != at->dev || now.st_ino != at->ino))
			return "it names a directory that is not there any more";
		if (!given && !geteuid() && !strncmp(at->target, tmp->target, strlen(tmp->target)) &&
		    stpcpy(stpcpy(path, tmp->source), at->target + strlen(tmp->target)) && !lstat(path, &now) &&
		    !plan_is_safe(&now)) /* a cleaner removed it, and now it is the user's */
			return "a mount point was exchanged";
	}
	close(geteuid() ? -1 : plan_open_directory(&plan, &why)); /* others may not look into it */
	return why;
}

/* In a process that shares our memory and descriptors, so that what fails in it leaves us as we are; or in ours. */
static int isolate_child(void *data) {
	const char *const files[] = {"/proc/self/setgroups", "/proc/self/uid_map", "/proc/self/gid_map"};
	failed = NO_USERS;
	for (unsigned i = 0, id = uid; uid && i < 3; id = i++ ? gid : uid) {
		int at = open(files[i], O_WRONLY | O_CLOEXEC);
		if (at < 0 || dprintf(at, i ? "%u %u 1" : "deny", id, id) <= 0 || close(at))
			return 0;
	}
	made[0] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC), made[1] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	failed = plan_mount(&plan);
	return 0;
}

/* NULL, or why not. Other users than root stay who they are, in a user namespace; with `back` nothing has changed where
 * it fails. Root's mounts are recorded as ours: a login from in there may leave them. */
static const char *isolate(bool back) {
	static _Alignas(16) char stack[1 << 17];
	char path[80] = "/run/pam-mktemp/views/", directory[64];
	int new = CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0);
	failed = back || unshare(new) ? (uid ? NO_USERS : "no mount namespace can be made") : NULL;
	(void)(!failed && isolate_child(NULL));
	pid_t pid = back ? clone(isolate_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | new, NULL) : -1;
	if (pid > 0 && waitpid(pid, NULL, __WALL) && !failed && setns(made[0], CLONE_NEWUSER))
		failed = "the user namespace cannot be entered";
	must(failed || !back || !setns(made[1], CLONE_NEWNS), "the mount namespace", NULL); /* there is no way back */
	if (!uid && !failed && readlink("/proc/self/ns/mnt", path + strlen(path), 40) > 0 && plan_put_tmp(directory))
		(void)!(unlink(path), symlink(directory, path));
	return failed;
}

static const char *enter(const char *tmpdir) {
	char path[PATH_MAX], *cwd = getcwd(NULL, 0);
	int here = open(".", O_PATH | O_CLOEXEC);
	struct stat was, now;
	pid_t pid;
	(void)snprintf(path, sizeof path, "%s/.run-plan", tmpdir);
	if (unusable(NULL, path, uid, gid) &&
	    !posix_spawn(&pid, PLANNER, NULL, NULL, (char *[]){(char[]){PLANNER}, (char[]){"--plan"}, NULL}, environ))
		(void)waitpid(pid, NULL, 0);
	const char *why = unusable(NULL, path, uid, gid);
	if (!why && !(why = isolate(true)) && (chdir(cwd ? cwd : "") || stat(".", &now) || fstat(here, &was) ||
					   now.st_dev != was.st_dev || now.st_ino != was.st_ino))
		(void)!fchdir(here); /* the host's /tmp or below, not one of that name in the private one */
	return why;
}

int main(int argc, char **argv) {
	uid = geteuid(), gid = getegid();
	shim((size_t)argc, argv, enter);
	(void)(!uid && execv(ACCOUNTS, argv)); /* the same with a libc that can ask all directory services; else "" */
	char path[4096] = "", *cwd = getcwd(NULL, 0), key[PLAN_KEY] = "", service[20], *given[128] = {NULL};
	for (int option; (option = getopt(argc, argv, "+:u:s:p:")) != -1;)
		given[option] = optarg ? optarg : "";
	const char *user = given['u'], *name = given['s'], *why = "it was called wrongly: see pam-mktemp run --help";
	struct passwd self = {.pw_name = getenv("LOGNAME"), .pw_uid = uid}; /* only tells where a plan may be */
	const struct passwd *account = user ? getpwnam(user) : uid && self.pw_name ? &self : getpwuid(uid);
	(void)snprintf(service, sizeof service, name ? "run/%s" : "run", name);
	if (optind < argc && !given['?'] && !given[':'] && !(user && uid) && account &&
	    (uid || plan_key(key, account->pw_name, service))) {
		(void)snprintf(path, sizeof path, uid ? "/tmp/.private/%s/%s%s/.run-plan" : "/run/pam-mktemp/plans/%s",
			       uid ? account->pw_name : key, name ? "svc-" : "tmp", name ? name : "");
		why = unusable(given['p'], path, account->pw_uid, account->pw_gid);
	}
	must(!why || !given['p'], "the given plan", why);
	must(!why || execv(PLANNER, argv) >= 0, PLANNER, NULL); /* makes one */
	close(given['p'] ? atoi(given['p']) : -1);
	must(!user || !initgroups(user, plan.gid), "the groups", NULL);
	why = isolate(false);
	must(!why, "the mounts", why);
	must(!user || (!setgid(plan.gid) && !setuid(plan.uid) && getuid() == plan.uid && !setenv("USER", user, 1) &&
		       !setenv("LOGNAME", user, 1) && !setenv("HOME", account->pw_dir, 1)), user, NULL);
	for (size_t i = 0; i < plan.setenvs; i++)
		must(!setenv(plan.setenv[i].name, plan.setenv[i].value, 1), "the environment", NULL);
	(void)!(chdir(cwd ? cwd : "/") && chdir("/")); /* by path: "." is still in the caller's /tmp */
	(void)(execvp(argv[optind], argv + optind) && errno == ENOEXEC && !strchr(argv[optind], '=') && *argv[optind] != '-' &&
	       execv("/usr/bin/env", (argv[optind - 1] = (char[]){"env"}, argv + optind - 1))); /* musl's gives it to no sh */
	err(errno == ENOENT ? 127 : 126, "%s", argv[optind]);
}
