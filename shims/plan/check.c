/* Is the plan still true? Each answer is NULL or the reason, in words for the log. */
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
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

static bool is_as_planned(const struct stat *now, const struct plan_dir *dir)
{
	return S_ISDIR(now->st_mode) && now->st_dev == dir->dev && now->st_ino == dir->ino &&
	       now->st_uid == dir->uid && now->st_gid == dir->gid &&
	       (now->st_mode & 07777) == dir->mode;
}

static int descend(int from, const char *name, int how, struct stat *about)
{
	int to = openat(from, name, how | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int cause = errno;

	if (from >= 0)
		close(from);
	if (to >= 0 && fstat(to, about)) {
		cause = errno;
		close(to);
		to = -1;
	}
	errno = cause;
	return to;
}

/* Whoever can rename an ancestor chooses what the path means: root alone may, or the sticky bit holds. */
static bool is_safe_ancestor(const struct stat *about)
{
	return !about->st_uid && (!(about->st_mode & 022) || about->st_mode & S_ISVTX);
}

static int open_base(const char *path)
{
	struct stat about;
	char part[256];
	int at = descend(-1, "/", O_PATH, &about);

	for (; at >= 0; at = descend(at, part, O_PATH, &about)) {
		size_t size;

		if (!is_safe_ancestor(&about))
			break;
		path += strspn(path, "/");
		size = strcspn(path, "/");
		if (!size)
			return at;
		if (size >= sizeof part)
			break;
		memcpy(part, path, size);
		part[size] = '\0';
		path += size;
	}
	if (at >= 0)
		close(at);
	return -1;
}

int plan_open_directory(const struct plan *plan, const char **why)
{
	struct stat about;
	size_t i;
	int above, at = open_base(plan->base);

	*why = "an ancestor of the directory is not safe or cannot be opened";
	if (at < 0)
		return -1;
	*why = "the directory or its parent is not the one of the plan";
	above = descend(at, plan->dir[0].name, O_PATH, &about);
	if (above < 0)
		return -1;
	if (!is_as_planned(&about, &plan->dir[0])) {
		close(above);
		return -1;
	}
	at = descend(above, plan->dir[1].name, O_RDONLY, &about);
	if (at < 0)
		return -1;
	if (!is_as_planned(&about, &plan->dir[1]) ||
	    !holds(at, ACL, plan->acl, plan->acl_size) ||
	    (strcmp(plan->stamp, "-") && !holds(at, STAMP, plan->stamp, strlen(plan->stamp))))
		goto refuse;
	for (i = 2; i < plan->dirs; i++)
		if (fstatat(at, plan->dir[i].name, &about, AT_SYMLINK_NOFOLLOW) ||
		    !is_as_planned(&about, &plan->dir[i]))
			goto refuse;
	at = plan_above_2(at);
	*why = at < 0 ? "no descriptor is left" : NULL;
	return at;
refuse:
	close(at);
	return -1;
}
