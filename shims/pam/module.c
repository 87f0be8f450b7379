/* pam_mktemp_py.so: applies the plan of an account and service to the session. It decides nothing. */
#define _GNU_SOURCE
#include "module.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define CONFIG "/etc/security/pam_mktemp.toml"
#define OFF "/etc/security/pam_mktemp.off"
#define MEMO_NS (30 * 1000000000ull) /* how long a failure is remembered */
#define MEMO_MAX 1024
#define UNKNOWN ((uid_t)-1)
#define EXPORT __attribute__((visibility("default")))

/* How far a plan can be trusted; each includes those before it. */
enum trust { UNREADABLE, READABLE, OF_THIS_LOGIN, FRESH };

static void read_arguments(struct session *session, int argc, const char **argv)
{
	int i;

	session->config = CONFIG;
	for (i = 0; i < argc; i++)
		if (!strcmp(argv[i], "debug"))
			session->debug = true;
		else if (!strcmp(argv[i], "fail=open") || !strcmp(argv[i], "fail=closed"))
			session->closed = argv[i][5] == 'c';
		else if (!strncmp(argv[i], "config=/", 8))
			session->config = argv[i] + 7;
		else
			say(session, LOG_ERR, "argument-unknown", argv[i]);
}

/* Who logs in. A plan made from /etc/passwd as it is now has the answer; else NSS is asked, which in a
 * fresh process costs as much as all the rest. */
static const char *identify(struct session *session, const struct plan *plan, enum trust trust)
{
	const struct passwd *account;

	if (trust >= READABLE && !strcmp(plan->name, session->user) && plan_knows_account(plan)) {
		session->uid = plan->uid;
		session->gid = plan->gid;
		return NULL;
	}
	account = pam_modutil_getpwnam(session->pamh, session->user);
	if (!account)
		return "the account is unknown, or its directory service is down";
	session->uid = account->pw_uid;
	session->gid = account->pw_gid;
	return NULL;
}

static enum trust load(struct session *session, struct plan *plan, const char **why)
{
	char path[PLAN_KEY + 64];
	const char *unreadable;

	(void)stpcpy(stpcpy(path, RUN "/plans/"), session->key);
	unreadable = plan_load(plan, path);
	*why = session->uid == UNKNOWN ? identify(session, plan, unreadable ? UNREADABLE : READABLE) : NULL;
	if (unreadable || *why) {
		*why = *why ? *why : unreadable;
		return unreadable ? UNREADABLE : READABLE;
	}
	*why = "the plan is for another account, service or configuration";
	if (strcmp(plan->name, session->user) || strcmp(plan->service, session->service) ||
	    strcmp(plan->config, session->config) || plan->uid != session->uid ||
	    plan->gid != session->gid)
		return READABLE;
	*why = plan_is_fresh(plan);
	return *why ? OF_THIS_LOGIN : FRESH;
}

/* A failure that is not yet 30 s old, so that an outage is not paid by every login. */
static bool remembered(const char *key, char *reason, bool *closed)
{
	char path[PLAN_KEY + 64], memo[MEMO_MAX], policy[8];
	uint64_t then, now = plan_now();
	int skip = 0;
	ssize_t got;

	(void)stpcpy(stpcpy(path, RUN "/failures/"), key);
	got = readlink(path, memo, sizeof memo - 1);
	if (got <= 0)
		return false;
	memo[got] = '\0';
	if (sscanf(memo, "%" SCNu64 " %7s %n", &then, policy, &skip) != 2 || then > now ||
	    now - then >= MEMO_NS)
		return false;
	if (strcmp(policy, "-")) /* the configuration could be read as far as its policy */
		*closed = !strcmp(policy, "closed");
	memcpy(reason, memo + skip, strlen(memo + skip) + 1);
	return true;
}

static bool export_one(pam_handle_t *pamh, const struct plan_setenv *variable)
{
	char text[4096]; /* name and value are fields of at most 1,024 bytes each */

	(void)stpcpy(stpcpy(stpcpy(text, variable->name), "="), variable->value);
	return pam_putenv(pamh, text) == PAM_SUCCESS;
}

/* su keeps its caller's TMP, TEMP and TEMPDIR, and a handle its last session's: another account's directory
 * must not become root's, or that of one who cannot enter it. */
static void forget_others(pam_handle_t *pamh)
{
	static const struct plan_setenv usual[] = {
		{"TMPDIR", "/tmp"}, {"TMP", "/tmp"}, {"TEMP", "/tmp"}, {"TEMPDIR", "/tmp"}};
	size_t i;

	for (i = 0; i < sizeof usual / sizeof *usual; i++) {
		const char *ours = pam_getenv(pamh, usual[i].name), *now = ours ? ours : getenv(usual[i].name);

		if (now && strstr(now, "/.private/")) /* wherever /tmp really is */
			(void)export_one(pamh, &usual[i]);
	}
}

