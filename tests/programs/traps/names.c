/* Names that look like a log. */
#include "trap.h"

#include <sys/prctl.h>

/* The first nine are enough for few_names. */
static const char *const strange[] = {
	"x, y) = 3",
	"new\nline \"q\" \\b \t\1\0027 h\303\251>x, y) = 3",
	"\377\376\"\200",
	"a\\76b", "a>b", "<unfinished ...>", "a (deleted)", "<... openat resumed>) = 3", "+++ exited with 0 +++",
	"\"", "\\", "\\\"", "\"...", "...", "a\\x3eb", "a<b", "x>, \"y", " <unfinished ...>",
	"openat(AT_FDCWD, \"x\", O_RDONLY <unfinished ...>",
	"<... mkdirat resumed> ", "+++ killed by SIGKILL +++",
	"--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---", "<detached ...>", "<pid changed to 1 ...>",
	"1234  mkdir(\"never\", 0777) = 0", "[pid  1234] mkdir(\"never\", 0777) = 0",
	"strace: Process 1234 attached", "[ Process PID=1234 runs in 32 bit mode. ]",
	"a>(deleted)", " (deleted)", "#2261504", "a (INJECTED)", "a <0.000163>", "= -1 ENOENT",
	" > libc.so.6(mkdir+0x7) [0x1]", "AT_FDCWD", "NULL", "0x1", "@a", "socket:[38857]", "pipe:[1]", "memfd:a",
	"UNIX-STREAM:[56622,\"a\"]", "anon_inode:[eventpoll]", "{st_mode=S_IFREG|0644, st_size=1, ...}", "[\"a\"], 0x7ffe",
	"}", "]", ")", "(", "{", "[", "a = b", "a, b", " ", "a ", "\t", "\n", "\r", "\33[31mred\33[0m", "\177", "\1", "\0019", "-", "*",
	"%s%n", "$(true)", "\342\200\256a", "\303", "0", "\\x2f", "a=>b", "[1 => 2]", "=",
};

#define COUNT (sizeof strange / sizeof *strange)

/* Each name as a file, as a directory that descriptors lead to, and as the working directory. */
static void try_name(const char *name)
{
	int directory;

	ACT("open", at("%s", name), NEW(0600), openat, AT_FDCWD, name, O_CREAT | O_WRONLY, 0600);
	ACT("remove", at("%s", name), NOTHING, unlinkat, AT_FDCWD, name, 0);
	ACT("mkdir", at("%s", name), NOTHING, mkdir, at("%s", name), 0700);
	directory = (int)ACT("open", at("%s", name), NOTHING, open, at("%s", name), O_RDONLY | O_DIRECTORY);
	ACT("mkdir", at("%s/%s", name, name), NEEDS("y"), mkdirat, directory, name, 0700);
	if (syscall(SYS_chdir, name))
		broken(name);
	ACT("open", at("%s/old", name), NEW(0640), creat, "old", 0640);
	MOVE(at("%s/old", name), at("%s/%s/new", name, name), "", renameat, AT_FDCWD, "old", AT_FDCWD, at("%s/%s/new", name, name));
	ACT("symlink", at("%s/link", name), OTHER(name), symlink, name, "link");
	if (syscall(SYS_chdir, ".."))
		broken("..");
	close(directory);
}

void names(void)
{
	size_t i;

	for (i = 0; i < COUNT; i++)
		try_name(strange[i]);
}

void few_names(void)
{
	size_t i;

	for (i = 0; i < 9; i++)
		try_name(strange[i]);
}

/* A name of 255 bytes, every byte but NUL and '/' in a name, and spellings of one path. */
void shell_names(void)
{
	char name[256] = "";
	int byte;

	memset(name, 'n', 255);
	ACT("open", at("%s", name), NEW(0600), open, name, O_CREAT | O_RDWR, 0600);
	for (byte = 1; byte < 256; byte++) {
		if (byte == '/' || byte == '.')
			continue;
		snprintf(name, sizeof name, "%c", byte);
		ACT("mkdir", at("%s", name), NOTHING, mkdir, name, 0700);
		/* A digit behind: an octal escape must be three long there. */
		snprintf(name, sizeof name, "%c7", byte);
		ACT("mkdir", at("%s", name), NOTHING, mkdir, name, 0700);
	}
	ACT("mkdir", at("plain"), NOTHING, mkdir, ".//./plain/", 0700);
	ACT("mkdir", at("plain/in"), NOTHING, mkdir, at("plain/./..//plain/in//"), 0700);
	ACT("mkdir", at("in2"), NOTHING, mkdir, "plain/in/../../in2", 0700);
	ACT("open", at("none/a"), NEW(0600), open, "none/a", O_CREAT | O_RDWR, 0600);
	ACT("mkdir", at("plain"), NOTHING, mkdir, "plain", 0700);
	ACT("remove", at("plain"), NOTHING, rmdir, "plain/");
	ACT("open", at("plain"), ((struct more){.flags = "O_CREAT|O_EXCL"}), open, "plain", O_CREAT | O_EXCL | O_WRONLY, 0600);
	/* Not strings: no path, no act. */
	syscall(SYS_mkdir, NULL, 0700);
	syscall(SYS_mkdir, (void *)1, 0700);
	syscall(SYS_open, (void *)-1L, O_CREAT, 0700);
	ACT("mkdir", at("last"), NOTHING, mkdir, "last", 0700);
}

/* What strace shows may be changed by another thread while the call runs; here at least data are no calls. */
void twice(void)
{
	const char *line = "123 mkdir(\"/tmp/never\", 0777) = 0\n";
	int file = (int)ACT("open", at("data"), NEW(0600), open, "data", O_CREAT | O_RDWR, 0600);

	if (write(file, line, strlen(line)) < 0 || write(file, at("never"), strlen(at("never"))) < 0)
		broken("data");
	ACT("open", at("data"), ((struct more){.flags = "O_TRUNC"}), open, "data", O_WRONLY | O_TRUNC);
	ACT("open", at("data"), NOTHING, open, "data", O_RDONLY);
}

/* The name of a thread, which -Y writes in front of its calls. */
void comm(void)
{
	static const char *const called[] = {"x> mkdir(\"y\", ", "a\nb", "> ", "<", "1 mkdir(\"z", "a) = 3", "\377", "\\76", "> --- SIGCHLD"};
	size_t i;

	for (i = 0; i < sizeof called / sizeof *called; i++) {
		prctl(PR_SET_NAME, called[i]);
		ACT("mkdir", at("%zu", i), NOTHING, mkdir, at("%zu", i), 0700);
		join(({ pid_t child = fork(); if (!child) {
			ACT("mkdir", at("%zu/child", i), NOTHING, mkdir, at("%zu/child", i), 0700);
			_exit(0);
		} child; }));
	}
}
