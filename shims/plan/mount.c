/* The mounts of a plan, in a mount namespace that nobody else is in yet. The new calls set the options before a mount
 * can be seen, and name it by a descriptor; where the kernel or a container has none, the classic ones do. */
#include "plan.h"

#define TMPFS -2

/* The source, before a target hides it. Opened here: a descriptor from before the unshare is of other mounts. */
static int take(const struct plan_mount *mount, bool classic) {
	struct mount_attr options = {.attr_set = mount->flags & PLAN_OPTIONS};
	/* What is mounted below is locked to it in a user's namespace: neither can be had alone. */
	unsigned below = AT_SYMLINK_NOFOLLOW | (geteuid() ? AT_RECURSIVE : 0);
	struct stat now;
	if (mount->source[0] != '/')
		return TMPFS;
	int at = classic ? open(mount->source, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
		     : open_tree(AT_FDCWD, mount->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | below);
	/* Root's: the number of a directory that was removed may have become that of a user's. */
	bool good = at >= 0 && !fstat(at, &now) && now.st_dev == mount->dev && now.st_ino == mount->ino &&
		    S_ISDIR(now.st_mode) && (mount->flags & PLAN_ANYBODYS || plan_is_safe(&now)) &&
		    (classic || !mount_setattr(at, "", AT_EMPTY_PATH | below, &options, sizeof options));
	return good || at < 0 ? at : (close(at), -1);
}

/* What is above one directly in the first, the account's /tmp that is mounted by now, was found safe. */
static bool is_safe_target(const struct plan *plan, const char *target) {
	const struct plan_mount *tmp = plan->mount;
	size_t size = strlen(tmp->target);
	struct stat now;
	bool inside = target != tmp->target && !(tmp->flags & PLAN_ANYBODYS) && !strncmp(target, tmp->target, size) &&
		      strrchr(target, '/') == target + size;
	return inside ? !lstat(target, &now) && plan_is_safe(&now) : plan_is_safe_path(target);
}

static bool attach(const struct plan *plan, const struct plan_mount *to, int at, bool classic) {
	const char *target = to->target;
	unsigned long options = to->flags & PLAN_OPTIONS, bind = classic && geteuid() ? MS_BIND | MS_REC : MS_BIND;
	struct statvfs about;
	char self[48];
	errno = 0;
	if (!is_safe_target(plan, target) && /* missing in a tmpfs of ours; elsewhere the planner made it */
	    (errno != ENOENT || mkdir(target, 0755) || !is_safe_target(plan, target)))
		return false;
	if (at == TMPFS)
		return !mount("pam-mktemp", target, "tmpfs", options, "mode=1777");
	if (!classic)
		return !move_mount(at, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
	(void)plan_put_number(stpcpy(self, "/proc/self/fd/"), (uint64_t)at);
	return !mount(self, target, NULL, bind, NULL) && !statvfs(target, &about) && /* the host's, as noexec, stay */
	       !mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | options | (about.f_flag & PLAN_OPTIONS), NULL);
}

const char *plan_mount(const struct plan *plan) {
	bool classic = mount_setattr(-1, "", 0, NULL, 0) && errno != EINVAL; /* ENOSYS, or a filter: it is not there */
	const char *why = NULL;
	size_t taken;
	int at[sizeof plan->mount / sizeof *plan->mount];
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL)) /* ours must not reach the host, its shall reach us */
		return "mounts cannot be kept from the host";
	for (taken = 0; !why && taken < plan->mounts; taken++)
		if ((at[taken] = take(&plan->mount[taken], classic)) == -1)
			why = "a directory to be mounted is not the one of the plan";
	for (size_t i = 0; !why && i < plan->mounts; i++)
		if (!attach(plan, &plan->mount[i], at[i], classic))
			why = "a directory cannot be mounted, or its mount point is not safe";
	while (taken--)
		close(at[taken]);
	return why ? why : plan_mounted(plan);
}

const char *plan_mounted(const struct plan *plan) {
	struct stat now;
	for (const struct plan_mount *at = plan->mount; at < plan->mount + plan->mounts; at++)
		if (at->source[0] == '/' && (lstat(at->target, &now) || now.st_dev != at->dev || now.st_ino != at->ino))
			return "a directory is not mounted where the plan says";
	return NULL;
}

bool plan_look(const char *path, struct statx *out) {
	return !statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID | 0x4000 /* _UNIQUE */, out);
}

bool plan_put_tmp(char *out) {
	struct statx at;
	return plan_look("/tmp", &at) && (out = plan_put_number(out, makedev(at.stx_dev_major, at.stx_dev_minor))) &&
	       plan_put_number(stpcpy(plan_put_number(stpcpy(out, "."), at.stx_ino), "."), at.stx_mnt_id);
}
