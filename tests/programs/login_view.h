/* What login.c says of the view that a session of its is in. Included where converse() and now() are known. */
static void copy(const char *from, const char *to)
{
	char text[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t got;

	while (in >= 0 && (got = read(in, text, sizeof text)) > 0)
		(void)!write(out, text, (size_t)got);
	close(in);
	close(out);
}

/* What it sees, for the test: mounts and the session's record, /run/witness.{mounts,record}.PID; the directory at
 * /tmp and the mount namespace. */
static int show_view(char *line, size_t size)
{
	char own[32], to[64], name[64] = "", cwd[256] = "";
	struct stat tmp = {0}, root = {0};
	DIR *all = opendir("/run/pam-mktemp/sessions");
	struct dirent *entry;

	snprintf(own, sizeof own, ".%d.", getpid());
	snprintf(to, sizeof to, "/run/witness.record.%d", getpid());
	while (all && (entry = readdir(all)))
		if (strstr(entry->d_name, own)) {
			char path[320];

			snprintf(path, sizeof path, "/run/pam-mktemp/sessions/%s", entry->d_name);
			copy(path, to);
		}
	if (all)
		closedir(all);
	snprintf(to, sizeof to, "/run/witness.mounts.%d", getpid());
	copy("/proc/self/mountinfo", to);
	(void)!readlink("/proc/self/ns/mnt", name, sizeof name - 1);
	(void)!readlink("/proc/self/cwd", cwd, sizeof cwd - 1);
	stat("/tmp", &tmp);
	stat("/", &root);
	return snprintf(line, size, "\tns=%s\ttmp=%llu.%llu\troot=%llu.%llu\tcwd=%s", name,
			(unsigned long long)tmp.st_dev, (unsigned long long)tmp.st_ino,
			(unsigned long long)root.st_dev, (unsigned long long)root.st_ino, cwd);
}

static int file(const char *number, double seconds, const char *service, const char *user)
{
	struct pam_conv conversation = {converse, NULL};
	char name[64], text[64] = "", view[64] = "", back[64] = "";
	struct stat tmp = {0};
	pam_handle_t *pamh;
	double from, to;
	int at, result, found;

	if (pam_start(service, user, &conversation, &pamh) != PAM_SUCCESS)
		return 2;
	result = pam_open_session(pamh, 0);
	from = now();
	stat("/tmp", &tmp);
	(void)!readlink("/proc/self/ns/mnt", view, sizeof view - 1);
	snprintf(name, sizeof name, "/tmp/file.%s", number);
	at = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	(void)!write(at, user, strlen(user));
	usleep((useconds_t)(seconds * 1e6));
	close(at);
	at = open(name, O_RDONLY);
	found = at >= 0 && read(at, text, sizeof text - 1) > 0 && !strcmp(text, user) && !unlink(name);
	to = now();
	pam_close_session(pamh, 0);
	(void)!readlink("/proc/self/ns/mnt", back, sizeof back - 1);
	printf("user=%s\topen=%d\tfound=%d\tns=%s\ttmp=%llu.%llu\tback=%s\tfrom=%.6f\tto=%.6f\n", user, result,
	       found, view, (unsigned long long)tmp.st_dev, (unsigned long long)tmp.st_ino, back, from, to);
	pam_end(pamh, PAM_SUCCESS);
	return 0;
}
