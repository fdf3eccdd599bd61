#include "action/why_not.h"

#include <unistd.h>

namespace gpuward::action {

std::optional<std::string> why_not_to_act(const host::Host& host) {
  if (host.why_not_to_probe()) {
    return host.evidence.directory() +
           " is not this machine: nothing can be repaired there";
  }
  if (::geteuid() != 0) return "repairs need root";
  return std::nullopt;
}

}  // namespace gpuward::action
