/*
 * drain: an HTTP/1.1 download client that costs next to nothing, so that a benchmark measures the server.
 *
 * Bodies are dropped inside the kernel (recv with MSG_TRUNC on a TCP socket discards without copying); only header
 * bytes and chunk sizes ever reach this program. One thread, one epoll set, no allocation per request. Linux only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: drain [options] HOST PORT PATH\n"
    "\n"
    "Downloads PATH and throws the body away; prints one line of totals.\n"
    "\n"
    "  -n N           requests in all, shared by the connections (default: one for each)\n"
    "  -c N           connections at once (default 1); each sends its next request when the last answer is complete\n"
    "  -H 'Name: v'   add a request header (up to 16 times)\n"
    "  -k             a new connection for every request (default: keep-alive)\n"
    "  -s STATUS      the status that counts as success (default 200)\n"
    "  -r BYTES       read at most this many bytes per second on each connection, through a small receive buffer\n"
    "  -i MS          wait so long between an answer and the next request of its connection\n"
    "  -d SECONDS     stop after so long; what is under way then counts neither as good nor as failed\n"
    "  -t SECONDS     give up when no connection received anything for so long (default 30)\n"
    "\n"
    "Output, one line: bytes=B seconds=S mbps=M requests=R rps=Q failed=F first_ms=P p50_ms=H p99_ms=N max_ms=X\n"
    "                  least=L cpu_s=C\n"
    "  bytes     body bytes received (chunk framing excluded), of successful and failed answers\n"
    "  mbps      million bytes per second; rps: complete successful answers per second\n"
    "  failed    answers that broke off, had another status, or could not be asked for (reason on stderr)\n"
    "  first_ms  median time from sending a request to the first byte of its answer\n"
    "  p50_ms    median time to the end of a whole good answer; p99_ms: 99 of 100 took no longer; max_ms: the slowest\n"
    "  least     body bytes of the connection that got fewest\n"
    "  cpu_s     processor seconds that this client used, user and system\n"
    "Exit status: 0 when nothing failed, 1 when something did, 2 for wrong usage.\n";

enum { HEAD_MAX = 16384, DROP_MAX = 8 << 20, SLOW_STEP = 16384, CROWD = 50 };

enum state { HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_CRLF, TRAILER, TO_END, PAUSE };

struct connection {
  int fd;
  enum state state;
  char head[HEAD_MAX];
  size_t head_length;
  uint64_t remaining, taken;
  bool keep_alive, good, answered, reused;
  double asked_at, read_again_at, ask_again_at;
};

static struct sockaddr_storage address;
static socklen_t address_length;
static char request[HEAD_MAX];
static size_t request_length;
static int epoll_fd, wanted_status = 200, live;
static bool fresh_connections;
static uint64_t rate, to_start, total_bytes, succeeded, failed;
static double *first_times, *whole_times, slowest, pause_seconds;
static size_t first_count;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void usage_error(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("drain: ", stderr);
  vfprintf(stderr, format, arguments);
  fputs("\n\n", stderr);
  va_end(arguments);
  fputs(USAGE, stderr);
  exit(2);
}

static uint64_t number(const char *text, const char *option, uint64_t least) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least)
    usage_error("%s takes a number of at least %llu, not '%s'", option, (unsigned long long)least, text);
  return value;
}

static void hang_up(struct connection *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

/* Sends one request; opens the connection first where there is none. False: nothing more to do for this connection. */
static bool start_request(struct connection *c) {
  while (to_start > 0) {
    to_start--;
    c->reused = c->fd >= 0;
    if (!c->reused) {
      c->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      int one = 1, small = 65536;
      setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (rate > 0) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
      if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, address_length) != 0) {
        fprintf(stderr, "drain: cannot connect: %s\n", strerror(errno));
        failed++;
        hang_up(c);
        continue;
      }
      fcntl(c->fd, F_SETFL, O_NONBLOCK);
      struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
      epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
    }
    c->state = HEAD;
    c->head_length = 0;
    c->answered = c->good = false;
    c->read_again_at = c->ask_again_at = 0;
    c->asked_at = now();
    /* A request is far smaller than an empty send buffer: it goes out whole or the connection is dead. */
    if (send(c->fd, request, request_length, MSG_NOSIGNAL) == (ssize_t)request_length) return true;
    hang_up(c);
    if (c->reused) { /* the server may have ended an idle connection: that is no failure, ask on a new one */
      to_start++;
      continue;
    }
    fprintf(stderr, "drain: cannot send the request: %s\n", strerror(errno));
    failed++;
  }
  hang_up(c);
  return false;
}

