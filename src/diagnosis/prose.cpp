#include "diagnosis/prose.h"

#include <algorithm>
#include <cctype>
#include <span>
#include <string>

#include "base/text.h"

namespace gpuward::diagnosis {
namespace {

// Release notes and advice.
constexpr std::string_view kAdvice[] = {
    "fixed",          "fixes",           "changelog",     "release notes",
    "if you see",     "known issue",     "issue where",   "issue that",
    "bug where",      "bug that",        "bug which",     "means that",
    "indicates that", "this error occ",  "you will see",  "you may see",
    "you might see",  "you may get",     "may fail with", "will fail with",
    "can fail with",  "what to do when", "what to do if", "**symptom:**"};

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

// What a commit's title begins with, before a scope and a colon.
constexpr std::string_view kCommits[] = {"build",  "chore", "ci",   "docs",
                                         "feat",   "fix",   "perf", "refactor",
                                         "revert", "style", "test"};

// What makes a name of a fault of something in back quotes.
constexpr std::string_view kFailure[] = {
    "error",    "failed", "fail to", "mismatch",  "could not", "cannot",
    "couldn't", "unable", "nvrm:",   "not found", "xid "};

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

// "… could not be loaded. Is it installed?" asks only in its second sentence.
bool is_question(std::string_view line) {
  return line.ends_with('?') && line.find(". ") == std::string_view::npos;
}

// One "#" alone may be the prompt of root.
bool is_heading(std::string_view line) {
  const size_t end = line.find_first_not_of('#');
  return end != std::string_view::npos && end >= 2 && line[end] == ' ';
}

// The text of an item of a list; empty if it is none.
std::string_view item_of(std::string_view line) {
  constexpr std::string_view kBullets[] = {"- ", "* ", "+ ", "• "};
  for (const std::string_view bullet : kBullets) {
    if (line.starts_with(bullet)) return trim(line.substr(bullet.size()));
  }
  return {};
}

bool is_release_note(std::string_view line) {
  const auto text = item_of(line);
  return !text.empty() &&
         std::ranges::any_of(kNotes, [&](std::string_view verb) {
           return text.starts_with(verb);
         });
}

// "fix(runtime): …", "- docs: …"
bool is_commit(std::string_view line) {
  const auto item = item_of(line);
  auto text = item.empty() ? line : item;
  const size_t end = text.find_first_of("(!:");
  if (end == std::string_view::npos ||
      std::ranges::find(kCommits, text.substr(0, end)) == std::end(kCommits)) {
    return false;
  }
  text.remove_prefix(end);
  if (text.starts_with('(')) {
    text.remove_prefix(std::min(text.find(')'), text.size() - 1) + 1);
  }
  if (text.starts_with('!')) text.remove_prefix(1);
  return text.starts_with(": ");
}

bool names_failure(std::string_view text) {
  return std::ranges::any_of(kFailure, [&](std::string_view word) {
    return text.find(word) != std::string_view::npos;
  });
}

// "- **`could not …`** — install …": what to do about a fault.
bool is_term(std::string_view line) {
  const auto item = item_of(line);
  auto text = item.empty() ? line : item;
  text.remove_prefix(std::min(text.find_first_not_of('*'), text.size()));
  if (!text.starts_with('`')) return false;
  const size_t end = text.find('`', 1);
  if (end == std::string_view::npos) return false;
  auto rest = text.substr(end + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of('*'), rest.size()));
  const bool dash = rest.starts_with(" — ") || rest.starts_with(" – ") ||
                    rest.starts_with(" - ") || rest.starts_with(" -> ") ||
                    rest.starts_with(" → ");
  return dash && names_failure(text.substr(1, end - 1));
}

// A row of a table that explains faults: the fault first, then what it means.
// Rows of an incident's report begin with a time or a source.
bool is_row(std::string_view line) {
  if (!line.starts_with('|') || !line.ends_with('|')) return false;
  const size_t cell = line.find('|', 1);
  return cell != std::string_view::npos && cell + 1 < line.size() &&
         names_failure(line.substr(0, cell));
}

// A form of a message, with something left out: "pid=..., GPU …".
bool is_pattern(std::string_view line) {
  return line.find("=...") != std::string_view::npos ||
         line.find("=…") != std::string_view::npos;
}

// "If nvidia-smi prints …", but not "If I run nvidia-smi, it prints …".
bool is_conditional(std::string_view line) {
  return line.starts_with("if ") && !line.starts_with("if i ") &&
         !line.starts_with("if we ");
}

}  // namespace

bool is_about_faults(std::string_view line) {
  const std::string lower = to_lower(trim(line));
  return is_question(lower) || is_heading(lower) || is_conditional(lower) ||
         is_release_note(lower) || is_commit(lower) || is_term(lower) ||
         is_row(lower) || is_pattern(lower) || has_any(lower, kAdvice) ||
         has_any(lower, kSearch);
}

}  // namespace gpuward::diagnosis
