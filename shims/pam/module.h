/* What the parts of the PAM module share. */
#ifndef PAM_MKTEMP_MODULE_H
#define PAM_MKTEMP_MODULE_H

#include "../plan/plan.h"

#include <security/pam_modules.h>
#include <sys/types.h>

#define RUN "/run/pam-mktemp"

struct session {
	pam_handle_t *pamh;
	const char *user, *service, *config;
	bool debug, closed;
	uid_t uid;
	gid_t gid;
	char key[PLAN_KEY];
};

/* One line to syslog's authpriv; `id` is stable and documented. */
void say(const struct session *session, int priority, const char *id, const char *reason);

/* Has the planner make the plan. NULL, or why it could not be asked; the plan read afterwards decides. */
const char *planner_ask(const struct session *session);

/* Writes and locks the session record, which takes over the descriptor `directory` (or -1).
 * NULL, or why there is none; `directory` is the caller's again then. */
const char *record_open(const struct session *session, const struct plan *plan, int directory,
			const char *outcome, const char *reason);
void record_close(pam_handle_t *pamh);

#endif
