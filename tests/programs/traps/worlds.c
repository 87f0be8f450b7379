/* Other users, other roots and other mounts: the same words mean another file. */
#include "trap.h"

#include <sys/mount.h>

static void put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
		broken(path);
	close(file);
}

void be_root(int more)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof uids, "0 %u 1", getuid());
	snprintf(gids, sizeof gids, "0 %u 1", getgid());
	if (syscall(SYS_unshare, CLONE_NEWUSER | more))
		broken("a user namespace");
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", uids);
	put("/proc/self/gid_map", gids);
}

/* To another user and back; his files are seen as anybody's. */
void became(void)
{
	umask(0);
	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0777);
	ACT("open", at("d/before"), NOTHING, creat, "d/before", 0600);
	if (syscall(SYS_setresgid, -1, 65534, -1) || syscall(SYS_setresuid, -1, 65534, -1))
		broken("nobody");
	ACT("open", at("d/between"), NOTHING, creat, "d/between", 0600);
	ACT("chown", at("d/before"), NOTHING, chown, "d/before", 0, 0);
	if (syscall(SYS_setresuid, -1, 0, -1) || syscall(SYS_setresuid, 65534, 65534, 65534))
		broken("nobody for good");
	ACT("open", at("d/after"), NOTHING, creat, "d/after", 0600);
	ACT("open", at("d/before"), NOTHING, open, "d/before", O_RDONLY);
}

/* In another root: '/' is not the host's, and a descriptor from before still leads outside. */
void jailed(void)
{
	int outside;
	pid_t child;

	ACT("mkdir", at("jail"), NOTHING, mkdir, "jail", 0700);
	ACT("mkdir", at("jail/in"), NOTHING, mkdir, "jail/in", 0700);
	be_root(0);
	outside = (int)ACT("open", top, NOTHING, open, top, O_RDONLY | O_DIRECTORY);
	syscall(SYS_chroot, "none");
	ACT("mkdir", at("a"), NOTHING, mkdir, at("a"), 0700);
	if (syscall(SYS_chroot, "jail"))
		broken("chroot");
	ACT("mkdir", at("jail/a"), NOTHING, mkdir, "/a", 0700);
	ACT("mkdir", at("b"), NOTHING, mkdir, "b", 0700);
	ACT("open", at("c"), NEW(0600), openat, AT_FDCWD, "c", O_CREAT | O_WRONLY, 0600);
	ACT("open", at("jail/c"), NEW(0600), openat, AT_FDCWD, "/in/../c", O_CREAT | O_WRONLY, 0600);
	ACT("mkdir", at("jail%s", top), NOTHING, mkdir, top, 0700);
	if (syscall(SYS_chdir, "/"))
		broken("/");
	ACT("mkdir", at("jail/d"), NOTHING, mkdir, "d", 0700);
	ACT("mkdir", at("jail/e"), NOTHING, mkdir, "../../e", 0700);
	ACT("mkdir", at("jail/f"), NOTHING, mkdir, "/../f", 0700);
	MOVE(at("jail/f"), at("jail/in/g"), "", rename, "/f", "in/g");
	ACT("symlink", at("jail/link"), OTHER("/in"), symlink, "/in", "/link");
	child = fork();
	if (!child) {
		if (syscall(SYS_chroot, "/in"))
			broken("a second chroot");
		ACT("mkdir", at("jail/in/h"), NOTHING, mkdir, "/h", 0700);
		_exit(0);
	}
	join(child);
	ACT("mkdir", at("jail/i"), NOTHING, mkdir, "/i", 0700);
	ACT("mkdir", at("j"), NEEDS("y"), mkdirat, outside, "j", 0700);
	if (syscall(SYS_fchdir, outside))
		broken("outside");
	ACT("mkdir", at("k"), NEEDS("yc"), mkdir, "k", 0700);
	/* Through the root, which is its own parent. */
	ACT("mkdir", at("jail/l"), NEEDS("yc"), mkdir, "jail/../l", 0700);
	ACT("mkdir", at("jail/m"), NOTHING, mkdir, "/m", 0700);
}

/* What is mounted in another mount namespace is not what others see at that path. */
void mounted(void)
{
	struct more hidden = {.private = 1};
	pid_t child;

	ACT("mkdir", at("m"), NOTHING, mkdir, "m", 0700);
	ACT("mkdir", at("from"), NOTHING, mkdir, "from", 0700);
	ACT("mkdir", at("to"), NOTHING, mkdir, "to", 0700);
	child = fork();
	if (!child) {
		be_root(CLONE_NEWNS);
		ACT("mkdir", at("a"), NOTHING, mkdir, "a", 0700);
		if (mount("none", at("m"), "tmpfs", 0, NULL) || mount("from", "to", NULL, MS_BIND, NULL))
			broken("mount");
		ACT("mkdir", at("m/b"), hidden, mkdir, at("m/b"), 0700);
		ACT("mkdir", at("m/c"), hidden, mkdir, "m/c", 0700);
		ACT("open", at("to/d"), ((struct more){.private = 1, .flags = "O_CREAT"}), openat, AT_FDCWD, "to/d", O_CREAT, 0600);
		say_exists(at("from/d"));
		ACT("mkdir", at("mm"), NOTHING, mkdir, "mm", 0700);
		join(({ pid_t inner = fork(); if (!inner) {
			ACT("mkdir", at("m/e"), hidden, mkdir, "m/e", 0700);
			_exit(0);
		} inner; }));
		if (umount2(at("m"), MNT_DETACH))
			broken("umount2");
		ACT("mkdir", at("m/f"), NOTHING, mkdir, "m/f", 0700);
		_exit(0);
	}
	join(child);
	child = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, 0);
	if (!child) {
		if (mount("none", at("m"), "tmpfs", 0, NULL))
			broken("mount in a namespace of birth");
		ACT("mkdir", at("from/i"), NOTHING, mkdir, "from/i", 0700);
		/* The mount has no owner for the names' files: it refuses, but it was asked, and not the host's. */
		ACT("mkdir", at("m/i"), hidden, mkdir, "m/i", 0700);
		_exit(0);
	}
	join(child);
	ACT("mkdir", at("m/g"), NOTHING, mkdir, "m/g", 0700);
	ACT("mkdir", at("to/h"), NOTHING, mkdir, "to/h", 0700);
}