static void next_request(struct connection *c) {
  if (!start_request(c)) live--;
}

static void broke(struct connection *c, const char *why) {
  bool idle_close = c->reused && c->state == HEAD && c->head_length == 0;
  hang_up(c);
  if (idle_close) {
    to_start++;
  } else {
    fprintf(stderr, "drain: answer broke off: %s\n", why);
    failed++;
  }
  next_request(c);
}

static void answer_complete(struct connection *c) {
  double took = now() - c->asked_at;
  if (took > slowest) slowest = took;
  if (c->good) whole_times[succeeded++] = took;
  else failed++;
  if (!c->keep_alive || fresh_connections) hang_up(c);
  if (pause_seconds > 0 && to_start > 0) {
    c->state = PAUSE;
    c->ask_again_at = now() + pause_seconds;
  } else {
    next_request(c);
  }
}

/* The value of a header field in a NUL-terminated head, or NULL; *length is what is left after trimming. */
static const char *field(const char *head, const char *name, size_t *length) {
  size_t name_length = strlen(name);
  for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
    line += 2;
    if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':') continue;
    const char *value = line + name_length + 1;
    while (*value == ' ' || *value == '\t') value++;
    *length = strcspn(value, "\r\n");
    while (*length > 0 && (value[*length - 1] == ' ' || value[*length - 1] == '\t')) (*length)--;
    return value;
  }
  return NULL;
}

/* Reads the head that stands in c->head and decides how the body ends. False: not an HTTP answer. */
static bool read_head(struct connection *c) {
  int minor, status;
  if (sscanf(c->head, "HTTP/1.%d %d", &minor, &status) != 2) return false;
  if (status >= 100 && status < 200) {
    c->head_length = 0;
    return true;
  }
  c->good = status == wanted_status;
  if (!c->good) fprintf(stderr, "drain: status %d, wanted %d\n", status, wanted_status);
  size_t length;
  const char *value = field(c->head, "Connection", &length);
  c->keep_alive = minor >= 1;
  if (value != NULL && length == 5 && strncasecmp(value, "close", 5) == 0) c->keep_alive = false;
  if (value != NULL && length == 10 && strncasecmp(value, "keep-alive", 10) == 0) c->keep_alive = true;
  if (status == 204 || status == 304) {
    c->state = BODY;
    c->remaining = 0;
  } else if ((value = field(c->head, "Transfer-Encoding", &length)) != NULL) {
    if (length < 7 || strncasecmp(value + length - 7, "chunked", 7) != 0) return false;
    c->state = CHUNK_SIZE;
  } else if ((value = field(c->head, "Content-Length", &length)) != NULL) {
    char *end;
    c->state = BODY;
    c->remaining = strtoull(value, &end, 10);
    if (end != value + length || length == 0) return false;
  } else {
    c->state = TO_END;
    c->keep_alive = false;
  }
  return true;
}

/*
 * Takes bytes up to and with the first newline into c->head, and leaves everything after it in the socket: body bytes
 * must stay there to be dropped. 1: a line or a head is complete; 0: come back later; -1: over.
 */
static int take_text(struct connection *c, const char *terminator) {
  size_t terminator_length = strlen(terminator);
  for (;;) {
    size_t space = HEAD_MAX - 1 - c->head_length;
    if (space == 0) return -1;
    char *at = c->head + c->head_length;
    ssize_t seen = recv(c->fd, at, space, MSG_PEEK);
    if (seen < 0) return errno == EAGAIN ? 0 : -1;
    if (seen == 0) return -1;
    if (!c->answered) {
      c->answered = true;
      first_times[first_count++] = now() - c->asked_at;
    }
    at[seen] = '\0';
    size_t from = c->head_length > terminator_length ? c->head_length - terminator_length : 0;
    char *end = memmem(c->head + from, c->head_length + (size_t)seen - from, terminator, terminator_length);
    size_t take = end == NULL ? (size_t)seen : (size_t)(end + terminator_length - at);
    if (recv(c->fd, at, take, 0) != (ssize_t)take) return -1;
    c->head_length += take;
    c->head[c->head_length] = '\0';
    if (end != NULL) return 1;
  }
}

