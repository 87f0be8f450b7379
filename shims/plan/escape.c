/* Names are chosen by others: what goes into a line or a file name is percent-encoded. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

static bool is_plain(unsigned char byte, enum escape how)
{
	if (how == ESCAPE_KEY)
		return strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", byte);
	return byte < 0x7f && (how == ESCAPE_LINE ? byte >= 0x20 : byte > 0x20 && byte != '%');
}

bool plan_escape(char *out, size_t size, const char *in, enum escape how)
{
	size_t used = 0;

	for (out[0] = '\0'; *in; in++) {
		/* no file of ours is hidden, "." or ".." */
		bool dot = how == ESCAPE_KEY && !used && *in == '.';
		bool plain = is_plain((unsigned char)*in, how) && !dot;

		if (size - used < 4)
			return false;
		used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "%%%02X", (unsigned char)*in);
	}
	return used > 0;
}

bool plan_key(char *out, const char *user, const char *service)
{
	size_t used;

	if (!plan_escape(out, PLAN_KEY - 1, user, ESCAPE_KEY))
		return false;
	used = strlen(out);
	out[used++] = ':';
	return plan_escape(out + used, PLAN_KEY - used, service, ESCAPE_KEY) && strlen(out) <= PLAN_KEY_MAX;
}
