/* What the parts of the PAM module share. */
#pragma once
#include "../plan/plan.h"

#include <dirent.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>

#define RUN "/run/pam-mktemp"

/* The mount namespace that a session was brought into. */
struct view {
	uint64_t id, namespace; /* id: 0 if nothing was changed */
	struct statx root; /* its "/"; until it is entered the host's */
	bool made, hopeless, strayed; /* into one that proved not to be it */
};
struct session {
	pam_handle_t *pamh;
	const char *user, *service, *config;
	bool debug, closed;
	uid_t uid;
	gid_t gid;
	char key[PLAN_KEY];
	struct view view;
};

/* One line to syslog's authpriv; `id` is stable and documented. */
void say(const struct session *session, int priority, const char *id, const char *reason);
/* Has the planner make the plan. NULL, or why it could not be asked; the plan read afterwards decides. */
const char *planner_ask(const struct session *session);
/* Brings the process into the view of the plan. NULL, or why not; then it is where it was. The caller keeps its cwd. */
const char *view_enter(const struct plan *plan, struct view *view);
/* Forgets it; with `back` the process is where it was before. */
void view_leave(struct view *view, bool back);
/* The record, which takes over the descriptor `directory` (or -1) and the view. NULL, or why not; nor those then. */
const char *record_open(const struct session *session, const struct plan *plan, int directory,
			const char *outcome, const char *reason);
void record_close(pam_handle_t *pamh);
