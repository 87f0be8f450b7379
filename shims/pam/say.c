/* Log lines without syslog(3): that keeps a descriptor, which may be the host's 0, and can block. */
#define _GNU_SOURCE
#include "module.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

void say(const struct session *session, int priority, const char *id, const char *reason)
{
	static const struct sockaddr_un log = {AF_UNIX, "/dev/log"};
	struct text line = {0};
	int at = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (at < 0)
		return;
	text_put(&line, "<", ESCAPE_NOTHING);
	text_number(&line, (uint64_t)(LOG_AUTHPRIV | priority));
	text_put(&line, ">pam_mktemp_py(", ESCAPE_NOTHING);
	text_put(&line, session->service ? session->service : "-", ESCAPE_FIELD);
	text_put(&line, ":session)[", ESCAPE_NOTHING);
	text_number(&line, (uint64_t)getpid());
	text_put(&line, "]: [", ESCAPE_NOTHING);
	text_put(&line, id, ESCAPE_NOTHING);
	text_put(&line, "] ", ESCAPE_NOTHING);
	text_put(&line, session->user ? session->user : "-", ESCAPE_FIELD);
	text_put(&line, ": ", ESCAPE_NOTHING);
	text_put(&line, reason, ESCAPE_CONTROL);
	(void)sendto(at, line.at, line.used, MSG_NOSIGNAL, (const struct sockaddr *)&log, sizeof log);
	close(at);
}
