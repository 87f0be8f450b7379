/* Witness, made setuid or setgid by the test: which of the variables glibc leaves it, and what it can do there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

static const char *try_in(const char *folder)
{
	char path[512];
	int at;

	(void)snprintf(path, sizeof path, "%s/secure.%d", folder, getpid());
	at = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (at < 0)
		return strerror(errno);
	close(at);
	(void)unlink(path);
	return "ok";
}

int main(void)
{
	static const char *const names[] = {"TMPDIR", "TMP", "TEMP", "TEMPDIR"};
	size_t i;

	printf("secure %lu euid %u egid %u\n", getauxval(AT_SECURE), geteuid(), getegid());
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		printf("%s %s %s\n", names[i], value ? value : "-", value ? try_in(value) : "-");
	}
	return 0;
}
