#include "diagnosis/xid_pattern.h"

namespace gpuward {

Pattern xid_pattern(const std::vector<std::string>& numbers,
                    std::string_view says) {
  std::string any;
  for (const std::string& one : numbers) any += (any.empty() ? "" : "|") + one;
  Pattern pattern;
  pattern.regex =
      R"((?:\bXid \((?:PCI:)?(?P<gpu>(?:[0-9a-fA-F]{4,8}:)?)"
      R"([0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)(?: GPU-I:(?P<instance>\d+))?)"
      R"((?: GPU-CI:(?P<compute>\d+))?[^)]{0,40}\): |XidCriticalError: Xid=))"
      R"((?P<xid>)" +
      (any.empty() ? R"(\d{1,4})" : any) +
      R"()\b(?:, *pid='?(?P<pid>\d+)'?)?(?:, *name='?(?P<name>[^,']*)'?)?)";
  if (!says.empty()) pattern.regex += ".*?(?:" + std::string(says) + ")";
  // Long literals let the gate skip far. Those who post a line cut off "NVRM:"
  // at times, never the bracket.
  pattern.literals = {"NVRM: Xid (",
                      "Xid (PCI:", "Xid (0000:", "XidCriticalError: Xid="};
  return pattern;
}

}  // namespace gpuward
