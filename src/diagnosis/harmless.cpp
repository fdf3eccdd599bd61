#include "diagnosis/harmless.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "diagnosis/xid_table.h"
#include "matching/pattern_set.h"

namespace gpuward::diagnosis {
namespace {

struct Table {
  std::vector<matching::Pattern> patterns;
  std::vector<std::string_view> meanings;
};

Table read_table() {
  Table table;
  const auto files = knowledge_files();
  const auto file =
      std::ranges::find(files, "harmless.tsv", &EmbeddedFile::name);
  if (file == files.end()) return table;
  for (const std::string_view line : split(file->text, '\n')) {
    const size_t tab = line.find('\t');
    if (line.starts_with('#') || tab == std::string_view::npos) continue;
    table.patterns.push_back({std::string(line.substr(0, tab)), {}});
    table.meanings.push_back(line.substr(tab + 1));
  }
  return table;
}

}  // namespace

std::optional<std::string_view> find_harmless(std::string_view line) {
  static const Table table = read_table();
  static const matching::PatternSet set(table.patterns);
  const auto matched = set.match(line);
  if (matched.empty()) return std::nullopt;
  return table.meanings[matched.front()];
}

}  // namespace gpuward::diagnosis
