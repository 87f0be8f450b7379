/*
 * Attacker: as uid UID plants all sorts of things at the paths, as fast as it can, until SIGTERM or SECONDS.
 *
 *     plant SECONDS UID FOLDER FILE PATH...
 *
 * FOLDER and FILE are root's: links to them are what root is meant to chmod, chown or enter. Prints how many
 * plants succeeded.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void stop(int number)
{
    (void)number;
    over = 1;
}

static int fill(const char *path, const char *folder)
{
    static const char *const names[] = {"alice", "tmp", ".new", ".aside", ".bad"};
    char inside[4096];
    if (mkdir(path, 0777) != 0)
        return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(inside, sizeof inside, "%s/%s", path, names[i]);
        if (symlink(folder, inside) != 0)
            break;
    }
    return 0;
}

static int into_place(const char *path, const char *folder)
{
    char other[4096];
    snprintf(other, sizeof other, "%s.%d", path, (int)getpid());
    if (mkdir(other, 07777) != 0 && symlink(folder, other) != 0)
        return -1;
    int done = rename(other, path);
    if (done != 0) {
        rmdir(other);
        unlink(other);
    }
    return done;
}

static int away(const char *path)
{
    char other[4096];
    snprintf(other, sizeof other, "%s.away", path);
    rmdir(other);
    unlink(other);
    return rename(path, other);
}

static int once(const char *path, const char *folder, const char *file)
{
    int fd;
    switch (random() % 13) {
    case 0: return symlink(folder, path);
    case 1: return symlink(file, path);
    case 2: return mkdir(path, 0777);
    case 3: return mkdir(path, 0711);
    case 4: return mkfifo(path, 0666);
    case 5: return link(file, path);
    case 6: return fill(path, folder);
    case 7: return into_place(path, folder);
    case 8: return away(path);
    case 9: return chmod(path, 0777);
    case 10: fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0666); return fd < 0 ? -1 : close(fd);
    case 11: return unlink(path);
    default: return rmdir(path);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    uid_t uid = (uid_t)atoi(argv[2]);
    if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)
        return 3;
    umask(0);
    signal(SIGTERM, stop);
    srandom((unsigned)getpid());
    time_t end = time(NULL) + atoi(argv[1]);
    long planted = 0;
    while (!over && time(NULL) < end)
        for (int i = 5; i < argc; i++)
            planted += once(argv[i], argv[3], argv[4]) == 0;
    printf("%ld\n", planted);
    return 0;
}
