// The syntax of systemd's unit files. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gpuward::containers {

struct UnitSetting {
  std::string section;  // "Scope"
  std::string key;      // "DeviceAllow"
  std::string value;    // empty is a value: it resets a list

  bool operator==(const UnitSetting&) const = default;
};

// In the file's order. A line that ends in a backslash goes on in the next one
// that is no comment; what is no assignment is passed over, as systemd does.
std::vector<UnitSetting> parse_unit_file(std::string_view text);

}  // namespace gpuward::containers
