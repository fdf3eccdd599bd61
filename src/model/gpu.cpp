#include "model/gpu.h"

namespace gpuward {

const Reading& reading(const Gpu& gpu, std::string_view field) {
  static const Reading kUnknown;
  const auto found = gpu.readings.find(field);
  return found != gpu.readings.end() ? found->second : kUnknown;
}

}  // namespace gpuward
