/* The reader of the format: strict, so that a plan has one spelling and an unknown line is refused. */
#include "plan.h"

#define FIELD_MAX 1024
#define VIEW_MAX 64 /* it becomes a file's name */
#define ACL_MAX 256
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define ID_MAX 4294967294u /* (uid_t)-1 means 'no change' to chown */
#define AT(member) offsetof(struct plan, member)
#define ONCE(member) AT(member), 0, 0, 0, 0, NULL
#define WORD(member, words) AT(member), 0, 0, 0, 0, words
#define SIZE(what) sizeof(((struct plan *)0)->what)
#define MANY(member, count, least) AT(member), SIZE(member[0]), AT(count), SIZE(member) / SIZE(member[0]), least, NULL

/* The lines in their order. A letter for each field, in the order of the struct's members: s text, / an absolute path,
 * m that or `tmpfs`, n a number, a that or, last, `absent`, i an id, o a mode, f a file's name, v a variable's, V a
 * view's, w one of the words (each ends in \0), x the access list. `most` is 0 for a line that is there once. */
static const struct rule {
	const char *key, *letters;
	size_t at, size, counter, most, least;
	const char *words;
} rules[] = {
	{"pam-mktemp-plan", "w", WORD(format, "2\0" "3\0")},
	{"config", "/", ONCE(config)},
	{"boot", "s", ONCE(boot)},
	{"expires", "n", ONCE(expires)},
	{"depends", "/annnn", MANY(depend, depends, 0)},
	{"account", "sii", ONCE(name)},
	{"lookup", "/annnn", MANY(lookup, lookups, 0)},
	{"service", "s", ONCE(service)},
	{"stage", "w", WORD(stage, "off\0env\0shim\0bind\0")},
	{"reason", "s", ONCE(reason)},
	{"fail", "w", WORD(fail, "open\0closed\0")},
	{"view", "V", ONCE(view)},
	{"form", "w", WORD(form, "acl\0group\0owner\0")},
	{"base", "/", ONCE(base)},
	{"dir", "fnniio", MANY(dir, dirs, 3)},
	{"stamp", "s", ONCE(stamp)},
	{"acl", "x", ONCE(acl)},
	{"setenv", "vs", MANY(setenv, setenvs, 0)},
	{"mount", "mnn/n", MANY(mount, mounts, 0)},
};

/* The field at *at, percent-decoded in place; then *at is behind it, and *stop the space or line feed that ended it.
 * Only the writer's own spelling is accepted. */
static const char *next_field(char **at, const char *end, char *stop) {
	static const char digits[] = "0123456789ABCDEF";
	char *in = *at, *out = in, *start = in;
	for (; in < end && *in > 0x20 && *in < 0x7f; out++) {
		int byte = *in++;
		if (byte == '%') {
			const char *high = end - in < 2 ? NULL : memchr(digits, in[0], 16), *low = high ? memchr(digits, in[1], 16) : NULL;
			byte = high && low ? (int)(high - digits) * 16 + (int)(low - digits) : 0;
			if (!byte || (byte > 0x20 && byte < 0x7f && byte != '%'))
				return NULL;
			in += 2;
		}
		*out = (char)byte;
	}
	if (in == end || (*in != ' ' && *in != '\n') || out == start || out - start > FIELD_MAX)
		return NULL;
	*at = in + 1;
	*stop = *in;
	*out = '\0'; /* at the latest where the space or line feed was */
	return start;
}

static bool number(const char *text, uint64_t most, uint64_t *out) {
	const char *at = text;
	for (*out = 0; *at >= '0' && *at <= '9' && !__builtin_mul_overflow(*out, 10u, out) &&
		       !__builtin_add_overflow(*out, (unsigned)(*at - '0'), out); at++)
		;
	return at > text && !*at && (text[0] != '0' || !text[1]) && *out <= most;
}

