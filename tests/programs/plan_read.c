/* A witness: reads plans and says what the C reader makes of each.
 *
 * Standard input: any number of plans, each a 4-byte little-endian size and the text. For each one
 * line 'refused REASON' or 'plan SIZE' and SIZE bytes: the plan in the writer's spelling. */
#include "plan_print.h"

#include <stdint.h>
#include <stdlib.h>

int main(void)
{
	static struct plan plan;
	uint32_t size;

	while (fread(&size, sizeof size, 1, stdin) == 1) {
		const char *why = "too large";
		char *text = malloc(size + 1u);

		if (!text || fread(text, 1, size, stdin) != size)
			return 1;
		if (size <= PLAN_MAX) {
			memcpy(plan.text, text, size);
			why = plan_parse(&plan, size);
		}
		free(text);
		if (why) {
			printf("refused %s\n", why);
		} else {
			char *out = NULL;
			size_t length = 0;
			FILE *to = open_memstream(&out, &length);

			plan_print(to, &plan);
			fclose(to);
			printf("plan %zu\n", length);
			fwrite(out, 1, length, stdout);
			free(out);
		}
		fflush(stdout);
	}
	return 0;
}
