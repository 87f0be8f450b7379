/* Calls that name a file by a descriptor and a rest, files without a name, and names that are no files. */
#include "trap.h"

#include <linux/openat2.h>
#include <sys/inotify.h>

static int folder(const char *path)
{
	return (int)ACT("open", path, NOTHING, open, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void opened(void)
{
	struct open_how how = {.flags = O_RDWR | O_CREAT, .mode = 0600, .resolve = RESOLVE_BENEATH};
	int directory, file;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	ACT("mkdir", at("d/sub"), NOTHING, mkdir, "d/sub", 0700);
	directory = folder(at("d"));
	ACT("open", at("d/o2"), ((struct more){.flags = "O_CREAT|O_RDWR", .mode = 0600, .needs = "y"}),
	    openat2, directory, "o2", &how, sizeof how);
	ACT("open", at("up"), ((struct more){.flags = "O_CREAT", .needs = "y"}), openat2, directory, "../up", &how, sizeof how);
	ACT("open", at("d/b"), ((struct more){.flags = "O_CREAT|O_EXCL", .mode = 0640, .needs = "y"}),
	    openat, directory, "sub/../b", O_CREAT | O_EXCL | O_WRONLY, 0640);
	ACT("open", at("d/absolute"), NEW(0600), openat, directory, at("d/absolute"), O_CREAT | O_WRONLY, 0600);
	ACT("open", at("d/not"), NEW(0600), openat, 999, at("d/not"), O_CREAT | O_WRONLY, 0600);
	ACT("symlink", at("link"), OTHER("d/target"), symlink, "d/target", "link");
	ACT("open", at("link"), ((struct more){.flags = "O_CREAT", .real = at("d/target")}),
	    open, at("link"), O_CREAT | O_WRONLY, 0600);
	say_exists(at("d/target"));
	ACT("open", at("link"), ((struct more){.flags = "O_NOFOLLOW"}), open, "link", O_RDONLY | O_NOFOLLOW);
	file = (int)ACT("open", at("link"), ((struct more){.flags = "O_PATH"}), open, "link", O_PATH | O_NOFOLLOW);
	close(file);
	ACT("chmod", at("d/b"), NEEDS("y"), fchmodat, directory, "b", 0700);
	ACT("chown", at("d/b"), ((struct more){.flags = "AT_SYMLINK_NOFOLLOW", .needs = "y"}),
	    fchownat, directory, "b", getuid(), -1, AT_SYMLINK_NOFOLLOW);
	ACT("remove", at("d/b"), NEEDS("y"), unlinkat, directory, "b", 0);
	ACT("remove", at("d/sub"), NEEDS("y"), unlinkat, directory, "sub", AT_REMOVEDIR);
	/* Through a link: both names are right. */
	ACT("mkdir", at("d/sub"), NOTHING, mkdir, "d/sub", 0700);
	ACT("symlink", at("way"), OTHER("d/sub"), symlink, "d/sub", "way");
	if (syscall(SYS_chdir, "way"))
		broken("way");
	ACT("mkdir", at("d/sub/x"), ((struct more){.real = at("way/x")}), mkdir, "x", 0700);
	ACT("open", at("d/sub/y"), ((struct more){.flags = "O_CREAT", .real = at("way/y")}),
	    openat, AT_FDCWD, "y", O_CREAT, 0600);
	ACT("open", at("d/z"), ((struct more){.flags = "O_CREAT", .needs = "s"}), openat, AT_FDCWD, "../z", O_CREAT, 0600);
	ACT("open", at("d/v"), ((struct more){.flags = "O_CREAT", .needs = "s"}), open, at("way/../v"), O_CREAT | O_WRONLY, 0600);
	/* From here on the log told where the process really is. */
	ACT("mkdir", at("d/w"), NEEDS("s"), mkdir, "../w", 0700);
}

/* A file without a name gets one. */
void nameless(void)
{
	char number[64];
	int directory, file;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	directory = folder(at("d"));
	file = (int)ACT("open", at("d"), ((struct more){.flags = "O_TMPFILE|O_RDWR"}),
			openat, AT_FDCWD, at("d"), O_TMPFILE | O_RDWR, 0600);
	snprintf(number, sizeof number, "/proc/self/fd/%d", file);
	ACT("link", at("d/linked"), ((struct more){.flags = "AT_SYMLINK_FOLLOW", .needs = "y"}),
	    linkat, AT_FDCWD, number, directory, "linked", AT_SYMLINK_FOLLOW);
	ACT("link", at("again"), NOTHING, linkat, AT_FDCWD, number, AT_FDCWD, at("again"), AT_SYMLINK_FOLLOW);
	file = (int)ACT("open", at("d"), ((struct more){.flags = "O_TMPFILE|O_EXCL", .needs = "y"}),
			openat, directory, ".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	ACT("link", at("never"), NOTHING, linkat, AT_FDCWD, "/proc/self/fd/999", AT_FDCWD, at("never"), AT_SYMLINK_FOLLOW);
}

void links(void)
{
	int directory;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	directory = folder(at("d"));
	ACT("mkdir", at("d/a"), NEEDS("y"), mkdirat, directory, "a", 0700);
	ACT("mkdir", at("b"), NOTHING, mkdirat, AT_FDCWD, at("b"), 0700);
	MOVE_AS("RENAME_NOREPLACE", at("d/a"), at("b"), "y", renameat2, directory, "a", AT_FDCWD, "b", RENAME_NOREPLACE);
	MOVE_AS("RENAME_NOREPLACE", at("d/a"), at("c"), "y", renameat2, directory, "a", AT_FDCWD, "c", RENAME_NOREPLACE);
	MOVE(at("c"), at("d/c"), "y", renameat, AT_FDCWD, "c", directory, "c");
	ACT("mkdir", at("b/in"), NOTHING, mkdir, "b/in", 0700);
	MOVE_AS("RENAME_EXCHANGE", at("b"), at("d/c"), "y", renameat2, AT_FDCWD, "b", directory, "c", RENAME_EXCHANGE);
	ACT("symlink", at("d/sl"), ((struct more){.other = "/etc/target", .needs = "y"}), symlinkat, "/etc/target", directory, "sl");
	ACT("symlink", at("d/sl"), ((struct more){.other = at("d/a"), .needs = "y"}), symlinkat, at("d/a"), directory, "sl");
	ACT("symlink", at("sl"), OTHER("a\", 3) = 0\n"), symlinkat, "a\", 3) = 0\n", AT_FDCWD, "sl");
	ACT("mknod", at("d/fifo"), ((struct more){.flags = "S_IFIFO", .mode = 0600, .needs = "y"}),
	    mknodat, directory, "fifo", S_IFIFO | 0600, 0);
	ACT("mknod", at("socket"), ((struct more){.flags = "S_IFSOCK"}), mknodat, AT_FDCWD, "socket", S_IFSOCK | 0600, 0);
	ACT("link", at("fifo"), NEEDS("y"), linkat, directory, "fifo", AT_FDCWD, "fifo", 0);
	ACT("link", at("fifo2"), NOTHING, linkat, AT_FDCWD, "fifo", AT_FDCWD, at("fifo2"), 0);
	ACT("link", at("d/fifo3"), NEEDS("y"), linkat, AT_FDCWD, "none", directory, "fifo3", 0);
}

/* Descriptors of what was removed, and another of the same name in its place. */
void gone(void)
{
	int directory, file;
	char number[64];

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	directory = folder(at("d"));
	ACT("remove", at("d"), NOTHING, rmdir, "d");
	ACT("open", at("d/a"), ((struct more){.flags = "O_CREAT", .needs = "y"}), openat, directory, "a", O_CREAT, 0600);
	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	ACT("mkdir", at("d/b"), NEEDS("y"), mkdirat, directory, "b", 0700);
	file = (int)ACT("open", at("d/f"), NEW(0600), open, "d/f", O_CREAT | O_RDWR, 0600);
	ACT("remove", at("d/f"), NOTHING, unlink, "d/f");
	if (ftruncate(file, 10) || fchmod(file, 0640))
		broken("a file without a name");
	snprintf(number, sizeof number, "/proc/self/fd/%d", file);
	close(open(number, O_RDONLY));
	/* A link of a file whose last name is gone: refused. */
	ACT("link", at("d/g"), NOTHING, linkat, AT_FDCWD, number, AT_FDCWD, "d/g", AT_SYMLINK_FOLLOW);
}

/* A file in memory whose name is a path: nothing below the directory. */
void fake(void)
{
	int file = (int)syscall(SYS_memfd_create, at("fake"), 0);
	char number[64];

	if (file < 0 || ftruncate(file, 10) || fchmod(file, 0640))
		broken("memfd_create");
	syscall(SYS_openat, file, "x", O_CREAT, 0600);
	snprintf(number, sizeof number, "/proc/self/fd/%d", file);
	close(open(number, O_RDONLY));
	ACT("link", at("linked"), NOTHING, linkat, AT_FDCWD, number, AT_FDCWD, at("linked"), AT_SYMLINK_FOLLOW);
}

/* Paths of PATH_MAX bytes, and a working directory below that, which /proc cannot name. */
void deep(void)
{
	char name[251] = "", path[5000];
	int left;

	memset(name, 'n', 250);
	strcpy(path, top);
	while (strlen(path) + 252 < PATH_MAX) {
		strcat(strcat(path, "/"), name);
		ACT("mkdir", path, NOTHING, mkdir, name, 0700);
		if (chdir(name))
			broken("a long path");
	}
	left = (int)(PATH_MAX - 1 - strlen(path));
	if (left > 1) {
		strcat(path, "/");
		memset(path + strlen(path), 'e', left - 1);
		path[PATH_MAX - 1] = 0;
		ACT("open", path, NEW(0600), open, path, O_CREAT | O_WRONLY, 0600);
		*strrchr(path, '/') = 0;
	}
	strcat(strcat(path, "/"), name);
	ACT("mkdir", path, NOTHING, mkdir, name, 0700);
	if (chdir(name))
		broken("a longer path");
	strcat(path, "/x");
	ACT("mkdir", path, NOTHING, mkdir, "x", 0700);
	ACT("open", path, ((struct more){.flags = "O_CREAT"}), openat, AT_FDCWD, "x", O_CREAT | O_WRONLY, 0600);
	ACT("remove", path, NOTHING, rmdir, "x");
	*strrchr(path, '/') = 0;
	if (chdir(".."))
		broken("..");
	ACT("remove", path, NOTHING, rmdir, name);
	memset(path, 'x', sizeof path - 1);
	path[sizeof path - 1] = 0;
	/* ENAMETOOLONG, and strace does not show all of it. */
	syscall(SYS_mkdir, path, 0700);
}

void masks(void)
{
	pid_t child;

	ACT("open", at("a"), NEW(0644), open, "a", O_CREAT | O_WRONLY, 0666);
	umask(077);
	ACT("open", at("b"), NEW(0600), open, "b", O_CREAT | O_WRONLY, 0666);
	ACT("mkdir", at("c"), ((struct more){.mode = 0700}), mkdir, "c", 0777);
	child = fork();
	if (!child) {
		ACT("open", at("d"), NEW(0600), open, "d", O_CREAT | O_WRONLY, 0666);
		umask(0);
		ACT("open", at("e"), NEW(0666), open, "e", O_CREAT | O_WRONLY, 0666);
		_exit(0);
	}
	join(child);
	ACT("open", at("f"), NEW(0600), open, "f", O_CREAT | O_WRONLY, 0666);
	child = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, 0);
	if (!child) {
		umask(0);
		_exit(0);
	}
	join(child);
	ACT("open", at("g"), NEW(0666), open, "g", O_CREAT | O_WRONLY, 0666);
	ACT("open", at("h"), ((struct more){.flags = "O_CREAT", .mode = 04711}), open, "h", O_CREAT | O_WRONLY, 04711);
}

void looks(void)
{
	struct stat status;
	char buffer[64];
	int watch = inotify_init1(IN_CLOEXEC);

	ACT("open", at("a"), NEW(0600), open, "a", O_CREAT | O_WRONLY, 0600);
	ACT("look", at("a"), NOTHING, newfstatat, AT_FDCWD, "a", &status, 0);
	ACT("look", at("none"), NOTHING, newfstatat, AT_FDCWD, "none", &status, AT_SYMLINK_NOFOLLOW);
	ACT("look", at("a"), NOTHING, stat, "a", &status);
	ACT("look", at("a"), NOTHING, lstat, at("a"), &status);
	ACT("look", at("a"), NOTHING, statx, AT_FDCWD, "a", 0, STATX_BASIC_STATS, calloc(1, 4096));
	ACT("look", at("a"), NOTHING, access, "a", R_OK);
	ACT("look", at("a"), NOTHING, faccessat, AT_FDCWD, "a", R_OK);
	ACT("look", at("a"), NOTHING, readlink, "a", buffer, sizeof buffer);
	ACT("look", at("none"), NOTHING, readlinkat, AT_FDCWD, "none", buffer, sizeof buffer);
	ACT("look", at("a"), NOTHING, inotify_add_watch, watch, "a", IN_MODIFY);
}
