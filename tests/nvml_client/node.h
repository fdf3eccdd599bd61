/* A simulated node for tests: writes the state file that the library maps. */
#ifndef GPUWARD_TESTS_NVML_CLIENT_NODE_H
#define GPUWARD_TESTS_NVML_CLIENT_NODE_H

#include <stdbool.h>

#include "probe/nvml_abi.h"
#include "sim/state.h"

/* A healthy node of two GPUs in a new folder, the second one with MIG; the
 * environment points the library at it. Ends the process on failure. */
struct sim_state* make_node(void);
/* The state of a node that runs already (gpuward sim run), to be read only. */
const struct sim_state* open_node(const char* path);
/* The folder, and its end. */
const char* node_path(void);
void remove_node(void);

/* Tells every waiting client that the state has changed. */
void publish(struct sim_state*);
/* Puts a fault into the first empty row, and publishes. */
struct sim_fault* add_fault(struct sim_state*, const struct sim_fault*);
void lift(struct sim_state*, struct sim_fault*);
void add_event(struct sim_state*, int gpu, uint64_t type, uint64_t data);

/* The library under test, loaded once; the address of a function in it. */
void* library(void);
void* find_symbol(const char* name);
#define NVML(name) ((__typeof__(&name))find_symbol(#name))

/* State letter of a process, from /proc; 0 when it is gone. */
char process_state(int pid);
/* Waits, at most ten seconds, for the process to be in that state. */
bool reaches_state(int pid, char state);
/* The same for its end; a dead one that nobody has reaped has ended. */
bool ends(int pid);
int64_t boot_now_ms(void);

#endif
