/* What clients rely on: counted init, old layouts, events, lost GPUs, the
 * whole list of names, and a library that leaves when it is closed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "node.h"

static struct sim_state* node;

static nvmlDevice_t handle(unsigned int index) {
  nvmlDevice_t found = NULL;
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(index, &found), 0);
  return found;
}

static void test_every_name_is_there(void) {
  FILE* list = fopen(SYMBOLS_PATH, "r");
  CHECK(list != NULL);
  if (list == NULL) return;
  char line[256];
  int names = 0;
  while (fgets(line, sizeof line, list) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#') continue;
    ++names;
    if (dlsym(library(), line) == NULL) {
      printf("%s is missing\n", line);
      ++failed_checks;
    }
  }
  fclose(list);
  CHECK_NUMBER(names, 413);
}

static int is_control_open(void) {
  char target[256], path[300], wanted[300];
  snprintf(wanted, sizeof wanted, "%s/nvidiactl", node_path());
  int found = 0;
  DIR* files = opendir("/proc/self/fd");
  for (struct dirent* file; (file = readdir(files)) != NULL;) {
    snprintf(path, sizeof path, "/proc/self/fd/%s", file->d_name);
    const ssize_t length = readlink(path, target, sizeof target - 1);
    if (length <= 0) continue;
    target[length] = '\0';
    found += strcmp(target, wanted) == 0;
  }
  closedir(files);
  return found;
}

static void test_counted_init(void) {
  unsigned int count;
  CHECK_NUMBER(NVML(nvmlDeviceGetCount_v2)(&count), NVML_ERROR_UNINITIALIZED);
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_ERROR_UNINITIALIZED);
  CHECK_NUMBER(NVML(nvmlInit_v2)(), NVML_SUCCESS);
  CHECK_NUMBER(NVML(nvmlInitWithFlags)(NVML_INIT_FLAG_NO_GPUS), 0);
  CHECK_NUMBER(is_control_open(), 1);
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  CHECK_NUMBER(NVML(nvmlDeviceGetCount_v2)(&count), NVML_SUCCESS);
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  CHECK_NUMBER(NVML(nvmlDeviceGetCount_v2)(&count), NVML_ERROR_UNINITIALIZED);
  CHECK_NUMBER(is_control_open(), 0);
}

static void* init_and_shutdown(void* unused) {
  (void)unused;
  for (int i = 0; i < 2000; ++i) {
    unsigned int count = 0;
    CHECK_NUMBER(NVML(nvmlInit_v2)(), NVML_SUCCESS);
    CHECK_NUMBER(NVML(nvmlDeviceGetCount_v2)(&count), NVML_SUCCESS);
    CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  }
  return NULL;
}

static void test_threads(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i)
    pthread_create(&threads[i], NULL, init_and_shutdown, NULL);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  CHECK_NUMBER(is_control_open(), 0);
}

static nvmlReturn_t init_once(void) {
  const nvmlReturn_t answer = NVML(nvmlInit_v2)();
  if (answer == NVML_SUCCESS) NVML(nvmlShutdown)();
  return answer;
}

static void test_failing_init(void) {
  strcpy(node->library_version, "570.158.01");
  CHECK_NUMBER(init_once(), NVML_ERROR_LIB_RM_VERSION_MISMATCH);
  strcpy(node->driver_version, "");
  CHECK_NUMBER(init_once(), NVML_ERROR_DRIVER_NOT_LOADED);
  strcpy(node->driver_version, "570.158.01");
  setenv(SIM_DEV_ENVIRONMENT, "/nowhere", 1);
  CHECK_NUMBER(init_once(), NVML_ERROR_DRIVER_NOT_LOADED);
  unsetenv(SIM_DEV_ENVIRONMENT);
  CHECK_NUMBER(init_once(), NVML_SUCCESS);
  CHECK_TEXT(NVML(nvmlErrorString)(NVML_ERROR_LIB_RM_VERSION_MISMATCH),
             "Driver/library version mismatch");
  CHECK_TEXT(NVML(nvmlErrorString)(NVML_ERROR_UNKNOWN), "Unknown Error");
  CHECK_TEXT(NVML(nvmlErrorString)(NVML_ERROR_DRIVER_NOT_LOADED),
             "Driver Not Loaded");
}

/* A container that was given one GPU sees one, as number 0. */
static void test_visible_gpus(void) {
  char path[300];
  snprintf(path, sizeof path, "%s/nvidia0", node_path());
  CHECK_NUMBER(unlink(path), 0);
  CHECK_NUMBER(NVML(nvmlInit_v2)(), NVML_SUCCESS);
  unsigned int count = 0, index = 9;
  CHECK_NUMBER(NVML(nvmlDeviceGetCount_v2)(&count), 0);
  CHECK_NUMBER(count, 1);
  char uuid[96];
  CHECK_NUMBER(NVML(nvmlDeviceGetUUID)(handle(0), uuid, sizeof uuid), 0);
  CHECK_TEXT(uuid, node->gpus[1].uuid);
  CHECK_NUMBER(NVML(nvmlDeviceGetIndex)(handle(0), &index), 0);
  CHECK_NUMBER(index, 0);
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  FILE* again = fopen(path, "w");
  CHECK(again != NULL && fclose(again) == 0);
}

