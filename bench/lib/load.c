/*
 * An HTTP client for benches that takes little of the processor time it shares with the server. It posts the same
 * request on keep-alive connections, at a rate independent of responses, or (rate 0) on each connection as soon as it
 * has its response; a refused one (503) is then sent again at once, and takes as long as both.
 *
 *   load ADDRESS PORT CONNECTIONS PER_SECOND WARM_MS MS < REQUEST
 *
 * Prints a JSON object: numbers of responses, and times in milliseconds, of MS after a warm-up of WARM_MS.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { RESPONSE_BYTES = 1 << 20, MOST_EVENTS = 256 };
static const int64_t MS = 1000000;

/* A request is pending if `due` is not 0: the time its response is measured from. */
typedef struct {
  int fd;
  int64_t due;
  size_t got;
  char *response;
} Connection;

typedef struct {
  double *values;
  size_t count, room;
} Times;

static struct sockaddr_in server;
static char *request;
static size_t request_bytes;
static int poller;
static Connection *all;
static int *idle, idle_count;
static int64_t from, to;
static Times times, late;
static long sent, answered, good, refused;
static int closed_loop;

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static int counted(int64_t at) { return at >= from && at < to; }

static void add(Times *list, double ms) {
  if (list->count == list->room) {
    list->room = list->room ? 2 * list->room : 1 << 16;
    list->values = realloc(list->values, list->room * sizeof(double));
    if (!list->values) fail("realloc");
  }
  list->values[list->count++] = ms;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double percentile(const Times *sorted, double share) {
  return sorted->count ? sorted->values[(size_t)(sorted->count * share)] : 0;
}

/* The whole of standard input. */
static void read_request(void) {
  size_t room = 1 << 16;
  for (request = malloc(room);;) {
    ssize_t n = read(0, request + request_bytes, room - request_bytes);
    if (n < 0) fail("read");
    if (n == 0) return;
    request_bytes += n;
    if (request_bytes == room) request = realloc(request, room *= 2);
  }
}

static void open_connection(Connection *c) {
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll_ctl");
}

static void reopen(Connection *c);

/* Waits while the connection takes no more: its server is not reading. */
static void ask(Connection *c, int64_t due) {
  c->due = due;
  c->got = 0;
  for (size_t at = 0; at < request_bytes;) {
    ssize_t n = send(c->fd, request + at, request_bytes - at, MSG_NOSIGNAL);
    if (n < 0) return reopen(c);
    at += n;
  }
}

/* The server closed an idle connection; a request that it has not seen is sent again. */
static void reopen(Connection *c) {
  if (c->due && c->got) {
    fprintf(stderr, "load: the server closed a connection within a response\n");
    exit(1);
  }
  close(c->fd);
  open_connection(c);
  if (c->due) ask(c, c->due);
}

/* The status of a response; 0: it is incomplete. */
static int status_of(const Connection *c) {
  const char *end = memmem(c->response, c->got, "\r\n\r\n", 4);
  if (!end) return 0;
  c->response[c->got] = 0;
  const char *length = strcasestr(c->response, "content-length:");
  size_t body = length && length < end ? strtoul(length + 15, NULL, 10) : 0;
  return c->got < (end - c->response) + 4 + body ? 0 : atoi(c->response + 9);
}

static void take(Connection *c, int status) {
  int64_t at = now();
  if (status != 200 && status != 503) {
    fprintf(stderr, "load: status %d\n%s\n", status, c->response);
    exit(1);
  }
  answered++;
  if (status == 200 && counted(c->due)) add(&times, (double)(at - c->due) / MS);
  if (counted(at)) (*(status == 200 ? &good : &refused))++;
  if (closed_loop && status == 503) return ask(c, c->due);
  c->due = 0;
  idle[idle_count++] = c - all;
}

static void receive(Connection *c) {
  ssize_t n = recv(c->fd, c->response + c->got, RESPONSE_BYTES - 1 - c->got, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) return reopen(c);
  c->got += n;
  int status = c->due ? status_of(c) : 0;
  if (status) take(c, status);
}

/* Handles responses, for at most `ns`. */
static void listen_for(int64_t ns) {
  struct epoll_event events[MOST_EVENTS];
  struct timespec wait = {ns > 0 ? ns / (1000 * MS) : 0, ns > 0 ? ns % (1000 * MS) : 0};
  int count = epoll_pwait2(poller, events, MOST_EVENTS, &wait, NULL);
  if (count < 0 && errno != EINTR) fail("epoll_pwait2");
  for (int i = 0; i < count; i++) receive(events[i].data.ptr);
}

/* Request i is due at from - warm + i * interval. One without an idle connection waits for one, and its wait counts. */
static void at_rate(double per_second, int64_t start) {
  double interval = 1000 * MS / per_second;
  for (long came = 0;;) {
    int64_t at = now();
    for (int64_t due; (due = start + (int64_t)(came * interval)) <= at && due < to; came++)
      if (counted(due)) add(&late, (double)(at - due) / MS);
    for (; sent < came && idle_count > 0; sent++) ask(&all[idle[--idle_count]], start + (int64_t)(sent * interval));
    if (at >= to && sent == came && answered == sent) return;
    int64_t next = start + (int64_t)(came * interval);
    listen_for(next < to ? next - now() : MS);
  }
}

static void one_after_another(void) {
  while (now() < to) {
    while (idle_count > 0) ask(&all[idle[--idle_count]], now());
    listen_for(MS);
  }
}

int main(int count, char **words) {
  if (count != 7) return fprintf(stderr, "usage: load ADDRESS PORT CONNECTIONS PER_SECOND WARM_MS MS < REQUEST\n"), 2;
  server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(words[2]))};
  if (inet_pton(AF_INET, words[1], &server.sin_addr) != 1) fail("address");
  int connections = atoi(words[3]);
  double per_second = atof(words[4]);
  read_request();
  poller = epoll_create1(0);
  all = calloc(connections, sizeof *all);
  idle = calloc(connections, sizeof *idle);
  /* A server closes a connection without a request in its first seconds. */
  for (Connection *c = all; c < all + connections; c++) {
    c->response = malloc(RESPONSE_BYTES);
    open_connection(c);
    ask(c, now());
    while (c->due) listen_for(MS);
  }
  answered = good = refused = 0;
  closed_loop = per_second == 0;
  int64_t start = now();
  from = start + (int64_t)(atof(words[5]) * MS);
  to = from + (int64_t)(atof(words[6]) * MS);
  if (per_second > 0) at_rate(per_second, start);
  else one_after_another();
  qsort(times.values, times.count, sizeof(double), ascending);
  qsort(late.values, late.count, sizeof(double), ascending);
  printf("{\"good\":%ld,\"refused\":%ld,\"p50\":%.2f,\"p99\":%.2f,\"late_p50\":%.2f,\"late_p99\":%.2f}\n",
         good, refused, percentile(&times, 0.5), percentile(&times, 0.99), percentile(&late, 0.5),
         percentile(&late, 0.99));
  return 0;
}
