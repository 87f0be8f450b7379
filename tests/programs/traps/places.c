/* Calls that carry no directory: where the process stands is known only from what it, or its kin, did before. */
#include "trap.h"

static void enter(const char *path)
{
	if (syscall(SYS_chdir, path))
		broken(path);
}

static void enter_by_descriptor(const char *path, const char *absolute)
{
	int folder = (int)ACT("open", absolute, NOTHING, open, path, O_RDONLY | O_DIRECTORY);

	if (syscall(SYS_fchdir, folder))
		broken(path);
	close(folder);
}

/* Every call without a directory, in a working directory reached by chdir and by fchdir. */
static void all_calls(const char *here, const char *letters)
{
	ACT("open", at("%s/a", here), ((struct more){.flags = "O_CREAT|O_EXCL", .mode = 0644, .needs = letters}),
	    open, "a", O_CREAT | O_EXCL | O_WRONLY, 0666);
	ACT("open", at("%s/b", here), ((struct more){.mode = 0640, .needs = letters}), creat, "b", 0660);
	ACT("mkdir", at("%s/c", here), ((struct more){.mode = 0755, .needs = letters}), mkdir, "./c", 0777);
	ACT("mknod", at("%s/c/d", here), ((struct more){.flags = "S_IFIFO", .mode = 0600, .needs = letters}),
	    mknod, "c/d", S_IFIFO | 0600, 0);
	ACT("mknod", at("%s/c/e", here), NEEDS(letters), mknod, "c//e", S_IFREG | 0600, 0);
	ACT("link", at("%s/f", here), NEEDS(letters), link, "a", "f");
	ACT("symlink", at("%s/g", here), ((struct more){.other = "../over/there", .needs = letters}),
	    symlink, "../over/there", "g");
	MOVE(at("%s/f", here), at("%s/c/h", here), letters, rename, "f", "c/h");
	MOVE(at("%s/none", here), at("%s/c/none", here), letters, rename, "none", "c/none");
	ACT("chmod", at("%s/a", here), ((struct more){.mode = 0604, .needs = letters}), chmod, "a", 0604);
	ACT("chown", at("%s/a", here), NEEDS(letters), chown, "a", getuid(), getgid());
	ACT("chown", at("%s/g", here), NEEDS(letters), lchown, "g", getuid(), getgid());
	ACT("truncate", at("%s/a", here), NEEDS(letters), truncate, "a", 3);
	ACT("remove", at("%s/a", here), NEEDS(letters), unlink, "a");
	ACT("remove", at("%s/c", here), NEEDS(letters), rmdir, "c");
	ACT("mkdir", at("up-%s", here), NEEDS(letters), mkdir, at("%s/../up-%s", here, here), 0700);
}

void legacy(void)
{
	ACT("mkdir", at("one"), NOTHING, mkdir, at("one"), 0700);
	ACT("mkdir", at("two"), NOTHING, mkdir, at("two"), 0700);
	enter("one");
	all_calls("one", "");
	enter("/");
	enter_by_descriptor(at("two"), at("two"));
	all_calls("two", "yc");
	/* A chdir that fails changes nothing. */
	syscall(SYS_chdir, at("nowhere"));
	syscall(SYS_fchdir, 999);
	ACT("mkdir", at("two/still"), NEEDS("yc"), mkdir, "still", 0700);
	ACT("mkdir", at("beside"), NEEDS("yc"), mkdir, "../beside", 0700);
}

/* The first call of the process is relative: only who started it knows where. */
void fresh(void)
{
	ACT("mkdir", at("first"), NEEDS("y"), mkdir, "first", 0700);
	ACT("open", at("second"), ((struct more){.flags = "O_CREAT", .needs = "y"}), openat, AT_FDCWD, "second", O_CREAT, 0600);
	ACT("mkdir", at("third"), NEEDS("y"), mkdir, "third", 0700);
}

/* The working directory gets another name, by the process itself, by its child, and its parent does. */
void moved(void)
{
	pid_t child;

	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	ACT("mkdir", at("d/e"), NOTHING, mkdir, "d/e", 0700);
	enter("d/e");
	MOVE(at("d/e"), at("d/f"), "", rename, "../e", "../f");
	ACT("mkdir", at("d/f/1"), NOTHING, mkdir, "1", 0700);
	MOVE(at("d"), at("g"), "", rename, at("d"), at("g"));
	ACT("mkdir", at("g/f/2"), NOTHING, mkdir, "2", 0700);
	child = fork();
	if (!child) {
		MOVE(at("g"), at("h"), "", renameat2, AT_FDCWD, at("g"), AT_FDCWD, at("h"), 0);
		_exit(0);
	}
	join(child);
	ACT("mkdir", at("h/f/3"), NOTHING, mkdir, "3", 0700);
	ACT("open", at("h/f/4"), NEW(0600), openat, AT_FDCWD, "4", O_CREAT | O_WRONLY, 0600);
	ACT("mkdir", at("i"), NOTHING, mkdir, "../../i", 0700);
	ACT("mkdir", at("i/f"), NOTHING, mkdir, "../../i/f", 0700);
	syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", 0x40000000);	/* EINVAL: x and y are not there either */
	tell("rename-from", "renameat2", at("h/f/x"), OTHER(at("h/f/y")), EINVAL);
	tell("rename-to", "renameat2", at("h/f/y"), OTHER(at("h/f/x")), EINVAL);
	/* Two directories change places, and the process stays in its own. */
	MOVE_AS("RENAME_EXCHANGE", at("h"), at("i"), "", renameat2, AT_FDCWD, at("h"), AT_FDCWD, at("i"), RENAME_EXCHANGE);
	ACT("mkdir", at("i/f/5"), NOTHING, mkdir, "5", 0700);
}

