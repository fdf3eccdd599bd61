#include "probe/round.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "evidence/library.h"
#include "probe/errand.h"
#include "probe/mig_caps.h"

namespace gpuward::probe {
namespace {

constexpr int kNoGpu = -1;

std::string cuda_in_words(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

// What is loaded runs with our rights: nobody else may have had a hand in it.
Result<void> check_owner(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return fail_errno(errno, "looking at " + path);
  }
  const bool ours = status.st_uid == 0 || status.st_uid == ::geteuid();
  if (ours && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail(Error::Kind::denied,
              path + " can be changed by others than root: not loaded");
}

}  // namespace

Round::Round(const host::Host& host, const ProberSettings& settings,
             Caller& caller, ProgressWriter& progress)
    : host_(host), settings_(settings), caller_(caller), progress_(progress) {}

Result<std::string> Round::load() {
  const auto found = TRY(evidence::find_library(host_, settings_.driver_root));
  TRY_VOID(check_owner(found.path));
  progress_.begin("dlopen", kNoGpu, CallClass::load);
  auto nvml = load_nvml(found.path);
  progress_.end();
  if (!nvml) return std::unexpected(nvml.error());
  nvml_ = *nvml;
  return found.path;
}

NodeFrame Round::failed_node(nvmlReturn_t code, std::string why) const {
  NodeFrame node;
  const Wall now = wall_now();
  node.init = reading_error(static_cast<int>(code), std::move(why), now);
  if (!library_.empty()) node.library_path = reading_of(library_, now);
  return node;
}

// Fills `node.init`; true when NVML is up.
bool Round::start(NodeFrame& node) {
  if (started_) return true;
  auto library = load();
  if (!library) {
    node = failed_node(NVML_ERROR_LIBRARY_NOT_FOUND, library.error().text);
    return false;
  }
  library_ = *library;
  const nvmlReturn_t result =
      caller_.call("nvmlInit_v2", kNoGpu, CallClass::init, nvml_.nvmlInit_v2);
  if (result != NVML_SUCCESS) {
    node = failed_node(result, return_name(result));
    return false;
  }
  started_ = true;
  return true;
}

NodeFrame Round::node_frame() {
  NodeFrame node;
  const Wall now = wall_now();
  node.init = reading_of(std::string("SUCCESS"), now);
  node.library_path = reading_of(library_, now);
  char text[NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE] = {};
  const auto size = static_cast<unsigned>(sizeof(text));
  nvmlReturn_t result = caller_.call(
      "nvmlSystemGetDriverVersion", kNoGpu, CallClass::query,
      nvml_.nvmlSystemGetDriverVersion, static_cast<char*>(text), size);
  node.driver_version = Questions::outcome(result, std::string(text));
  result = caller_.call("nvmlSystemGetNVMLVersion", kNoGpu, CallClass::query,
                        nvml_.nvmlSystemGetNVMLVersion,
                        static_cast<char*>(text), size);
  node.nvml_version = Questions::outcome(result, std::string(text));
  int cuda = 0;
  result = caller_.call("nvmlSystemGetCudaDriverVersion_v2", kNoGpu,
                        CallClass::query,
                        nvml_.nvmlSystemGetCudaDriverVersion_v2, &cuda);
  node.cuda_version = Questions::outcome(result, cuda_in_words(cuda));
  unsigned count = 0;
  result = caller_.call("nvmlDeviceGetCount_v2", kNoGpu, CallClass::query,
                        nvml_.nvmlDeviceGetCount_v2, &count);
  node.gpu_count = Questions::outcome(result, static_cast<int64_t>(count));
  return node;
}

void Round::ask_caps(Gpu& gpu) {
  constexpr size_t kMost = 1 << 20;
  if (gpu.mig.items.empty()) return;
  if (mig_minors_.empty()) {
    progress_.begin(std::string("read ") + kMigMinors, kNoGpu,
                    CallClass::query);
    mig_minors_ = read_driver_file(host_, kMigMinors, kMost).value_or("");
    progress_.end();
  }
  add_caps(gpu, mig_minors_);
}

Gpu Round::ask_gpu(unsigned index, const Answer& answer) {
  Gpu gpu;
  gpu.index = static_cast<int>(index);
  nvmlDevice_t device{};
  const nvmlReturn_t result = caller_.call(
      "nvmlDeviceGetHandleByIndex_v2", gpu.index, CallClass::handle,
      nvml_.nvmlDeviceGetHandleByIndex_v2, index, &device);
  gpu.readings[std::string(field::kHandle)] = Questions::outcome(result, true);
  if (result != NVML_SUCCESS) return gpu;
  Questions questions(nvml_, caller_, device, gpu);
  ask_identity(questions);
  ask_modes(questions);
  ask_mig(questions);
  ask_caps(gpu);
  // If it hangs from here on, it is known at least who it is.
  answer({.gpu = gpu});
  ask_load(questions);
  ask_health(questions);
  ask_nvlinks(questions);
  ask_processes(questions);
  return gpu;
}

void Round::run(const Answer& answer) {
  NodeFrame node;
  if (!start(node)) {
    answer({.node = node});
    return;
  }
  node = node_frame();
  bool wanted = answer({.node = node});
  const auto* count = std::get_if<int64_t>(&node.gpu_count.value);
  if (node.gpu_count.state != Reading::State::value || count == nullptr) {
    return;
  }
  for (unsigned i = 0; i < *count && wanted; ++i) {
    if (i < 32 && (settings_.left_out >> i & 1U) != 0) continue;
    wanted = answer({.gpu = ask_gpu(i, answer)});
  }
}

void Round::shut_down() {
  if (!started_) return;
  started_ = false;
  caller_.call("nvmlShutdown", kNoGpu, CallClass::query, nvml_.nvmlShutdown);
}

}  // namespace gpuward::probe
