// The GPU models that a scenario may name, with the readings of an idle,
// healthy one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/state.h"

namespace gpuward::simulator {

std::vector<std::string> model_names();

// A GPU of that model; uuid, pci, serial and minor are left to the caller.
std::optional<sim_gpu> gpu_of_model(std::string_view name);

struct MigWanted {
  std::string profile;  // "3g.48gb"
  std::string uuid;     // may be empty; the caller names it then
};

// Splits `gpu` into instances, placed like the driver does. Fails if the model
// has no such profile (with the ones it has) or they do not fit.
Result<void> split_gpu(sim_gpu& gpu, const std::vector<MigWanted>& wanted);

// A UUID that depends on `seed` alone: "GPU-…" or "MIG-…".
std::string made_up_uuid(std::string_view prefix, std::string_view seed);

}  // namespace gpuward::simulator