/* Drops up to `most` body bytes in the kernel. Their number; 0: none there now; -1: the connection is over. */
static ssize_t drop(struct connection *c, uint64_t most) {
  size_t step = most < DROP_MAX ? (size_t)most : DROP_MAX;
  if (rate > 0 && step > SLOW_STEP) step = SLOW_STEP;
  ssize_t got = recv(c->fd, NULL, step, MSG_TRUNC);
  if (got > 0) {
    if (rate > 0) c->read_again_at = now() + (double)got / (double)rate;
    return got;
  }
  return got < 0 && errno == EAGAIN ? 0 : -1;
}

/* Advances one connection as far as it goes without waiting. */
static void advance(struct connection *c) {
  for (;;) {
    ssize_t got = 0;
    int text;
    switch (c->state) {
      case HEAD:
        if ((text = take_text(c, "\r\n\r\n")) == 0) return;
        if (text < 0) return broke(c, "before the end of its head");
        if (!read_head(c)) return broke(c, "its head is not HTTP/1");
        if (c->state == BODY && c->remaining == 0) return answer_complete(c);
        c->head_length = 0;
        break;
      case BODY:
      case CHUNK_DATA:
        if ((got = drop(c, c->remaining)) == 0) return;
        if (got < 0) return broke(c, "before the end of its body");
        total_bytes += (uint64_t)got;
        c->taken += (uint64_t)got;
        c->remaining -= (uint64_t)got;
        if (c->remaining > 0) break;
        if (c->state == BODY) return answer_complete(c);
        c->state = CHUNK_CRLF;
        c->head_length = 0;
        break;
      case TO_END:
        if ((got = drop(c, DROP_MAX)) == 0) return;
        if (got < 0) return answer_complete(c);
        total_bytes += (uint64_t)got;
        c->taken += (uint64_t)got;
        break;
      case PAUSE: /* nobody has asked: the server ends the connection, and the next request opens another */
        return hang_up(c);
      case CHUNK_SIZE:
      case CHUNK_CRLF:
      case TRAILER:
        if ((text = take_text(c, "\r\n")) == 0) return;
        if (text < 0) return broke(c, "between chunks");
        if (c->state == CHUNK_SIZE) {
          char *end;
          c->remaining = strtoull(c->head, &end, 16);
          if (end == c->head) return broke(c, "a chunk without a size");
          c->state = c->remaining == 0 ? TRAILER : CHUNK_DATA;
        } else if (c->state == CHUNK_CRLF) {
          c->state = CHUNK_SIZE;
        } else if (c->head_length == 2) {
          return answer_complete(c);
        }
        c->head_length = 0;
        break;
    }
    if (rate > 0 && c->read_again_at > 0) {
      struct epoll_event event = {.events = 0, .data.ptr = c};
      epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
      return;
    }
  }
}

