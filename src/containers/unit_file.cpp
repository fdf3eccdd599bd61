#include "containers/unit_file.h"

#include "base/text.h"

namespace gpuward::containers {
namespace {

bool is_comment(std::string_view line) {
  return line.starts_with('#') || line.starts_with(';');
}

// A last backslash that is not itself escaped.
bool goes_on(std::string_view line) {
  size_t backslashes = 0;
  while (line.ends_with('\\')) {
    line.remove_suffix(1);
    ++backslashes;
  }
  return backslashes % 2 == 1;
}

class Parser {
 public:
  void add(std::string_view line) {
    line = trim(line);
    if (line.empty()) return;
    if (line.starts_with('[') && line.ends_with(']')) {
      section_ = line.substr(1, line.size() - 2);
      return;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) return;
    settings.push_back({section_, std::string(trim(line.substr(0, equals))),
                        std::string(trim(line.substr(equals + 1)))});
  }

  std::vector<UnitSetting> settings;

 private:
  std::string section_;
};

}  // namespace

std::vector<UnitSetting> parse_unit_file(std::string_view text) {
  Parser parser;
  std::string begun;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_comment(trim(line))) continue;
    begun += line;
    if (goes_on(begun)) {
      begun.back() = ' ';
      continue;
    }
    parser.add(begun);
    begun.clear();
  }
  parser.add(begun);
  return std::move(parser.settings);
}

}  // namespace gpuward::containers
