#include "diagnosis/explain_xid.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/xid_table.h"

namespace gpuward::diagnosis {
namespace {

constexpr std::string_view kSwitchFault = "nvswitch-fault";

std::string_view blame_in_words(std::string_view blame) {
  if (blame == "application") {
    return "To blame: the application, most often. The GPU is well, unless the "
           "same happens there with other applications.";
  }
  if (blame == "driver") return "To blame: driver or firmware, most often.";
  if (blame == "hardware") return "To blame: the hardware, most often.";
  if (blame == "fabric") {
    return "To blame: the NVLink fabric: a link, a switch, a cable or the GPU "
           "at the other end.";
  }
  if (blame == "none") {
    return "To blame: nobody. It tells of nothing that is broken by itself.";
  }
  return "To blame: not known from the number alone.";
}

void add_faults(const Catalogue& catalogue, const XidLine& line,
                Explanation& out) {
  if (line.of_switch) {
    if (catalogue.find(kSwitchFault) != nullptr) {
      out.faults.emplace_back(kSwitchFault);
    }
    return;
  }
  for (const Fault& fault : catalogue.faults) {
    if (std::ranges::find(fault.xids, line.code) != fault.xids.end()) {
      out.faults.push_back(fault.id);
    }
  }
}

void add_row(const XidRow& row, Explanation& out) {
  out.paragraphs.push_back(
      fmt::format("{}. NVIDIA's name: {}.", row.meaning, row.mnemonic));
  out.paragraphs.emplace_back(blame_in_words(row.blame));
  out.paragraphs.push_back(fmt::format("What to do: {}.", row.action));
  if (!row.comes_with.empty()) {
    out.paragraphs.push_back(
        fmt::format("What usually comes with it: {}.", row.comes_with));
  }
  if (row.certainty == "inferred") {
    out.paragraphs.emplace_back(
        "This is inferred from the number's name and from old lists: no "
        "published description of it is known to gpuward.");
  }
  out.sources.emplace_back(row.source);
}

std::string where(const XidLine& line) {
  std::string words;
  if (!line.device.empty()) {
    words =
        fmt::format("{} {}", line.of_switch ? "Switch" : "GPU", line.device);
  }
  if (!line.instance.empty()) {
    words += fmt::format(", MIG instance {}", line.instance);
  }
  if (!line.compute.empty()) {
    words += fmt::format(", compute instance {}", line.compute);
  }
  const bool told = !line.program.empty() && line.program.front() != '<';
  if (told) words += fmt::format(", program {}", printable(line.program, 80));
  if (!line.pid.empty()) words += fmt::format(", pid {}", line.pid);
  return words.starts_with(", ") ? words.substr(2) : words;
}

}  // namespace

Explanation explain_xid(const Catalogue& catalogue, const XidLine& line) {
  Explanation out;
  out.kind = line.of_switch ? "sxid" : "xid";
  const XidRow* row =
      line.of_switch ? find_sxid(line.code) : find_xid(line.code);
  out.title = fmt::format("{} {}", line.of_switch ? "SXid" : "Xid", line.code);
  if (row == nullptr) {
    out.paragraphs.push_back(fmt::format(
        "{} is not in gpuward's table, which goes up to {} {}. NVIDIA's {} may "
        "have it.",
        out.title, line.of_switch ? "SXid" : "Xid",
        (line.of_switch ? sxid_rows() : xid_rows()).back().code,
        line.of_switch ? "guide of the fabric manager "
                         "(docs.nvidia.com/datacenter/tesla/"
                         "fabric-manager-user-guide)"
                       : "Xid catalogue (docs.nvidia.com/deploy/xid-errors)"));
    return out;
  }
  const std::string place = where(line);
  if (!place.empty()) out.paragraphs.push_back(place + ".");
  for (std::string& one : decode_xid(line)) {
    out.paragraphs.push_back(std::move(one));
  }
  add_row(*row, out);
  out.blame = row->blame;
  out.certainty = row->certainty;
  add_faults(catalogue, line, out);
  for (const std::string& id : out.faults) {
    for (const RemedyRule& rule : catalogue.find(id)->remedies) {
      out.remedies.push_back(rule.remedy);
    }
  }
  return out;
}

}  // namespace gpuward::diagnosis
