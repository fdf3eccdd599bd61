#include "diagnosis/xid_pattern.h"

namespace gpuward::diagnosis {
namespace {

// What monitors of Kubernetes clusters write before an Xid's number, each
// bound to what only a report of something that happened has. No counts of
// repetitions: each would become as many states, in each entry's pattern.
constexpr const char* kMonitors =
    // A condition or event in JSON, whose text names the Xid; quotes may be
    // escaped, where one log carries another. Of a line that is one object,
    // the reader makes name="value", or "reason: message".
    R"((?:isFatal\\*"?[:=] ?\\*"?true|)"
    R"(health\\*"?[:=] ?\\*"(?:Unhealthy|Degraded)|)"
    R"(lastTransitionTime\\*": ?\\*"|involvedObject\\*":).*?)"
    R"((?:message|reason)\\*"?[:=] ?\\*"[^"\\{]*?\bX(?i:id) |)"
    R"(XIDError\\*".*?errorCode\\*": ?\[\\*"|)"
    R"(\bX(?i:id)(?:Critical)?Error: .*?\bX(?i:id) |)"
    // The same as kubectl describe and kubectl get events print them.
    R"(\s{2}True\s{2,}.*?\bX(?i:id) |)"
    R"(\bWarning\s{2,}\S+\s{2,}.*?\bX(?i:id) |)"
    R"(XidCriticalError\s+True\b[^{]*\{\\*"|)"
    R"(XIDErrorIsNotHealthy.*?ErrorCode:|\bNvidiaXID|)"
    // DCGM's health checks and diagnostics.
    R"(\bDetected XID )";

}  // namespace

matching::Pattern xid_pattern(const std::vector<std::string>& numbers,
                              std::string_view says) {
  std::string any;
  for (const std::string& one : numbers) any += (any.empty() ? "" : "|") + one;
  matching::Pattern pattern;
  pattern.regex =
      R"((?:\bXid \((?:PCI:)?(?:\.{3}|(?P<gpu>(?:[0-9a-fA-F]{4,8}:)?)"
      R"([0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?))(?: GPU-I:(?P<instance>\d+))?)"
      R"((?: GPU-CI:(?P<compute>\d+))?[^)]{0,40}\): |XidCriticalError: Xid=|)" +
      std::string(kMonitors) + R"()(?P<xid>)" +
      (any.empty() ? R"(\d{1,4})" : any) +
      R"()(?:\b|Error\b|Warning\b)(?:, *pid='?(?P<pid>\d+)'?)?)"
      R"((?:, *name='?(?P<name>[^,']*)'?)?)";
  if (!says.empty()) pattern.regex += ".*?(?:" + std::string(says) + ")";
  // Long literals let the gate skip far. Those who post a line cut off "NVRM:"
  // at times, never the bracket.
  pattern.literals = {
      "NVRM: Xid (", "Xid (PCI:",        "Xid (0000:", "XidCriticalError: Xid=",
      "  Xid ",      "Detected XID ",    "(Xid ",      "\"Xid ",
      "XIDError",    "XidCriticalError", "NvidiaXID"};
  return pattern;
}

}  // namespace gpuward::diagnosis