static const char *apply(const struct session *session, const struct plan *plan, int directory)
{
	const char *why = record_open(session, plan, directory, plan->dirs ? "private" : "shared",
				      plan->reason);
	size_t i;

	if (why) {
		if (directory >= 0)
			close(directory);
		return why;
	}
	if (!plan->dirs)
		forget_others(session->pamh);
	for (i = 0; i < plan->setenvs; i++)
		if (!export_one(session->pamh, &plan->setenv[i]))
			break;
	if (i == plan->setenvs)
		return NULL;
	while (i--) /* all variables or none: half of them would split a session's files */
		(void)pam_putenv(session->pamh, plan->setenv[i].name);
	record_close(session->pamh);
	return "the environment cannot be extended";
}

static const char *verify_and_apply(const struct session *session, const struct plan *plan)
{
	const char *why = NULL;
	int directory = -1;

	if (plan->dirs)
		directory = plan_open_directory(plan, &why);
	return why ? why : apply(session, plan, directory);
}

static int give_up(struct session *session, const struct plan *plan, bool closed, const char *why)
{
	/* Any user can fill /tmp: root gets in all the same, also while its uid cannot be looked up. */
	bool root = !session->uid || (session->uid == UNKNOWN && session->user && !strcmp(session->user, "root"));

	say(session, LOG_ERR, closed && !root ? "failed-closed" : "failed-open", why);
	if (closed && !root) {
		pam_error(session->pamh, "pam_mktemp_py: no private temporary directory, and the policy is to "
			  "refuse that; the reason is in the system's log");
		return PAM_PERM_DENIED; /* sudo goes on after PAM_SESSION_ERR */
	}
	if (!geteuid()) /* else they are the host's own */
		forget_others(session->pamh);
	if (session->uid != UNKNOWN)
		(void)record_open(session, plan, -1, "failed-open", why);
	return PAM_SUCCESS;
}

static const char *can_serve(struct session *session)
{
	if (geteuid())
		return "the program that opens the session is not root";
	if (!session->user || !session->service)
		return "the session has no account or no service";
	if (!plan_key(session->key, session->user, session->service))
		return "the name of account and service is empty or too long";
	return NULL;
}

static int open_session(struct session *session, struct plan *plan)
{
	const char *why = can_serve(session), *failed = NULL;
	char memo[MEMO_MAX];
	bool closed = session->closed;
	enum trust trust = UNREADABLE;

	if (why)
		return give_up(session, NULL, closed, why);
	trust = load(session, plan, &why);
	if (trust == FRESH && !(why = verify_and_apply(session, plan)))
		return PAM_SUCCESS;
	if (session->debug)
		say(session, LOG_DEBUG, "plan-stale", why);
	if (!remembered("@planner", memo, &closed) && !remembered(session->key, memo, &closed) &&
	    session->uid != UNKNOWN) {
		failed = planner_ask(session);
		trust = load(session, plan, &why);
		if (trust == FRESH && !(why = verify_and_apply(session, plan)))
			return PAM_SUCCESS;
	}
	closed = trust >= READABLE ? plan->closed : session->closed; /* a failure since then knows better */
	if (remembered(session->key, memo, &closed) || remembered("@planner", memo, &closed))
		why = memo;
	else if (failed)
		why = failed;
	if (trust >= OF_THIS_LOGIN && !verify_and_apply(session, plan)) {
		say(session, LOG_WARNING, "plan-expired", why);
		return PAM_SUCCESS;
	}
	return give_up(session, trust >= READABLE ? plan : NULL, closed, why);
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct session session = {.pamh = pamh, .uid = UNKNOWN};
	struct stat off;
	struct plan *plan;
	const void *item = NULL;
	int result, before = errno;

	(void)flags;
	if (pam_get_item(pamh, PAM_SERVICE, &item) == PAM_SUCCESS)
		session.service = item;
	item = NULL;
	if (pam_get_item(pamh, PAM_USER, &item) == PAM_SUCCESS)
		session.user = item;
	read_arguments(&session, argc, argv);
	if (!lstat(OFF, &off)) {
		if (session.debug)
			say(&session, LOG_DEBUG, "switched-off", OFF " exists");
		return PAM_SUCCESS;
	}
	plan = malloc(sizeof *plan);
	result = plan ? open_session(&session, plan)
		      : give_up(&session, NULL, session.closed, "no memory is left");
	free(plan);
	errno = before;
	return result;
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)flags, (void)argc, (void)argv;
	record_close(pamh);
	return PAM_SUCCESS;
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh, (void)flags, (void)argc, (void)argv;
	return PAM_IGNORE; /* login and sshd call it beside open_session: once is enough */
}
