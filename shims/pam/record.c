/* The session record: the lease that clean-up, status and the rollout stand on. */
#define _GNU_SOURCE
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LEASE "pam_mktemp_py_lease"
#define SESSIONS RUN "/sessions/"

struct kept {
	int at;
	dev_t dev;
	ino_t ino;
};

struct lease {
	struct kept record, directory;
	char path[sizeof SESSIONS + 80];
};

static void keep(struct kept *kept, int at)
{
	struct stat about = {0};

	kept->at = at;
	if (at >= 0 && !fstat(at, &about)) {
		kept->dev = about.st_dev;
		kept->ino = about.st_ino;
	}
}

/* A host that closed all its descriptors may have given the number to something of its own. */
static void drop(struct kept *kept)
{
	struct stat about;

	if (kept->at >= 0 && !fstat(kept->at, &about) && about.st_dev == kept->dev &&
	    about.st_ino == kept->ino)
		close(kept->at);
	kept->at = -1;
}

static void end_lease(pam_handle_t *pamh, void *data, int status)
{
	struct lease *lease = data;

	(void)pamh, (void)status; /* not unlinked: pam_end is called in children too, who go on */
	drop(&lease->record);
	drop(&lease->directory);
	free(lease);
}

/* Field 22 of /proc/self/stat as text: with the pid it names the process for good (proc(5)). */
static bool start_time(char out[24])
{
	char stat[1024], *field;
	int i, at = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t got = at < 0 ? -1 : read(at, stat, sizeof stat - 1);

	if (at >= 0)
		close(at);
	if (got <= 0)
		return false;
	stat[got] = '\0';
	field = strrchr(stat, ')'); /* the name before it may hold anything */
	for (i = 2; field && i < 22; i++)
		if ((field = strchr(field, ' ')))
			field++;
	if (!field || strcspn(field, " ") >= 24)
		return false;
	*(char *)mempcpy(out, field, strcspn(field, " ")) = '\0';
	return true;
}

static void put(struct text *text, const char *key, const char *value)
{
	text_put(text, key, ESCAPE_NOTHING);
	text_put(text, " ", ESCAPE_NOTHING);
	text_put(text, value, ESCAPE_FIELD);
	text_put(text, "\n", ESCAPE_NOTHING);
}

static void put_number(struct text *text, const char *key, uint64_t value)
{
	text_put(text, key, ESCAPE_NOTHING);
	text_put(text, " ", ESCAPE_NOTHING);
	text_number(text, value);
	text_put(text, "\n", ESCAPE_NOTHING);
}

static void describe(struct text *text, const struct session *session, const struct plan *plan,
		     const char *start, const char *outcome, const char *reason)
{
	struct stat space = {0};
	size_t i;

	(void)stat("/proc/self/ns/mnt", &space);
	text_put(text, "pam-mktemp-session 1\n", ESCAPE_NOTHING);
	put_number(text, "uid", session->uid);
	put(text, "user", session->user);
	put(text, "service", session->service);
	put_number(text, "pid", (uint64_t)getpid());
	put(text, "start", start);
	put_number(text, "time", (uint64_t)time(NULL));
	put_number(text, "namespace", space.st_ino);
	put(text, "stage", plan ? plan->stage : "-");
	put(text, "outcome", outcome);
	put(text, "reason", reason);
	if (plan && plan->dirs) {
		put(text, "form", plan->form);
		put_number(text, "device", plan->dir[1].dev);
		put_number(text, "inode", plan->dir[1].ino);
		text_put(text, "directory ", ESCAPE_NOTHING);
		text_put(text, plan->base, ESCAPE_FIELD);
		for (i = 0; i < 2; i++) {
			text_put(text, "/", ESCAPE_NOTHING);
			text_put(text, plan->dir[i].name, ESCAPE_FIELD);
		}
		text_put(text, "\n", ESCAPE_NOTHING);
	}
	text_put(text, "end\n", ESCAPE_NOTHING);
}

/* The caller of su may have RLIMIT_FSIZE 0, and SIGXFSZ would end the host. */
static bool allow_writing(struct rlimit *before)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_FSIZE, before))
		return false;
	if (before->rlim_cur >= TEXT_MAX)
		return true;
	now.rlim_cur = now.rlim_max =
		before->rlim_max >= TEXT_MAX ? before->rlim_max : RLIM_INFINITY;
	return !setrlimit(RLIMIT_FSIZE, &now);
}

/* Written through one descriptor and held by another that cannot write: sshd hands what is open
 * here to the user's own process. */
static int write_record(const char *path, const struct text *text)
{
	struct rlimit limit;
	int held = -1, at = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool whole = false;

	if (at < 0)
		return -1;
	if (allow_writing(&limit)) {
		whole = write(at, text->at, text->used) == (ssize_t)text->used;
		if (limit.rlim_cur < TEXT_MAX)
			(void)setrlimit(RLIMIT_FSIZE, &limit);
	}
	close(at);
	if (whole)
		held = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (held >= 0 && held < 3) {
		at = fcntl(held, F_DUPFD_CLOEXEC, 3);
		close(held);
		held = at;
	}
	if (held >= 0 && flock(held, LOCK_EX | LOCK_NB)) {
		close(held);
		held = -1;
	}
	if (held < 0)
		(void)unlink(path);
	return held;
}

static int name_and_write(struct lease *lease, const struct session *session, const char *start,
			  const struct text *text)
{
	uint64_t again;
	int held = -1;

	/* again: one process may hold several sessions of one account */
	for (again = 0; held < 0 && again < 1000; again++) {
		struct text path = {0};

		text_put(&path, SESSIONS, ESCAPE_NOTHING);
		text_number(&path, session->uid);
		text_put(&path, ".", ESCAPE_NOTHING);
		text_number(&path, (uint64_t)getpid());
		text_put(&path, ".", ESCAPE_NOTHING);
		text_put(&path, start, ESCAPE_NOTHING);
		if (again) {
			text_put(&path, ".", ESCAPE_NOTHING);
			text_number(&path, again);
		}
		memcpy(lease->path, path.at, path.used + 1);
		held = write_record(lease->path, text);
		if (held < 0 && errno != EEXIST)
			break;
	}
	return held;
}

const char *record_open(const struct session *session, const struct plan *plan, int directory,
			const char *outcome, const char *reason)
{
	struct lease *lease = calloc(1, sizeof *lease);
	struct text text = {0};
	char start[24];
	int held = -1;

	if (lease && start_time(start)) {
		describe(&text, session, plan, start, outcome, reason);
		if (!text.cut)
			held = name_and_write(lease, session, start, &text);
	}
	if (held < 0) {
		free(lease);
		return "the session record cannot be written";
	}
	keep(&lease->record, held);
	keep(&lease->directory, directory);
	if (directory >= 0) /* only a hint that keeps systemd-tmpfiles away */
		(void)flock(directory, LOCK_SH | LOCK_NB);
	record_close(session->pamh);
	if (pam_set_data(session->pamh, LEASE, lease, end_lease) == PAM_SUCCESS)
		return NULL;
	(void)unlink(lease->path);
	lease->directory.at = -1; /* the caller's again */
	end_lease(session->pamh, lease, 0);
	return "PAM keeps no data";
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
	drop(&lease->record);
	drop(&lease->directory);
}
