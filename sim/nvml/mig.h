/* MIG profiles: what NVML calls a profile, and its id. */
#ifndef GPUWARD_SIM_NVML_MIG_H
#define GPUWARD_SIM_NVML_MIG_H

#include "sim/nvml/library.h"

/* NVML numbers GPU-instance profiles twice: by kind (0…17, what a client asks
 * with) and by id (19 for 1g, what instances carry and nvidia-smi prints). */
unsigned int profile_id(unsigned int profile);

/* The GPU's profile of that kind, or NULL. */
const struct sim_profile* find_profile(const struct sim_gpu*,
                                       unsigned int profile);

/* Compute slices of a compute-instance profile; 0: not simulated. */
unsigned int compute_slices(unsigned int ci_profile);

unsigned int multiprocessors(const struct sim_gpu*, unsigned int slices);

#endif
