#include "diagnosis/source_code.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"

namespace gpuward::diagnosis {
namespace {

constexpr auto kNone = std::string_view::npos;

bool is_word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// The word that `text` ends with.
std::string_view last_word(std::string_view text) {
  size_t from = text.size();
  while (from > 0 && is_word_char(text[from - 1])) --from;
  return text.substr(from);
}

// "// NVRM: …", "# NVRM: …". A "#" alone may be the prompt of root, but the
// kernel's words are no command.
bool is_comment(std::string_view line) {
  if (line.starts_with("//") || line.starts_with("/*")) return true;
  const bool hash = line.starts_with("# ") || line.starts_with("#\t");
  return hash && line.find("NVRM: ") != kNone;
}

// A string in quotes, and what stands around it.
struct Quoted {
  std::string_view before;
  std::string_view text;
  std::string_view after;
};

std::optional<Quoted> first_string(std::string_view line) {
  const size_t open = line.find('"');
  if (open == kNone) return std::nullopt;
  size_t close = open + 1;
  while (close < line.size() && line[close] != '"') {
    close += line[close] == '\\' ? 2 : 1;
  }
  if (close >= line.size()) return std::nullopt;
  return Quoted{line.substr(0, open), line.substr(open + 1, close - open - 1),
                trim(line.substr(close + 1))};
}

bool is_punctuation(std::string_view text) {
  return text.find_first_not_of(",;+()[]{}\\ ") == kNone;
}

// Programs print errors of Python, Rust and Go as they are constructed:
// RuntimeError("…"), Err("…").
bool is_printed_error(std::string_view name) {
  return name.find("Err") != kNone || name.find("Exception") != kNone ||
         name.find("Warning") != kNone || name == "Ok" || name == "Some";
}

// The name of the function whose argument follows `before`: "f(", "f(t, ".
std::string_view called(std::string_view before) {
  const auto text = trim(before);
  if (!text.ends_with('(') && !text.ends_with(',')) return {};
  const size_t open = text.rfind('(');
  if (open == kNone || text.find(')', open) != kNone) return {};
  return last_word(text.substr(0, open));
}

// strace writes calls with their results: write(2, "…", 41) = 41
bool is_call(const Quoted& one) {
  const auto name = called(one.before);
  return !name.empty() && !is_printed_error(name) &&
         (one.after.starts_with(')') || one.after.starts_with(',')) &&
         one.after.find(") = ") == kNone && one.after.find(")  ") == kNone;
}

// "XID = …", "const char* line = …"; logs write msg="…".
bool is_assignment(std::string_view before) {
  constexpr std::string_view kDeclares[] = {
      "const", "var", "let", "static", "auto", "local", "final", "string"};
  auto text = trim(before);
  if (text.ends_with("==") || text.ends_with("!=")) return true;
  if (text.ends_with('(')) text = trim(text.substr(0, text.size() - 1));
  if (!text.ends_with(" =") && !text.ends_with(" :=")) return false;
  const auto name = trim(text.substr(0, text.find_last_of(' ')));
  const bool plain = std::ranges::all_of(name, [](char c) {
    return is_word_char(c) || c == '.' || c == '[' || c == ']' || c == ' ' ||
           c == '*' || c == '&';
  });
  const auto first = name.substr(0, name.find(' '));
  return plain && (first == name ||
                   std::ranges::find(kDeclares, first) != std::end(kDeclares));
}

// A string alone in its line, an element of a list or a part of a longer one.
// Whoever quotes a message leaves nothing behind it.
bool is_element(const Quoted& one) {
  if (!trim(one.before).empty()) return false;
  if (!one.after.empty()) {
    return is_punctuation(one.after) || one.after.starts_with(".to_");
  }
  return one.text.ends_with(' ') || one.text.ends_with("\\n");
}

// stdout="…\n", stderr="")
bool is_named_argument(const Quoted& one) {
  return one.before.ends_with('=') &&
         (one.text.ends_with("\\n") || one.text.ends_with(' ')) &&
         (one.after.starts_with(',') || one.after.starts_with(')'));
}

}  // namespace

bool is_source_code(std::string_view line) {
  // What a comparison of two versions puts in front.
  if (line.starts_with("+\t") || line.starts_with("-\t")) line.remove_prefix(1);
  line = trim(line);
  if (is_comment(line)) return true;
  if (line.starts_with('{') || line.starts_with('[')) return false;
  const auto one = first_string(line);
  if (!one) return false;
  if (one->after == "+" || is_element(*one) || is_named_argument(*one)) {
    return true;
  }
  return is_call(*one) ||
         (is_assignment(one->before) && is_punctuation(one->after));
}

}  // namespace gpuward::diagnosis