/* The working directory is removed: every name in it fails, but was asked for. */
void removed(void)
{
	ACT("mkdir", at("d"), NOTHING, mkdir, "d", 0700);
	enter("d");
	ACT("remove", at("d"), NOTHING, rmdir, at("d"));
	ACT("mkdir", at("d/a"), NOTHING, mkdir, "a", 0700);
	ACT("open", at("d/b"), NEW(0600), openat, AT_FDCWD, "b", O_CREAT | O_WRONLY, 0600);
	ACT("mkdir", at("d"), NOTHING, mkdir, at("d"), 0700);
	ACT("mkdir", at("d/a"), NOTHING, mkdir, "a", 0700);
	enter(at("d"));
	ACT("mkdir", at("d/a"), NOTHING, mkdir, "a", 0700);
}

static void *go_elsewhere(void *unused)
{
	enter_by_descriptor(at("two"), at("two"));
	return unused;
}

/* Threads and a process made with CLONE_FS: where one goes, the other is. */
void shared(void)
{
	struct {
		unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} how = {.flags = CLONE_FS, .exit_signal = SIGCHLD};
	pthread_t thread;
	pid_t child;

	ACT("mkdir", at("one"), NOTHING, mkdir, "one", 0700);
	ACT("mkdir", at("two"), NOTHING, mkdir, "two", 0700);
	ACT("open", at("two/a"), NEW(0600), creat, "two/a", 0600);
	enter("one");
	pthread_create(&thread, NULL, go_elsewhere, NULL);
	pthread_join(thread, NULL);
	MOVE(at("two/a"), at("two/b"), "yc", rename, "a", "b");
	child = (pid_t)syscall(SYS_clone3, &how, sizeof how);
	if (!child) {
		ACT("mkdir", at("two/three"), NEEDS("yc"), mkdir, "three", 0700);
		enter("three");
		_exit(0);
	}
	join(child);
	ACT("mkdir", at("two/three/four"), NEEDS("yc"), mkdir, "four", 0700);
	child = fork();
	if (!child) {
		enter(at("one"));
		ACT("mkdir", at("one/five"), NOTHING, mkdir, "five", 0700);
		_exit(0);
	}
	join(child);
	ACT("mkdir", at("two/three/six"), NEEDS("yc"), mkdir, "six", 0700);
}

static void *go_alone(void *unused)
{
	if (unshare(CLONE_FS))
		broken("CLONE_FS");
	enter(at("two"));
	ACT("mkdir", at("two/mine"), NOTHING, mkdir, "mine", 0700);
	return unused;
}

/* A thread that takes its working directory out of what they share. */
void own_cwd(void)
{
	pthread_t thread;

	ACT("mkdir", at("one"), NOTHING, mkdir, "one", 0700);
	ACT("mkdir", at("two"), NOTHING, mkdir, "two", 0700);
	enter(at("one"));
	pthread_create(&thread, NULL, go_alone, NULL);
	pthread_join(thread, NULL);
	ACT("mkdir", at("one/ours"), NOTHING, mkdir, "ours", 0700);
	pthread_create(&thread, NULL, go_elsewhere, NULL);
	pthread_join(thread, NULL);
	ACT("mkdir", at("two/ours"), NEEDS("yc"), mkdir, "ours", 0700);
}

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void *in_the_crowd(void *number)
{
	long own = (long)number;
	static int place;
	int i;

	if (own % 2 && unshare(CLONE_FS))
		broken("CLONE_FS");
	for (i = 0; i < 12; i++) {
		if (own % 2) {
			enter(at("%d", i % 3));
			ACT("open", at("%d/own-%ld-%d", i % 3, own, i), NEW(0600), creat, at("%d/own-%ld-%d", i % 3, own, i), 0600);
			MOVE(at("%d/own-%ld-%d", i % 3, own, i), at("%d/new-%ld-%d", i % 3, own, i), "c", rename,
			     strrchr(at("own-%ld-%d", own, i), '/') + 1, strrchr(at("new-%ld-%d", own, i), '/') + 1);
			continue;
		}
		/* One after the other, or nobody could tell which directory it was. */
		pthread_mutex_lock(&one_at_a_time);
		ACT("open", at("%d/our-%ld-%d", place, own, i), ((struct more){.flags = "O_CREAT", .needs = "c"}), open,
		    strrchr(at("our-%ld-%d", own, i), '/') + 1, O_CREAT | O_WRONLY, 0600);
		place = (place + 1) % 3;
		enter(at("%d", place));
		pthread_mutex_unlock(&one_at_a_time);
	}
	return NULL;
}

/* Eight threads that make files and go about: four share a working directory, four have one each. */
void crowd(void)
{
	pthread_t threads[8];
	long i;

	for (i = 0; i < 3; i++)
		ACT("mkdir", at("%ld", i), NOTHING, mkdir, at("%ld", i), 0700);
	enter(at("0"));
	for (i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, in_the_crowd, (void *)i);
	for (i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
}
