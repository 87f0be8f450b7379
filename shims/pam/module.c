/* pam_mktemp_py.so: applies the plan of an account and service to the session. It decides nothing. */
#include "module.h"

#define CONFIG "/etc/security/pam_mktemp.toml"
#define OFF "/etc/security/pam_mktemp.off"
#define MEMO_NS (30 * 1000000000ull) /* how long a failure is remembered */
#define MEMO_MAX 1024
#define UNKNOWN ((uid_t)-1)
#define EXPORT __attribute__((visibility("default")))

/* How far a plan can be trusted; each includes those before it. */
enum trust { UNREADABLE, READABLE, OF_THIS_LOGIN, FRESH };

static void read_arguments(struct session *session, int argc, const char **argv) {
	session->config = CONFIG;
	for (int i = 0; i < argc; i++)
		if (!strcmp(argv[i], "debug"))
			session->debug = true;
		else if (!strcmp(argv[i], "fail=open") || !strcmp(argv[i], "fail=closed"))
			session->closed = argv[i][5] == 'c';
		else if (!strncmp(argv[i], "config=/", 8))
			session->config = argv[i] + 7;
		else
			say(session, LOG_ERR, "argument-unknown", argv[i]);
}

/* Who logs in. A plan made from /etc/passwd as it is now knows; to ask NSS costs as much as all the rest. */
static const char *identify(struct session *session, const struct plan *plan, enum trust trust) {
	bool known = trust >= READABLE && !strcmp(plan->name, session->user) && plan_knows_account(plan);
	const struct passwd *account = known ? NULL : pam_modutil_getpwnam(session->pamh, session->user);
	session->uid = known ? plan->uid : account ? account->pw_uid : UNKNOWN;
	session->gid = known ? plan->gid : account ? account->pw_gid : UNKNOWN;
	return known || account ? NULL : "the account is unknown, or its directory service is down";
}

static enum trust load(struct session *session, struct plan *plan, const char **why) {
	char path[PLAN_KEY + 64];
	(void)stpcpy(stpcpy(path, RUN "/plans/"), session->key);
	const char *unreadable = plan_load(plan, path);
	*why = session->uid == UNKNOWN ? identify(session, plan, unreadable ? UNREADABLE : READABLE) : NULL;
	*why = *why ? *why : unreadable;
	if (*why)
		return unreadable ? UNREADABLE : READABLE;
	*why = "the plan is for another account, service or configuration";
	if (strcmp(plan->name, session->user) || strcmp(plan->service, session->service) ||
	    strcmp(plan->config, session->config) || plan->uid != session->uid || plan->gid != session->gid)
		return READABLE;
	*why = plan_is_fresh(plan);
	return *why ? OF_THIS_LOGIN : FRESH;
}

/* A failure that is not yet 30 s old, so that an outage is not paid by every login. */
static bool remembered(const char *key, char *reason, bool *closed) {
	char path[PLAN_KEY + 64], memo[MEMO_MAX] = "", policy[8];
	uint64_t then, now = plan_now();
	int skip = 0;
	(void)stpcpy(stpcpy(path, RUN "/failures/"), key);
	if (readlink(path, memo, sizeof memo - 1) < 0 || sscanf(memo, "%" SCNu64 " %7s %n", &then, policy, &skip) != 2 ||
	    then > now || now - then >= MEMO_NS)
		return false;
	*closed = strcmp(policy, "-") ? !strcmp(policy, "closed") : *closed; /* -: read before that was */
	return stpcpy(reason, memo + skip);
}

/* Name and value are fields of at most 1,024 bytes each. Of PATH only the directory that shall be first is ours. */
static bool export_one(pam_handle_t *pamh, const struct plan_setenv *variable) {
	const char *now = strcmp(variable->name, "PATH") ? NULL : pam_getenv(pamh, "PATH");
	size_t size = now && *now ? strcspn(variable->value, ":") + 1 : strlen(variable->value); /* empty: of "." */
	char text[8192], *at = stpcpy(stpcpy(text, variable->name), "=");
	if (now && (!strncmp(now, variable->value, size) || strlen(now) > sizeof text / 2))
		return true;
	(void)stpcpy(mempcpy(at, variable->value, size), now ? now : "");
	return pam_putenv(pamh, text) == PAM_SUCCESS;
}

/* su keeps its caller's TMP, TEMP and TEMPDIR, and a handle its last session's: another's directory is of no use. */
static void forget_others(pam_handle_t *pamh) {
	static const char *const usual[] = {"TMPDIR", "TMP", "TEMP", "TEMPDIR"};
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		const char *ours = pam_getenv(pamh, usual[i]), *now = ours ? ours : getenv(usual[i]);
		if (now && strstr(now, "/.private/")) /* wherever /tmp really is */
			(void)export_one(pamh, &(struct plan_setenv){usual[i], "/tmp"});
	}
}

