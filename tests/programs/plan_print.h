/* Writes a plan that was read back in the writer's spelling: what was accepted must come out unchanged. */
#ifndef PLAN_PRINT_H
#define PLAN_PRINT_H

#include "../../shims/plan/plan.h"

#include <stdio.h>
#include <string.h>

static void print_field(FILE *to, const char *text)
{
	for (putc(' ', to); *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte > 0x20 && byte < 0x7f && byte != '%')
			putc(byte, to);
		else
			fprintf(to, "%%%02X", byte);
	}
}

static void print_line(FILE *to, const char *key, const char *text)
{
	fputs(key, to);
	print_field(to, text);
	putc('\n', to);
}

static void print_depends(FILE *to, const char *key, const struct plan_depend *d, size_t count)
{
	for (; count--; d++) {
		fputs(key, to);
		print_field(to, d->path);
		if (d->absent)
			fputs(" absent\n", to);
		else
			fprintf(to, " %llu %llu %llu %llu %llu\n", (unsigned long long)d->dev,
				(unsigned long long)d->ino, (unsigned long long)d->size,
				(unsigned long long)d->mtime, (unsigned long long)d->ctime);
	}
}

static void plan_print(FILE *to, const struct plan *plan)
{
	size_t i;

	print_line(to, "pam-mktemp-plan", plan->format);
	print_line(to, "config", plan->config);
	print_line(to, "boot", plan->boot);
	fprintf(to, "expires %llu\n", (unsigned long long)plan->expires);
	print_depends(to, "depends", plan->depend, plan->depends);
	fputs("account", to);
	print_field(to, plan->name);
	fprintf(to, " %u %u\n", plan->uid, plan->gid);
	print_depends(to, "lookup", plan->lookup, plan->lookups);
	print_line(to, "service", plan->service);
	print_line(to, "stage", plan->stage);
	print_line(to, "reason", plan->reason);
	print_line(to, "fail", plan->closed ? "closed" : "open");
	print_line(to, "view", plan->view);
	if (plan->dirs) {
		print_line(to, "form", plan->form);
		print_line(to, "base", plan->base);
		for (i = 0; i < plan->dirs; i++) {
			const struct plan_dir *d = &plan->dir[i];

			fputs("dir", to);
			print_field(to, d->name);
			fprintf(to, " %llu %llu %u %u %04o\n", (unsigned long long)d->dev,
				(unsigned long long)d->ino, d->uid, d->gid, d->mode);
		}
		print_line(to, "stamp", plan->stamp);
		print_line(to, "acl", plan->acl);
		for (i = 0; i < plan->setenvs; i++) {
			fprintf(to, "setenv %s", plan->setenv[i].name);
			print_field(to, plan->setenv[i].value);
			putc('\n', to);
		}
	}
	for (i = 0; i < plan->mounts; i++) {
		fputs("mount", to);
		print_field(to, plan->mount[i].source);
		fprintf(to, " %llu %llu", (unsigned long long)plan->mount[i].dev, (unsigned long long)plan->mount[i].ino);
		print_field(to, plan->mount[i].target);
		fprintf(to, " %llu\n", (unsigned long long)plan->mount[i].flags);
	}
	fputs("end\n", to);
}

#endif
