#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "containers/programs.h"

namespace gpuward::containers {
namespace {

constexpr size_t kMaxList = 512 * 1024;

bool is_number_or_all(std::string_view text, unsigned number) {
  return text == "*" || to_number<unsigned>(text) == number;
}

// "c 195:* rw"
bool lets_through(std::string_view entry, const Grant& grant) {
  const auto parts = words(entry);
  if (parts.size() != 3 || parts[0] != "c") return false;
  const size_t colon = parts[1].find(':');
  if (colon == std::string_view::npos) return false;
  const bool has_access = std::ranges::all_of(grant.access, [&](char c) {
    return c == 'm' || parts[2].find(c) != std::string_view::npos;
  });
  return has_access &&
         is_number_or_all(parts[1].substr(0, colon), grant.major_number) &&
         is_number_or_all(parts[1].substr(colon + 1), grant.minor_number);
}

}  // namespace

Result<std::vector<std::string>> read_devices_list(const host::Host& host,
                                                   const Container& container) {
  if (container.cgroup_v2) {
    return fail(Error::Kind::unsupported, "cgroup v2 has no devices.list");
  }
  const std::string path = container.cgroup_folder + "/devices.list";
  const std::string text = TRY(host.evidence.read(path, kMaxList + 1));
  if (text.size() > kMaxList) {
    return fail(Error::Kind::malformed, path + " is too long to be taken in");
  }
  std::vector<std::string> entries;
  for (const std::string_view line : split(text, '\n')) {
    if (!trim(line).empty()) entries.emplace_back(trim(line));
  }
  return entries;
}

std::optional<std::vector<std::string>> lacking_in(
    const std::vector<std::string>& list, const std::vector<Grant>& grants) {
  const bool all = std::ranges::any_of(
      list, [](const std::string& entry) { return entry.starts_with("a "); });
  if (all) return std::nullopt;
  std::vector<std::string> lacking;
  for (const Grant& grant : grants) {
    const bool listed = std::ranges::any_of(
        list,
        [&](const std::string& entry) { return lets_through(entry, grant); });
    if (!listed) {
      lacking.push_back(
          fmt::format("{}:{}", grant.major_number, grant.minor_number));
    }
  }
  return lacking;
}

}  // namespace gpuward::containers
