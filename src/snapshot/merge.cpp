#include "snapshot/merge.h"

#include <algorithm>

#include "model/fields.h"

namespace gpuward::snapshot {
namespace {

void keep(Reading& fresh, const Reading& old) {
  if (fresh.state == Reading::State::unknown) fresh = old;
}

bool answered(const Gpu& gpu) {
  return reading(gpu, field::kHandle).state != Reading::State::unknown;
}

void keep_gpu(Snapshot& fresh, const Gpu& old) {
  const auto found = std::ranges::find(fresh.gpus, old.index, &Gpu::index);
  if (found == fresh.gpus.end()) {
    // How many GPUs there are is known when NVML has counted them anew.
    if (fresh.gpu_count.state != Reading::State::unknown) return;
    fresh.gpus.push_back(old);
    return;
  }
  if (answered(*found)) return;
  const Reading handle = reading(*found, field::kHandle);
  *found = old;
  found->readings[std::string(field::kHandle)] = handle;
}

}  // namespace

void keep_old_readings(Snapshot& fresh, const Snapshot& old) {
  // Before `gpu_count`, which says whether GPUs are merely not counted yet.
  for (const Gpu& gpu : old.gpus) keep_gpu(fresh, gpu);
  std::ranges::sort(fresh.gpus, {}, &Gpu::index);
  for (Reading Snapshot::*reading :
       {&Snapshot::driver_version, &Snapshot::cuda_version,
        &Snapshot::nvml_version, &Snapshot::module_flavour,
        &Snapshot::library_path, &Snapshot::gpu_count}) {
    keep(fresh.*reading, old.*reading);
  }
}

}  // namespace gpuward::snapshot
