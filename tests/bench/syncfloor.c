/* syncfloor - the least that a server can do which answers a publish when it is on the disk.
 *
 *     syncfloor PORT FOLDER
 *
 * One thread: read a request, write 248 bytes of it into a file of zeros, fdatasync(), answer 200.
 * No HTTP is understood beyond that a read is a request, so it serves one connection at a time that
 * does not pipeline: ssebench -m publish -k 1 -c 1. The file is FOLDER/syncfloor. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FILE_BYTES = 16 * 1024 * 1024,
    RECORD = 248,
};

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
watch(int epoll, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll_ctl");
}

static int
make_file(const char *folder)
{
    static const char zeros[FILE_BYTES];
    char path[4096];
    snprintf(path, sizeof path, "%s/syncfloor", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || write(fd, zeros, sizeof zeros) != FILE_BYTES || fsync(fd) != 0)
        die(path);
    return fd;
}

static void
serve(int client, int file)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    static char request[65536];
    static off_t at;
    ssize_t n = recv(client, request, sizeof request, 0);
    if (n <= 0) {
        close(client);
        return;
    }
    at = at + 2 * RECORD > FILE_BYTES ? 0 : at + RECORD;
    if (pwrite(file, request, RECORD, at) != RECORD || fdatasync(file) != 0)
        die("the disk");
    if (send(client, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0)
        close(client);
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: syncfloor PORT FOLDER\n", stderr);
        return 2;
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int file = make_file(argv[2]);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 16) != 0)
        die("listen");
    watch(epoll, listener);
    for (;;) {
        struct epoll_event e;
        if (epoll_wait(epoll, &e, 1, -1) < 1)
            continue;
        if (e.data.fd == listener)
            watch(epoll, accept(listener, NULL, NULL));
        else
            serve(e.data.fd, file);
    }
}
