/* Which /tmp a session sees. A view is a mount namespace of ours; sessions of an account at one stage share one.
 * Only a login changes it. A view is left only if it is recorded and its /tmp is the recorded one, entered only if it
 * is what a recorded process lives in; never one that a user made (his `unshare -Urm` may hold a forged /etc/passwd),
 * nor from a chroot or another's sandbox. */
#include "module.h"

#define VIEWS RUN "/views/"
#define OWN "/proc/self/ns/mnt"
#define MOST 64 /* sessions of one process at once */

/* Where this process was before each of its sessions, and in which: however they end, it shall be where it was. */
static struct way { int file; uint64_t from, of; } way[MOST];
static uint64_t ways, newest;

static bool is_same(const char *path, const struct statx *as, bool mount) {
	struct statx now;
	return plan_look(path, &now) && now.stx_dev_major == as->stx_dev_major && now.stx_dev_minor == as->stx_dev_minor &&
	       now.stx_ino == as->stx_ino && (!mount || now.stx_mnt_id == as->stx_mnt_id);
}

/* A namespace of a user namespace below ours is a user's own: its parent can be had, that of ours is EPERM. */
static bool is_initial(int namespace) {
	int owner = ioctl(namespace, NS_GET_USERNS), parent = owner < 0 ? -1 : ioctl(owner, NS_GET_PARENT);
	bool initial = owner >= 0 && parent < 0 && errno == EPERM;
	(void)(owner >= 0 && close(owner)), (void)(parent >= 0 && close(parent)); /* errno is still ioctl's */
	return initial;
}

/* What the links of a view say: "mnt:[N]", as /proc has it. The link of that name says what is its /tmp. */
static char *put_namespace(char *at, uint64_t number) {
	return stpcpy(plan_put_number(stpcpy(at, "mnt:["), number), "]");
}

static bool says(int folder, const char *link, const char *text) {
	char found[64] = "";
	return readlinkat(folder, link, found, sizeof found - 1) > 0 && !strcmp(found, text);
}

static bool is_ours(uint64_t namespace) {
	char path[64], now[64];
	return put_namespace(stpcpy(path, VIEWS), namespace) && plan_put_tmp(now) && says(AT_FDCWD, path, now);
}

/* The folder of the view, locked; -1 if another has it for 2 s: the caller of su may have stopped his. */
static int lock_view(const char *name) {
	char path[sizeof VIEWS + PLAN_KEY];
	struct stat about;
	(void)stpcpy(stpcpy(path, VIEWS), name);
	for (int tries = 0; tries < 1000; tries++) { /* of 2 ms */
		int at = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0 && mkdir(path, 0700) && errno != EEXIST)
			break;
		if (at >= 0 && !flock(at, LOCK_EX | LOCK_NB) && !fstat(at, &about) && about.st_nlink) /* not swept */
			return at;
		close(at);
		(void)poll(NULL, 0, at < 0 ? 0 : 2);
	}
	return -1;
}

/* Into the view of an entry's process; not what got its number and holds a forged /etc, by a user's setuid bwrap. */
static bool join(int folder, const char *entry, const char *said, const struct plan *plan, struct view *view) {
	char path[288], mark[40] = "../", tmp[64], *now = mark + 3;
	struct stat about;
	(void)stpcpy(stpcpy(stpcpy(path, "/proc/"), entry), "/ns/mnt");
	int at = open(path, O_RDONLY | O_CLOEXEC);
	bool lives = at < 0 && errno != ENOENT; /* what cannot be opened now may live: nobody shall forget it */
	(void)put_namespace(now, view->namespace = at < 0 || fstat(at, &about) ? 0 : about.st_ino);
	bool in = !strcmp(said, now) && is_initial(at) && !setns(at, CLONE_NEWNS) && (view->strayed = true) &&
		  is_same("/", &view->root, false) && !plan_mounted(plan) && plan_put_tmp(tmp) && says(folder, mark, tmp);
	if (!in && !lives && errno != EMFILE) /* is_initial() needs a number; su's caller may leave it none */
		(void)unlinkat(folder, entry, 0);
	close(at);
	return in;
}

/* All its logins are over, but a FUSE server they left keeps the view alive. Only where no mount has another's id (all
 * are above 2^31 then): a process of its user's could look like it. Hardly ever has the account one at all. */
static bool join_left(int folder, const char *left, const struct plan *plan, struct view *view) {
	struct stat about;
	bool joined = false, any = *left && view->root.stx_mnt_id >> 31 && getpriority(PRIO_USER, plan->uid) != -1;
	DIR *all = any ? opendir("/proc") : NULL;
	for (const struct dirent *entry; !joined && all && (entry = readdir(all));)
		joined = *entry->d_name >= '1' && *entry->d_name <= '9' && !fstatat(dirfd(all), entry->d_name, &about, 0) &&
			 about.st_uid == plan->uid && !symlinkat(left, folder, entry->d_name) &&
			 join(folder, entry->d_name, left, plan, view);
	(void)(all && closedir(all));
	return joined;
}

