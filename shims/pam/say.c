/* Log lines without syslog(3): that keeps a descriptor, which may be the host's 0, and can block. */
#include "module.h"

void say(const struct session *session, int priority, const char *id, const char *reason) {
	static const struct sockaddr_un log = {AF_UNIX, "/dev/log"};
	char line[2048], service[128], user[256], text[1024];
	int at = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)plan_escape(service, sizeof service, session->service ? session->service : "-", ESCAPE_FIELD);
	(void)plan_escape(user, sizeof user, session->user ? session->user : "-", ESCAPE_FIELD);
	(void)plan_escape(text, sizeof text, reason, ESCAPE_LINE);
	int size = snprintf(line, sizeof line, "<%d>pam_mktemp_py(%s:session)[%d]: [%s] %s: %s",
			LOG_AUTHPRIV | priority, service, getpid(), id, user, text);
	(void)sendto(at, line, (size_t)size, MSG_NOSIGNAL, (const struct sockaddr *)&log, sizeof log);
	close(at);
}
