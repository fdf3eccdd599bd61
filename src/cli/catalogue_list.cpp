// catalogue list as a table and as JSON.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "cli/catalogue_views.h"
#include "diagnosis/explain.h"
#include "logs/extractors.h"
#include "model/facts.h"

namespace gpuward::cli {
namespace {

constexpr size_t kWidth = 100;
// What logs/ finds without a row among the extractors: in the tables
// of nvidia-smi -q, in the kernel's stamps.
constexpr std::string_view kBesideRows[] = {fact::kMig,
                                            fact::kUptimeDays,
                                            fact::kRecoveryAction,
                                            fact::kEccUncorrected,
                                            fact::kRowsPending,
                                            fact::kRowsFailed,
                                            fact::kPcieWidth,
                                            fact::kPcieWidthMax,
                                            fact::kHostname};

std::vector<std::string_view> facts_in_text() {
  std::vector<std::string_view> keys(std::begin(kBesideRows),
                                     std::end(kBesideRows));
  for (const logs::ExtractorRow& row : logs::extractor_rows())
    keys.push_back(row.key);
  return keys;
}

size_t columns(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// The text in lines of at most `width` columns, the second and further ones
// `margin` columns in.
std::string wrapped(std::string_view text, size_t margin, size_t width) {
  std::string out;
  size_t column = 0;
  for (const std::string_view word : words(text)) {
    if (column > 0 && column + 1 + columns(word) > width) {
      out += "\n" + std::string(margin, ' ');
      column = 0;
    }
    if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += columns(word);
  }
  return out;
}

std::string title_of(const diagnosis::Fault& fault) {
  std::string title = diagnosis::without_blanks(fault, fault.title);
  if (!fault.xids.empty()) title += " (Xid " + numbers(fault.xids) + ")";
  return title;
}

Json drivers_json(const diagnosis::Fault& fault) {
  Json list = Json::array();
  for (const diagnosis::BranchRange& range : fault.drivers) {
    Json one = Json::object();
    one.set("branch", range.branch);
    if (!range.from_text.empty()) one.set("from", range.from_text);
    if (!range.to_text.empty()) one.set("to", range.to_text);
    if (!range.fixed_text.empty()) one.set("fixed", range.fixed_text);
    list.push(std::move(one));
  }
  return list;
}

Json remedies_json(const diagnosis::Fault& fault) {
  Json list = Json::array();
  for (const diagnosis::RemedyRule& rule : fault.remedies) {
    Json one = Json::object();
    one.set("id", rule.remedy.id);
    one.set("text", diagnosis::without_blanks(fault, rule.remedy.text));
    one.set("applies_by", name_of(rule.remedy.applies_by));
    one.set("disrupts", name_of(rule.remedy.disrupts));
    list.push(std::move(one));
  }
  return list;
}

Json fault_json(const diagnosis::Catalogue& catalogue,
                const diagnosis::Fault& fault) {
  Json one = Json::object();
  one.set("id", fault.id);
  one.set("severity", name_of(fault.severity));
  one.set("subject", name_of(fault.subject));
  one.set("title", diagnosis::without_blanks(fault, fault.title));
  one.set("means", fault.means);
  Json xids = Json::array();
  for (const int xid : fault.xids) xids.push(xid);
  one.set("xids", std::move(xids));
  one.set("drivers", drivers_json(fault));
  one.set("remedies", remedies_json(fault));
  Json explains = Json::array();
  for (const diagnosis::Explains& other : fault.explains)
    explains.push(other.id);
  one.set("explains", std::move(explains));
  Json sources = Json::array();
  for (const std::string& source : fault.sources) sources.push(source);
  one.set("sources", std::move(sources));
  const diagnosis::Reach reach = reach_of(catalogue, fault);
  one.set("live", reach.live);
  one.set("logs", reach.logs);
  one.set("examples", static_cast<int64_t>(fault.examples.size()));
  one.set("file", fault.file);
  return one;
}

}  // namespace

std::string numbers(const std::vector<int>& xids) {
  std::string out;
  for (const int xid : xids)
    out += fmt::format("{}{}", out.empty() ? "" : ", ", xid);
  return out;
}

diagnosis::Reach reach_of(const diagnosis::Catalogue& catalogue,
                          const diagnosis::Fault& fault) {
  static const auto in_text = facts_in_text();
  return diagnosis::reach_of(catalogue, fault, in_text);
}

std::string table_of(const diagnosis::Catalogue& catalogue) {
  size_t longest = 0;
  for (const diagnosis::Fault& fault : catalogue.faults) {
    longest = std::max(longest, fault.id.size());
  }
  const auto row = [&](std::string_view id, std::string_view severity,
                       std::string_view subject, std::string_view found,
                       std::string_view title) {
    std::string line = fmt::format("{:<{}} {:<8} {:<9} {:<10} ", id, longest,
                                   severity, subject, found);
    const size_t margin = line.size();
    const size_t left = std::max<size_t>(kWidth - std::min(margin, kWidth), 20);
    return line + wrapped(title, margin, left) + "\n";
  };
  std::string out = row("ID", "SEVERITY", "ABOUT", "FOUND", "TITLE");
  for (const diagnosis::Fault& fault : catalogue.faults) {
    out += row(fault.id, name_of(fault.severity), name_of(fault.subject),
               in_words(reach_of(catalogue, fault)), title_of(fault));
  }
  return out;
}

Json list_json(const diagnosis::Catalogue& catalogue) {
  Json faults = Json::array();
  for (const diagnosis::Fault& fault : catalogue.faults) {
    faults.push(fault_json(catalogue, fault));
  }
  Json out = Json::object();
  out.set("schema", 1);
  out.set("faults", std::move(faults));
  return out;
}

}  // namespace gpuward::cli
