/* Witness: does what hpcupsfax of HPLIP did (CVE-2011-2722). */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	FILE *out = fopen("/tmp/hpcupsfax.out", "w");

	if (!out)
		return 1;
	(void)fputs("fax\n", out);
	(void)system("chmod 666 /tmp/hpcupsfax.out");
	return fclose(out) != 0;
}
