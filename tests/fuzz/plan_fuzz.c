/* libFuzzer's target for the reader: no input may crash it, and what it accepts has one spelling. */
#include "../programs/plan_print.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* as large as what was read, not PLAN_MAX: reading a byte too far is then seen */
	size_t room = offsetof(struct plan, text) + size + 1;
	struct plan *plan;
	char *out = NULL;
	size_t length = 0;
	FILE *to;

	if (size > PLAN_MAX)
		return -1;
	plan = malloc(room);
	memcpy(plan->text, data, size);
	if (!plan_parse(plan, size)) {
		to = open_memstream(&out, &length);
		plan_print(to, plan);
		fclose(to);
		if (length != size || memcmp(out, data, size))
			abort();
		free(out);
	}
	free(plan);
	return 0;
}
