/* A witness: a PAM host that has several handles at once.
 *
 * handles SERVICE STEP...: +USER opens a session by a new handle, the first being 0; -N closes that of handle N; =N ends
 * handle N, with no close before it as a child does; ~N does both in a child. After each step a line: the step, its
 * PAM result, "mnt:[N]" and the number of open descriptors. */
#define _GNU_SOURCE
#include <dirent.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 32

static int converse(int count, const struct pam_message **message, struct pam_response **answer, void *data)
{
	(void)message, (void)data;
	*answer = calloc((size_t)count, sizeof **answer);
	return *answer ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int open_files(void)
{
	DIR *all = opendir("/proc/self/fd");
	int count = -3; /* ".", ".." and its own */

	while (all && readdir(all))
		count++;
	if (all)
		closedir(all);
	return count;
}

static int close_and_end(pam_handle_t *pamh)
{
	int result = pam_close_session(pamh, 0);

	return result == PAM_SUCCESS ? pam_end(pamh, result) : result;
}

static int in_child(pam_handle_t *pamh)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(close_and_end(pamh));
	waitpid(child, &status, 0);
	return status;
}

int main(int argc, char **argv)
{
	static pam_handle_t *handles[MOST];
	struct pam_conv conversation = {converse, NULL};
	int count = 0;

	for (int i = 2; i < argc; i++) {
		const char *what = argv[i] + 1;
		pam_handle_t **one = argv[i][0] == '+' ? &handles[count++ % MOST] : &handles[atoi(what) % MOST];
		char view[64] = "";
		int result;

		if (argv[i][0] == '+') {
			result = pam_start(argv[1], what, &conversation, one);
			result = result == PAM_SUCCESS ? pam_open_session(*one, 0) : result;
		} else if (argv[i][0] == '-') {
			result = pam_close_session(*one, 0);
		} else {
			result = argv[i][0] == '=' ? pam_end(*one, 0) : in_child(*one);
		}
		(void)!readlink("/proc/self/ns/mnt", view, sizeof view - 1);
		printf("%s %d %s %d\n", argv[i], result, view, open_files());
	}
	return 0;
}
