/* Bounded text without stdio or malloc: it is also built between clone and exec. */
#ifndef PAM_MKTEMP_TEXT_H
#define PAM_MKTEMP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_MAX 2048

struct text {
	size_t used;
	bool cut; /* something did not fit: whoever needs it whole must refuse */
	char at[TEXT_MAX];
};

enum escape { ESCAPE_NOTHING, ESCAPE_CONTROL, ESCAPE_FIELD, ESCAPE_KEY };

void text_put(struct text *text, const char *piece, enum escape escape);
void text_number(struct text *text, uint64_t number);

/* "user:service", the name of a plan's file. False where no file can bear it. */
bool text_key(struct text *text, const char *user, const char *service);

#endif
