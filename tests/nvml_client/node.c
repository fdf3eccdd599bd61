#define _GNU_SOURCE
#include "node.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/gpuward-nvml.XXXXXX";

static void give_up(const char* what) {
  perror(what);
  exit(1);
}

static void touch(const char* name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  const int file = open(path, O_CREAT | O_WRONLY, 0600);
  if (file < 0) give_up(path);
  close(file);
}

static void fill_gpu(struct sim_gpu* gpu, int index) {
  *gpu = (struct sim_gpu){
      .name = "NVIDIA H100 80GB HBM3",
      .board_part = "692-2G520-0200-000",
      .vbios = "96.00.74.00.01",
      .inforom_image = "G520.0200.00.05",
      .inforom_oem = "2.1",
      .inforom_ecc = "7.16",
      .gsp_version = "570.172.08",
      .pci_device = 0x233010DE,
      .pci_subsystem = 0x16C110DE,
      .minor = index,
      .board_id = 0x1B00 + index,
      .architecture = NVML_DEVICE_ARCH_HOPPER,
      .brand = NVML_BRAND_NVIDIA,
      .cc_major = 9,
      .numa_node = index,
      .memory_total = 85520809984,
      .memory_used = 1234567890,
      .memory_reserved = 542113792,
      .utilization_gpu = 37,
      .utilization_memory = 12,
      .clock_graphics = 1980,
      .clock_sm = 1981,
      .clock_memory = 2619,
      .clock_video = 1545,
      .clock_graphics_max = 1982,
      .clock_sm_max = 1983,
      .clock_memory_max = 2620,
      .clock_video_max = 1546,
      .clock_reasons = 4,
      .performance_state = 0,
      .temperature = 41 + index,
      .temperature_memory = 52,
      .temperature_slowdown = 89,
      .temperature_shutdown = 92,
      .fan = SIM_NOT_SUPPORTED,
      .power_milliwatts = 118400,
      .power_limit_milliwatts = 700000,
      .ecc_mode = 1,
      .ecc_mode_pending = 1,
      .ecc_volatile_corrected = 3,
      .ecc_volatile_uncorrected = 1,
      .ecc_aggregate_corrected = 30,
      .ecc_aggregate_uncorrected = 2,
      .rows_correctable = 2,
      .rows_uncorrectable = 1,
      .rows_pending = 1,
      .pcie_generation = 4,
      .pcie_generation_max = 5,
      .pcie_width = 8,
      .pcie_width_max = 16,
      .persistence_mode = 1,
      .mig_mode = index,
      .mig_mode_pending = index,
      .fabric_state = NVML_GPU_FABRIC_STATE_COMPLETED,
      .fabric_health_mask = 0x2A,
      .fabric_cluster = {1, 2, 3},
      .fabric_clique = 5,
      .recovery_action = NVML_GPU_RECOVERY_ACTION_DRAIN_P2P,
      .link_count = 2,
      .links = {{1, "00000000:05:00.0", 1}, {0, "00000000:06:00.0", 1}},
      .process_count = 2,
      .processes = {{4711, 0, 1000000, -1, -1, "python3"},
                    {4712, 1, 2000000, -1, -1, "Xorg"}}};
  snprintf(gpu->uuid, sizeof gpu->uuid,
           "GPU-00000000-1111-2222-3333-44444444444%d", index);
  snprintf(gpu->pci, sizeof gpu->pci, "00000000:%02X:00.0", 0x1B + index);
  snprintf(gpu->serial, sizeof gpu->serial, "165012345678%d", index);
}

static void divide(struct sim_gpu* gpu) {
  gpu->mig_count = 2;
  gpu->mig[0] =
      (struct sim_mig){.gpu_instance = 2,
                       .compute_instance = 0,
                       .gi_profile = 2,
                       .ci_profile = 2,
                       .slices = 3,
                       .placement_size = 4,
                       .memory_bytes = 42949672960,
                       .profile = "3g.40gb",
                       .uuid = "MIG-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee0"};
  gpu->mig[1] =
      (struct sim_mig){.gpu_instance = 9,
                       .compute_instance = 1,
                       .gi_profile = 0,
                       .ci_profile = 0,
                       .slices = 1,
                       .placement_start = 6,
                       .placement_size = 1,
                       .memory_bytes = 10737418240,
                       .profile = "1g.10gb",
                       .uuid = "MIG-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeee1"};
  gpu->profile_count = 3;
  gpu->profiles[0] = (struct sim_profile){0, 1, 7, 10737418240, "1g.10gb"};
  gpu->profiles[1] = (struct sim_profile){2, 3, 2, 42949672960, "3g.40gb"};
  gpu->profiles[2] = (struct sim_profile){4, 7, 1, 85899345920, "7g.80gb"};
  gpu->processes[0].gpu_instance = 2;
  gpu->processes[0].compute_instance = 0;
}

