/* The reader of the format: strict, so that a plan has one spelling and an unknown line is refused. */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_MAX 1024
#define FIELDS 6
#define ID_MAX 4294967294u /* (uid_t)-1 means 'no change' to chown */

enum rule { HEADER, CONFIG, BOOT, EXPIRES, DEPENDS, ACCOUNT, LOOKUP, SERVICE, STAGE, REASON, FAIL, FORM, BASE,
	    DIR, STAMP, ACL, SETENV, RULES };

static const struct {
	const char *key;
	size_t fields, least, most;
} rules[RULES] = {
	[HEADER] = {"pam-mktemp-plan", 1, 1, 1}, [CONFIG] = {"config", 1, 1, 1},
	[BOOT] = {"boot", 1, 1, 1},		 [EXPIRES] = {"expires", 1, 1, 1},
	[DEPENDS] = {"depends", 6, 0, PLAN_DEPENDS}, [ACCOUNT] = {"account", 3, 1, 1},
	[LOOKUP] = {"lookup", 6, 0, PLAN_LOOKUPS},
	[SERVICE] = {"service", 1, 1, 1},	 [STAGE] = {"stage", 1, 1, 1},
	[REASON] = {"reason", 1, 1, 1},		 [FAIL] = {"fail", 1, 1, 1},
	[FORM] = {"form", 1, 1, 1},		 [BASE] = {"base", 1, 1, 1},
	[DIR] = {"dir", 6, 3, PLAN_DIRS},	 [STAMP] = {"stamp", 1, 1, 1},
	[ACL] = {"acl", 1, 1, 1},		 [SETENV] = {"setenv", 2, 0, PLAN_SETENV},
};

static int digit(char byte, const char *digits)
{
	const char *found = byte ? strchr(digits, byte) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* One field, percent-decoded in place. Only the writer's own spelling is accepted. */
static const char *decode(char *at, const char *end)
{
	char *out = at, *start = at;

	while (at < end) {
		char byte = *at++;

		if (byte <= 0x20 || byte >= 0x7f)
			return NULL;
		if (byte == '%') {
			int high = end - at < 2 ? -1 : digit(at[0], "0123456789ABCDEF");
			int low = high < 0 ? -1 : digit(at[1], "0123456789ABCDEF");
			int value = high * 16 + low;

			if (low < 0 || !value || (value > 0x20 && value < 0x7f && value != '%'))
				return NULL;
			byte = (char)value;
			at += 2;
		}
		*out++ = byte;
	}
	if (out == start || out - start > FIELD_MAX)
		return NULL;
	*out = '\0'; /* `end` held a space or a line feed */
	return start;
}

static bool number(const char *text, uint64_t most, uint64_t *out)
{
	if (text[0] == '0' && text[1])
		return false;
	for (*out = 0; *text; text++) {
		int value = digit(*text, "0123456789");

		if (value < 0 || __builtin_mul_overflow(*out, 10u, out) ||
		    __builtin_add_overflow(*out, (unsigned)value, out) || *out > most)
			return false;
	}
	return true;
}

static bool number32(const char *text, uint32_t *out)
{
	uint64_t wide;
	bool good = number(text, ID_MAX, &wide);

	*out = (uint32_t)wide;
	return good;
}

static bool depend(struct plan_depend *out, const char *const *f, size_t fields)
{
	out->path = f[0];
	out->absent = fields == 2 && !strcmp(f[1], "absent");
	return f[0][0] == '/' &&
	       (out->absent || (fields == 6 && number(f[1], UINT64_MAX, &out->dev) &&
				number(f[2], UINT64_MAX, &out->ino) && number(f[3], UINT64_MAX, &out->size) &&
				number(f[4], UINT64_MAX, &out->mtime) && number(f[5], UINT64_MAX, &out->ctime)));
}

static bool directory(struct plan_dir *out, const char *const *f)
{
	out->name = f[0];
	out->mode = (uint32_t)strtoul(f[5], NULL, 8);
	return strlen(f[5]) == 4 && strspn(f[5], "01234567") == 4 &&
	       !strchr(f[0], '/') && strcmp(f[0], ".") && strcmp(f[0], "..") &&
	       number(f[1], UINT64_MAX, &out->dev) && number(f[2], UINT64_MAX, &out->ino) &&
	       number32(f[3], &out->uid) && number32(f[4], &out->gid);
}

static bool variable(struct plan_setenv *out, const char *const *f)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	out->name = f[0];
	out->value = f[1];
	return !f[0][strspn(f[0], letters)] && digit(f[0][0], "0123456789") < 0;
}

