// catalogue list --markdown: docs/faults.md.
#include <fmt/core.h>

#include <algorithm>

#include "cli/catalogue_views.h"
#include "diagnosis/condition_words.h"
#include "diagnosis/explain.h"

namespace gpuward::cli {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Faults that gpuward knows

Made from `catalogue/` by `./dev docs`; do not edit. [catalogue.md](catalogue.md) says how a fault is described and how to add
your own; `gpuward explain ID` shows one, `gpuward doctor --why ID` and `--why-not ID` say which of its conditions hold on a machine.

"Live" faults are found on a running machine, those "in logs" in what was copied from it. A rule is judged top down; the first
one that holds says how sure the finding is. Words such as `xid-79` name kinds of lines: the patterns are in the entry's file.

)";

std::string joined(const diagnosis::Catalogue& catalogue,
                   const diagnosis::Condition& condition,
                   std::string_view between);

// A condition with its parts in one line.
std::string in_a_line(const diagnosis::Catalogue& catalogue,
                      const diagnosis::Condition& condition) {
  if (condition.matcher == "all") return joined(catalogue, condition, "; ");
  if (condition.matcher == "any") {
    return "(" + joined(catalogue, condition, " or ") + ")";
  }
  if (condition.parts.empty()) return diagnosis::in_words(catalogue, condition);
  return fmt::format("{} ({})", condition.matcher,
                     joined(catalogue, condition, "; "));
}

std::string joined(const diagnosis::Catalogue& catalogue,
                   const diagnosis::Condition& condition,
                   std::string_view between) {
  std::string out;
  for (const diagnosis::Condition& part : condition.parts) {
    if (!out.empty()) out += between;
    out += in_a_line(catalogue, part);
  }
  return out;
}

// Outside of code, `*` and `_` would be taken for emphasis, `<` for HTML.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '*' || c == '_' || c == '<' || c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string with_capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

std::string rules_of(const diagnosis::Catalogue& catalogue,
                     const diagnosis::Fault& fault) {
  std::string out = "Known by:\n\n";
  for (const diagnosis::Rule& rule : fault.rules) {
    const Severity severity = rule.severity.value_or(fault.severity);
    out += fmt::format("1. {}{}: {}\n", name_of(rule.confidence),
                       severity == fault.severity
                           ? ""
                           : fmt::format(", {}", name_of(severity)),
                       plain(in_a_line(catalogue, rule.when)));
  }
  return out + "\n";
}

std::string versions_of(const diagnosis::Fault& fault) {
  std::string out;
  for (const diagnosis::BranchRange& range : fault.drivers) {
    const diagnosis::Version& any =
        range.from.empty() ? range.fixed : range.from;
    if (any.empty()) continue;
    out += fmt::format("- branch {}: {}{}\n", range.branch,
                       range.from.empty() ? "" : "affected ",
                       diagnosis::range_in_words(fault.drivers, any));
  }
  return out.empty() ? out : "Driver versions:\n\n" + out + "\n";
}

std::string consequences_of(const diagnosis::Fault& fault) {
  std::vector<std::string> ids;
  for (const diagnosis::Explains& one : fault.explains) ids.push_back(one.id);
  for (const diagnosis::ConsequenceRule& one : fault.consequences)
    ids.push_back(one.id);
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  std::string out;
  for (const std::string& id : ids) {
    out += fmt::format("{}[{}](#{})", out.empty() ? "" : ", ", id, id);
  }
  return out.empty() ? out : "May follow from it: " + out + ".\n\n";
}

std::string remedies_of(const diagnosis::Fault& fault) {
  std::string out = "What to do, mildest first:\n\n";
  for (const diagnosis::RemedyRule& rule : fault.remedies) {
    const Remedy& one = rule.remedy;
    out += fmt::format(
        "1. {}{}{}\n", plain(diagnosis::without_blanks(fault, one.text)),
        one.applies_by == Remedy::AppliesBy::repair ? " (by `gpuward repair`)"
                                                    : "",
        one.disrupts == Remedy::Disrupts::nothing
            ? ""
            : fmt::format(" (disrupts the {})", name_of(one.disrupts)));
  }
  return out + "\n";
}

std::string list_of(std::string_view head,
                    const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  std::string out = fmt::format("{}:\n\n", head);
  for (const std::string& text : texts) {
    out += fmt::format("- {}\n", plain(text));
  }
  return out + "\n";
}

std::string section_of(const diagnosis::Catalogue& catalogue,
                       const diagnosis::Fault& fault) {
  std::string out = fmt::format("## {}\n\n", fault.id);
  out += fmt::format(
      "**{}.** {}\n\n",
      plain(with_capital(diagnosis::without_blanks(fault, fault.title))),
      plain(fault.means));
  out += fmt::format("Severity {}; about: {}; found: {}.",
                     name_of(fault.severity), name_of(fault.subject),
                     diagnosis::in_words(reach_of(catalogue, fault)));
  if (!fault.xids.empty()) {
    out += fmt::format(" Xids: {}.", numbers(fault.xids));
  }
  out += "\n\n";
  out += rules_of(catalogue, fault) + versions_of(fault) +
         consequences_of(fault) + remedies_of(fault);
  out += list_of("What would settle it", fault.settle);
  out += list_of("Sources", fault.sources);
  return out;
}

}  // namespace

std::string page_of(const diagnosis::Catalogue& catalogue) {
  std::string out(kIntroduction);
  out += "| fault | severity | about | found | |\n";
  out += "| --- | --- | --- | --- | --- |\n";
  for (const diagnosis::Fault& fault : catalogue.faults) {
    out +=
        fmt::format("| [{}](#{}) | {} | {} | {} | {} |\n", fault.id, fault.id,
                    name_of(fault.severity), name_of(fault.subject),
                    diagnosis::in_words(reach_of(catalogue, fault)),
                    plain(diagnosis::without_blanks(fault, fault.title)));
  }
  out += "\n";
  for (const diagnosis::Fault& fault : catalogue.faults) {
    out += section_of(catalogue, fault);
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace gpuward::cli
