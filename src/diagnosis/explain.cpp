#include "diagnosis/explain.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "diagnosis/conclude.h"
#include "diagnosis/explain_xid.h"
#include "diagnosis/fold.h"
#include "diagnosis/harmless.h"
#include "diagnosis/xid_table.h"
#include "model/facts.h"
#include "model/nvml_returns.h"

namespace gpuward::diagnosis {
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

bool rests_on(const Condition& condition, size_t signature) {
  return std::ranges::find(condition.signatures, signature) !=
             condition.signatures.end() ||
         std::ranges::any_of(condition.parts, [&](const Condition& part) {
           return rests_on(part, signature);
         });
}

// The entry that it stands in, then those whose rules use it.
std::vector<std::string> faults_of_signature(const Catalogue& catalogue,
                                             size_t index) {
  std::vector<std::string> ids;
  const std::string& own = catalogue.signatures[index].fault;
  if (!own.empty()) ids.push_back(own);
  for (const Fault& fault : catalogue.faults) {
    if (fault.id == own) continue;
    if (std::ranges::any_of(fault.rules, [&](const Rule& rule) {
          return rests_on(rule.when, index);
        })) {
      ids.push_back(fault.id);
    }
  }
  return ids;
}

// What doctor would say of a log that is this line alone.
Diagnosis diagnose_alone(const Catalogue& catalogue, std::string_view line) {
  State state;
  Evidence evidence;
  evidence.source = "log";
  evidence.text = std::string(line);
  fold(catalogue, state, evidence);
  return conclude(catalogue, state, {}, Wall{});
}

void put_first(std::vector<std::string>& ids, const std::string& id) {
  std::erase(ids, id);
  ids.insert(ids.begin(), id);
}

void add_conclusion(const Catalogue& catalogue, const Diagnosis& diagnosis,
                    Explanation& out) {
  for (auto finding = diagnosis.findings.rbegin();
       finding != diagnosis.findings.rend(); ++finding) {
    put_first(out.faults, finding->id);
  }
  for (const Finding& finding : diagnosis.findings) {
    out.paragraphs.push_back(
        fmt::format("By this line alone gpuward says: {} ({}, {}). {}",
                    finding.title, finding.id, name_of(finding.confidence),
                    catalogue.find(finding.id)->means));
  }
  if (!diagnosis.findings.empty()) return;
  std::string ids;
  for (const std::string& id : out.faults) {
    ids += (ids.empty() ? "" : ", ") + id;
  }
  out.paragraphs.push_back(
      ids.empty() ? "By itself it tells of no fault."
                  : "By itself it tells of no fault; together with others it "
                    "counts for or against " +
                        ids + ".");
}

// `alone`: what is found by this line and no other.
Explanation of_line(const Catalogue& catalogue, std::string_view line,
                    const Diagnosis& alone) {
  Explanation out;
  for (const size_t index : catalogue.patterns.match(line)) {
    const Signature& signature = catalogue.signatures[index];
    out.kind = "line";
    if (!signature.means.empty()) out.paragraphs.push_back(signature.means);
    for (std::string& id : faults_of_signature(catalogue, index)) {
      if (std::ranges::find(out.faults, id) == out.faults.end()) {
        out.faults.push_back(std::move(id));
      }
    }
  }
  if (out.kind != "line") return out;
  out.title = printable(trim(line), 300);
  add_conclusion(catalogue, alone, out);
  return out;
}

std::optional<Explanation> of_harmless(std::string_view line) {
  const auto words = find_harmless(line);
  if (!words) return std::nullopt;
  Explanation out;
  out.kind = "harmless";
  out.title = printable(trim(line), 300);
  out.paragraphs.push_back(fmt::format("No fault. {}", *words));
  return out;
}

// "79", "20034"
std::optional<XidLine> number_alone(std::string_view words) {
  const auto number = to_number<int>(words);
  if (!number) return std::nullopt;
  XidLine line;
  line.code = *number;
  line.of_switch = find_sxid(*number) != nullptr;
  if (!line.of_switch && find_xid(*number) == nullptr) return std::nullopt;
  return line;
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

Explanation explain(const Catalogue& catalogue, std::string_view words) {
  words = trim(words);
  if (const Fault* fault = catalogue.find(words)) return of_fault(*fault);
  if (const NvmlReturn* one = find_nvml_return(words)) return of_return(*one);
  if (const auto number = number_alone(words)) {
    return explain_xid(catalogue, *number);
  }
  if (is_nvml_function(words)) return of_function(catalogue, words);
  if (const auto xid = find_xid_line(words)) {
    return explain_xid(catalogue, *xid);
  }
  const Diagnosis alone = diagnose_alone(catalogue, words);
  // What the catalogue makes of a line outranks the list of harmless ones.
  if (alone.findings.empty()) {
    if (auto harmless = of_harmless(words)) return *harmless;
  }
  Explanation line = of_line(catalogue, words, alone);
  if (line.kind != "nothing") return line;
  return of_nothing(catalogue, words);
}

bool is_empty(const Explanation& explanation) {
  const std::string& kind = explanation.kind;
  return kind == "nothing" ||
         ((kind == "xid" || kind == "sxid") && explanation.certainty.empty());
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
  if (!explanation.blame.empty()) {
    json.set("blame", explanation.blame);
    json.set("certainty", explanation.certainty);
  }
  json.set("sources", list(explanation.sources));
  return json;
}

}  // namespace gpuward::diagnosis
