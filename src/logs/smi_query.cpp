#include "logs/smi_query.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "model/facts.h"

namespace gpuward::logs {
namespace {

// "GPU 00000000:3B:00.0"
constexpr std::string_view kForm = "GPU XXXXXXXX:XX:XX.X";

std::string address_of(std::string_view line) {
  std::string address = to_lower(line.substr(4));
  // The domain has eight digits here and four everywhere else.
  if (address.starts_with("0000")) address.erase(0, 4);
  return address;
}

std::optional<Value> whole_number(std::string_view text) {
  if (const auto number = to_number<int64_t>(text)) return Value(*number);
  return std::nullopt;
}

std::optional<Value> yes_or_no(std::string_view text) {
  if (text == "Yes") return Value(true);
  if (text == "No") return Value(false);
  return std::nullopt;
}

std::optional<Value> on_or_off(std::string_view text) {
  if (text == "Enabled") return Value(std::string("on"));
  if (text == "Disabled") return Value(std::string("off"));
  return std::nullopt;
}

// As the live reading says it: model/facts.h.
std::optional<Value> action(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"none", "none"},
      {"reset", "reset the GPU"},
      {"gpu reset", "reset the GPU"},
      {"reboot", "reboot the node"},
      {"node reboot", "reboot the node"},
      {"drain p2p", "drain P2P"},
      {"drain and reset", "drain and reset"},
  };
  const auto found =
      std::ranges::find(kWords, to_lower(text),
                        &std::pair<std::string_view, std::string_view>::first);
  if (found == std::end(kWords)) return std::nullopt;
  return Value(std::string(found->second));
}

std::optional<Value> lanes(std::string_view text) {
  return whole_number(text.substr(0, text.find('x')));
}

struct Row {
  std::string_view path;  // sections and name, a slash between them
  std::string_view key;
  std::optional<Value> (*value)(std::string_view text);
};

constexpr Row kRows[] = {
    {"MIG Mode/Current", fact::kMig, on_or_off},
    {"GPU Recovery Action", fact::kRecoveryAction, action},
    {"ECC Errors/Volatile/DRAM Uncorrectable", fact::kEccUncorrected,
     whole_number},
    {"Remapped Rows/Pending", fact::kRowsPending, yes_or_no},
    {"Remapped Rows/Remapping Failure Occurred", fact::kRowsFailed, yes_or_no},
    {"PCI/GPU Link Info/Link Width/Current", fact::kPcieWidth, lanes},
    {"PCI/GPU Link Info/Link Width/Max", fact::kPcieWidthMax, lanes},
};

}  // namespace

bool SmiQuery::begins(std::string_view line) {
  if (line.size() != kForm.size()) return false;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool hex = (line[i] >= '0' && line[i] <= '9') ||
                     (line[i] >= 'A' && line[i] <= 'F') ||
                     (line[i] >= 'a' && line[i] <= 'f');
    if (kForm[i] == 'X' ? !hex : line[i] != kForm[i]) return false;
  }
  return true;
}

std::string SmiQuery::path_to(size_t indent) const {
  std::string path;
  for (const auto& [at, name] : sections_) {
    if (at < indent) path += name + "/";
  }
  return path;
}

void SmiQuery::line(std::string_view text, const std::string& file,
                    int64_t number) {
  constexpr size_t kDeepest = 8;
  if (begins(text)) {
    gpu_ = ++gpus_ <= kMostGpus ? address_of(text) : "";
    left_ = kLines;
    sections_.clear();
    return;
  }
  if (gpu_.empty() || text.empty()) return;
  const size_t indent = text.find_first_not_of(' ');
  if (indent == std::string_view::npos) return;
  if (indent == 0 || --left_ <= 0) return gpu_.clear();
  while (!sections_.empty() && sections_.back().first >= indent) {
    sections_.pop_back();
  }
  const size_t colon = text.find(" : ");
  const auto name = trim(text.substr(0, std::min(colon, text.size())));
  if (colon == std::string_view::npos) {
    if (sections_.size() < kDeepest) sections_.emplace_back(indent, name);
    return;
  }
  const std::string path = path_to(indent) + std::string(name);
  const auto row = std::ranges::find(kRows, path, &Row::path);
  if (row == std::end(kRows)) return;
  const auto value = row->value(trim(text.substr(colon + 3)));
  if (!value) return;
  Evidence evidence;
  evidence.source = "log";
  evidence.subject = {Subject::Kind::gpu, gpu_};
  evidence.key = row->key;
  evidence.value = *value;
  evidence.text =
      fmt::format("nvidia-smi -q: {}: {}", path, to_text(evidence.value));
  evidence.file = file;
  evidence.line = number;
  facts_[{gpu_, evidence.key}] = std::move(evidence);
}

std::vector<Evidence> SmiQuery::facts() const {
  std::vector<Evidence> all;
  for (const auto& [place, evidence] : facts_) all.push_back(evidence);
  return all;
}

}  // namespace gpuward::logs
