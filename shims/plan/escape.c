/* Names are chosen by others: what goes into a line or a file name is percent-encoded. */
#include "plan.h"

static bool is_plain(unsigned char byte, enum escape how) {
	if (how == ESCAPE_KEY)
		return strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", byte);
	return byte < 0x7f && (how == ESCAPE_LINE ? byte >= 0x20 : byte > 0x20 && byte != '%');
}

bool plan_escape(char *out, size_t size, const char *in, enum escape how) {
	static const char hex[] = "0123456789ABCDEF";
	const char *start = out, *end = out + size;
	for (*out = '\0'; *in; *out = '\0') {
		unsigned char byte = (unsigned char)*in++;
		if (end - out < 4)
			return false;
		/* no file of ours is hidden, "." or ".." */
		if (is_plain(byte, how) && !(how == ESCAPE_KEY && out == start && byte == '.'))
			*out++ = (char)byte;
		else
			out = mempcpy(out, (char[]){'%', hex[byte >> 4], hex[byte & 15]}, 3);
	}
	return out > start;
}

char *plan_put_number(char *at, uint64_t number) {
	char digits[21] = "", *first = digits + sizeof digits - 1;
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	return stpcpy(at, first);
}

bool plan_key(char *out, const char *user, const char *service) {
	if (!plan_escape(out, PLAN_KEY - 1, user, ESCAPE_KEY))
		return false;
	char *at = stpcpy(out + strlen(out), ":");
	return plan_escape(at, (size_t)(out + PLAN_KEY - at), service, ESCAPE_KEY) && strlen(out) <= PLAN_KEY - 8;
}