/* Calls with a buffer of `size` bytes, and looks at what lies behind it. */
static unsigned char guarded[256];
static void* guard(void) { return memset(guarded, 0xA5, sizeof guarded); }
static int untouched_from(size_t size) {
  for (size_t i = size; i < sizeof guarded; ++i)
    if (guarded[i] != 0xA5) return 0;
  return 1;
}

static void test_first_versions(void) {
  nvmlDevice_t device = handle(0), second = handle(1), mig = NULL;
  CHECK_NUMBER(NVML(nvmlDeviceGetPciInfo)(device, guard()), 0);
  CHECK(untouched_from(32));
  CHECK_NUMBER(NVML(nvmlDeviceGetPciInfo_v2)(device, guard()), 0);
  CHECK(untouched_from(52));
  CHECK_NUMBER(NVML(nvmlDeviceGetGpuFabricInfo)(device, guard()), 0);
  CHECK(untouched_from(28));
  nvmlGpuFabricInfo_v2_t* fabric = guard();
  fabric->version = nvmlGpuFabricInfo_v2;
  CHECK_NUMBER(NVML(nvmlDeviceGetGpuFabricInfoV)(device, (void*)fabric), 0);
  CHECK(untouched_from(36));
  CHECK_NUMBER(NVML(nvmlDeviceGetMemoryInfo)(device, guard()), 0);
  CHECK(untouched_from(24));
  CHECK_NUMBER(NVML(nvmlDeviceGetMigDeviceHandleByIndex)(second, 0, &mig), 0);
  CHECK_NUMBER(NVML(nvmlDeviceGetAttributes)(mig, guard()), 0);
  CHECK(untouched_from(24));
  nvmlGpuInstance_t instance;
  nvmlComputeInstance_t compute;
  CHECK_NUMBER(NVML(nvmlDeviceGetGpuInstanceById)(second, 2, &instance), 0);
  CHECK_NUMBER(
      NVML(nvmlGpuInstanceGetComputeInstanceById)(instance, 0, &compute), 0);
  CHECK_NUMBER(NVML(nvmlComputeInstanceGetInfo)(compute, guard()), 0);
  CHECK(untouched_from(24));
}

