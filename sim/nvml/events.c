/* Event sets. Each event of the node reaches each set that was registered for
 * it before it happened, once; waiting costs nothing. */
#include <pthread.h>
#include <string.h>

#include "sim/nvml/library.h"

enum { MAX_SETS = 64 };

struct nvmlEventSet_st {
  bool used;
  uint64_t examined; /* events up to here were delivered, or not wanted */
  struct {
    uint64_t types;
    uint64_t since; /* the last event before the registration */
  } gpus[SIM_MAX_GPUS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nvmlEventSet_st sets[MAX_SETS];

static uint64_t last_event(const struct sim_state* state) {
  return __atomic_load_n(&state->last_event, __ATOMIC_ACQUIRE);
}

static bool is_set(nvmlEventSet_t set) {
  for (size_t i = 0; i < MAX_SETS; ++i)
    if (&sets[i] == set) return set->used;
  return false;
}

void free_event_sets(void) {
  pthread_mutex_lock(&lock);
  memset(sets, 0, sizeof sets);
  pthread_mutex_unlock(&lock);
}

static nvmlEventSet_t take_set(void) {
  for (size_t i = 0; i < MAX_SETS; ++i) {
    if (sets[i].used) continue;
    sets[i] = (struct nvmlEventSet_st){.used = true};
    sets[i].examined = last_event(sim_state());
    return &sets[i];
  }
  return NULL;
}

EXPORT nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* out) {
  ENTER(ANY_GPU);
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  pthread_mutex_lock(&lock);
  *out = take_set();
  pthread_mutex_unlock(&lock);
  return *out != NULL ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_RESOURCES;
}

EXPORT nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  ENTER(ANY_GPU);
  pthread_mutex_lock(&lock);
  const bool known = is_set(set);
  if (known) set->used = false;
  pthread_mutex_unlock(&lock);
  return known ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

static unsigned long long supported(const struct sim_gpu* gpu) {
  const unsigned long long always =
      nvmlEventTypeXidCriticalError | nvmlEventTypePState | nvmlEventTypeClock;
  const unsigned long long ecc =
      nvmlEventTypeSingleBitEccError | nvmlEventTypeDoubleBitEccError;
  return gpu->ecc_mode == 1 ? always | ecc : always;
}

EXPORT nvmlReturn_t nvmlDeviceGetSupportedEventTypes(
    nvmlDevice_t handle, unsigned long long* types) {
  ENTER_GPU(handle);
  if (types == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  *types = supported(target.gpu);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t handle,
                                             unsigned long long types,
                                             nvmlEventSet_t set) {
  ENTER_GPU(handle);
  if ((types & ~supported(target.gpu)) != 0) return NVML_ERROR_NOT_SUPPORTED;
  pthread_mutex_lock(&lock);
  const bool known = is_set(set);
  if (known) {
    if (set->gpus[target.index].types == 0)
      set->gpus[target.index].since = last_event(target.state);
    set->gpus[target.index].types |= types;
  }
  pthread_mutex_unlock(&lock);
  return known ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

/* A consistent copy of an event, or false when it has left the ring. */
static bool read_event(const struct sim_state* state, uint64_t sequence,
                       struct sim_event* out) {
  const struct sim_event* slot = &state->events[sequence % SIM_MAX_EVENTS];
  if (__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE) != sequence)
    return false;
  *out = *slot;
  __atomic_thread_fence(__ATOMIC_ACQUIRE);
  return __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) == sequence;
}

static bool wants(const struct nvmlEventSet_st* set,
                  const struct sim_event* event) {
  if (event->gpu < 0 || event->gpu >= SIM_MAX_GPUS) return false;
  return (set->gpus[event->gpu].types & event->type) != 0 &&
         event->sequence > set->gpus[event->gpu].since;
}

/* The oldest event that the set has not had; called with the lock. */
static bool next_event(const struct sim_state* state, nvmlEventSet_t set,
                       struct sim_event* out) {
  const uint64_t last = last_event(state);
  if (last > set->examined + SIM_MAX_EVENTS)
    set->examined = last - SIM_MAX_EVENTS;
  while (set->examined < last) {
    ++set->examined;
    if (read_event(state, set->examined, out) && wants(set, out)) return true;
  }
  return false;
}

static nvmlReturn_t poll_set(const struct sim_state* state, nvmlEventSet_t set,
                             struct sim_event* out) {
  pthread_mutex_lock(&lock);
  nvmlReturn_t answer = NVML_ERROR_INVALID_ARGUMENT;
  if (is_set(set))
    answer = next_event(state, set, out) ? NVML_SUCCESS : PROCEED;
  pthread_mutex_unlock(&lock);
  return answer;
}

/* `size`: version 1 of the struct ended before the instances. */
static nvmlReturn_t wait_for_event(const char* symbol, nvmlEventSet_t set,
                                   nvmlEventData_t* out, size_t size,
                                   unsigned int timeout_ms) {
  const nvmlReturn_t entered = enter_library(symbol, ANY_GPU);
  if (entered != PROCEED) return entered;
  if (out == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  const struct sim_state* state = sim_state();
  const int64_t end = monotonic_ms() + timeout_ms;
  struct sim_event event;
  for (;;) {
    const uint32_t seen = sim_generation(state);
    const nvmlReturn_t answer = poll_set(state, set, &event);
    if (answer == NVML_SUCCESS) break;
    if (answer != PROCEED) return answer;
    const int64_t left = end - monotonic_ms();
    if (left <= 0) return NVML_ERROR_TIMEOUT;
    sim_wait(state, seen, left);
  }
  const nvmlEventData_t data = {device_handle(event.gpu), event.type,
                                event.data, event.gpu_instance,
                                event.compute_instance};
  memcpy(out, &data, size);
  return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t* out,
                                     unsigned int timeout_ms) {
  return wait_for_event(__func__, set, out, NVML_EVENT_DATA_V1_SIZE,
                        timeout_ms);
}

EXPORT nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set,
                                        nvmlEventData_t* out,
                                        unsigned int timeout_ms) {
  return wait_for_event(__func__, set, out, sizeof *out, timeout_ms);
}
