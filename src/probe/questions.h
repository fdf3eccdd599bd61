// Asking one GPU: every answer becomes a Reading, every call is in the progress
// record while it lasts.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "model/fields.h"
#include "model/gpu.h"
#include "probe/nvml.h"
#include "probe/progress.h"

namespace gpuward::probe {

// "GPU_IS_LOST"; "return 77" for one that is not known.
std::string return_name(int code);

// A call that the record shows while it has not come back.
class Caller {
 public:
  explicit Caller(ProgressWriter& progress) : progress_(progress) {}

  template <typename Function, typename... Arguments>
  nvmlReturn_t call(std::string_view name, int gpu, CallClass call_class,
                    Function function, Arguments... arguments) {
    if (function == nullptr) return NVML_ERROR_FUNCTION_NOT_FOUND;
    progress_.begin(name, gpu, call_class);
    const nvmlReturn_t result = function(arguments...);
    progress_.end();
    return result;
  }

 private:
  ProgressWriter& progress_;
};

// One GPU being asked. After a return that says that the GPU is gone, nothing
// more is asked of it, and what is missing carries that return: a lost GPU
// costs its own values only, and little time.
class Questions {
 public:
  Questions(const Nvml& functions, Caller& caller, nvmlDevice_t device,
            Gpu& gpu)
      : nvml(functions), caller_(caller), device_(device), gpu_(gpu) {}

  template <typename Function, typename... Arguments>
  nvmlReturn_t ask(std::string_view name, Function function,
                   Arguments... arguments) {
    return ask_device(device_, name, function, arguments...);
  }
  template <typename Function, typename... Arguments>
  nvmlReturn_t ask_device(nvmlDevice_t device, std::string_view name,
                          Function function, Arguments... arguments) {
    if (fatal_ != NVML_SUCCESS) return fatal_;
    const nvmlReturn_t result = caller_.call(name, gpu_.index, CallClass::query,
                                             function, device, arguments...);
    remember(result);
    return result;
  }

  // What a return and a value come to.
  static Reading outcome(nvmlReturn_t result, Value value);
  void put(std::string_view field, nvmlReturn_t result, Value value) {
    gpu_.readings[std::string(field)] = outcome(result, std::move(value));
  }

  template <typename Function>
  void text(std::string_view field, std::string_view name, Function function) {
    char buffer[256] = {};
    const nvmlReturn_t result = ask(name, function, static_cast<char*>(buffer),
                                    static_cast<unsigned>(sizeof(buffer) - 1));
    put(field, result, std::string(buffer));
  }
  template <typename Function, typename... Before>
  void number(std::string_view field, std::string_view name, Function function,
              Before... before) {
    unsigned value = 0;
    const nvmlReturn_t result = ask(name, function, before..., &value);
    put(field, result, static_cast<int64_t>(value));
  }

  Gpu& gpu() { return gpu_; }
  const Nvml& nvml;

 private:
  void remember(nvmlReturn_t result);

  Caller& caller_;
  nvmlDevice_t device_;
  Gpu& gpu_;
  nvmlReturn_t fatal_ = NVML_SUCCESS;
};

// ask(NVML(nvmlDeviceGetName), …): the function and its name in one.
#define GPUWARD_NVML(questions, function) #function, (questions).nvml.function

// The parts of a frame, each in its own file.
void ask_identity(Questions& questions);
void ask_load(Questions& questions);    // memory, clocks, power, temperature
void ask_health(Questions& questions);  // ECC, rows, PCIe, fabric, recovery
void ask_modes(Questions& questions);   // persistence, compute mode, MIG mode
void ask_mig(Questions& questions);
void ask_nvlinks(Questions& questions);
void ask_processes(Questions& questions);

}  // namespace gpuward::probe
