#include "probe/nvml.h"

#include <dlfcn.h>
#include <fmt/core.h>

namespace gpuward::probe {
namespace {

// Without these there is nothing to ask.
std::string missing_function(const Nvml& nvml) {
  if (nvml.nvmlInit_v2 == nullptr) return "nvmlInit_v2";
  if (nvml.nvmlDeviceGetCount_v2 == nullptr) return "nvmlDeviceGetCount_v2";
  if (nvml.nvmlDeviceGetHandleByIndex_v2 == nullptr) {
    return "nvmlDeviceGetHandleByIndex_v2";
  }
  return {};
}

// One statement per function of the list.
// NOLINTNEXTLINE(readability-function-size)
void resolve(void* library, Nvml& nvml) {
#define GPUWARD_RESOLVE(name) \
  nvml.name = reinterpret_cast<decltype(nvml.name)>(::dlsym(library, #name));
  GPUWARD_NVML_FUNCTIONS(GPUWARD_RESOLVE)
#undef GPUWARD_RESOLVE
}

}  // namespace

Result<Nvml> load_nvml(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();  // NOLINT(concurrency-mt-unsafe)
    return fail(Error::Kind::malformed,
                fmt::format("{} cannot be loaded: {}", path,
                            why != nullptr ? why : "no reason given"));
  }
  Nvml nvml;
  resolve(library, nvml);
  if (const std::string missing = missing_function(nvml); !missing.empty()) {
    return fail(Error::Kind::malformed,
                fmt::format("{} has no {}: is it NVIDIA's library, of driver "
                            "450 or newer?",
                            path, missing));
  }
  return nvml;
}

const std::vector<std::string>& nvml_functions() {
#define GPUWARD_NAME(name) #name,
  static const std::vector<std::string> kNames = {
      GPUWARD_NVML_FUNCTIONS(GPUWARD_NAME)};
#undef GPUWARD_NAME
  return kNames;
}

}  // namespace gpuward::probe
