/* The session record: the lease that clean-up, status and the rollout stand on. */
#define _GNU_SOURCE
#include "module.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEASE "pam_mktemp_py_lease"
#define ESCAPED 600 /* most bytes of a field */
#define RECORD_MAX 8192

struct lease {
	int kept[2]; /* the record, the account's directory */
	struct stat about[2];
	char path[128];
};

/* A host that closed all its descriptors may have given the number to something of its own. */
static void drop(struct lease *lease)
{
	struct stat now;
	int i;

	for (i = 0; i < 2; i++) {
		if (lease->kept[i] >= 0 && !fstat(lease->kept[i], &now) &&
		    now.st_dev == lease->about[i].st_dev && now.st_ino == lease->about[i].st_ino)
			close(lease->kept[i]);
		lease->kept[i] = -1;
	}
}

static void end_lease(pam_handle_t *pamh, void *lease, int status)
{
	(void)pamh, (void)status; /* not unlinked: pam_end is called in children too, who go on */
	drop(lease);
	free(lease);
}

static char *put(char *at, const char *key, const char *text)
{
	at = stpcpy(at, key);
	(void)plan_escape(at, ESCAPED, text, ESCAPE_FIELD); /* what is too long is cut */
	at += strlen(at);
	return stpcpy(at, "\n");
}

static char *put_number(char *at, const char *key, uint64_t number)
{
	return stpcpy(plan_put_number(stpcpy(at, key), number), "\n");
}

/* The text, which ends in "end" so that a reader knows it whole. No mount namespace is named: at the
 * stages there are it is the host's own, and asking for it costs a third of the record. */
static size_t describe(char *out, const struct session *session, const struct plan *plan, uint64_t opened,
		       bool private, const char *outcome, const char *reason)
{
	char place[3 * 1024 + 3], *at = stpcpy(out, "pam-mktemp-session 1\n");

	at = put_number(at, "uid ", session->uid);
	at = put(at, "user ", session->user);
	at = put(at, "service ", session->service);
	at = put_number(at, "pid ", (uint64_t)getpid());
	at = put_number(at, "opened ", opened);
	at = put_number(at, "time ", (uint64_t)time(NULL));
	at = put(at, "boot ", plan ? plan->boot : "-");
	at = put(at, "stage ", plan ? plan->stage : "-");
	at = put(at, "outcome ", outcome);
	at = put(at, "reason ", reason);
	if (private) { /* else nothing is leased, and a wrong directory can be replaced */
		(void)stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(place, plan->base), "/"), plan->dir[0].name), "/"),
			     plan->dir[1].name);
		at = put(at, "form ", plan->form);
		at = put_number(at, "device ", plan->dir[1].dev);
		at = put_number(at, "inode ", plan->dir[1].ino);
		at = put(at, "directory ", place);
	}
	return (size_t)(stpcpy(at, "end\n") - out);
}

/* The caller of su may have RLIMIT_FSIZE 0, and SIGXFSZ would end the host. */
static bool write_all(int at, const char *text, size_t size)
{
	struct rlimit before, now;
	bool whole;

	if (getrlimit(RLIMIT_FSIZE, &before))
		return false;
	now.rlim_cur = now.rlim_max = before.rlim_max >= size ? before.rlim_max : RLIM_INFINITY;
	if (before.rlim_cur < size && setrlimit(RLIMIT_FSIZE, &now))
		return false;
	whole = write(at, text, size) == (ssize_t)size;
	if (before.rlim_cur < size)
		(void)setrlimit(RLIMIT_FSIZE, &before);
	return whole;
}

/* Written through one descriptor and held by another that cannot write: sshd hands what is open
 * here to the user's own process. */
static int write_record(const char *path, const char *text, size_t size)
{
	int held = -1, at = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool whole;

	if (at < 0)
		return -1;
	whole = write_all(at, text, size);
	close(at);
	if (whole)
		held = plan_above_2(open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
	if (held >= 0 && !flock(held, LOCK_EX | LOCK_NB))
		return held;
	if (held >= 0)
		close(held);
	(void)unlink(path);
	return -1;
}

static bool keep(struct lease *lease, const struct session *session, const struct plan *plan, int directory,
		 const char *outcome, const char *reason)
{
	char text[RECORD_MAX];
	uint64_t opened = plan_now();
	size_t size = describe(text, session, plan, opened, directory >= 0, outcome, reason);
	char *at = stpcpy(lease->path, RUN "/sessions/");

	/* The host's start time would name it too, but reading it costs more than the whole record: a
	 * process that bears this pid and started after `opened` is another one. */
	at = stpcpy(plan_put_number(at, session->uid), ".");
	at = stpcpy(plan_put_number(at, (uint64_t)getpid()), ".");
	(void)plan_put_number(at, opened);
	lease->kept[1] = directory;
	lease->kept[0] = write_record(lease->path, text, size);
	if (lease->kept[0] < 0 || fstat(lease->kept[0], &lease->about[0]) ||
	    (directory >= 0 && fstat(directory, &lease->about[1])))
		return false;
	if (directory >= 0) /* only a hint that keeps systemd-tmpfiles away */
		(void)flock(directory, LOCK_SH | LOCK_NB);
	return true;
}

const char *record_open(const struct session *session, const struct plan *plan, int directory,
			const char *outcome, const char *reason)
{
	struct lease *lease = calloc(1, sizeof *lease);

	if (!lease)
		return "no memory is left";
	record_close(session->pamh); /* of an earlier session of the same handle */
	if (keep(lease, session, plan, directory, outcome, reason) &&
	    pam_set_data(session->pamh, LEASE, lease, end_lease) == PAM_SUCCESS)
		return NULL;
	if (lease->kept[0] >= 0) {
		(void)unlink(lease->path);
		close(lease->kept[0]);
	}
	free(lease);
	return "the session record cannot be written";
}

void record_close(pam_handle_t *pamh)
{
	const void *data;
	struct lease *lease;

	if (pam_get_data(pamh, LEASE, &data) != PAM_SUCCESS || !data)
		return;
	lease = (struct lease *)(uintptr_t)data;
	if (lease->path[0])
		(void)unlink(lease->path); /* EACCES in a host that dropped root: it is stale then */
	lease->path[0] = '\0';
	drop(lease);
}
