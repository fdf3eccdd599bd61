#include "logs/origin.h"

#include <algorithm>

#include "base/text.h"
#include "logs/line_head.h"
#include "logs/timestamp.h"

namespace gpuward::logs {
namespace {

constexpr size_t kMostKnown = 256;
constexpr size_t kLongestName = 64;

bool is_name(std::string_view word) {
  return !word.empty() && word.size() <= kLongestName &&
         std::ranges::all_of(word, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
         });
}

// Programs that stand in front of the kernel's lines themselves, and syslog's
// facilities.
bool is_no_machine(std::string_view word) {
  constexpr std::string_view kWords[] = {
      "kernel", "vmkernel", "dmesg", "klogd", "syslog", "console", "kern",
      "user",   "daemon",   "mail",  "auth",  "news",   "lpr",     "uname",
      "NVRM",   "nvidia",   "INFO",  "ERROR", "WARNING"};
  return std::ranges::find(kWords, word) != std::end(kWords) ||
         word.ends_with(".log");
}

// What no program prints of its own accord behind its name and a colon.
bool is_sure(std::string_view rest) {
  constexpr std::string_view kBegins[] = {
      "NVRM: ", "| NVIDIA-SMI", "+-----------",
      "|=====", "GPU 00000000", "GPU 0: NVIDIA"};
  if (std::ranges::any_of(kBegins, [&](std::string_view one) {
        return rest.starts_with(one);
      })) {
    return true;
  }
  if (rest.starts_with('[') || rest.starts_with('<')) {
    return line_head(rest, {}).source == "kernel-log";
  }
  const auto stamp = stamp_at(rest, {});
  return stamp && stamp->is_syslog &&
         line_head(rest, {}).source == "kernel-log";
}

// "----------------"
bool is_rule(std::string_view line) {
  return line.size() >= Origin::kRule.size() &&
         line.size() <= Origin::kRule.size() + 1 &&
         line.find_first_not_of('-') == std::string_view::npos;
}

}  // namespace

bool Origin::heading(std::string_view line) {
  line = trim(line);
  if (rules_ == 1) {
    // clush says how many machines gave the same output: "node7 (1)".
    const auto word = line.substr(0, line.find(" ("));
    candidate_ = is_name(word) ? std::string(word) : std::string();
    rules_ = candidate_.empty() ? 0 : 2;
    return !candidate_.empty();
  }
  if (rules_ == 2) {
    if (is_rule(line)) host_ = candidate_;
    rules_ = 0;
    return is_rule(line);
  }
  if (is_rule(line)) {
    rules_ = 1;
    return true;
  }
  // "node7 | CHANGED | rc=0 >>"
  const size_t bar = line.find(" | ");
  if (line.ends_with(">>") && bar != std::string_view::npos &&
      line.find(kResult) != std::string_view::npos &&
      is_name(line.substr(0, bar))) {
    host_ = line.substr(0, bar);
    return true;
  }
  return false;
}

bool Origin::take_prefix(std::string_view& line) {
  if (prefixed_) host_.clear();
  prefixed_ = false;
  if (rules_ > 0 || line.ends_with(">>") || line.starts_with('-')) {
    if (heading(line)) return false;
  }
  const size_t colon = line.substr(0, kLongestName + 1).find(": ");
  if (colon == std::string_view::npos) return true;
  const auto word = line.substr(0, colon);
  if (!is_name(word) || is_no_machine(word)) return true;
  const auto rest = line.substr(colon + 2);
  if (!known_.contains(word)) {
    if (!is_sure(rest)) return true;
    if (known_.size() < kMostKnown) known_.emplace(word);
  }
  host_ = word;
  prefixed_ = true;
  line = rest;
  return true;
}

}  // namespace gpuward::logs
