/* container-client: a program that uses device nodes, as the main process of a
 * container. It opens each one again and again and writes down when the answer
 * changes, so that a test sees one process lose a device and have it back.
 *
 *   container-client [--every MS] [--log FILE] [--once] NODE...
 *
 * A node is opened for reading and writing, "r:NODE" for reading alone. A line
 * is "MICROSECONDS NODE ANSWER", by CLOCK_MONOTONIC, just after the open that
 * answered so; ANSWER is OK or the name of an errno. ENXIO is what an open says
 * that the device cgroup allows, where no driver is behind the node.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_NODES 32
#define NOT_TRIED (-1)

static struct node {
  const char* path;
  int answer;
} nodes[MOST_NODES];
static int node_count;

static int try_open(const char* path) {
  const int reads = strncmp(path, "r:", 2) == 0;
  const int file =
      open(path + (reads ? 2 : 0), (reads ? O_RDONLY : O_RDWR) | O_CLOEXEC);
  if (file < 0) return errno;
  close(file);
  return 0;
}

static void write_line(int log, const struct node* node) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const char* name = node->answer == 0 ? "OK" : strerrorname_np(node->answer);
  /* In one write: a reader sees whole lines. */
  dprintf(log, "%lld %s %s\n",
          (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, node->path,
          name != NULL ? name : "?");
}

static void try_all(int log) {
  for (struct node* node = nodes; node < nodes + node_count; ++node) {
    const int answer = try_open(node->path);
    if (answer == node->answer) continue;
    node->answer = answer;
    write_line(log, node);
  }
}

static void end(int number) { _exit(128 + number); }

static int usage(void) {
  fputs("usage: container-client [--every MS] [--log FILE] [--once] NODE...\n",
        stderr);
  return 64;
}

static int open_log(const char* path) {
  const int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log >= 0) return log;
  perror(path);
  exit(1);
}

int main(int count, char** words) {
  long every_ms = 10;
  int once = 0, log = STDOUT_FILENO;
  for (int i = 1; i < count; ++i) {
    if (strcmp(words[i], "--once") == 0) {
      once = 1;
    } else if (strcmp(words[i], "--every") == 0 && i + 1 < count) {
      every_ms = strtol(words[++i], NULL, 10);
    } else if (strcmp(words[i], "--log") == 0 && i + 1 < count) {
      log = open_log(words[++i]);
    } else if (words[i][0] != '-' && node_count < MOST_NODES) {
      nodes[node_count++] = (struct node){words[i], NOT_TRIED};
    } else {
      return usage();
    }
  }
  if (node_count == 0 || every_ms < 0) return usage();
  /* Process 1 of a container ends on no signal that it does not handle. */
  signal(SIGTERM, end);
  signal(SIGINT, end);
  const struct timespec pause = {.tv_sec = every_ms / 1000,
                                 .tv_nsec = every_ms % 1000 * 1000000};
  for (;;) {
    try_all(log);
    if (once) return 0;
    nanosleep(&pause, NULL);
  }
}
