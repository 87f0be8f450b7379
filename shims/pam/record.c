/* The session record: the lease that clean-up, status and the rollout stand on. */
#define _GNU_SOURCE
#include "module.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEASE "pam_mktemp_py_lease"
#define RECORD_MAX 4096

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

/* Field 22 of /proc/self/stat: with the pid it names the process for good (proc(5)). */
static unsigned long long start_time(void)
{
	char stat[1024], *field;
	unsigned long long start = 0;
	int i, at = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t got = at < 0 ? -1 : read(at, stat, sizeof stat - 1);

	if (at >= 0)
		close(at);
	if (got <= 0)
		return 0;
	stat[got] = '\0';
	field = strrchr(stat, ')'); /* the name before it may hold anything */
	for (i = 2; field && i < 22; i++)
		field = strchr(field + 1, ' ');
	if (field)
		start = strtoull(field, NULL, 10);
	return start;
}

/* The text, which ends in "end" so that a reader knows it whole. Its size, or -1. */
static int describe(char *out, const struct session *session, const struct plan *plan, unsigned long long start,
		    const char *outcome, const char *reason)
{
	char user[800], service[400], why[800], place[400] = "", private[500];
	struct stat space = {0};
	int size;

	(void)stat("/proc/self/ns/mnt", &space);
	if (!plan_escape(user, sizeof user, session->user, ESCAPE_FIELD) ||
	    !plan_escape(service, sizeof service, session->service, ESCAPE_FIELD))
		return -1;
	(void)plan_escape(why, sizeof why, reason, ESCAPE_FIELD);
	if (plan && plan->dirs) {
		(void)snprintf(private, sizeof private, "%s/%s/%s", plan->base, plan->dir[0].name, plan->dir[1].name);
		(void)plan_escape(place, sizeof place, private, ESCAPE_FIELD);
		(void)snprintf(private, sizeof private, "form %s\ndevice %" PRIu64 "\ninode %" PRIu64 "\ndirectory ",
			       plan->form, plan->dir[1].dev, plan->dir[1].ino);
	}
	size = snprintf(out, RECORD_MAX,
			"pam-mktemp-session 1\nuid %u\nuser %s\nservice %s\npid %d\nstart %llu\ntime %lld\n"
			"boot %s\nnamespace %llu\nstage %s\noutcome %s\nreason %s\n%s%s%send\n",
			session->uid, user, service, getpid(), start, (long long)time(NULL),
			plan ? plan->boot : "-", (unsigned long long)space.st_ino, plan ? plan->stage : "-",
			outcome, why, *place ? private : "", place, *place ? "\n" : "");
	return size < RECORD_MAX ? size : -1;
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
	unsigned long long start = start_time();
	int size = start ? describe(text, session, plan, start, outcome, reason) : -1;

	/* the time: one process may hold several sessions of one account */
	(void)snprintf(lease->path, sizeof lease->path, RUN "/sessions/%u.%d.%llu.%" PRIu64, session->uid,
		       getpid(), start, plan_now());
	lease->kept[1] = directory;
	lease->kept[0] = size < 0 ? -1 : write_record(lease->path, text, (size_t)size);
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
