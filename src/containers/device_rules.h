// Rules of a device cgroup, as the OCI specification, Docker and LXC write
// them, and what a list of them allows. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuward::containers {

struct DeviceRule {
  bool allow = false;
  char type = 'a';                       // 'a' all, 'b' block, 'c' character
  std::optional<unsigned> major_number;  // nothing: each
  std::optional<unsigned> minor_number;
  std::string access;  // of "rwm"

  bool operator==(const DeviceRule&) const = default;
};

struct DeviceNumber {
  unsigned major_number = 0;
  unsigned minor_number = 0;

  auto operator<=>(const DeviceNumber&) const = default;
};

// Linux has 12 bits for a major and 20 for a minor.
inline constexpr unsigned kMaxMajor = 0xfff;
inline constexpr unsigned kMaxMinor = 0xfffff;

// "c 195:* rwm", "a *:* rwm", "a"; nothing where it makes no sense.
std::optional<DeviceRule> parse_device_rule(std::string_view text, bool allow);

// What the rules, applied in order to "nothing is allowed", leave of "rwm" for
// that character device. A later rule outdoes an earlier one, as in runc.
std::string access_by(const std::vector<DeviceRule>& rules,
                      DeviceNumber number);
// Every device may be read and written: the mark of a privileged container.
bool allow_everything(const std::vector<DeviceRule>& rules);

// "r", "w" and "m" in this order, each once; everything else left out.
std::string tidy_access(std::string_view access);
// Opening it is of some use: mknod alone is given to every container.
bool may_open(std::string_view access);

}  // namespace gpuward::containers