static bool join_any(int folder, const struct plan *plan, struct view *view) {
	_Alignas(struct dirent64) char list[1024]; /* readdir's buffer costs a fresh process 10 us */
	char left[64] = "";
	ssize_t got;
	while ((got = getdents64(folder, list, sizeof list)) > 0)
		for (ssize_t at = 0; at < got; at += ((struct dirent64 *)(void *)(list + at))->d_reclen) {
			const struct dirent64 *one = (const void *)(list + at);
			ssize_t size = one->d_type == DT_LNK ? readlinkat(folder, one->d_name, left, 63) : -1;
			left[size < 0 ? 63 : size] = '\0';
			if (size >= 0 && join(folder, one->d_name, left, plan, view))
				return true;
		}
	return join_left(folder, left, plan, view);
}

/* Over a link of one that had this pid, or number, before. */
static bool relink(const char *text, int folder, const char *link) {
	return !symlinkat(text, folder, link) ||
	       (errno == EEXIST && !unlinkat(folder, link, 0) && !symlinkat(text, folder, link));
}

static const char *enter(const struct plan *plan, int host, struct view *view) {
	char entry[32], path[64] = VIEWS, where[64], *name = path + strlen(VIEWS);
	int folder = lock_view(plan->view);
	struct stat own;
	if ((view->hopeless = folder < 0 && errno != ENOENT) || folder < 0) /* a planner makes VIEWS anew */
		return "the account's view is being made or joined for 2 s, or cannot be recorded";
	view->made = !join_any(folder, plan, view);
	const char *why = !view->made ? NULL : (view->strayed && setns(host, CLONE_NEWNS)) || unshare(CLONE_NEWNS)
			  ? "no mount namespace can be made" : plan_mount(plan);
	view->namespace = !view->made ? view->namespace : why || stat(OWN, &own) ? 0 : own.st_ino;
	(void)(plan_put_number(entry, (uint64_t)getpid()), put_namespace(name, view->namespace));
	if (!why && (!view->namespace || (view->made && !(plan_put_tmp(where) && relink(where, AT_FDCWD, path))) ||
		     !relink(name, folder, entry))) /* for those who come after: this process lives in it */
		why = "the view cannot be recorded";
	close(folder);
	return why;
}

/* Where we are: whether that can be left, and found again. */
static const char *look_around(int here, int host, struct view *view, bool *at_host) {
	struct stat own, hosts;
	if (ways == MOST || fstat(here, &own) || fstat(host, &hosts) || !plan_look("/", &view->root))
		return "the mount namespace of process 1, or the own one, cannot be opened, or 64 sessions are open";
	way[ways] = (struct way){here, own.st_ino, newest};
	view->namespace = hosts.st_ino;
	*at_host = own.st_ino == hosts.st_ino;
	if (!is_same("/proc/1/root/", &view->root, *at_host))
		return "the program that opens the session is in a chroot or a container";
	if (!*at_host && !(is_ours(own.st_ino) && is_initial(here)))
		return "the program that opens the session is in a mount namespace that is neither the host's nor ours";
	return NULL;
}

const char *view_enter(const struct plan *plan, struct view *view) {
	struct stat views;
	bool at_host = false;
	if (!strcmp(plan->view, "keep") || (!plan->mounts && (stat(VIEWS, &views) || !views.st_size)))
		return NULL; /* no login, or the folder is empty: there is no view that it could come from */
	int here = plan_above_2(open(OWN, O_RDONLY | O_CLOEXEC)), host = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);
	const char *why = look_around(here, host, view, &at_host);
	bool stay = !plan->mounts && (why || at_host);
	bool moved = !stay && !why && gettid() == getpid() && !setns(host, CLONE_NEWNS);
	if (!stay && !why && !moved) /* it would move one thread only, `way` is for all; mostly it is EINVAL then */
		why = "the program that opens the session has threads, or may not change its mount namespace";
	view->hopeless = !stay && !moved; /* a new plan would change nothing */
	why = moved && plan->mounts ? enter(plan, host, view) : why;
	close(host);
	if (moved && !why) {
		(void)plan_look("/", &view->root);
		view->id = ++newest;
		ways++;
		return NULL;
	}
	(void)(moved && setns(here, CLONE_NEWNS));
	close(here);
	return stay ? NULL : why;
}

void view_leave(struct view *view, bool back) {
	struct stat now;
	size_t at = 0;
	if (!view->id || !ways)
		return;
	while (at < ways && way[at].of != view->id)
		at++;
	bool last = at == ways; /* else one was opened from here, which now shall go back to where this one came from */
	newest = last ? way[--at].of : newest;
	/* Of a host that closed its descriptors the number may be another file's now. And it stays where it is if it
	 * has gone elsewhere since, or into a chroot, which this would lead out of. */
	if (!fstat(way[at].file, &now) && now.st_ino == way[at].from) {
		if (back && last && is_same("/", &view->root, true))
			(void)setns(way[at].file, CLONE_NEWNS);
		close(way[at].file);
	}
	memmove(way + at, way + at + 1, (size_t)(--ways - at) * sizeof *way);
	view->id = 0;
}
