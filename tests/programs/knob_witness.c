/* Witness: makes knob.out in the directory that KNOB_TMPDIR names, in /tmp without it, and says which name it has.
 * With SAY defined it also tells, as some do, that it has seen the variable. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	const char *folder = getenv("KNOB_TMPDIR");
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof path, "%s/knob.out", folder ? folder : "/tmp");
	out = fopen(path, "w");
	if (!out)
		return 1;
#ifdef SAY
	if (folder)
		puts("picked up KNOB_TMPDIR");
#endif
	puts(path);
	return fclose(out) != 0;
}
