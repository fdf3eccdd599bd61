/* The ways in which a call can fail to come back. Each ends when its fault is
 * lifted; then the call goes on as if nothing had been. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/nvml/library.h"

static int64_t until_end_of_window(const struct sim_state* state,
                                   const struct sim_fault* row) {
  const int64_t end = __atomic_load_n(&row->to_ms, __ATOMIC_RELAXED);
  if (end < 0) return -1;
  const int64_t left = state->started_ms + end - boot_ms();
  return left > 0 ? left : 0;
}

bool fault_lifted(const struct sim_state* state, const struct sim_fault* row,
                  uint32_t id) {
  return __atomic_load_n(&state->stopped, __ATOMIC_ACQUIRE) != 0 ||
         __atomic_load_n(&row->used, __ATOMIC_ACQUIRE) == 0 ||
         __atomic_load_n(&row->id, __ATOMIC_ACQUIRE) != id ||
         until_end_of_window(state, row) == 0;
}

/* The generation is read before the row, so no change goes unnoticed. */
static void wait_for_lift(const struct sim_state* state,
                          const struct sim_fault* row, uint32_t id) {
  for (;;) {
    const uint32_t seen = sim_generation(state);
    if (fault_lifted(state, row, id)) return;
    sim_wait(state, seen, until_end_of_window(state, row));
  }
}

void delay(const struct sim_state* state, const struct sim_fault* row,
           uint32_t id, int64_t milliseconds) {
  const int64_t end = monotonic_ms() + milliseconds;
  for (;;) {
    const uint32_t seen = sim_generation(state);
    const int64_t left = end - monotonic_ms();
    if (left <= 0 || fault_lifted(state, row, id)) return;
    sim_wait(state, seen, left);
  }
}

static void spin(const struct sim_state* state, const struct sim_fault* row,
                 uint32_t id) {
  while (!fault_lifted(state, row, id)) {
  }
}

struct child {
  const struct sim_state* state;
  const struct sim_fault* row;
  uint32_t id;
  pid_t parent;
};

static int child_main(void* argument) {
  const struct child* child = argument;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (syscall(SYS_getppid) == child->parent)
    wait_for_lift(child->state, child->row, child->id);
  syscall(SYS_exit, 0);
  return 0;
}

/* A parent that waits for its vfork child is in state D, and killable. The
 * child shares our memory, hence a stack of its own, no signal handlers, and
 * no SIGCHLD that the client would wonder about. */
static void wait_in_killable_d(const struct sim_state* state,
                               const struct sim_fault* row, uint32_t id) {
  enum { STACK = 65536 };
  char* stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) {
    wait_for_lift(state, row, id);
    return;
  }
  struct child child = {state, row, id, getpid()};
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  const int pid =
      clone(child_main, stack + STACK, CLONE_VM | CLONE_VFORK, &child);
  if (pid > 0) waitpid(pid, NULL, __WALL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  munmap(stack, STACK);
  if (pid < 0) wait_for_lift(state, row, id);
}

/* Blocks in the write, beyond the reach of SIGKILL, while the file system is
 * frozen; false where it is not, or the file cannot be written. */
static bool write_to_frozen_file(const struct sim_state* state) {
  if (state->frozen == 0 || state->frozen_file[0] == '\0') return false;
  const int file = open(state->frozen_file, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = write(file, "x", 1) == 1;
  close(file);
  return written;
}

void hang(const struct sim_state* state, const struct sim_fault* row,
          uint32_t id, uint32_t action) {
  if (action == SIM_HANG_D_HARD) {
    while (!fault_lifted(state, row, id) && write_to_frozen_file(state)) {
    }
  }
  if (action == SIM_HANG_BUSY)
    spin(state, row, id);
  else if (action == SIM_HANG_D || action == SIM_HANG_D_HARD)
    wait_in_killable_d(state, row, id);
  else
    wait_for_lift(state, row, id);
}
