/* Names are chosen by others: what goes into a line or a file name is percent-encoded. */
#define _GNU_SOURCE
#include "plan.h"

#include <string.h>

static bool is_plain(unsigned char byte, enum escape how)
{
	if (how == ESCAPE_KEY)
		return strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", byte);
	return byte < 0x7f && (how == ESCAPE_LINE ? byte >= 0x20 : byte > 0x20 && byte != '%');
}

bool plan_escape(char *out, size_t size, const char *in, enum escape how)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;

	for (out[0] = '\0'; *in; in++) {
		unsigned char byte = (unsigned char)*in;

		if (size - used < 4)
			return false;
		/* no file of ours is hidden, "." or ".." */
		if (is_plain(byte, how) && !(how == ESCAPE_KEY && !used && byte == '.')) {
			out[used++] = *in;
		} else {
			out[used++] = '%';
			out[used++] = hex[byte >> 4];
			out[used++] = hex[byte & 15];
		}
		out[used] = '\0';
	}
	return used > 0;
}

char *plan_put_number(char *at, uint64_t number)
{
	char digits[21], *first = digits + sizeof digits - 1;

	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	return stpcpy(at, first);
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
