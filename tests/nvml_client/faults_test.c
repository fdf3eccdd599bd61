/* Each kind of fault, seen from outside: by answers, by time and by the state
 * of the process that is stuck. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "node.h"

static struct sim_state* node;

static struct sim_fault fault_of(const char* symbol, enum sim_action action) {
  struct sim_fault fault = {.gpu = -1, .from_call = 1, .to_ms = -1};
  snprintf(fault.symbol, sizeof fault.symbol, "%s", symbol);
  fault.action = action;
  return fault;
}

static nvmlDevice_t handle(unsigned int index) {
  nvmlDevice_t found = NULL;
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(index, &found), 0);
  return found;
}

static nvmlReturn_t power_of(nvmlDevice_t device) {
  unsigned int milliwatts;
  return NVML(nvmlDeviceGetPowerUsage)(device, &milliwatts);
}

static void test_return(void) {
  nvmlDevice_t first = handle(0), second = handle(1), mig = NULL;
  CHECK_NUMBER(NVML(nvmlDeviceGetMigDeviceHandleByIndex)(second, 0, &mig), 0);
  struct sim_fault fault = fault_of("nvmlDeviceGet*", SIM_RETURN);
  fault.code = NVML_ERROR_RESET_REQUIRED;
  fault.gpu = 1;
  struct sim_fault* row = add_fault(node, &fault);
  char uuid[96];
  CHECK_NUMBER(power_of(first), NVML_SUCCESS);
  CHECK_NUMBER(power_of(second), NVML_ERROR_RESET_REQUIRED);
  CHECK_NUMBER(NVML(nvmlDeviceGetUUID)(mig, uuid, sizeof uuid),
               NVML_ERROR_RESET_REQUIRED);
  /* Stubs too, and the handle itself. */
  nvmlReturn_t (*stub)(nvmlDevice_t) =
      (nvmlReturn_t(*)(nvmlDevice_t))find_symbol("nvmlDeviceGetVgpuMetadata");
  CHECK_NUMBER(stub(second), NVML_ERROR_RESET_REQUIRED);
  CHECK_NUMBER(stub(first), NVML_ERROR_NOT_SUPPORTED);
  nvmlDevice_t again;
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(1, &again),
               NVML_ERROR_RESET_REQUIRED);
  lift(node, row);
  CHECK_NUMBER(power_of(second), NVML_SUCCESS);
}

static void test_nth_call(void) {
  nvmlDevice_t device = handle(0);
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", SIM_RETURN);
  fault.code = NVML_ERROR_UNKNOWN;
  fault.from_call = 2;
  fault.to_call = 3;
  struct sim_fault* row = add_fault(node, &fault);
  static const nvmlReturn_t wanted[] = {0, 999, 999, 0};
  for (int i = 0; i < 4; ++i) CHECK_NUMBER(power_of(device), wanted[i]);
  lift(node, row);
}

static void test_window(void) {
  nvmlDevice_t device = handle(0);
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", SIM_RETURN);
  fault.code = NVML_ERROR_TIMEOUT;
  const int64_t now = boot_now_ms() - node->started_ms;
  fault.from_ms = now + 100000;
  struct sim_fault* row = add_fault(node, &fault);
  CHECK_NUMBER(power_of(device), NVML_SUCCESS);
  row->from_ms = 0;
  publish(node);
  CHECK_NUMBER(power_of(device), NVML_ERROR_TIMEOUT);
  row->to_ms = 1;
  CHECK_NUMBER(power_of(device), NVML_SUCCESS);
  lift(node, row);

  /* A hang ends with its window, without any change of the state. */
  fault = fault_of("nvmlDeviceGetPowerUsage", SIM_HANG_FUTEX);
  fault.to_ms = boot_now_ms() - node->started_ms + 60;
  row = add_fault(node, &fault);
  CHECK_NUMBER(power_of(device), NVML_SUCCESS);
  CHECK(boot_now_ms() - node->started_ms >= fault.to_ms);
  lift(node, row);
}

