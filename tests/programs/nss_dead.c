/* A directory service for the group database that knows nobody and, while /run/nss-dead exists, never answers. */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <unistd.h>

#define FLAG "/run/nss-dead"

static enum nss_status ask(int *cause)
{
	while (access(FLAG, F_OK) == 0)
		usleep(20000);
	*cause = ENOENT;
	return NSS_STATUS_NOTFOUND;
}

enum nss_status _nss_dead_getgrnam_r(const char *name, struct group *out, char *buffer, size_t size, int *cause)
{
	(void)name, (void)out, (void)buffer, (void)size;
	return ask(cause);
}

enum nss_status _nss_dead_getgrgid_r(gid_t gid, struct group *out, char *buffer, size_t size, int *cause)
{
	(void)gid, (void)out, (void)buffer, (void)size;
	return ask(cause);
}

enum nss_status _nss_dead_initgroups_dyn(const char *user, gid_t gid, long *start, long *size, gid_t **groups,
					 long limit, int *cause)
{
	(void)user, (void)gid, (void)start, (void)size, (void)groups, (void)limit;
	return ask(cause);
}
