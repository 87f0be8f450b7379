/* Calls by another number or another way: unknown ones, io_uring, and the 32-bit ones. */
#include "trap.h"

#include <linux/io_uring.h>

void unknown(void)
{
	ACT("mkdir", at("a"), NOTHING, mkdir, "a", 0700);
	syscall(0x270f, "x", at("never"), 3);
	syscall(-1);
	ACT("mkdir", at("b"), NOTHING, mkdir, "b", 0700);
}

static void *shared_ring(int ring, size_t size, off_t what)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);

	if (memory == MAP_FAILED)
		broken("the ring's memory");
	return memory;
}

/* Make the file without any call that names it. */
static void make_by_ring(int ring, const struct io_uring_params *how, const char *path)
{
	char *queue = shared_ring(ring, how->sq_off.array + how->sq_entries * 4, IORING_OFF_SQ_RING);
	struct io_uring_sqe *entry = shared_ring(ring, how->sq_entries * sizeof *entry, IORING_OFF_SQES);

	*entry = (struct io_uring_sqe){.opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (unsigned long)path,
				       .len = 0600, .open_flags = O_CREAT | O_WRONLY};
	*(unsigned *)(queue + how->sq_off.array) = 0;
	__atomic_add_fetch((unsigned *)(queue + how->sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		broken("io_uring_enter");
}

/* As a program that has another way when the kernel refuses: then the log shows it. */
void ring(void)
{
	struct io_uring_params how = {0};
	int ring = (int)syscall(SYS_io_uring_setup, 4, &how);

	if (ring >= 0) {
		make_by_ring(ring, &how, at("a"));
		say("uring\n");
		say_exists(at("a"));
	} else {
		ACT("open", at("a"), NEW(0600), openat, AT_FDCWD, at("a"), O_CREAT | O_WRONLY, 0600);
	}
	ACT("mkdir", at("b"), NOTHING, mkdir, "b", 0700);
}

#ifdef __x86_64__
static long call32(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(third)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

static long low(const char *text)
{
	static char *memory, *next;

	if (!memory) {
		memory = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		if (memory == MAP_FAILED)
			broken("memory below 4 GB");
		next = memory;
	}
	strcpy(next, text);
	next += strlen(text) + 1;
	return (long)(next - strlen(text) - 1);
}

static int error_of(long result)
{
	return result < 0 ? (int)-result : 0;
}

/* 32-bit calls of a 64-bit program: their numbers are those of other calls in 64 bits. */
void int80(void)
{
	int error = error_of(call32(39, low("a"), 0700, 0));

	tell("mkdir", "mkdir", at("a"), ((struct more){.mode = 0700}), error);
	error = error_of(call32(5, low("b"), O_CREAT | O_WRONLY, 0600));
	tell("open", "open", at("b"), NEW(0600), error);
	error = error_of(call32(38, low("b"), low("c"), 0));
	tell("rename-from", "rename", at("b"), OTHER(at("c")), error);
	tell("rename-to", "rename", at("c"), OTHER(at("b")), error);
	error = error_of(call32(12, low("a"), 0, 0));
	if (error)
		broken("chdir");
	ACT("mkdir", at("a/d"), NOTHING, mkdir, "d", 0700);
	error = error_of(call32(40, low("none"), 0, 0));
	tell("remove", "rmdir", at("a/none"), NOTHING, error);
}
#else
void int80(void)
{
	broken("int 0x80");
}
#endif

/* A 32-bit program, run32.c; it cannot tell what it does, so that is told for it. */
void bits32(void)
{
	pid_t child = fork();

	if (!child) {
		tell("execute", "execve", at("run32"), NOTHING, 0);
		tell("mkdir", "mkdir", at("a"), NOTHING, 0);
		tell("open", "open", at("a/b"), ((struct more){.flags = "O_CREAT|O_EXCL", .mode = 0600}), 0);
		tell("bind", "bind", at("a/s"), NOTHING, 0);
		tell("rename-from", "rename", at("a/b"), OTHER(at("a/c")), 0);
		tell("rename-to", "rename", at("a/c"), OTHER(at("a/b")), 0);
		execl("run32", "run32", NULL);
		broken("run32");
	}
	join(child);
	ACT("mkdir", at("a/d"), NOTHING, mkdir, "a/d", 0700);
}
