/* A witness: a user who signals what his own su starts.
 *
 *     harass SIGNAL SECONDS
 *
 * Looks at all of /proc again and again; each child and grandchild of a su not older than 150 ms gets the signal.
 * (Later on su has a child that is the login's own process, which the caller may end as he likes.)
 * In the end 'seen N hit N planners N hit N': how often a child was there, how many of them the kernel let the
 * signal through to; and the same for grandchildren. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIDS 65536
#define YOUNG_MS 150

static long first_seen[PIDS];
static char was_hit[PIDS];

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int is_young(int pid)
{
	return pid < PIDS && first_seen[pid] && now_ms() - first_seen[pid] < YOUNG_MS;
}

/* The parent of the process, and whether it is a su that was executed (not a copy made by one). */
static int parent_of(int pid, int *is_su)
{
	char path[64], text[512], *behind;
	int parent = 0, file;
	ssize_t got;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = open(path, O_RDONLY);
	got = file < 0 ? -1 : read(file, text, sizeof text - 1);
	if (file >= 0)
		close(file);
	if (got <= 0)
		return 0;
	text[got] = 0;
	behind = strrchr(text, ')');
	*is_su = strstr(text, " (su) ") != NULL;
	sscanf(behind + 1, " %*c %d", &parent);
	return parent;
}

int main(int argc, char **argv)
{
	long end, seen[2] = {0}, hit[2] = {0};
	int number = argc > 2 ? atoi(argv[1]) : 0;

	end = now_ms() + 1000 * atol(argc > 2 ? argv[2] : "0");
	printf("ready\n");
	fflush(stdout);
	while (now_ms() < end) {
		DIR *processes = opendir("/proc");
		struct dirent *entry;

		while (processes && (entry = readdir(processes))) {
			int pid = atoi(entry->d_name), is_su = 0, ignored, parent, grand;

			if (pid <= 1 || pid >= PIDS || !(parent = parent_of(pid, &is_su)) || parent >= PIDS)
				continue;
			grand = parent_of(parent, &ignored);
			if (is_young(parent) || is_young(grand)) {
				int is_planner = !is_young(parent);

				seen[is_planner]++;
				if (!kill(pid, number) && !was_hit[pid]) {
					was_hit[pid] = 1;
					hit[is_planner]++;
				}
			} else if (is_su && !first_seen[pid] && grand && !first_seen[parent]) {
				first_seen[pid] = now_ms();
			}
		}
		if (processes)
			closedir(processes);
	}
	printf("seen %ld hit %ld planners %ld hit %ld\n", seen[0], hit[0], seen[1], hit[1]);
	return 0;
}