static void test_process_lists(void) {
  nvmlDevice_t device = handle(0), mig = NULL;
  unsigned int count = 0;
  CHECK_NUMBER(
      NVML(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, NULL),
      NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK_NUMBER(count, 1);
  nvmlProcessInfo_v1_t* old = guard();
  CHECK_NUMBER(NVML(nvmlDeviceGetComputeRunningProcesses)(device, &count, old),
               0);
  CHECK_NUMBER(old->pid, 4711);
  CHECK(untouched_from(16));
  nvmlProcessInfo_t now;
  CHECK_NUMBER(
      NVML(nvmlDeviceGetComputeRunningProcesses_v3)(device, &count, &now), 0);
  CHECK_NUMBER(now.gpuInstanceId, NVML_NO_INSTANCE);
  CHECK_NUMBER(NVML(nvmlDeviceGetMigDeviceHandleByIndex)(handle(1), 1, &mig),
               0);
  CHECK_NUMBER(NVML(nvmlDeviceGetComputeRunningProcesses_v3)(mig, &count, &now),
               0);
  CHECK_NUMBER(count, 0);
}

static nvmlReturn_t next(nvmlEventSet_t set, nvmlEventData_t* event) {
  return NVML(nvmlEventSetWait_v2)(set, event, 0);
}

static void test_events(void) {
  nvmlDevice_t first = handle(0), second = handle(1);
  nvmlEventSet_t both = NULL, one = NULL;
  nvmlEventData_t event;
  CHECK_NUMBER(NVML(nvmlEventSetCreate)(&both), 0);
  CHECK_NUMBER(NVML(nvmlEventSetCreate)(&one), 0);
  CHECK_NUMBER(NVML(nvmlDeviceRegisterEvents)(first, 1ull << 40, both),
               NVML_ERROR_NOT_SUPPORTED);
  add_event(node, 0, nvmlEventTypeXidCriticalError, 13); /* before */
  unsigned long long types = 0;
  CHECK_NUMBER(NVML(nvmlDeviceGetSupportedEventTypes)(first, &types), 0);
  CHECK((types & nvmlEventTypeXidCriticalError) != 0);
  CHECK_NUMBER(NVML(nvmlDeviceRegisterEvents)(first, types, both), 0);
  CHECK_NUMBER(NVML(nvmlDeviceRegisterEvents)(second, types, both), 0);
  CHECK_NUMBER(NVML(nvmlDeviceRegisterEvents)(
                   second, nvmlEventTypeXidCriticalError, one),
               0);
  add_event(node, 0, nvmlEventTypeXidCriticalError, 79);
  add_event(node, 1, nvmlEventTypeSingleBitEccError, 0);
  add_event(node, 1, nvmlEventTypeXidCriticalError, 48);

  CHECK_NUMBER(next(both, &event), NVML_SUCCESS);
  CHECK(event.device == first);
  CHECK_NUMBER(event.eventData, 79);
  CHECK_NUMBER(event.gpuInstanceId, NVML_NO_INSTANCE);
  CHECK_NUMBER(next(both, &event), NVML_SUCCESS);
  CHECK_NUMBER(event.eventType, nvmlEventTypeSingleBitEccError);
  nvmlEventData_t* old = guard();
  CHECK_NUMBER(NVML(nvmlEventSetWait)(both, old, 0), NVML_SUCCESS);
  CHECK_NUMBER(old->eventData, 48);
  CHECK(untouched_from(24));
  CHECK_NUMBER(next(both, &event), NVML_ERROR_TIMEOUT);
  CHECK_NUMBER(next(one, &event), NVML_SUCCESS);
  CHECK_NUMBER(event.eventData, 48);
  CHECK_NUMBER(next(one, &event), NVML_ERROR_TIMEOUT);
  CHECK_NUMBER(NVML(nvmlEventSetFree)(one), NVML_SUCCESS);
  CHECK_NUMBER(NVML(nvmlEventSetFree)(one), NVML_ERROR_INVALID_ARGUMENT);

  const int64_t start = boot_now_ms();
  CHECK_NUMBER(NVML(nvmlEventSetWait_v2)(both, &event, 40), NVML_ERROR_TIMEOUT);
  CHECK(boot_now_ms() - start >= 39);
  CHECK_NUMBER(NVML(nvmlEventSetFree)(both), NVML_SUCCESS);
}

/* Waiting ends with the event, asleep until then. */
static void test_wait_wakes_up(void) {
  int ready[2];
  char byte = 0;
  CHECK_NUMBER(pipe(ready), 0);
  fflush(stdout);
  const int pid = fork();
  if (pid == 0) {
    nvmlEventSet_t set;
    nvmlEventData_t event = {.eventData = 0};
    NVML(nvmlEventSetCreate)(&set);
    NVML(nvmlDeviceRegisterEvents)
    (handle(0), nvmlEventTypeXidCriticalError, set);
    CHECK_NUMBER(write(ready[1], &byte, 1), 1);
    NVML(nvmlEventSetWait_v2)(set, &event, 60000);
    _exit((int)event.eventData);
  }
  int status = -1;
  CHECK_NUMBER(read(ready[0], &byte, 1), 1);
  CHECK(reaches_state(pid, 'S'));
  const int64_t start = boot_now_ms();
  add_event(node, 0, nvmlEventTypeXidCriticalError, 94);
  CHECK_NUMBER(waitpid(pid, &status, 0), pid);
  CHECK(boot_now_ms() - start < 30000);
  CHECK(WIFEXITED(status));
  CHECK_NUMBER(WEXITSTATUS(status), 94);
  close(ready[0]);
  close(ready[1]);
}

static void test_lost_gpu(void) {
  nvmlDevice_t first = handle(0), second = handle(1), again;
  unsigned int milliwatts;
  node->gpus[0].lost = 1;
  CHECK_NUMBER(NVML(nvmlDeviceGetPowerUsage)(first, &milliwatts),
               NVML_ERROR_GPU_IS_LOST);
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(0, &again),
               NVML_ERROR_UNKNOWN);
  CHECK_NUMBER(NVML(nvmlDeviceGetPowerUsage)(second, &milliwatts), 0);
  node->gpus[0].lost = 0;
  CHECK_NUMBER(NVML(nvmlDeviceGetPowerUsage)(first, &milliwatts), 0);
}

