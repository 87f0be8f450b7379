/* Witness: uses shared directories in the ways that `pam-mktemp detect` tells apart, by names that are built in.
 *
 *     tmp_witness [wait] ACT...      wait: say "ready", and begin when a line comes
 *
 * Linked statically by the test: no loader and no LD_PRELOAD library sees what it does. */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void make(const char *path, int flags)
{
	int at = open(path, O_WRONLY | O_CREAT | flags, 0600);

	if (at < 0)
		err(1, "%s", path);
	close(at);
}

static void make_numbered(const char *format, int number)
{
	char path[64];

	(void)snprintf(path, sizeof path, format, number);
	make(path, O_TRUNC);
}

static void make_random(const char *folder)
{
	char path[512];
	int at;

	(void)snprintf(path, sizeof path, "%s/witness.XXXXXX", folder ? folder : "/tmp");
	at = mkstemp(path);
	if (at < 0)
		err(1, "%s", path);
	close(at);
}

static int named(struct sockaddr_un *name)
{
	int at = socket(AF_UNIX, SOCK_STREAM, 0);

	memset(name, 0, sizeof *name);
	name->sun_family = AF_UNIX;
	(void)snprintf(name->sun_path, sizeof name->sun_path, "/tmp/witness.socket");
	if (at < 0)
		err(1, "socket");
	return at;
}

static void listen_there(void)
{
	struct sockaddr_un name;
	int at = named(&name);

	if (bind(at, (struct sockaddr *)&name, sizeof name) || listen(at, 1))
		err(1, "bind");
}

static void talk(int trusting)
{
	struct sockaddr_un name;
	struct ucred peer;
	socklen_t size = sizeof peer;
	int at = named(&name);

	if (connect(at, (struct sockaddr *)&name, sizeof name))
		err(1, "connect");
	if (!trusting && getsockopt(at, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		err(1, "SO_PEERCRED");
	close(at);
}

static void act(const char *what)
{
	if (!strcmp(what, "plain"))
		make("/tmp/witness.plain", O_TRUNC);
	else if (!strcmp(what, "nofollow"))
		make("/tmp/witness.nofollow", O_NOFOLLOW);
	else if (!strcmp(what, "exclusive"))
		make("/tmp/witness.exclusive", O_EXCL);
	else if (!strcmp(what, "opened")) {
		make("/tmp/witness.opened", O_EXCL);
		if (chmod("/tmp/witness.opened", 0666))
			err(1, "chmod");
	} else if (!strcmp(what, "pid"))
		make_numbered("/tmp/witness-%d.log", getpid());
	else if (!strcmp(what, "uid"))
		make_numbered("/tmp/witness-%d", (int)getuid());
	else if (!strcmp(what, "directory")) {
		if (mkdir("/tmp/witness.d", 0700))
			err(1, "mkdir");
		make("/tmp/witness.d/inside", O_TRUNC);
	} else if (!strcmp(what, "memory"))
		make("/dev/shm/witness", O_TRUNC);
	else if (!strcmp(what, "kept"))
		make("/var/tmp/witness", O_TRUNC);
	else if (!strcmp(what, "random"))
		make_random(NULL);
	else if (!strcmp(what, "honest"))
		make_random(getenv("TMPDIR"));
	else if (!strcmp(what, "listen"))
		listen_there();
	else if (!strcmp(what, "trust"))
		talk(1);
	else if (!strcmp(what, "ask"))
		talk(0);
	else
		errx(2, "%s?", what);
}

int main(int count, char **words)
{
	int i = 1;

	if (count > 1 && !strcmp(words[1], "wait")) {
		i++;
		puts("ready");
		if (fflush(stdout) || getchar() == EOF)
			return 3;
	}
	for (; i < count; i++)
		act(words[i]);
	return 0;
}
