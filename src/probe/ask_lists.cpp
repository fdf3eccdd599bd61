#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "probe/questions.h"

namespace gpuward::probe {
namespace {

constexpr int64_t kGib = int64_t{1} << 30;

// "3g.48gb": nvidia-smi prints it, NVML gives slices and memory. The size is
// rounded to the gigabyte above, as NVIDIA names its profiles.
std::string profile_name(const nvmlDeviceAttributes_t& attributes) {
  const auto memory_gib =
      (static_cast<int64_t>(attributes.memorySizeMB) * (1 << 20) + kGib - 1) /
      kGib;
  const unsigned gpu = attributes.gpuInstanceSliceCount;
  const unsigned compute = attributes.computeInstanceSliceCount;
  if (gpu == compute) return fmt::format("{}g.{}gb", gpu, memory_gib);
  return fmt::format("{}c.{}g.{}gb", compute, gpu, memory_gib);
}

// The name ends in "MIG 3g.48gb" on drivers that know it ("NVIDIA H20 MIG
// 3g.48gb"): that is what nvidia-smi shows, so it wins over our arithmetic.
std::string profile_of(Questions& questions, nvmlDevice_t mig) {
  char name[128] = {};
  const nvmlReturn_t named = questions.ask_device(
      mig, GPUWARD_NVML(questions, nvmlDeviceGetName), static_cast<char*>(name),
      static_cast<unsigned>(sizeof(name) - 1));
  const std::string_view full(name);
  const size_t at = full.rfind(" MIG ");
  if (named == NVML_SUCCESS && at != std::string_view::npos) {
    return std::string(full.substr(at + 5));
  }
  nvmlDeviceAttributes_t attributes{};
  const nvmlReturn_t result = questions.ask_device(
      mig, GPUWARD_NVML(questions, nvmlDeviceGetAttributes_v2), &attributes);
  return result == NVML_SUCCESS ? profile_name(attributes) : "";
}

MigDevice mig_device(Questions& questions, nvmlDevice_t mig, int index) {
  MigDevice out;
  out.index = index;
  char uuid[128] = {};
  if (questions.ask_device(mig, GPUWARD_NVML(questions, nvmlDeviceGetUUID),
                           static_cast<char*>(uuid),
                           static_cast<unsigned>(sizeof(uuid) - 1)) ==
      NVML_SUCCESS) {
    out.uuid = uuid;
  }
  out.profile = profile_of(questions, mig);
  unsigned id = 0;
  if (questions.ask_device(mig,
                           GPUWARD_NVML(questions, nvmlDeviceGetGpuInstanceId),
                           &id) == NVML_SUCCESS) {
    out.gpu_instance = static_cast<int>(id);
  }
  if (questions.ask_device(
          mig, GPUWARD_NVML(questions, nvmlDeviceGetComputeInstanceId), &id) ==
      NVML_SUCCESS) {
    out.compute_instance = static_cast<int>(id);
  }
  nvmlMemory_t memory{};
  if (questions.ask_device(mig,
                           GPUWARD_NVML(questions, nvmlDeviceGetMemoryInfo),
                           &memory) == NVML_SUCCESS) {
    out.memory_bytes = static_cast<int64_t>(memory.total);
  }
  return out;
}

struct ProcessKind {
  std::string_view name;
  std::string_view function_name;
  nvmlReturn_t (*function)(nvmlDevice_t, unsigned*, nvmlProcessInfo_t*);
};

GpuProcess process_of(const nvmlProcessInfo_t& info, std::string_view kind) {
  constexpr unsigned kNone = 0xFFFFFFFF;
  constexpr unsigned long long kNotTold = ~0ULL;
  GpuProcess out;
  out.pid = info.pid;
  out.kind = kind;
  if (info.usedGpuMemory != kNotTold) {
    out.memory_bytes = static_cast<int64_t>(info.usedGpuMemory);
  }
  if (info.gpuInstanceId != kNone) {
    out.gpu_instance = static_cast<int>(info.gpuInstanceId);
  }
  if (info.computeInstanceId != kNone) {
    out.compute_instance = static_cast<int>(info.computeInstanceId);
  }
  return out;
}

nvmlReturn_t append_processes(Questions& questions, const ProcessKind& kind,
                              std::vector<GpuProcess>& out) {
  // Room for as many as a GPU can have contexts for, so that one call does.
  std::vector<nvmlProcessInfo_t> infos(512);
  auto count = static_cast<unsigned>(infos.size());
  const nvmlReturn_t result =
      questions.ask(kind.function_name, kind.function, &count, infos.data());
  if (result != NVML_SUCCESS) return result;
  infos.resize(std::min<size_t>(count, infos.size()));
  for (const nvmlProcessInfo_t& info : infos) {
    out.push_back(process_of(info, kind.name));
  }
  return result;
}

}  // namespace

void ask_mig(Questions& questions) {
  auto& list = questions.gpu().mig;
  const Reading& mode = reading(questions.gpu(), field::kMigMode);
  if (mode.state != Reading::State::value) {
    list.status = mode;
    return;
  }
  unsigned most = 0;
  const nvmlReturn_t result = questions.ask(
      GPUWARD_NVML(questions, nvmlDeviceGetMaxMigDeviceCount), &most);
  for (unsigned i = 0; result == NVML_SUCCESS && i < most; ++i) {
    nvmlDevice_t mig{};
    // A hole in the numbering is NOT_FOUND; the ones behind it still count.
    if (questions.ask(
            GPUWARD_NVML(questions, nvmlDeviceGetMigDeviceHandleByIndex), i,
            &mig) == NVML_SUCCESS) {
      list.items.push_back(mig_device(questions, mig, static_cast<int>(i)));
    }
  }
  list.status =
      Questions::outcome(result, static_cast<int64_t>(list.items.size()));
}

void ask_nvlinks(Questions& questions) {
  constexpr unsigned kMostLinks = 36;  // NVML_NVLINK_MAX_LINKS, nvml.h 13.3
  auto& list = questions.gpu().nvlinks;
  nvmlReturn_t first = NVML_SUCCESS;
  for (unsigned link = 0; link < kMostLinks; ++link) {
    nvmlEnableState_t state{};
    const nvmlReturn_t result = questions.ask(
        GPUWARD_NVML(questions, nvmlDeviceGetNvLinkState), link, &state);
    if (result != NVML_SUCCESS) {
      // The first link that is not there ends the list.
      if (link == 0) first = result;
      break;
    }
    NvLink item;
    item.link = static_cast<int>(link);
    item.active = state == NVML_FEATURE_ENABLED;
    nvmlPciInfo_t remote{};
    if (item.active &&
        questions.ask(
            GPUWARD_NVML(questions, nvmlDeviceGetNvLinkRemotePciInfo_v2), link,
            &remote) == NVML_SUCCESS) {
      item.remote = to_lower(remote.busId);
    }
    list.items.push_back(std::move(item));
  }
  // Without any NVLink the first question is a bad argument to some drivers.
  if (first == NVML_ERROR_INVALID_ARGUMENT) first = NVML_ERROR_NOT_SUPPORTED;
  list.status =
      Questions::outcome(first, static_cast<int64_t>(list.items.size()));
}

void ask_processes(Questions& questions) {
  const std::array kinds = {
      ProcessKind{
          "compute",
          GPUWARD_NVML(questions, nvmlDeviceGetComputeRunningProcesses_v3)},
      ProcessKind{
          "graphics",
          GPUWARD_NVML(questions, nvmlDeviceGetGraphicsRunningProcesses_v3)},
      ProcessKind{
          "mps",
          GPUWARD_NVML(questions, nvmlDeviceGetMPSComputeRunningProcesses_v3)}};
  auto& list = questions.gpu().processes;
  nvmlReturn_t compute = NVML_SUCCESS;
  for (const ProcessKind& kind : kinds) {
    const nvmlReturn_t result = append_processes(questions, kind, list.items);
    // Graphics and MPS lists are missing on many GPUs; compute counts.
    if (kind.name == "compute") compute = result;
  }
  list.status =
      Questions::outcome(compute, static_cast<int64_t>(list.items.size()));
}

}  // namespace gpuward::probe
