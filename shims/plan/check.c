/* Is the plan still true? Each answer is NULL or the reason, in words for the log. */
#include "plan.h"

static uint64_t in_ns(struct timespec time) {
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t plan_now(void) {
	struct timespec now;
	return clock_gettime(CLOCK_BOOTTIME, &now) ? UINT64_MAX /* nothing is fresh */ : in_ns(now);
}

int plan_above_2(int file) {
	int higher = file >= 0 && file <= 2 ? fcntl(file, F_DUPFD_CLOEXEC, 3) : file;
	(void)(higher != file && close(file));
	return higher;
}

/* O_NONBLOCK: a FIFO in its place would hang the login (CVE-2024-22365) */
static ssize_t read_file(const char *path, char *out, size_t size, struct stat *about) {
	int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	ssize_t got = file >= 0 && !fstat(file, about) ? read(file, out, size) : -1;
	(void)(file >= 0 && close(file)); /* errno is still open's */
	return got;
}

const char *plan_read(const char *path, char *text, size_t *size) {
	struct stat about;
	ssize_t got = read_file(path, text, PLAN_MAX + 1, &about);
	if (got < 0)
		return errno == ENOENT ? "there is no plan yet" : "the plan cannot be read";
	if (!S_ISREG(about.st_mode) || about.st_mode & 022 || (about.st_uid != geteuid() && !plan_is_safe(&about)))
		return "the plan is not root's own file";
	if (got > PLAN_MAX || got != about.st_size)
		return "the plan is too large or was read in part";
	text[*size = (size_t)got] = '\0';
	return NULL;
}

const char *plan_load(struct plan *plan, const char *path) {
	size_t size;
	const char *why = plan_read(path, plan->text, &size);
	return why ? why : plan_parse(plan, size);
}

static bool unchanged(const struct plan_depend *at, size_t count) {
	struct stat now;
	/* ctime: an edit with the mtime restored; all five: a rename with a reused inode number */
	for (; count--; at++)
		if (lstat(at->path, &now) ? !at->absent || errno != ENOENT
		    : at->absent || now.st_dev != at->dev || now.st_ino != at->ino || in_ns(now.st_ctim) != at->ctime ||
		      in_ns(now.st_mtim) != at->mtime || (uint64_t)now.st_size != at->size)
			return false;
	return true;
}

bool plan_knows_account(const struct plan *plan) {
	return plan->lookups > 0 && unchanged(plan->lookup, plan->lookups);
}

const char *plan_is_fresh(const struct plan *plan) {
	struct stat about;
	char boot[64];
	ssize_t size = (ssize_t)strlen(plan->boot);
	if (plan_now() >= plan->expires)
		return "its time is over";
	ssize_t got = read_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot, &about);
	if (got < size + 1 || memcmp(boot, plan->boot, (size_t)size) || boot[size] != '\n')
		return "the machine was started anew";
	return unchanged(plan->depend, plan->depends) ? NULL : "the configuration was changed";
}

/* A text; or, in hexadecimal, an access list, of which "-" is none. */
static bool holds(int directory, const char *name, const char *text, bool hex) {
	static const char digits[] = "0123456789abcdef";
	unsigned char now[1024]; /* no field is longer, and what is longer than `text` is another: ERANGE */
	ssize_t i, got = fgetxattr(directory, name, now, strlen(text));
	if (got < 0) /* ENOTSUP: a file system without it has none */
		return hex && !strcmp(text, "-") && (errno == ENODATA || errno == ENOTSUP);
	for (i = 0; hex && i < got && text[2 * i] == digits[now[i] >> 4] && text[2 * i + 1] == digits[now[i] & 15];)
		i++;
	return hex ? i == got && !text[2 * i] : (size_t)got == strlen(text) && !memcmp(now, text, (size_t)got);
}

/* A link never is: its mode is 0777. In a user's own namespace root shows as another, who owns /. */
bool plan_is_safe(const struct stat *now) {
	struct stat top;
	uid_t root = geteuid() && !stat("/", &top) ? top.st_uid : 0;
	return (now->st_uid == root || (now->st_uid == geteuid() && root)) &&
	       (!(now->st_mode & 022) || now->st_mode & S_ISVTX);
}

/* Top-down: only root can rename in what was found safe, and so put another thing in the place of what is below. */
bool plan_is_safe_path(const char *path) {
	struct stat about;
	char part[1025]; /* a field holds 1,024 bytes at most; a large buffer costs a page */
	bool safe = true;
	for (size_t at = 1, size = strlen(path); safe && at <= size; at++)
		if (at == 1 || !path[at] || path[at] == '/') {
			*(char *)mempcpy(part, path, at) = '\0';
			safe = !lstat(part, &about) && plan_is_safe(&about);
		}
	return safe;
}

static bool is_as_planned(const struct stat *now, const struct plan_dir *dir) {
	return S_ISDIR(now->st_mode) && now->st_dev == dir->dev && now->st_ino == dir->ino &&
	       now->st_uid == dir->uid && now->st_gid == dir->gid && (now->st_mode & 07777) == dir->mode;
}

int plan_open_directory(const struct plan *plan, const char **why) {
	struct stat about;
	char path[3 * 1025], *end = stpcpy(stpcpy(stpcpy(path, plan->base), "/"), plan->dir[0].name);
	bool safe = plan_is_safe_path(plan->base);
	bool good = safe && !lstat(path, &about) && is_as_planned(&about, &plan->dir[0]);
	(void)stpcpy(stpcpy(end, "/"), plan->dir[1].name);
	int at = good ? plan_above_2(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)) : -1;
	good = at >= 0 && !fstat(at, &about) && is_as_planned(&about, &plan->dir[1]) &&
	       holds(at, "system.posix_acl_access", plan->acl, true) &&
	       (!strcmp(plan->stamp, "-") || holds(at, "trusted.pam_mktemp", plan->stamp, false));
	for (size_t i = 2; good && i < plan->dirs; i++)
		good = !fstatat(at, plan->dir[i].name, &about, AT_SYMLINK_NOFOLLOW) &&
		       is_as_planned(&about, &plan->dir[i]);
	*why = good ? NULL : safe ? "the directory or its parent is not the one of the plan"
				  : "an ancestor of the directory is not safe";
	return good ? at : (close(at), -1);
}
