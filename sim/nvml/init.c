/* Init and shutdown, counted; the device nodes; what init says of the node. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/nvml/library.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned int users;
static int control = -1;
static unsigned int visible_total;
static int visible[SIM_MAX_GPUS];
static struct {
  bool attached;
  int file;
} nodes[SIM_MAX_GPUS];

/* Empty: this node has no device files, nothing is opened. */
static const char* dev_dir(const struct sim_state* state) {
  const char* other = getenv(SIM_DEV_ENVIRONMENT);
  return other != NULL ? other : state->dev_dir;
}

static nvmlReturn_t answer_for(int error) {
  switch (error) {
    case ENXIO: /* a node of a test, with no driver behind it */
    case ENODEV:
      return NVML_SUCCESS;
    case EACCES:
      return NVML_ERROR_NO_PERMISSION;
    default: /* EPERM, from a device cgroup, among them */
      return NVML_ERROR_UNKNOWN;
  }
}

static nvmlReturn_t open_node(const char* path, int* file) {
  *file = open(path, O_RDWR | O_CLOEXEC);
  return *file >= 0 ? NVML_SUCCESS : answer_for(errno);
}

static nvmlReturn_t open_control(const struct sim_state* state) {
  char path[4096];
  const char* folder = dev_dir(state);
  if (folder[0] == '\0') return NVML_SUCCESS;
  snprintf(path, sizeof path, "%s/nvidiactl", folder);
  const nvmlReturn_t answer = open_node(path, &control);
  return control < 0 && errno == ENOENT ? NVML_ERROR_DRIVER_NOT_LOADED : answer;
}

static bool node_path(const struct sim_state* state, int gpu, char* path,
                      size_t size) {
  const char* folder = dev_dir(state);
  const int minor = state->gpus[gpu].minor;
  if (folder[0] == '\0' || minor < 0) return false;
  snprintf(path, size, "%s/nvidia%d", folder, minor);
  return true;
}

/* A container sees the GPUs whose nodes it was given, and the number of GPUs
 * is settled at init. */
static void list_visible(const struct sim_state* state) {
  visible_total = 0;
  char path[4096];
  for (int gpu = 0; gpu < SIM_MAX_GPUS && gpu < (int)state->gpu_count; ++gpu) {
    if (!node_path(state, gpu, path, sizeof path) || access(path, F_OK) == 0)
      visible[visible_total++] = gpu;
  }
}

static bool versions_differ(const struct sim_state* state) {
  return state->library_version[0] != '\0' &&
         strcmp(state->library_version, state->driver_version) != 0;
}

static void close_control(void) {
  if (control >= 0) close(control);
  control = -1;
}

static nvmlReturn_t start(void) {
  const struct sim_state* state = sim_state();
  if (state == NULL || state->driver_version[0] == '\0')
    return NVML_ERROR_DRIVER_NOT_LOADED;
  const nvmlReturn_t opened = open_control(state);
  if (opened != NVML_SUCCESS) return opened;
  if (versions_differ(state)) {
    close_control();
    return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
  }
  list_visible(state);
  return NVML_SUCCESS;
}

static nvmlReturn_t add_user(const char* symbol) {
  const nvmlReturn_t fault = apply_faults(symbol, ANY_GPU);
  if (fault != PROCEED) return fault;
  pthread_mutex_lock(&lock);
  const nvmlReturn_t answer = users > 0 ? NVML_SUCCESS : start();
  if (answer == NVML_SUCCESS) ++users;
  pthread_mutex_unlock(&lock);
  return answer;
}

EXPORT nvmlReturn_t nvmlInit(void) { return add_user(__func__); }

EXPORT nvmlReturn_t nvmlInit_v2(void) { return add_user(__func__); }

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
  (void)flags; /* GPUs are attached at the first handle in any case */
  return add_user(__func__);
}

static void stop(void) {
  close_control();
  for (int gpu = 0; gpu < SIM_MAX_GPUS; ++gpu) {
    if (nodes[gpu].attached && nodes[gpu].file >= 0) close(nodes[gpu].file);
    nodes[gpu].attached = false;
  }
  free_event_sets();
}

EXPORT nvmlReturn_t nvmlShutdown(void) {
  ENTER(ANY_GPU);
  pthread_mutex_lock(&lock);
  const bool was_user = users > 0;
  if (was_user && --users == 0) stop();
  pthread_mutex_unlock(&lock);
  return was_user ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}

bool is_initialized(void) { return users > 0; }

unsigned int visible_count(void) { return visible_total; }

int visible_gpu(unsigned int n) { return n < visible_total ? visible[n] : -1; }

int visible_index(int gpu) {
  for (unsigned int n = 0; n < visible_total; ++n)
    if (visible[n] == gpu) return (int)n;
  return -1;
}

nvmlReturn_t attach_gpu(const struct sim_state* state, int gpu) {
  char path[4096];
  if (state->gpus[gpu].lost != 0) return NVML_ERROR_UNKNOWN;
  if (!node_path(state, gpu, path, sizeof path)) return NVML_SUCCESS;
  nvmlReturn_t answer = NVML_SUCCESS;
  pthread_mutex_lock(&lock);
  if (!nodes[gpu].attached) {
    answer = open_node(path, &nodes[gpu].file);
    nodes[gpu].attached = answer == NVML_SUCCESS;
  }
  pthread_mutex_unlock(&lock);
  return answer;
}
