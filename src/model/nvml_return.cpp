#include "model/nvml_return.h"

#include <algorithm>
#include <array>

namespace gpuward {
namespace {

struct Row {
  int code;
  std::string_view name;
};

constexpr std::array kRows = {
    Row{0, "SUCCESS"},
    Row{1, "UNINITIALIZED"},
    Row{2, "INVALID_ARGUMENT"},
    Row{3, "NOT_SUPPORTED"},
    Row{4, "NO_PERMISSION"},
    Row{5, "ALREADY_INITIALIZED"},
    Row{6, "NOT_FOUND"},
    Row{7, "INSUFFICIENT_SIZE"},
    Row{8, "INSUFFICIENT_POWER"},
    Row{9, "DRIVER_NOT_LOADED"},
    Row{10, "TIMEOUT"},
    Row{11, "IRQ_ISSUE"},
    Row{12, "LIBRARY_NOT_FOUND"},
    Row{13, "FUNCTION_NOT_FOUND"},
    Row{14, "CORRUPTED_INFOROM"},
    Row{15, "GPU_IS_LOST"},
    Row{16, "RESET_REQUIRED"},
    Row{17, "OPERATING_SYSTEM"},
    Row{18, "LIB_RM_VERSION_MISMATCH"},
    Row{19, "IN_USE"},
    Row{20, "MEMORY"},
    Row{21, "NO_DATA"},
    Row{22, "VGPU_ECC_NOT_SUPPORTED"},
    Row{23, "INSUFFICIENT_RESOURCES"},
    Row{24, "FREQ_NOT_SUPPORTED"},
    Row{25, "ARGUMENT_VERSION_MISMATCH"},
    Row{26, "DEPRECATED"},
    Row{27, "NOT_READY"},
    Row{28, "GPU_NOT_FOUND"},
    Row{29, "INVALID_STATE"},
    Row{30, "RESET_TYPE_NOT_SUPPORTED"},
    Row{999, "UNKNOWN"},
};

}  // namespace

std::string_view nvml_return_name(int code) {
  const auto* const found = std::ranges::find(kRows, code, &Row::code);
  return found != kRows.end() ? found->name : "UNKNOWN_CODE";
}

}  // namespace gpuward
