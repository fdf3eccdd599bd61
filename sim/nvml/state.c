/* Finding, mapping and watching the node's state file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sim/nvml/library.h"

static pthread_mutex_t map_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct sim_state* _Atomic mapped;
static dev_t mapped_device;
static ino_t mapped_inode;

static bool state_path(char* path, size_t size) {
  const char* node = getenv(SIM_ENVIRONMENT);
  if (node != NULL && node[0] != '\0')
    return (size_t)snprintf(path, size, "%s/state", node) < size;
  Dl_info self;
  if (dladdr((const void*)&mapped, &self) == 0 || self.dli_fname == NULL)
    return false;
  const char* slash = strrchr(self.dli_fname, '/');
  const int folder = slash == NULL ? 0 : (int)(slash - self.dli_fname) + 1;
  return (size_t)snprintf(path, size, "%.*sgpuward-sim.state", folder,
                          self.dli_fname) < size;
}

static bool usable(const struct sim_state* state) {
  return state->magic == SIM_MAGIC && state->layout == SIM_LAYOUT;
}

/* Maps the file unless it is the one that is mapped already. An old mapping
 * stays: another thread may be reading it. */
static void map_file(int file) {
  struct stat status;
  if (fstat(file, &status) != 0 ||
      (size_t)status.st_size < sizeof(struct sim_state))
    return;
  if (mapped != NULL && status.st_dev == mapped_device &&
      status.st_ino == mapped_inode)
    return;
  void* memory =
      mmap(NULL, sizeof(struct sim_state), PROT_READ, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return;
  if (!usable(memory)) {
    munmap(memory, sizeof(struct sim_state));
    return;
  }
  mapped_device = status.st_dev;
  mapped_inode = status.st_ino;
  mapped = memory;
}

const struct sim_state* sim_state(void) {
  const struct sim_state* state = mapped;
  /* A stopped node may have been followed by another one. */
  if (state != NULL && state->stopped == 0) return state;
  char path[4096];
  if (!state_path(path, sizeof path)) return state;
  pthread_mutex_lock(&map_lock);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    map_file(file);
    close(file);
  }
  pthread_mutex_unlock(&map_lock);
  return mapped;
}

__attribute__((destructor)) static void unmap_state(void) {
  if (mapped != NULL) munmap((void*)mapped, sizeof(struct sim_state));
}

uint32_t sim_generation(const struct sim_state* state) {
  return __atomic_load_n(&state->generation, __ATOMIC_ACQUIRE);
}

void sim_wait(const struct sim_state* state, uint32_t seen, int64_t wait_ms) {
  const struct timespec wait = {.tv_sec = wait_ms / 1000,
                                .tv_nsec = wait_ms % 1000 * 1000000};
  /* Safe in the child of a hang, which shares our memory. */
  syscall(SYS_futex, &state->generation, FUTEX_WAIT, seen,
          wait_ms < 0 ? NULL : &wait, NULL, 0);
}

static int64_t clock_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t boot_ms(void) { return clock_ms(CLOCK_BOOTTIME); }

int64_t monotonic_ms(void) { return clock_ms(CLOCK_MONOTONIC); }