static void test_bad_arguments(void) {
  unsigned int value;
  char text[96];
  CHECK_NUMBER(NVML(nvmlDeviceGetPowerUsage)(NULL, &value),
               NVML_ERROR_INVALID_ARGUMENT);
  CHECK_NUMBER(NVML(nvmlDeviceGetPowerUsage)((nvmlDevice_t)(void*)text, &value),
               NVML_ERROR_INVALID_ARGUMENT);
  CHECK_NUMBER(NVML(nvmlDeviceGetPowerUsage)(handle(0), NULL),
               NVML_ERROR_INVALID_ARGUMENT);
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByUUID)(NULL, NULL),
               NVML_ERROR_INVALID_ARGUMENT);
  nvmlDevice_t none;
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByUUID)("GPU-x", &none),
               NVML_ERROR_NOT_FOUND);
  CHECK_NUMBER(NVML(nvmlDeviceGetHandleByIndex_v2)(2, &none),
               NVML_ERROR_INVALID_ARGUMENT);
}

static int is_mapped(const char* name) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[512];
  int found = 0;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    found |= strstr(line, name) != NULL;
  if (maps != NULL) fclose(maps);
  return found;
}

static void test_unload(void) {
  CHECK(is_mapped("libnvidia-ml.so.1"));
  CHECK_NUMBER(dlclose(library()), 0);
  CHECK(!is_mapped("libnvidia-ml.so.1"));
  for (int i = 0; i < 100; ++i) {
    void* again = dlopen(LIBRARY_PATH, RTLD_NOW | RTLD_GLOBAL);
    CHECK(again != NULL);
    __typeof__(&nvmlInit_v2) init =
        (__typeof__(&nvmlInit_v2))dlsym(again, "nvmlInit_v2");
    __typeof__(&nvmlShutdown) shutdown =
        (__typeof__(&nvmlShutdown))dlsym(again, "nvmlShutdown");
    CHECK_NUMBER(init(), NVML_SUCCESS);
    CHECK_NUMBER(shutdown(), NVML_SUCCESS);
    CHECK_NUMBER(dlclose(again), 0);
  }
  CHECK(!is_mapped("libnvidia-ml.so.1"));
}

int main(void) {
  node = make_node();
  test_every_name_is_there();
  test_counted_init();
  test_threads();
  test_failing_init();
  test_visible_gpus();
  CHECK_NUMBER(NVML(nvmlInit_v2)(), NVML_SUCCESS);
  test_first_versions();
  test_process_lists();
  test_events();
  test_wait_wakes_up();
  test_lost_gpu();
  test_bad_arguments();
  CHECK_NUMBER(NVML(nvmlShutdown)(), NVML_SUCCESS);
  test_unload();
  remove_node();
  return failed_checks != 0;
}