static void test_caller(void) {
  nvmlDevice_t device = handle(0);
  char own_name[16] = "";
  prctl(PR_GET_NAME, own_name);
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", SIM_RETURN);
  fault.code = NVML_ERROR_IN_USE;
  strcpy(fault.caller, "nvidia-smi*");
  struct sim_fault* row = add_fault(node, &fault);
  CHECK_NUMBER(power_of(device), NVML_SUCCESS);
  prctl(PR_SET_NAME, "nvidia-smi");
  CHECK_NUMBER(power_of(device), NVML_ERROR_IN_USE);
  strcpy(row->not_caller, "nvidia-*");
  CHECK_NUMBER(power_of(device), NVML_SUCCESS);
  prctl(PR_SET_NAME, own_name);
  lift(node, row);
}

static void test_delay_and_hide(void) {
  nvmlDevice_t device = handle(0);
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", SIM_DELAY);
  fault.delay_ms = 50;
  struct sim_fault* row = add_fault(node, &fault);
  const int64_t start = boot_now_ms();
  CHECK_NUMBER(power_of(device), NVML_SUCCESS);
  CHECK(boot_now_ms() - start >= 49);
  lift(node, row);
  fault = fault_of("nvmlDeviceGetPowerUsage", SIM_HIDE);
  row = add_fault(node, &fault);
  CHECK_NUMBER(power_of(device), NVML_ERROR_FUNCTION_NOT_FOUND);
  lift(node, row);
}

static int start_client(void) {
  fflush(stdout);
  const int pid = fork();
  if (pid != 0) return pid;
  nvmlDevice_t device = NULL;
  NVML(nvmlDeviceGetHandleByIndex_v2)(0, &device);
  _exit((int)power_of(device));
}

/* A process in state D of the vfork kind has a child; it must not outlive it.
 */
static int child_of(int pid) {
  char path[64], text[32] = "";
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
  FILE* file = fopen(path, "r");
  if (file == NULL) return 0;
  const size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  return atoi(text);
}

/* Hangs a client, sees it in `state`, lifts the fault: it answers as usual.
 * Hangs another one and kills it: it dies. */
static void test_hang(enum sim_action action, char state) {
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", action);
  struct sim_fault* row = add_fault(node, &fault);
  int pid = start_client(), status = -1;
  CHECK(reaches_state(pid, state));
  lift(node, row);
  CHECK_NUMBER(waitpid(pid, &status, 0), pid);
  CHECK(WIFEXITED(status));
  CHECK_NUMBER(WEXITSTATUS(status), NVML_SUCCESS);

  row = add_fault(node, &fault);
  pid = start_client();
  CHECK(reaches_state(pid, state));
  if (state == 'D') {
    kill(pid, SIGTERM); /* no signal handler runs in state D */
    CHECK_NUMBER(waitpid(pid, &status, WNOHANG), 0);
  }
  const int child = child_of(pid);
  CHECK((child != 0) == (state == 'D'));
  kill(pid, SIGKILL);
  CHECK_NUMBER(waitpid(pid, &status, 0), pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  if (child != 0) CHECK(ends(child));
  lift(node, row);
}

/* The end of the node ends every hang. */
static void test_stop(void) {
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", SIM_HANG_D);
  struct sim_fault* row = add_fault(node, &fault);
  const int pid = start_client();
  int status = -1;
  CHECK(reaches_state(pid, 'D'));
  node->stopped = 1;
  publish(node);
  CHECK_NUMBER(waitpid(pid, &status, 0), pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == NVML_SUCCESS);
  node->stopped = 0;
  lift(node, row);
}

static void test_death(void) {
  struct sim_fault fault = fault_of("nvmlDeviceGetPowerUsage", SIM_DIE);
  struct sim_fault* row = add_fault(node, &fault);
  const int pid = start_client();
  int status = -1;
  CHECK_NUMBER(waitpid(pid, &status, 0), pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  lift(node, row);
}

int main(void) {
  node = make_node();
  CHECK_NUMBER(NVML(nvmlInit_v2)(), NVML_SUCCESS);
  test_return();
  test_nth_call();
  test_window();
  test_caller();
  test_delay_and_hide();
  test_hang(SIM_HANG_FUTEX, 'S');
  test_hang(SIM_HANG_BUSY, 'R');
  test_hang(SIM_HANG_D, 'D');
  /* Nothing is frozen here, so this is the killable kind. */
  test_hang(SIM_HANG_D_HARD, 'D');
  test_stop();
  test_death();
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  remove_node();
  return failed_checks != 0;
}
