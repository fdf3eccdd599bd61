#include "logs/extract.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "logs/extractors.h"
#include "logs/line_head.h"
#include "model/facts.h"

namespace gpuward::logs {
namespace {

std::vector<matching::Pattern> all_patterns() {
  std::vector<matching::Pattern> all;
  for (const ExtractorRow& row : extractor_rows()) {
    matching::Pattern pattern{row.pattern, {}};
    if (!row.literals.empty()) {
      for (const std::string_view one : split(row.literals, '|')) {
        if (one.size() >= matching::LiteralGate::kShortest) {
          pattern.literals.emplace_back(one);
        }
      }
    }
    all.push_back(std::move(pattern));
  }
  return all;
}

std::string group_v(const matching::PatternSet& patterns, size_t index,
                    std::string_view text) {
  for (const auto& [name, value] : patterns.captures(index, text)) {
    if (name == "v") return printable(trim(value), 200);
  }
  return {};
}

Value value_of(std::string_view key, const std::string& text) {
  if (key == fact::kUptimeDays) {
    if (const auto number = to_double(text)) return *number;
  }
  if (key == fact::kCgroup) return "v" + text;
  if (key == fact::kModuleLoaded) return text == "true";
  if (key == fact::kNvmlGpus) {
    if (const auto number = to_number<int64_t>(text)) return *number;
  }
  return text;
}

Evidence statement(std::string_view text, const std::string& file,
                   int64_t number) {
  Evidence evidence;
  evidence.source = std::string(line_head(text, {}).source);
  evidence.text = printable(trim(text), 300);
  evidence.file = file;
  evidence.line = number;
  return evidence;
}

// The stamp that begins a kernel's line: "[434189.944726]".
std::optional<double> stamp(std::string_view text) {
  const size_t open = text.substr(0, 120).find('[');
  if (open == std::string_view::npos) return std::nullopt;
  const size_t close = text.find(']', open);
  if (close == std::string_view::npos) return std::nullopt;
  const auto inside = trim(text.substr(open + 1, close - open - 1));
  const size_t dot = inside.find('.');
  if (dot == std::string_view::npos || inside.size() - dot != 7) {
    return std::nullopt;
  }
  return to_double(inside);
}

}  // namespace

matching::PatternSet Extractor::patterns() {
  return matching::PatternSet(all_patterns());
}

void Extractor::offer(std::string key, Value value, int weight,
                      std::string_view text, const std::string& file,
                      int64_t number) {
  const auto found = best_.find(key);
  // The driver that the kernel loaded last is the one that runs.
  const bool better = found == best_.end() || weight > found->second.weight ||
                      (weight == kKernel && found->second.weight == kKernel);
  if (!better) return;
  Evidence evidence = statement(text, file, number);
  evidence.key = key;
  evidence.value = std::move(value);
  best_[std::move(key)] = {std::move(evidence), weight};
}

void Extractor::see_mig(std::string_view name, std::string_view text,
                        const std::string& file, int64_t number) {
  if (name == "mig-gpu") {
    ++listed_gpus_;
    current_split_ = false;
  } else if (name == "mig-device") {
    if (listed_gpus_ > 0 && !current_split_) ++split_gpus_;
    current_split_ = true;
    if (mig_line_.text.empty()) mig_line_ = statement(text, file, number);
  } else {
    ++(name == "mig-row-on" ? mig_on_ : mig_off_);
    if (mig_line_.text.empty()) mig_line_ = statement(text, file, number);
  }
}

void Extractor::uptime(std::string_view text, const std::string& file,
                       int64_t number) {
  const auto seconds = stamp(text);
  if (!seconds || *seconds < stamp_.seconds) return;
  // Nearly every line is newer: nothing is made of it but a copy.
  stamp_.seconds = *seconds;
  stamp_.text.assign(text.substr(0, 400));
  stamp_.file = file;
  stamp_.line = number;
}

void Extractor::line(std::string_view text, const std::string& file,
                     int64_t number) {
  uptime(text, file, number);
  query_.line(text, file, number);
  tools_.line(text, file, number);
  for (const size_t index : patterns_->match(text)) {
    const ExtractorRow& row = extractor_rows()[index];
    if (row.key.starts_with("mig-")) {
      see_mig(row.key, text, file, number);
      continue;
    }
    const std::string value = row.value.empty()
                                  ? group_v(*patterns_, index, text)
                                  : std::string(row.value);
    if (value.empty()) continue;
    offer(std::string(row.key), value_of(row.key, value), row.weight, text,
          file, number);
  }
}

std::vector<Evidence> Extractor::facts() const {
  std::vector<Evidence> all = tools_.facts();
  for (Evidence& one : query_.facts()) all.push_back(std::move(one));
  int on = split_gpus_ > 0 ? split_gpus_ : mig_on_;
  int off = split_gpus_ > 0 ? listed_gpus_ - split_gpus_ : mig_off_;
  Evidence mig_line = mig_line_;
  if (on + off == 0) {
    for (const Evidence& one : all) {
      if (one.key != fact::kMig) continue;
      ++(to_text(one.value) == "on" ? on : off);
      mig_line = one;
      mig_line.subject = {};
    }
  }
  for (const auto& [key, candidate] : best_) {
    all.push_back(candidate.evidence);
  }
  if (on + off > 0) {
    Evidence evidence = mig_line;
    evidence.key = fact::kMig;
    evidence.value = std::string(on == 0 ? "off" : off == 0 ? "all" : "mixed");
    evidence.text = on == 0 ? "MIG is off"
                            : fmt::format("MIG is on at {} GPU{}, {} whole", on,
                                          on == 1 ? "" : "s", off);
    all.push_back(std::move(evidence));
  }
  if (stamp_.seconds > 0 && !best_.contains(std::string(fact::kUptimeDays))) {
    Evidence evidence = statement(stamp_.text, stamp_.file, stamp_.line);
    evidence.key = fact::kUptimeDays;
    evidence.value = stamp_.seconds / 86400;
    evidence.text =
        fmt::format("up for {:.1f} days or more", stamp_.seconds / 86400);
    all.push_back(std::move(evidence));
  }
  return all;
}

}  // namespace gpuward::logs
