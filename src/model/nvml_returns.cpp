#include "model/nvml_returns.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace gpuward {
namespace {

// Names and numbers of nvml.h 13.3; the texts are what nvidia-smi prints.
constexpr NvmlReturn kReturns[] = {
    {0, "SUCCESS", "The operation was successful", "the call worked", ""},
    {1, "UNINITIALIZED", "Uninitialized",
     "the program called NVML before nvmlInit, or after nvmlShutdown", ""},
    {2, "INVALID_ARGUMENT", "Invalid Argument",
     "the program passed something that NVML does not accept", ""},
    {3, "NOT_SUPPORTED", "Not Supported",
     "this GPU or driver has no such thing; not a fault", ""},
    {4, "NO_PERMISSION", "Insufficient Permissions",
     "file mode, group, rootless mode or SELinux keeps the caller from the "
     "device nodes; a device cgroup would say Unknown Error instead",
     "device-node-permissions"},
    {5, "ALREADY_INITIALIZED", "Already Initialized",
     "no longer used: NVML may be initialised several times", ""},
    {6, "NOT_FOUND", "Not Found", "no such GPU or object", ""},
    {7, "INSUFFICIENT_SIZE", "Insufficient Size",
     "the program's buffer is too small; it should ask again", ""},
    {8, "INSUFFICIENT_POWER", "Insufficient External Power",
     "a power cable of the GPU is missing or loose", "gpu-power-or-thermal"},
    {9, "DRIVER_NOT_LOADED", "Driver Not Loaded",
     "the NVIDIA kernel module is not loaded", "driver-not-loaded"},
    {10, "TIMEOUT", "Timeout",
     "the time that the caller allowed passed; ordinary for event waits", ""},
    {11, "IRQ_ISSUE", "Interrupt Request Issue",
     "the kernel found a problem with the GPU's interrupts", ""},
    {12, "LIBRARY_NOT_FOUND", "NVML Shared Library Not Found",
     "there is no libnvidia-ml.so.1 where the loader looks",
     "nvml-library-missing"},
    {13, "FUNCTION_NOT_FOUND", "Function Not Found",
     "the library is older than the program expects", ""},
    {14, "CORRUPTED_INFOROM", "Corrupted infoROM",
     "the GPU's own record of itself is damaged", ""},
    {15, "GPU_IS_LOST", "GPU is lost",
     "the GPU no longer answers on PCIe; the others may go on working",
     "gpu-fallen-off-bus"},
    {16, "RESET_REQUIRED", "GPU requires reset",
     "the GPU works again only after a reset", "gpu-reset-required"},
    {17, "OPERATING_SYSTEM", "GPU control device has been blocked",
     "the operating system or a cgroup blocked the control device",
     "container-gpu-access-revoked"},
    {18, "LIB_RM_VERSION_MISMATCH", "Driver/library version mismatch",
     "the library and the loaded kernel module are of different versions",
     "driver-library-mismatch"},
    {19, "IN_USE", "In use by another client",
     "somebody uses the GPU, and the operation needs it for itself", ""},
    {20, "MEMORY", "Insufficient Memory", "out of memory", ""},
    {21, "NO_DATA", "No Data", "there is nothing to report yet", ""},
    {22, "VGPU_ECC_NOT_SUPPORTED", "VGPU ECC Not Supported",
     "the vGPU cannot be used with ECC on", ""},
    {23, "INSUFFICIENT_RESOURCES", "Insufficient Resources",
     "something other than memory ran out, such as MIG slices", ""},
    {24, "FREQ_NOT_SUPPORTED", "Frequency Not Supported",
     "the GPU does not know that clock", ""},
    {25, "ARGUMENT_VERSION_MISMATCH", "Argument Version Mismatch",
     "the program was built for another version of a structure", ""},
    {26, "DEPRECATED", "Deprecated", "the call is no longer there", ""},
    {27, "NOT_READY", "Not Ready",
     "the system or fabric is not ready for the request yet", ""},
    {28, "GPU_NOT_FOUND", "No GPUs Found", "no GPU at all was found",
     "gpu-init-failed"},
    {29, "INVALID_STATE", "Invalid State",
     "the resource is not in a state that allows this", ""},
    {30, "RESET_TYPE_NOT_SUPPORTED", "Reset Type Not Supported",
     "the GPU cannot be reset in this way", ""},
    {999, "UNKNOWN", "Unknown Error",
     "the library gave no reason. In a container whose host is well it nearly "
     "always is a device cgroup that denies the open; on the host a lost GPU",
     "container-gpu-access-revoked"},
};

}  // namespace

std::span<const NvmlReturn> nvml_returns() { return kReturns; }

std::string_view nvml_return_name(int code) {
  const auto* const found =
      std::ranges::find(kReturns, code, &NvmlReturn::code);
  return found != std::end(kReturns) ? found->name : "UNKNOWN_CODE";
}

const NvmlReturn* find_nvml_return(std::string_view word) {
  word = trim(word);
  for (const std::string_view prefix : {"NVML_ERROR_", "NVML_"}) {
    if (word.starts_with(prefix)) word.remove_prefix(prefix.size());
  }
  const auto number = to_number<int>(word);
  for (const NvmlReturn& one : kReturns) {
    if (number ? one.code == *number
               : equal_ignoring_case(one.name, word) ||
                     equal_ignoring_case(one.text, word)) {
      return &one;
    }
  }
  return nullptr;
}

}  // namespace gpuward
