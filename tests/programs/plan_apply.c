/* A witness: plan_apply FILE says what the C side would do with the plan now.
 *
 * 'refused REASON', 'unsafe REASON', or 'safe' and a line NAME=VALUE for each variable. Then a line
 * 'fresh' or 'stale REASON'. */
#include "../../shims/plan/plan.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static struct plan plan;
	const char *why = argc == 2 ? plan_load(&plan, argv[1]) : "called wrongly";
	int directory = -1;
	size_t i;

	if (why) {
		printf("refused %s\n", why);
		return 0;
	}
	if (plan.dirs)
		directory = plan_open_directory(&plan, &why);
	if (why)
		printf("unsafe %s\n", why);
	else
		puts("safe");
	if (directory >= 0 && directory < 3)
		return 1;
	for (i = 0; !why && i < plan.setenvs; i++)
		printf("%s=%s\n", plan.setenv[i].name, plan.setenv[i].value);
	why = plan_is_fresh(&plan);
	printf("%s%s\n", why ? "stale " : "fresh", why ? why : "");
	return 0;
}