static bool is_text(char letter, const char *text, const char *words) {
	static const char names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789" SMALL;
	switch (letter) {
	case '/': return text[0] == '/';
	case 'm': return text[0] == '/' || !strcmp(text, "tmpfs");
	case 'f': return !strchr(text, '/') && strcmp(text, ".") && strcmp(text, "..");
	case 'v': return !text[strspn(text, names)] && !strchr("0123456789", text[0]);
	case 'V': return text[0] != '.' && strlen(text) <= VIEW_MAX && !text[strspn(text, ".-0123456789" SMALL)];
	case 'x': return !strcmp(text, "-") || (strlen(text) <= 2 * ACL_MAX && strlen(text) % 2 == 0 &&
						 !text[strspn(text, "0123456789abcdef")]);
	case 'w': return *words && (!strcmp(words, text) || is_text('w', text, words + strlen(words) + 1));
	default: return true;
	}
}

/* Puts a value where the next member of a struct lies; where that ends. */
static char *put(char *at, const void *value, size_t size, size_t align) {
	return mempcpy(at + -(uintptr_t)at % align, value, size);
}

/* One field into its member at `to` or the next aligned place; where that ends, or NULL if it is not as it must be. */
static char *store(char letter, const char *text, const char *words, char *to) {
	uint64_t wide = 0;
	if (letter == 'n' || letter == 'a')
		return number(text, UINT64_MAX, &wide) ? put(to, &wide, sizeof wide, _Alignof(uint64_t)) : NULL;
	if (letter != 'i' && letter != 'o')
		return is_text(letter, text, words) ? put(to, &text, sizeof text, sizeof text) : NULL;
	bool good = letter == 'i' ? number(text, ID_MAX, &wide) : strlen(text) == 4 && !text[strspn(text, "01234567")];
	uint32_t narrow = (uint32_t)(letter == 'i' ? wide : strtoul(text, NULL, 8));
	return good ? put(to, &narrow, sizeof narrow, sizeof narrow) : NULL;
}

/* One line into the members of a struct, which lie in the order of its fields. */
static const char *read_line(const struct rule *rule, char *to, char **at, const char *end) {
	char *member = to, stop = ' ';
	for (const char *letter = rule->letters; *letter; letter++) {
		const char *text = stop == ' ' ? next_field(at, end, &stop) : NULL;
		if (!text)
			return "a line with a field missing, empty, misspelt or too long";
		bool absent = *letter == 'a' && stop == '\n' && !strcmp(text, "absent");
		if (*letter == 'a' && (((struct plan_depend *)(void *)to)->absent = absent))
			return NULL;
		if (!(member = store(*letter, text, rule->words, member)))
			return "a value that the format does not allow";
	}
	return stop == '\n' ? NULL : "a line with a field too many";
}

/* All lines of a kind, from *at on. */
static const char *read_lines(struct plan *plan, const struct rule *rule, char **at, const char *end) {
	size_t count, key = strlen(rule->key), most = rule->most ? rule->most : 1;
	for (count = 0; (size_t)(end - *at) > key && !memcmp(*at, rule->key, key) && (*at)[key] == ' '; count++) {
		const char *why = "a line too many of a kind";
		*at += key + 1;
		if (count == most || (why = read_line(rule, (char *)plan + rule->at + count * rule->size, at, end)))
			return why;
	}
	if (rule->most)
		*(size_t *)(void *)((char *)plan + rule->counter) = count;
	return count < (rule->most ? rule->least : 1) ? "a line that is unknown, missing or out of order" : NULL;
}

const char *plan_parse(struct plan *plan, size_t size) {
	char *at = plan->text, *end = at + size;
	plan->dirs = plan->setenvs = plan->mounts = 0;
	plan->form = plan->base = plan->stamp = "-";
	for (const struct rule *rule = rules; rule < rules + sizeof rules / sizeof *rules; rule++) {
		const char *why = read_lines(plan, rule, &at, end);
		if (why)
			return why;
		if (!strcmp(rule->key, "view") && !strcmp(plan->stage, "off"))
			break;
	}
	plan->closed = !strcmp(plan->fail, "closed");
	if ((plan->mounts && strcmp(plan->stage, "bind")) || (plan->stage[0] == 's' && plan->format[0] == '2'))
		return "mounts where there can be none, or a stage that the format does not know";
	return end - at == 4 && !memcmp(at, "end\n", 4) ? NULL : "no end, or a line that is unknown";
}
