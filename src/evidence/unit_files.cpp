#include "evidence/unit_files.h"

#include <fmt/core.h>

#include <map>
#include <utility>

#include "base/text.h"

namespace gpuward::evidence {
namespace {

// Where systemd looks, the first that has a file of a name wins.
constexpr std::string_view kUnitFolders[] = {
    "/etc/systemd/system", "/run/systemd/system",
    "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system"};
constexpr size_t kMaxUnit = 256 << 10;

// The values of one key of [Service]; an empty one forgets those before it.
std::vector<std::string> values_of(const std::vector<std::string>& texts,
                                   std::string_view key) {
  std::vector<std::string> values;
  for (const std::string& text : texts) {
    bool in_service = false;
    std::string joined;
    for (const std::string_view raw : split(text, '\n')) {
      const std::string_view line = trim(raw);
      if (joined.empty() && (line.starts_with('#') || line.starts_with(';'))) {
        continue;
      }
      if (line.ends_with('\\')) {
        joined += std::string(line.substr(0, line.size() - 1)) + ' ';
        continue;
      }
      const std::string whole = std::exchange(joined, {}) + std::string(line);
      if (whole.starts_with('[')) in_service = whole == "[Service]";
      const size_t equals = whole.find('=');
      if (!in_service || equals == std::string::npos) continue;
      if (trim(whole.substr(0, equals)) != key) continue;
      const std::string value(trim(std::string_view(whole).substr(equals + 1)));
      if (value.empty()) {
        values.clear();
      } else {
        values.push_back(value);
      }
    }
  }
  return values;
}

}  // namespace

UnitFiles read_unit(const host::Root& root, std::string_view unit) {
  UnitFiles out;
  for (const std::string_view folder : kUnitFolders) {
    const std::string path = fmt::format("{}/{}", folder, unit);
    auto text = root.read(path, kMaxUnit);
    if (!text) continue;
    out.texts.push_back(std::move(*text));
    out.file = path;
    break;
  }
  if (out.texts.empty()) return out;
  std::map<std::string, std::string> drop_ins;  // name → path
  for (const std::string_view folder : kUnitFolders) {
    const std::string where = fmt::format("{}/{}.d", folder, unit);
    for (const std::string& name :
         root.list(where).value_or(std::vector<std::string>{})) {
      if (name.ends_with(".conf")) drop_ins.emplace(name, where + "/" + name);
    }
  }
  for (const auto& [name, path] : drop_ins) {
    auto text = root.read(path, kMaxUnit);
    if (!text) continue;
    if (text->find("ExecStart") != std::string::npos) out.file = path;
    out.texts.push_back(std::move(*text));
  }
  return out;
}

std::vector<std::string> exec_starts(const std::vector<std::string>& texts) {
  return values_of(texts, "ExecStart");
}

std::vector<std::string> environments(const std::vector<std::string>& texts) {
  return values_of(texts, "Environment");
}

}  // namespace gpuward::evidence
