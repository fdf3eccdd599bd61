#include "containers/device_rules.h"

#include "base/text.h"

namespace gpuward::containers {
namespace {

// "195" or "*"; the outer nothing is a number that is none.
std::optional<std::optional<unsigned>> parse_number(std::string_view text,
                                                    unsigned most) {
  if (text == "*") return std::optional<unsigned>();
  const auto number = to_number<unsigned>(text);
  if (!number || *number > most) return std::nullopt;
  return number;
}

bool speaks_of(const DeviceRule& rule, DeviceNumber number) {
  if (rule.type == 'b') return false;
  return rule.major_number.value_or(number.major_number) ==
             number.major_number &&
         rule.minor_number.value_or(number.minor_number) == number.minor_number;
}

}  // namespace

std::optional<DeviceRule> parse_device_rule(std::string_view text, bool allow) {
  const auto parts = words(text);
  if (parts.empty() || parts.size() > 3 || parts[0].size() != 1) {
    return std::nullopt;
  }
  DeviceRule rule;
  rule.allow = allow;
  rule.type = parts[0][0];
  rule.access = parts.size() == 3 ? tidy_access(parts[2]) : "rwm";
  if (rule.type != 'a' && rule.type != 'b' && rule.type != 'c') {
    return std::nullopt;
  }
  // The kernel looks at nothing behind an "a".
  if (rule.type == 'a') {
    rule.access = "rwm";
    return rule;
  }
  if (parts.size() < 2) return std::nullopt;
  const auto numbers = split(parts[1], ':');
  if (numbers.size() != 2) return std::nullopt;
  const auto major_number = parse_number(numbers[0], kMaxMajor);
  const auto minor_number = parse_number(numbers[1], kMaxMinor);
  if (!major_number || !minor_number) return std::nullopt;
  rule.major_number = *major_number;
  rule.minor_number = *minor_number;
  return rule;
}

std::string access_by(const std::vector<DeviceRule>& rules,
                      DeviceNumber number) {
  std::string allowed;
  for (const DeviceRule& rule : rules) {
    if (!speaks_of(rule, number)) continue;
    if (rule.allow) {
      allowed += rule.access;
    } else {
      std::erase_if(allowed, [&rule](char each) {
        return rule.access.find(each) != std::string::npos;
      });
    }
  }
  return tidy_access(allowed);
}

bool allow_everything(const std::vector<DeviceRule>& rules) {
  bool all = false;
  for (const DeviceRule& rule : rules) {
    if (rule.type != 'a' || rule.major_number || rule.minor_number) continue;
    if (!may_open(rule.access)) continue;
    all = rule.allow && rule.access.find('r') != std::string::npos &&
          rule.access.find('w') != std::string::npos;
  }
  return all;
}

std::string tidy_access(std::string_view access) {
  std::string out;
  for (const char each : {'r', 'w', 'm'}) {
    if (access.find(each) != std::string_view::npos) out += each;
  }
  return out;
}

bool may_open(std::string_view access) {
  return access.find_first_of("rw") != std::string_view::npos;
}

}  // namespace gpuward::containers
