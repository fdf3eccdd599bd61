// Snapshots as an agent would write them, for the tests of this folder.
#pragma once

#include <fmt/core.h>

#include <string>

#include "kubelet/plugin/inventory.h"
#include "model/fields.h"

namespace gpuward::kubelet::plugin {

inline const Wall kStart = Wall(Millis(1'769'314'270'000));

inline void set(Gpu& gpu, std::string_view field, Reading reading) {
  gpu.readings[std::string(field)] = std::move(reading);
}

inline std::string pci_of(int index) {
  return fmt::format("0000:{:02x}:00.0", 0x0f + index);
}

inline Gpu frame(int index, Wall at) {
  Gpu gpu;
  gpu.index = index;
  set(gpu, field::kHandle, reading_of(true, at));
  set(gpu, field::kUuid, reading_of(fmt::format("GPU-{}", index), at));
  set(gpu, field::kPciBusId, reading_of(pci_of(index), at));
  set(gpu, field::kName, reading_of(std::string("NVIDIA H20"), at));
  set(gpu, field::kMinor, reading_of(static_cast<int64_t>(index), at));
  set(gpu, field::kMigMode, reading_of(false, at));
  set(gpu, field::kRecoveryAction, reading_of(std::string("none"), at));
  set(gpu, field::kRowsFailed, reading_of(false, at));
  gpu.mig.status = reading_of(int64_t{0}, at);
  return gpu;
}

// With `profiles` as MIG devices "MIG-INDEX-0", …
inline Gpu mig_frame(int index, Wall at, std::vector<std::string> profiles) {
  Gpu gpu = frame(index, at);
  set(gpu, field::kMigMode, reading_of(true, at));
  gpu.mig.status = reading_of(static_cast<int64_t>(profiles.size()), at);
  for (size_t i = 0; i < profiles.size(); ++i) {
    const int number = static_cast<int>(i);
    MigDevice device;
    device.index = number;
    device.uuid = fmt::format("MIG-{}-{}", index, i);
    device.profile = profiles[i];
    device.gpu_instance = number + 1;
    device.compute_instance = 0;
    device.gpu_cap = 100 * (index + 1) + 10 * number;
    device.compute_cap = 100 * (index + 1) + 10 * number + 1;
    gpu.mig.items.push_back(std::move(device));
  }
  return gpu;
}

// A round that has come back whole.
inline Snapshot answered(Wall at, std::vector<Gpu> gpus) {
  Snapshot snapshot;
  snapshot.boot_id = "boot-1";
  snapshot.taken_at = at;
  snapshot.init = reading_of(std::string("SUCCESS"), at);
  snapshot.gpu_count = reading_of(static_cast<int64_t>(gpus.size()), at);
  snapshot.gpus = std::move(gpus);
  snapshot.probes.emplace_back();
  snapshot.probes[0].state = Probe::State::answering;
  return snapshot;
}

inline Snapshot answered(Wall at, int gpus) {
  std::vector<Gpu> frames;
  for (int i = 0; i < gpus; ++i) frames.push_back(frame(i, at));
  return answered(at, std::move(frames));
}

// The probe hangs in a call, of a GPU or (-1) of none.
inline Snapshot hung(Wall at, Wall since, int gpu = -1,
                     std::string symbol = "nvmlInit_v2") {
  Snapshot snapshot;
  snapshot.boot_id = "boot-1";
  snapshot.taken_at = at;
  Probe probe;
  probe.state = Probe::State::stuck;
  probe.symbol = std::move(symbol);
  probe.gpu = gpu;
  probe.since = since;
  snapshot.probes = {probe};
  return snapshot;
}

// A GPU that gives no handle: its place on the bus is all that is known.
inline Gpu lost_frame(int index, Wall at) {
  Gpu gpu;
  gpu.index = index;
  set(gpu, field::kHandle, reading_error(15, "GPU_IS_LOST", at));
  set(gpu, field::kPciBusId, reading_of(pci_of(index), at));
  return gpu;
}

inline Gpu unknown_frame(int index, Wall at) {
  Gpu gpu;
  gpu.index = index;
  Reading handle;
  handle.at = at;
  handle.why = "nvmlDeviceGetHandleByIndex_v2 has not come back";
  set(gpu, field::kHandle, handle);
  return gpu;
}

}  // namespace gpuward::kubelet::plugin
