#include "evidence/packages.h"

#include "base/text.h"

namespace gpuward::evidence {
namespace {

constexpr size_t kMaxStatus = 8 << 20;

std::string_view field_of(std::string_view paragraph, std::string_view name) {
  for (const std::string_view line : split(paragraph, '\n')) {
    if (line.starts_with(name)) return trim(line.substr(name.size()));
  }
  return {};
}

}  // namespace

Result<std::string> read_dpkg_status(const host::Root& root) {
  return root.read(kDpkgStatus, kMaxStatus);
}

std::optional<std::string> package_version(std::string_view dpkg_status,
                                           std::string_view package) {
  const std::string wanted = "Package: " + std::string(package) + "\n";
  for (size_t at = dpkg_status.find(wanted); at != std::string_view::npos;
       at = dpkg_status.find(wanted, at + 1)) {
    if (at > 0 && dpkg_status[at - 1] != '\n') continue;
    const size_t end = dpkg_status.find("\n\n", at);
    if (end == std::string_view::npos && dpkg_status.size() == kMaxStatus) {
      return std::nullopt;  // cut
    }
    const std::string_view paragraph = dpkg_status.substr(at, end - at);
    if (field_of(paragraph, "Status:") != "install ok installed") continue;
    const std::string_view version = field_of(paragraph, "Version:");
    if (!version.empty()) return std::string(version);
  }
  return std::nullopt;
}

std::string plain_version(std::string_view version) {
  if (const size_t epoch = version.find(':'); epoch != std::string_view::npos) {
    version.remove_prefix(epoch + 1);
  }
  if (version.starts_with('v')) version.remove_prefix(1);
  std::string_view plain =
      version.substr(0, version.find_first_not_of("0123456789."));
  while (plain.ends_with('.')) plain.remove_suffix(1);
  return std::string(plain.starts_with('.') ? "" : plain);
}

}  // namespace gpuward::evidence
