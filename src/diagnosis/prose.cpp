#include "diagnosis/prose.h"

#include <algorithm>
#include <cctype>
#include <span>
#include <string>

#include "base/text.h"

namespace gpuward {
namespace {

// Release notes and advice.
constexpr std::string_view kAdvice[] = {
    "fixed",          "fixes",          "changelog",     "release notes",
    "if you see",     "known issue",    "issue where",   "issue that",
    "bug where",      "bug that",       "bug which",     "means that",
    "indicates that", "this error occ", "you will see",  "you may see",
    "you might see",  "you may get",    "may fail with", "will fail with",
    "can fail with"};

// A rule, a filter or a program that looks for the text.
constexpr std::string_view kSearch[] = {
    "pattern '", "pattern \"",   "msg: \"",    "when: \"",    "pattern=\"",
    "expr=\"",   "\"pattern\":", "pattern: ",  "pattern = ",  "expr: ",
    "regex",     "match: \"",    "match: '",   "|= \"",       "|~ \"",
    "=~ \"",     "grep -",       "grep \"",    "grep '",      "{{ ",
    "if \"",     "if '",         "elif \"",    "elif '",      "case \"",
    "contains(", "includes(",    "re.search(", "re.compile(", "startswith("};

// What a release note begins with.
constexpr std::string_view kNotes[] = {
    "add ",    "allow ",  "avoid ",    "correct ", "detect ",  "do not ",
    "don't ",  "ensure ", "fix ",      "handle ",  "ignore ",  "improve ",
    "make ",   "prevent", "remove ",   "report ",  "resolve ", "retry ",
    "support", "update ", "workaround"};

bool has_word(std::string_view line, std::string_view word) {
  const size_t at = line.find(word);
  return at != std::string_view::npos &&
         (at == 0 ||
          std::isalpha(static_cast<unsigned char>(line[at - 1])) == 0);
}

bool has_any(std::string_view line, std::span<const std::string_view> words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return has_word(line, word); });
}

// One "#" alone may be the prompt of root.
bool is_heading(std::string_view line) {
  const size_t end = line.find_first_not_of('#');
  return end != std::string_view::npos && end >= 2 && line[end] == ' ';
}

bool is_release_note(std::string_view line) {
  constexpr std::string_view kBullets[] = {"- ", "* ", "+ ", "• "};
  for (const std::string_view bullet : kBullets) {
    if (!line.starts_with(bullet)) continue;
    const auto text = trim(line.substr(bullet.size()));
    return std::ranges::any_of(
        kNotes, [&](std::string_view verb) { return text.starts_with(verb); });
  }
  return false;
}

// "If nvidia-smi prints …", but not "If I run nvidia-smi, it prints …".
bool is_conditional(std::string_view line) {
  return line.starts_with("if ") && !line.starts_with("if i ") &&
         !line.starts_with("if we ");
}

}  // namespace

bool is_about_faults(std::string_view line) {
  const std::string lower = to_lower(trim(line));
  return lower.ends_with('?') || is_heading(lower) || is_conditional(lower) ||
         is_release_note(lower) || has_any(lower, kAdvice) ||
         has_any(lower, kSearch);
}

}  // namespace gpuward
