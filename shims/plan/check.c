/* Is the plan still true? Each answer is NULL or the reason, in words for the log. */
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define STAMP "trusted.pam_mktemp"
#define ACL "system.posix_acl_access"

uint64_t plan_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_BOOTTIME, &now))
		return UINT64_MAX; /* nothing is fresh */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int plan_above_2(int file)
{
	int higher;

	if (file < 0 || file > 2)
		return file;
	higher = fcntl(file, F_DUPFD_CLOEXEC, 3);
	close(file);
	return higher;
}

static ssize_t read_file(const char *path, char *out, size_t size, struct stat *about)
{
	/* O_NONBLOCK: a FIFO in its place would hang the login (CVE-2024-22365) */
	int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	ssize_t got = -1;

	if (file < 0)
		return -1;
	if (!fstat(file, about))
		got = read(file, out, size);
	close(file);
	return got;
}

const char *plan_load(struct plan *plan, const char *path)
{
	struct stat about;
	ssize_t got = read_file(path, plan->text, PLAN_MAX + 1, &about);

	if (got < 0)
		return errno == ENOENT ? "there is no plan yet" : "the plan cannot be read";
	if (!S_ISREG(about.st_mode) || about.st_uid || about.st_mode & 022)
		return "the plan is not root's own file";
	if (got > PLAN_MAX || got != about.st_size)
		return "the plan is too large or was read in part";
	return plan_parse(plan, (size_t)got);
}

static uint64_t in_ns(struct timespec time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static bool unchanged(const struct plan_depend *depend)
{
	struct stat now;

	if (lstat(depend->path, &now))
		return depend->absent && errno == ENOENT;
	/* ctime: an edit with the mtime restored; all five: a rename with a reused inode number */
	return !depend->absent && now.st_dev == depend->dev && now.st_ino == depend->ino &&
	       (uint64_t)now.st_size == depend->size && in_ns(now.st_mtim) == depend->mtime &&
	       in_ns(now.st_ctim) == depend->ctime;
}

bool plan_knows_account(const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->lookups; i++)
		if (!unchanged(&plan->lookup[i]))
			return false;
	return plan->lookups > 0;
}

const char *plan_is_fresh(const struct plan *plan)
{
	struct stat about;
	char boot[64];
	size_t i, size = strlen(plan->boot);
	ssize_t got;

	if (plan_now() >= plan->expires)
		return "its time is over";
	got = read_file(BOOT_ID, boot, sizeof boot, &about);
	if (got < (ssize_t)size + 1 || memcmp(boot, plan->boot, size) || boot[size] != '\n')
		return "the machine was started anew";
	for (i = 0; i < plan->depends; i++)
		if (!unchanged(&plan->depend[i]))
			return "the configuration was changed";
	return NULL;
}

static bool holds(int directory, const char *name, const void *value, size_t size)
{
	char now[2048];
	ssize_t got = fgetxattr(directory, name, now, sizeof now);

	if (got < 0) /* ENOTSUP: a file system without it has none */
		return !size && (errno == ENODATA || errno == ENOTSUP);
	return (size_t)got == size && !memcmp(now, value, size);
}

/* Each directory from / down to `path` itself. Top-down: only root can put another thing in the place of
 * what was found safe, since only root can rename in what was found safe before it. */
static bool is_safe_base(const char *path)
{
	struct stat about;
	char part[PATH_MAX]; /* a field holds 1,024 bytes at most */
	size_t at, size = strlen(path);

	for (at = 1; at <= size; at++) {
		if (at > 1 && path[at] && path[at] != '/')
			continue;
		*(char *)mempcpy(part, path, at) = '\0';
		if (lstat(part, &about) || !S_ISDIR(about.st_mode) || about.st_uid ||
		    (about.st_mode & 022 && !(about.st_mode & S_ISVTX)))
			return false;
	}
	return true;
}

static bool is_as_planned(const struct stat *now, const struct plan_dir *dir)
{
	return S_ISDIR(now->st_mode) && now->st_dev == dir->dev && now->st_ino == dir->ino &&
	       now->st_uid == dir->uid && now->st_gid == dir->gid &&
	       (now->st_mode & 07777) == dir->mode;
}

int plan_open_directory(const struct plan *plan, const char **why)
{
	struct stat about;
	char path[PATH_MAX], *end;
	size_t i;
	int at;

	*why = "an ancestor of the directory is not safe";
	if (!is_safe_base(plan->base))
		return -1;
	*why = "the directory or its parent is not the one of the plan";
	end = stpcpy(stpcpy(stpcpy(path, plan->base), "/"), plan->dir[0].name);
	if (lstat(path, &about) || !is_as_planned(&about, &plan->dir[0]))
		return -1;
	(void)stpcpy(stpcpy(end, "/"), plan->dir[1].name);
	at = plan_above_2(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
	if (at < 0)
		return -1;
	if (fstat(at, &about) || !is_as_planned(&about, &plan->dir[1]) ||
	    !holds(at, ACL, plan->acl, plan->acl_size) ||
	    (strcmp(plan->stamp, "-") && !holds(at, STAMP, plan->stamp, strlen(plan->stamp))))
		goto refuse;
	for (i = 2; i < plan->dirs; i++)
		if (fstatat(at, plan->dir[i].name, &about, AT_SYMLINK_NOFOLLOW) ||
		    !is_as_planned(&about, &plan->dir[i]))
			goto refuse;
	*why = NULL;
	return at;
refuse:
	close(at);
	return -1;
}