/* With -r: connections whose pause is over are listened to again; with -i: they ask again. Milliseconds until the next one is due. */
static int wake_due_ones(struct connection *connections, uint64_t count, int patience_ms) {
  double time = now(), next = time + patience_ms / 1e3;
  for (uint64_t i = 0; i < count; i++) {
    struct connection *c = &connections[i];
    if (c->state == PAUSE && c->ask_again_at > 0) {
      if (c->ask_again_at <= time) {
        c->ask_again_at = 0;
        next_request(c);
      } else if (c->ask_again_at < next) {
        next = c->ask_again_at;
      }
      continue;
    }
    if (c->fd < 0 || c->read_again_at == 0) continue;
    if (c->read_again_at <= time) {
      struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
      epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
      c->read_again_at = 0;
    } else if (c->read_again_at < next) {
      next = c->read_again_at;
    }
  }
  return (int)((next - time) * 1e3) + 1;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Milliseconds that this share of the sorted times does not exceed; 0 where there are none. */
static double at_share(const double *times, size_t count, double share) {
  return count > 0 ? times[(size_t)((double)(count - 1) * share + 0.5)] * 1e3 : 0;
}

int main(int argc, char **argv) {
  uint64_t connections = 1, requests = 0, patience = 30, duration = 0;
  const char *headers[16];
  int header_count = 0, option;
  while ((option = getopt(argc, argv, "n:c:H:ks:r:i:d:t:h")) != -1) {
    switch (option) {
      case 'n': requests = number(optarg, "-n", 1); break;
      case 'c': connections = number(optarg, "-c", 1); break;
      case 'k': fresh_connections = true; break;
      case 's': wanted_status = (int)number(optarg, "-s", 100); break;
      case 'r': rate = number(optarg, "-r", 1); break;
      case 'i': pause_seconds = (double)number(optarg, "-i", 1) / 1e3; break;
      case 'd': duration = number(optarg, "-d", 1); break;
      case 't': patience = number(optarg, "-t", 1); break;
      case 'H':
        if (header_count == 16) usage_error("-H may be given 16 times");
        if (strchr(optarg, ':') == NULL) usage_error("-H takes 'Name: value', not '%s'", optarg);
        headers[header_count++] = optarg;
        break;
      case 'h': fputs(USAGE, stdout); return 0;
      default: usage_error("unknown option");
    }
  }
  if (argc - optind != 3) usage_error("wanted HOST PORT PATH");
  const char *host = argv[optind], *port = argv[optind + 1], *path = argv[optind + 2];
  if (requests == 0) requests = connections;

  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int lookup = getaddrinfo(host, port, &hints, &found);
  if (lookup != 0) usage_error("%s port %s: %s", host, port, gai_strerror(lookup));
  memcpy(&address, found->ai_addr, found->ai_addrlen);
  address_length = found->ai_addrlen;
  freeaddrinfo(found);

  int used = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\n", path, host, port);
  for (int i = 0; i < header_count && used < (int)sizeof request; i++)
    used += snprintf(request + used, sizeof request - (size_t)used, "%s\r\n", headers[i]);
  if (used < (int)sizeof request)
    used += snprintf(request + used, sizeof request - (size_t)used, "%s\r\n", fresh_connections ? "Connection: close\r\n" : "");
  if (used >= (int)sizeof request) usage_error("the request is longer than %d bytes", HEAD_MAX);
  request_length = (size_t)used;

  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct connection *all = calloc(connections, sizeof *all);
  struct epoll_event *events = calloc(connections, sizeof *events);
  /* A reused connection that proves closed asks again, so one request can have at most two first bytes. */
  first_times = calloc(2 * requests + connections, sizeof *first_times);
  whole_times = calloc(requests, sizeof *whole_times);
  if (epoll_fd < 0 || all == NULL || events == NULL || first_times == NULL || whole_times == NULL) {
    fprintf(stderr, "drain: cannot set up %llu connections: %s\n", (unsigned long long)connections, strerror(errno));
    return 1;
  }

  to_start = requests;
  double start = now(), moved_at = start, stop_at = duration > 0 ? start + (double)duration : 1e18;
  uint64_t moved = 0;
  for (uint64_t i = 0; i < connections; i++) {
    all[i].fd = -1;
    /* A crowd does not come within a millisecond: the server's queue of connections must not be what is measured. */
    if (i > 0 && i % CROWD == 0) usleep(25000);
    if (start_request(&all[i])) live++;
  }
  while (live > 0) {
    if (now() >= stop_at) break;
    int wait_ms = (int)(patience * 1000);
    if (duration > 0 && (stop_at - now()) * 1e3 < wait_ms) wait_ms = (int)((stop_at - now()) * 1e3) + 1;
    if (rate > 0 || pause_seconds > 0) wait_ms = wake_due_ones(all, connections, wait_ms);
    int ready = epoll_wait(epoll_fd, events, (int)connections, wait_ms);
    for (int i = 0; i < ready; i++) advance(events[i].data.ptr);
    if (total_bytes + succeeded + failed != moved) {
      moved = total_bytes + succeeded + failed;
      moved_at = now();
    } else if (now() - moved_at > (double)patience) {
      fprintf(stderr, "drain: nothing received for %llu s on %d connections\n", (unsigned long long)patience, live);
      failed += (uint64_t)live + to_start;
      break;
    }
  }
  double seconds = now() - start;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  qsort(first_times, first_count, sizeof *first_times, by_size);
  qsort(whole_times, succeeded, sizeof *whole_times, by_size);
  uint64_t least = UINT64_MAX;
  for (uint64_t i = 0; i < connections; i++)
    if (all[i].taken < least) least = all[i].taken;
  printf("bytes=%llu seconds=%.3f mbps=%.1f requests=%llu rps=%.1f failed=%llu ", (unsigned long long)total_bytes, seconds,
         (double)total_bytes / seconds / 1e6, (unsigned long long)requests, (double)succeeded / seconds,
         (unsigned long long)failed);
  printf("first_ms=%.2f p50_ms=%.3f p99_ms=%.3f max_ms=%.2f least=%llu cpu_s=%.3f\n", at_share(first_times, first_count, 0.5),
         at_share(whole_times, succeeded, 0.5), at_share(whole_times, succeeded, 0.99), slowest * 1e3,
         (unsigned long long)least, cpu);
  return failed > 0;
}
