#include "diagnosis/explain.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "model/nvml_returns.h"

namespace gpuward {
namespace {

void add_versions(const Fault& fault, Explanation& out) {
  for (const BranchRange& range : fault.drivers) {
    const Version& any = range.from.empty() ? range.fixed : range.from;
    if (any.empty()) continue;
    const std::string words = range_in_words(fault.drivers, any);
    out.paragraphs.push_back(fmt::format("Driver branch {}: {}{}", range.branch,
                                         range.from.empty() ? "" : "affected ",
                                         words));
  }
}

// What a finding would fill in is not known here, but for the versions.
std::string without_blanks(const Fault& fault, std::string_view text) {
  std::string out;
  while (true) {
    const size_t open = text.find('{');
    const size_t close = text.find('}', open);
    if (open == text.npos || close == text.npos) break;
    out += text.substr(0, open);
    out += text.substr(open, close - open + 1) == "{fixes}"
               ? fixes_in_words(fault.drivers)
               : "…";
    text.remove_prefix(close + 1);
  }
  return out + std::string(text);
}

Explanation of_fault(const Fault& fault) {
  Explanation out;
  out.kind = "fault";
  out.title = without_blanks(fault, fault.title);
  out.paragraphs.push_back(fault.means);
  add_versions(fault, out);
  for (const std::string& one : fault.settle) {
    out.paragraphs.push_back("What would settle it: " + one);
  }
  out.faults = {fault.id};
  out.remedies = fault.remedies;
  for (Remedy& remedy : out.remedies) {
    remedy.text = without_blanks(fault, remedy.text);
  }
  out.sources = fault.sources;
  return out;
}

std::vector<std::string> faults_of_xid(const Catalogue& catalogue, int xid) {
  std::vector<std::string> ids;
  for (const Fault& fault : catalogue.faults) {
    if (std::ranges::find(fault.xids, xid) != fault.xids.end()) {
      ids.push_back(fault.id);
    }
  }
  return ids;
}

Explanation of_xid(const Catalogue& catalogue, int xid) {
  Explanation out;
  out.kind = "xid";
  out.title = fmt::format("Xid {}", xid);
  out.faults = faults_of_xid(catalogue, xid);
  for (const std::string& id : out.faults) {
    const Fault& fault = *catalogue.find(id);
    out.paragraphs.push_back(fmt::format("{}: {}", id, fault.means));
    out.remedies.insert(out.remedies.end(), fault.remedies.begin(),
                        fault.remedies.end());
  }
  if (out.faults.empty()) {
    out.paragraphs.push_back(fmt::format(
        "The catalogue has no entry for Xid {}. NVIDIA's Xid catalogue "
        "(docs.nvidia.com/deploy/xid-errors) lists all of them.",
        xid));
  }
  return out;
}

Explanation of_return(const NvmlReturn& one) {
  Explanation out;
  out.kind = "nvml-return";
  out.title = fmt::format("NVML_{}{} ({}): {}", one.code == 0 ? "" : "ERROR_",
                          one.name, one.code, one.text);
  out.paragraphs.push_back(std::string(one.means));
  if (!one.fault.empty()) out.faults.emplace_back(one.fault);
  return out;
}

// "Xid 79", "xid79", "NVRM: Xid (PCI:0000:3b:00): 79, …"
std::optional<int> xid_in(std::string_view words) {
  const std::string lower = to_lower(words);
  size_t at = lower.find("xid");
  if (at == std::string::npos || (at > 0 && lower[at - 1] == 's')) {
    return std::nullopt;
  }
  at += 3;
  const size_t close = lower.find("):", at);
  if (close != std::string::npos) at = close + 2;
  at = lower.find_first_not_of(" :#=", at);
  if (at == std::string::npos) return std::nullopt;
  const size_t end =
      std::min(lower.find_first_not_of("0123456789", at), lower.size());
  return to_number<int>(std::string_view(lower).substr(at, end - at));
}

bool rests_on(const Condition& condition, size_t signature) {
  return std::ranges::find(condition.signatures, signature) !=
             condition.signatures.end() ||
         std::ranges::any_of(condition.parts, [&](const Condition& part) {
           return rests_on(part, signature);
         });
}

// The entry that it stands in; for a shared one, those whose rules use it.
std::vector<std::string> faults_of_signature(const Catalogue& catalogue,
                                             size_t index) {
  const std::string& own = catalogue.signatures[index].fault;
  if (!own.empty()) return {own};
  std::vector<std::string> ids;
  for (const Fault& fault : catalogue.faults) {
    if (std::ranges::any_of(fault.rules, [&](const Rule& rule) {
          return rests_on(rule.when, index);
        })) {
      ids.push_back(fault.id);
    }
  }
  return ids;
}

Explanation of_line(const Catalogue& catalogue, std::string_view line) {
  Explanation out;
  for (const size_t index : catalogue.patterns.match(line)) {
    const Signature& signature = catalogue.signatures[index];
    out.kind = "line";
    out.paragraphs.push_back(signature.means.empty()
                                 ? fmt::format("matches '{}'", signature.name)
                                 : signature.means);
    for (std::string& id : faults_of_signature(catalogue, index)) {
      if (std::ranges::find(out.faults, id) == out.faults.end()) {
        out.faults.push_back(std::move(id));
      }
    }
  }
  for (const std::string& id : out.faults) {
    out.paragraphs.push_back(
        fmt::format("{}: {}", id, catalogue.find(id)->means));
  }
  if (out.kind == "line") {
    out.title = printable(trim(line), 300);
  }
  return out;
}

Explanation of_nothing(const Catalogue& catalogue, std::string_view words) {
  Explanation out;
  out.title = printable(trim(words), 300);
  std::vector<std::string> ids;
  for (const Fault& fault : catalogue.faults) ids.push_back(fault.id);
  const auto near = nearest(words, ids);
  out.paragraphs.push_back(
      near ? fmt::format("Nothing is known of this; did you mean '{}'?", *near)
           : "This says nothing of a GPU fault that the catalogue knows.");
  return out;
}

}  // namespace

Explanation explain(const Catalogue& catalogue, std::string_view words) {
  words = trim(words);
  if (const Fault* fault = catalogue.find(words)) return of_fault(*fault);
  if (const NvmlReturn* one = find_nvml_return(words)) return of_return(*one);
  Explanation line = of_line(catalogue, words);
  if (line.kind != "nothing") return line;
  if (const auto xid = xid_in(words)) return of_xid(catalogue, *xid);
  return of_nothing(catalogue, words);
}

Json to_json(const Explanation& explanation) {
  const auto list = [](const std::vector<std::string>& texts) {
    Json array = Json::array();
    for (const std::string& text : texts) array.push(text);
    return array;
  };
  Json json = Json::object();
  json.set("kind", explanation.kind);
  json.set("title", explanation.title);
  json.set("paragraphs", list(explanation.paragraphs));
  json.set("faults", list(explanation.faults));
  Json remedies = Json::array();
  for (const Remedy& remedy : explanation.remedies) {
    Json one = Json::object();
    one.set("id", remedy.id);
    one.set("text", remedy.text);
    one.set("applies_by", name_of(remedy.applies_by));
    one.set("disrupts", name_of(remedy.disrupts));
    remedies.push(std::move(one));
  }
  json.set("remedies", std::move(remedies));
  json.set("sources", list(explanation.sources));
  return json;
}

}  // namespace gpuward
