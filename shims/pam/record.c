/* The session record: the lease that clean-up, status and the rollout stand on. */
#include "module.h"

#define LEASE "pam_mktemp_py_lease"
#define RECORD_MAX 8192

struct lease {
	int kept[2]; /* the record, the account's directory */
	struct stat about[2];
	struct view view;
	char path[128];
};

/* A host that closed all its descriptors may have given the number to something of its own. */
static void drop(struct lease *lease, bool back) {
	struct stat now;
	view_leave(&lease->view, back);
	for (int i = 0; i < 2; i++) {
		if (lease->kept[i] >= 0 && !fstat(lease->kept[i], &now) &&
		    now.st_dev == lease->about[i].st_dev && now.st_ino == lease->about[i].st_ino)
			close(lease->kept[i]);
		lease->kept[i] = -1;
	}
}

/* Not unlinked, no way back: pam_end is called in children too, who go on. */
static void end_lease(pam_handle_t *pamh, void *data, int status) {
	drop(data, false);
	free(data);
}

static char *put(char *at, const char *key, const char *text) {
	at = stpcpy(at, key);
	(void)plan_escape(at, 600, text, ESCAPE_FIELD); /* what is too long is cut */
	return stpcpy(at + strlen(at), "\n");
}

static char *put_number(char *at, const char *key, uint64_t number) {
	return stpcpy(plan_put_number(stpcpy(at, key), number), "\n");
}

/* Ends in "end" so that a reader knows it whole. Another namespace than of our making is not asked for: too slow. */
static size_t describe(char *out, const struct session *session, const struct plan *plan, uint64_t opened,
		       bool private, const char *outcome, const char *reason) {
	char *at = stpcpy(out, "pam-mktemp-session 1\n");
	at = put(put(put_number(at, "uid ", session->uid), "user ", session->user), "service ", session->service);
	at = put_number(put_number(at, "pid ", (uint64_t)getpid()), "opened ", opened);
	at = put(put_number(at, "time ", (uint64_t)time(NULL)), "boot ", plan ? plan->boot : "-");
	at = put(put(put(at, "stage ", plan ? plan->stage : "-"), "outcome ", outcome), "reason ", reason);
	if (private) { /* else nothing is leased, and a wrong directory can be replaced */
		at = put_number(put(at, "form ", plan->form), "device ", plan->dir[1].dev);
		at = put(put_number(at, "inode ", plan->dir[1].ino), "directory ", plan->base);
		at = put(put(at - 1, "/", plan->dir[0].name) - 1, "/", plan->dir[1].name); /* in the place of line feeds */
	}
	if (session->view.id && plan->mounts)
		at = put(put_number(at, "namespace ", session->view.namespace), "view ",
			 session->view.made ? "made" : "joined");
	return (size_t)(stpcpy(at, "end\n") - out);
}

/* The caller of su may have RLIMIT_FSIZE 0, and SIGXFSZ would end the host. */
static bool write_all(int at, const char *text, size_t size) {
	struct rlimit before = {0}, now;
	bool known = !getrlimit(RLIMIT_FSIZE, &before), low = known && before.rlim_cur < size;
	now.rlim_cur = now.rlim_max = before.rlim_max >= size ? before.rlim_max : RLIM_INFINITY;
	bool whole = known && (!low || !setrlimit(RLIMIT_FSIZE, &now)) && write(at, text, size) == (ssize_t)size;
	(void)(low && setrlimit(RLIMIT_FSIZE, &before));
	return whole;
}

/* Held by a descriptor that cannot write: sshd hands what is open here to the user's own process. */
static int write_record(const char *path, const char *text, size_t size) {
	int at = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (at < 0)
		return -1;
	bool whole = write_all(at, text, size); /* closed before the next is opened: the host may have no number more */
	int held = !close(at) && whole ? plan_above_2(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) : -1;
	return !flock(held, LOCK_EX | LOCK_NB) ? held : (close(held), unlink(path), -1);
}

static bool keep(struct lease *lease, const struct session *session, const struct plan *plan, int directory,
		 const char *outcome, const char *reason) {
	char text[RECORD_MAX];
	uint64_t opened = plan_now();
	size_t size = describe(text, session, plan, opened, directory >= 0, outcome, reason);
	char *at = plan_put_number(stpcpy(lease->path, RUN "/sessions/"), session->uid);
	/* For the host's start time, which costs more: who bears this pid and started after `opened` is another. */
	(void)plan_put_number(stpcpy(plan_put_number(stpcpy(at, "."), (uint64_t)getpid()), "."), opened);
	lease->kept[1] = directory;
	lease->view = session->view;
	lease->kept[0] = write_record(lease->path, text, size);
	if (lease->kept[0] < 0 || fstat(lease->kept[0], &lease->about[0]) ||
	    (directory >= 0 && fstat(directory, &lease->about[1])))
		return false;
	(void)flock(directory, LOCK_SH | LOCK_NB); /* only a hint that keeps systemd-tmpfiles away */
	return true;
}

const char *record_open(const struct session *session, const struct plan *plan, int directory,
			const char *outcome, const char *reason) {
	struct lease *lease = calloc(1, sizeof *lease);
	if (!lease)
		return "no memory is left";
	if (keep(lease, session, plan, directory, outcome, reason) &&
	    pam_set_data(session->pamh, LEASE, lease, end_lease) == PAM_SUCCESS)
		return NULL;
	(void)(lease->kept[0] >= 0 && (unlink(lease->path), close(lease->kept[0])));
	free(lease);
	return "the session record cannot be written";
}

void record_close(pam_handle_t *pamh) {
	const void *data;
	if (pam_get_data(pamh, LEASE, &data) != PAM_SUCCESS || !data)
		return;
	struct lease *lease = (struct lease *)(uintptr_t)data;
	(void)(lease->path[0] && unlink(lease->path)); /* EACCES in a host that dropped root: it is stale then */
	lease->path[0] = '\0';
	drop(lease, true);
}
