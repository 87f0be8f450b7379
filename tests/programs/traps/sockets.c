/* The names of sockets. */
#include "trap.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static int made(int type)
{
	int s = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (s < 0)
		broken("socket");
	return s;
}

static socklen_t address(struct sockaddr_un *to, const char *name, size_t length)
{
	memset(to, 0, sizeof *to);
	to->sun_family = AF_UNIX;
	memcpy(to->sun_path, name, length);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* bind of a name that is that long; what stands behind its first NUL is not part of it. */
static int bound(int type, const char *path, const char *name, size_t length)
{
	struct sockaddr_un un;
	socklen_t size = address(&un, name, length);
	int s = made(type);

	ACT("bind", path, NOTHING, bind, s, &un, size);
	return s;
}

void socket_names(void)
{
	struct sockaddr_un un;
	socklen_t size;
	int s;

	listen(bound(SOCK_STREAM, at("s"), "s", 2), 1);
	bound(SOCK_STREAM, at("s"), "./s", 4);
	bound(SOCK_STREAM, at("not ended"), "not ended", 9);
	bound(SOCK_STREAM, at("ended"), "ended\0garbage\"}, 3", 19);
	bound(SOCK_STREAM, at("so\"ck>x]\n, 2) = 0"), "so\"ck>x]\n, 2) = 0", 18);
	bound(SOCK_STREAM, at("\377"), "\377", 2);
	bound(SOCK_STREAM, at("none/s"), "none/s", 7);
	bound(SOCK_DGRAM, at("@s"), "@s", 3);
	s = made(SOCK_STREAM);
	size = address(&un, "none", 5);
	ACT("connect", at("none"), NOTHING, connect, s, &un, size);
	size = address(&un, "s", 2);
	ACT("connect", at("s"), NOTHING, connect, s, &un, size);
	ACT("connect", at("s"), NOTHING, connect, s, &un, size);
	/* Not a UNIX address at all, and none. */
	memset(&un, 'x', sizeof un);
	un.sun_family = AF_INET;
	syscall(SYS_connect, s, &un, 16);
	un.sun_family = AF_UNSPEC;
	syscall(SYS_connect, s, &un, 16);
	syscall(SYS_connect, s, NULL, 16);
}

/* All 108 bytes of sun_path, with no NUL: the kernel takes it. */
void full_name(void)
{
	char name[109] = "";

	memset(name, 'n', 108);
	bound(SOCK_STREAM, at("%s", name), name, 108);
	memset(name, '"', 108);
	bound(SOCK_STREAM, at("%s", name), name, 108);
}

static void is_abstract(const char *name, size_t length)
{
	struct sockaddr_un un;
	socklen_t size = address(&un, name, length);
	int s = made(SOCK_STREAM);

	ACT("bind", name + 1, ((struct more){.abstract = 1}), bind, s, &un, size);
}

/* In the abstract namespace there are no directories: a name that looks like a path is no file. */
void abstract_names(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char name[108] = "";

	if (strlen(top) > 60)
		broken("a shorter directory is needed");
	sprintf(name + 1, "%s", at("abstract"));
	is_abstract(name, 1 + strlen(name + 1));
	sprintf(name + 1, "%s", at("quoted \", 2) ="));
	is_abstract(name, 1 + strlen(name + 1));
	/* Chosen by the kernel, and one that is not below anything. */
	syscall(SYS_bind, made(SOCK_STREAM), &un, sizeof(sa_family_t));
	syscall(SYS_bind, made(SOCK_STREAM), &un, address(&un, "\0relative", 9));
	ACT("mkdir", at("last"), NOTHING, mkdir, "last", 0700);
}

void datagrams(void)
{
	struct sockaddr_un un, second;
	struct iovec data = {"data \"/tmp/never\"", 17};
	struct mmsghdr messages[2] = {{.msg_hdr = {.msg_name = &un, .msg_iov = &data, .msg_iovlen = 1}}};
	int s = made(SOCK_DGRAM);
	socklen_t size;

	bound(SOCK_DGRAM, at("s"), "s", 2);
	size = address(&un, "s", 2);
	messages[0].msg_hdr.msg_namelen = size;
	messages[1] = messages[0];
	bound(SOCK_DGRAM, at("t"), "t", 2);
	address(&second, "t", 2);
	messages[1].msg_hdr.msg_name = &second;
	ACT("send", at("s"), NOTHING, sendto, s, "\"}, 3) = 5", 10, 0, &un, size);
	ACT("send", at("s"), NOTHING, sendmsg, s, &messages[0].msg_hdr, 0);
	syscall(SYS_sendmmsg, s, messages, 2, 0);
	tell("send", "sendmmsg", at("s"), NOTHING, 0);
	tell("send", "sendmmsg", at("t"), NOTHING, 0);
	ACT("connect", at("s"), NOTHING, connect, s, &un, size);
	/* To where it is connected: no name, no act. */
	syscall(SYS_sendto, s, "data", 4, 0, NULL, 0);
	size = address(&un, "none", 5);
	ACT("send", at("none"), NOTHING, sendto, s, "data", 4, MSG_DONTWAIT, &un, size);
}

/* Who asks for the other side's owner, and who does not. */
void peers(void)
{
	struct {
		int pid, uid, gid;
	} peer;
	struct sockaddr_un un;
	socklen_t size = address(&un, "s", 2), length = sizeof peer;
	int s = made(SOCK_STREAM), other = made(SOCK_STREAM), again;

	listen(bound(SOCK_STREAM, at("s"), "s", 2), 5);
	ACT("connect", at("s"), NOTHING, connect, s, &un, size);
	ACT("connect", at("s"), NOTHING, connect, other, &un, size);
	ACT("peer", at("s"), NOTHING, getsockopt, s, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	syscall(SYS_getsockopt, other, SOL_SOCKET, SO_TYPE, &peer, &length);
	length = sizeof peer;
	close(s);
	/* The number is another socket's now: it is not connected to anything. */
	again = made(SOCK_STREAM);
	if (again != s)
		broken("another number");
	syscall(SYS_getsockopt, again, SOL_SOCKET, SO_PEERCRED, &peer, &length);
}
