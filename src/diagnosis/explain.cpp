#include "diagnosis/explain.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "model/facts.h"
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
  for (const RemedyRule& rule : fault.remedies) {
    out.remedies.push_back(rule.remedy);
    out.remedies.back().text = without_blanks(fault, rule.remedy.text);
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
    for (const RemedyRule& rule : fault.remedies) {
      out.remedies.push_back(rule.remedy);
    }
  }
  if (out.faults.empty()) {
    out.paragraphs.push_back(fmt::format(
        "The catalogue has no entry for Xid {}. NVIDIA's Xid catalogue "
        "(docs.nvidia.com/deploy/xid-errors) lists all of them.",
        xid));
  }
  if (out.faults.empty() && is_quiet_xid(xid)) {
    out.paragraphs.push_back(fmt::format(
        "Xid {} by itself tells of no damage: it comes from an application's "
        "own fault, or follows from something else.",
        xid));
  }
  return out;
}

Explanation of_sxid(int sxid) {
  Explanation out;
  out.kind = "sxid";
  out.title = fmt::format("SXid {}", sxid);
  out.paragraphs.push_back(fmt::format(
      "The catalogue has no entry for SXid {}, nor yet for any other: these "
      "come from NVSwitches. NVIDIA's guide of the fabric manager "
      "(docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide) lists "
      "them.",
      sxid));
  return out;
}

// "nvmlInit_v2"
bool is_nvml_function(std::string_view word) {
  const auto of_a_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  return word.size() > 4 && word.starts_with("nvml") &&
         std::isupper(static_cast<unsigned char>(word[4])) != 0 &&
         std::ranges::all_of(word, of_a_name);
}

bool asks_for_function(const Condition& condition, std::string_view name) {
  const bool here =
      std::ranges::find(condition.keys, fact::kProbeSymbol) !=
          condition.keys.end() &&
      std::ranges::any_of(condition.globs, [&](const std::string& glob) {
        return matches_glob(glob, name);
      });
  return here ||
         std::ranges::any_of(condition.parts, [&](const Condition& part) {
           return asks_for_function(part, name);
         });
}

// The faults that are about this call, then those about any that hangs.
Explanation of_function(const Catalogue& catalogue, std::string_view name) {
  Explanation out;
  out.kind = "nvml-function";
  out.title = std::string(name);
  for (const Fault& fault : catalogue.faults) {
    if (std::ranges::any_of(fault.rules, [&](const Rule& rule) {
          return asks_for_function(rule.when, name);
        })) {
      out.faults.push_back(fault.id);
    }
  }
  for (const Fault& fault : catalogue.faults) {
    if (fault.title.find("{probe_symbol}") != std::string::npos) {
      out.faults.push_back(fault.id);
    }
  }
  std::string ids;
  for (const std::string& id : out.faults)
    ids += (ids.empty() ? "" : ", ") + id;
  out.paragraphs.push_back(fmt::format(
      "{} is the name of a function of NVML, no fault. Where it does not come "
      "back, doctor names it in {}.",
      name, ids));
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

// "Xid 79", "xid79", "NVRM: Xid (PCI:0000:3b:00): 79, …"; `word` is "xid" or
// "sxid".
std::optional<int> xid_in(std::string_view words, std::string_view word) {
  const std::string lower = to_lower(words);
  size_t at = lower.find(word);
  if (at == std::string::npos) return std::nullopt;
  at += word.size();
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
    if (signature.name == kAnyXid || signature.name == kAnySxid) continue;
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
  const auto number = to_number<int>(words);
  if (number && !faults_of_xid(catalogue, *number).empty()) {
    return of_xid(catalogue, *number);
  }
  if (is_nvml_function(words)) return of_function(catalogue, words);
  Explanation line = of_line(catalogue, words);
  if (line.kind != "nothing") return line;
  if (const auto sxid = xid_in(words, "sxid")) return of_sxid(*sxid);
  if (const auto xid = xid_in(words, "xid")) return of_xid(catalogue, *xid);
  return of_nothing(catalogue, words);
}

bool is_empty(const Explanation& explanation) {
  const std::string& kind = explanation.kind;
  return kind == "nothing" ||
         ((kind == "xid" || kind == "sxid") && explanation.faults.empty());
}

Json to_json(const Explanation& explanation) {
  const auto list = [](const std::vector<std::string>& texts) {
    Json array = Json::array();
    for (const std::string& text : texts) array.push(text);
    return array;
  };
  Json json = Json::object();
  json.set("schema", 1);
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
