#include "text.h"

#include <string.h>

#define KEY_MAX 240

static bool is_plain(unsigned char byte, enum escape escape)
{
	switch (escape) {
	case ESCAPE_KEY:
		return byte && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-", byte);
	case ESCAPE_FIELD:
		return byte > 0x20 && byte < 0x7f && byte != '%';
	case ESCAPE_CONTROL: /* one line of log stays one line, whatever a name holds */
		return byte >= 0x20 && byte < 0x7f;
	case ESCAPE_NOTHING:
		break;
	}
	return true;
}

static void put_byte(struct text *text, char byte)
{
	if (text->used + 1 >= TEXT_MAX) {
		text->cut = true;
		return;
	}
	text->at[text->used++] = byte;
	text->at[text->used] = '\0';
}

void text_put(struct text *text, const char *piece, enum escape escape)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *piece; piece++) {
		unsigned char byte = (unsigned char)*piece;

		if (is_plain(byte, escape)) {
			put_byte(text, *piece);
			continue;
		}
		put_byte(text, '%');
		put_byte(text, hex[byte >> 4]);
		put_byte(text, hex[byte & 15]);
	}
}

void text_number(struct text *text, uint64_t number)
{
	char digits[21];
	char *at = digits + sizeof digits - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_put(text, at, ESCAPE_NOTHING);
}

static void put_key_part(struct text *text, const char *part)
{
	if (*part == '.') { /* no name of ours is hidden, "." or ".." */
		text_put(text, "%2E", ESCAPE_NOTHING);
		part++;
	}
	text_put(text, part, ESCAPE_KEY);
}

bool text_key(struct text *text, const char *user, const char *service)
{
	size_t before = text->used;

	put_key_part(text, user);
	text_put(text, ":", ESCAPE_NOTHING);
	put_key_part(text, service);
	return *user && *service && !text->cut && text->used - before <= KEY_MAX;
}