/* `shared`: why there can be no private mount, where the policy is to go on without: on the host, if that can be. */
static const char *apply(struct session *session, const struct plan *plan, int directory, const char *shared) {
	size_t i;
	session->view = (struct view){0};
	const char *why = view_enter(plan, &session->view);
	if ((why && !shared) || (why = record_open(session, plan, directory, shared ? "failed-open"
				      : plan->dirs ? "private" : "shared", shared ? shared : plan->reason))) {
		close(directory);
		view_leave(&session->view, true);
		return why;
	}
	if (!plan->dirs)
		forget_others(session->pamh);
	for (i = 0; i < plan->setenvs && export_one(session->pamh, &plan->setenv[i]);)
		i++;
	if (i == plan->setenvs)
		return NULL;
	while (i--) /* all variables or none: half of them would split a session's files */
		(void)pam_putenv(session->pamh, plan->setenv[i].name);
	record_close(session->pamh);
	return "the environment cannot be extended";
}

static const char *verify_and_apply(struct session *session, const struct plan *plan, const char *shared) {
	const char *why = NULL;
	int directory = plan->dirs ? plan_open_directory(plan, &why) : -1;
	if (why)
		return why;
	int cwd = open(".", O_PATH | O_CLOEXEC);
	why = apply(session, plan, directory, shared);
	(void)(why && fchdir(cwd)); /* a change of the view, there and back, leads to / */
	close(cwd);
	return why;
}

static int give_up(struct session *session, const struct plan *plan, bool closed, const char *why) {
	/* Any user can fill /tmp: root gets in all the same, also while its uid cannot be looked up. */
	bool root = !session->uid || (session->uid == UNKNOWN && session->user && !strcmp(session->user, "root"));
	say(session, LOG_ERR, closed && !root ? "failed-closed" : "failed-open", why);
	if (closed && !root) /* sudo goes on after PAM_SESSION_ERR */
		return pam_error(session->pamh, "pam_mktemp_py: no private temporary directory, and the policy is to refuse "
				 "that; the reason is in the system's log"), PAM_PERM_DENIED;
	if (!geteuid()) /* else they are the host's own */
		forget_others(session->pamh);
	if (session->uid != UNKNOWN)
		(void)record_open(session, plan, -1, "failed-open", why);
	return PAM_SUCCESS;
}

static int open_session(struct session *session, struct plan *plan) {
	const char *failed = NULL, *why = geteuid() ? "the program that opens the session is not root"
		: !session->user || !session->service ? "the session has no account or no service"
		: plan_key(session->key, session->user, session->service) ? NULL
		: "the name of account and service is empty or too long";
	char memo[MEMO_MAX];
	bool closed = session->closed;
	if (why)
		return give_up(session, NULL, closed, why);
	enum trust trust = load(session, plan, &why);
	if (trust == FRESH && !(why = verify_and_apply(session, plan, NULL)))
		return PAM_SUCCESS;
	if (session->debug)
		say(session, LOG_DEBUG, "plan-stale", why);
	if (!session->view.hopeless && !remembered("@planner", memo, &closed) &&
	    !remembered(session->key, memo, &closed) && session->uid != UNKNOWN) {
		failed = planner_ask(session);
		trust = load(session, plan, &why);
		if (trust == FRESH && !(why = verify_and_apply(session, plan, NULL)))
			return PAM_SUCCESS;
	}
	closed = trust >= READABLE ? plan->closed : session->closed; /* a failure since then knows better */
	if (session->view.hopeless) /* what a planner failed at before is not the reason */
		failed = why;
	else if (remembered(session->key, memo, &closed) || remembered("@planner", memo, &closed))
		failed = memo;
	why = failed ? failed : why;
	if (trust == OF_THIS_LOGIN && !verify_and_apply(session, plan, NULL)) {
		say(session, LOG_WARNING, "plan-expired", why);
		return PAM_SUCCESS;
	}
	if (trust >= OF_THIS_LOGIN && plan->mounts && !closed && !(plan->mounts = 0, verify_and_apply(session, plan, why))) {
		say(session, LOG_ERR, "failed-open", why);
		return PAM_SUCCESS;
	}
	return give_up(session, trust >= READABLE ? plan : NULL, closed, why);
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
	struct stat off;
	const void *user = NULL, *service = NULL;
	int before = errno;
	(void)pam_get_item(pamh, PAM_SERVICE, &service), (void)pam_get_item(pamh, PAM_USER, &user);
	struct session session = {.pamh = pamh, .uid = UNKNOWN, .user = user, .service = service};
	read_arguments(&session, argc, argv);
	record_close(pamh); /* an earlier session of the same handle */
	if (!lstat(OFF, &off)) {
		if (session.debug)
			say(&session, LOG_DEBUG, "switched-off", OFF " exists");
		return PAM_SUCCESS;
	}
	struct plan *plan = malloc(sizeof *plan);
	int result = plan ? open_session(&session, plan) : give_up(&session, NULL, session.closed, "no memory is left");
	free(plan);
	errno = before;
	return result;
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
	record_close(pamh);
	return PAM_SUCCESS;
}

EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
	return PAM_IGNORE; /* login and sshd call it beside open_session: once is enough */
}