struct sim_state* make_node(void) {
  if (mkdtemp(folder) == NULL) give_up(folder);
  touch("state");
  touch("nvidiactl");
  touch("nvidia0");
  touch("nvidia1");
  char path[128];
  snprintf(path, sizeof path, "%s/state", folder);
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0 || ftruncate(file, sizeof(struct sim_state)) != 0) give_up(path);
  struct sim_state* state =
      mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (state == MAP_FAILED) give_up(path);
  close(file);
  state->magic = SIM_MAGIC;
  state->layout = SIM_LAYOUT;
  state->started_ms = boot_now_ms() - 1000; /* it has run for a second */
  strcpy(state->driver_version, "570.172.08");
  strcpy(state->library_version, "570.172.08");
  state->cuda_version = 12080;
  snprintf(state->dev_dir, sizeof state->dev_dir, "%s", folder);
  state->gpu_count = 2;
  fill_gpu(&state->gpus[0], 0);
  fill_gpu(&state->gpus[1], 1);
  divide(&state->gpus[1]);
  setenv(SIM_ENVIRONMENT, folder, 1);
  unsetenv(SIM_DEV_ENVIRONMENT);
  return state;
}

const struct sim_state* open_node(const char* path) {
  char name[256];
  snprintf(name, sizeof name, "%s/state", path);
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) give_up(name);
  const struct sim_state* state =
      mmap(NULL, sizeof *state, PROT_READ, MAP_SHARED, file, 0);
  if (state == MAP_FAILED) give_up(name);
  close(file);
  return state;
}

const char* node_path(void) { return folder; }

void remove_node(void) {
  static const char* const names[] = {"state", "nvidiactl", "nvidia0",
                                      "nvidia1"};
  char path[128];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  rmdir(folder);
}

void publish(struct sim_state* state) {
  __atomic_add_fetch(&state->generation, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, &state->generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

struct sim_fault* add_fault(struct sim_state* state,
                            const struct sim_fault* fault) {
  static uint32_t last_id;
  for (size_t row = 0; row < SIM_MAX_FAULTS; ++row) {
    if (state->faults[row].used != 0) continue;
    state->faults[row] = *fault;
    state->faults[row].id = ++last_id;
    __atomic_store_n(&state->faults[row].used, 1, __ATOMIC_RELEASE);
    publish(state);
    return &state->faults[row];
  }
  give_up("no room for a fault");
  return NULL;
}

void lift(struct sim_state* state, struct sim_fault* fault) {
  __atomic_store_n(&fault->used, 0, __ATOMIC_RELEASE);
  publish(state);
}

void add_event(struct sim_state* state, int gpu, uint64_t type, uint64_t data) {
  const uint64_t sequence = state->last_event + 1;
  state->events[sequence % SIM_MAX_EVENTS] = (struct sim_event){
      sequence, gpu, NVML_NO_INSTANCE, NVML_NO_INSTANCE, type, data};
  __atomic_store_n(&state->last_event, sequence, __ATOMIC_RELEASE);
  publish(state);
}

void* library(void) {
  static void* loaded;
  if (loaded == NULL) loaded = dlopen(LIBRARY_PATH, RTLD_NOW | RTLD_LOCAL);
  if (loaded == NULL) {
    puts(dlerror());
    exit(1);
  }
  return loaded;
}

void* find_symbol(const char* name) {
  void* address = dlsym(library(), name);
  if (address == NULL) {
    printf("%s is missing\n", name);
    exit(1);
  }
  return address;
}

char process_state(int pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = '\0';
  const char* end = strrchr(text, ')');
  return end == NULL ? 0 : end[2];
}

static bool comes_to(int pid, char state, char or_state) {
  const struct timespec pause = {.tv_nsec = 2000000};
  const int64_t end = boot_now_ms() + 10000;
  while (boot_now_ms() < end) {
    const char now = process_state(pid);
    if (now == state || now == or_state) return true;
    nanosleep(&pause, NULL);
  }
  return false;
}

bool reaches_state(int pid, char state) { return comes_to(pid, state, state); }

bool ends(int pid) { return comes_to(pid, 0, 'Z'); }

int64_t boot_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
