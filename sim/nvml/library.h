/* Inside of the simulated libnvidia-ml.so.1: how an exported function begins.
 *
 *   nvmlReturn_t nvmlDeviceGetX(nvmlDevice_t handle, unsigned int* x) {
 *     ENTER_GPU(handle);           // faults, initialised?, handle, lost?
 *     return give(target.gpu->x, x);
 *   }
 *
 * Freestanding C with libc alone: clients of every kind load this library, so
 * it starts no thread, runs nothing at load and leaves nothing at unload.
 * Nothing is cached from the state: each call reads the mapped file anew.
 */
#ifndef GPUWARD_SIM_NVML_LIBRARY_H
#define GPUWARD_SIM_NVML_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/nvml_abi.h"
#include "sim/state.h"

#define EXPORT __attribute__((visibility("default")))

/* "No answer yet": the call goes on. */
#define PROCEED ((nvmlReturn_t)0x10000)

enum { ANY_GPU = -1, MAX_GPU_INSTANCES = 16, MAX_COMPUTE_INSTANCES = 8 };

/* What a handle stands for. `mig` is NULL for a whole GPU. */
struct target {
  const struct sim_state* state;
  const struct sim_gpu* gpu;
  const struct sim_mig* mig;
  int index; /* of the GPU in the state; for MIG of its parent */
};

/* state.c: the mapped node, or NULL where there is none. Thread-safe. */
const struct sim_state* sim_state(void);
uint32_t sim_generation(const struct sim_state*);
/* Waits for the generation to differ from `seen`; at most `wait_ms`, or for
 * ever where that is negative. Ends early for any reason: look again. */
void sim_wait(const struct sim_state*, uint32_t seen, int64_t wait_ms);
int64_t boot_ms(void);
int64_t monotonic_ms(void);

/* faults.c: carries out the faults that match this call; PROCEED, or what the
 * call has to answer. Blocks as long as a fault wants it to. */
nvmlReturn_t apply_faults(const char* symbol, int gpu);

/* hang.c: blocks until `row` no longer holds the fault `id`, its window is
 * over, or the node stops. */
bool fault_lifted(const struct sim_state*, const struct sim_fault* row,
                  uint32_t id);
void hang(const struct sim_state*, const struct sim_fault* row, uint32_t id,
          uint32_t action);
void delay(const struct sim_state*, const struct sim_fault* row, uint32_t id,
           int64_t milliseconds);

/* init.c */
bool is_initialized(void);
/* Number of GPUs that were visible at the first init. */
unsigned int visible_count(void);
/* State index of the n-th visible GPU, or -1; and back. */
int visible_gpu(unsigned int n);
int visible_index(int gpu);
/* Opens the GPU's device node once per init, as the real library does. */
nvmlReturn_t attach_gpu(const struct sim_state*, int gpu);

/* handles.c */
nvmlDevice_t device_handle(int gpu);
nvmlDevice_t mig_handle(int gpu, const struct sim_mig*);
/* The GPU that any pointer belongs to, or ANY_GPU: for faults. */
int gpu_of_handle(const void* handle);
nvmlReturn_t enter_library(const char* symbol, int gpu);
nvmlReturn_t enter_device(const char* symbol, nvmlDevice_t, struct target*);
nvmlReturn_t enter_gpu(const char* symbol, nvmlDevice_t, struct target*);
/* Like enter_device, for a second handle: no faults, no init check. */
nvmlReturn_t resolve(nvmlDevice_t, struct target*);

/* events.c: drops all sets, at the last shutdown. */
void free_event_sets(void);

/* answers.c */
nvmlReturn_t give(int64_t value, unsigned int* out);
nvmlReturn_t give_text(const char* text, char* out, unsigned int length);
void fill_pci(const char* address, nvmlPciInfo_t* out);
bool same_pci(const char* left, const char* right);

#define ENTER(gpu)                                              \
  do {                                                          \
    const nvmlReturn_t entered_ = enter_library(__func__, gpu); \
    if (entered_ != PROCEED) return entered_;                   \
  } while (0)
#define ENTER_DEVICE(handle)                                               \
  struct target target;                                                    \
  do {                                                                     \
    const nvmlReturn_t entered_ = enter_device(__func__, handle, &target); \
    if (entered_ != PROCEED) return entered_;                              \
  } while (0)
/* For what a MIG device does not have. */
#define ENTER_GPU(handle)                                               \
  struct target target;                                                 \
  do {                                                                  \
    const nvmlReturn_t entered_ = enter_gpu(__func__, handle, &target); \
    if (entered_ != PROCEED) return entered_;                           \
  } while (0)

#endif
