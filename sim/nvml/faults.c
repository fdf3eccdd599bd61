/* Which faults a call meets. Evaluated in every exported function. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "sim/nvml/library.h"

/* Matching calls of this process, by row; a row that is given to another
 * fault starts anew. */
static struct {
  _Atomic uint32_t fault;
  _Atomic uint32_t calls;
} counted[SIM_MAX_FAULTS];

static void read_comm(char* comm, size_t size) {
  comm[0] = '\0';
  const int file = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  const ssize_t length = read(file, comm, size - 1);
  close(file);
  if (length <= 0) return;
  comm[length] = '\0';
  comm[strcspn(comm, "\n")] = '\0';
}

static bool caller_matches(const struct sim_fault* fault) {
  if (fault->caller[0] == '\0' && fault->not_caller[0] == '\0') return true;
  char comm[32];
  read_comm(comm, sizeof comm);
  if (fault->caller[0] != '\0' && fnmatch(fault->caller, comm, 0) != 0)
    return false;
  return fault->not_caller[0] == '\0' ||
         fnmatch(fault->not_caller, comm, 0) != 0;
}

static bool in_window(const struct sim_state* state,
                      const struct sim_fault* fault) {
  const int64_t now = boot_ms() - state->started_ms;
  return now >= fault->from_ms && (fault->to_ms < 0 || now < fault->to_ms);
}

static bool matches(const struct sim_state* state,
                    const struct sim_fault* fault, const char* symbol,
                    int gpu) {
  return (fault->gpu < 0 || fault->gpu == gpu) && in_window(state, fault) &&
         fnmatch(fault->symbol, symbol, 0) == 0 && caller_matches(fault);
}

static bool is_its_turn(size_t row, const struct sim_fault* fault) {
  if (counted[row].fault != fault->id) {
    counted[row].fault = fault->id;
    counted[row].calls = 0;
  }
  const uint32_t call = ++counted[row].calls;
  return call >= fault->from_call &&
         (fault->to_call == 0 || call <= fault->to_call);
}

/* By the signal itself, so that a handler of the client does not catch it. */
static void die(void) {
  signal(SIGSEGV, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGSEGV);
  sigprocmask(SIG_UNBLOCK, &only, NULL);
  kill(getpid(), SIGSEGV);
}

static nvmlReturn_t carry_out(const struct sim_state* state,
                              const struct sim_fault* row,
                              const struct sim_fault* fault) {
  switch ((enum sim_action)fault->action) {
    case SIM_RETURN:
      delay(state, row, fault->id, fault->delay_ms);
      return (nvmlReturn_t)fault->code;
    case SIM_DELAY:
      delay(state, row, fault->id, fault->delay_ms);
      return PROCEED;
    case SIM_HANG_FUTEX:
    case SIM_HANG_BUSY:
    case SIM_HANG_D:
    case SIM_HANG_D_HARD:
      hang(state, row, fault->id, fault->action);
      return PROCEED;
    case SIM_DIE:
      die();
      return PROCEED;
    case SIM_HIDE:
      return NVML_ERROR_FUNCTION_NOT_FOUND;
  }
  return PROCEED;
}

nvmlReturn_t apply_faults(const char* symbol, int gpu) {
  const struct sim_state* state = sim_state();
  if (state == NULL || state->stopped != 0) return PROCEED;
  for (size_t row = 0; row < SIM_MAX_FAULTS; ++row) {
    if (state->faults[row].used == 0) continue;
    /* A copy: the engine may rewrite the row while this call hangs in it. */
    const struct sim_fault fault = state->faults[row];
    if (!matches(state, &fault, symbol, gpu) || !is_its_turn(row, &fault))
      continue;
    const nvmlReturn_t answer = carry_out(state, &state->faults[row], &fault);
    if (answer != PROCEED) return answer;
  }
  return PROCEED;
}
