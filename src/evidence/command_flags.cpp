#include "evidence/command_flags.h"

#include <algorithm>

#include "base/text.h"

namespace gpuward::evidence {

std::vector<std::string> flag_values(std::string_view command,
                                     std::string_view name) {
  std::string plain(command);
  std::erase_if(plain, [](char c) { return c == '"' || c == '\''; });
  // KUBELET_EXTRA_ARGS=--cgroup-driver=systemd: the flag follows a name.
  std::vector<std::string> values;
  const auto parts = words(plain);
  for (size_t i = 0; i < parts.size(); ++i) {
    std::string_view part = parts[i];
    const size_t dashes = part.find("=--");
    if (!part.starts_with('-') && dashes != std::string_view::npos) {
      part.remove_prefix(dashes + 1);
    }
    if (!part.starts_with(name)) continue;
    part.remove_prefix(name.size());
    if (part.starts_with('=')) {
      values.emplace_back(part.substr(1));
    } else if (part.empty() && i + 1 < parts.size()) {
      values.emplace_back(parts[i + 1]);
    }
  }
  return values;
}

}  // namespace gpuward::evidence