static bool acl(struct plan *plan, const char *text)
{
	size_t i, size = strcmp(text, "-") ? strlen(text) : 0;

	if (size % 2 || size / 2 > sizeof plan->acl)
		return false;
	for (i = 0; i < size; i++) {
		int value = digit(text[i], "0123456789abcdef");

		if (value < 0)
			return false;
		plan->acl[i / 2] = (unsigned char)(i % 2 ? plan->acl[i / 2] | value : value << 4);
	}
	plan->acl_size = size / 2;
	return true;
}

static bool one_of(const char **out, const char *text, const char *a, const char *b, const char *c)
{
	*out = text;
	return !strcmp(text, a) || !strcmp(text, b) || !strcmp(text, c);
}

static bool store(struct plan *plan, enum rule rule, const char *const *f, size_t fields, size_t count)
{
	switch (rule) {
	case HEADER: return !strcmp(f[0], "1");
	case CONFIG: return (plan->config = f[0])[0] == '/';
	case BOOT: return (plan->boot = f[0]) != NULL;
	case EXPIRES: return number(f[0], UINT64_MAX, &plan->expires);
	case DEPENDS: plan->depends = count + 1; return depend(&plan->depend[count], f, fields);
	case ACCOUNT:
		plan->name = f[0];
		return number32(f[1], &plan->uid) && number32(f[2], &plan->gid);
	case LOOKUP: plan->lookups = count + 1; return depend(&plan->lookup[count], f, fields);
	case SERVICE: return (plan->service = f[0]) != NULL;
	case STAGE: return one_of(&plan->stage, f[0], "off", "env", "env");
	case REASON: return (plan->reason = f[0]) != NULL;
	case FAIL:
		plan->closed = !strcmp(f[0], "closed");
		return plan->closed || !strcmp(f[0], "open");
	case FORM: return one_of(&plan->form, f[0], "acl", "group", "owner");
	case BASE: return (plan->base = f[0])[0] == '/';
	case DIR: plan->dirs = count + 1; return directory(&plan->dir[count], f);
	case STAMP: return (plan->stamp = f[0]) != NULL;
	case ACL: return acl(plan, f[0]);
	case SETENV: plan->setenvs = count + 1; return variable(&plan->setenv[count], f);
	case RULES: break;
	}
	return false;
}

/* Splits the line at *at and steps behind it. How many fields, or 0 if one is not as it must be. */
static size_t split(char **at, const char *end, const char **f)
{
	size_t fields = 0;
	bool last = false;

	while (!last) {
		char *start = *at;

		while (*at < end && **at != ' ' && **at != '\n')
			++*at;
		if (*at == end || fields == FIELDS)
			return 0;
		last = **at == '\n';
		f[fields] = decode(start, (*at)++);
		if (!f[fields++])
			return 0;
	}
	return fields;
}

const char *plan_parse(struct plan *plan, size_t size)
{
	char *at = plan->text, *end = at + size;
	enum rule rule;

	plan->depends = plan->lookups = plan->dirs = plan->setenvs = plan->acl_size = 0;
	plan->form = plan->base = plan->stamp = "-";
	for (rule = 0; rule < RULES; rule++) {
		size_t count, key = strlen(rules[rule].key);

		for (count = 0; (size_t)(end - at) > key && !memcmp(at, rules[rule].key, key) &&
				at[key] == ' '; count++) {
			const char *f[FIELDS];
			size_t fields;

			if (count == rules[rule].most)
				return "a line too many of a kind";
			at += key + 1;
			fields = split(&at, end, f);
			if (fields != rules[rule].fields && !(rules[rule].fields == 6 && fields == 2 && rule != DIR))
				return "a line with a field missing, empty, too long or too many";
			if (!store(plan, rule, f, fields, count))
				return "a value that the format does not allow";
		}
		if (count < rules[rule].least)
			return "a line that is unknown, missing or out of order";
		if (rule == FAIL && !strcmp(plan->stage, "off"))
			break;
	}
	return end - at == 4 && !memcmp(at, "end\n", 4) ? NULL : "no end, or a line that is unknown";
}
