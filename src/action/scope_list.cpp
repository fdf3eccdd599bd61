// The arithmetic of DeviceAllow lists: see restore_access.h.
#include <fmt/core.h>

#include <algorithm>

#include "action/restore_access.h"

namespace gpuward::action {
namespace {

std::string entry_name(const Grant& grant) {
  return fmt::format("/dev/char/{}:{}",  // path: systemd's own notation
                     grant.major_number, grant.minor_number);
}

// The access that the list gives under exactly that name.
std::string listed_access(const host::DeviceAllow& listed,
                          const std::string& name) {
  for (const auto& [node, access] : listed) {
    if (node == name) return access;
  }
  return {};
}

std::string together(const std::string& one, const std::string& other) {
  std::string out;
  for (const char letter : std::string_view("rwm")) {
    const bool wanted = one.find(letter) != std::string::npos ||
                        other.find(letter) != std::string::npos;
    if (wanted) out += letter;
  }
  return out;
}

const std::string* granted_access(const std::vector<Grant>& grants,
                                  const std::string& name) {
  const auto found = std::ranges::find(grants, name, entry_name);
  return found == grants.end() ? nullptr : &found->access;
}

}  // namespace

host::DeviceAllow entries_for(const host::DeviceAllow& listed,
                              const std::vector<Grant>& grants) {
  host::DeviceAllow out;
  for (const Grant& grant : grants) {
    const std::string name = entry_name(grant);
    out.emplace_back(name, together(listed_access(listed, name), grant.access));
  }
  return out;
}

bool lists_all(const host::DeviceAllow& listed,
               const std::vector<Grant>& grants) {
  return std::ranges::all_of(grants, [&listed](const Grant& grant) {
    const std::string has = listed_access(listed, entry_name(grant));
    return together(has, grant.access) == together(has, "");
  });
}

host::DeviceAllow taken_back(const host::DeviceAllow& listed,
                             const host::DeviceAllow& former,
                             const std::vector<Grant>& grants) {
  host::DeviceAllow out;
  for (const auto& [node, access] : listed) {
    const std::string before = listed_access(former, node);
    const std::string* granted = granted_access(grants, node);
    // What is not as we left it is somebody else's by now.
    if (granted == nullptr ||
        together(access, "") != together(before, *granted)) {
      out.emplace_back(node, access);
      continue;
    }
    if (!before.empty()) out.emplace_back(node, before);
  }
  return out;
}

}  // namespace gpuward::action
