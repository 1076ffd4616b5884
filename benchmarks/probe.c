/* Another client's waiting time: GET at a fixed pace over loopback, on one connection.
 *
 * Usage: probe PORT SECONDS INTERVAL_US. Starts at a line on standard input and ends with percentiles in
 * microseconds, as JSON. An answer that takes longer than the interval hides the questions that would have been
 * asked meanwhile; these are counted with the time that they would have waited.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char QUESTION[] = "*2\r\n$3\r\nGET\r\n$5\r\nprobe\r\n";

static double now_us(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1e6 + at.tv_nsec / 1e3;
}

static void sleep_until_us(double when) {
  double left = when - now_us();
  if (left <= 0) return;
  struct timespec span = {(time_t)(left / 1e6), 0};
  span.tv_nsec = (long)((left - span.tv_sec * 1e6) * 1e3);
  nanosleep(&span, NULL);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static int open_connection(int port) {
  struct sockaddr_in address = {0};
  int one = 1, connection = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (connect(connection, (struct sockaddr *)&address, sizeof address)) return -1;
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return connection;
}

int main(int count, char **words) {
  char line[512];
  if (count != 4) return 2;
  int connection = open_connection(atoi(words[1]));
  double seconds = atof(words[2]), interval = atof(words[3]);
  size_t room = (size_t)(seconds * 1e6 / interval) * 2 + 1024, asked = 0, filled = 0;
  double *waits = malloc(room * sizeof *waits);
  if (connection < 0 || !waits || !fgets(line, sizeof line, stdin)) return 1;
  double end = now_us() + seconds * 1e6, next = now_us();
  while (next < end) {
    sleep_until_us(next);
    double began = now_us();
    if (write(connection, QUESTION, sizeof QUESTION - 1) < 0 || read(connection, line, sizeof line) <= 0) return 1;
    double ended = now_us();
    asked++;
    for (double wait = ended - began; wait > 0 && filled < room; wait -= interval) waits[filled++] = wait;
    next += interval;
    if (next < ended) next = ended;
  }
  qsort(waits, filled, sizeof *waits, ascending);
#define AT(share) waits[(size_t)((filled - 1) * (share))]
  printf("{\"asked\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"longest\": %.1f}\n", asked, AT(.5), AT(.99),
         AT(.999), AT(1.0));
  return 0;
}
