#include "diagnosis/xid_line.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/xid_pattern.h"
#include "diagnosis/xid_table.h"

namespace gpuward::diagnosis {
namespace {

constexpr std::string_view kRest = R"(,? ?(?P<text>.*))";

struct Form {
  std::string regex;
  bool of_switch = false;
};

// The drivers' forms first, then those of people and monitors.
std::vector<Form> forms() {
  return {
      {xid_pattern({}, "").regex + std::string(kRest)},
      {R"(\bSXid \((?:PCI:)?(?P<gpu>[0-9a-fA-F:.]+)\): (?P<xid>\d{5})\b)" +
           std::string(kRest),
       true},
      {R"((?i)nvswitch (?:non-)?fatal error (?P<xid>\d{5})\b(?P<text>.*))",
       true},
      {R"((?i)\bsxids?(?: errors?| events?| codes?)?\W{0,4}(?P<xid>\d{5})\b)"
       R"((?P<text>.*))",
       true},
      {R"((?i)\bxids?(?: errors?| events?| codes?| number)?\W{0,4})"
       R"((?P<xid>\d{1,4})\b,? ?(?P<text>.*))"},
  };
}

const matching::PatternSet& patterns() {
  static const matching::PatternSet set = [] {
    std::vector<matching::Pattern> all;
    for (const Form& form : forms()) all.push_back({form.regex, {}});
    return matching::PatternSet(all);
  }();
  return set;
}

// One pattern's captures; only ever for a line that somebody asks about.
class Payload {
 public:
  Payload(const std::string& regex, std::string_view text)
      : captures_(matching::PatternSet({{regex, {}}}).captures(0, text)) {}

  bool matched() const { return !captures_.empty(); }
  std::string operator[](std::string_view name) const {
    const auto found = std::ranges::find(
        captures_, name, &matching::Captures::value_type::first);
    return found == captures_.end() ? std::string() : found->second;
  }
  unsigned number(std::string_view name, int base) const {
    return to_number<unsigned>((*this)[name], base).value_or(0);
  }

