// How long a call to the driver may take before it counts as stuck: one table
// for all. Sources: NVIDIA's driver-persistence page (1–3 s per GPU to
// initialise without persistence mode), open-gpu-kernel-modules issue 446 (45 s
// per GSP request), Azure aks-gpu issue 105 (30 s for eight GPUs).
#pragma once

#include <string_view>

#include "base/time.h"

namespace gpuward::probe {

enum class CallClass : int {
  place,   // asking systemd for a scope
  load,    // dlopen
  init,    // nvmlInit
  handle,  // first handle of a GPU: the driver may initialise it
  query,   // everything else, driver files and PCI reads included
  tool,    // a vendor's program
};

inline constexpr double kNoFactor = 1.0;

// `factor` shortens all of them, for tests.
Millis deadline_of(CallClass call_class, double factor = kNoFactor);
std::string_view name_of(CallClass call_class);

}  // namespace gpuward::probe
