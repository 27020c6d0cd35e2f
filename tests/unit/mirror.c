/* The test mirror: one thread, one connection at a time. */
#include "mirror.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void send_all(int fd, const void *bytes, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t sent = send(fd, (const char *)bytes + done, n - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        done += (size_t)sent;
    }
}

/* Waits until the other side hangs up or the mirror is stopped. */
static void wait_for_end(struct test_mirror *m, int fd) {
    char scrap[256];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (!m->stop)
        if (poll(&p, 1, 50) > 0 && recv(fd, scrap, sizeof scrap, 0) <= 0)
            return;
}

static void answer_file(struct test_mirror *m, int fd, const uint8_t *bytes, size_t n) {
    char head[256];
    size_t from = m->conduct != MIRROR_NO_RANGES && m->last_range > 0 ? (size_t)m->last_range : 0;
    if (from >= n) {
        const char *text = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n";
        send_all(fd, text, strlen(text));
        return;
    }
    if (from > 0)
        snprintf(head, sizeof head,
                 "HTTP/1.1 206 Partial Content\r\nContent-Length: %zu\r\n"
                 "Content-Range: bytes %zu-%zu/%zu\r\n\r\n",
                 n - from, from, n - 1, n);
    else
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
    send_all(fd, head, strlen(head));
    bool half = m->conduct == MIRROR_BREAKS || m->conduct == MIRROR_HALTS;
    send_all(fd, bytes + from, half ? (n - from) / 2 : n - from);
    if (m->conduct == MIRROR_HALTS) {
        usleep(200000); /* let what was sent arrive */
        m->halted(m->with);
        wait_for_end(m, fd);
    }
}

static void answer_from_folder(struct test_mirror *m, int fd, const char *request) {
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    char path[1024];
    const char *name = request + strlen("GET /");
    snprintf(path, sizeof path, "%s/%.*s", m->folder, (int)strcspn(name, " "), name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        send_all(fd, missing, sizeof missing - 1);
        return;
    }
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(n);
    n = fread(bytes, 1, n, f);
    fclose(f);
    answer_file(m, fd, bytes, n);
    free(bytes);
}

static void answer(struct test_mirror *m, int fd) {
    static const char page[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 31\r\n\r\n"
        "<!DOCTYPE html><p>Sign in.</p>\n";
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nno.\n";
    char request[4096];
    size_t n = 0;
    while (n < sizeof request - 1) {
        ssize_t got = recv(fd, request + n, sizeof request - 1 - n, 0);
        if (got <= 0)
            return;
        n += (size_t)got;
        request[n] = '\0';
        if (strstr(request, "\r\n\r\n"))
            break;
    }
    const char *range = strstr(request, "Range: bytes=");
    m->last_range = range ? strtol(range + strlen("Range: bytes="), NULL, 10) : -1;
    m->n_requests++;
    int conduct = m->conduct; /* clang 14 refuses to switch on an atomic */
    switch (conduct) {
    case MIRROR_404:
        send_all(fd, missing, sizeof missing - 1);
        break;
    case MIRROR_PAGE:
        send_all(fd, page, sizeof page - 1);
        break;
    case MIRROR_SILENT:
        wait_for_end(m, fd);
        break;
    default:
        if (m->folder)
            answer_from_folder(m, fd, request);
        else
            answer_file(m, fd, m->bytes, m->n_bytes);
    }
}

static void *serve(void *mirror) {
    struct test_mirror *m = mirror;
    struct pollfd p = {.fd = m->listener, .events = POLLIN};
    while (!m->stop) {
        if (poll(&p, 1, 50) <= 0)
            continue;
        int fd = accept(m->listener, NULL, NULL);
        if (fd < 0)
            continue;
        answer(m, fd);
        shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

bool mirror_start(struct test_mirror *m) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    m->stop = false;
    m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (m->listener < 0 || bind(m->listener, (struct sockaddr *)&at, n) != 0 ||
        listen(m->listener, 8) != 0 || getsockname(m->listener, (struct sockaddr *)&at, &n) != 0)
        return false;
    snprintf(m->url, sizeof m->url, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    return pthread_create(&m->thread, NULL, serve, m) == 0;
}

void mirror_stop(struct test_mirror *m) {
    m->stop = true;
    pthread_join(m->thread, NULL);
    close(m->listener);
}