 private:
  matching::Captures captures_;
};

std::string_view action_in_words(std::string_view action) {
  if (action == "reset") return "reset the GPU";
  if (action == "app") {
    return "do what Xid 154 says, if there is one; else restart the "
           "application";
  }
  if (action == "none") return "nothing";
  return "follow the severity and Xid 154, and look at link, cable and peer";
}

// "RLW_SRC_TRACK Nonfatal XC1 i0 Link 07 (0x000000e2 0x00000004 …)"; before
// R575 also "XC 1 i 0 Link 07 [0x… 0x…]".
void decode_nvlink5(const XidLine& line, std::vector<std::string>& out) {
  constexpr int kHex = 16;
  constexpr unsigned kReasonShift = 20;
  constexpr unsigned kReasonMask = 0x3f;
  const Payload words(
      R"((?P<unit>[A-Z][A-Z0-9_]+),? +(?i:(?P<fatal>fatal|non-?fatal)),?)"
      R"((?: +XC ?(?P<cross>\d))?(?: +i ?(?P<injected>\d))?.*?Link +)"
      R"((?P<link>-?\d+)(?: +[(\[]0x(?P<intr>[0-9a-fA-F]+))"
      R"((?:,? +0x(?P<status>[0-9a-fA-F]+))?)?)",
      line.text);
  if (!words.matched()) return;
  const bool fatal = to_lower(words["fatal"]) == "fatal";
  const bool whole = words["link"] == "-1";
  const unsigned status = words.number("status", kHex);
  const unsigned reason =
      (words.number("intr", kHex) >> kReasonShift) & kReasonMask;
  out.push_back(fmt::format(
      "Here: unit {}, {}, {}{}{}.", words["unit"],
      fatal ? "fatal" : "not fatal",
      whole
          ? "no link of its own (-1: the whole unit)"
          : "link " + std::to_string(to_number<int>(words["link"]).value_or(0)),
      words["cross"] == "1" ? "; other applications may be hit too (XC1)" : "",
      words["injected"] > "0" ? "; injected for a test" : ""));
  if (words["intr"].empty()) return;
  const Nvlink5Row* row =
      find_nvlink5(line.code, words["unit"], status, reason);
  if (row == nullptr) return;
  out.push_back(fmt::format("Subcode {}, status 0x{:x}: {}. What to do: {}.",
                            reason, status, row->meaning,
                            action_in_words(fatal ? "reset" : row->action)));
}

// "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)"
void decode_recovery(const XidLine& line, std::vector<std::string>& out) {
  const Payload words(R"(changed from (?:0x)?(?P<from>[0-9a-fA-F]+)[^t]*)"
                      R"((?:\([^)]*\) )?to (?:0x)?(?P<to>[0-9a-fA-F]+))",
                      line.text);
  if (!words.matched()) return;
  constexpr int kHex = 16;
  constexpr std::string_view kActions[] = {
      "nothing any more: what was asked for before is done",
      "reset the GPU",
      "reboot the node",
      "end all work with peer-to-peer access, then read the action again",
      "drain the GPU and reset it: no new work, what runs may finish",
      "recover the IMEX domain, then read the action again",
      "reset the bus of the GPU",
      "reboot the system"};
  const unsigned to = words.number("to", kHex);
  if (to < std::size(kActions)) {
    out.push_back(fmt::format(
        "Here the driver asks to: {}. The last Xid 154 of each GPU counts.",
        kActions[to]));
  }
}

// Where in the GPU, for the Xids of applications.
void decode_unit(const XidLine& line, std::vector<std::string>& out) {
  const Payload core(
      R"(\(GPC (?P<gpc>\d+), TPC (?P<tpc>\d+)(?:, SM (?P<sm>\d+))?)",
      line.text);
  if (core.matched()) {
    out.push_back(fmt::format(
        "Here: GPC {}, TPC {}{}. The same place for other applications speaks "
        "against the GPU; another place each time, for a bug.",
        core["gpc"], core["tpc"],
        core["sm"].empty() ? "" : ", SM " + core["sm"]));
  }
  const Payload fault(R"(ENGINE (?P<engine>[A-Z0-9_]+).*faulted @ )"
                      R"((?P<address>0x[0-9a-fA-F_]+)\.?)"
                      R"((?:.*(?P<type>FAULT_[A-Z_]+))?)",
                      line.text);
  if (fault.matched()) {
    out.push_back(fmt::format(
        "Here: engine {}, address {}{}.", fault["engine"], fault["address"],
        fault["type"].empty() ? "" : ", " + fault["type"]));
  }
}

// "RST: No, D-RST: Yes", "caused by previous Xid 79", "Expected function 76
// (GSP_RM_CONTROL)".
void decode_rest(const XidLine& line, std::vector<std::string>& out) {
  const Payload reset(R"(RST: (?P<now>Yes|No), D-RST: (?P<drained>Yes|No))",
                      line.text);
  if (reset.matched()) {
    out.push_back(fmt::format(
        "Here the driver says: a reset is {}needed at once, and {}needed after "
        "the GPU is drained.",
        reset["now"] == "Yes" ? "" : "not ",
        reset["drained"] == "Yes" ? "" : "not "));
  }
  const Payload cause(R"(caused by previous Xid (?P<xid>\d+))", line.text);
  if (cause.matched()) {
    const int xid = to_number<int>(cause["xid"]).value_or(0);
    const XidRow* row = find_xid(xid);
    out.push_back(fmt::format("Here it follows from Xid {}{}{}.", xid,
                              row == nullptr ? "" : ": ",
                              row == nullptr ? "" : row->meaning));
  }
  const Payload call(
      R"(Timeout after (?P<seconds>\d+)s.*Expected function \d+ )"
      R"(\((?P<function>\w+)\))",
      line.text);
  if (call.matched()) {
    out.push_back(
        fmt::format("Here the driver waited {} s for the answer to {}.",
                    call["seconds"], call["function"]));
  }
}

void decode_switch(const XidLine& line, std::vector<std::string>& out) {
  const Payload words(R"((?i)\b(?P<fatal>fatal|non-fatal)\b)"
                      R"((?:.*?\bLink (?P<link>\d+))?)",
                      line.text);
  if (!words.matched()) return;
  out.push_back(fmt::format(
      "Here the switch itself calls it {}{}; its word counts more than the "
      "table.",
      to_lower(words["fatal"]),
      words["link"].empty() ? "" : ", on link " + words["link"]));
}

}  // namespace

std::optional<XidLine> find_xid_line(std::string_view line) {
  const auto all = forms();
  for (size_t i = 0; i < all.size(); ++i) {
    const matching::Captures captures = patterns().captures(i, line);
    if (captures.empty()) continue;
    const auto word = [&](std::string_view name) {
      const auto found = std::ranges::find(
          captures, name, &matching::Captures::value_type::first);
      return found == captures.end() ? std::string() : found->second;
    };
    XidLine found;
    found.of_switch = all[i].of_switch;
    found.code = to_number<int>(word("xid")).value_or(0);
    found.device = word("gpu");
    found.instance = word("instance");
    found.compute = word("compute");
    found.pid = word("pid");
    found.program = word("name");
    found.text = word("text");
    return found;
  }
  return std::nullopt;
}

std::vector<std::string> decode_xid(const XidLine& line) {
  constexpr int kFirstNvlink5 = 144;
  constexpr int kLastNvlink5 = 150;
  constexpr int kRecovery = 154;
  std::vector<std::string> out;
  if (line.of_switch) {
    decode_switch(line, out);
    return out;
  }
  if (line.code >= kFirstNvlink5 && line.code <= kLastNvlink5) {
    decode_nvlink5(line, out);
  }
  if (line.code == kRecovery) decode_recovery(line, out);
  decode_unit(line, out);
  decode_rest(line, out);
  return out;
}

}  // namespace gpuward::diagnosis
