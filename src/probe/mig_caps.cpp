#include "probe/mig_caps.h"

#include <fmt/core.h>

#include "base/text.h"
#include "model/fields.h"

namespace gpuward::probe {
namespace {

// The list has a line for each instance that any GPU could have, thousands in
// all; of those a few are asked for.
std::optional<int> minor_of(std::string_view list, std::string_view name) {
  for (size_t at = list.find(name); at != list.npos;
       at = list.find(name, at + 1)) {
    if (at != 0 && list[at - 1] != '\n') continue;
    const std::string_view line = list.substr(at, list.find('\n', at) - at);
    const auto fields = words(line);
    if (fields.size() == 2 && fields[0] == name) {
      return to_number<int>(fields[1]);
    }
  }
  return std::nullopt;
}

}  // namespace

void add_caps(Gpu& gpu, std::string_view mig_minors) {
  const Reading& reading_of_minor = reading(gpu, field::kMinor);
  const auto* gpu_minor = std::get_if<int64_t>(&reading_of_minor.value);
  if (reading_of_minor.state != Reading::State::value || gpu_minor == nullptr) {
    return;
  }
  for (MigDevice& mig : gpu.mig.items) {
    const std::string place =
        fmt::format("gpu{}/gi{}", *gpu_minor, mig.gpu_instance);
    mig.gpu_cap = minor_of(mig_minors, place + "/access");
    mig.compute_cap = minor_of(
        mig_minors, fmt::format("{}/ci{}/access", place, mig.compute_instance));
  }
}

}  // namespace gpuward::probe
