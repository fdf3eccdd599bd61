/* nvml-client: an ordinary NVML client, as nvidia-smi is one. It loads the
 * library by the loader's search, and hangs wherever the library hangs.
 *
 *   nvml-client [-L] [--as NAME] [--loop N MS]
 *
 * Exit code: 0, the NVML return code of a failure (at most 255), or 12 where
 * there is no library.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "probe/nvml_abi.h"

static void* library;

static void* find_symbol(const char* name) {
  void* address = dlsym(library, name);
  if (address != NULL) return address;
  fprintf(stderr, "%s\n", dlerror());
  exit(NVML_ERROR_FUNCTION_NOT_FOUND);
}
#define NVML(name) ((__typeof__(&name))find_symbol(#name))

/* "NVIDIA H100 80GB HBM3 MIG 3g.40gb" names the profile last. */
static const char* profile_of(const char* name) {
  const char* mig = strstr(name, " MIG ");
  return mig == NULL ? name : mig + strlen(" MIG ");
}

static void print_mig_devices(nvmlDevice_t gpu) {
  unsigned int most = 0;
  if (NVML(nvmlDeviceGetMaxMigDeviceCount)(gpu, &most) != NVML_SUCCESS) return;
  for (unsigned int i = 0, shown = 0; i < most; ++i) {
    nvmlDevice_t mig;
    char name[160] = "?", uuid[NVML_DEVICE_UUID_V2_BUFFER_SIZE] = "?";
    if (NVML(nvmlDeviceGetMigDeviceHandleByIndex)(gpu, i, &mig) != NVML_SUCCESS)
      continue;
    NVML(nvmlDeviceGetName)(mig, name, sizeof name);
    NVML(nvmlDeviceGetUUID)(mig, uuid, sizeof uuid);
    printf("  MIG %-11s Device %2u: (UUID: %s)\n", profile_of(name), shown++,
           uuid);
  }
}

static nvmlReturn_t print_gpu(unsigned int index) {
  nvmlDevice_t gpu;
  char name[NVML_DEVICE_NAME_V2_BUFFER_SIZE];
  char uuid[NVML_DEVICE_UUID_V2_BUFFER_SIZE];
  nvmlReturn_t answer = NVML(nvmlDeviceGetHandleByIndex_v2)(index, &gpu);
  if (answer == NVML_SUCCESS)
    answer = NVML(nvmlDeviceGetName)(gpu, name, sizeof name);
  if (answer == NVML_SUCCESS)
    answer = NVML(nvmlDeviceGetUUID)(gpu, uuid, sizeof uuid);
  if (answer != NVML_SUCCESS) {
    printf("Unable to determine the device handle for GPU %u: %s\n", index,
           NVML(nvmlErrorString)(answer));
    return answer;
  }
  printf("GPU %u: %s (UUID: %s)\n", index, name, uuid);
  print_mig_devices(gpu);
  return NVML_SUCCESS;
}

static nvmlReturn_t print_node(int list_only) {
  nvmlReturn_t answer = NVML(nvmlInit_v2)();
  if (answer != NVML_SUCCESS) {
    printf("Failed to initialize NVML: %s\n", NVML(nvmlErrorString)(answer));
    return answer;
  }
  char driver[NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE] = "?";
  NVML(nvmlSystemGetDriverVersion)(driver, sizeof driver);
  if (!list_only) printf("Driver Version: %s\n", driver);
  unsigned int count = 0;
  answer = NVML(nvmlDeviceGetCount_v2)(&count);
  for (unsigned int i = 0; i < count; ++i) {
    const nvmlReturn_t of_gpu = print_gpu(i);
    if (answer == NVML_SUCCESS) answer = of_gpu;
  }
  NVML(nvmlShutdown)();
  return answer;
}

static void pause_ms(long milliseconds) {
  const struct timespec pause = {.tv_sec = milliseconds / 1000,
                                 .tv_nsec = milliseconds % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

int main(int count, char** words) {
  long rounds = 1, interval = 0;
  int list_only = 0;
  for (int i = 1; i < count; ++i) {
    if (strcmp(words[i], "-L") == 0) {
      list_only = 1;
    } else if (strcmp(words[i], "--as") == 0 && i + 1 < count) {
      prctl(PR_SET_NAME, words[++i]);
    } else if (strcmp(words[i], "--loop") == 0 && i + 2 < count) {
      rounds = strtol(words[++i], NULL, 10);
      interval = strtol(words[++i], NULL, 10);
    } else {
      fputs("usage: nvml-client [-L] [--as NAME] [--loop N MS]\n", stderr);
      return 64;
    }
  }
  library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  if (library == NULL) {
    printf("Failed to initialize NVML: NVML Shared Library Not Found\n");
    return NVML_ERROR_LIBRARY_NOT_FOUND;
  }
  nvmlReturn_t answer = NVML_SUCCESS;
  for (long round = 0; round < rounds; ++round) {
    if (round > 0) pause_ms(interval);
    answer = print_node(list_only);
    fflush(stdout);
  }
  return answer > 255 ? 255 : (int)answer;
}
